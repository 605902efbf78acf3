//! Lists of records in web archives, so that these alone are read: Common Crawl's columnar index, what its CDX server
//! answers, or any table with a file, an offset and a length.
//! Formats: commoncrawl.org/columnar-index; commoncrawl.org/cdxj-index.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{self, BufRead, BufReader, Read},
    ops::Range,
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Component, Path, PathBuf},
    sync::Arc,
};

use document::LanguageCode;
use parquet::{
    file::reader::{FileReader, SerializedFileReader},
    record::{Field, Row},
    schema::types::Type,
};
use serde::{Deserialize, Deserializer, de};

use crate::{
    Error, Format, Input,
    decompress::{Trouble, Window},
};

/// The longest line of JSON; those of the CDX server have a few hundred bytes.
const MAX_LINE: u64 = 1 << 20;

/// One record of an archive.
#[derive(Debug, PartialEq, Deserialize)]
struct Listed {
    /// Below the source's root, as `crawl-data/CC-MAIN-2024-10/…/x.warc.gz`.
    #[serde(alias = "warc_filename")]
    filename: String,
    #[serde(alias = "warc_record_offset", deserialize_with = "number")]
    offset: u64,
    #[serde(alias = "warc_record_length", deserialize_with = "number")]
    length: u64,
}

/// Offsets and lengths.
type Ranges = Vec<(u64, u64)>;

/// The archives that the lists name, each with its ranges in order and once, however often they are listed.
/// # Errors
/// Fails if a list cannot be understood, or an archive is not there.
pub(crate) fn archives(lists: &[Input], root: &Path) -> Result<Vec<Input>, Error> {
    // By the language that the list's path declares, and name.
    let mut archives: BTreeMap<(Option<LanguageCode>, String), Ranges> = BTreeMap::new();
    for list in lists {
        let mut rows = 0u64;
        read_list(&list.path, &mut |listed| {
            rows += 1;
            if Path::new(&listed.filename).components().any(|part| !matches!(part, Component::Normal(_))) {
                return Err(format!("the file {:?} is not below the source's root", listed.filename));
            }
            if listed.offset.checked_add(listed.length).is_none() || listed.length == 0 {
                return Err(format!("{} bytes from byte {} on are no record", listed.length, listed.offset));
            }
            let ranges = archives.entry((list.declared_language, listed.filename)).or_default();
            ranges.push((listed.offset, listed.length));
            Ok(())
        })
        .map_err(|(row, message)| Error::Index {
            path: list.path.clone(),
            row: row.unwrap_or(rows),
            message,
        })?;
    }
    let Some(first) = lists.first() else { return Ok(Vec::new()) };
    let (mut inputs, mut missing) = (Vec::with_capacity(archives.len()), Vec::new());
    for ((declared_language, name), mut ranges) in archives {
        let Some(path) = find(root, &name) else {
            missing.push(name);
            continue;
        };
        // Of ranges from the same byte on, the longest.
        ranges.sort_unstable_by_key(|(offset, length)| (*offset, u64::MAX - length));
        ranges.dedup_by_key(|(offset, _)| *offset);
        let mut input = Input { path, format: Format::Warc, declared_language, ..first.clone() };
        input.container.path = name;
        input.bytes = ranges.iter().map(|(_, length)| length).fold(0, |sum, it| u64::saturating_add(sum, *it));
        input.ranges = Some(ranges.into_iter().map(|(offset, length)| offset..offset + length).collect());
        inputs.push(input);
    }
    if let Some(first) = missing.first() {
        let (root, count, of) = (root.to_owned(), missing.len(), missing.len() + inputs.len());
        return Err(Error::MissingArchives { root, first: first.clone(), count, of });
    }
    Ok(inputs)
}

/// The archive below `root`: under the whole name that the list gives, or its last part.
fn find(root: &Path, name: &str) -> Option<PathBuf> {
    let flat = root.join(Path::new(name).file_name()?);
    [root.join(name), flat].into_iter().find(|path| fs::metadata(path).is_ok_and(|it| it.is_file()))
}

/// Where a list is wrong (the row, counted from 1, if it is known) and how.
type Wrong = (Option<u64>, String);

