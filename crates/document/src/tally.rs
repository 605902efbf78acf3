//! Counting outcomes, and the law that nothing is lost: read = kept + rejected + failed.

use std::{
    collections::BTreeMap,
    fmt,
    ops::{Add, AddAssign},
    str::FromStr,
};

use serde::{Deserialize, Serialize, de};

use crate::{LanguageCode, Outcome};

/// How much: all sums are integers, so they do not depend on the order of adding.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    pub documents: u64,
    /// UTF-8 bytes of text.
    pub bytes: u64,
    /// Unicode scalar values of text.
    pub chars: u64,
    /// Tokens of the pipeline's tokenizer; 0 for documents that were never tokenised.
    pub tokens: u64,
}

impl Add for Tally {
    type Output = Tally;
    fn add(self, other: Tally) -> Tally {
        Tally {
            documents: self.documents + other.documents,
            bytes: self.bytes + other.bytes,
            chars: self.chars + other.chars,
            tokens: self.tokens + other.tokens,
        }
    }
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Tally) {
        *self = *self + other;
    }
}

impl std::iter::Sum for Tally {
    fn sum<I: Iterator<Item = Tally>>(tallies: I) -> Tally {
        tallies.fold(Tally::default(), Add::add)
    }
}

/// An outcome as it is counted: `kept`, `rejected stage rule` or `failed kind`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum OutcomeKey {
    Kept,
    Rejected { stage: String, rule: String },
    Failed { kind: String },
}

impl From<&Outcome> for OutcomeKey {
    fn from(outcome: &Outcome) -> OutcomeKey {
        match outcome {
            Outcome::Kept => OutcomeKey::Kept,
            Outcome::Rejected(reason) => {
                OutcomeKey::Rejected { stage: reason.stage.to_owned(), rule: reason.rule.to_owned() }
            }
            Outcome::Failed(fault) => OutcomeKey::Failed { kind: fault.kind.as_str().to_owned() },
        }
    }
}

impl fmt::Display for OutcomeKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            OutcomeKey::Kept => formatter.write_str("kept"),
            OutcomeKey::Rejected { stage, rule } => write!(formatter, "rejected {stage} {rule}"),
            OutcomeKey::Failed { kind } => write!(formatter, "failed {kind}"),
        }
    }
}

impl FromStr for OutcomeKey {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let words: Vec<&str> = text.split(' ').collect();
        match words[..] {
            ["kept"] => Ok(OutcomeKey::Kept),
            ["rejected", stage, rule] => Ok(OutcomeKey::Rejected { stage: stage.to_owned(), rule: rule.to_owned() }),
            ["failed", kind] => Ok(OutcomeKey::Failed { kind: kind.to_owned() }),
            _ => Err(format!("{text:?} is not an outcome")),
        }
    }
}

impl Serialize for OutcomeKey {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for OutcomeKey {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

/// Tallies by language and outcome. Each record that was read is counted in exactly one cell.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Tallies {
    cells: BTreeMap<LanguageCode, BTreeMap<OutcomeKey, Tally>>,
}

impl Tallies {
    /// Counts one record under its language, or under `und`.
    pub fn add(&mut self, language: Option<LanguageCode>, outcome: &Outcome, size: Tally) {
        self.add_cell(language.unwrap_or(LanguageCode::UNDETERMINED), OutcomeKey::from(outcome), size);
    }

    /// Adds to one cell.
    pub fn add_cell(&mut self, language: LanguageCode, outcome: OutcomeKey, size: Tally) {
        *self.cells.entry(language).or_default().entry(outcome).or_default() += size;
    }

    /// Moves what a later step removes (a duplicate) from `kept` to `rejected stage rule`.
    /// # Panics
    /// Panics if more is removed than was kept, since then some document was counted twice.
    pub fn reject_kept(&mut self, language: LanguageCode, stage: &str, rule: &str, size: Tally) {
        let kept = self.cells.entry(language).or_default().entry(OutcomeKey::Kept).or_default();
        assert!(kept.documents >= size.documents && kept.bytes >= size.bytes, "more {language} removed than kept");
        kept.documents -= size.documents;
        kept.bytes -= size.bytes;
        kept.chars -= size.chars;
        kept.tokens -= size.tokens;
        let key = OutcomeKey::Rejected { stage: stage.to_owned(), rule: rule.to_owned() };
        self.add_cell(language, key, size);
    }

