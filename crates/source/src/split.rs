//! A split: the part of one input that one task reads.

use std::{ops::Range, sync::Arc};

use document::{Container, Document, Fault, FaultKind};

use crate::{
    Error, Format, Input, archive,
    book::book_fault,
    json_lines, parquet_rows, text_file,
    warc::{self, ToText},
};

/// What a reader hands its records to.
pub(crate) type Visit<'v> = &'v mut dyn FnMut(Result<Document<'_>, Fault>);

/// A part of an input. All splits of an input cover it exactly once and in order; they depend on nothing but the file
/// and the target size.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Split {
    /// Its place among the splits of its input.
    pub index: u32,
    /// Parquet: row groups. JSON lines: bytes of the file, where a line belongs to the range it begins in. ZIP: members,
    /// as counted in the archive's directory. WARC and WET, plain or with a
    /// gzip member or a frame for each record: bytes of the file, where a record belongs to the range it begins in; of one of
    /// which a list names records: these, as counted by their order in the file.
    /// Text and other compressed files and books: all bytes of the file.
    pub range: Range<u64>,
    /// How much of the file has to be read, for progress.
    pub bytes: u64,
}

/// Cuts an input into parts of about `target_bytes` of the file. There is always at least one, since reading is what
/// finds faults.
/// # Errors
/// Fails if the file cannot be opened. What is wrong *in* it comes out of [`read`] as a fault.
pub fn splits(input: &Input, target_bytes: u64) -> Result<Vec<Split>, Error> {
    match input.format {
        Format::Parquet => parquet_rows::splits(input, target_bytes),
        Format::JsonLines => json_lines::splits(input, target_bytes),
        Format::Zip => archive::splits(input, target_bytes),
        Format::Wet | Format::Warc | Format::WarcIndex => warc::splits(input, target_bytes),
        Format::Text | Format::Book => Ok(even(input.bytes, u64::MAX)),
    }
}

