//! Shingles: a text as the set of its overlapping runs of words, or of characters where words are not separated.

use unicode_segmentation::UnicodeSegmentation;
use xxhash_rust::xxh3::xxh3_64;

/// What a shingle is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shingle {
    /// So many words (UAX #29), lower-cased.
    Words(usize),
    /// So many characters without white space, lower-cased. Short ones make unrelated long texts look alike: at 10,000
    /// characters of Chinese, pairs of character 2-grams reach a Jaccard similarity of .21, 5-grams of .055.
    Chars(usize),
}

/// The set of a text's shingles: their hashes, ascending, each once. A text shorter than one shingle is one shingle, so
/// no text that has a word (or a character) is without any.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shingles(Vec<u64>);

impl Shingles {
    /// The shingles of `text`.
    pub fn of(text: &str, shingle: Shingle) -> Shingles {
        let lowered = text.to_lowercase();
        let (units, size): (Vec<u64>, usize) = match shingle {
            Shingle::Words(size) => (lowered.unicode_words().map(|word| xxh3_64(word.as_bytes())).collect(), size),
            Shingle::Chars(size) => {
                let characters = lowered.chars().filter(|character| !character.is_whitespace());
                (characters.map(|character| u64::from(u32::from(character))).collect(), size)
            }
        };
        let mut bytes = Vec::with_capacity(size * 8);
        let mut hash = |run: &[u64]| {
            bytes.clear();
            bytes.extend(run.iter().flat_map(|unit| unit.to_le_bytes()));
            xxh3_64(&bytes)
        };
        let mut hashes: Vec<u64> = if units.is_empty() {
            Vec::new()
        } else if units.len() < size {
            vec![hash(&units)]
        } else {
            units.windows(size.max(1)).map(hash).collect()
        };
        hashes.sort_unstable();
        hashes.dedup();
        Shingles(hashes)
    }

    /// The hashes, ascending.
    pub fn hashes(&self) -> &[u64] {
        &self.0
    }

    /// Jaccard similarity: shared shingles / all shingles, in 0..=1; two empty sets are not alike.
    pub fn jaccard(&self, other: &Shingles) -> f64 {
        let (mut a, mut b, mut shared) = (0, 0, 0u64);
        while a < self.0.len() && b < other.0.len() {
            match self.0[a].cmp(&other.0[b]) {
                std::cmp::Ordering::Less => a += 1,
                std::cmp::Ordering::Greater => b += 1,
                std::cmp::Ordering::Equal => {
                    shared += 1;
                    a += 1;
                    b += 1;
                }
            }
        }
        let all = (self.0.len() + other.0.len()) as u64 - shared;
        if all == 0 { 0.0 } else { shared as f64 / all as f64 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn similarity(shingle: Shingle, a: &str, b: &str) -> f64 {
        Shingles::of(a, shingle).jaccard(&Shingles::of(b, shingle))
    }

    #[test]
    fn similarity_is_shared_shingles_over_all() {
        assert_eq!(similarity(Shingle::Words(2), "a b c d", "A b, c e"), 2.0 / 4.0);
        assert_eq!(similarity(Shingle::Chars(2), "心筋梗塞", "心 筋梗\n塞"), 1.0);
        assert_eq!(similarity(Shingle::Chars(2), "心筋梗塞", "脳梗塞"), 1.0 / 4.0);
    }

    #[test]
    fn a_text_shorter_than_a_shingle_is_one_shingle() {
        assert_eq!(Shingles::of("take twice", Shingle::Words(5)).hashes().len(), 1);
        assert_eq!(similarity(Shingle::Words(5), "take twice", "Take twice."), 1.0);
        assert_eq!(similarity(Shingle::Words(5), "take twice", "take once"), 0.0);
        assert_eq!(similarity(Shingle::Words(5), "…", "…"), 0.0);
    }
}
