//! Parquet files as sequences of record batches, written deterministically and atomically.

use std::{fs::File, path::Path};

use arrow_array::RecordBatch;
use parquet::{
    arrow::{
        ArrowWriter, ProjectionMask,
        arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder},
    },
    basic::{Compression, ZstdLevel},
    file::{
        metadata::KeyValue,
        properties::{EnabledStatistics, WriterProperties},
    },
};

use crate::{Error, FileRecord, Table, atomic::NewFile};

/// zstd level 3: 156 MB/s a core, and level 9 saves less than a tenth.
const ZSTD_LEVEL: i32 = 3;

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
