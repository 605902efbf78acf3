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

use document::{Container, FaultKind, Place};
use parquet::{
    data_type::ByteArray,
    errors::ParquetError,
    file::metadata::{ParquetMetaData, ParquetMetaDataReader},
};

use crate::{
    Error, Input, Split,
    decompress::{Trouble, lfs_pointer, read_full},
    fields::{Record, Role, shortlist},
    json_lines::whole_file,
    parquet_columns::{find_columns, names},
    row_group::{Batch, RowGroup},
    split::{Visit, grouped},
    stated_language,
};

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

/// The column that the texts of a parquet file are in; nothing, if there is none or the file cannot be understood.
/// # Errors
/// Fails if a column that the source names is absent or of an unfit type.
pub fn text_column(input: &Input) -> Result<Option<String>, Error> {
    match open(&input.path) {
        Ok((_, metadata)) => {
            let column = find_columns(input, &metadata)?[Role::Text as usize];
            Ok(column.map(|column| names(&metadata).swap_remove(column)))
        }
        Err(Trouble::Content(..)) => Ok(None),
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
pub(crate) fn caught<T>(path: &Path, decode: impl FnOnce() -> Result<T, ParquetError>) -> Result<T, Trouble> {
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
            licence: string(Role::Licence),
        };
        self.input.document(self.container, place, record)
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
        basic::{Compression, Encoding, GzipLevel, ZstdLevel},
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
