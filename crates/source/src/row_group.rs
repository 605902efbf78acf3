//! One row group of a parquet file: its pages, weighed before they are decoded, and its cells, decoded in batches.

use std::{fs::File, path::Path, sync::Arc};

use document::FaultKind;
use parquet::{
    basic::{Compression, ConvertedType, LogicalType, TimeUnit, Type},
    column::reader::{ColumnReaderImpl, get_column_reader, get_typed_column_reader},
    data_type::{ByteArray, ByteArrayType, DataType, Int32Type, Int64Type, Int96Type},
    errors::ParquetError,
    file::{
        metadata::{ColumnChunkMetaData, ParquetMetaData},
        serialized_reader::SerializedPageReader,
    },
    schema::types::ColumnDescriptor,
};

use crate::{
    Error, Input,
    checked_pages::CheckedPages,
    decompress::Trouble,
    fields::{ByRole, Role},
    page_headers::{PageHeader, gzip_pages_are_honest, page_headers},
    parquet_columns::Columns,
    parquet_rows::caught,
    written_time::{write_date, write_int96, write_time},
};

/// Rows decoded at once. Text is not copied, so more would only keep more of a page's neighbours waiting.
const BATCH_ROWS: u64 = 1024;

/// The largest page of a column other than the text's. Writers aim at 1 MiB.
const SIDE_PAGE_BYTES: u64 = 8 << 20;

/// The most entries of a dictionary. Writers stop at 1 MiB, where entries of no bytes would give a quarter of this.
const DICTIONARY_ENTRIES: u64 = 1 << 20;

/// One row group, opened for reading.
pub(crate) struct RowGroup<'p> {
    path: &'p Path,
    columns: ByRole<Option<Column>>,
    /// Largest text page that is decoded.
    page_bytes: u64,
}

/// What came of a batch.
pub(crate) enum Batch {
    /// The cells of each column that is read, in the order of `Role::ALL`.
    Cells { count: usize, cells: ByRole<Vec<Option<ByteArray>>> },
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
    /// Opens the columns of one row group.
    /// # Errors
    /// Fails on content that cannot be what it claims or would cost too much.
    pub(crate) fn open(
        input: &'p Input,
        file: &Arc<File>,
        metadata: &ParquetMetaData,
        index: usize,
        columns: &Columns,
    ) -> Result<RowGroup<'p>, Trouble> {
        let group = metadata.row_group(index);
        let rows = usize::try_from(group.num_rows())
            .map_err(|_| Trouble::Content(FaultKind::Damaged, "the row group has fewer than no rows".to_owned()))?;
        let mut opened = RowGroup {
            path: &input.path,
            columns: [const { None }; Role::ALL.len()],
            page_bytes: input.limits.page_bytes(),
        };
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
    /// # Errors
    /// Fails on damage; what a column holds is then not known any more.
    pub(crate) fn batch(&mut self, next: u64, rows: u64) -> Result<Batch, Trouble> {
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
        let mut cells = [const { Vec::new() }; Role::ALL.len()];
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
