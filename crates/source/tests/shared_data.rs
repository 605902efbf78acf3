//! The crate against the project's collection of real, damaged and hostile files: `$MEDCORPUS_TEST_DATA`, else
//! `../shared/data` beside the workspace. Where that is absent the tests say so and pass.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
};

use document::{Fault, FaultKind};
use source::{Description, inputs, read, splits};

fn data() -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    let folder = std::env::var_os("MEDCORPUS_TEST_DATA").map_or(beside, PathBuf::from);
    if !folder.is_dir() {
        eprintln!("skipped: {} is absent; set MEDCORPUS_TEST_DATA to the data collection", folder.display());
        return None;
    }
    Some(folder)
}

/// Ids and faults of a file.
fn read_file(path: &Path, description: &Description) -> (Vec<String>, Vec<Fault>) {
    let (mut ids, mut faults) = (Vec::new(), Vec::new());
    for input in inputs(description, path).unwrap() {
        let container = Arc::new(input.container.clone());
        for split in splits(&input, 64 << 10).unwrap() {
            read(&input, &container, &split, &mut |record| match record {
                Ok(document) => ids.push(document.id.into_owned()),
                Err(fault) => faults.push(fault),
            })
            .unwrap();
        }
    }
    (ids, faults)
}

fn expectations(data: &Path) -> BTreeMap<String, String> {
    let manifest = std::fs::read_to_string(data.join("hostile/MANIFEST.jsonl")).unwrap();
    let line = |line| {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        (line["path"].as_str().unwrap().to_owned(), line["expect"].as_str().unwrap().to_owned())
    };
    manifest.lines().map(line).collect()
}

/// Files that the manifest calls readable and that hold no text for us: other columns, or one JSON array.
const WITHOUT_TEXT: [(&str, FaultKind); 8] = [
    ("parquet/column_chunk_key_value_metadata.parquet", FaultKind::MissingText),
    ("parquet/delta_length_byte_array.parquet", FaultKind::MissingText),
    ("parquet/fixed_length_byte_array.parquet", FaultKind::MissingText),
    ("parquet/lz4_raw_compressed.parquet", FaultKind::MissingText),
    ("parquet/nonnullable.impala.parquet", FaultKind::MissingText),
    ("parquet/nulls.snappy.parquet", FaultKind::MissingText),
    ("parquet/page_v2_empty_compressed.parquet", FaultKind::MissingText),
    ("parquet/rle_boolean_encoding.parquet", FaultKind::MissingText),
];

#[test]
fn hostile_files_end_as_the_manifest_expects() {
    let Some(data) = data() else { return };
    for (name, expect) in expectations(&data) {
        let family = name.split('/').next().unwrap();
        if !["jsonl", "parquet", "zip", "gzip", "bomb", "text", "encoding"].contains(&family) {
            continue;
        }
        let path = data.join("hostile").join(&name);
        let description = Description::anonymous(&path);
        let started = std::time::Instant::now();
        let (ids, faults) = read_file(&path, &description);
        assert!(started.elapsed().as_secs() < 10, "{name}: {:?}", started.elapsed());
        let seen = format!("{name} ({expect}): {} documents, {faults:?}", ids.len());
        if let Some((_, kind)) = WITHOUT_TEXT.iter().find(|(known, _)| *known == name) {
            assert!(ids.is_empty() && faults.len() == 1 && faults[0].kind == *kind, "{seen}");
            continue;
        }
        let (verdict, count) = expect.split_once(':').unwrap_or((expect.as_str(), ""));
        let count: Option<usize> = count.split("..").next().and_then(|count| count.parse().ok());
        match verdict {
            "ok" if name.contains("nulls") => assert!(!ids.is_empty(), "{seen}"),
            "ok" => assert!(faults.is_empty() && count.is_none_or(|count| ids.len() == count), "{seen}"),
            "partial" => assert!(ids.len() >= count.unwrap_or(1), "{seen}"),
            "reject" => assert!(ids.is_empty() && !faults.is_empty(), "{seen}"),
            "limit" => assert!(ids.is_empty() && !faults.is_empty(), "{seen}"),
            // These wait for a reader of other encodings; until then they are told apart from text.
            _ if name.ends_with("_in.txt") => assert_eq!(faults[0].kind, FaultKind::InvalidUtf8, "{seen}"),
            _ => {}
        }
    }
}

#[test]
fn hostile_json_never_becomes_a_document() {
    let Some(data) = data() else { return };
    for name in expectations(&data).into_keys().filter(|name| name.starts_with("json/")) {
        let path = data.join("hostile").join(&name);
        let (ids, _) = read_file(&path, &Description::anonymous(&path));
        assert!(ids.is_empty(), "{name}: {ids:?}");
    }
}

#[test]
fn damaged_warc_files_end_and_deliver_no_more_than_they_hold() {
    let Some(data) = data() else { return };
    for folder in ["warc", "hostile/warc"] {
        for entry in std::fs::read_dir(data.join(folder)).unwrap() {
            let path = entry.unwrap().path();
            let mut description = Description::anonymous(&path);
            description.format = Some(source::Format::Wet);
            read_file(&path, &description);
        }
    }
    for name in ["warc/whirlwind.warc.wet", "warc/whirlwind.warc.wet.gz"] {
        let path = data.join(name);
        let (ids, faults) = read_file(&path, &Description::anonymous(&path));
        assert_eq!((ids.len(), faults.len()), (1, 0), "{name}: {faults:?}");
    }
}

#[test]
fn crawl_like_files_have_as_many_rows_as_labels() {
    let Some(data) = data() else { return };
    let mut read_files = 0;
    for entry in std::fs::read_dir(data.join("crawl_like")).unwrap() {
        let path = entry.unwrap().path();
        let labels = match path.to_str().unwrap().strip_suffix(".parquet") {
            Some(stem) => {
                let bytes = std::fs::File::open(format!("{stem}.labels.tsv.gz")).unwrap();
                std::io::read_to_string(flate2::read::GzDecoder::new(bytes)).unwrap().lines().count()
            }
            None if path.ends_with("mixed.warc.wet.gz") => {
                let labels = std::fs::read_to_string(path.with_file_name("mixed.warc.wet.labels.tsv")).unwrap();
                labels.lines().count()
            }
            None => continue,
        };
        let (ids, faults) = read_file(&path, &Description::anonymous(&path));
        assert_eq!((ids.len(), faults.len()), (labels, 0), "{}", path.display());
        read_files += 1;
    }
    assert_eq!(read_files, 13);
}
