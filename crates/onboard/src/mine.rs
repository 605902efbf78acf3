//! Mines terms: which words make a text medical, by log-odds with an informative prior.
//!
//! Counted are documents, not occurrences, and every origin counts alike. The prior of a word is how frequent it is in all
//! texts together, so a rare word needs more evidence than a frequent one (Monroe, Colaresi and Quinn 2008, Political
//! Analysis 16, 372: "Fightin' Words"). Where another language lists a cognate of the word, that list's weight is prior too.
//! A word must also occur in enough documents, and in more than one origin where there are several; and what stands in a
//! large part of the documents of an origin is the form in which its texts are written ("read this leaflet carefully").

use std::collections::BTreeMap;

use filter::{
    Language, Term,
    keywords::{WordBoundaries, runs_together},
};
use xxhash_rust::xxh3::xxh3_64;

use crate::{Cognates, Labelled};

/// Where mined terms are written within a language's folder.
pub const MINED_LIST: &str = "terms/mined.txt";

/// The kind of a mined term that has no cognate to give it one.
pub const MINED_KIND: &str = "mined";

/// What a word must reach.
#[derive(Debug, Clone, PartialEq)]
pub struct MineSettings {
    pub boundaries: WordBoundaries,
    /// Log-odds in standard deviations.
    pub min_z: f64,
    /// Log-odds: how much likelier the word makes a text medical, as a natural logarithm.
    pub min_log_odds: f64,
    /// Medical documents in which it occurs.
    pub min_documents: usize,
    /// At most so many terms, those of the highest `z`.
    pub max_terms: usize,
    /// Terms of other languages; none are compared where this is empty.
    pub cognates: Cognates,
}

impl MineSettings {
    pub fn new(boundaries: WordBoundaries) -> MineSettings {
        MineSettings {
            boundaries,
            min_z: 2.0,
            min_log_odds: 1.2,
            min_documents: 5,
            max_terms: 6000,
            cognates: Cognates::default(),
        }
    }
}

/// A word and its evidence.
#[derive(Debug, Clone, PartialEq)]
pub struct MinedTerm {
    pub text: String,
    /// That of its cognate, else `mined`.
    pub kind: String,
    pub log_odds: f64,
    /// Log-odds in standard deviations.
    pub z: f64,
    /// Documents with the label "medical", and with the label "other", in which it occurs.
    pub documents: [usize; 2],
    /// What it weighs, in units of the list, in 0.1..=5: the log-odds and the cognate's weight, each by how certain it is;
    /// without a cognate a part of the log-odds less one standard deviation.
    pub weight: f64,
}

/// What was mined, the most certain first.
pub type Mined = Vec<MinedTerm>;

/// Characters of a document that are mined, so that a book does not outweigh its kind.
const MAX_CHARS: usize = 2000;

/// The longest run of characters that is a candidate where words are not separated.
const MAX_RUN: usize = 4;

/// Every origin and label counts as so many documents at most.
const DOCUMENTS_OF_ORIGIN: f64 = 300.0;

/// The prior is worth so many documents.
const PRIOR_DOCUMENTS: f64 = 50.0;

/// A word that stands in more than this share of the medical documents of an origin belongs to the form of its texts, unless
/// another language vouches for it.
const MAX_SHARE: f64 = 0.3;

/// What nobody vouches for weighs this part of what the labels say of it: of such words some are always style.
const UNVOUCHED: f64 = 0.6;

/// How far, in log-odds, a term is as telling as its cognate: the variance of what the cognate's weight says.
const COGNATE_VARIANCE: f64 = 1.0;

/// A cognate must weigh so much after its own evidence; below lie words that are no terms here.
const MIN_COGNATE_WEIGHT: f64 = 0.8;

/// A cognate that so few documents of any other origin have need not stand out against them.
const RARE_SHARE: f64 = 0.004;

/// A sample of general text is partly medical itself, so a word may be so many times as frequent there as in other texts.
const GENERAL_ALLOWANCE: f64 = 3.0;

/// A run of characters that stands in this share of the documents of a shorter one within it replaces the shorter one.
const WHOLE_RUN_SHARE: f64 = 0.8;

/// What weights are cut to.
const WEIGHTS: std::ops::RangeInclusive<f64> = 0.1..=5.0;

