//! The columns of every table that a build writes. Nothing else in the workspace knows them by heart.
//!
//! Names are those of FineWeb-2 where it has one. The text form of all schemas is snapshotted in the test below: a
//! changed column is a changed format, and belongs into the CHANGELOG.

use std::sync::Arc;

use arrow_array::{
    Array, RecordBatch, UInt64Array,
    cast::AsArray,
    types::{Float64Type, UInt64Type},
};
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use document::{Digest, Document, Fault, LanguageCode, Reason, Tally};

use crate::rows::{Rows, Value};

/// The tables of a build.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Table {
    /// Kept documents: `corpus/` and the survivors of pass 1.
    Documents { token_ids: bool },
    /// Documents that were rejected and records that failed.
    Rejected,
    /// What is needed of a survivor to find its duplicates.
    Signatures,
    /// Who removed whom.
    Duplicates,
    /// Pairs that were proposed and not accepted.
    Refused,
    /// Paragraphs that recur on a site, each with the document in which it stays.
    Boilerplate,
    /// What is cut out of a task's survivors, and their scores after it.
    Cuts { token_ids: bool },
}

fn required(name: &str, data_type: DataType) -> Field {
    Field::new(name, data_type, false)
}

fn optional(name: &str, data_type: DataType) -> Field {
    Field::new(name, data_type, true)
}

impl Table {
    /// The columns.
    pub fn schema(self) -> SchemaRef {
        use DataType::{Binary, Float64, UInt64, Utf8};
        let fields = match self {
            Table::Documents { token_ids } => {
                let mut fields = vec![
                    required("text", Utf8),
                    required("id", Utf8),
                    optional("url", Utf8),
                    optional("date", Utf8),
                    required("file_path", Utf8),
                    required("language", Utf8),
                    optional("language_score", Float64),
                    required("language_script", Utf8),
                    required("minhash_cluster_size", UInt64),
                    optional("token_count", UInt64),
                    optional("tokenizer", Utf8),
                    required("char_count", UInt64),
                    optional("word_count", UInt64),
                    required("source", Utf8),
                    required("kind", Utf8),
                    required("licence", Utf8),
                    required("licence_evidence", Utf8),
                    required("locator", Utf8),
                    optional("container_digest", Utf8),
                    optional("distinct_keywords", UInt64),
                    optional("hit_chars", UInt64),
                    optional("keyword_density", Float64),
                    optional("keyword_weight", Float64),
                    optional("top_keywords", Utf8),
                    optional("classifier_probability", Float64),
                    optional("medical_probability", Float64),
                    optional("medical_share", Float64),
                    optional("duplicate_line_chars", Float64),
                    optional("page_method", Utf8),
                    optional("ocr_confidence", Float64),
                    optional(CUT, Utf8),
                ];
                if token_ids {
                    fields.push(optional("token_ids", token_ids_type()));
                }
                fields
            }
            Table::Rejected => vec![
                optional("id", Utf8),
                required("source", Utf8),
                required("locator", Utf8),
                optional("language", Utf8),
                required("outcome", Utf8),
                required("stage", Utf8),
                required("rule", Utf8),
                optional("value", Float64),
                optional("limit", Float64),
                optional("message", Utf8),
                optional("text", Utf8),
            ],
            Table::Signatures => vec![
                required("exact", Binary),
                required("bands", Binary),
                required("language", Utf8),
                required("bytes", UInt64),
                required("chars", UInt64),
                required("tokens", UInt64),
            ],
            Table::Duplicates => vec![
                required("removed_number", UInt64),
                required("removed_id", Utf8),
                required("removed_source", Utf8),
                required("removed_locator", Utf8),
                required("kept_number", UInt64),
                required("kept_id", Utf8),
                required("kept_source", Utf8),
                required("kept_locator", Utf8),
                required("similarity", Float64),
                required("kind", Utf8),
            ],
            Table::Refused => vec![
                required("document_id", Utf8),
                required("document_source", Utf8),
                required("document_locator", Utf8),
                required("kept_id", Utf8),
                required("kept_source", Utf8),
                required("kept_locator", Utf8),
                required("similarity", Float64),
                required("reason", Utf8),
            ],
            Table::Boilerplate => vec![
                required("site", Utf8),
                required("paragraph", Utf8),
                required("documents", UInt64),
                required("kept_id", Utf8),
                required("kept_source", Utf8),
                required("kept_locator", Utf8),
            ],
            Table::Cuts { token_ids } => {
                let mut fields = vec![
                    required("row", UInt64),
                    required("bytes", UInt64),
                    optional(CUT, Utf8),
                    required("char_count", UInt64),
                    optional("word_count", UInt64),
                    optional("token_count", UInt64),
                    optional("duplicate_line_chars", Float64),
                ];
                if token_ids {
                    fields.push(optional("token_ids", token_ids_type()));
                }
                fields
            }
        };
        Arc::new(Schema::new(fields))
    }

