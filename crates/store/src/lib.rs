//! Writes and reads what a build leaves on disk: shards, rejected documents, duplicates, the ledger and the manifest.
//!
//! Every file appears whole or not at all: it is written under another name, synced and renamed (`atomic`). The columns
//! of all our tables are in `schema`, the JSON files in `ledger` and `manifest`.

mod atomic;
mod edit;
mod error;
mod histogram;
mod ledger;
mod lines;
mod lock;
mod manifest;
mod rows;
mod schema;
mod table;

pub use atomic::{
    FileRecord, digest_of_file, digest_of_ranges, place, read_json, remove_others, remove_temporary, write_bytes,
    write_json,
};
pub use edit::{TextCut, with_cluster_sizes, with_cuts};
pub use error::Error;
pub use histogram::{Histogram, Histograms};
pub use ledger::{Entry, Ledger};
pub use lines::LinesWriter;
pub use lock::FolderLock;
pub use manifest::{Composition, CutRecord, Finding, InputRecord, Manifest, SourceRecord};
pub use rows::Rows;
pub use schema::{
    BAND_COLUMNS, CLUSTER_SIZE, CUT, DocumentName, DuplicateRow, SIZE_COLUMNS, SignatureRow, Table, bands, duplicates,
    floats, push_boilerplate, push_cut, push_document, push_duplicate, push_duplicate_as_rejected, push_fault,
    push_refused, push_rejected, push_signature, sizes, sizes_after_cut, strings, text_form,
};
pub use table::{Copied, TableReader, TableWriter, copy_rows};
