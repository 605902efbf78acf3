//! The keyword rule of MMedC's published script, bit for bit.
//!
//! Definition: Qiu et al. 2024, Nat. Commun. 15, 8384, and the script released with it (`MedicalTextFilter`). Terms are
//! lower-cased. Where words are separated, a *long* term (more than 10 code points, or more than 5 in at least two
//! words) counts wherever it occurs in the lower-cased text, a short one where it equals a token between white space;
//! without word boundaries every term counts wherever it occurs in the text as it is. Overlapping occurrences of one
//! term count once, those of different terms each. The density divides by the length of the text before lower-casing.

use daachorse::charwise::{CharwiseDoubleArrayAhoCorasick, CharwiseDoubleArrayAhoCorasickBuilder};

use super::{alphabet::WordBoundaries, count::Count};

struct Entry {
    /// Length in code points.
    chars: u64,
    /// Only where it equals a white-space token.
    whole_tokens: bool,
    /// How many listed terms it stands for: those that differ only in case count each.
    listed: u64,
}

/// The terms of one language under the published rule.
pub struct MmedcMatcher {
    boundaries: WordBoundaries,
    automaton: Option<CharwiseDoubleArrayAhoCorasick<u32>>,
    entries: Vec<Entry>,
}

impl MmedcMatcher {
    /// Builds the matcher from the terms as they are listed, without exact repeats.
    pub fn new(terms: &[&str], boundaries: WordBoundaries) -> MmedcMatcher {
        let mut lowered: Vec<String> =
            terms.iter().map(|term| term.to_lowercase()).filter(|term| !term.is_empty()).collect();
        lowered.sort();
        let mut patterns: Vec<(String, u32)> = Vec::new();
        let mut entries: Vec<Entry> = Vec::new();
        for term in lowered {
            if patterns.last().is_some_and(|(last, _)| *last == term) {
                entries.last_mut().expect("there is an entry for each pattern").listed += 1;
                continue;
            }
            let chars = term.chars().count() as u64;
            let words = term.split(is_python_space).filter(|word| !word.is_empty()).count();
            let long = chars > 10 || (chars > 5 && words > 1);
            let whole_tokens = boundaries == WordBoundaries::Spaces && !long;
            if !(whole_tokens && term.contains(is_python_space)) {
                entries.push(Entry { chars, whole_tokens, listed: 1 });
                patterns.push((term, entries.len() as u32 - 1));
            }
        }
        let automaton = (!patterns.is_empty()).then(|| {
            CharwiseDoubleArrayAhoCorasickBuilder::new()
                .build_with_values(patterns)
                .expect("the patterns are distinct and not empty")
        });
        MmedcMatcher { boundaries, automaton, entries }
    }

    /// The published counts: `distinct` is MKC and `hit_chars / chars` is DENS.
    pub fn count(&self, text: &str) -> Count {
        let chars = text.chars().count() as u64;
        let lowered;
        let searched = match self.boundaries {
            WordBoundaries::Spaces => {
                lowered = text.to_lowercase();
                lowered.as_str()
            }
            WordBoundaries::None => text,
        };
        // Byte offset up to which each entry has been counted, so that it does not overlap itself.
        let mut counted_to = vec![0; self.entries.len()];
        let mut occurrences = vec![0; self.entries.len()];
        for found in self.automaton.iter().flat_map(|automaton| automaton.find_overlapping_iter(searched)) {
            let number = found.value() as usize;
            let entry = &self.entries[number];
            let stands_alone = || {
                searched[..found.start()].chars().next_back().is_none_or(is_python_space)
                    && searched[found.end()..].chars().next().is_none_or(is_python_space)
            };
            if found.start() >= counted_to[number] && (!entry.whole_tokens || stands_alone()) {
                counted_to[number] = found.end();
                occurrences[number] += 1;
            }
        }
        let hit = || self.entries.iter().zip(&occurrences).filter(|(_, count)| **count > 0);
        Count {
            distinct: hit().map(|(entry, _)| entry.listed).sum(),
            hit_chars: hit().map(|(entry, count)| entry.listed * entry.chars * count).sum(),
            chars,
            ..Count::default()
        }
    }
}

/// White space as Python's `str.split()` sees it: Unicode's, and the four separators U+001C to U+001F.
fn is_python_space(character: char) -> bool {
    character.is_whitespace() || ('\u{1C}'..='\u{1F}').contains(&character)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(boundaries: WordBoundaries, terms: &[&str], text: &str) -> (u64, u64, u64) {
        let Count { distinct, hit_chars, chars, .. } = MmedcMatcher::new(terms, boundaries).count(text);
        (distinct, hit_chars, chars)
    }

    #[test]
    fn short_terms_are_white_space_tokens_and_long_ones_substrings() {
        let terms = ["Fièvre", "Effets secondaires"];
        assert_eq!(count(WordBoundaries::Spaces, &terms, "fièvre, Fièvre"), (1, 6, 14));
        assert_eq!(count(WordBoundaries::Spaces, &terms, "fièvre\u{1F}x"), (1, 6, 8));
        assert_eq!(count(WordBoundaries::Spaces, &terms, "(effets secondaires)"), (1, 18, 20));
        // Six code points in one word are short, six in two words are long.
        assert_eq!(count(WordBoundaries::Spaces, &["rayons", "ray x1"], "rayons, ray x1,"), (1, 6, 15));
    }

    #[test]
    fn a_term_does_not_overlap_itself_but_terms_overlap_each_other() {
        assert_eq!(count(WordBoundaries::None, &["肝肝", "肝炎"], "肝肝肝炎"), (2, 4, 4));
        assert_eq!(count(WordBoundaries::None, &["炎", "肝炎"], "肝炎"), (2, 3, 2));
    }

    #[test]
    fn terms_that_differ_in_case_count_each() {
        assert_eq!(count(WordBoundaries::Spaces, &["SIDA", "Sida"], "le sida"), (2, 8, 7));
    }

    #[test]
    fn without_word_boundaries_the_text_is_not_lowered() {
        assert_eq!(count(WordBoundaries::None, &["CT检查"], "CT检查"), (0, 0, 4));
        assert_eq!(count(WordBoundaries::None, &["CT检查"], "ct检查"), (1, 4, 4));
    }

    #[test]
    fn no_terms_and_no_text_give_zero() {
        assert_eq!(count(WordBoundaries::Spaces, &[], "text"), (0, 0, 4));
        assert_eq!(count(WordBoundaries::Spaces, &["x"], ""), (0, 0, 0));
    }
}
