//! `normalize`: composes characters (NFC), unifies line ends, and drops control characters.
//!
//! # What it finds
//! Decomposed accents, `\r\n` and `\r`, control characters other than tab and line feed, a byte-order mark in front. It
//! mends them and rejects nothing; the text is otherwise kept as it is.
//! # Why
//! The same word must be the same bytes for keywords, duplicates and tokens alike.
//! # Settings
//! None.
//! # Reference
//! Unicode Standard Annex #15 (NFC).

use std::borrow::Cow;

use document::Document;
use icu_normalizer::{ComposingNormalizer, ComposingNormalizerBorrowed};
use serde::Deserialize;

use crate::stage::{Checks, Stage, StageEntry};

pub const ENTRY: StageEntry = StageEntry {
    name: "normalize",
    version: 1,
    summary: "composes characters (NFC), unifies line ends, drops control characters",
    rules: &[],
    file_settings: &[],
    constructor: |settings, _| {
        let Settings {} = settings.read()?;
        Ok(Box::new(Normalize { nfc: ComposingNormalizer::new_nfc() }))
    },
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {}

struct Normalize {
    nfc: ComposingNormalizerBorrowed<'static>,
}

impl Stage for Normalize {
    fn judge(&self, document: &mut Document<'_>, _: &mut Checks) {
        if let Some(text) = self.normalized(&document.text) {
            document.text = Cow::Owned(text);
        }
    }
}

impl Normalize {
    /// The normalised text, or nothing where it already is.
    fn normalized(&self, text: &str) -> Option<String> {
        let controls = has_controls(text.as_bytes());
        if !controls && self.nfc.is_normalized(text) {
            return None;
        }
        if !controls {
            return Some(self.nfc.normalize(text).into_owned());
        }
        let mut cleaned = String::with_capacity(text.len());
        let mut characters = text.strip_prefix('\u{FEFF}').unwrap_or(text).chars().peekable();
        while let Some(character) = characters.next() {
            match character {
                '\r' => {
                    characters.next_if_eq(&'\n');
                    cleaned.push('\n');
                }
                '\n' | '\t' => cleaned.push(character),
                character if character.is_control() => {}
                character => cleaned.push(character),
            }
        }
        Some(self.nfc.normalize(&cleaned).into_owned())
    }
}

/// Whether there may be a character to drop or replace; never wrong when it says no.
fn has_controls(bytes: &[u8]) -> bool {
    // In one fold without a branch, which the compiler turns into vector code. U+0080 to U+009F are C2 80 to C2 9F, and
    // C2 followed by anything is common in Latin text, so only then is the pair looked for.
    let (mut low, mut lead) = (false, false);
    for byte in bytes {
        low |= (*byte < 0x20) & (*byte != b'\n') & (*byte != b'\t') | (*byte == 0x7F);
        lead |= *byte == 0xC2;
    }
    low || bytes.starts_with("\u{FEFF}".as_bytes())
        || (lead && bytes.windows(2).any(|pair| pair[0] == 0xC2 && pair[1] < 0xA0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn normalized(text: &str) -> Option<String> {
        Normalize { nfc: ComposingNormalizer::new_nfc() }.normalized(text)
    }

    #[test]
    fn composes_accents_and_unifies_line_ends() {
        assert_eq!(normalized("he\u{301}patite\r\nA\rB").as_deref(), Some("h\u{e9}patite\nA\nB"));
        assert_eq!(normalized("カ\u{3099}ン").as_deref(), Some("ガン"));
    }

    #[test]
    fn drops_control_characters_and_a_byte_order_mark_but_keeps_tabs() {
        assert_eq!(normalized("\u{FEFF}dose:\t5\u{0} mg\u{85}\u{7F}").as_deref(), Some("dose:\t5 mg"));
    }

    #[test]
    fn leaves_clean_text_where_it_is() {
        assert_eq!(normalized("l’hôpital – 5 µg/ml, ２００ｍｇ, «доза» ≥ 3\n\tx\u{200B}"), None);
    }

    proptest::proptest! {
        #[test]
        fn normalising_twice_changes_nothing(text in "\\PC{0,30}|[\\x00-\\x9fé\u{301}\r\n]{0,30}") {
            if let Some(once) = normalized(&text) {
                proptest::prop_assert_eq!(normalized(&once), None);
            }
        }
    }
}
