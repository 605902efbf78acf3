//! Parquet: a row is a document. Pages are decoded column by column, without Arrow arrays in between.
//!
//! The crate's column readers hand out values as slices of the inflated page, so a text is copied nowhere; and they do
//! not check UTF-8, so a bad cell costs its row and not its page. What a page costs is decided before it is read, by its
//! header ([`crate::page_headers`]). A batch never crosses the end of a page, so that at most one page of each column is
//! in memory, and where a page cannot be decoded, what was lost is known.

use std::{
    borrow::Cow,
    fs::File,
    io::{Seek, SeekFrom},
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
    sync::Arc,
};

use document::{Container, FaultKind, Place, nearest};
use parquet::{
    basic::{Compression, ConvertedType, LogicalType, TimeUnit, Type},
    column::reader::{ColumnReaderImpl, get_column_reader, get_typed_column_reader},
    data_type::{ByteArray, ByteArrayType, DataType, Int32Type, Int64Type, Int96Type},
    errors::ParquetError,
    file::{
        metadata::{ColumnChunkMetaData, ParquetMetaData, ParquetMetaDataReader},
        serialized_reader::SerializedPageReader,
    },
    schema::types::ColumnDescriptor,
};

use crate::{
    Error, Input, Split,
    checked_pages::CheckedPages,
    decompress::{Trouble, lfs_pointer, read_full},
    fields::{Record, Role, shortlist},
    json_lines::whole_file,
    page_headers::{PageHeader, gzip_pages_are_honest, page_headers},
    split::{Visit, grouped},
    stated_language,
    written_time::{write_date, write_int96, write_time},
};

/// Rows decoded at once. Text is not copied, so more would only keep more of a page's neighbours waiting.
const BATCH_ROWS: u64 = 1024;

/// A usual name of text that is not believed in parquet unless the source names it: there it mostly holds source code
/// or whole files (The Stack and its kin), while OSCAR, whose text it is, comes as JSON lines.
const MUST_BE_NAMED: &str = "content";

/// The largest page of a column other than the text's. Writers aim at 1 MiB.
const SIDE_PAGE_BYTES: u64 = 8 << 20;

/// The most entries of a dictionary. Writers stop at 1 MiB, where entries of no bytes would give a quarter of this.
const DICTIONARY_ENTRIES: u64 = 1 << 20;

/// The largest footer. That of a file with 1,000 row groups of 50 columns has about 8 MB.
const FOOTER_BYTES: u64 = 64 << 20;

/// Groups row groups until they reach the target in compressed bytes of all columns, of which fewer are read.
pub(crate) fn splits(input: &Input, target_bytes: u64) -> Result<Vec<Split>, Error> {
    match open(&input.path) {
        Ok((_, metadata)) => {
            let columns = |index: usize| metadata.row_group(index).columns().iter();
            let size = |index| {
                columns(index).map(|it| u64::try_from(it.compressed_size()).unwrap_or(0)).fold(0, u64::saturating_add)
            };
            Ok(grouped((0..metadata.num_row_groups()).map(size), target_bytes))
        }
        Err(Trouble::Content(..)) => Ok(grouped([input.bytes].into_iter(), u64::MAX)),
        Err(Trouble::Machine(error)) => Err(error),
    }
}

/// The names of a parquet file's columns; those inside structs with dots.
/// # Errors
/// Fails if the file cannot be opened. One that is no parquet file has no columns.
pub fn columns(path: &Path) -> Result<Vec<String>, Error> {
    match open(path) {
        Ok((_, metadata)) => Ok(names(&metadata)),
        Err(Trouble::Content(..)) => Ok(Vec::new()),
        Err(Trouble::Machine(error)) => Err(error),
    }
}

pub(crate) fn check(input: &Input) -> Result<(), Error> {
    match open(&input.path) {
        Ok((_, metadata)) => find_columns(input, &metadata).map(|_| ()),
        Err(Trouble::Content(..)) => Ok(()),
        Err(Trouble::Machine(error)) => Err(error),
    }
}

pub(crate) fn read(input: &Input, container: &Arc<Container>, split: &Split, visit: Visit<'_>) -> Result<(), Error> {
    let (file, metadata) = match open(&input.path) {
        Ok(opened) => opened,
        Err(trouble) => return whole_file(input, trouble, visit),
    };
    let columns = find_columns(input, &metadata)?;
    if columns[Role::Text as usize].is_none() {
        if split.index == 0 {
            let names = names(&metadata);
            let names = shortlist(names.iter().map(String::as_str), 20);
            let message = format!("no column of text; set fields.text to one of the columns there are: {names}");
            visit(Err(input.fault(FaultKind::MissingText, &Place::Whole, message)));
        }
        return Ok(());
    }
    let file = Arc::new(file);
    let mut first_row = 0;
    for (index, group) in metadata.row_groups().iter().enumerate() {
        let rows = u64::try_from(group.num_rows()).unwrap_or(0);
        if split.range.contains(&(index as u64)) {
            let rows = Rows { input, container, first_row, rows };
            match RowGroup::open(input, &file, &metadata, index, &columns) {
                Ok(group) => rows.read(group, visit)?,
                Err(Trouble::Content(kind, message)) => rows.lose(0..rows.rows, kind, &message, visit),
                Err(Trouble::Machine(error)) => return Err(error),
            }
        }
        first_row = u64::saturating_add(first_row, rows);
    }
    Ok(())
}