fn read_list(path: &Path, take: &mut dyn FnMut(Listed) -> Result<(), String>) -> Result<(), Wrong> {
    let whole = |message: String| (Some(0), message);
    let window = match Window::open(path) {
        Ok(window) => window,
        Err(Trouble::Machine(error)) => return Err(whole(error.to_string())),
        Err(Trouble::Content(_, message)) => return Err(whole(message)),
    };
    if window.bytes().starts_with(b"PAR1") {
        // The crate that reads parquet may panic at damaged files.
        let read = catch_unwind(AssertUnwindSafe(|| read_parquet(path, take)));
        return read.unwrap_or_else(|_| Err(whole("the parquet file is damaged; fetch it again".to_owned())));
    }
    let mut bytes = BufReader::with_capacity(64 << 10, Bytes(window));
    let start = bytes.fill_buf().map_err(|error| whole(error.to_string()))?;
    let first_line = start.split(|byte| *byte == b'\n').next().unwrap_or_default();
    if first_line.starts_with(b"{") || first_line.windows(2).any(|pair| pair == b" {") {
        return read_json(bytes, take);
    }
    let delimiter = if first_line.contains(&b'\t') { b'\t' } else { b',' };
    let mut table = csv::ReaderBuilder::new().delimiter(delimiter).from_reader(bytes);
    for row in table.deserialize() {
        row.map_err(|error: csv::Error| (error.position().map(csv::Position::record), error.to_string()))
            .and_then(|listed| take(listed).map_err(|message| (None, message)))?;
    }
    Ok(())
}

/// Lines of JSON, with or without the key and the time that CDXJ puts before it.
fn read_json(mut bytes: impl BufRead, take: &mut dyn FnMut(Listed) -> Result<(), String>) -> Result<(), Wrong> {
    let mut line = Vec::new();
    for row in 1.. {
        line.clear();
        let wrong = |message: String| (Some(row), message);
        let count =
            (&mut bytes).take(MAX_LINE).read_until(b'\n', &mut line).map_err(|error| wrong(error.to_string()))?;
        if count == 0 {
            break;
        }
        let Some(start) = line.iter().position(|byte| *byte == b'{') else {
            if line.trim_ascii().is_empty() {
                continue;
            }
            return Err(wrong("there is no JSON object".to_owned()));
        };
        let listed = serde_json::from_slice(&line[start..]).map_err(|error| wrong(error.to_string()))?;
        take(listed).map_err(wrong)?;
    }
    Ok(())
}

fn read_parquet(path: &Path, take: &mut dyn FnMut(Listed) -> Result<(), String>) -> Result<(), Wrong> {
    let whole = |error: &dyn std::fmt::Display| (Some(0), error.to_string());
    let file = File::open(path).map_err(|error| whole(&error))?;
    let reader = SerializedFileReader::new(file).map_err(|error| whole(&error))?;
    let schema = reader.metadata().file_metadata().schema();
    let wanted = [["warc_filename", "filename"], ["warc_record_offset", "offset"], ["warc_record_length", "length"]];
    let mut columns = Vec::new();
    for names in wanted {
        let column = schema.get_fields().iter().find(|field| names.contains(&field.name()));
        columns.push(Arc::clone(column.ok_or_else(|| whole(&format!("there is no column {}", names.join(" or "))))?));
    }
    let names = columns.iter().map(|it| it.name().to_owned()).collect::<Vec<_>>();
    let projection = Type::group_type_builder(schema.name()).with_fields(columns).build().map_err(|it| whole(&it))?;
    for row in reader.get_row_iter(Some(projection)).map_err(|error| whole(&error))? {
        let row = row.map_err(|error| (None, error.to_string()))?;
        take(listed(&row, &names).map_err(|message| (None, message))?).map_err(|message| (None, message))?;
    }
    Ok(())
}

fn listed(row: &Row, names: &[String]) -> Result<Listed, String> {
    let field = |index: usize| {
        let name = &names[index];
        let found = row.get_column_iter().find(|(column, _)| *column == name);
        found.map(|(_, field)| field).ok_or_else(|| format!("{name} is missing"))
    };
    let number = |index: usize| match field(index)? {
        Field::Int(value) => u64::try_from(*value).map_err(|error| error.to_string()),
        Field::Long(value) => u64::try_from(*value).map_err(|error| error.to_string()),
        Field::UInt(value) => Ok(u64::from(*value)),
        Field::ULong(value) => Ok(*value),
        other => Err(format!("{} is {other} and no whole number", names[index])),
    };
    let filename = match field(0)? {
        Field::Str(value) => value.clone(),
        other => return Err(format!("{} is {other} and no text", names[0])),
    };
    Ok(Listed { filename, offset: number(1)?, length: number(2)? })
}

/// A number, or a text that is one: the CDX server answers with texts.
fn number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    struct Number;
    impl de::Visitor<'_> for Number {
        type Value = u64;

        fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            formatter.write_str("a whole number of bytes")
        }

        fn visit_u64<E: de::Error>(self, value: u64) -> Result<u64, E> {
            Ok(value)
        }

        fn visit_str<E: de::Error>(self, value: &str) -> Result<u64, E> {
            value.trim().parse().map_err(|_| E::invalid_value(de::Unexpected::Str(value), &self))
        }
    }
    deserializer.deserialize_any(Number)
}

