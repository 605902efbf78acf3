//! The shape of a language's words, as data: what may stand before, in and after a listed word.
//!
//! A new kind of morphology is a table of `language.toml`, not code: endings (`inflection`), particles that are written
//! together with the next word (`proclitics`), marks that writers leave out (`optional_marks`), and words made of several
//! (`compounds`).

use std::collections::BTreeMap;

use super::WordBoundaries;

/// How the words of a language are built.
#[derive(Debug, Clone)]
pub struct WordShape {
    pub boundaries: WordBoundaries,
    /// Characters to be matched as others.
    pub folds: BTreeMap<char, char>,
    /// Ending of a listed word = endings of its forms; see `inflection`.
    pub inflection: BTreeMap<String, Vec<String>>,
    /// What may be written together with the beginning of a word: `ال`, `و`, `بال`.
    pub proclitics: Vec<String>,
    /// Characters that may be missing from a word: vowel signs, nukta.
    pub optional_marks: String,
    pub compounds: Option<Compounds>,
}

impl WordShape {
    /// Words that are separated, or not, and have no other forms.
    pub fn plain(boundaries: WordBoundaries) -> WordShape {
        WordShape {
            boundaries,
            folds: BTreeMap::new(),
            inflection: BTreeMap::new(),
            proclitics: Vec::new(),
            optional_marks: String::new(),
            compounds: None,
        }
    }

    /// A term as it is listed, and without the marks that may be missing, where that differs.
    pub(super) fn spellings<'t>(&self, term: &'t str) -> impl Iterator<Item = std::borrow::Cow<'t, str>> {
        let bare: String = term.chars().filter(|character| !self.optional_marks.contains(*character)).collect();
        let bare = (bare.len() < term.len()).then_some(bare.into());
        std::iter::once(term.into()).chain(bare)
    }
}

/// `[compounds]`: words that are written together. A listed word of enough letters then also counts where it is the
/// first or the last part of a longer word.
#[derive(Debug, Clone, PartialEq, Eq, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Compounds {
    /// Characters that each part has at least; shorter words are found as whole words alone.
    pub min_part_chars: usize,
    /// What may stand between two parts, such as `"s"`; nothing always may.
    #[serde(default)]
    pub links: Vec<String>,
}