fn open(path: &Path) -> Result<(File, ParquetMetaData), Trouble> {
    let content = |kind, message: &str| Err(Trouble::Content(kind, message.to_owned()));
    let ends = || {
        let mut file = File::open(path)?;
        let bytes = file.metadata()?.len();
        let (mut first, mut last) = ([0; 24], [0; 8]);
        read_full(&mut file, &mut first)?;
        file.seek(SeekFrom::Start(bytes.saturating_sub(8)))?;
        read_full(&mut file, &mut last)?;
        Ok((file, bytes, first, last))
    };
    let (file, bytes, first, last) = ends().map_err(|error| Trouble::Machine(Error::io(path)(error)))?;
    if bytes == 0 {
        return content(FaultKind::Damaged, "the file is empty, which a parquet file never is; fetch it again");
    }
    if first.starts_with(b"version https://git-lfs") {
        return Err(lfs_pointer());
    }
    if first.starts_with(b"PARE") || last.ends_with(b"PARE") {
        return content(FaultKind::Unsupported, "the parquet file is encrypted; write it again without encryption");
    }
    if !first.starts_with(b"PAR1") {
        return content(FaultKind::Damaged, "the file does not begin as a parquet file does (PAR1)");
    }
    if bytes < 12 || !last.ends_with(b"PAR1") {
        return content(
            FaultKind::Truncated,
            "the end of the parquet file, with its footer, is missing; fetch it again",
        );
    }
    let footer = u64::from(u32::from_le_bytes([last[0], last[1], last[2], last[3]]));
    if footer > FOOTER_BYTES {
        return content(FaultKind::TooLarge, &format!("the footer has {footer} bytes; at most 64 MiB are read"));
    }
    let metadata = caught(path, || ParquetMetaDataReader::new().parse_and_finish(&file))?;
    Ok((file, metadata))
}

/// Runs a part of the `parquet` crate that looks at hostile bytes. Its decoders mostly return errors, but some
/// assertions and slice bounds remain (its own `bad_data` files found several), and a panic here would end a build of
/// days for one bad file. Whatever a panic leaves half-done is thrown away by all callers.
fn caught<T>(path: &Path, decode: impl FnOnce() -> Result<T, ParquetError>) -> Result<T, Trouble> {
    match catch_unwind(AssertUnwindSafe(decode)) {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(ParquetError::External(error))) if is_machine(error.downcast_ref()) => {
            let error = error.downcast().map_or_else(|_| std::io::Error::other("unknown"), |error| *error);
            Err(Trouble::Machine(Error::io(path)(error)))
        }
        Ok(Err(error)) => Err(Trouble::Content(FaultKind::Damaged, format!("cannot be decoded: {error}"))),
        Err(_) => Err(Trouble::Content(FaultKind::Damaged, "cannot be decoded: the parquet decoder gave up".into())),
    }
}

fn is_machine(error: Option<&std::io::Error>) -> bool {
    error.is_some_and(|error| error.raw_os_error().is_some())
}

/// The leaf that plays each role, by its index in the schema.
type Columns = [Option<usize>; 5];

fn find_columns(input: &Input, metadata: &ParquetMetaData) -> Result<Columns, Error> {
    let leaves = metadata.file_metadata().schema_descr().columns();
    let names = names(metadata);
    let mut found = Columns::default();
    for role in Role::ALL {
        let usable = |index: &usize| fits(&leaves[*index], role);
        let position = |name: &str| names.iter().position(|it| it == name);
        let Some(column) = input.fields.named(role) else {
            let candidates = input.fields.candidates(role).into_iter().filter(|name| *name != MUST_BE_NAMED);
            found[role as usize] = candidates.filter_map(position).find(usable);
            continue;
        };
        let Some(index) = position(column) else {
            return Err(Error::MissingColumn {
                path: input.path.clone(),
                field: role.key(),
                column: column.to_owned(),
                suggestion: nearest(column, names.iter().map(String::as_str)).map(str::to_owned),
                columns: shortlist(names.iter().map(String::as_str), 50),
            });
        };
        if !usable(&index) {
            return Err(Error::WrongColumnType {
                path: input.path.clone(),
                field: role.key(),
                column: column.to_owned(),
                found: match leaves[index].max_rep_level() {
                    0 => format!("of type {}", leaves[index].physical_type()),
                    _ => "a list".to_owned(),
                },
                expected: match role {
                    Role::Text | Role::Url | Role::Language => "strings",
                    Role::Id => "strings or integers",
                    Role::Date => "strings, dates or timestamps",
                },
            });
        }
        found[role as usize] = Some(index);
    }
    Ok(found)
}

