//! Reads `sources/` and opens the raw files that a source owns as splittable streams of records.
//!
//! A [`Description`] is one file of `sources/`: where text comes from, of which kind, under which licence. It expands
//! to [`Input`]s, one a file; an input is cut into [`Split`]s, one a task; [`read`] hands each record of a split to a
//! callback, as a [`Document`] that borrows its text from the reader's buffer or as a [`Fault`].
//!
//! Two kinds of trouble never mix. The description or the machine is wrong: that is an [`Error`], and the input is not
//! read. The *content* is wrong: that is a fault, it costs one record (or one region that cannot be cut into records),
//! and reading goes on behind it.
//!
//! Every limit is in bytes, none in seconds, so hostile files end the same way on every machine.
//!
//! ```
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let folder = tempfile::tempdir()?;
//! let file = folder.path().join("notes.jsonl");
//! std::fs::write(&file, "{\"text\": \"心筋梗塞\", \"lang\": \"jpn_Jpan\"}\nnot json\n")?;
//!
//! let description = source::Description::anonymous(&file);
//! let (mut texts, mut faults) = (Vec::new(), Vec::new());
//! for input in source::inputs(&description, &file)? {
//!     let container = std::sync::Arc::new(input.container.clone());
//!     for split in source::splits(&input, 64 << 20)? {
//!         source::read(&input, &container, &split, &mut |record| match record {
//!             Ok(document) => texts.push(document.text.into_owned()),
//!             Err(fault) => faults.push(fault.place),
//!         })?;
//!     }
//! }
//! assert_eq!(texts, ["心筋梗塞"]);
//! assert_eq!(faults, ["notes.jsonl#bytes=45+8"]);
//! # Ok(())
//! # }
//! ```

mod address;
mod archive;
mod book;
mod checked_pages;
mod decompress;
mod description;
mod error;
mod fields;
mod gzip_members;
mod http;
mod input;
mod json_lines;
mod lz4_frames;
mod members;
mod page_headers;
mod parquet_columns;
mod parquet_rows;
mod parts;
mod pattern;
mod row_group;
mod site;
mod split;
mod stated_language;
mod stored;
mod text_file;
mod url_pattern;
mod warc;
mod warc_index;
mod warc_record;
mod written_time;
mod zstd_frames;

pub use address::address;
pub use book::{book, book_fault};
pub use description::{Description, Fields, Limits};
pub use error::Error;
pub use input::{Format, Input, inputs};
pub use members::with_text;
pub use parquet_rows::{columns, text_column};
pub use site::{CssText, Example, Fetch, LanguageRule, LicenceRule, PageRules, Unmatched};
pub use split::{Split, check, lines, read, read_pages, splits};
pub use text_file::read_whole;
pub use url_pattern::matches_start;
pub use warc::{PageText, ToText, WebPage};

#[doc(no_inline)]
pub use document::{Document, Fault};