    /// Columns with few different values, which a dictionary shrinks.
    pub(crate) fn repetitive_columns(self) -> &'static [&'static str] {
        match self {
            Table::Documents { .. } => &[
                "file_path",
                "language",
                "language_script",
                "tokenizer",
                "source",
                "kind",
                "licence",
                "licence_evidence",
                "container_digest",
                "page_method",
            ],
            Table::Rejected => &["source", "language", "outcome", "stage", "rule", "limit"],
            Table::Signatures => &["language"],
            Table::Duplicates => &["removed_source", "kept_source", "kind"],
            Table::Refused => &["document_source", "kept_source", "reason"],
            Table::Boilerplate => &["site", "kept_source"],
            Table::Cuts { .. } => &[],
        }
    }
}

fn token_ids_type() -> DataType {
    DataType::List(Arc::new(Field::new("item", DataType::UInt32, true)))
}

/// All schemas as text, one column a line: for the documentation and for a snapshot.
pub fn text_form() -> String {
    let tables = [
        ("corpus/<language>/part-*.parquet", Table::Documents { token_ids: true }),
        ("rejected/*.parquet", Table::Rejected),
        ("duplicates/*.parquet", Table::Duplicates),
        ("refused/*.parquet", Table::Refused),
        ("boilerplate/*.parquet", Table::Boilerplate),
        ("work/*/signatures.parquet", Table::Signatures),
        ("work/cuts/*.parquet", Table::Cuts { token_ids: true }),
    ];
    let mut text = String::new();
    for (name, table) in tables {
        text.push_str(&format!("{name}\n"));
        for field in table.schema().fields() {
            let null = if field.is_nullable() { "or null" } else { "" };
            text.push_str(format!("  {:<22}{} {null}", field.name(), field.data_type()).trim_end());
            text.push('\n');
        }
    }
    text
}

/// The row of a kept document, which was found to be in `language`, written in `script` (ISO 15924). `tokenizer` names
/// what its tokens were counted with.
pub fn push_document(
    rows: &mut Rows,
    document: &Document<'_>,
    language: LanguageCode,
    script: &str,
    tokenizer: Option<&str>,
) {
    let container = &document.origin.container;
    let scores = &document.scores;
    let locator = document.origin.locator();
    let digest = container.digest.map(|digest| digest.to_string());
    let mut values = vec![
        Value::Text(&document.text),
        Value::Text(&document.id),
        Value::text(document.url.as_deref()),
        Value::text(document.date.as_deref()),
        Value::Text(&container.path),
        Value::Text(language.as_str()),
        Value::float(scores.language_probability),
        Value::Text(script),
        Value::Integer(1),
        Value::integer(scores.tokens),
        Value::text(scores.tokens.and(tokenizer)),
        Value::Integer(document.chars()),
        Value::integer(scores.words),
        Value::Text(&container.source),
        Value::Text(container.kind.as_str()),
        Value::Text(&container.licence),
        Value::Text(&container.licence_evidence),
        Value::Text(&locator),
        Value::text(digest.as_deref()),
        Value::integer(scores.distinct_keywords),
        Value::integer(scores.hit_chars),
        Value::float(scores.keyword_density),
        Value::float(scores.keyword_weight),
        Value::text(scores.top_keywords.as_deref()),
        Value::float(scores.classifier_probability),
        Value::float(scores.medical_probability),
        Value::float(scores.medical_share),
        Value::float(scores.duplicate_line_chars),
        Value::text(scores.page_method.as_deref()),
        Value::float(scores.page_confidence),
        Value::Null,
    ];
    if rows.table() == (Table::Documents { token_ids: true }) {
        values.push(document.token_ids.as_deref().map_or(Value::Null, Value::Ids));
    }
    rows.push(&values);
}