/// Whether a column can play a role. Of a list of languages the first is taken; no other role can be a list.
fn fits(leaf: &ColumnDescriptor, role: Role) -> bool {
    let integer = matches!(leaf.physical_type(), Type::INT32 | Type::INT64);
    let typed = match role {
        Role::Text | Role::Url | Role::Language => false,
        Role::Id => integer,
        Role::Date => integer || leaf.physical_type() == Type::INT96,
    };
    let flat = leaf.max_rep_level() == 0 || (role == Role::Language && leaf.max_rep_level() == 1);
    flat && (typed || leaf.physical_type() == Type::BYTE_ARRAY)
}

fn names(metadata: &ParquetMetaData) -> Vec<String> {
    let name = |leaf: &Arc<ColumnDescriptor>| {
        let mut parts = leaf.path().parts();
        // The layers that the format wraps around the entries of a list are not part of its name.
        while let [rest @ .., "list" | "element" | "item" | "array" | "bag" | "array_element"] =
            &parts.iter().map(String::as_str).collect::<Vec<_>>()[..]
        {
            if leaf.max_rep_level() == 0 || rest.is_empty() {
                break;
            }
            parts = &parts[..rest.len()];
        }
        parts.join(".")
    };
    metadata.file_metadata().schema_descr().columns().iter().map(name).collect()
}

/// The rows of one row group, as they are delivered.
struct Rows<'i> {
    input: &'i Input,
    container: &'i Arc<Container>,
    /// Row of the file at which the group begins.
    first_row: u64,
    rows: u64,
}

impl Rows<'_> {
    fn read(&self, mut group: RowGroup<'_>, visit: Visit<'_>) -> Result<(), Error> {
        let mut next = 0;
        while next < self.rows {
            match group.batch(next, self.rows) {
                Ok(Batch::Cells { count, cells }) => {
                    for row in 0..count {
                        let cell = |role: Role| cells[role as usize].get(row).and_then(Option::as_ref);
                        visit(self.document(next + row as u64, cell));
                    }
                    next += count as u64;
                }
                Ok(Batch::Refused { count, message }) => {
                    let end = next.saturating_add(count).min(self.rows);
                    self.lose(next..end, FaultKind::TooLarge, &message, visit);
                    next = end;
                }
                Err(Trouble::Content(kind, message)) => {
                    self.lose(next..self.rows, kind, &message, visit);
                    return Ok(());
                }
                Err(Trouble::Machine(error)) => return Err(error),
            }
        }
        Ok(())
    }

    /// One fault for each row. A hostile footer may claim 2^62 rows; no more are believed than the file has bytes.
    fn lose(&self, rows: std::ops::Range<u64>, kind: FaultKind, message: &str, visit: Visit<'_>) {
        for row in rows.take(usize::try_from(self.input.bytes).unwrap_or(usize::MAX)) {
            visit(Err(self.input.fault(kind, &Place::Row(self.first_row.saturating_add(row)), message)));
        }
    }

    fn document<'c>(
        &self,
        row: u64,
        cell: impl Fn(Role) -> Option<&'c ByteArray>,
    ) -> Result<document::Document<'c>, document::Fault> {
        let place = Place::Row(self.first_row.saturating_add(row));
        let Some(text) = cell(Role::Text) else {
            return Err(self.input.fault(FaultKind::MissingText, &place, "the text is null"));
        };
        let text = simdutf8::compat::from_utf8(text.data()).map_err(|error| {
            let message = format!("byte {} of the text is not UTF-8", error.valid_up_to());
            self.input.fault(FaultKind::InvalidUtf8, &place, message)
        })?;
        let string = |role| cell(role).map(|cell| String::from_utf8_lossy(cell.data()));
        let record = Record {
            text: Cow::Borrowed(text),
            id: string(Role::Id),
            url: string(Role::Url),
            date: string(Role::Date),
            language: string(Role::Language).and_then(|stated| stated_language::parse(&stated)),
        };
        self.input.document(self.container, place, record)
    }
}

/// One row group, opened for reading.
struct RowGroup<'p> {
    path: &'p Path,
    columns: [Option<Column>; 5],
    /// Largest text page that is decoded.
    page_bytes: u64,
}

enum Batch {
    /// The cells of each column that is read, in the order of `Role::ALL`.
    Cells { count: usize, cells: [Vec<Option<ByteArray>>; 5] },
    /// A page of the text is too large; its rows were passed over.
    Refused { count: u64, message: String },
}

struct Column {
    reader: Reader,
    max_definition: i16,
    is_list: bool,
    /// The data pages that are still to come, the last one first; each with the row behind it.
    pages: Vec<(u64, PageHeader)>,
}

