//! Counting keywords: which terms occur in a text, and how much of it they cover.
//!
//! Two rules: `native` (our own) and `mmedc` (the published one, for comparison and for rebuilding MMedC).

mod alphabet;
mod count;
mod form_table;
mod inflection;
mod mmedc;
mod native;
mod prefix_filter;
mod shape;
mod trie;

use std::{cell::RefCell, ops::Range};

use alphabet::Symbol;
pub use alphabet::{MAX_LETTERS, WordBoundaries, joins, runs_together};
use count::Sums;
pub use count::{Count, PLAIN_WEIGHT};
use mmedc::MmedcMatcher;
use native::NativeMatcher;
pub use native::is_capitals;
pub use shape::{Compounds, WordShape};

/// Which occurrences of a term count (`rule` in `language.toml`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum KeywordRule {
    /// Whole words in all inflected forms; the density counts each covered character once.
    Native,
    /// The rule of MMedC's published script.
    Mmedc,
}

/// The keywords of one language under one rule.
pub struct Matcher(Rule);

enum Rule {
    /// With the weight of each term, in hundredths.
    Native(Box<NativeMatcher>, Vec<u32>),
    Mmedc(MmedcMatcher),
}

/// An occurrence of a term: its number in the list and its place in characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hit {
    pub term: usize,
    pub chars: Range<usize>,
}

thread_local! {
    /// Buffers of `Matcher::count`, so that counting allocates nothing: the folded text and the terms hit.
    static BUFFERS: RefCell<(Vec<Symbol>, Vec<u32>)> = const { RefCell::new((Vec::new(), Vec::new())) };
}

impl Matcher {
    /// Builds the matcher of a list: terms and their weights in hundredths.
    pub fn new(rule: KeywordRule, terms: &[(&str, u32)], shape: &WordShape) -> Matcher {
        let list: Vec<&str> = terms.iter().map(|(term, _)| *term).collect();
        Matcher(match rule {
            KeywordRule::Native => {
                let weights = terms.iter().map(|(_, weight)| *weight).collect();
                Rule::Native(Box::new(NativeMatcher::new(&list, shape)), weights)
            }
            KeywordRule::Mmedc => Rule::Mmedc(MmedcMatcher::new(&list, shape.boundaries)),
        })
    }

    /// Counts the terms in `text`, in one pass.
    pub fn count(&self, text: &str) -> Count {
        let (matcher, weights) = match &self.0 {
            Rule::Native(matcher, weights) => (matcher, weights),
            Rule::Mmedc(matcher) => return matcher.count(text),
        };
        BUFFERS.with_borrow_mut(|(symbols, terms)| {
            terms.clear();
            let mut sums = Sums::default();
            let chars = matcher.scan(text, symbols, &mut |term, chars| {
                terms.push(term);
                sums.add(chars, weights[term as usize]);
            });
            terms.sort_unstable();
            terms.dedup();
            let weight = terms.iter().map(|term| u64::from(weights[*term as usize])).sum();
            sums.finish(chars, terms.len(), weight)
        })
    }