/// Mines the words of labelled documents; `general` texts, labelled by nobody, make the prior wider.
pub fn mine(documents: &[Labelled], general: &[String], settings: &MineSettings) -> Mined {
    let groups = Groups::of(documents, &vec![true; documents.len()]);
    let mut occurrences: Vec<Occurrence> = Vec::new();
    let mut of_one: Vec<Occurrence> = Vec::new();
    let all = documents.iter().map(|document| document.text.as_str()).chain(general.iter().map(String::as_str));
    for (number, text) in all.enumerate() {
        of_one.clear();
        candidates(text, settings.boundaries, &mut |start, end, hash| {
            of_one.push(Occurrence { hash, document: number as u32, start: start as u32, end: end as u32 });
        });
        of_one.sort_unstable_by_key(|it| (it.hash, it.start));
        of_one.dedup_by_key(|it| it.hash);
        occurrences.extend(&of_one);
    }
    occurrences.sort_unstable_by_key(|it| (it.hash, it.document));

    // With two origins, what both have would be little more than the language's own words.
    let least_origins = if groups.origins[0] > 2 { 2 } else { 1 };
    let finder = settings.cognates.finder();
    let mut found: Vec<MinedTerm> = Vec::new();
    for word in occurrences.chunk_by(|a, b| a.hash == b.hash) {
        let labelled = word.iter().map(|it| it.document as usize).take_while(|number| *number < documents.len());
        let counted = groups.count(labelled);
        if counted.documents[0] == 0 {
            continue;
        }
        let in_general = word.iter().filter(|it| it.document as usize >= documents.len()).count() as f64;
        let background = (counted.weighed[0] + counted.weighed[1] + in_general)
            / (groups.total[0] + groups.total[1] + general.len() as f64);
        let (log_odds, deviation) = groups.log_odds(counted.weighed, background);
        // A word that any one origin of other texts has nearly as often belongs to the language, or to its style.
        let in_general_share = in_general / (general.len() as f64 + PRIOR_DOCUMENTS) / GENERAL_ALLOWANCE;
        let elsewhere = groups.highest_share(1, &counted, background).max(in_general_share);
        let share = counted.weighed[0] / groups.total[0];
        // Of all the documents that have the word the first is a labelled one.
        let first = word[0];
        let text = lowered(&documents[first.document as usize].text[first.start as usize..first.end as usize]);
        let term = match finder.find(&text) {
            Some(cognate) => {
                let (own, other) = (1.0 / (deviation * deviation), 1.0 / COGNATE_VARIANCE);
                let weight = (log_odds * own + cognate.weight * other) / (own + other);
                let stands_out = share >= elsewhere || elsewhere < RARE_SHARE;
                let kind = cognate.kind.clone();
                (weight >= MIN_COGNATE_WEIGHT && stands_out).then_some((kind, weight))
            }
            None => {
                let enough = counted.documents[0] >= settings.min_documents && counted.medical_origins >= least_origins;
                let certain = log_odds >= settings.min_z * deviation && log_odds >= settings.min_log_odds;
                let stands_out = share >= elsewhere * settings.min_log_odds.exp();
                let of_form = groups.highest_share(0, &counted, 0.0) > MAX_SHARE;
                let weight = (log_odds - deviation) * UNVOUCHED;
                (enough && certain && stands_out && !of_form).then_some((None, weight))
            }
        };
        let Some((kind, weight)) = term else { continue };
        found.push(MinedTerm {
            text,
            kind: kind.unwrap_or_else(|| MINED_KIND.to_owned()),
            log_odds,
            z: log_odds / deviation,
            documents: counted.documents,
            weight: (weight.clamp(*WEIGHTS.start(), *WEIGHTS.end()) * 10.0).round() / 10.0,
        });
    }
    if settings.boundaries == WordBoundaries::None {
        drop_fragments(&mut found);
    }
    found.sort_by(|a, b| b.z.total_cmp(&a.z).then_with(|| a.text.cmp(&b.text)));
    found.dedup_by(|a, b| a.text == b.text);
    found.truncate(settings.max_terms);
    found
}