/// The row of a rejected document; its text only where it belongs to the sample.
pub fn push_rejected(rows: &mut Rows, document: &Document<'_>, reason: &Reason, with_text: bool) {
    rows.push(&[
        Value::Text(&document.id),
        Value::Text(&document.origin.container.source),
        Value::Text(&document.origin.locator()),
        Value::Text(document.counted_language().as_str()),
        Value::Text("rejected"),
        Value::Text(reason.stage),
        Value::Text(reason.rule),
        Value::Float(reason.value),
        Value::Float(reason.limit),
        Value::Null,
        if with_text { Value::Text(&document.text) } else { Value::Null },
    ]);
}

/// The row of a record that could not be read.
pub fn push_fault(rows: &mut Rows, source: &str, language: Option<LanguageCode>, fault: &Fault) {
    let language = language.map(|code| code.to_string());
    rows.push(&[
        Value::Null,
        Value::Text(source),
        Value::Text(&fault.place),
        Value::text(language.as_deref()),
        Value::Text("failed"),
        Value::Text("read"),
        Value::Text(fault.kind.as_str()),
        Value::Null,
        Value::Null,
        Value::Text(&fault.message),
        Value::Null,
    ]);
}

/// What is needed of a survivor to find its duplicates, and to count and cut shards.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignatureRow {
    pub exact: Digest,
    pub bands: Vec<u64>,
    pub language: LanguageCode,
    pub size: Tally,
}

/// Appends a signature.
pub fn push_signature(rows: &mut Rows, row: &SignatureRow) {
    let bands: Vec<u8> = row.bands.iter().flat_map(|band| band.to_le_bytes()).collect();
    rows.push(&[
        Value::Bytes(&row.exact.0.to_le_bytes()),
        Value::Bytes(&bands),
        Value::Text(row.language.as_str()),
        Value::Integer(row.size.bytes),
        Value::Integer(row.size.chars),
        Value::Integer(row.size.tokens),
    ]);
}

/// The columns that [`sizes`] reads.
pub const SIZE_COLUMNS: [&str; 4] = ["language", "bytes", "chars", "tokens"];

/// Language and size of the survivors of a batch of the table `Signatures`.
/// # Errors
/// Fails if the batch is not of that table.
pub fn sizes(batch: &RecordBatch) -> Result<Vec<(LanguageCode, Tally)>, String> {
    let languages = strings(batch, "language")?;
    let (bytes, chars, tokens) = (integers(batch, "bytes")?, integers(batch, "chars")?, integers(batch, "tokens")?);
    let size = |(row, language): (usize, &str)| {
        let size = Tally { documents: 1, bytes: bytes.value(row), chars: chars.value(row), tokens: tokens.value(row) };
        Ok((LanguageCode::parse(language).map_err(|error| error.to_string())?, size))
    };
    languages.enumerate().map(size).collect()
}

/// The columns that [`bands`] reads.
pub const BAND_COLUMNS: [&str; 2] = ["exact", "bands"];

/// Digest and bands of the survivors of a batch of the table `Signatures`.
/// # Errors
/// Fails if the batch is not of that table.
pub fn bands(batch: &RecordBatch) -> Result<Vec<(Digest, Vec<u64>)>, String> {
    let column = |name: &str| {
        let column = batch.column_by_name(name).and_then(|column| column.as_binary_opt::<i32>());
        column.ok_or_else(|| format!("column {name:?} of bytes is missing"))
    };
    let (exact, bands) = (column("exact")?, column("bands")?);
    let row = |row: usize| {
        let exact: [u8; 16] = exact.value(row).try_into().map_err(|_| "a digest has not 16 bytes".to_owned())?;
        let bands = bands.value(row).as_chunks::<8>().0;
        Ok((Digest(u128::from_le_bytes(exact)), bands.iter().map(|band| u64::from_le_bytes(*band)).collect()))
    };
    (0..batch.num_rows()).map(row).collect()
}

