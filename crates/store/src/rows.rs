//! Rows of one of our tables on their way to a record batch.

use std::sync::Arc;

use arrow_array::{
    ArrayRef, RecordBatch,
    builder::{BinaryBuilder, Float64Builder, ListBuilder, StringBuilder, UInt32Builder, UInt64Builder},
};
use arrow_schema::DataType;

use crate::Table;

/// A batch is full at this many bytes of values: its offsets then fit 32 bits, and memory stays bounded.
const BATCH_BYTES: usize = 4 << 20;

/// One cell.
#[derive(Debug, Clone, Copy)]
pub enum Value<'a> {
    Text(&'a str),
    Integer(u64),
    Float(f64),
    Bytes(&'a [u8]),
    Ids(&'a [u32]),
    Null,
}

impl<'a> Value<'a> {
    pub(crate) fn text(value: Option<&'a str>) -> Value<'a> {
        value.map_or(Value::Null, Value::Text)
    }

    pub(crate) fn integer(value: Option<u64>) -> Value<'a> {
        value.map_or(Value::Null, Value::Integer)
    }

    pub(crate) fn float(value: Option<f64>) -> Value<'a> {
        value.map_or(Value::Null, Value::Float)
    }
}

enum Column {
    Text(StringBuilder),
    Integer(UInt64Builder),
    Float(Float64Builder),
    Bytes(BinaryBuilder),
    Ids(ListBuilder<UInt32Builder>),
}

impl Column {
    fn new(data_type: &DataType) -> Column {
        match data_type {
            DataType::UInt64 => Column::Integer(UInt64Builder::new()),
            DataType::Float64 => Column::Float(Float64Builder::new()),
            DataType::Binary => Column::Bytes(BinaryBuilder::new()),
            DataType::List(_) => Column::Ids(ListBuilder::new(UInt32Builder::new())),
            _ => Column::Text(StringBuilder::new()),
        }
    }

    /// Appends a cell and gives its size in bytes.
    fn append(&mut self, value: Value<'_>) -> usize {
        match (self, value) {
            (Column::Text(column), Value::Text(text)) => {
                column.append_value(text);
                text.len()
            }
            (Column::Integer(column), Value::Integer(number)) => {
                column.append_value(number);
                8
            }
            (Column::Float(column), Value::Float(number)) => {
                column.append_value(number);
                8
            }
            (Column::Bytes(column), Value::Bytes(bytes)) => {
                column.append_value(bytes);
                bytes.len()
            }
            (Column::Ids(column), Value::Ids(ids)) => {
                column.append_value(ids.iter().copied().map(Some));
                ids.len() * 4
            }
            (column, Value::Null) => {
                column.append_null();
                1
            }
            (_, value) => panic!("{value:?} is in the wrong column of a row written by this crate"),
        }
    }

    fn append_null(&mut self) {
        match self {
            Column::Text(column) => column.append_null(),
            Column::Integer(column) => column.append_null(),
            Column::Float(column) => column.append_null(),
            Column::Bytes(column) => column.append_null(),
            Column::Ids(column) => column.append_null(),
        }
    }

    fn finish(&mut self) -> ArrayRef {
        match self {
            Column::Text(column) => Arc::new(column.finish()),
            Column::Integer(column) => Arc::new(column.finish()),
            Column::Float(column) => Arc::new(column.finish()),
            Column::Bytes(column) => Arc::new(column.finish()),
            Column::Ids(column) => Arc::new(column.finish()),
        }
    }
}

/// Collects rows; the `push_…` functions of this crate know which cells a row has.
pub struct Rows {
    table: Table,
    columns: Vec<Column>,
    bytes: usize,
}

impl Rows {
    /// No rows of `table`.
    pub fn new(table: Table) -> Rows {
        let columns = table.schema().fields().iter().map(|field| Column::new(field.data_type())).collect();
        Rows { table, columns, bytes: 0 }
    }

    /// Whose rows these are.
    pub fn table(&self) -> Table {
        self.table
    }

    /// Whether it is time to `take` the rows.
    pub fn is_full(&self) -> bool {
        self.bytes >= BATCH_BYTES
    }

    /// The rows so far, of which none remain.
    pub fn take(&mut self) -> RecordBatch {
        self.bytes = 0;
        let columns = self.columns.iter_mut().map(Column::finish).collect();
        RecordBatch::try_new(self.table.schema(), columns).expect("push appends one cell of its type to every column")
    }

    pub(crate) fn push(&mut self, values: &[Value<'_>]) {
        assert_eq!(values.len(), self.columns.len(), "a row has one cell for each column");
        for (column, value) in self.columns.iter_mut().zip(values) {
            self.bytes += column.append(*value);
        }
    }
}
