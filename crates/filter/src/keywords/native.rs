//! The native keyword rule: terms at word boundaries, in all their inflected forms, in one pass.
//!
//! The text becomes folded symbols (`alphabet`), a trie of stems is walked from each word start (`trie`), and what
//! follows a stem must be one of its endings (`inflection`). The cost of a text does not depend on the number of terms.
//! Measured against `daachorse` 5.1 (charwise) on a folded copy of the text in `benches/`; see ARCHITECTURE.md.

use std::{collections::BTreeMap, ops::Range};

use super::{
    alphabet::{Alphabet, Symbol, WordBoundaries},
    inflection::{Inflection, UNINFLECTED, Word},
    trie::Trie,
};

/// Between the words of a term at most this many characters of white space, hyphen or apostrophe.
const MAX_JOINING_CHARS: usize = 3;

/// One way to go on after a stem of the trie.
struct Entry {
    term: u32,
    paradigm: usize,
    /// The words after the first.
    rest: Vec<Word>,
    /// For a term written in capitals, which matches in capitals only, the number of them; else 0.
    capitals: usize,
}

impl Entry {
    /// Whether the case of an occurrence is right.
    fn allows(&self, occurrence: &[Symbol]) -> bool {
        self.capitals == 0 || occurrence.iter().filter(|symbol| symbol.is_upper()).count() == self.capitals
    }
}

/// The keywords of one language, ready to be searched for.
pub struct NativeMatcher {
    boundaries: WordBoundaries,
    alphabet: Alphabet,
    inflection: Inflection,
    trie: Trie,
    /// By key of the trie.
    entries: Vec<Vec<Entry>>,
}

impl NativeMatcher {
    /// Builds the matcher; terms are numbered in the order of `terms`.
    pub fn new(
        terms: &[&str],
        boundaries: WordBoundaries,
        folds: &BTreeMap<char, char>,
        inflection: &BTreeMap<String, Vec<String>>,
    ) -> NativeMatcher {
        let endings = inflection.iter().flat_map(|(ending, forms)| forms.iter().chain([ending])).map(String::as_str);
        let alphabet = Alphabet::new(terms.iter().copied().chain(endings), folds, boundaries);
        let inflection = Inflection::new(inflection, &alphabet);

        let mut by_stem: BTreeMap<Vec<u16>, Vec<Entry>> = BTreeMap::new();
        for (number, term) in terms.iter().enumerate() {
            let capitals = if is_capitals(term) { upper_chars(term) } else { 0 };
            let mut words = split_words(term, boundaries).map(|word| {
                let letters = alphabet.letters(word);
                if capitals > 0 { Word { stem: letters, paradigm: UNINFLECTED } } else { inflection.word(letters) }
            });
            let Some(first) = words.next() else { continue };
            let entry = Entry { term: number as u32, paradigm: first.paradigm, rest: words.collect(), capitals };
            by_stem.entry(first.stem).or_default().push(entry);
        }
        let (keys, entries): (Vec<_>, Vec<_>) = by_stem.into_iter().unzip();
        let trie = Trie::new(&keys, alphabet.len());
        NativeMatcher { boundaries, alphabet, inflection, trie, entries }
    }

    /// Calls `hit` with the term and its characters for each occurrence; starts ascend. Occurrences may overlap.
    /// `symbols` is a buffer; afterwards it has one symbol for each character of the text.
    pub fn scan(&self, text: &str, symbols: &mut Vec<Symbol>, hit: &mut impl FnMut(u32, Range<usize>)) {
        self.alphabet.encode(text, symbols);
        match self.boundaries {
            WordBoundaries::Spaces => self.scan_words(symbols, hit),
            WordBoundaries::None => self.scan_everywhere(symbols, hit),
        }
    }

    fn scan_words(&self, symbols: &[Symbol], hit: &mut impl FnMut(u32, Range<usize>)) {
        let mut stems: Vec<(u32, usize)> = Vec::new();
        let mut place = 0;
        while place < symbols.len() {
            if !symbols[place].in_word() {
                place += 1;
                continue;
            }
            let start = place;
            let mut node = 0;
            stems.clear();
            while let Some(symbol) = symbols.get(place).filter(|symbol| symbol.in_word()) {
                place += 1;
                let Some(child) = self.trie.child(node, symbol.letter()) else { break };
                node = child;
                if let Some(key) = self.trie.key(node) {
                    stems.push((key, place));
                }
            }
            place = end_of_word(symbols, place);
            for (key, stem_end) in &stems {
                for entry in &self.entries[*key as usize] {
                    if let Some(end) = self.complete(symbols, entry, start, *stem_end, place) {
                        hit(entry.term, start..end);
                    }
                }
            }
        }
    }

    /// Where the term of `entry` ends, if its first word is `start..word_end` and the others follow.
    fn complete(
        &self,
        symbols: &[Symbol],
        entry: &Entry,
        start: usize,
        stem_end: usize,
        word_end: usize,
    ) -> Option<usize> {
        if !self.inflection.accepts(entry.paradigm, &symbols[stem_end..word_end]) {
            return None;
        }
        let mut end = word_end;
        for word in &entry.rest {
            let joining = symbols[end..].iter().take(MAX_JOINING_CHARS).take_while(|symbol| symbol.joins()).count();
            let start = end + joining;
            let stem = symbols.get(start..start + word.stem.len())?;
            if joining == 0 || !stem.iter().zip(&word.stem).all(|(symbol, letter)| symbol.letter() == *letter) {
                return None;
            }
            end = end_of_word(symbols, start + word.stem.len());
            if !self.inflection.accepts(word.paradigm, &symbols[start + word.stem.len()..end]) {
                return None;
            }
        }
        entry.allows(&symbols[start..end]).then_some(end)
    }

    fn scan_everywhere(&self, symbols: &[Symbol], hit: &mut impl FnMut(u32, Range<usize>)) {
        for start in 0..symbols.len() {
            // A term in letters of a spaced script (MRI, DNA) must not begin or end inside a word of that script.
            let inside = |place: usize| {
                place > 0 && place < symbols.len() && symbols[place - 1].in_word() && symbols[place].in_word()
            };
            let mut node = 0;
            let mut end = start;
            while let Some(symbol) = symbols.get(end)
                && let Some(child) = self.trie.child(node, symbol.letter())
            {
                node = child;
                end += 1;
                let Some(key) = self.trie.key(node) else { continue };
                for entry in &self.entries[key as usize] {
                    if !inside(start) && !inside(end) && entry.allows(&symbols[start..end]) {
                        hit(entry.term, start..end);
                    }
                }
            }
        }
    }
}

/// The first place at or after `place` that is not in a word.
fn end_of_word(symbols: &[Symbol], place: usize) -> usize {
    symbols[place..].iter().position(|symbol| !symbol.in_word()).map_or(symbols.len(), |length| place + length)
}

/// Whether a term is written in capitals: at least two letters with case, all of them upper.
pub fn is_capitals(term: &str) -> bool {
    upper_chars(term) >= 2 && !term.chars().any(char::is_lowercase)
}

fn upper_chars(term: &str) -> usize {
    term.chars().filter(|character| character.is_uppercase()).count()
}

/// The words of a term; without word boundaries the term is one word.
fn split_words(term: &str, boundaries: WordBoundaries) -> impl Iterator<Item = &str> {
    term.split(move |character: char| boundaries == WordBoundaries::Spaces && super::alphabet::joins(character))
        .filter(|word| !word.is_empty())
}
