//! The native keyword rule: terms at word boundaries, in all their inflected forms, in one pass.
//!
//! The text becomes folded symbols (`alphabet`). A bitmap of first letters (`prefix_filter`) says of nearly every place that
//! no term begins there. At the others the word is looked up among all forms of the terms' first words (`form_table`, made by
//! `inflection`); where words are not separated, a trie of the terms is walked (`trie`). The cost of a text hardly depends on
//! the number of terms.

use std::{collections::BTreeMap, ops::Range};

use super::{
    alphabet::{Alphabet, Symbol, WordBoundaries},
    form_table::FormTable,
    inflection::{Inflection, UNINFLECTED, Word},
    prefix_filter::{PrefixFilter, pack},
    shape::WordShape,
    trie::Trie,
};

/// Between the words of a term at most this many characters of white space, hyphen or apostrophe.
const MAX_JOINING_CHARS: usize = 3;

/// Letters of a word that are looked at before the trie is.
const WORD_PREFIX: usize = 4;

/// Characters of a text that are looked at in one go.
const BLOCK: usize = 512;

/// A term that begins with a certain word, or, where words are not separated, that is a certain key.
struct Entry {
    term: u32,
    /// The words after the first.
    rest: Vec<Word>,
    /// For a term written in capitals, which matches in capitals only, the number of them; else 0.
    capitals: usize,
}

impl Entry {
    /// The first letter of the second word; 0 for terms of one word.
    fn second_word(&self) -> u16 {
        self.rest.first().and_then(|word| word.stem.first()).copied().unwrap_or(0)
    }

    /// Whether the case of an occurrence is right.
    fn allows(&self, occurrence: &[Symbol]) -> bool {
        self.capitals == 0 || occurrence.iter().filter(|symbol| symbol.is_upper()).count() == self.capitals
    }
}

/// The keywords of one language, ready to be searched for.
pub struct NativeMatcher {
    alphabet: Alphabet,
    inflection: Inflection,
    /// What may be written together with the beginning of a word; nothing, first of all.
    proclitics: Vec<Vec<u16>>,
    compounds: Option<Links>,
    /// Of the first letters of all keys: `WORD_PREFIX` of them, or fewer where words are shorter; two where words are not
    /// separated.
    prefixes: PrefixFilter,
    keys: Keys,
    /// By key; sorted by the second word.
    entries: Vec<Vec<Entry>>,
}

/// How words are put together: what each part has at least, and what may stand between two.
struct Links {
    min_part: usize,
    links: Vec<Vec<u16>>,
}

/// Where a key is looked up.
enum Keys {
    /// Words are separated: a key is a form of the first word of some term.
    Words(FormTable),
    /// They are not: a key is a term. The shortest one has `shortest` letters.
    Everywhere { trie: Trie, shortest: usize },
}

