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
            let as_read = std::mem::replace(&mut document.text, Cow::Owned(text));
            document.text_as_read.get_or_insert(as_read);
        }
    }
}

impl Normalize {
    /// The normalised text, or nothing where it already is.
    fn normalized(&self, text: &str) -> Option<String> {
        if is_plain(text.as_bytes()) {
            return None;
        }
        let controls = has_controls(text);
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

/// Whether the text consists of characters that are never changed alone: ASCII, Latin, Greek, basic Cyrillic, kana, Han,
/// common punctuation, full-width forms, emoji. Never wrong when it says yes; other texts get the exact test.
///
/// Two folds without a branch over the UTF-8 bytes, which the compiler turns into vector code: most of a crawl passes here
/// at memory speed, where the exact test takes a nanosecond a character.
fn is_plain(bytes: &[u8]) -> bool {
    let mask = |condition: bool| u8::from(condition);
    let among = |byte: u8, low: u8, high: u8| mask(byte.wrapping_sub(low) <= high - low);
    let not = |mask: u8| mask ^ 1;
    // Control characters, and first bytes of characters that compose or are rare here. Those that remain: of two bytes
    // C2 to C5 (U+0080 to U+017F), CE to D1 (Greek, Cyrillic); of three E2 to E9 (U+2000 to U+9FFF) and EF; of four F0.
    let unusual = |byte: u8| {
        not(among(byte, 0x20, 0xFF)) & mask(byte != b'\n') & mask(byte != b'\t')
            | mask(byte == 0x7F)
            | among(byte, 0xC6, 0xCD)
            | among(byte, 0xD2, 0xE1)
            | among(byte, 0xEA, 0xEE)
            | among(byte, 0xF1, 0xFF)
    };
    let special = |a: u8, b: u8, c: u8| {
        mask(a == 0xC2) & mask(b < 0xA0) // U+0080: control characters
            | mask(a == 0xCE) & mask(b == 0x87) // U+0387: middle dot
            | mask(a == 0xE2) & mask(b == 0x80) & mask(c < 0x82) // U+2000, U+2001: quads
            | mask(a == 0xE2) & (mask(b == 0x83) | mask(b == 0xAB)) // U+20D0: marks; U+2ADC: forking
            | mask(a == 0xE2) & mask(b == 0x84) & (mask(c == 0xA6) | among(c, 0xAA, 0xAB)) // ohm, kelvin, ångström
            | mask(a == 0xE2) & mask(b == 0x8C) & among(c, 0xA9, 0xAA) // U+2329: angle brackets
            | mask(a == 0xE2) & among(b, 0xB3, 0xB7) // U+2CC0 to U+2DFF: Coptic and Cyrillic marks
            | mask(a == 0xE3) & mask(b == 0x80) & among(c, 0xAA, 0xAF) // U+302A: tone marks
            | mask(a == 0xE3) & mask(b == 0x82) & among(c, 0x99, 0x9A) // U+3099: voicing marks
            | mask(a == 0xEF) & mask(b < 0xB8) // compatibility characters, private use
            | mask(a == 0xEF) & mask(b == 0xB8) & among(c, 0xA0, 0xAF) // U+FE20: half marks
            | mask(a == 0xEF) & among(b, 0xBA, 0xBB) // Arabic forms and the byte-order mark
            | mask(a == 0xF0) & not(mask(b == 0x9F) | among(b, 0xA0, 0xAE)) // not emoji or supplementary ideographs
    };
    if bytes.iter().fold(0, |found, byte| found | unusual(*byte)) != 0 {
        return false;
    }
    let (second, third) = (bytes.get(1..).unwrap_or_default(), bytes.get(2..).unwrap_or_default());
    let triples = bytes.iter().zip(second).zip(third);
    let last = bytes.last_chunk::<2>().map_or(0, |[a, b]| special(*a, *b, 0));
    triples.fold(last, |found, ((a, b), c)| found | special(*a, *b, *c)) == 0
}

/// Whether there is a character to drop or replace.
fn has_controls(text: &str) -> bool {
    text.starts_with('\u{FEFF}')
        || text.chars().any(|character| character.is_control() && !matches!(character, '\n' | '\t'))
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

    #[test]
    fn no_character_that_passes_for_plain_is_ever_changed() {
        let nfc = ComposingNormalizer::new_nfc();
        for character in '\u{1}'..=char::MAX {
            // After a letter, so that a combining mark has something to compose with.
            for text in [format!("e{character}x"), format!("か{character}")] {
                let changes = has_controls(&text) || !nfc.is_normalized(&text);
                assert!(!(is_plain(text.as_bytes()) && changes), "{character:?} U+{:04X}", character as u32);
            }
        }
        assert!(is_plain("l’hôpital « é » 5 €, Вес ≥ 5 кг。高血压（Ⅱ）は〜、ｍｇ".as_bytes()));
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
