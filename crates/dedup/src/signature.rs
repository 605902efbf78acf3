//! Signatures: what is kept of a text to find its duplicates later without the text.

use document::{Digest, Hasher};
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::{Shingle, Shingles};

/// How duplicates are proposed and proven (`[duplicates]` of a pipeline).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Bands of a signature: texts that share one whole band are compared.
    pub bands: usize,
    /// MinHash values of a band. 14 bands of 8 rows propose a pair of Jaccard similarity s with 1 - (1 - s^8)^14.
    pub rows: usize,
    /// Words of a shingle.
    pub shingle_words: usize,
    /// Characters of a shingle where words are not separated.
    pub shingle_chars: usize,
    /// Jaccard similarity from which on a proposed pair is a duplicate, in 0..=1.
    pub min_similarity: f64,
}

/// What a text leaves behind to be found by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature {
    /// Of the text in normal form: lower case, white space as single blanks.
    pub exact: Digest,
    /// One hash a band.
    pub bands: Vec<u64>,
}

/// Makes signatures.
pub struct Signer {
    rows: usize,
    /// Multiplier and addend of each permutation.
    permutations: Vec<(u64, u64)>,
}

impl Signer {
    /// A signer with the permutations of these settings; equal settings give equal signatures for ever.
    pub fn new(settings: &Settings) -> Signer {
        let number = |index: usize, salt: u64| xxh3_64_with_seed(&(index as u64).to_le_bytes(), salt);
        let permutations = (0..settings.bands * settings.rows).map(|index| (number(index, 1) | 1, number(index, 2)));
        Signer { rows: settings.rows, permutations: permutations.collect() }
    }

    /// The signature of `text`. A text without a word (or character) has no bands, so it is only ever an exact duplicate.
    pub fn sign(&self, text: &str, shingle: Shingle) -> Signature {
        let shingles = Shingles::of(text, shingle);
        let bands = if shingles.hashes().is_empty() { Vec::new() } else { self.bands(&shingles) };
        Signature { exact: exact_digest(text), bands }
    }

    fn bands(&self, shingles: &Shingles) -> Vec<u64> {
        // Multiply-shift hashing (Dietzfelbinger et al. 1997, J. Algorithms 25(1)): the upper half of a·x + b.
        let mut minima = vec![u32::MAX; self.permutations.len()];
        for shingle in shingles.hashes() {
            let shingle = shingle >> 32;
            for (minimum, (multiplier, addend)) in minima.iter_mut().zip(&self.permutations) {
                let value = (multiplier.wrapping_mul(shingle).wrapping_add(*addend) >> 32) as u32;
                *minimum = value.min(*minimum);
            }
        }
        let band = |(number, rows): (usize, &[u32])| {
            let bytes: Vec<u8> = rows.iter().flat_map(|row| row.to_le_bytes()).collect();
            xxh3_64_with_seed(&bytes, number as u64)
        };
        minima.chunks(self.rows).enumerate().map(band).collect()
    }
}

fn exact_digest(text: &str) -> Digest {
    let lowered = text.to_lowercase();
    let mut hasher = Hasher::default();
    for word in lowered.split_whitespace() {
        hasher.update(word.as_bytes());
        hasher.update(b" ");
    }
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SETTINGS: Settings = Settings { bands: 14, rows: 8, shingle_words: 5, shingle_chars: 5, min_similarity: 0.7 };

    #[test]
    fn case_and_white_space_make_no_other_text() {
        let signer = Signer::new(&SETTINGS);
        let sign = |text| signer.sign(text, Shingle::Words(5));
        assert_eq!(sign("Take  one tablet\na day."), sign("take one TABLET a day."));
        assert_ne!(sign("take one tablet a day").exact, sign("take two tablets a day").exact);
        assert_eq!(sign(" … ").bands, []);
    }

    #[test]
    fn permutations_never_change() {
        // Signatures lie on disk; other permutations would make them worthless without anybody noticing.
        let signature = Signer::new(&SETTINGS).sign("одна таблетка утром и одна вечером", Shingle::Words(5));
        assert_eq!(signature.bands.len(), 14);
        let again = Signer::new(&SETTINGS).sign("одна таблетка утром и одна вечером", Shingle::Words(5));
        assert_eq!(signature, again);
    }

    #[test]
    fn bands_are_shared_as_often_as_the_formula_says() {
        // 400 pairs of sets of 120 numbers with similarity .6: 1 - (1 - .6^8)^14 = .21.
        let signer = Signer::new(&SETTINGS);
        let mut shared = 0;
        for pair in 0..400u64 {
            let words =
                |from: u64, to: u64| (from..to).map(|n| format!("w{}", pair * 1000 + n)).collect::<Vec<_>>().join(" ");
            let (a, b) =
                (signer.sign(&words(0, 80), Shingle::Words(1)), signer.sign(&words(20, 100), Shingle::Words(1)));
            shared += usize::from(a.bands.iter().zip(&b.bands).any(|(a, b)| a == b));
        }
        // Standard deviation of the count is 8.1; four of them either way.
        assert!((52..=117).contains(&shared), "{shared} of 400");
    }
}
