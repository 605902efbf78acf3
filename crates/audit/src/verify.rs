//! Holds a finished build against its manifest: every file's digest, size and rows, and every count.

use std::path::Path;

use document::{OutcomeKey, Tally};
use serde::Serialize;
use store::TableReader;

use crate::{Error, composition::read_manifest};

/// Something that is not as the manifest says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// A file below the output folder, or what was counted.
    pub what: String,
    pub expected: String,
    pub found: String,
}

/// Checks a build. `progress` is told how many bytes were read since it was last told. Gives the number of files that
/// were read, and what differs.
/// # Errors
/// Fails if there is no readable manifest.
pub fn verify(out: &Path, progress: &mut dyn FnMut(u64)) -> Result<(usize, Vec<Difference>), Error> {
    let manifest = read_manifest(out)?;
    let mut differences = Vec::new();
    let mut differs = |what: &str, expected: String, found: String| {
        if expected != found {
            differences.push(Difference { what: what.to_owned(), expected, found });
        }
    };
    let (mut kept_rows, mut kept_bytes, mut kept_chars) = (0, 0, 0);
    for file in &manifest.files {
        let path = out.join(&file.path);
        let found = match store::digest_of_file(&path, progress) {
            Ok(digest) => digest.to_string(),
            Err(error) => error.to_string(),
        };
        let is_as_written = found == file.digest.to_string();
        differs(&file.path, file.digest.to_string(), found);
        // What was damaged is not decoded: the decoder trusts some of the numbers that it finds.
        if !is_as_written {
            continue;
        }
        let (rows, bytes, chars) = match count(&path, file.path.starts_with("corpus/")) {
            Ok(counted) => counted,
            Err(error) => {
                differs(&file.path, "a readable table".to_owned(), error.to_string());
                continue;
            }
        };
        differs(&format!("{} (rows)", file.path), file.rows.to_string(), rows.to_string());
        if file.path.starts_with("corpus/") {
            kept_rows += rows;
            kept_bytes += bytes;
            kept_chars += chars;
        }
    }
    let composed: Tally = manifest.composition.iter().map(|cell| cell.size).sum();
    let outcomes = manifest.sources.iter().map(|source| &source.outcomes);
    let kept: Tally = outcomes.clone().map(|outcomes| outcomes.kept()).sum();
    differs("composition (documents)", composed.documents.to_string(), kept.documents.to_string());
    differs("corpus/ (documents)", kept.documents.to_string(), kept_rows.to_string());
    differs("corpus/ (bytes)", kept.bytes.to_string(), kept_bytes.to_string());
    differs("corpus/ (characters)", kept.chars.to_string(), kept_chars.to_string());
    let duplicate =
        |key: &OutcomeKey| matches!(key, OutcomeKey::Rejected { stage, .. } if stage == "remove_duplicates");
    let removed: u64 = outcomes
        .flat_map(|outcomes| outcomes.cells().filter(|(_, key, _)| duplicate(key)).map(|(_, _, size)| size.documents))
        .sum();
    let pairs: u64 =
        manifest.files.iter().filter(|file| file.path.starts_with("duplicates/")).map(|file| file.rows).sum();
    differs("duplicates/ (pairs)", removed.to_string(), pairs.to_string());
    Ok((manifest.files.len(), differences))
}

/// Rows of a table and, for a shard, bytes and characters of its texts.
fn count(path: &Path, is_shard: bool) -> Result<(u64, u64, u64), store::Error> {
    let (mut rows, mut bytes, mut chars) = (0, 0, 0);
    let columns: Option<&[&str]> = if is_shard { Some(&["text"]) } else { None };
    for batch in TableReader::open(path, columns)? {
        let batch = batch?;
        rows += batch.num_rows() as u64;
        if is_shard {
            let wrong = |message| store::Error::Format { path: path.to_owned(), message };
            for text in store::strings(&batch, "text").map_err(wrong)? {
                bytes += text.len() as u64;
                chars += text.chars().count() as u64;
            }
        }
    }
    Ok((rows, bytes, chars))
}