impl<'p> RowGroup<'p> {
    fn open(
        input: &'p Input,
        file: &Arc<File>,
        metadata: &ParquetMetaData,
        index: usize,
        columns: &Columns,
    ) -> Result<RowGroup<'p>, Trouble> {
        let group = metadata.row_group(index);
        let rows = usize::try_from(group.num_rows())
            .map_err(|_| Trouble::Content(FaultKind::Damaged, "the row group has fewer than no rows".to_owned()))?;
        let mut opened =
            RowGroup { path: &input.path, columns: [const { None }; 5], page_bytes: input.limits.page_bytes() };
        for role in Role::ALL {
            let Some(leaf) = columns[role as usize] else { continue };
            let chunk = group.columns().get(leaf).ok_or_else(|| {
                Trouble::Content(FaultKind::Damaged, format!("the row group lacks its {} column", role.key()))
            })?;
            let limit = if role == Role::Text { opened.page_bytes } else { SIDE_PAGE_BYTES.min(opened.page_bytes) };
            let (pages, left_for_data) = affordable_pages(input, file, chunk, role, limit)?;
            if role == Role::Text {
                opened.page_bytes = left_for_data;
            }
            let reader = caught(&input.path, || {
                let pages = CheckedPages {
                    pages: SerializedPageReader::new(Arc::clone(file), chunk, rows, None)?,
                    max_definition: chunk.column_descr().max_def_level(),
                    max_repetition: chunk.column_descr().max_rep_level(),
                };
                Ok(Reader::new(chunk.column_descr(), get_column_reader(chunk.column_descr_ptr(), Box::new(pages))))
            })?;
            let descriptor = chunk.column_descr();
            opened.columns[role as usize] = Some(Column {
                reader,
                max_definition: descriptor.max_def_level(),
                is_list: descriptor.max_rep_level() > 0,
                pages,
            });
        }
        Ok(opened)
    }

    /// Decodes the rows from `next` to the nearest end of a page.
    fn batch(&mut self, next: u64, rows: u64) -> Result<Batch, Trouble> {
        let mut end = rows.min(next + BATCH_ROWS);
        for column in self.columns.iter_mut().flatten() {
            while column.pages.last().is_some_and(|(page_end, _)| *page_end <= next) {
                column.pages.pop();
            }
            end = column.pages.last().map_or(end, |(page_end, _)| end.min(*page_end));
        }
        let text = self.columns[Role::Text as usize].as_ref();
        if let Some((page_end, page)) = text.and_then(|text| text.pages.last()) {
            if page.largest() > self.page_bytes {
                let (count, bytes) = ((*page_end).min(rows) - next, page.largest());
                let message = format!(
                    "the row lies in a page of {bytes} bytes, over limits.max_page_megabytes; raise it in the source's \
                     description, or write the file again with smaller pages"
                );
                for column in self.columns.iter_mut().flatten() {
                    column.reader.skip(self.path, count)?;
                }
                return Ok(Batch::Refused { count, message });
            }
            if page.is_prefix_coded {
                // Every value may be as long as the page, since it may repeat the one before.
                end = end.min(next + (self.page_bytes / page.uncompressed.max(1)).max(1));
            }
        }
        let count = usize::try_from(end - next).expect("a batch has at most BATCH_ROWS rows");
        let mut cells = [const { Vec::new() }; 5];
        for (column, cells) in self.columns.iter_mut().zip(&mut cells) {
            let Some(column) = column else { continue };
            *cells = column.reader.read(self.path, count, column.max_definition, column.is_list)?;
            if cells.len() != count {
                let message =
                    format!("a column ends {} rows too early", (rows - next).saturating_sub(cells.len() as u64));
                return Err(Trouble::Content(FaultKind::Truncated, message));
            }
        }
        Ok(Batch::Cells { count, cells })
    }
}

/// The data pages of a chunk, last one first, and how many bytes each may have beside the dictionary.
/// Pages that are too large are an error but for those of the text, which are passed over one by one.
fn affordable_pages(
    input: &Input,
    file: &File,
    chunk: &ColumnChunkMetaData,
    role: Role,
    limit: u64,
) -> Result<(Vec<(u64, PageHeader)>, u64), Trouble> {
    let damaged = |message: String| Trouble::Content(FaultKind::Damaged, message);
    let (start, length) = caught(&input.path, || Ok(chunk.byte_range()))?;
    let machine = |error| Trouble::Machine(Error::io(&input.path)(error));
    let mut file = file.try_clone().map_err(machine)?;
    let mut headers = page_headers(&mut file, start, length).map_err(machine)?.map_err(damaged)?;
    let is_gzip = matches!(chunk.compression(), Compression::GZIP(_));
    if is_gzip && !gzip_pages_are_honest(&mut file, start, length).map_err(machine)? {
        return Err(damaged("a page inflates to more than its header says".to_owned()));
    }
    let dictionary = headers.iter().filter(|page| page.is_dictionary);
    let dictionary_bytes = dictionary.clone().map(PageHeader::largest).max().unwrap_or(0);
    let entries = dictionary.map(|page| page.values).max().unwrap_or(0);
    headers.retain(|page| !page.is_dictionary);
    let largest = headers.iter().map(PageHeader::largest).max().unwrap_or(0);
    let is_list = chunk.column_descr().max_rep_level() > 0;
    let at_once = match (role, is_list) {
        (Role::Text, _) => 0,
        (_, false) => largest,
        // Where the pages of a list end is not known in rows, so all of them might meet in one batch.
        (_, true) => headers.iter().map(PageHeader::largest).sum(),
    };
    if entries > DICTIONARY_ENTRIES || dictionary_bytes + at_once > limit {
        let message = format!(
            "the {} column's dictionary has {entries} entries and {dictionary_bytes} bytes, its largest page {largest} \
             bytes; up to {DICTIONARY_ENTRIES} entries and {limit} bytes are read (limits.max_page_megabytes)",
            role.key()
        );
        return Err(Trouble::Content(FaultKind::TooLarge, message));
    }
    let mut end = 0u64;
    let mut pages: Vec<_> = headers
        .into_iter()
        .filter(|_| !is_list)
        .map(|page| {
            end = end.saturating_add(page.rows.unwrap_or(page.values));
            (end, page)
        })
        .collect();
    pages.reverse();
    Ok((pages, limit - dictionary_bytes))
}

