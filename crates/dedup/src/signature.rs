//! Signatures: what is kept of a text to find its duplicates later without the text.

use document::Digest;
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::{Shingle, shingles::Shingler, sketch::Sketcher};

/// How duplicates are proposed and proven (`[duplicates]` of a pipeline).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Bands of a signature: texts that share one whole band are compared.
    pub bands: usize,
    /// Sketch values of a band. 14 bands of 5 rows propose a pair of Jaccard similarity s with 1 - (1 - s^5)^14: .92 at
    /// .7 and .996 at .8.
    pub rows: usize,
    /// Words of a shingle.
    pub shingle_words: usize,
    /// Characters of a shingle where words are not separated.
    pub shingle_chars: usize,
    /// Jaccard similarity from which on a proposed pair is a duplicate, in 0..=1.
    pub min_similarity: f64,
    /// What becomes of a document that differs from a kept one in names, doses or numbers alone.
    #[serde(default)]
    pub templates: Templates,
}

/// What becomes of documents that are one template filled in twice.
///
/// They stay by default. Two leaflets that differ in a drug's name and doses, two entries of a list of rare diseases with
/// the same headings, two case reports on one form: each holds facts that the other does not, and which of them is right
/// for a patient is exactly what differs. To keep one page too many costs some tokens; to drop one loses a medicine.
/// Where a corpus is full of pages that differ in a date or a counter, `drop` is the better choice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Templates {
    #[default]
    Keep,
    Drop,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            bands: 14,
            rows: 5,
            shingle_words: 5,
            shingle_chars: 5,
            min_similarity: 0.7,
            templates: Templates::Keep,
        }
    }
}

/// What a text leaves behind to be found by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature {
    /// Of the text in normal form: lower case, white space as single blanks.
    pub exact: Digest,
    /// One hash a band; none of a text without a word (or character), which is only ever an exact duplicate.
    pub bands: Vec<u64>,
}

/// Makes signatures. Equal settings give equal signatures for ever.
pub struct Signer {
    rows: usize,
    shingler: Shingler,
    sketcher: Sketcher,
}

impl Signer {
    pub fn new(settings: &Settings) -> Signer {
        let sketcher = Sketcher::new(settings.bands * settings.rows);
        Signer { rows: settings.rows, shingler: Shingler::default(), sketcher }
    }

    /// The signature of `text`.
    pub fn sign(&mut self, text: &str, shingle: Shingle) -> Signature {
        let mut bands = Vec::new();
        let exact = self.sign_into(text, shingle, &mut bands);
        Signature { exact, bands }
    }

    /// Puts the bands of `text` into `bands` and gives its digest.
    pub fn sign_into(&mut self, text: &str, shingle: Shingle, bands: &mut Vec<u64>) -> Digest {
        bands.clear();
        if let Some(values) = self.sketcher.sketch(self.shingler.read(text, shingle)) {
            let rows = values.chunks(self.rows).enumerate();
            bands.extend(rows.map(|(band, rows)| rows.iter().fold(band as u64, |seed, row| hash_row(*row, seed))));
        }
        Digest::of(self.shingler.normal.as_str().as_bytes())
    }
}

fn hash_row(row: u64, seed: u64) -> u64 {
    xxh3_64_with_seed(&row.to_le_bytes(), seed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_and_white_space_make_no_other_text() {
        let mut signer = Signer::new(&Settings::default());
        let mut sign = |text| signer.sign(text, Shingle::Words(5));
        assert_eq!(sign("Take  one tablet\na day."), sign("take one TABLET a day."));
        assert_ne!(sign("take one tablet a day").exact, sign("take two tablets a day").exact);
        assert_eq!(sign(" … ").bands, []);
    }

    #[test]
    fn signatures_never_change() {
        // Signatures lie on disk; others would make them worthless without anybody noticing.
        let mut signer = Signer::new(&Settings { bands: 2, rows: 2, ..Settings::default() });
        let words = signer.sign("Одна таблетка утром и одна вечером, 2 раза", Shingle::Words(5));
        let characters = signer.sign("急性心筋梗塞の診断", Shingle::Chars(5));
        let form = |signature: &Signature| format!("{:x?} {}", signature.bands, signature.exact);
        assert_eq!(form(&words), "[d6386f803fdba25, d24ba0262cfec7c4] 6efd24c3fa7c938f4ac7593aa53b102a");
        assert_eq!(form(&characters), "[9718c672e3f9f835, 99c66158b4f3eb2a] f9995ac22d6d102efebfa98a88504ef4");
    }

    #[test]
    fn bands_are_shared_as_often_as_the_formula_says() {
        // 400 pairs of texts of 120 words with similarity .6: 1 - (1 - .6^5)^14 = .678.
        let mut signer = Signer::new(&Settings::default());
        let mut shared = 0;
        for pair in 0..400u64 {
            let words =
                |from: u64, to: u64| (from..to).map(|n| format!("w{}", pair * 1000 + n)).collect::<Vec<_>>().join(" ");
            let (a, b) =
                (signer.sign(&words(0, 80), Shingle::Words(1)), signer.sign(&words(20, 100), Shingle::Words(1)));
            shared += usize::from(a.bands.iter().zip(&b.bands).any(|(a, b)| a == b));
        }
        // Standard deviation of the count is 9.3; four of them either way.
        assert!((234..=309).contains(&shared), "{shared} of 400");
    }
}
