//! The native keyword rule: terms at word boundaries, in all their inflected forms, in one pass.
//!
//! The text becomes folded symbols (`alphabet`), a trie of stems is walked from each word start (`trie`), and what
//! follows a stem must be one of its endings (`inflection`). The cost of a text does not depend on the number of terms.
//! Measured against `daachorse` 5.1 (charwise) on a folded copy of the text in `benches/`; see ARCHITECTURE.md.

use std::{collections::BTreeMap, ops::Range};

use super::{
    alphabet::{Alphabet, Symbol, WordBoundaries},
    inflection::{Inflection, UNINFLECTED, Word},
    prefix_filter::{PrefixFilter, pack},
    trie::Trie,
};

/// Between the words of a term at most this many characters of white space, hyphen or apostrophe.
const MAX_JOINING_CHARS: usize = 3;

/// Letters of a word that are looked at before the trie is.
const WORD_PREFIX: usize = 4;

/// Characters of a text that are looked at in one go.
const BLOCK: usize = 512;

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
    /// Of the first letters of all forms of all first words: `WORD_PREFIX` of them, or fewer where words are shorter; two
    /// where words are not separated.
    prefixes: PrefixFilter,
    /// Letters of the shortest form.
    shortest: usize,
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
        let mut forms = Vec::new();
        for (number, term) in terms.iter().enumerate() {
            let capitals = if is_capitals(term) { upper_chars(term) } else { 0 };
            let mut words = split_words(term, boundaries).map(|word| {
                let letters = alphabet.letters(word);
                if capitals > 0 { Word { stem: letters, paradigm: UNINFLECTED } } else { inflection.word(letters) }
            });
            let Some(first) = words.next() else { continue };
            forms.extend(inflection.forms(&first));
            let entry = Entry { term: number as u32, paradigm: first.paradigm, rest: words.collect(), capitals };
            by_stem.entry(first.stem).or_default().push(entry);
        }
        let (keys, entries): (Vec<_>, Vec<_>) = by_stem.into_iter().unzip();
        let trie = Trie::new(&keys);
        let shortest = forms.iter().map(Vec::len).min().unwrap_or(0);
        let prefix = if boundaries == WordBoundaries::Spaces { WORD_PREFIX } else { 2 };
        forms.iter_mut().for_each(|form| form.truncate(prefix));
        forms.sort_unstable();
        forms.dedup();
        let prefixes = PrefixFilter::new(&forms);
        NativeMatcher { boundaries, alphabet, inflection, prefixes, shortest, trie, entries }
    }

    /// Calls `hit` with the term and its characters for each occurrence; starts ascend. Occurrences may overlap.
    /// Gives the number of characters. `buffer` is for the symbols of the text.
    pub fn scan(&self, text: &str, buffer: &mut Vec<Symbol>, hit: &mut impl FnMut(u32, Range<usize>)) -> usize {
        let symbols = self.alphabet.encode(text, buffer);
        match self.boundaries {
            WordBoundaries::Spaces => self.scan_words(symbols, hit),
            WordBoundaries::None => self.scan_everywhere(symbols, hit),
        }
        symbols.len()
    }

    /// In blocks, and without a branch a character: first the places where words begin, then of these the ones whose first
    /// letters begin a term, and only there the trie.
    fn scan_words(&self, symbols: &[Symbol], hit: &mut impl FnMut(u32, Range<usize>)) {
        let mut places = [0u32; BLOCK];
        let mut stems: Vec<(u32, usize)> = Vec::new();
        let mut before_in_word = false;
        for block in (0..symbols.len()).step_by(BLOCK) {
            let end = symbols.len().min(block + BLOCK);
            let mut found = 0;
            for (offset, symbol) in symbols[block..end].iter().enumerate() {
                places[found] = offset as u32;
                found += usize::from(symbol.in_word() & !before_in_word);
                before_in_word = symbol.in_word();
            }
            for offset in &places[..found] {
                let start = block + *offset as usize;
                if self.prefixes.may_have(word_prefix(symbols, start)) {
                    self.match_word(symbols, start, &mut stems, hit);
                }
            }
        }
    }

    /// All terms that begin with the word at `start`. `stems` is a buffer.
    fn match_word(
        &self,
        symbols: &[Symbol],
        start: usize,
        stems: &mut Vec<(u32, usize)>,
        hit: &mut impl FnMut(u32, Range<usize>),
    ) {
        let (mut node, mut place) = (0, start);
        stems.clear();
        while let Some(symbol) = symbols.get(place).filter(|symbol| symbol.in_word())
            && let Some(child) = self.trie.child(node, symbol.letter())
        {
            node = child;
            place += 1;
            if let Some(key) = self.trie.key(node) {
                stems.push((key, place));
            }
        }
        if stems.is_empty() {
            return;
        }
        let word_end = end_of_word(symbols, place);
        for (key, stem_end) in stems {
            for entry in &self.entries[*key as usize] {
                if let Some(end) = self.complete(symbols, entry, start, *stem_end, word_end) {
                    hit(entry.term, start..end);
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
        if self.shortest < 2 {
            (0..symbols.len()).for_each(|start| self.match_at(symbols, start, hit));
            return;
        }
        // As for words, but every pair of letters is a place.
        let mut places = [0u32; BLOCK];
        for block in (0..symbols.len().saturating_sub(1)).step_by(BLOCK) {
            let end = symbols.len().min(block + BLOCK + 1);
            let mut found = 0;
            for (offset, pair) in symbols[block..end].windows(2).enumerate() {
                places[found] = offset as u32;
                found += usize::from(self.prefixes.may_have(pack(&[pair[0].letter(), pair[1].letter()])));
            }
            for offset in &places[..found] {
                self.match_at(symbols, block + *offset as usize, hit);
            }
        }
    }

    /// All terms that begin at `start`, where words are not separated.
    fn match_at(&self, symbols: &[Symbol], start: usize, hit: &mut impl FnMut(u32, Range<usize>)) {
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

/// The first letters of the word at `start`, packed.
#[inline]
fn word_prefix(symbols: &[Symbol], start: usize) -> u64 {
    let rest = &symbols[start..];
    let beginning = match rest.first_chunk::<WORD_PREFIX>() {
        Some(beginning) => *beginning,
        None => std::array::from_fn(|place| rest.get(place).copied().unwrap_or_default()),
    };
    // Without a branch: where words end is what a processor cannot foresee.
    let mut in_word = u16::MAX;
    pack(&beginning.map(|symbol| {
        in_word &= if symbol.in_word() { u16::MAX } else { 0 };
        symbol.letter() & in_word
    }))
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