/// The content of a list, whatever it is compressed with.
struct Bytes(Window);

impl Read for Bytes {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.0.bytes().is_empty() {
            self.0.more().map_err(|trouble| match trouble {
                Trouble::Machine(error) => io::Error::other(error),
                Trouble::Content(_, message) => io::Error::new(io::ErrorKind::InvalidData, message),
            })?;
        }
        let count = self.0.bytes().read(buffer)?;
        self.0.consume(count);
        Ok(count)
    }
}

/// Whole ranges by their order, grouped by their lengths.
pub(crate) fn lengths(ranges: &[Range<u64>]) -> impl Iterator<Item = u64> {
    ranges.iter().map(|range| range.end - range.start)
}

#[cfg(test)]
mod tests {
    use arrow_array::{ArrayRef, Int32Array, Int64Array, RecordBatch, StringArray};
    use document::{Document, Fault};
    use parquet::arrow::ArrowWriter;

    use super::*;
    use crate::{Description, PageText, WebPage, decompress::tests::gzip, inputs, read_pages, splits};

    fn answer(number: usize) -> Vec<u8> {
        let content = format!("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<p>心筋 {number}");
        let url = format!("WARC-Type: response\r\nWARC-Target-URI: http://a.example/{number}");
        format!("WARC/1.0\r\n{url}\r\nContent-Length: {}\r\n\r\n{content}\r\n\r\n", content.len()).into_bytes()
    }

