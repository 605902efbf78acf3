//! The last reading: the rows that stay.

use std::{borrow::Cow, ops::Range};

use dedup::Removal;
use memchr::memmem;
use source::Format;
use store::{CLUSTER_SIZE, CUT, Copied, LinesWriter, TextCut};

use super::Run;
use crate::{Error, by_document::ByDocument, cuts, matching::Bits};

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

    /// What is cut out of the text of a document, as `Cut` writes it, if anything is.
    fn cut(&mut self, document: u32) -> Result<Option<String>, Error> {
        match self.cuts {
            Some(cuts) if cuts.get(document, &mut self.bytes)? => {
                Ok(Some(String::from_utf8_lossy(&self.bytes).into_owned()))
            }
            _ => Ok(None),
        }
    }

    /// The text of a document without what is cut out of it.
    pub fn text<'t>(&mut self, document: u32, text: &'t str) -> Result<Cow<'t, str>, Error> {
        let Some(cut) = self.cut(document)? else { return Ok(Cow::Borrowed(text)) };
        let path = || self.cuts.map(|cuts| cuts.path().to_owned()).unwrap_or_default();
        let rest = cuts::apply(text, &cut).map_err(|message| store::Error::Format { path: path(), message })?;
        Ok(Cow::Owned(rest))
    }

    /// The same with what is cut out, if anything is.
    fn apply(&mut self, document: u32, text: &str) -> Result<Option<(String, String)>, String> {
        let Some(cut) = self.cut(document).map_err(|error| error.to_string())? else { return Ok(None) };
        Ok(Some((cuts::apply(text, &cut)?, cut)))
    }

    /// Writes a line, with what was cut out of its text and the size of the document's cluster as its last fields.
    fn write_line(&mut self, lines: &mut LinesWriter, document: u32, line: &[u8], size: u64) -> Result<(), Error> {
        let mut line = Cow::Borrowed(line.trim_ascii_end());
        let mut went = String::new();
        if let Some(cut) = self.cut(document)? {
            let mut message = "the text of a line is not found where it was read".to_owned();
            let rest = |text: &str| cuts::apply(text, &cut).map_err(|wrong| message = wrong).ok();
            let edited = std::str::from_utf8(&line).ok().and_then(|line| source::with_text(line, CUT, rest));
            let edited = edited.ok_or_else(|| store::Error::Format { path: lines.path().to_owned(), message })?;
            line = Cow::Owned(edited.into_bytes());
            went = format!(",\"{CUT}\":\"{cut}\"");
        }
        match line.strip_suffix(b"}") {
            // A size that it has already is kept: it counts what others have removed.
            Some(open) if memmem::find(&line, CLUSTER_SIZE.as_bytes()).is_none() => {
                lines.write(&[open, went.as_bytes(), format!(",\"{CLUSTER_SIZE}\":{size}}}").as_bytes()])?;
            }
            Some(open) => lines.write(&[open, went.as_bytes(), b"}"])?,
            None => lines.write(&[&line])?,
        }
        Ok(())
    }
}

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