impl NativeMatcher {
    /// Builds the matcher; terms are numbered in the order of `terms`.
    pub fn new(terms: &[&str], shape: &WordShape) -> NativeMatcher {
        let boundaries = shape.boundaries;
        let endings = shape.inflection.iter().flat_map(|(ending, forms)| forms.iter().chain([ending]));
        let links = shape.compounds.iter().flat_map(|compounds| &compounds.links);
        let pieces = endings.chain(&shape.proclitics).chain(links).map(String::as_str);
        let alphabet = Alphabet::new(terms.iter().copied().chain(pieces), &shape.folds, boundaries);
        let inflection = Inflection::new(&shape.inflection, &alphabet);
        let proclitics = shape.proclitics.iter().map(|proclitic| alphabet.letters(proclitic));
        let proclitics: Vec<Vec<u16>> = std::iter::once(Vec::new()).chain(proclitics).collect();
        let compounds = shape.compounds.as_ref().map(|compounds| Links {
            min_part: compounds.min_part_chars,
            links: compounds.links.iter().map(|link| alphabet.letters(link)).collect(),
        });

        let mut by_key: BTreeMap<Vec<u16>, Vec<Entry>> = BTreeMap::new();
        for (number, term) in terms.iter().enumerate() {
            let capitals = if is_capitals(term) { upper_chars(term) } else { 0 };
            for spelling in shape.spellings(term) {
                let mut words = split_words(&spelling, boundaries).map(|word| {
                    let letters = alphabet.letters(word);
                    if capitals > 0 { Word { stem: letters, paradigm: UNINFLECTED } } else { inflection.word(letters) }
                });
                let Some(first) = words.next() else { continue };
                let rest: Vec<Word> = words.collect();
                for form in inflection.forms(&first) {
                    for proclitic in &proclitics {
                        let entry = Entry { term: number as u32, rest: rest.clone(), capitals };
                        by_key.entry([proclitic.as_slice(), &form].concat()).or_default().push(entry);
                    }
                }
            }
        }
        for entries in by_key.values_mut() {
            entries.sort_by_key(|entry| (entry.second_word(), entry.term));
            // Two ways may lead to the same form.
            entries.dedup_by(|a, b| (a.term, &a.rest) == (b.term, &b.rest));
        }
        let (keys, entries): (Vec<Vec<u16>>, Vec<_>) = by_key.into_iter().unzip();
        let prefix = if boundaries == WordBoundaries::Spaces { WORD_PREFIX } else { 2 };
        let mut prefixes: Vec<Vec<u16>> = keys.iter().map(|key| key[..key.len().min(prefix)].to_vec()).collect();
        prefixes.dedup();
        let prefixes = PrefixFilter::new(&prefixes);
        let keys = match boundaries {
            WordBoundaries::Spaces => Keys::Words(FormTable::new(keys.iter().map(Vec::as_slice))),
            WordBoundaries::None => {
                let shortest = keys.iter().map(Vec::len).min().unwrap_or(0);
                Keys::Everywhere { trie: Trie::new(&keys), shortest }
            }
        };
        NativeMatcher { alphabet, inflection, proclitics, compounds, prefixes, keys, entries }
    }

    /// Calls `hit` with the term and its characters for each occurrence; starts ascend. Occurrences may overlap.
    /// Gives the number of characters. `buffer` is for the symbols of the text.
    pub fn scan(&self, text: &str, buffer: &mut Vec<Symbol>, hit: &mut impl FnMut(u32, Range<usize>)) -> usize {
        let symbols = self.alphabet.encode(text, buffer);
        match &self.keys {
            Keys::Words(forms) => self.scan_words(forms, symbols, hit),
            Keys::Everywhere { trie, shortest } => self.scan_everywhere(trie, *shortest, symbols, hit),
        }
        symbols.len()
    }