    /// A root with two archives, and where their records lie.
    fn archives() -> (tempfile::TempDir, Vec<(String, u64, u64)>) {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("crawl-data/1/warc")).unwrap();
        fs::create_dir_all(folder.path().join("index")).unwrap();
        let mut listed = Vec::new();
        for (name, at, stored) in [
            (
                "crawl-data/1/warc/a.warc.gz",
                "crawl-data/1/warc/a.warc.gz",
                (0..4).map(|it| gzip(&answer(it))).collect(),
            ),
            ("crawl-data/1/warc/b.warc", "b.warc", (4..8).map(answer).collect::<Vec<_>>()),
        ] {
            let mut offset = 0;
            for record in &stored {
                listed.push((name.to_owned(), offset, record.len() as u64));
                offset += record.len() as u64;
            }
            fs::write(folder.path().join(at), stored.concat()).unwrap();
        }
        (folder, listed)
    }

    fn description(files: &str) -> Description {
        let text = format!(
            "title = \"T\"\nkind = \"crawl\"\nlicence = \"x\"\nlicence_evidence = \"e\"\nrank = 1\n\
             files = [{files:?}]\nformat = \"warc_index\"\n"
        );
        Description::parse("sources/t.toml", "t", &text).unwrap()
    }

    #[test]
    fn the_path_of_a_list_declares_the_language_of_what_it_names() {
        let (folder, all) = archives();
        for (language, (name, offset, length)) in ["ja", "ru"].iter().zip(&all) {
            let list = folder.path().join("index").join(language);
            fs::create_dir(&list).unwrap();
            fs::write(list.join("list.csv"), format!("filename,offset,length\n{name},{offset},{length}\n")).unwrap();
        }
        let inputs = inputs(&description("index/{language}/*.csv"), folder.path()).unwrap();
        let seen: Vec<_> = inputs
            .iter()
            .map(|it| (it.declared_language.unwrap().to_string(), it.ranges.as_ref().unwrap()[0].start, it.bytes))
            .collect();
        assert_eq!(seen, [("ja".to_owned(), all[0].1, all[0].2), ("ru".to_owned(), all[1].1, all[1].2)]);
    }

    fn read(root: &Path, target: u64) -> Result<(Vec<String>, Vec<String>), Error> {
        let (mut seen, mut faults) = (Vec::new(), Vec::new());
        for input in inputs(&description("index/*"), root)? {
            let container = Arc::new(input.container.clone());
            for split in splits(&input, target)? {
                let mut to_text =
                    |page: &WebPage<'_>| Ok(PageText { text: String::from_utf8_lossy(page.body).into_owned() });
                let mut visit = |record: Result<Document<'_>, Fault>| match record {
                    Ok(document) => seen.push(format!("{} {}", document.id, document.text)),
                    Err(fault) => faults.push(fault.to_string()),
                };
                read_pages(&input, &container, &split, &mut to_text, &mut visit)?;
            }
        }
        Ok((seen, faults))
    }

    #[test]
    fn only_listed_records_are_read_each_once_and_in_the_order_of_their_files() {
        let (folder, all) = archives();
        let root = folder.path();
        // Not in order, and one twice.
        let listed = [5, 2, 0, 2].map(|at: usize| &all[at]);
        let places = [("a.warc.gz#record=", 0), ("a.warc.gz#record=", 2), ("b.warc#bytes=", 5)];
        let expected: Vec<String> = places
            .map(|(name, at)| {
                let (_, offset, length) = all[at];
                // What ends a record of a plain file is no part of it.
                let length = length - if at > 3 { 4 } else { 0 };
                format!("t:crawl-data/1/warc/{name}{offset}+{length} <p>心筋 {at}")
            })
            .into();
        let json = |(name, offset, length): &(String, u64, u64)| {
            format!(
                "example,a)/ 20240305 {{\"url\":\"u\",\"length\":\"{length}\",\"offset\":\"{offset}\",\"filename\":\"{name}\"}}\n"
            )
        };
        let row = |(name, offset, length): &(String, u64, u64)| format!("\"a,b\",{name},{offset},{length}\n");
        let table = format!("url,warc_filename,warc_record_offset,warc_record_length\n{}", listed.map(row).concat());
        let columns: [(&str, ArrayRef); 4] = [
            ("url", Arc::new(StringArray::from(vec!["u"; 4]))),
            ("warc_filename", Arc::new(StringArray::from(listed.map(|it| it.0.clone()).to_vec()))),
            ("warc_record_offset", Arc::new(Int32Array::from(listed.map(|it| it.1 as i32).to_vec()))),
            ("warc_record_length", Arc::new(Int64Array::from(listed.map(|it| it.2 as i64).to_vec()))),
        ];
        let batch = RecordBatch::try_from_iter(columns).unwrap();
        let mut parquet = ArrowWriter::try_new(Vec::new(), batch.schema(), None).unwrap();
        parquet.write(&batch).unwrap();
        for (name, bytes) in [
            ("list.cdxj", listed.map(json).concat().into_bytes()),
            ("list.csv", table.clone().into_bytes()),
            ("list.tsv.gz", gzip(table.replace("\"a,b\"", "ab").replace(',', "\t").as_bytes())),
            ("list.parquet", parquet.into_inner().unwrap()),
        ] {
            let list = root.join("index").join(name);
            fs::write(&list, bytes).unwrap();
            for target in [1, u64::MAX] {
                assert_eq!(read(root, target).unwrap(), (expected.clone(), Vec::new()), "{name}");
            }
            fs::remove_file(list).unwrap();
        }
    }

    #[test]
    fn a_range_that_is_wrong_costs_itself_and_a_list_that_is_wrong_says_where() {
        let (folder, all) = archives();
        let list = folder.path().join("index/list.csv");
        let (name, offset, length) = &all[1];
        let row = |offset: u64, length: u64| format!("{name},{offset},{length}\n");
        let rows =
            [row(offset + 1, *length), row(*offset, length - 5), row(all[3].1, all[3].2), row(1 << 40, 9)].concat();
        fs::write(&list, format!("filename,offset,length\n{rows}")).unwrap();
        let (seen, faults) = read(folder.path(), u64::MAX).unwrap();
        assert_eq!((seen.len(), faults.len()), (1, 3), "{seen:?} {faults:?}");
        for (fault, expected) in
            faults.iter().zip(["ends too early", "no record begins where", "ends before the range"])
        {
            assert!(fault.contains(expected), "{fault}");
        }
        let message = |text: String| {
            fs::write(&list, text).unwrap();
            let error = read(folder.path(), u64::MAX).unwrap_err();
            assert!(error.is_configuration());
            error.to_string()
        };
        for (text, expected) in [
            (
                "filename,offset,length\n../a.warc,0,9\n".to_owned(),
                "list.csv: row 1: the file \"../a.warc\" is not below",
            ),
            (format!("filename,offset,length\n{name},0,9\n{name},x,9\n"), "list.csv: row 2: "),
            ("a,b\n1,2\n".to_owned(), "missing field `filename`"),
            (format!("filename,offset,length\n{name},0,9\nnone.warc,0,9\n"), "1 of the 2 archives"),
            ("{\"filename\":\"a\",\"offset\":1}\n".to_owned(), "list.csv: row 1: missing field `length`"),
            ("PAR1 and no more".to_owned(), "list.csv: row 0: "),
        ] {
            let message = message(text);
            assert!(message.contains(expected), "{message}");
        }
    }
}