/// A column reader by the physical type of its column, with how its values are written as text.
enum Reader {
    Bytes(ColumnReaderImpl<ByteArrayType>),
    Int32(ColumnReaderImpl<Int32Type>, fn(i64) -> String),
    Int64(ColumnReaderImpl<Int64Type>, fn(i64) -> String),
    Int96(ColumnReaderImpl<Int96Type>),
}

impl Reader {
    fn new(leaf: &ColumnDescriptor, reader: parquet::column::reader::ColumnReader) -> Reader {
        match leaf.physical_type() {
            Type::INT32 => Reader::Int32(get_typed_column_reader(reader), write_integer(leaf)),
            Type::INT64 => Reader::Int64(get_typed_column_reader(reader), write_integer(leaf)),
            Type::INT96 => Reader::Int96(get_typed_column_reader(reader)),
            _ => Reader::Bytes(get_typed_column_reader(reader)),
        }
    }

    /// Up to `count` rows. After an error nothing of them is known, for the crate may have left blanks among them.
    fn read(
        &mut self,
        path: &Path,
        count: usize,
        max_definition: i16,
        is_list: bool,
    ) -> Result<Vec<Option<ByteArray>>, Trouble> {
        let shape = (count, max_definition, is_list);
        caught(path, || match self {
            Reader::Bytes(reader) => cells(reader, shape, |bytes| bytes),
            Reader::Int32(reader, write) => cells(reader, shape, |number| write(number.into()).into_bytes().into()),
            Reader::Int64(reader, write) => cells(reader, shape, |number| write(number).into_bytes().into()),
            Reader::Int96(reader) => cells(reader, shape, |time| write_int96(time).into_bytes().into()),
        })
    }

    fn skip(&mut self, path: &Path, count: u64) -> Result<(), Trouble> {
        let count = usize::try_from(count).unwrap_or(usize::MAX);
        let skipped = caught(path, || match self {
            Reader::Bytes(reader) => reader.skip_records(count),
            Reader::Int32(reader, _) => reader.skip_records(count),
            Reader::Int64(reader, _) => reader.skip_records(count),
            Reader::Int96(reader) => reader.skip_records(count),
        })?;
        let message = || Trouble::Content(FaultKind::Truncated, "a column ends too early".to_owned());
        (skipped == count).then_some(()).ok_or_else(message)
    }
}

/// Puts values and nulls in their rows. A list gives its first entry.
fn cells<T: DataType>(
    reader: &mut ColumnReaderImpl<T>,
    (count, max_definition, is_list): (usize, i16, bool),
    write: impl Fn(T::T) -> ByteArray,
) -> Result<Vec<Option<ByteArray>>, ParquetError> {
    let (mut values, mut definitions, mut repetitions) = (Vec::new(), Vec::new(), Vec::new());
    reader.read_records(count, Some(&mut definitions), is_list.then_some(&mut repetitions), &mut values)?;
    let mut values = values.into_iter().map(write);
    if max_definition == 0 {
        return Ok(values.map(Some).collect());
    }
    let mut cells = Vec::with_capacity(count);
    for (index, definition) in definitions.into_iter().enumerate() {
        let value = if definition == max_definition { values.next() } else { None };
        match repetitions.get(index) {
            Some(1..) => {}
            _ => cells.push(value),
        }
    }
    Ok(cells)
}