    /// Every occurrence, for showing; empty under the rule `mmedc`, whose occurrences lie in the lower-cased text.
    pub fn hits(&self, text: &str) -> Vec<Hit> {
        let mut hits = Vec::new();
        if let Rule::Native(matcher, _) = &self.0 {
            let mut push = |term, chars| hits.push(Hit { term: term as usize, chars });
            matcher.scan(text, &mut Vec::new(), &mut push);
        }
        hits
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The terms found in `text`, each occurrence as it stands there.
    fn found(boundaries: WordBoundaries, inflection: &[(&str, &[&str])], terms: &[&str], text: &str) -> Vec<String> {
        let inflection = inflection
            .iter()
            .map(|(ending, forms)| (ending.to_string(), forms.iter().map(|form| form.to_string()).collect()))
            .collect();
        found_in_shape(&WordShape { inflection, ..WordShape::plain(boundaries) }, terms, text)
    }

    fn matcher(terms: &[&str], shape: &WordShape) -> Matcher {
        let terms: Vec<(&str, u32)> = terms.iter().map(|term| (*term, PLAIN_WEIGHT)).collect();
        Matcher::new(KeywordRule::Native, &terms, shape)
    }

    fn found_in_shape(shape: &WordShape, terms: &[&str], text: &str) -> Vec<String> {
        let matcher = matcher(terms, shape);
        let characters: Vec<char> = text.chars().collect();
        matcher.hits(text).into_iter().map(|hit| characters[hit.chars].iter().collect()).collect()
    }

    fn words(terms: &[&str], text: &str) -> Vec<String> {
        let inflection: &[(&str, &[&str])] = &[
            ("", &["", "s", "es"]),
            ("y", &["y", "ies"]),
            ("ция", &["ция", "ции", "цию", "цией", "ций", "циям", "циями", "циях"]),
        ];
        found(WordBoundaries::Spaces, inflection, terms, text)
    }

    #[test]
    fn short_terms_do_not_match_inside_words() {
        assert_eq!(words(&["rash"], "a rash, not a crash or trashing"), ["rash"]);
        assert_eq!(words(&["rash"], "Rashes (rash)…"), ["Rashes", "rash"]);
    }

    #[test]
    fn elision_hyphens_and_typographic_apostrophes_end_words() {
        let terms = ["hôpital", "inflammatoire", "patient"];
        assert_eq!(words(&terms, "l’hôpital, l'hôpital"), ["hôpital", "hôpital"]);
        assert_eq!(words(&terms, "anti-inflammatoires"), ["inflammatoires"]);
        assert_eq!(words(&terms, "the patient’s"), ["patient"]);
    }

    #[test]
    fn inflected_forms_follow_the_longest_ending_of_the_table() {
        assert_eq!(words(&["biopsy"], "biopsies biopsy biopsys"), ["biopsies", "biopsy"]);
        assert_eq!(words(&["инфекция"], "Инфекцией, инфекций; инфекционный"), ["Инфекцией", "инфекций"]);
    }

    #[test]
    fn the_words_of_a_term_are_inflected_each_and_joined_by_blanks_or_hyphens() {
        let terms = ["side effect", "x-scan"];
        assert_eq!(
            words(&terms, "Side  effects side-effect side\neffect"),
            ["Side  effects", "side-effect", "side\neffect"]
        );
        assert_eq!(words(&terms, "X-scans, x scan, xscan"), ["X-scans", "x scan"]);
        assert_eq!(words(&terms, "side. effect, side effected, side"), [""; 0]);
    }

    #[test]
    fn terms_in_capitals_match_in_capitals_only() {
        assert_eq!(words(&["AIDS"], "hearing aids, AIDS, Aids"), ["AIDS"]);
        assert_eq!(words(&["CA-125"], "CA-125 ca-125"), ["CA-125"]);
    }

    #[test]
    fn without_word_boundaries_terms_match_anywhere_but_not_inside_latin_words() {
        let find = |text| found(WordBoundaries::None, &[], &["心筋梗塞", "梗塞", "CT", "カゼ"], text);
        assert_eq!(find("急性心筋梗塞の"), ["心筋梗塞", "梗塞"]);
        assert_eq!(find("胸部CT検査とFACTORY、ＣＴ"), ["CT", "ＣＴ"]);
        assert_eq!(find("ｶｾﾞ"), [""; 0]);
    }

    #[test]
    fn proclitics_stand_before_any_word_of_a_term() {
        let proclitics = ["ال", "و", "وال", "لل"].map(str::to_owned).to_vec();
        let shape = WordShape { proclitics, ..WordShape::plain(WordBoundaries::Spaces) };
        let find = |text| found_in_shape(&shape, &["قلب", "قصور كلوي"], text);
        assert_eq!(find("القلب وقلب والقلب كالقلب"), ["القلب", "وقلب", "والقلب"]);
        assert_eq!(find("القصور الكلوي، قصور كلوي"), ["القصور الكلوي", "قصور كلوي"]);
    }

    #[test]
    fn marks_that_may_be_missing_are_found_with_and_without() {
        let shape = WordShape { optional_marks: "\u{93C}".to_owned(), ..WordShape::plain(WordBoundaries::Spaces) };
        let term = "मरीज\u{93C}";
        assert_eq!(found_in_shape(&shape, &[term], "मरीज मरीज\u{93C}"), ["मरीज", term]);
    }

    #[test]
    fn parts_of_compounds_are_found_by_their_ends() {
        let compounds = Some(Compounds { min_part_chars: 4, links: vec!["s".to_owned()] });
        let shape = WordShape { compounds, ..WordShape::plain(WordBoundaries::Spaces) };
        let find = |text| found_in_shape(&shape, &["Insuffizienz", "Operation", "Arzt", "AIDS"], text);
        assert_eq!(find("Herzinsuffizienz Operationssaal Operation"), ["insuffizienz", "Operation", "Operation"]);
        assert_eq!(find("Hausarzt Arztpraxis Arzte Quarzt AIDShilfe"), ["arzt", "Arzt"]);
    }

    #[test]
    fn weights_add_up_over_different_terms() {
        let shape = WordShape::plain(WordBoundaries::Spaces);
        let matcher = Matcher::new(KeywordRule::Native, &[("insulin", 300), ("dose", 40)], &shape);
        assert_eq!(matcher.count("Insulin: a dose, another dose of insulin").weight, 340);
    }

    #[test]
    fn density_counts_each_character_once() {
        let matcher = matcher(&["心筋梗塞", "梗塞"], &WordShape::plain(WordBoundaries::None));
        let count = matcher.count("心筋梗塞、梗塞");
        assert_eq!((count.distinct, count.hit_chars, count.chars, count.weight), (2, 6, 7, 200));
        assert!((count.density() - 6.0 / 7.0).abs() < 1e-12);
        assert_eq!(matcher.count("").density(), 0.0);
    }

    proptest::proptest! {
        /// The scan against a definition that is slow and plain: try every term at every word start.
        #[test]
        fn agrees_with_the_plain_definition(
            terms in proptest::collection::btree_set("[ab]{1,3}( [ab]{1,2})?", 1..8),
            text in "[abA ,-]{0,40}",
        ) {
            let terms: Vec<&str> = terms.iter().map(String::as_str).collect();
            let mut expected = Vec::new();
            let characters: Vec<char> = text.to_lowercase().chars().collect();
            let in_word = |place: usize| characters.get(place).is_some_and(|character| character.is_alphanumeric());
            for start in (0..characters.len()).filter(|start| in_word(*start) && (*start == 0 || !in_word(start - 1))) {
                for (number, term) in terms.iter().enumerate() {
                    for joining in ["", " ", "-", "  ", " -", "- ", "--", "   ", "  -", " - ", "-  ", " --", "- -", "-- ", "---"] {
                        if term.contains(' ') == joining.is_empty() {
                            continue;
                        }
                        let pattern: Vec<char> = term.replace(' ', joining).chars().collect();
                        let end = start + pattern.len();
                        if characters[start..].starts_with(&pattern) && !in_word(end) {
                            expected.push((start, end, number));
                        }
                    }
                }
            }
            let matcher = matcher(&terms, &WordShape::plain(WordBoundaries::Spaces));
            let mut hits: Vec<_> = matcher.hits(&text).into_iter().map(|hit| (hit.chars.start, hit.chars.end, hit.term)).collect();
            hits.sort();
            expected.sort();
            proptest::prop_assert_eq!(hits, expected);
        }
    }
}
