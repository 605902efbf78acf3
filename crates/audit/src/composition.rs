//! What a corpus is made of: language, source and outcome, in documents, bytes, characters and tokens.

use std::path::Path;

use document::{Kind, Tallies};
use serde::Serialize;
use store::{Composition, Manifest};

use crate::Error;

/// An audit, as `medcorpus audit --json` prints it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Audit {
    /// What the token counts are of; none where nothing was tokenised.
    pub tokenizer: Option<String>,
    pub sources: Vec<SourceAudit>,
    /// What was kept, by language and kind of source.
    pub composition: Vec<Composition>,
    /// Whether read = kept + rejected + failed for every source and language.
    pub conserved: bool,
}

/// One source.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SourceAudit {
    pub source: String,
    pub kind: Option<Kind>,
    pub licence: Option<String>,
    pub licence_evidence: Option<String>,
    /// By language and outcome.
    pub outcomes: Tallies,
}

/// Audits a finished build by its manifest.
/// # Errors
/// Fails if the folder has no readable manifest.
pub fn of_build(out: &Path) -> Result<Audit, Error> {
    let manifest = read_manifest(out)?;
    let sources: Vec<SourceAudit> = manifest
        .sources
        .into_iter()
        .map(|source| SourceAudit {
            source: source.source,
            kind: Some(source.kind),
            licence: Some(source.licence),
            licence_evidence: Some(source.licence_evidence),
            outcomes: source.outcomes,
        })
        .collect();
    let kept: u64 = manifest.composition.iter().map(|cell| cell.size.documents).sum();
    let shards: u64 = manifest.files.iter().filter(|file| file.path.starts_with("corpus/")).map(|file| file.rows).sum();
    // The tables of a manifest are written by different parts of a build; they must tell one story.
    let conserved =
        kept == shards && kept == sources.iter().map(|source| source.outcomes.kept().documents).sum::<u64>();
    Ok(Audit { tokenizer: manifest.tokenizer, sources, composition: manifest.composition, conserved })
}

pub(crate) fn read_manifest(out: &Path) -> Result<Manifest, Error> {
    store::read_json(&out.join("manifest.json"))?.ok_or_else(|| Error::NoManifest { path: out.display().to_string() })
}
