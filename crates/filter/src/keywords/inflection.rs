//! Inflection as a table: which endings a word may take in place of its own.
//!
//! `language.toml` lists, by ending of the listed word, the endings of its forms; the longest ending that fits is used.
//! A new kind of ending is a line of that table. A table was preferred to a stemmer because a stemmer conflates words
//! (universe, university) and cannot be read or mended by those who know the language.

use std::collections::BTreeMap;

use super::alphabet::{Alphabet, Symbol};

/// A word is only inflected if at least so many characters remain before its ending.
const MIN_STEM_CHARS: usize = 2;

/// A word of a term: its unchanging part and which endings may follow.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Word {
    pub stem: Vec<u16>,
    /// Which row of the table holds its endings.
    pub paradigm: usize,
}

/// The table, in letters of an alphabet.
pub struct Inflection {
    /// Ending of the listed word, and its row; longest ending first.
    keys: Vec<(Vec<u16>, usize)>,
    /// Rows of endings. Row 0 is the word itself and nothing else.
    paradigms: Vec<Vec<Vec<u16>>>,
}

/// The row of words that have no other form.
pub const UNINFLECTED: usize = 0;

impl Inflection {
    /// Reads the table `[inflection]`: ending = endings. Both are folded as the text is, so `"on"` is the ending of
    /// "infección" too where the language folds ó.
    pub fn new(table: &BTreeMap<String, Vec<String>>, alphabet: &Alphabet) -> Inflection {
        let mut keys = Vec::new();
        let mut paradigms = vec![vec![Vec::new()]];
        for (ending, forms) in table {
            keys.push((alphabet.letters(ending), paradigms.len()));
            paradigms.push(forms.iter().map(|form| alphabet.letters(form)).collect());
        }
        keys.sort_by_key(|(ending, paradigm)| (std::cmp::Reverse(ending.len()), *paradigm));
        Inflection { keys, paradigms }
    }

    /// Splits a listed word into stem and endings.
    pub fn word(&self, letters: Vec<u16>) -> Word {
        let row = self
            .keys
            .iter()
            .find(|(ending, _)| letters.len() >= ending.len() + MIN_STEM_CHARS && letters.ends_with(ending));
        match row {
            Some((ending, paradigm)) => {
                Word { stem: letters[..letters.len() - ending.len()].to_vec(), paradigm: *paradigm }
            }
            None => Word { stem: letters, paradigm: UNINFLECTED },
        }
    }

    /// All forms of a word.
    pub fn forms(&self, word: &Word) -> impl Iterator<Item = Vec<u16>> {
        self.paradigms[word.paradigm].iter().map(|ending| [word.stem.as_slice(), ending].concat())
    }

    /// Whether `ending`, all that follows the stem up to the end of the word, is one of the row's endings.
    pub fn accepts(&self, paradigm: usize, ending: &[Symbol]) -> bool {
        self.paradigms[paradigm].iter().any(|form| {
            form.len() == ending.len() && form.iter().zip(ending).all(|(letter, symbol)| *letter == symbol.letter())
        })
    }
}
