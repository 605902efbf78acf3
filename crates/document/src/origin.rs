//! Where a document came from: the source, the file, and the place in the file.

use std::{fmt, sync::Arc};

use serde::{Deserialize, Serialize};

use crate::Digest;

/// The four kinds of source that a corpus is made of (as the composition table on MMedC's card has them).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Filtered out of a general web crawl.
    Crawl,
    /// A textbook: text layer or OCR.
    Book,
    /// Fetched from a medical site.
    Site,
    /// An existing medical corpus, taken in.
    Corpus,
}

impl Kind {
    /// The name as it is written in `sources/` and in the output.
    pub fn as_str(self) -> &'static str {
        match self {
            Kind::Crawl => "crawl",
            Kind::Book => "book",
            Kind::Site => "site",
            Kind::Corpus => "corpus",
        }
    }
}

/// One input file of one source, with what is true of all documents in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Container {
    /// Name of the source: the file stem of its description under `sources/`.
    pub source: String,
    pub kind: Kind,
    /// SPDX expression or the source's own words.
    pub licence: String,
    /// Where the licence is stated.
    pub licence_evidence: String,
    /// Path below the source's root, with `/` between folders.
    pub path: String,
    /// Digest of the file's bytes, where they have been read.
    pub digest: Option<Digest>,
}

/// Where in its container a document stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// The container is the document.
    Whole,
    /// Row of a table, counted from 0.
    Row(u64),
    /// Bytes of the container after decompression: first byte and length.
    Bytes { offset: u64, length: u64 },
    /// Bytes of the container as it is stored: first byte and length of a compressed record, as indexes of web archives
    /// give them.
    Record { offset: u64, length: u64 },
    /// Bytes of what one gzip member or frame holds, for records that share one: where that begins in the container
    /// as it is stored, then first byte and length in its content.
    Inside { record: u64, offset: u64, length: u64 },
    /// Member of an archive, by its name there.
    Member(String),
    /// Pages of a book, counted from 1: the first and the last that the text was taken from.
    Pages { first: u32, last: u32 },
}

/// Where a document came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    pub container: Arc<Container>,
    pub place: Place,
}

impl Origin {
    /// `path#place` below the source's root; with the source's name it addresses the document for ever.
    pub fn locator(&self) -> String {
        match &self.place {
            Place::Whole => self.container.path.clone(),
            place => format!("{}#{place}", self.container.path),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::Whole => formatter.write_str("whole"),
            Place::Row(row) => write!(formatter, "row={row}"),
            Place::Bytes { offset, length } => write!(formatter, "bytes={offset}+{length}"),
            Place::Record { offset, length } => write!(formatter, "record={offset}+{length}"),
            Place::Inside { record, offset, length } => write!(formatter, "record={record}/{offset}+{length}"),
            Place::Pages { first, last } if first == last => write!(formatter, "page={first}"),
            Place::Pages { first, last } => write!(formatter, "pages={first}-{last}"),
            Place::Member(name) => write!(formatter, "member={name}"),
        }
    }
}
