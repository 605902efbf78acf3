//! Whether a text that was kept long ago is what its pages give today.

use serde::Serialize;
use unicode_normalization::UnicodeNormalization;

/// Characters that are shown of each text where they part.
const SHOWN_CHARS: usize = 40;

/// Where two texts part, and how each goes on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// Characters that both begin with.
    pub same_chars: usize,
    pub recorded: String,
    pub derived: String,
}

/// The first difference of a text on record and what was derived anew. Composition of characters (NFC) and control codes
/// make none, since the first stage of a build changes these.
pub fn difference(recorded: &str, derived: &str) -> Option<Difference> {
    let fold = |text: &str| -> Vec<char> { text.nfc().filter(|it| !it.is_control() || *it == '\n').collect() };
    let (recorded, derived) = (fold(recorded), fold(derived));
    let same_chars = recorded.iter().zip(&derived).take_while(|(left, right)| left == right).count();
    if same_chars == recorded.len() && same_chars == derived.len() {
        return None;
    }
    let shown = |text: &[char]| text.iter().skip(same_chars).take(SHOWN_CHARS).collect();
    Some(Difference { same_chars, recorded: shown(&recorded), derived: shown(&derived) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_part_at_the_first_character_that_differs() {
        let found = difference("5 mg одна", "5 µg одна").unwrap();
        assert_eq!((found.same_chars, found.recorded.as_str(), found.derived.as_str()), (2, "mg одна", "µg одна"));
        let found = difference("心筋梗塞", "心筋").unwrap();
        assert_eq!((found.same_chars, found.recorded.as_str(), found.derived.as_str()), (2, "梗塞", ""));
    }

    #[test]
    fn what_a_build_normalises_is_no_difference() {
        assert_eq!(difference("caf\u{e9}\n\nnoir", "cafe\u{301}\n\nno\u{2}ir"), None);
        assert!(difference("one\n\ntwo", "one two").is_some());
    }
}