    /// In blocks, and without a branch a character: first the places where words begin, then of these the ones whose first
    /// letters begin a term, and only there the table of forms.
    fn scan_words(&self, forms: &FormTable, symbols: &[Symbol], hit: &mut impl FnMut(u32, Range<usize>)) {
        let mut places = [0u32; BLOCK];
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
                    let end = end_of_word(symbols, start);
                    if let Some(key) = forms.find(&symbols[start..end]) {
                        self.match_words(symbols, start..end, &self.entries[key], hit);
                        continue;
                    }
                }
                if let Some(links) = &self.compounds {
                    let end = end_of_word(symbols, start);
                    self.match_part(forms, links, symbols, start..end, hit);
                }
            }
        }
    }

    /// All terms of `entries`, whose first word is at `first`.
    fn match_words(
        &self,
        symbols: &[Symbol],
        first: Range<usize>,
        entries: &[Entry],
        hit: &mut impl FnMut(u32, Range<usize>),
    ) {
        let single = entries.partition_point(|entry| entry.rest.is_empty());
        for entry in entries[..single].iter().filter(|entry| entry.allows(&symbols[first.clone()])) {
            hit(entry.term, first.clone());
        }
        if single == entries.len() {
            return;
        }
        // Many terms may begin with one word ("heart …"); those with another second word are not even looked at, unless
        // something may be written before it.
        let second = next_word(symbols, first.end).map_or(0, |start| symbols[start].letter());
        let any_second = self.proclitics.len() > 1;
        let least = if any_second { 0 } else { second };
        let phrases = &entries[entries.partition_point(|entry| entry.second_word() < least).max(single)..];
        for entry in phrases.iter().take_while(|entry| any_second || entry.second_word() == second) {
            if let Some(end) = self.complete(symbols, entry, first.end)
                && entry.allows(&symbols[first.start..end])
            {
                hit(entry.term, first.start..end);
            }
        }
    }

    /// The longest last part of a compound word that is a term of one word, else the longest first part.
    fn match_part(
        &self,
        forms: &FormTable,
        links: &Links,
        symbols: &[Symbol],
        word: Range<usize>,
        hit: &mut impl FnMut(u32, Range<usize>),
    ) {
        let least = links.min_part;
        if word.len() < 2 * least {
            return;
        }
        let mut find = |part: Range<usize>| {
            let entries = forms.find(&symbols[part.clone()]).map_or([].as_slice(), |key| &self.entries[key]);
            let single = entries.iter().filter(|entry| entry.rest.is_empty() && entry.capitals == 0);
            single.map(|entry| hit(entry.term, part.clone())).count() > 0
        };
        let last_part = (word.start + least..=word.end - least).any(|start| find(start..word.end));
        if !last_part {
            let _first_part = (word.start + least..=word.end - least).rev().any(|end| {
                // A first part ends at the boundary or before a link ("Operation-s-saal").
                find(word.start..end)
                    || links.links.iter().any(|link| {
                        let before = end.checked_sub(link.len()).filter(|before| before - word.start >= least);
                        before
                            .is_some_and(|before| letters_are(&symbols[before..end], link) && find(word.start..before))
                    })
            });
        }
    }

    /// Where the term of `entry` ends, if its first word ends at `end` and the others follow.
    fn complete(&self, symbols: &[Symbol], entry: &Entry, mut end: usize) -> Option<usize> {
        for word in &entry.rest {
            let start = next_word(symbols, end)?;
            end = self.proclitics.iter().find_map(|proclitic| {
                let rest = symbols.get(start..start + proclitic.len()).filter(|it| letters_are(it, proclitic));
                rest.and_then(|_| self.form_at(symbols, word, start + proclitic.len()))
            })?;
        }
        Some(end)
    }

    /// Where the form of `word` that begins at `start` ends, if there is one.
    fn form_at(&self, symbols: &[Symbol], word: &Word, start: usize) -> Option<usize> {
        let stem_end = start + word.stem.len();
        let stem = symbols.get(start..stem_end)?;
        if !letters_are(stem, &word.stem) {
            return None;
        }
        let end = end_of_word(symbols, stem_end);
        self.inflection.accepts(word.paradigm, &symbols[stem_end..end]).then_some(end)
    }

    fn scan_everywhere(
        &self,
        trie: &Trie,
        shortest: usize,
        symbols: &[Symbol],
        hit: &mut impl FnMut(u32, Range<usize>),
    ) {
        if shortest < 2 {
            (0..symbols.len()).for_each(|start| self.match_at(trie, symbols, start, hit));
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
                self.match_at(trie, symbols, block + *offset as usize, hit);
            }
        }
    }

    /// All terms that begin at `start`, where words are not separated.
    fn match_at(&self, trie: &Trie, symbols: &[Symbol], start: usize, hit: &mut impl FnMut(u32, Range<usize>)) {
        // A term in letters of a spaced script (MRI, DNA) must not begin or end inside a word of that script.
        let inside = |place: usize| {
            place > 0 && place < symbols.len() && symbols[place - 1].in_word() && symbols[place].in_word()
        };
        let mut node = 0;
        let mut end = start;
        while let Some(symbol) = symbols.get(end)
            && let Some(child) = trie.child(node, symbol.letter())
        {
            node = child;
            end += 1;
            let Some(key) = trie.key(node) else { continue };
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

fn letters_are(symbols: &[Symbol], letters: &[u16]) -> bool {
    symbols.len() == letters.len() && symbols.iter().zip(letters).all(|(symbol, letter)| symbol.letter() == *letter)
}

/// Where the word after the one that ends at `end` begins, if nothing but joining characters stands between them.
fn next_word(symbols: &[Symbol], end: usize) -> Option<usize> {
    let joining = symbols[end..].iter().take(MAX_JOINING_CHARS).take_while(|symbol| symbol.joins()).count();
    let start = end + joining;
    (joining > 0 && symbols.get(start).is_some_and(|symbol| symbol.in_word())).then_some(start)
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
