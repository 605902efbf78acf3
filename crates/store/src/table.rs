//! Parquet files as sequences of record batches, written deterministically and atomically.

use std::{
    fs::File,
    ops::Range,
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
};

use arrow_array::RecordBatch;
use parquet::{
    arrow::{
        ArrowWriter, ProjectionMask,
        arrow_reader::{ArrowReaderMetadata, ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder},
    },
    basic::{Compression, ZstdLevel},
    file::{
        metadata::KeyValue,
        properties::{EnabledStatistics, WriterProperties},
    },
};

use crate::{Error, FileRecord, Table, TextCut, atomic::NewFile};

/// zstd level 3: 156 MB/s a core, and level 9 saves less than a tenth.
const ZSTD_LEVEL: i32 = 3;

/// The same for copies of whole rows, which are to cost little.
const COPY_ZSTD_LEVEL: i32 = 1;

/// A row group ends at this many bytes in memory, so that a reader needs not much more for it.
const ROW_GROUP_BYTES: usize = 64 << 20;

/// Rows of a batch that is read: bounds memory at the longest documents.
const READ_ROWS: usize = 256;

/// Writes one table.
pub struct TableWriter {
    writer: ArrowWriter<NewFile>,
    path: std::path::PathBuf,
    rows: u64,
}

impl TableWriter {
    /// Begins the table that will be `path`. `metadata` goes into the file's key-value metadata.
    /// # Errors
    /// Fails if the file cannot be made.
    pub fn create(path: &Path, table: Table, metadata: &[(&str, String)]) -> Result<TableWriter, Error> {
        let pairs = metadata.iter().map(|(key, value)| KeyValue::new(key.to_string(), value.clone())).collect();
        let mut properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(ZstdLevel::try_new(ZSTD_LEVEL).map_err(Error::parquet(path))?))
            .set_created_by(concat!("medcorpus ", env!("CARGO_PKG_VERSION")).to_owned())
            .set_key_value_metadata(Some(pairs))
            .set_dictionary_enabled(false)
            .set_statistics_enabled(EnabledStatistics::None)
            .set_max_row_group_bytes(Some(ROW_GROUP_BYTES));
        for column in table.repetitive_columns() {
            properties = properties.set_column_dictionary_enabled((*column).into(), true);
        }
        let file = NewFile::create(path)?;
        let writer =
            ArrowWriter::try_new(file, table.schema(), Some(properties.build())).map_err(Error::parquet(path))?;
        Ok(TableWriter { writer, path: path.to_owned(), rows: 0 })
    }

    /// Appends the collected rows if they fill a batch.
    /// # Errors
    /// Fails if the file cannot be written.
    pub fn write_full(&mut self, rows: &mut crate::Rows) -> Result<(), Error> {
        if rows.is_full() { self.write(&rows.take()) } else { Ok(()) }
    }

    /// Appends rows.
    /// # Errors
    /// Fails if the file cannot be written.
    pub fn write(&mut self, batch: &RecordBatch) -> Result<(), Error> {
        self.rows += batch.num_rows() as u64;
        self.writer.write(batch).map_err(Error::parquet(&self.path))
    }

    /// Gives the file its name. `name` is its path below the output folder.
    /// # Errors
    /// Fails if the file cannot be completed.
    pub fn finish(self, name: String) -> Result<FileRecord, Error> {
        let path = self.path;
        let file = self.writer.into_inner().map_err(Error::parquet(&path))?;
        let (bytes, digest) = file.commit()?;
        Ok(FileRecord { path: name, bytes, digest, rows: self.rows })
    }
}

/// Reads a table of ours in batches of bounded size.
pub struct TableReader {
    batches: ParquetRecordBatchReader,
    path: std::path::PathBuf,
}

impl TableReader {
    /// Opens a table; with `columns`, only these are read.
    /// # Errors
    /// Fails if the file is missing or no parquet file.
    pub fn open(path: &Path, columns: Option<&[&str]>) -> Result<TableReader, Error> {
        let file = File::open(path).map_err(Error::io(path))?;
        let builder = ParquetRecordBatchReaderBuilder::try_new(file).map_err(Error::parquet(path))?;
        let mask = match columns {
            Some(columns) => ProjectionMask::columns(builder.parquet_schema(), columns.iter().copied()),
            None => ProjectionMask::all(),
        };
        let batches = builder.with_projection(mask).with_batch_size(READ_ROWS).build().map_err(Error::parquet(path))?;
        Ok(TableReader { batches, path: path.to_owned() })
    }
}