pub(crate) fn integers<'a>(batch: &'a RecordBatch, name: &str) -> Result<&'a UInt64Array, String> {
    let column = batch.column_by_name(name).and_then(|column| column.as_primitive_opt::<UInt64Type>());
    column.ok_or_else(|| format!("column {name:?} of numbers is missing"))
}

/// A document as the table of duplicates names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DocumentName {
    /// Its number in the order of preference.
    pub number: u64,
    pub id: String,
    pub source: String,
    pub locator: String,
}

/// Appends a pair: `removed` repeats `kept`, and how.
pub fn push_duplicate(rows: &mut Rows, removed: &DocumentName, kept: &DocumentName, similarity: f64, kind: &str) {
    rows.push(&[
        Value::Integer(removed.number),
        Value::Text(&removed.id),
        Value::Text(&removed.source),
        Value::Text(&removed.locator),
        Value::Integer(kept.number),
        Value::Text(&kept.id),
        Value::Text(&kept.source),
        Value::Text(&kept.locator),
        Value::Float(similarity),
        Value::Text(kind),
    ]);
}

/// Appends a pair that was proposed and refused, and why.
pub fn push_refused(rows: &mut Rows, document: &DocumentName, kept: &DocumentName, similarity: f64, reason: &str) {
    rows.push(&[
        Value::Text(&document.id),
        Value::Text(&document.source),
        Value::Text(&document.locator),
        Value::Text(&kept.id),
        Value::Text(&kept.source),
        Value::Text(&kept.locator),
        Value::Float(similarity),
        Value::Text(reason),
    ]);
}

/// Appends a paragraph that so many documents of a site have, and that stays in one of them.
pub fn push_boilerplate(rows: &mut Rows, site: &str, paragraph: &str, documents: u64, kept: &DocumentName) {
    rows.push(&[
        Value::Text(site),
        Value::Text(paragraph),
        Value::Integer(documents),
        Value::Text(&kept.id),
        Value::Text(&kept.source),
        Value::Text(&kept.locator),
    ]);
}

/// Appends what is cut out of the survivor in this row of its task. `after` has the text without it, measured.
pub fn push_cut(rows: &mut Rows, row: u64, cut: &str, after: &Document<'_>) {
    let scores = &after.scores;
    let mut values = vec![
        Value::Integer(row),
        Value::Integer(after.text.len() as u64),
        Value::Text(cut),
        Value::Integer(after.chars()),
        Value::integer(scores.words),
        Value::integer(scores.tokens),
        Value::float(scores.duplicate_line_chars),
    ];
    if rows.table() == (Table::Cuts { token_ids: true }) {
        values.push(after.token_ids.as_deref().map_or(Value::Null, Value::Ids));
    }
    rows.push(&values);
}

/// Row and size after the cut of each survivor in a batch of the table `Cuts`, by row.
/// # Errors
/// Fails if the batch is not of that table.
pub fn sizes_after_cut(batch: &RecordBatch) -> Result<Vec<(u64, Tally)>, String> {
    let column = |name: &str| integers(batch, name);
    let (rows, bytes, chars, tokens) =
        (column("row")?, column("bytes")?, column("char_count")?, column("token_count")?);
    let size = |row: usize| {
        let tokens = if tokens.is_null(row) { 0 } else { tokens.value(row) };
        let size = Tally { documents: 1, bytes: bytes.value(row), chars: chars.value(row), tokens };
        (rows.value(row), size)
    };
    Ok((0..batch.num_rows()).map(size).collect())
}