    /// Takes what was cut out of kept texts from their size; no document goes.
    pub fn cut_kept(&mut self, language: LanguageCode, size: Tally) {
        let kept = self.cells.entry(language).or_default().entry(OutcomeKey::Kept).or_default();
        kept.bytes = kept.bytes.saturating_sub(size.bytes);
        kept.chars = kept.chars.saturating_sub(size.chars);
        kept.tokens = kept.tokens.saturating_sub(size.tokens);
    }

    /// Adds all cells of `other`.
    pub fn merge(&mut self, other: &Tallies) {
        for (language, outcome, size) in other.cells() {
            self.add_cell(language, outcome.clone(), size);
        }
    }

    /// All cells, by language and then outcome.
    pub fn cells(&self) -> impl Iterator<Item = (LanguageCode, &OutcomeKey, Tally)> {
        self.cells.iter().flat_map(|(language, row)| row.iter().map(|(key, size)| (*language, key, *size)))
    }

    /// The languages that occur, in order.
    pub fn languages(&self) -> impl Iterator<Item = LanguageCode> {
        self.cells.keys().copied()
    }

    /// Everything that was read.
    pub fn read(&self) -> Tally {
        self.cells().map(|(_, _, size)| size).sum()
    }

    /// What was kept.
    pub fn kept(&self) -> Tally {
        self.sum(|key| matches!(key, OutcomeKey::Kept))
    }

    /// What a stage rejected.
    pub fn rejected(&self) -> Tally {
        self.sum(|key| matches!(key, OutcomeKey::Rejected { .. }))
    }

    /// What could not be read.
    pub fn failed(&self) -> Tally {
        self.sum(|key| matches!(key, OutcomeKey::Failed { .. }))
    }

    /// The cells of one language alone.
    pub fn of(&self, language: LanguageCode) -> Tallies {
        let cells = self.cells.get(&language).map(|row| (language, row.clone())).into_iter().collect();
        Tallies { cells }
    }

    fn sum(&self, wanted: impl Fn(&OutcomeKey) -> bool) -> Tally {
        self.cells().filter(|(_, key, _)| wanted(key)).map(|(_, _, size)| size).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Fault, FaultKind, Reason};

    fn one(bytes: u64) -> Tally {
        Tally { documents: 1, bytes, chars: bytes, tokens: 0 }
    }

    #[test]
    fn every_record_is_in_exactly_one_cell() {
        let fault = Fault { kind: FaultKind::Damaged, place: "a#row=1".into(), message: "no".into() };
        let reason = Reason { stage: "check_quality", rule: "too_few_words", value: 1.0, limit: 2.0 };
        let mut tallies = Tallies::default();
        let ru = LanguageCode::parse("ru").ok();
        tallies.add(ru, &Outcome::Kept, one(10));
        tallies.add(ru, &Outcome::Rejected(reason), one(20));
        tallies.add(None, &Outcome::Failed(fault), one(0));
        assert_eq!(tallies.read(), Tally { documents: 3, bytes: 30, chars: 30, tokens: 0 });
        assert_eq!(tallies.read(), tallies.kept() + tallies.rejected() + tallies.failed());

        tallies.reject_kept(ru.unwrap(), "remove_duplicates", "near_duplicate", one(10));
        assert_eq!(tallies.kept(), Tally::default());
        assert_eq!(tallies.rejected().documents, 2);
        assert_eq!(tallies.read().documents, 3);
    }

    #[test]
    fn tallies_survive_being_written() {
        let mut tallies = Tallies::default();
        let reason = Reason { stage: "count_keywords", rule: "too_few_keywords", value: 0.0, limit: 3.0 };
        tallies.add(LanguageCode::parse("ja").ok(), &Outcome::Rejected(reason), one(7));
        let text = serde_json::to_string(&tallies).unwrap();
        assert!(text.starts_with(r#"{"ja":{"rejected count_keywords too_few_keywords":"#), "{text}");
        assert_eq!(serde_json::from_str::<Tallies>(&text).unwrap(), tallies);
    }
}