/// The terms of a language with weights by what these documents say of them. A term that they hardly have is taken to be as
/// telling as the others of its kind.
pub fn reweigh(language: &Language, documents: &[Labelled]) -> Vec<Term> {
    Weigher::new(language, documents).terms(|_| true)
}

/// Weighs terms by labelled documents, or by some of them; reads the documents once.
pub struct Weigher<'a> {
    language: &'a Language,
    documents: &'a [Labelled],
    /// By term: the documents that have it.
    with_term: Vec<Vec<u32>>,
}

impl<'a> Weigher<'a> {
    pub fn new(language: &'a Language, documents: &'a [Labelled]) -> Weigher<'a> {
        let mut with_term: Vec<Vec<u32>> = vec![Vec::new(); language.terms.len()];
        for (number, document) in documents.iter().enumerate() {
            let mut terms: Vec<usize> = language.matcher.hits(&document.text).into_iter().map(|hit| hit.term).collect();
            terms.sort_unstable();
            terms.dedup();
            terms.into_iter().for_each(|term| with_term[term].push(number as u32));
        }
        Weigher { language, documents, with_term }
    }

    /// The terms with weights by the documents that `takes` accepts. Mined terms keep theirs.
    pub fn terms(&self, takes: impl Fn(&Labelled) -> bool) -> Vec<Term> {
        let language = self.language;
        let taken: Vec<bool> = self.documents.iter().map(&takes).collect();
        let groups = Groups::of(self.documents, &taken);
        let evidence: Vec<(f64, f64)> = self
            .with_term
            .iter()
            .map(|numbers| {
                let weighed = groups.count(numbers.iter().map(|number| *number as usize)).weighed;
                groups.log_odds(weighed, (weighed[0] + weighed[1]) / (groups.total[0] + groups.total[1]))
            })
            .collect();
        let is_mined = |term: &Term| language.lists[term.list].file == MINED_LIST;
        // Of each kind the mean and the spread, by what is known well.
        let mut kinds: BTreeMap<Option<&str>, Vec<f64>> = BTreeMap::new();
        for (term, (log_odds, deviation)) in language.terms.iter().zip(&evidence) {
            if *deviation < 0.7 && !is_mined(term) {
                kinds.entry(term.kind.as_deref()).or_default().push(*log_odds);
            }
        }
        let middle = |term: &Term| -> (f64, f64) {
            let known = kinds.get(&term.kind.as_deref()).filter(|known| known.len() >= 5);
            let Some(known) = known else { return (2.0, 1.0) };
            let mean = known.iter().sum::<f64>() / known.len() as f64;
            let variance = known.iter().map(|it| (it - mean).powi(2)).sum::<f64>() / known.len() as f64;
            (mean, variance.max(0.25))
        };
        let shrunk = |term: &Term, (log_odds, deviation): &(f64, f64)| {
            let (mean, variance) = middle(term);
            let own = deviation * deviation;
            let value = (log_odds / own + mean / variance) / (1.0 / own + 1.0 / variance);
            let value = value.clamp(*WEIGHTS.start(), *WEIGHTS.end());
            Term { weight: ((value * 10.0).round() * 10.0) as u32, ..term.clone() }
        };
        let weigh = |(term, evidence)| if is_mined(term) { term.clone() } else { shrunk(term, evidence) };
        language.terms.iter().zip(&evidence).map(weigh).collect()
    }
}

/// A candidate in a document: its place in bytes.
#[derive(Clone, Copy)]
struct Occurrence {
    hash: u64,
    document: u32,
    start: u32,
    end: u32,
}

/// The documents by label and origin.
struct Groups {
    /// By document: its label (0 medical, 1 other), its origin, what it counts; nothing for one that is left out.
    members: Vec<Option<(usize, u32, f64)>>,
    /// By label.
    total: [f64; 2],
    origins: [usize; 2],
    /// By number of the origin: its documents.
    sizes: Vec<f64>,
}

struct Counted {
    weighed: [f64; 2],
    documents: [usize; 2],
    medical_origins: usize,
    /// By label: documents with the word, by number of the origin.
    of_origins: [BTreeMap<u32, f64>; 2],
}

