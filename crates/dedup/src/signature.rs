//! Signatures: what is kept of a text to find its duplicates later without the text.

use document::Digest;
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::{Boilerplate, Shingle, shingles::Shingler, sketch::Sketcher};

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
    /// Whether texts that are equal in normal form are duplicates.
    #[serde(default = "on")]
    pub exact: bool,
    /// Whether documents of one address are duplicates.
    #[serde(default)]
    pub url: UrlRule,
    /// Whether texts that reach `min_similarity` are duplicates.
    #[serde(default = "on")]
    pub near: bool,
    /// What tells which of two duplicates stays, the most important first. Where nothing does, the earlier one stays.
    #[serde(default = "by_source")]
    pub prefer: Vec<Criterion>,
    /// The licences from the most to the least wanted, for the criterion `licence`; others come after them.
    #[serde(default)]
    pub licences: Vec<String>,
    /// Which paragraphs that recur on a site are cut out of the texts that stay; none where this is absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub boilerplate: Option<Boilerplate>,
    #[serde(default)]
    pub guard: Guard,
}

fn on() -> bool {
    true
}

fn by_source() -> Vec<Criterion> {
    vec![Criterion::SourceRank]
}

/// Whether an equal address makes two documents duplicates.
///
/// An address is read in its canonical form ([`canonical_url`](crate::canonical_url)). By default it only proposes a pair,
/// and the texts must have something in common: sets of questions often give the page that all of them are from, and to
/// believe the address would leave one question of each page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum UrlRule {
    Off,
    /// Where the similarity is at least `URL_MIN_SIMILARITY`.
    #[default]
    Similar,
    /// Whatever the texts are.
    Always,
}

/// What two texts of one address must have in common to be two states of one page: a page that was edited keeps more, and
/// two parts of a page, or two pages with one menu, have less.
pub const URL_MIN_SIMILARITY: f64 = 0.3;

/// What tells which of two duplicates stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Criterion {
    /// That of the source with the lower rank.
    SourceRank,
    /// That of the licence which `licences` names first.
    Licence,
    /// The longer text.
    Length,
    /// The lower id, by bytes: so it does not matter which file is named first.
    Id,
}

/// What is reported because it looks like a mistake rather than like duplicates.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Guard {
    /// The share of a source's documents of one language that may go, in 0..=1.
    pub max_removed_share: f64,
    /// Of fewer documents the share says nothing.
    pub min_documents: u64,
    /// Documents that one may stand for.
    pub max_cluster: u64,
    /// Sources whose documents one may stand for.
    pub max_cluster_sources: u64,
    /// Whether to stop instead of going on with a report.
    pub stop: bool,
}

impl Default for Guard {
    fn default() -> Guard {
        Guard { max_removed_share: 0.9, min_documents: 100, max_cluster: 1000, max_cluster_sources: 10, stop: false }
    }
}

impl Settings {
    /// What signatures depend on: bands, rows, words and characters of a shingle. With other numbers they are others.
    pub fn of_signatures(&self) -> [usize; 4] {
        [self.bands, self.rows, self.shingle_words, self.shingle_chars]
    }
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
            exact: true,
            url: UrlRule::default(),
            near: true,
            prefer: by_source(),
            licences: Vec::new(),
            boilerplate: None,
            guard: Guard::default(),
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

    /// The digest of the normal form of `text` alone.
    pub fn digest(&mut self, text: &str) -> Digest {
        self.shingler.normal.set(text);
        Digest::of(self.shingler.normal.as_str().as_bytes())
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
