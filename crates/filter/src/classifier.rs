//! The classifier of a language: a fastText model that gives a passage the odds of being about medicine.
//!
//! It reads windows, not documents: a passage of about a hundred words is what it was trained on, and in a long page each
//! part gets its own judgement. Words come to it lower-cased, with every number as `0`; where words are not separated, it
//! reads single characters, of which the model makes pairs.
//!
//! Reference: Joulin et al. 2016, arXiv:1607.01759.

use fasttext_pure_rs::FastText;

use crate::keywords::{WordBoundaries, runs_together};

/// The label of passages about medicine, as the model's training text has it.
pub const MEDICAL: &str = "__label__medical";

/// The label of all other passages.
pub const OTHER: &str = "__label__other";

/// Characters of a window, about: a hundred words.
fn window_chars(boundaries: WordBoundaries) -> usize {
    match boundaries {
        WordBoundaries::Spaces => 800,
        WordBoundaries::None => 320,
    }
}

/// Odds are cut at e to this power: beyond it a model of this size is certain of nothing but itself.
const MAX_LOG_ODDS: f64 = 6.0;

/// Log-odds are rounded to 1 / this, so that a last bit of floating point decides nothing.
const LOG_ODDS_STEPS: f64 = 1000.0;

/// A model with two labels, `medical` and `other`.
pub struct Classifier {
    model: FastText,
    boundaries: WordBoundaries,
}

impl Classifier {
    /// Reads a model file.
    /// # Errors
    /// Fails if the bytes are no fastText model or its labels are others; the message says which.
    pub fn load(bytes: &[u8], boundaries: WordBoundaries) -> Result<Classifier, String> {
        let model = FastText::load_from_reader(bytes).map_err(|error| format!("is no fastText model: {error}"))?;
        let labels = model.predict("0", 3, 0.0).map_err(|error| format!("cannot be used: {error}"))?;
        let mut labels: Vec<String> = labels.into_iter().map(|found| found.label).collect();
        labels.sort();
        if labels != [MEDICAL, OTHER] {
            return Err(format!(
                "has the labels {labels:?} instead of \"{MEDICAL}\" and \"{OTHER}\"; train it with `medcorpus language train`"
            ));
        }
        Ok(Classifier { model, boundaries })
    }

    /// The logarithm of the odds that `window` is about medicine, in -6..=6; 0 for a text without a word. `buffer` is for
    /// the words.
    pub fn log_odds(&self, window: &str, buffer: &mut String) -> f64 {
        prepare(window, self.boundaries, buffer);
        let found = self.model.predict(buffer, 2, 0.0).unwrap_or_default();
        let probability =
            |label| found.iter().find(|found| found.label == label).map(|found| f64::from(found.probability));
        let (Some(medical), Some(other)) = (probability(MEDICAL), probability(OTHER)) else { return 0.0 };
        let least = (-MAX_LOG_ODDS).exp();
        let log_odds = (medical.max(least) / other.max(least)).ln().clamp(-MAX_LOG_ODDS, MAX_LOG_ODDS);
        (log_odds * LOG_ODDS_STEPS).round() / LOG_ODDS_STEPS
    }
}

/// Writes to `words` what the model reads of `text`: words separated by blanks.
pub fn prepare(text: &str, boundaries: WordBoundaries, words: &mut String) {
    words.clear();
    // What the word that is being written consists of.
    #[derive(PartialEq)]
    enum Running {
        Nothing,
        Word,
        Number,
    }
    let mut running = Running::Nothing;
    for character in text.chars() {
        let character = match character {
            '\u{FF01}'..='\u{FF5E}' => char::from_u32(character as u32 - 0xFEE0).unwrap_or(character),
            _ => character,
        };
        if boundaries == WordBoundaries::None && runs_together(character) {
            words.push(' ');
            words.push(character);
            running = Running::Nothing;
        } else if character.is_numeric() {
            if running != Running::Number {
                words.push_str(if running == Running::Word { "0" } else { " 0" });
            }
            running = Running::Number;
        } else if character.is_alphabetic() || is_mark(character) {
            if running == Running::Nothing {
                words.push(' ');
            }
            words.extend(character.to_lowercase());
            running = Running::Word;
        } else {
            running = Running::Nothing;
        }
    }
}

/// Marks that are written on a letter and belong to its word.
fn is_mark(character: char) -> bool {
    use icu_normalizer::properties::CanonicalCombiningClassMap;
    !character.is_ascii() && CanonicalCombiningClassMap::new().get_u8(character) != 0
}

/// Cuts a text into windows of about equal length, at white space where there is some near. A text of less than one and a
/// half windows is one.
pub fn windows(text: &str, boundaries: WordBoundaries) -> Vec<&str> {
    let length = window_chars(boundaries);
    let chars = text.chars().count();
    let number = ((chars as f64 / length as f64).round() as usize).max(1);
    let length = chars.div_ceil(number);
    let mut found = Vec::with_capacity(number);
    let mut rest = text;
    while found.len() + 1 < number {
        let Some((place, _)) = rest.char_indices().nth(length) else { break };
        // Not further than a quarter of a window, or a text without white space would be one.
        let near: usize = rest[place..].chars().take(length / 4).map(char::len_utf8).sum();
        let end = rest[place..place + near].find(char::is_whitespace).map_or(place, |white| place + white);
        let (window, after) = rest.split_at(end);
        found.push(window);
        rest = after;
    }
    found.push(rest);
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prepared(text: &str, boundaries: WordBoundaries) -> String {
        let mut words = String::from("left over");
        prepare(text, boundaries, &mut words);
        words
    }

    #[test]
    fn words_are_lower_cased_and_numbers_are_one_word() {
        assert_eq!(prepared("Take 2.5 mg, twice — B12!", WordBoundaries::Spaces), " take 0 0 mg twice b0");
        assert_eq!(prepared("Ｂ型肝炎ウイルスDNA３", WordBoundaries::None), " b 型 肝 炎 ウ イ ル ス dna0");
    }

    #[test]
    fn a_short_text_is_one_window_and_a_long_one_is_cut_at_blanks() {
        assert_eq!(windows("", WordBoundaries::Spaces), [""]);
        assert_eq!(windows("a b", WordBoundaries::Spaces), ["a b"]);
        let long = "word ".repeat(500);
        let found = windows(&long, WordBoundaries::Spaces);
        assert_eq!((found.len(), found.concat()), (3, long.clone()));
        assert!(found.iter().all(|window| window.trim().split(' ').all(|word| word == "word")), "{found:?}");
    }

    proptest::proptest! {
        #[test]
        fn windows_lose_nothing(text in "[ab語 \n]{0,3000}") {
            proptest::prop_assert_eq!(windows(&text, WordBoundaries::None).concat(), text);
        }
    }
}
