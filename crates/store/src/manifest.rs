//! The manifest: what a corpus is, in one file, `manifest.json`. It is written last; without it a build is unfinished.

use std::collections::BTreeMap;

use document::{Digest, LanguageCode, Tallies, Tally};
use serde::{Deserialize, Serialize};

use crate::{FileRecord, Histograms};

/// `manifest.json`. It holds no time, no path of the machine and nothing that depends on how the build was run, so equal
/// builds have equal manifests.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// Name and version of the program.
    pub program: String,
    /// The pipeline file with all that it stands for.
    pub pipeline: serde_json::Value,
    /// By language: the digest of its folder.
    pub filters: BTreeMap<LanguageCode, Digest>,
    pub inputs: Vec<InputRecord>,
    /// The name of the tokenizer that all token counts are of, if tokens were counted.
    pub tokenizer: Option<String>,
    pub sources: Vec<SourceRecord>,
    /// Documents, bytes, characters and tokens by language and kind of source.
    pub composition: Vec<Composition>,
    /// How far rejected documents were from their limits, by language and rule: documents for each bin of value / limit.
    pub histogram_edges: Vec<f64>,
    pub histograms: Histograms,
    /// By source and language: what was cut out of the kept texts because it recurs on a site. It is no longer in
    /// `composition`, nor among what was kept.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub boilerplate: Vec<CutRecord>,
    /// What the guard against wiping out found.
    #[serde(default)]
    pub guard: Vec<Finding>,
    /// Files under `corpus/`, `rejected/` and `duplicates/`.
    pub files: Vec<FileRecord>,
}

/// What was cut out of the kept texts of one source and language.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CutRecord {
    pub source: String,
    pub language: LanguageCode,
    /// The documents that lost some of their text, and how much they lost.
    pub size: Tally,
}

/// Something that looks like a mistake rather than like duplicates.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// The setting of `[duplicates.guard]` that was passed.
    pub rule: String,
    /// What it was found of.
    pub subject: String,
    pub value: f64,
    pub limit: f64,
    /// Documents that go.
    pub documents: u64,
}

impl std::fmt::Display for Finding {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Finding { rule, subject, value, limit, documents } = self;
        write!(formatter, "{subject}: {rule} is {value:.4}, over {limit}; {documents} documents go")
    }
}

/// One input file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InputRecord {
    pub source: String,
    pub path: String,
    pub bytes: u64,
    pub digest: Digest,
}

/// What became of everything that was read from one source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceRecord {
    pub source: String,
    pub kind: document::Kind,
    pub licence: String,
    pub licence_evidence: String,
    pub outcomes: Tallies,
}

/// A cell of the composition table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Composition {
    pub language: LanguageCode,
    pub kind: document::Kind,
    pub size: Tally,
}
