//! The ledger: what has been done, by fingerprint. A task is done when its entry is there, and then its files are too.
//!
//! On disk: `ledger/<pass>/<fingerprint>.json`, one file a task, written after all files of the task. The fingerprint is
//! of everything that the task's result depends on, so an entry never has to be invalidated; entries that no plan asks
//! for any more are removed at the end of a build.

use std::path::{Path, PathBuf};

use document::{Digest, Tallies};
use serde::{Deserialize, Serialize};

use crate::{Error, FileRecord, Histograms, atomic};

/// One finished task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// The task's name in the plan.
    pub task: String,
    pub fingerprint: Digest,
    /// What was read, by language and outcome.
    pub tallies: Tallies,
    pub histograms: Histograms,
    /// The files that the task wrote, below the output folder.
    pub files: Vec<FileRecord>,
}

/// The folder `ledger/` of an output folder.
pub struct Ledger {
    root: PathBuf,
}

impl Ledger {
    /// The ledger of an output folder.
    pub fn new(out: &Path) -> Ledger {
        Ledger { root: out.to_owned() }
    }

    /// The entry of a finished task, if its files are all there in their full length.
    /// # Errors
    /// Fails if the entry cannot be read.
    pub fn find(&self, pass: &str, fingerprint: Digest) -> Result<Option<Entry>, Error> {
        let entry: Option<Entry> = atomic::read_json(&self.path(pass, fingerprint))?;
        let whole =
            |file: &FileRecord| self.root.join(&file.path).metadata().is_ok_and(|found| found.len() == file.bytes);
        Ok(entry.filter(|entry| entry.files.iter().all(whole)))
    }

    /// Records a finished task.
    /// # Errors
    /// Fails if the entry cannot be written.
    pub fn record(&self, pass: &str, entry: &Entry) -> Result<(), Error> {
        atomic::write_json(&self.path(pass, entry.fingerprint), entry)
    }

    /// Removes the entries of a pass that are not `wanted`.
    /// # Errors
    /// Fails if the folder cannot be cleaned.
    pub fn retain(&self, pass: &str, wanted: &[Digest]) -> Result<(), Error> {
        let names: Vec<String> = wanted.iter().map(|fingerprint| format!("{fingerprint}.json")).collect();
        atomic::remove_others(&self.root.join("ledger").join(pass), &names)
    }

    fn path(&self, pass: &str, fingerprint: Digest) -> PathBuf {
        self.root.join("ledger").join(pass).join(format!("{fingerprint}.json"))
    }
}
