//! Cognates: words of a new language that are spelled like a term which another language's folder lists.
//!
//! Medicine shares its Greek and Latin words: "hypertension", "hipertensión", "ipertensione". Both are brought to a skeleton by
//! the table of their script, `cognates.toml`, and compared. What the other list says of the term is where the evidence
//! of the new language's own labels starts from; it is never taken over without them.

use std::collections::BTreeMap;

use document::LanguageCode;
use filter::{Language, keywords::PLAIN_WEIGHT};
use icu_normalizer::DecomposingNormalizer;
use serde::Deserialize;

/// A skeleton of fewer letters says too little: "pus", "art".
const MIN_LETTERS: usize = 5;

/// Skeletons that differ at their ends are of one word if they begin with so many equal letters …
const MIN_COMMON: usize = 6;

/// … and with this share of the longer one.
const MIN_COMMON_SHARE: f64 = 0.75;

/// The terms of other languages by skeleton.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Cognates {
    script: String,
    terms: Vec<(String, Cognate)>,
    /// The languages that the terms are from.
    pub languages: Vec<LanguageCode>,
}

/// What other lists say of a term.
#[derive(Debug, Clone, PartialEq)]
pub struct Cognate {
    /// The kind that the first of them gives it.
    pub kind: Option<String>,
    /// Mean weight, in the unit of the lists.
    pub weight: f64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    endings: String,
    script: BTreeMap<String, Spelling>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Spelling {
    rewrite: Vec<(String, String)>,
}

fn table() -> Table {
    toml::from_str(include_str!("cognates.toml")).expect("cognates.toml is checked by a test")
}

/// Whether words of this script (ISO 15924) can be compared with those of other languages.
pub fn has_cognates(script: &str) -> bool {
    table().script.contains_key(script)
}

impl Cognates {
    /// The single words that `others` list, for a language of `script`.
    pub fn of(script: &str, others: &[Language]) -> Cognates {
        let table = table();
        let mut found: BTreeMap<String, Vec<(Option<String>, f64)>> = BTreeMap::new();
        if !table.script.contains_key(script) {
            return Cognates::default();
        }
        for other in others {
            // What was itself mined is no evidence for the next language.
            let reviewed = |term: &&filter::Term| other.lists[term.list].file != crate::MINED_LIST;
            for term in other.terms.iter().filter(reviewed).filter(|term| !term.text.contains(' ')) {
                if let Some(skeleton) = skeleton(&table, &other.settings.script, &term.text) {
                    let weight = f64::from(term.weight) / f64::from(PLAIN_WEIGHT);
                    found.entry(skeleton).or_default().push((term.kind.clone(), weight));
                }
            }
        }
        let mean = |entries: Vec<(Option<String>, f64)>| Cognate {
            weight: entries.iter().map(|(_, weight)| weight).sum::<f64>() / entries.len() as f64,
            kind: entries.into_iter().find_map(|(kind, _)| kind),
        };
        Cognates {
            script: script.to_owned(),
            terms: found.into_iter().map(|(skeleton, entries)| (skeleton, mean(entries))).collect(),
            languages: others.iter().map(|other| other.code).collect(),
        }
    }

    /// Looks many words up.
    pub fn finder(&self) -> Finder<'_> {
        Finder { cognates: self, table: table() }
    }
}

/// Looks words up among cognates.
pub struct Finder<'a> {
    cognates: &'a Cognates,
    table: Table,
}

impl Finder<'_> {
    /// The term whose skeleton a word has, or shares but for the end.
    pub fn find(&self, word: &str) -> Option<&Cognate> {
        let terms = &self.cognates.terms;
        if terms.is_empty() || word.contains(' ') {
            return None;
        }
        let own = skeleton(&self.table, &self.cognates.script, word)?;
        let place = match terms.binary_search_by(|(skeleton, _)| skeleton.as_str().cmp(&own)) {
            Ok(place) => return Some(&terms[place].1),
            Err(place) => place,
        };
        // The longest common beginning is a neighbour's in the order of the skeletons.
        let neighbours = [place.checked_sub(1), Some(place)].into_iter().flatten().filter_map(|place| terms.get(place));
        let common = |other: &str| own.chars().zip(other.chars()).take_while(|(a, b)| a == b).count();
        neighbours
            .map(|(other, cognate)| (common(other), own.chars().count().max(other.chars().count()), cognate))
            .filter(|(common, longer, _)| *common >= MIN_COMMON && *common as f64 >= MIN_COMMON_SHARE * *longer as f64)
            .max_by_key(|(common, longer, _)| (*common, std::cmp::Reverse(*longer)))
            .map(|(_, _, cognate)| cognate)
    }
}

/// The skeleton of a word, if it is long enough to tell it from others.
fn skeleton(table: &Table, script: &str, word: &str) -> Option<String> {
    let spelling = table.script.get(script)?;
    let decomposed = DecomposingNormalizer::new_nfkd().normalize(&word.to_lowercase()).into_owned();
    let mut text: String = decomposed.chars().filter(|character| character.is_alphanumeric()).collect();
    for (from, to) in &spelling.rewrite {
        if text.contains(from.as_str()) {
            text = text.replace(from.as_str(), to);
        }
    }
    let mut letters: Vec<char> = text.chars().collect();
    letters.dedup();
    while letters.last().is_some_and(|last| table.endings.contains(*last)) {
        letters.pop();
    }
    (letters.len() >= MIN_LETTERS).then(|| letters.into_iter().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(script: &str, word: &str) -> Option<String> {
        skeleton(&table(), script, word)
    }

    #[test]
    fn words_of_one_origin_have_one_skeleton() {
        let skeletons = ["Hypertension", "hipertensión", "ipertensione"].map(|word| of("Latn", word).unwrap());
        assert_eq!(skeletons, ["ipertension"; 3]);
        assert_eq!(of("Cyrl", "гастрит"), of("Latn", "gastritis"));
        assert_eq!(of("Latn", "pus"), None);
        assert_eq!(of("Hang", "고혈압증입니다"), None);
    }

    #[test]
    fn a_word_may_end_otherwise_and_may_not_begin_otherwise() {
        let cognate = |weight: f64| Cognate { kind: Some("disease".to_owned()), weight };
        let terms = ["cardiologi", "gastrit"].map(|it| it.to_owned()).into_iter().zip([cognate(4.0), cognate(3.0)]);
        let cognates = Cognates { script: "Latn".to_owned(), terms: terms.collect(), languages: Vec::new() };
        let finder = cognates.finder();
        assert_eq!(finder.find("cardiologique").map(|it| it.weight), Some(4.0));
        assert_eq!(finder.find("gastrite").map(|it| it.weight), Some(3.0));
        assert_eq!((finder.find("gastronomie"), finder.find("radiologie")), (None, None));
    }
}