/// Reads the records of one split in order. `container` is the input's, with its digest where the caller knows it.
/// # Errors
/// Fails if the file cannot be read at all or lacks a column that the source's description names. Everything else that
/// is wrong is visited as a fault, one for each record lost where the file tells how many there were.
pub fn read(
    input: &Input,
    container: &Arc<Container>,
    split: &Split,
    visit: &mut dyn FnMut(Result<Document<'_>, Fault>),
) -> Result<(), Error> {
    read_any(input, container, split, None, visit)
}

/// As [`read`], and web pages in WARC files become documents by `to_text`. [`read`] passes them over.
/// # Errors
/// As [`read`].
pub fn read_pages(
    input: &Input,
    container: &Arc<Container>,
    split: &Split,
    to_text: ToText<'_>,
    visit: &mut dyn FnMut(Result<Document<'_>, Fault>),
) -> Result<(), Error> {
    read_any(input, container, split, Some(to_text), visit)
}

fn read_any(
    input: &Input,
    container: &Arc<Container>,
    split: &Split,
    to_text: Option<ToText<'_>>,
    visit: Visit<'_>,
) -> Result<(), Error> {
    match input.format {
        Format::Parquet => parquet_rows::read(input, container, split, visit),
        Format::JsonLines => json_lines::read(input, container, split, visit),
        Format::Wet | Format::Warc | Format::WarcIndex => warc::read(input, container, split, to_text, visit),
        Format::Text => text_file::read(input, container, visit),
        Format::Zip => archive::read(input, container, split, visit),
        Format::Book => {
            let message = "a book is not read here; `medcorpus extract` and builds read it";
            visit(Err(book_fault(input, None, FaultKind::Unsupported, message)));
            Ok(())
        }
    }
}

/// The lines of one split of an input of JSON lines as they stand in the file, without their line feeds: one for each
/// record that [`read`] visits, and none in place of one that could not be cut out.
/// # Errors
/// Fails if the file cannot be read at all.
pub fn lines(input: &Input, split: &Split, visit: &mut dyn FnMut(Option<&[u8]>)) -> Result<(), Error> {
    json_lines::each_line(input, split, &mut |line| visit(line.ok().map(|line| line.bytes)))
}

/// Finds a wrong name in `[fields]` before any work.
/// # Errors
/// Fails if the input has columns and one that is named is absent or of an unfit type. A file that cannot be understood
/// passes, as it will be a fault.
pub fn check(input: &Input) -> Result<(), Error> {
    match input.format {
        Format::Parquet => parquet_rows::check(input),
        _ => Ok(()),
    }
}

/// Splits of `target_bytes` each; the last one is shorter.
pub(crate) fn even(total: u64, target_bytes: u64) -> Vec<Split> {
    let target = target_bytes.max(1);
    (0..total.div_ceil(target).max(1))
        .map(|index| {
            let start = index * target;
            let end = start.saturating_add(target).min(total);
            Split { index: index as u32, range: start..end, bytes: end - start }
        })
        .collect()
}

/// Groups neighbours until a group reaches `target_bytes`.
pub(crate) fn grouped(sizes: impl Iterator<Item = u64>, target_bytes: u64) -> Vec<Split> {
    let mut splits = Vec::new();
    let mut current = Split { index: 0, range: 0..0, bytes: 0 };
    for size in sizes {
        current.range.end += 1;
        current.bytes = current.bytes.saturating_add(size);
        if current.bytes >= target_bytes {
            let next = Split { index: current.index + 1, range: current.range.end..current.range.end, bytes: 0 };
            splits.push(std::mem::replace(&mut current, next));
        }
    }
    if !current.range.is_empty() || splits.is_empty() {
        splits.push(current);
    }
    splits
}

#[cfg(test)]
pub(crate) mod tests {
    use std::path::Path;

    use super::*;
    use crate::{Description, inputs};

    /// The texts and faults of a file read by `description`, each split as one task.
    pub(crate) fn read_with(description: &Description, path: &Path, target: u64) -> (Vec<String>, Vec<Fault>) {
        let (mut texts, mut faults) = (Vec::new(), Vec::new());
        for input in inputs(description, path).unwrap() {
            let container = Arc::new(input.container.clone());
            for split in splits(&input, target).unwrap() {
                let mut visit = |record: Result<Document<'_>, Fault>| match record {
                    Ok(document) => texts.push(document.text.into_owned()),
                    Err(fault) => faults.push(fault),
                };
                read(&input, &container, &split, &mut visit).unwrap();
            }
        }
        (texts, faults)
    }

    pub(crate) fn read_in_splits(name: &str, bytes: &[u8], target: u64) -> (Vec<String>, Vec<Fault>) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        read_with(&Description::anonymous(&path), &path, target)
    }

    pub(crate) fn read_bytes(name: &str, bytes: &[u8]) -> (Vec<String>, Vec<Fault>) {
        read_in_splits(name, bytes, u64::MAX)
    }

    #[test]
    fn splits_cover_everything_once_and_are_never_none() {
        for (total, target) in [(0, 10), (1, 10), (10, 10), (95, 10), (7, 0), (9, u64::MAX)] {
            let splits = even(total, target);
            assert!(!splits.is_empty());
            assert_eq!(splits.first().map(|it| it.range.start), Some(0));
            assert_eq!(splits.last().map(|it| it.range.end), Some(total));
            assert!(splits.windows(2).all(|pair| pair[0].range.end == pair[1].range.start));
        }
        let ranges: Vec<_> = grouped([4, 4, 9, 1].into_iter(), 8).into_iter().map(|it| (it.range, it.bytes)).collect();
        assert_eq!(ranges, [(0..2, 8), (2..3, 9), (3..4, 1)]);
        assert_eq!(grouped([].into_iter(), 8).len(), 1);
    }
}
