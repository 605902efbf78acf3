//! The last reading: the rows that stay.

use std::{borrow::Cow, ops::Range};

use dedup::{Cut, Removal};
use memchr::memmem;
use source::Format;
use store::{CUT, Copied, LinesWriter, TextCut};

use super::Run;
use crate::{Error, by_document::ByDocument, matching::Bits};

impl Run<'_> {
    /// Copies the rows of one file that stay. A parquet file of which none stays has no copy: it may be one that cannot be
    /// read.
    pub(super) fn copy(&self, number: usize, range: &Range<u32>, gone: &Gone<'_>) -> Result<Option<Copied>, Error> {
        let file = &self.files[number];
        let name = format!("survivors/{}", file.name);
        let to = self.job.out.join(&name);
        let mut rows = gone.rows(range.start);
        let start = range.start;
        let mut cut_of = CutOf::new(gone);
        let copied = if file.input.format == Format::Parquet {
            let mut sizes = gone.rows(start);
            if range.clone().all(|_| sizes.next().is_none()) {
                return Ok(None);
            }
            let mut cut = |row: u64, text: &str| cut_of.apply(start + row as u32, text);
            // A file without a column of texts has no documents that stay.
            let column = gone.cuts.and_then(|_| source::text_column(&file.input).transpose()).transpose()?;
            let cut = column.map(|column| TextCut { column, cut: &mut cut });
            store::copy_rows(&file.input.path, &to, name, range.len() as u64, &mut |_| rows.next(), cut)?
        } else {
            let mut lines = LinesWriter::create(&to)?;
            let mut result = Ok(());
            let mut document = start;
            for split in &file.splits {
                source::lines(&file.input, split, &mut |line| {
                    if let (Some(size), Some(line)) = (rows.next(), line)
                        && result.is_ok()
                    {
                        result = cut_of.write_line(&mut lines, document, line, size);
                    }
                    document += 1;
                })?;
            }
            result?;
            Copied::File(lines.finish(name)?)
        };
        if let Copied::File(record) = &copied {
            self.job.progress.advance(file.input.bytes, 0, record.rows);
        }
        Ok(Some(copied))
    }
}

/// Cuts out of the texts what was found to recur.
pub(super) struct CutOf<'a> {
    cuts: Option<&'a ByDocument>,
    bytes: Vec<u8>,
}

impl<'a> CutOf<'a> {
    pub fn new(gone: &Gone<'a>) -> CutOf<'a> {
        CutOf { cuts: gone.cuts, bytes: Vec::new() }
    }

    /// The text of a document without what is cut out of it.
    pub fn text<'t>(&mut self, document: u32, text: &'t str) -> Result<Cow<'t, str>, Error> {
        let path = self.cuts.map(|cuts| cuts.path().to_owned()).unwrap_or_default();
        let cut = self.apply(document, text).map_err(|message| store::Error::Format { path, message })?;
        Ok(cut.map_or(Cow::Borrowed(text), |(rest, _)| Cow::Owned(rest)))
    }

    /// The text of a document without what is cut out of it, and what that is, if there is any.
    fn apply(&mut self, document: u32, text: &str) -> Result<Option<(String, String)>, String> {
        let Some(cuts) = self.cuts else { return Ok(None) };
        if !cuts.get(document, &mut self.bytes).map_err(|error| error.to_string())? {
            return Ok(None);
        }
        let changed = || "a text is another than before; was the file changed while it was read?".to_owned();
        let cut = String::from_utf8_lossy(&self.bytes).into_owned();
        let rest = cut.parse::<Cut>()?.apply(text).ok_or_else(changed)?;
        Ok(Some((rest, cut)))
    }

    /// Writes a line, with what was cut out of its text and the size of the document's cluster as its last fields.
    fn write_line(
        &mut self,
        lines: &mut LinesWriter,
        document: u32,
        line: &[u8],
        size: u64,
    ) -> Result<(), store::Error> {
        let line = line.trim_ascii_end();
        let mut went = Ok(None);
        let edited = self.cuts.and_then(|_| {
            source::with_text(std::str::from_utf8(line).ok()?, CUT, |text| {
                went = self.apply(document, text);
                let (rest, cut) = went.as_mut().ok()?.as_mut()?;
                *cut = format!(",\"{CUT}\":\"{cut}\"");
                Some(std::mem::take(rest))
            })
        });
        let message = |message| store::Error::Format { path: lines.path().to_owned(), message };
        let went = went.map_err(message)?.map(|(_, cut)| cut).unwrap_or_default();
        let line = edited.as_deref().map_or(line, str::as_bytes);
        match line.strip_suffix(b"}") {
            // A size that it has already is kept: it counts what others have removed.
            Some(open) if memmem::find(line, CLUSTER_SIZE.as_bytes()).is_none() => {
                lines.write(&[open, went.as_bytes(), format!(",\"{CLUSTER_SIZE}\":{size}}}").as_bytes()])
            }
            Some(open) => lines.write(&[open, went.as_bytes(), b"}"]),
            None => lines.write(&[line]),
        }
    }
}

/// The field that says for how many documents one stands, as FineWeb-2 has it.
const CLUSTER_SIZE: &str = "minhash_cluster_size";

/// What does not stay, and for how many documents each kept one stands where that is more than one.
pub(super) struct Gone<'a> {
    pub removals: &'a [Removal],
    pub failed: &'a Bits,
    pub sizes: &'a [(u32, u32)],
    /// What is cut out of the texts that stay, if anything is.
    pub cuts: Option<&'a ByDocument>,
}

impl<'a> Gone<'a> {
    /// The rows from `start` on.
    pub fn rows(&'a self, start: u32) -> GoneRows<'a> {
        let removals = &self.removals[self.removals.partition_point(|removal| removal.removed < start)..];
        let sizes = &self.sizes[self.sizes.partition_point(|(kept, _)| *kept < start)..];
        GoneRows { next: start, removals, sizes, failed: self.failed }
    }
}

pub(super) struct GoneRows<'a> {
    next: u32,
    removals: &'a [Removal],
    sizes: &'a [(u32, u32)],
    failed: &'a Bits,
}

impl GoneRows<'_> {
    /// The cluster size of the next row, if that one stays.
    pub fn next(&mut self) -> Option<u64> {
        let row = self.next;
        self.next += 1;
        if let [removal, rest @ ..] = self.removals
            && removal.removed == row
        {
            self.removals = rest;
            return None;
        }
        let mut size = 1;
        if let [(kept, documents), rest @ ..] = self.sizes
            && *kept == row
        {
            self.sizes = rest;
            size = u64::from(*documents);
        }
        (!self.failed.has(row)).then_some(size)
    }
}