impl Groups {
    fn of(documents: &[Labelled], taken: &[bool]) -> Groups {
        let mut sizes: BTreeMap<(bool, &str), usize> = BTreeMap::new();
        for (document, _) in documents.iter().zip(taken).filter(|(_, taken)| **taken) {
            *sizes.entry((document.medical, &document.origin)).or_default() += 1;
        }
        let numbers: BTreeMap<(bool, &str), u32> =
            sizes.keys().enumerate().map(|(number, group)| (*group, number as u32)).collect();
        let member = |(document, taken): (&Labelled, &bool)| {
            let group = (document.medical, document.origin.as_str());
            taken.then(|| {
                let counts = (DOCUMENTS_OF_ORIGIN / sizes[&group] as f64).min(1.0);
                (usize::from(!document.medical), numbers[&group], counts)
            })
        };
        let members: Vec<Option<(usize, u32, f64)>> = documents.iter().zip(taken).map(member).collect();
        let mut total = [0.0; 2];
        members.iter().flatten().for_each(|(label, _, counts)| total[*label] += counts);
        let of_label = |medical: bool| sizes.keys().filter(|(label, _)| *label == medical).count();
        let origins = [of_label(true), of_label(false)];
        Groups { members, total, origins, sizes: sizes.values().map(|size| *size as f64).collect() }
    }

    fn count(&self, numbers: impl Iterator<Item = usize>) -> Counted {
        let mut counted =
            Counted { weighed: [0.0; 2], documents: [0; 2], medical_origins: 0, of_origins: Default::default() };
        for (label, origin, counts) in numbers.filter_map(|number| self.members[number]) {
            counted.weighed[label] += counts;
            counted.documents[label] += 1;
            *counted.of_origins[label].entry(origin).or_default() += 1.0;
        }
        counted.medical_origins = counted.of_origins[0].len();
        counted
    }

    /// The highest share of the documents of an origin of this label that have the word; in a small origin, drawn towards
    /// the background.
    fn highest_share(&self, label: usize, counted: &Counted, background: f64) -> f64 {
        let share = |(origin, with): (&u32, &f64)| {
            (with + PRIOR_DOCUMENTS * background * 0.1) / (self.sizes[*origin as usize] + PRIOR_DOCUMENTS)
        };
        counted.of_origins[label].iter().map(share).fold(0.0, f64::max)
    }

    /// The log-odds ratio of a word that so many documents of each label have, with its standard deviation, under a prior of
    /// `PRIOR_DOCUMENTS` documents in which the word is as frequent as in the background.
    fn log_odds(&self, with_word: [f64; 2], background: f64) -> (f64, f64) {
        // The smallest part keeps a word that the other label never has finite.
        let prior = PRIOR_DOCUMENTS * background + 0.1;
        let side = |label: usize| {
            let with = with_word[label] + prior;
            let without = (self.total[label] - with_word[label]) + PRIOR_DOCUMENTS * (1.0 - background).max(0.0) + 0.1;
            ((with / without).ln(), 1.0 / with + 1.0 / without)
        };
        let ((medical, medical_variance), (other, other_variance)) = (side(0), side(1));
        (medical - other, (medical_variance + other_variance).sqrt())
    }
}

/// Where words are separated: words, and pairs of words with one blank between. Where they are not: runs of two to four
/// characters, and whole words of other scripts. Numbers and single letters are no candidates. Each with its hash in lower case.
fn candidates(text: &str, boundaries: WordBoundaries, visit: &mut dyn FnMut(usize, usize, u64)) {
    let end_of_text = text.char_indices().nth(MAX_CHARS).map_or(text.len(), |(place, _)| place);
    let text = &text[..end_of_text];
    let together = |character: char| boundaries == WordBoundaries::None && runs_together(character);
    let mut before: Option<(usize, usize)> = None;
    let mut say = |start: usize, end: usize| visit(start, end, xxh3_64(lowered(&text[start..end]).as_bytes()));
    let mut rest = text.char_indices().peekable();
    while let Some((start, character)) = rest.next() {
        if together(character) {
            let mut places = vec![start, start + character.len_utf8()];
            while let Some((place, next)) = rest.next_if(|(_, next)| together(*next)) {
                places.push(place + next.len_utf8());
            }
            for length in 2..=MAX_RUN {
                places.windows(length + 1).for_each(|run| say(run[0], run[length]));
            }
        } else if character.is_alphanumeric() {
            let mut end = start + character.len_utf8();
            let in_word = |next: char| (next.is_alphanumeric() || is_mark(next)) && !together(next);
            while let Some((place, next)) = rest.next_if(|(_, next)| in_word(*next)) {
                end = place + next.len_utf8();
            }
            let word = &text[start..end];
            if word.chars().filter(|it| it.is_alphabetic()).count() < 2
                || word.chars().next().is_some_and(char::is_numeric)
            {
                before = None;
                continue;
            }
            say(start, end);
            if let Some((first, first_end)) = before
                && &text[first_end..start] == " "
            {
                say(first, end);
            }
            before = Some((start, end));
        }
    }
}