/// How the integers of a column are written: dates and timestamps by RFC 3339, others in decimal.
fn write_integer(leaf: &ColumnDescriptor) -> fn(i64) -> String {
    let unit = match (leaf.logical_type_ref(), leaf.converted_type()) {
        (Some(LogicalType::Timestamp(time)), _) => Some(time.unit),
        (_, ConvertedType::TIMESTAMP_MILLIS) => Some(TimeUnit::MILLIS),
        (_, ConvertedType::TIMESTAMP_MICROS) => Some(TimeUnit::MICROS),
        (Some(LogicalType::Date), _) | (_, ConvertedType::DATE) => return write_date,
        _ => None,
    };
    match unit {
        Some(TimeUnit::MILLIS) => |number| write_time(number.into(), 1_000),
        Some(TimeUnit::MICROS) => |number| write_time(number.into(), 1_000_000),
        Some(TimeUnit::NANOS) => |number| write_time(number.into(), 1_000_000_000),
        None => |number| number.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use arrow_array::{
        ArrayRef, BinaryArray, Int64Array, LargeStringArray, ListArray, RecordBatch, StringArray, StringViewArray,
        TimestampMillisecondArray,
        builder::{ListBuilder, StringBuilder},
    };
    use document::Fault;
    use parquet::{
        arrow::ArrowWriter,
        basic::{Encoding, GzipLevel, ZstdLevel},
        file::properties::WriterProperties,
    };

    use super::*;
    use crate::{
        Description,
        split::tests::{read_bytes, read_in_splits, read_with},
    };

    fn parquet(columns: Vec<(&str, ArrayRef)>, properties: WriterProperties) -> Vec<u8> {
        let batch = RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(n, a)| (n, a, true))).unwrap();
        let mut bytes = Vec::new();
        let mut writer = ArrowWriter::try_new(&mut bytes, batch.schema(), Some(properties)).unwrap();
        writer.write(&batch).unwrap();
        writer.close().unwrap();
        bytes
    }

    fn strings(texts: &[&str]) -> ArrayRef {
        Arc::new(StringArray::from(texts.to_vec()))
    }

    fn defaults() -> WriterProperties {
        WriterProperties::builder().set_compression(Compression::ZSTD(ZstdLevel::default())).build()
    }

    fn lines(bytes: &[u8]) -> Vec<String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.parquet");
        std::fs::write(&path, bytes).unwrap();
        let input = crate::inputs(&Description::anonymous(&path), &path).unwrap().remove(0);
        let container = Arc::new(input.container.clone());
        let mut lines = Vec::new();
        for split in splits(&input, 1).unwrap() {
            read(&input, &container, &split, &mut |record| {
                lines.push(match record {
                    Ok(it) => {
                        let language = it.declared_language.map(|it| it.to_string()).unwrap_or_default();
                        let [url, date] = [it.url, it.date].map(Option::unwrap_or_default);
                        format!("{}|{}|{url}|{date}|{language}", it.id, it.text)
                    }
                    Err(fault) => fault.to_string(),
                });
            })
            .unwrap();
        }
        lines
    }

    #[test]
    fn culturax_columns_are_found_and_ids_made() {
        let bytes = parquet(
            vec![
                ("text", strings(&["心筋梗塞", "инфаркт"])),
                ("timestamp", strings(&["2020/11/23 18:53:17", ""])),
                ("url", strings(&["http://a.example/", ""])),
                ("source", strings(&["mC4", "OSCAR-2301"])),
            ],
            defaults(),
        );
        let expected = [
            "a.parquet:a.parquet#row=0|心筋梗塞|http://a.example/|2020/11/23 18:53:17|",
            "a.parquet:a.parquet#row=1|инфаркт|||",
        ];
        assert_eq!(lines(&bytes), expected);
    }

    #[test]
    fn all_types_of_string_and_time_are_read() {
        let mut languages = ListBuilder::new(StringBuilder::new());
        languages.append_value([Some("jpn_Jpan"), Some("eng_Latn")]);
        languages.append_null();
        languages.append_value([None::<&str>]);
        let languages: ListArray = languages.finish();
        let texts: [ArrayRef; 4] = [
            Arc::new(LargeStringArray::from(vec![Some("一"), None, Some("三")])),
            Arc::new(StringViewArray::from(vec![Some("一"), None, Some("三")])),
            Arc::new(BinaryArray::from_opt_vec(vec![Some("一".as_bytes()), None, Some("三".as_bytes())])),
            Arc::new(
                [Some("一"), None, Some("三")]
                    .into_iter()
                    .collect::<arrow_array::DictionaryArray<arrow_array::types::Int32Type>>(),
            ),
        ];
        for text in texts {
            let bytes = parquet(
                vec![
                    ("id", Arc::new(Int64Array::from(vec![7, 8, -9]))),
                    ("raw_content", text),
                    ("crawl_date", Arc::new(TimestampMillisecondArray::from(vec![1_600_000_000_250, 0, -1000]))),
                    ("lang", Arc::new(languages.clone())),
                ],
                defaults(),
            );
            let expected = [
                "7|一||2020-09-13T12:26:40.25Z|ja",
                "a.parquet#row=1: missing_text: the text is null",
                "-9|三||1969-12-31T23:59:59Z|",
            ];
            assert_eq!(lines(&bytes), expected);
        }
    }

    #[test]
    fn a_bad_cell_costs_its_row() {
        let text = BinaryArray::from_opt_vec(vec![Some("до".as_bytes()), Some(b"\xff\xfe"), Some("после".as_bytes())]);
        let (texts, faults) = read_bytes("a.parquet", &parquet(vec![("text", Arc::new(text))], defaults()));
        assert_eq!(texts, ["до", "после"]);
        assert_eq!(faults[0].to_string(), "a.parquet#row=1: invalid_utf8: byte 0 of the text is not UTF-8");
    }

    #[test]
    fn a_file_without_text_names_its_columns_once() {
        let bytes = parquet(vec![("title", strings(&["a"])), ("content", strings(&["b"]))], defaults());
        let (texts, faults) = read_bytes("a.parquet", &bytes);
        assert_eq!((texts.len(), faults.len(), faults[0].kind), (0, 1, FaultKind::MissingText));
        assert!(faults[0].message.ends_with("title, content"), "{}", faults[0]);
    }

    #[test]
    fn a_named_column_that_is_absent_is_found_before_any_work() {
        let bytes =
            parquet(vec![("本文", strings(&["a"])), ("title", Arc::new(Int64Array::from(vec![1])))], defaults());
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.parquet");
        std::fs::write(&path, bytes).unwrap();
        let mut description = Description::anonymous(&path);
        let check_with = |description: &Description| check(&crate::inputs(description, &path).unwrap()[0]);
        description.fields.text = Some("titel".to_owned());
        let error = check_with(&description).unwrap_err().to_string();
        assert!(
            error.ends_with("\"titel\" (fields.text); did you mean \"title\"?; the columns are: 本文, title"),
            "{error}"
        );
        description.fields.text = Some("title".to_owned());
        let error = check_with(&description).unwrap_err().to_string();
        assert!(error.ends_with("is of type INT64; name a column of strings"), "{error}");
        description.fields.text = Some("本文".to_owned());
        check_with(&description).unwrap();
        assert_eq!(read_with(&description, &path, 1).0, ["a"]);
        assert_eq!(columns(&path).unwrap(), ["本文", "title"]);
    }

    /// Rows in groups of ten, in several pages a group.
    fn hundred_rows(compression: Compression) -> Vec<u8> {
        let texts: Vec<String> = (0..100).map(|it| format!("пациент {it} {}", "心".repeat(it * 7 % 90))).collect();
        let properties = WriterProperties::builder()
            .set_compression(compression)
            .set_dictionary_enabled(false)
            .set_max_row_group_row_count(Some(10))
            .set_data_page_row_count_limit(3)
            .set_write_batch_size(3)
            .build();
        let url: Vec<String> = (0..100).map(|it| format!("http://a.example/{it}")).collect();
        parquet(
            vec![("text", Arc::new(StringArray::from(texts))), ("url", Arc::new(StringArray::from(url)))],
            properties,
        )
    }

    #[test]
    fn splits_of_any_size_deliver_the_same_rows() {
        for compression in [Compression::SNAPPY, Compression::GZIP(GzipLevel::default()), Compression::LZ4_RAW] {
            let bytes = hundred_rows(compression);
            let whole = read_in_splits("a.parquet", &bytes, u64::MAX);
            assert_eq!((whole.0.len(), whole.1.len()), (100, 0));
            assert!(whole.0[99].starts_with("пациент 99 "));
            for target in [1, 1000, 3000] {
                assert_eq!(read_in_splits("a.parquet", &bytes, target), whole);
            }
        }
    }

    fn rows_of(faults: &[Fault]) -> Vec<u64> {
        faults.iter().map(|fault| fault.place.rsplit('=').next().unwrap().parse().unwrap()).collect()
    }

    #[test]
    fn a_damaged_page_costs_the_rest_of_its_row_group() {
        let mut bytes = hundred_rows(Compression::ZSTD(ZstdLevel::default()));
        let reader = ParquetMetaDataReader::new();
        let metadata = reader.parse_and_finish(&bytes::Bytes::from(bytes.clone())).unwrap();
        let (start, length) = metadata.row_group(4).column(0).byte_range();
        bytes[(start + length - 8) as usize..(start + length) as usize].fill(0xff);
        let (texts, faults) = read_bytes("a.parquet", &bytes);
        assert_eq!((texts.len(), rows_of(&faults)), (99, vec![49]));
        assert_eq!(faults[0].kind, FaultKind::Damaged);

        bytes[start as usize..(start + length) as usize].fill(0xff);
        let (texts, faults) = read_bytes("a.parquet", &bytes);
        assert_eq!((texts.len(), rows_of(&faults)), (90, (40..50).collect()));
    }

    #[test]
    fn a_page_over_the_limit_is_passed_over() {
        let huge = "心".repeat(3 << 20);
        let texts = ["до", &huge, "после"];
        let properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(ZstdLevel::default()))
            .set_dictionary_enabled(false)
            .set_data_page_row_count_limit(1)
            .set_write_batch_size(1)
            .build();
        let bytes = parquet(vec![("text", strings(&texts)), ("id", strings(&["1", "2", "3"]))], properties);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.parquet");
        std::fs::write(&path, &bytes).unwrap();
        let mut description = Description::anonymous(&path);
        assert_eq!(read_with(&description, &path, 1).0.len(), 3);
        description.limits.max_document_megabytes = 8;
        let (texts, faults) = read_with(&description, &path, 1);
        assert_eq!((texts.len(), faults[0].kind, rows_of(&faults)), (2, FaultKind::TooLarge, vec![1]));
        assert!(faults[0].message.contains("max_document_megabytes"), "{}", faults[0]);
        description.limits.max_page_megabytes = 4;
        let (texts, faults) = read_with(&description, &path, 1);
        assert_eq!((texts, rows_of(&faults)), (vec!["до".to_owned(), "после".to_owned()], vec![1]));
        assert!(faults[0].message.contains("max_page_megabytes"), "{}", faults[0]);
    }

    #[test]
    fn a_large_dictionary_entry_is_not_copied_for_each_row() {
        let text = "心".repeat(1 << 20);
        let keys = arrow_array::Int32Array::from(vec![0; 3000]);
        let texts = arrow_array::DictionaryArray::new(keys, strings(&[&text]));
        let bytes = parquet(vec![("text", Arc::new(texts))], defaults());
        let mut rows = 0;
        for line in lines_lengths(&bytes) {
            assert_eq!(line, 3 << 20);
            rows += 1;
        }
        assert_eq!(rows, 3000);
    }

    fn lines_lengths(bytes: &[u8]) -> Vec<usize> {
        let file = crate::decompress::tests::file(bytes);
        let input = crate::inputs(&Description::anonymous(file.path()), file.path()).unwrap().remove(0);
        let container = Arc::new(input.container.clone());
        let mut lengths = Vec::new();
        let split = &splits(&input, u64::MAX).unwrap()[0];
        read(&input, &container, split, &mut |record| lengths.push(record.map_or(0, |it| it.text.len()))).unwrap();
        lengths
    }

    #[test]
    fn delta_coded_texts_are_read_in_both_versions_of_pages() {
        use parquet::file::properties::WriterVersion::{PARQUET_1_0, PARQUET_2_0};
        let texts: Vec<Option<String>> =
            (0..5000).map(|it| (it % 5 != 0).then(|| format!("одинаковое начало {it}"))).collect();
        let expected: Vec<String> = texts.iter().flatten().cloned().collect();
        for encoding in [Encoding::DELTA_BYTE_ARRAY, Encoding::DELTA_LENGTH_BYTE_ARRAY, Encoding::PLAIN] {
            for version in [PARQUET_1_0, PARQUET_2_0] {
                let properties = WriterProperties::builder()
                    .set_dictionary_enabled(false)
                    .set_compression(Compression::GZIP(GzipLevel::default()))
                    .set_writer_version(version)
                    .set_encoding(encoding)
                    .build();
                let bytes = parquet(vec![("text", Arc::new(StringArray::from(texts.clone())))], properties);
                let (read, faults) = read_bytes("a.parquet", &bytes);
                assert!(read == expected, "{encoding} {version:?}: {}", read.len());
                assert!(faults.len() == 1000 && faults.iter().all(|it| it.kind == FaultKind::MissingText));
            }
        }
    }

    #[test]
    fn files_that_are_not_what_their_name_says_are_one_fault() {
        let whole = hundred_rows(Compression::SNAPPY);
        for (bytes, kind, expected) in [
            (&b""[..], FaultKind::Damaged, "empty"),
            (b"version https://git-lfs.github.com/spec/v1\n", FaultKind::Unsupported, "git lfs pull"),
            (b"PARE12345678PARE", FaultKind::Unsupported, "encrypted"),
            (&whole[..whole.len() - 5], FaultKind::Truncated, "footer"),
            ("не паркет".as_bytes(), FaultKind::Damaged, "PAR1"),
        ] {
            let (texts, faults) = read_bytes("a.parquet", bytes);
            assert_eq!((texts.len(), faults.len(), faults[0].kind), (0, 1, kind), "{faults:?}");
            assert!(faults[0].message.contains(expected), "{}", faults[0]);
        }
    }

    proptest::proptest! {
        #![proptest_config(proptest::test_runner::Config::with_cases(64))]
        #[test]
        fn no_damage_makes_it_panic_or_deliver_more(
            changes in proptest::collection::vec((proptest::arbitrary::any::<proptest::sample::Index>(), 0u8..), 1..6),
        ) {
            let mut bytes = hundred_rows(Compression::SNAPPY);
            for (index, byte) in changes {
                let at = index.index(bytes.len());
                bytes[at] = byte;
            }
            let (texts, _) = read_bytes("a.parquet", &bytes);
            proptest::prop_assert!(texts.len() <= 100);
        }
    }
}
