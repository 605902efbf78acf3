//! Batches with other columns: sizes of clusters, and texts of which something was cut out.

use std::sync::Arc;

use arrow_array::{
    Array, ArrayRef, BinaryArray, BooleanArray, LargeStringArray, RecordBatch, StringArray, StringViewArray,
    UInt64Array, builder::StringBuilder, cast::AsArray,
};
use arrow_schema::{ArrowError, DataType, Field};
use arrow_select::{filter::filter_record_batch, interleave::interleave};

use crate::schema::{CLUSTER_SIZE, CUT, integers, strings, with_own_columns};

/// A batch of documents with other cluster sizes: one number a row.
/// # Errors
/// Fails if there are more or fewer numbers than rows.
pub fn with_cluster_sizes(batch: &RecordBatch, sizes: Vec<u64>) -> Result<RecordBatch, ArrowError> {
    let mut columns = batch.columns().to_vec();
    columns[batch.schema().index_of(CLUSTER_SIZE)?] = Arc::new(UInt64Array::from(sizes));
    RecordBatch::try_new(batch.schema(), columns)
}

/// A batch of documents, the first of which is row `first` of its task, as it is after the cuts (a table of `Cuts`, whose
/// rows ascend). `cut` makes of a text what it is without the ranges that are named.
/// # Errors
/// Fails if a batch is not of its table, or `cut` does.
pub fn with_cuts(
    batch: &RecordBatch,
    first: u64,
    cuts: &RecordBatch,
    cut: &dyn Fn(&str, &str) -> Result<String, String>,
) -> Result<RecordBatch, ArrowError> {
    let wrong = ArrowError::InvalidArgumentError;
    let rows: Vec<u64> = integers(cuts, "row").map_err(wrong)?.values().to_vec();
    let ranges: Vec<&str> = strings(cuts, CUT).map_err(wrong)?.collect();
    // For each row where its values come from: the batch or the cuts.
    let from: Vec<(usize, usize)> = (0..batch.num_rows())
        .map(|row| rows.binary_search(&(first + row as u64)).map_or((0, row), |place| (1, place)))
        .collect();
    if from.iter().all(|(table, _)| *table == 0) {
        return Ok(batch.clone());
    }
    let texts = batch.column(batch.schema().index_of("text")?).as_string::<i32>();
    let mut columns = batch.columns().to_vec();
    for (place, field) in batch.schema().fields().iter().enumerate() {
        if field.name() == "text" {
            let text = |(row, (table, place)): (usize, &(usize, usize))| match table {
                0 => Ok(texts.value(row).to_owned()),
                _ => cut(texts.value(row), ranges[*place]),
            };
            let cut: Result<Vec<String>, String> = from.iter().enumerate().map(text).collect();
            columns[place] = Arc::new(StringArray::from(cut.map_err(wrong)?));
        } else if let Some(after) = cuts.column_by_name(field.name()) {
            columns[place] = interleave(&[&columns[place], after], &from)?;
        }
    }
    RecordBatch::try_new(batch.schema(), columns)
}

/// What is cut out of the texts of anybody's rows.
pub struct TextCut<'a> {
    /// The column of the texts.
    pub column: String,
    /// Asked for each kept row in order, with its number and text.
    pub cut: &'a mut CutOut<'a>,
}

/// Gives a text without what is cut out of it, and what that is, if there is any.
pub type CutOut<'a> = dyn FnMut(u64, &str) -> Result<Option<(String, String)>, String> + 'a;

/// The rows of a batch that have a cluster size, in the form of `with_own_columns`. `first` is the number of the batch's
/// first row.
pub(crate) fn kept_rows(
    batch: &RecordBatch,
    first: u64,
    sizes: &[Option<u64>],
    cut: Option<&mut TextCut<'_>>,
) -> Result<RecordBatch, ArrowError> {
    let mask = BooleanArray::from(sizes.iter().map(Option::is_some).collect::<Vec<bool>>());
    let mut kept = filter_record_batch(batch, &mask)?;
    let has_cut = cut.is_some();
    let schema = with_own_columns(&batch.schema(), has_cut);
    let mut cuts = StringBuilder::new();
    if let Some(cut) = cut {
        let rows = sizes.iter().zip(first..).filter(|(size, _)| size.is_some()).map(|(_, row)| row);
        kept = without_cuts(&kept, rows, cut, &mut cuts)?;
    }
    let cuts: ArrayRef = Arc::new(cuts.finish());
    let sizes: ArrayRef = Arc::new(UInt64Array::from(sizes.iter().copied().flatten().collect::<Vec<u64>>()));
    let column = |field: &Arc<Field>| match field.name().as_str() {
        CLUSTER_SIZE => Some(sizes.clone()),
        CUT if has_cut => Some(cuts.clone()),
        name => kept.column_by_name(name).cloned(),
    };
    RecordBatch::try_new(schema.clone(), schema.fields().iter().filter_map(column).collect())
}

/// Bytes that are to be a text.
fn utf8(bytes: Option<&[u8]>) -> Result<Option<&str>, ArrowError> {
    let text = bytes.map(std::str::from_utf8).transpose();
    text.map_err(|error| ArrowError::ParseError(error.to_string()))
}

/// Cuts the texts of a batch, whose rows have these numbers, and says for each row what went.
fn without_cuts(
    batch: &RecordBatch,
    mut rows: impl Iterator<Item = u64>,
    cut: &mut TextCut<'_>,
    cuts: &mut StringBuilder,
) -> Result<RecordBatch, ArrowError> {
    let wrong = |message: String| ArrowError::InvalidArgumentError(message);
    let place = batch.schema().index_of(&cut.column)?;
    let column = batch.column(place);
    // Where nothing is cut out now, what was cut out earlier still holds.
    let earlier = batch.column_by_name(CUT).and_then(|column| column.as_string_opt::<i32>());
    let mut earlier = earlier.into_iter().flatten();
    let mut texts = Vec::with_capacity(column.len());
    let mut edit = |text: Option<&str>| {
        let row = rows.next().unwrap_or_default();
        let earlier = earlier.next().flatten();
        let Some(text) = text else {
            cuts.append_option(earlier);
            texts.push(None);
            return Ok(());
        };
        let (text, went) = match (cut.cut)(row, text).map_err(wrong)? {
            Some((rest, went)) => (rest, Some(went)),
            None => (text.to_owned(), earlier.map(str::to_owned)),
        };
        cuts.append_option(went);
        texts.push(Some(text));
        Ok::<_, ArrowError>(())
    };
    let texts: ArrayRef = match column.data_type() {
        DataType::Utf8 => {
            column.as_string::<i32>().iter().try_for_each(&mut edit)?;
            Arc::new(StringArray::from(texts))
        }
        DataType::LargeUtf8 => {
            column.as_string::<i64>().iter().try_for_each(&mut edit)?;
            Arc::new(LargeStringArray::from(texts))
        }
        DataType::Utf8View => {
            column.as_string_view().iter().try_for_each(&mut edit)?;
            Arc::new(StringViewArray::from(texts.iter().map(Option::as_deref).collect::<Vec<_>>()))
        }
        DataType::Binary => {
            column.as_binary::<i32>().iter().try_for_each(|bytes| edit(utf8(bytes)?))?;
            Arc::new(BinaryArray::from(
                texts.iter().map(|text| text.as_ref().map(String::as_bytes)).collect::<Vec<_>>(),
            ))
        }
        other => return Err(wrong(format!("paragraphs cannot be cut out of a column of {other}"))),
    };
    let mut columns = batch.columns().to_vec();
    columns[place] = texts;
    RecordBatch::try_new(batch.schema(), columns)
}
