//! The alphabet of a keyword list: each character of a text becomes a 16-bit symbol, folded, one for one.
//!
//! Matching runs over symbols, not over bytes. Case, width and the folds of the language (ё = е, 體 = 体) are decided
//! while the table is built, so folding a text costs one look-up a character, and since every character gives exactly
//! one symbol, no offset moves.

use std::collections::BTreeMap;

use icu_normalizer::{ComposingNormalizer, ComposingNormalizerBorrowed, properties::CanonicalCombiningClassMap};

/// One folded character: bit 15 says that it belongs to a word, bit 14 that it was upper case in the text, bit 13 that
/// it may stand between the words of a term; the low 13 bits are the character's number in the alphabet of the keywords,
/// 0 for all characters that no keyword has.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub struct Symbol(u16);

impl Symbol {
    const WORD: u16 = 1 << 15;
    const UPPER: u16 = 1 << 14;
    const JOINS: u16 = 1 << 13;
    const LETTER: u16 = Self::JOINS - 1;

    /// The number in the alphabet; 0 occurs in no keyword.
    pub fn letter(self) -> u16 {
        self.0 & Self::LETTER
    }

    /// Whether the character may stand between the words of a term: white space, hyphens and apostrophes.
    pub fn joins(self) -> bool {
        self.0 & Self::JOINS != 0
    }

    /// Whether the character is part of a word, in the sense of `Alphabet::new`.
    pub fn in_word(self) -> bool {
        self.0 & Self::WORD != 0
    }

    /// Whether the text has the character in upper case.
    pub fn is_upper(self) -> bool {
        self.0 & Self::UPPER != 0
    }
}

/// The most different characters that the keywords of one language may have, folded.
pub const MAX_LETTERS: usize = Symbol::LETTER as usize;

/// Where words end (`word_boundaries` in `language.toml`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WordBoundaries {
    /// Words are separated: a term begins and ends with a word.
    Spaces,
    /// Words run together (Han, kana): a term may begin anywhere, but not inside a run of letters of another script.
    None,
}

/// The table from characters to symbols.
pub struct Alphabet {
    /// By code point, for the Basic Multilingual Plane. Keywords are not expected beyond it; other planes give
    /// letter 0.
    symbols: Box<[Symbol; 0x10000]>,
}

impl Alphabet {
    /// An alphabet for `terms`, which have at most `MAX_LETTERS` different characters. `folds` maps a character to the one that it is to be matched as.
    ///
    /// A character is part of a word if it is a letter, a digit or a combining mark; where words have no boundaries,
    /// only if it also belongs to a script that has them.
    pub fn new<'a>(
        terms: impl IntoIterator<Item = &'a str>,
        folds: &BTreeMap<char, char>,
        boundaries: WordBoundaries,
    ) -> Alphabet {
        let mut letters = BTreeMap::new();
        let folder = Folder { nfkc: ComposingNormalizer::new_nfkc(), folds };
        for character in terms.into_iter().flat_map(str::chars).map(|character| folder.fold(character)) {
            let next = letters.len() as u16 + 1;
            assert!(usize::from(next) <= MAX_LETTERS, "the loader refuses lists of more than {MAX_LETTERS} characters");
            letters.entry(character).or_insert(next);
        }
        let marks = CanonicalCombiningClassMap::new();
        let mut symbols = vec![Symbol::default(); 0x10000];
        for (code, symbol) in symbols.iter_mut().enumerate() {
            let Some(character) = char::from_u32(code as u32) else { continue };
            let letter = letters.get(&folder.fold(character)).copied().unwrap_or(0);
            let in_word = (character.is_alphanumeric() || marks.get_u8(character) != 0)
                && (boundaries == WordBoundaries::Spaces || !runs_together(character));
            symbol.0 = letter
                | flag(in_word, Symbol::WORD)
                | flag(character.is_uppercase(), Symbol::UPPER)
                | flag(joins(character), Symbol::JOINS);
        }
        let symbols = symbols.into_boxed_slice().try_into().expect("the vector has 65,536 symbols");
        Alphabet { symbols }
    }

    /// The letters of a term, as the trie wants them.
    pub fn letters(&self, term: &str) -> Vec<u16> {
        term.chars().map(|character| self.symbol(character).letter()).collect()
    }

    /// Writes the symbols of `text`, one a character, to the front of `buffer`, which grows as it has to, and gives them.
    pub fn encode<'b>(&self, text: &str, buffer: &'b mut Vec<Symbol>) -> &'b [Symbol] {
        if buffer.len() < text.len() {
            buffer.resize(text.len(), Symbol::default());
        }
        let mut count = 0;
        let mut rest = text.as_bytes();
        // ASCII in blocks of eight and the other lengths by their first byte: `str::chars` checks the same bytes with more
        // branches. The bytes are those of a `str`, so a first byte tells how many follow.
        loop {
            while let Some((block, tail)) = rest.split_first_chunk::<8>()
                && u64::from_ne_bytes(*block) & 0x8080_8080_8080_8080 == 0
            {
                for (symbol, byte) in buffer[count..count + 8].iter_mut().zip(block) {
                    *symbol = self.symbols[usize::from(*byte)];
                }
                (count, rest) = (count + 8, tail);
            }
            let low = |byte: u8| usize::from(byte & 0x3F);
            let (code, length) = match *rest {
                [] => return &buffer[..count],
                [a @ 0..0x80, ..] => (usize::from(a), 1),
                [a @ 0xE0..0xF0, b, c, ..] => (usize::from(a & 0x0F) << 12 | low(b) << 6 | low(c), 3),
                [a @ 0xC0..0xE0, b, ..] => (usize::from(a & 0x1F) << 6 | low(b), 2),
                [a, b, c, d, ..] => (usize::from(a & 0x07) << 18 | low(b) << 12 | low(c) << 6 | low(d), 4),
                _ => unreachable!("a str ends with a whole character"),
            };
            buffer[count] = match self.symbols.get(code) {
                Some(symbol) => *symbol,
                None => char::from_u32(code as u32).map_or(Symbol::default(), |character| self.symbol(character)),
            };
            count += 1;
            rest = &rest[length..];
        }
    }

    fn symbol(&self, character: char) -> Symbol {
        match self.symbols.get(character as usize) {
            Some(symbol) => *symbol,
            None => Symbol(flag(character.is_alphanumeric() && !runs_together(character), Symbol::WORD)),
        }
    }
}