fn is_mark(character: char) -> bool {
    !character.is_ascii() && !character.is_alphanumeric() && !character.is_whitespace() && {
        // Vowel signs and other marks have no width of their own and no case; punctuation has a category of its own.
        matches!(character as u32, 0x300..=0x36F | 0x610..=0x61A | 0x64B..=0x65F | 0x900..=0xDFF | 0xE31..=0xEBC)
    }
}

fn lowered(text: &str) -> String {
    text.to_lowercase()
}

/// Drops runs that are only a piece of a longer one: those that hardly ever stand without it.
fn drop_fragments(found: &mut Vec<MinedTerm>) {
    let documents: BTreeMap<String, usize> = found.iter().map(|term| (term.text.clone(), term.documents[0])).collect();
    let mut fragments: std::collections::BTreeSet<String> = Default::default();
    for (text, number) in &documents {
        let places: Vec<usize> = text.char_indices().map(|(place, _)| place).chain([text.len()]).collect();
        for start in 0..places.len() {
            for end in start + 1..places.len() {
                let part = &text[places[start]..places[end]];
                let whole_share = |of_part: &usize| *number as f64 >= WHOLE_RUN_SHARE * *of_part as f64;
                if part.len() < text.len() && documents.get(part).is_some_and(whole_share) {
                    fragments.insert(part.to_owned());
                }
            }
        }
    }
    found.retain(|term| !fragments.contains(&term.text));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn documents(texts: &[(&str, bool, &str)], times: usize) -> Vec<Labelled> {
        let one = |(text, medical, origin): &(&str, bool, &str)| Labelled {
            text: text.to_string(),
            medical: *medical,
            origin: origin.to_string(),
            language: None,
        };
        texts.iter().flat_map(|it| std::iter::repeat_n(one(it), times)).collect()
    }

    fn names(mined: &Mined) -> Vec<&str> {
        mined.iter().map(|term| term.text.as_str()).collect()
    }

    #[test]
    fn what_only_one_origin_repeats_is_not_mined() {
        let texts = [
            ("Question: the fever is high", true, "forum"),
            ("fever of the child, blood test", true, "letters"),
            ("a fever after surgery", true, "notes"),
            ("the game is on tonight", false, "news"),
        ];
        let mined = mine(&documents(&texts, 20), &[], &MineSettings::new(WordBoundaries::Spaces));
        assert_eq!(names(&mined), ["fever"]);
        assert_eq!(mined[0].documents, [60, 0]);
    }

    #[test]
    fn runs_of_characters_are_mined_whole() {
        let texts = [
            ("心筋梗塞の患者", true, "a"),
            ("急性心筋梗塞である", true, "b"),
            ("心筋梗塞と診断", true, "e"),
            ("今日の試合である", false, "c"),
            ("患者さんの試合", false, "d"),
        ];
        let mined = mine(&documents(&texts, 20), &[], &MineSettings::new(WordBoundaries::None));
        assert_eq!(names(&mined), ["心筋梗塞"]);
    }

    #[test]
    fn words_of_two_parts_are_mined_where_they_stand_side_by_side() {
        let texts =
            [("high blood pressure", true, "a"), ("Blood pressure, high", true, "b"), ("blood, pressure", false, "c")];
        let mined = mine(&documents(&texts, 20), &[], &MineSettings::new(WordBoundaries::Spaces));
        assert!(names(&mined).contains(&"blood pressure") && !names(&mined).contains(&"blood"), "{mined:?}");
    }
}
