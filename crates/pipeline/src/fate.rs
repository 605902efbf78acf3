//! What became of one document of a finished build or of `dedup`, by its id: the tables of evidence, read back.

use std::path::{Path, PathBuf};

use document::DataFileError;
use serde::Serialize;
use store::TableReader;

use crate::Error;

/// What became of a document.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Fate {
    pub id: String,
    pub verdict: FateVerdict,
    /// The documents that it stands for.
    pub stands_for: Vec<Relation>,
    /// The documents that it was compared with, and why that one of the two is no duplicate of the other.
    pub refused: Vec<Relation>,
}

/// Whether a document is there, and if not, why.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum FateVerdict {
    Kept,
    /// It repeats this one.
    Removed(Relation),
    Rejected(Rejection),
    /// No record of this id was read, or it is not listed why it went.
    Unknown,
}

/// Another document, and how it is related.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Relation {
    pub id: String,
    pub locator: String,
    pub similarity: f64,
    /// The kind of duplicate, or the reason of a refusal.
    pub how: String,
}

/// Why a document of a build was not kept.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Rejection {
    pub stage: String,
    pub rule: String,
    pub locator: String,
    pub message: String,
}

/// Looks up what became of a document in the output folder of a build or of `dedup`.
/// # Errors
/// Fails if the folder has no table of duplicates, or a table cannot be read.
pub fn fate(out: &Path, id: &str) -> Result<Fate, Error> {
    let mut fate =
        Fate { id: id.to_owned(), verdict: FateVerdict::Unknown, stands_for: Vec::new(), refused: Vec::new() };
    let table = out.join("duplicates/part-00000.parquet");
    if !table.is_file() {
        let message = "has no duplicates/part-00000.parquet; name the output folder of a build or of `medcorpus dedup`";
        return Err(DataFileError::whole(out.display().to_string(), message).into());
    }
    let pairs = ["removed_id", "removed_locator", "kept_id", "kept_locator", "kind"];
    each_row(&table, pairs, &mut |row, similarity| {
        let [removed, removed_locator, kept, kept_locator, how] = row;
        let relation =
            |id: &str, locator: &str| Relation { id: id.into(), locator: locator.into(), similarity, how: how.into() };
        if removed == id {
            fate.verdict = FateVerdict::Removed(relation(kept, kept_locator));
        } else if kept == id {
            fate.stands_for.push(relation(removed, removed_locator));
        }
    })?;
    let refused = ["document_id", "document_locator", "kept_id", "kept_locator", "reason"];
    each_row(&out.join("refused/part-00000.parquet"), refused, &mut |row, similarity| {
        let [document, document_locator, kept, kept_locator, how] = row;
        let other = match (document == id, kept == id) {
            (true, _) => (kept, kept_locator),
            (_, true) => (document, document_locator),
            _ => return,
        };
        fate.refused.push(Relation { id: other.0.into(), locator: other.1.into(), similarity, how: how.into() });
    })?;
    if fate.verdict == FateVerdict::Unknown {
        fate.verdict = match rejection(out, id)? {
            Some(rejection) => FateVerdict::Rejected(rejection),
            None if !fate.stands_for.is_empty() || is_kept(out, id)? => FateVerdict::Kept,
            None => FateVerdict::Unknown,
        };
    }
    Ok(fate)
}

/// Visits five columns of text and the similarity of a table.
fn each_row(path: &Path, columns: [&'static str; 5], visit: &mut dyn FnMut([&str; 5], f64)) -> Result<(), Error> {
    for batch in TableReader::open(path, None)? {
        let batch = batch?;
        let wrong = |message| store::Error::Format { path: path.to_owned(), message };
        let [a, b, c, d, e] = columns.map(|name| store::strings(&batch, name));
        let similarities = store::floats(&batch, "similarity").map_err(wrong)?;
        let rows = a.map_err(wrong)?.zip(b.map_err(wrong)?).zip(c.map_err(wrong)?.zip(d.map_err(wrong)?));
        for ((((a, b), (c, d)), e), similarity) in rows.zip(e.map_err(wrong)?).zip(similarities) {
            visit([a, b, c, d, e], similarity);
        }
    }
    Ok(())
}

/// All files below a folder, in order; none if it is not there.
fn files_below(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let (mut files, mut folders) = (Vec::new(), vec![folder.to_owned()]);
    while let Some(folder) = folders.pop().filter(|folder| folder.is_dir()) {
        for entry in std::fs::read_dir(&folder).map_err(Error::scratch(&folder))? {
            let path = entry.map_err(Error::scratch(&folder))?.path();
            if path.is_dir() { folders.push(path) } else { files.push(path) }
        }
    }
    files.sort_unstable();
    Ok(files)
}

fn rejection(out: &Path, id: &str) -> Result<Option<Rejection>, Error> {
    for path in files_below(&out.join("rejected"))? {
        for batch in TableReader::open(&path, Some(&["id", "stage", "rule", "locator", "message"]))? {
            let batch = batch?;
            let wrong = |message| store::Error::Format { path: path.clone(), message };
            let column = |name: &'static str| store::strings(&batch, name).map_err(wrong);
            let rows = column("id")?.zip(column("stage")?.zip(column("rule")?));
            for ((own, (stage, rule)), (locator, message)) in rows.zip(column("locator")?.zip(column("message")?)) {
                if own == id {
                    let [stage, rule, locator, message] = [stage, rule, locator, message].map(str::to_owned);
                    return Ok(Some(Rejection { stage, rule, locator, message }));
                }
            }
        }
    }
    Ok(None)
}

fn is_kept(out: &Path, id: &str) -> Result<bool, Error> {
    for folder in [out.join("corpus"), out.join("survivors")].into_iter().filter(|folder| folder.is_dir()) {
        let description = source::Description::anonymous(&folder);
        for input in source::inputs(&description, &folder)? {
            let container = std::sync::Arc::new(input.container.clone());
            for split in source::splits(&input, u64::MAX)? {
                let mut found = false;
                source::read(&input, &container, &split, &mut |record| {
                    found |= record.is_ok_and(|record| record.id == id);
                })?;
                if found {
                    return Ok(true);
                }
            }
        }
    }
    Ok(false)
}