fn flag(set: bool, bit: u16) -> u16 {
    if set { bit } else { 0 }
}

struct Folder<'a> {
    nfkc: ComposingNormalizerBorrowed<'static>,
    folds: &'a BTreeMap<char, char>,
}

impl Folder<'_> {
    /// Case (simple folding), width, then the folds of the language.
    fn fold(&self, character: char) -> char {
        let character = match character {
            // Half- and full-width forms, where the normal width is a single character.
            '\u{FF00}'..='\u{FFEF}' => {
                single(self.nfkc.normalize(character.encode_utf8(&mut [0; 4])).chars(), character)
            }
            'ς' => 'σ',
            'µ' => 'μ',
            '’' => '\'',
            _ => character,
        };
        let character = single(character.to_lowercase(), character);
        self.folds.get(&character).copied().unwrap_or(character)
    }
}

/// White space, hyphens and apostrophes: what may stand between the words of a term.
pub fn joins(character: char) -> bool {
    character.is_whitespace() || matches!(character, '-' | '\u{2010}' | '\u{2011}' | '\'' | '’')
}

/// The only character of `characters`, or `otherwise` if there are several.
fn single(mut characters: impl Iterator<Item = char>, otherwise: char) -> char {
    match (characters.next(), characters.next()) {
        (Some(only), None) => only,
        _ => otherwise,
    }
}

/// Whether words of the character's script are written without anything between them.
pub fn runs_together(character: char) -> bool {
    use unicode_script::{Script, UnicodeScript};
    matches!(
        character.script(),
        Script::Han
            | Script::Hiragana
            | Script::Katakana
            | Script::Bopomofo
            | Script::Thai
            | Script::Lao
            | Script::Khmer
            | Script::Myanmar
            | Script::Tibetan
    ) || matches!(character, 'ー' | '々' | '〆' | 'ｰ')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn letters_of(alphabet: &Alphabet, text: &str) -> Vec<u16> {
        alphabet.encode(text, &mut Vec::new()).iter().map(|symbol| symbol.letter()).collect()
    }

    #[test]
    fn case_width_and_the_folds_of_the_language_give_the_same_letters() {
        let folds = BTreeMap::from([('ё', 'е'), ('體', '体')]);
        let alphabet = Alphabet::new(["mri ёж 体温 カゼ"], &folds, WordBoundaries::Spaces);
        assert_eq!(letters_of(&alphabet, "MRI"), letters_of(&alphabet, "ｍｒｉ"));
        assert_eq!(letters_of(&alphabet, "ЁЖ"), letters_of(&alphabet, "еж"));
        assert_eq!(letters_of(&alphabet, "體温"), letters_of(&alphabet, "体温"));
        assert_eq!(letters_of(&alphabet, "ｶ"), letters_of(&alphabet, "カ"));
        assert_eq!(letters_of(&alphabet, "q🩺"), [0, 0]);
    }

    #[test]
    fn words_are_made_of_letters_digits_and_marks() {
        let alphabet = Alphabet::new(["x"], &BTreeMap::new(), WordBoundaries::Spaces);
        let mut buffer = Vec::new();
        let symbols = alphabet.encode("b12\u{301}l'अ्-", &mut buffer);
        let words: Vec<bool> = symbols.iter().map(|symbol| symbol.in_word()).collect();
        assert_eq!(words, [true, true, true, true, true, false, true, true, false]);
    }

    proptest::proptest! {
        #[test]
        fn every_character_gives_one_symbol(text in ".{0,80}") {
            let alphabet = Alphabet::new(["心脏 heart"], &BTreeMap::new(), WordBoundaries::None);
            proptest::prop_assert_eq!(letters_of(&alphabet, &text).len(), text.chars().count());
        }
    }
}