/// The same pair as a row of the rejected documents.
pub fn push_duplicate_as_rejected(
    rows: &mut Rows,
    removed: &DocumentName,
    kept: &DocumentName,
    language: LanguageCode,
    reason: &Reason,
) {
    rows.push(&[
        Value::Text(&removed.id),
        Value::Text(&removed.source),
        Value::Text(&removed.locator),
        Value::Text(language.as_str()),
        Value::Text("rejected"),
        Value::Text(reason.stage),
        Value::Text(reason.rule),
        Value::Float(reason.value),
        Value::Float(reason.limit),
        Value::Text(&format!("repeats {}:{}", kept.source, kept.locator)),
        Value::Null,
    ]);
}

/// A row of the table `Duplicates`.
#[derive(Debug, Clone, PartialEq)]
pub struct DuplicateRow {
    /// Number of the removed document.
    pub removed: u64,
    pub removed_id: String,
    pub removed_source: String,
    /// Number of the kept one.
    pub kept: u64,
    pub kept_id: String,
    pub kept_source: String,
    pub similarity: f64,
    pub kind: String,
}

/// The pairs of a batch that `TableReader` read.
/// # Errors
/// Fails if the batch is not of the table `Duplicates`.
pub fn duplicates(batch: &RecordBatch) -> Result<Vec<DuplicateRow>, String> {
    let (removed, kept) = (integers(batch, "removed_number")?, integers(batch, "kept_number")?);
    let (removed_ids, kept_ids) = (strings(batch, "removed_id")?, strings(batch, "kept_id")?);
    let (removed_sources, kept_sources) = (strings(batch, "removed_source")?, strings(batch, "kept_source")?);
    let similarities: Vec<f64> = floats(batch, "similarity")?.collect();
    let names = removed_ids.zip(kept_ids).zip(removed_sources.zip(kept_sources)).zip(strings(batch, "kind")?);
    let row = |(row, (((removed_id, kept_id), (removed_source, kept_source)), kind)): (usize, (_, &str))| {
        let own = |text: &str| text.to_owned();
        DuplicateRow {
            removed: removed.value(row),
            removed_id: own(removed_id),
            removed_source: own(removed_source),
            kept: kept.value(row),
            kept_id: own(kept_id),
            kept_source: own(kept_source),
            similarity: similarities[row],
            kind: own(kind),
        }
    };
    Ok(names.enumerate().map(row).collect())
}

/// The name of the column with the size of a document's cluster.
pub const CLUSTER_SIZE: &str = "minhash_cluster_size";

/// The name of the column that says what was cut out of a text.
pub const CUT: &str = "boilerplate_cut";

/// Anybody's columns and ours, in place of those of their names if there are any: the size of a cluster, and what was cut
/// out where anything is.
pub(crate) fn with_own_columns(schema: &Schema, has_cut: bool) -> SchemaRef {
    let is_own = |name: &str| name == CLUSTER_SIZE || has_cut && name == CUT;
    let others = schema.fields().iter().filter(|field| !is_own(field.name())).cloned();
    let size = [Arc::new(required(CLUSTER_SIZE, DataType::UInt64))];
    let cut = has_cut.then(|| Arc::new(optional(CUT, DataType::Utf8)));
    Arc::new(Schema::new_with_metadata(others.chain(cut).chain(size).collect::<Vec<_>>(), schema.metadata().clone()))
}

/// A column of numbers of a batch of ours, by name.
/// # Errors
/// Fails if there is no such column.
pub fn floats<'a>(batch: &'a RecordBatch, name: &str) -> Result<impl Iterator<Item = f64> + 'a, String> {
    let column = batch.column_by_name(name).and_then(|column| column.as_primitive_opt::<Float64Type>());
    Ok(column.ok_or_else(|| format!("column {name:?} of numbers is missing"))?.values().iter().copied())
}

/// A string column of a batch of ours, by name.
/// # Errors
/// Fails if there is no such column of strings.
pub fn strings<'a>(batch: &'a RecordBatch, name: &str) -> Result<impl Iterator<Item = &'a str>, String> {
    let column = batch.column_by_name(name).and_then(|column| column.as_string_opt::<i32>());
    let column = column.ok_or_else(|| format!("column {name:?} of strings is missing"))?;
    Ok((0..column.len()).map(|row| if column.is_null(row) { "" } else { column.value(row) }))
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_columns_are_those_that_are_documented() {
        insta::assert_snapshot!(super::text_form());
    }
}