impl Iterator for TableReader {
    type Item = Result<RecordBatch, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        self.batches.next().map(|batch| batch.map_err(Error::arrow(&self.path)))
    }
}

/// Copies those rows of anybody's parquet file that `wanted` gives a cluster size for, with all their columns, into the
/// file that will be `to`; the size becomes the column `minhash_cluster_size`. `wanted` is asked for each row in order.
/// `name` is the new file's path below the output folder. `rows` is how many rows the file is believed to have. `cut` says
/// what is cut out of their texts.
/// # Errors
/// Fails if the file cannot be opened, or the new file not be written.
pub fn copy_rows(
    from: &Path,
    to: &Path,
    name: String,
    rows: u64,
    wanted: &mut dyn FnMut(u64) -> Option<u64>,
    mut cut: Option<TextCut<'_>>,
) -> Result<Copied, Error> {
    let open = || File::open(from).map_err(Error::io(from));
    let file = open()?;
    let metadata = match decoded(|| ArrowReaderMetadata::load(&file, Default::default())) {
        Ok(metadata) => metadata,
        Err(message) => return Ok(Copied::Damaged(vec![(0..rows, message)])),
    };
    let columns = crate::schema::with_own_columns(metadata.schema(), cut.is_some());
    let properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(COPY_ZSTD_LEVEL).map_err(Error::parquet(to))?))
        .set_created_by(concat!("medcorpus ", env!("CARGO_PKG_VERSION")).to_owned())
        .set_statistics_enabled(EnabledStatistics::None)
        .set_max_row_group_bytes(Some(ROW_GROUP_BYTES));
    let file = NewFile::create(to)?;
    let mut writer = ArrowWriter::try_new(file, columns, Some(properties.build())).map_err(Error::parquet(to))?;
    let (mut first, mut rows) = (0, 0);
    let mut damaged = Vec::new();
    for group in 0..metadata.metadata().num_row_groups() {
        let count = u64::try_from(metadata.metadata().row_group(group).num_rows()).unwrap_or(0);
        let mut sizes: Vec<Option<u64>> = (first..first + count).map(&mut *wanted).collect();
        first += count;
        if sizes.iter().all(Option::is_none) {
            continue;
        }
        let builder = ParquetRecordBatchReaderBuilder::new_with_metadata(open()?, metadata.clone());
        let mut batches = match decoded(|| builder.with_row_groups(vec![group]).with_batch_size(READ_ROWS).build()) {
            Ok(batches) => batches,
            Err(message) => {
                damaged.push((first - count..first, message));
                continue;
            }
        };
        loop {
            let batch = match decoded(|| batches.next().transpose()) {
                Ok(Some(batch)) => batch,
                Ok(None) if sizes.is_empty() => break,
                Ok(None) => {
                    damaged.push((first - count..first, "the row group ends too early".to_owned()));
                    break;
                }
                Err(message) => {
                    damaged.push((first - count..first, message));
                    break;
                }
            };
            let next = first - sizes.len() as u64;
            let rest = sizes.split_off(batch.num_rows().min(sizes.len()));
            let own = std::mem::replace(&mut sizes, rest);
            let kept = crate::edit::kept_rows(&batch, next, &own, cut.as_mut()).map_err(Error::arrow(from))?;
            rows += kept.num_rows() as u64;
            writer.write(&kept).map_err(Error::parquet(to))?;
        }
    }
    if !damaged.is_empty() {
        return Ok(Copied::Damaged(damaged));
    }
    let (bytes, digest) = writer.into_inner().map_err(Error::parquet(to))?.commit()?;
    Ok(Copied::File(FileRecord { path: name, bytes, digest, rows }))
}

/// What came of copying rows.
pub enum Copied {
    File(FileRecord),
    /// Rows that cannot be copied, since a column of their row group cannot be decoded, and why. No file was written.
    Damaged(Vec<(Range<u64>, String)>),
}

/// Runs a part of the `parquet` crate that looks at bytes of others. Some of its assertions panic on them; what is
/// half-done then is thrown away.
fn decoded<T, E: std::fmt::Display>(decode: impl FnOnce() -> Result<T, E>) -> Result<T, String> {
    match catch_unwind(AssertUnwindSafe(decode)) {
        Ok(result) => result.map_err(|error| format!("cannot be decoded: {error}")),
        Err(_) => Err("cannot be decoded: the parquet decoder gave up".to_owned()),
    }
}
