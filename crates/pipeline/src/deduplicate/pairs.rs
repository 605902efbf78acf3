//! Tables that are written twice, as parquet and as JSON lines: pairs of documents.

use std::path::Path;

use dedup::{Refusal, Removal};
use serde::Serialize;
use store::{FileRecord, LinesWriter, Rows, Table, TableWriter};

use crate::{
    Error,
    matching::{EvidenceStore, Name},
};

/// A table, written twice: as parquet and as JSON lines.
pub(super) struct Pairs {
    folder: &'static str,
    pub rows: Rows,
    table: TableWriter,
    lines: LinesWriter,
    pub written: u64,
}

impl Pairs {
    pub fn create(out: &Path, folder: &'static str, table: Table) -> Result<Pairs, Error> {
        let path = |ending: &str| out.join(format!("{folder}/part-00000.{ending}"));
        let writer = TableWriter::create(&path("parquet"), table, &[])?;
        let lines = LinesWriter::create(&path("jsonl"))?;
        Ok(Pairs { folder, rows: Rows::new(table), table: writer, lines, written: 0 })
    }

    /// Adds the line of a row that was pushed to `rows`.
    pub fn add(&mut self, line: &impl Serialize) -> Result<(), Error> {
        self.written += 1;
        self.table.write_full(&mut self.rows)?;
        Ok(self.lines.write_json(line)?)
    }

    pub fn finish(mut self) -> Result<Vec<FileRecord>, Error> {
        self.table.write(&self.rows.take())?;
        let name = |ending: &str| format!("{}/part-00000.{ending}", self.folder);
        Ok(vec![self.table.finish(name("parquet"))?, self.lines.finish(name("jsonl"))?])
    }
}

/// A line of `duplicates/part-00000.jsonl`.
#[derive(Serialize)]
struct DuplicateLine<'a> {
    removed: &'a str,
    kept: &'a str,
    similarity: f64,
    kind: &'static str,
    removed_locator: &'a str,
    kept_locator: &'a str,
}

/// A line of `refused/part-00000.jsonl`.
#[derive(Serialize)]
struct RefusedLine<'a> {
    document: &'a str,
    kept: &'a str,
    similarity: f64,
    reason: &'static str,
    document_locator: &'a str,
    kept_locator: &'a str,
}

/// Writes a refused pair with the names of its documents.
pub(super) fn write_refused(refusal: &Refusal, store: &EvidenceStore, pairs: &mut Pairs) -> Result<(), Error> {
    let reason = refusal.reason.as_str();
    let document = store.name(refusal.document)?.in_tables(refusal.document);
    let kept = store.name(refusal.kept)?.in_tables(refusal.kept);
    store::push_refused(&mut pairs.rows, &document, &kept, refusal.similarity, reason);
    pairs.add(&RefusedLine {
        document: &document.id,
        kept: &kept.id,
        similarity: refusal.similarity,
        reason,
        document_locator: &document.locator,
        kept_locator: &kept.locator,
    })
}

/// Writes a removal with the names of its documents, and gives that of the removed one.
pub(super) fn write_removal(removal: &Removal, store: &EvidenceStore, pairs: &mut Pairs) -> Result<Name, Error> {
    let gone = store.name(removal.removed)?;
    let (removed, kept) = (gone.clone().in_tables(removal.removed), store.name(removal.kept)?.in_tables(removal.kept));
    let kind = removal.kind.as_str();
    store::push_duplicate(&mut pairs.rows, &removed, &kept, removal.similarity, kind);
    pairs.add(&DuplicateLine {
        removed: &removed.id,
        kept: &kept.id,
        similarity: removal.similarity,
        kind,
        removed_locator: &removed.locator,
        kept_locator: &kept.locator,
    })?;
    Ok(gone)
}
