//! Packs `sources/samples/passages.jsonl` into the containers that the demo reads: parquet, JSONL.zst and WET.gz.
//!
//! Run it after editing the passages: `cargo run -p source --example pack_samples`. `tests/samples.rs` fails if it was
//! forgotten.

use std::{collections::BTreeMap, error::Error, fs, fs::File, io::Write, path::Path, sync::Arc};

use arrow_array::{ArrayRef, RecordBatch, StringArray};
use parquet::{
    arrow::ArrowWriter,
    basic::{Compression, ZstdLevel},
    file::properties::WriterProperties,
};
use serde::Deserialize;

#[derive(Deserialize)]
struct Passage {
    id: String,
    language: String,
    pack: String,
    url: String,
    date: String,
    text: String,
}

fn main() -> Result<(), Box<dyn Error>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../sources/samples");
    let text = fs::read_to_string(folder.join("passages.jsonl"))?;
    let passages: Vec<Passage> = text.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
    let packed = |pack: &str| passages.iter().filter(|passage| passage.pack == pack).collect::<Vec<_>>();
    write_parquet(&folder, &packed("crawl"))?;
    write_jsonl(&folder, &packed("archive"))?;
    write_wet(&folder, &packed("web"))
}

/// CulturaX columns, a file a language. They have no id, so documents get theirs from file and row.
fn write_parquet(folder: &Path, passages: &[&Passage]) -> Result<(), Box<dyn Error>> {
    let mut by_language: BTreeMap<&str, Vec<&Passage>> = BTreeMap::new();
    passages.iter().for_each(|passage| by_language.entry(&passage.language).or_default().push(passage));
    for (language, passages) in by_language {
        let column = |get: fn(&Passage) -> &str| {
            Arc::new(StringArray::from_iter_values(passages.iter().map(|passage| get(passage)))) as ArrayRef
        };
        let batch = RecordBatch::try_from_iter([
            ("text", column(|passage| &passage.text)),
            ("timestamp", column(|passage| &passage.date)),
            ("url", column(|passage| &passage.url)),
            ("source", column(|_| "sample")),
        ])?;
        fs::create_dir_all(folder.join("crawl"))?;
        let file = File::create(folder.join(format!("crawl/{language}_part_00000.parquet")))?;
        let properties = WriterProperties::builder().set_compression(Compression::ZSTD(ZstdLevel::try_new(9)?));
        let mut writer = ArrowWriter::try_new(file, batch.schema(), Some(properties.build()))?;
        writer.write(&batch)?;
        writer.close()?;
    }
    Ok(())
}

/// dolma's fields, and the language that the record declares.
fn write_jsonl(folder: &Path, passages: &[&Passage]) -> Result<(), Box<dyn Error>> {
    let mut lines = Vec::new();
    for passage in passages {
        let record = serde_json::json!({
            "id": passage.id,
            "text": passage.text,
            "source": "sample",
            "created": passage.date,
            "lang": passage.language,
            "metadata": { "url": passage.url },
        });
        serde_json::to_writer(&mut lines, &record)?;
        lines.push(b'\n');
    }
    fs::create_dir_all(folder.join("archive"))?;
    Ok(fs::write(folder.join("archive/documents.jsonl.zst"), zstd::encode_all(lines.as_slice(), 19)?)?)
}

/// `conversion` records, a gzip member each, without a stated language.
fn write_wet(folder: &Path, passages: &[&Passage]) -> Result<(), Box<dyn Error>> {
    let mut file = Vec::new();
    let mut member = |record: String| -> Result<(), Box<dyn Error>> {
        let mut gzip = flate2::GzBuilder::new().write(&mut file, flate2::Compression::best());
        gzip.write_all(record.as_bytes())?;
        gzip.finish()?;
        Ok(())
    };
    let info = "Software-Info: medcorpus samples\r\n";
    member(format!(
        "WARC/1.0\r\nWARC-Type: warcinfo\r\nWARC-Date: 2023-01-01T00:00:00Z\r\nContent-Type: application/warc-fields\r\n\
         Content-Length: {}\r\n\r\n{info}\r\n\r\n",
        info.len()
    ))?;
    for passage in passages {
        member(format!(
            "WARC/1.0\r\nWARC-Type: conversion\r\nWARC-Target-URI: {}\r\nWARC-Date: {}\r\nWARC-Record-ID: <urn:sample:{}>\r\n\
             Content-Type: text/plain\r\nContent-Length: {}\r\n\r\n{}\r\n\r\n",
            passage.url,
            passage.date,
            passage.id,
            passage.text.len(),
            passage.text
        ))?;
    }
    fs::create_dir_all(folder.join("web"))?;
    Ok(fs::write(folder.join("web/pages.warc.wet.gz"), file)?)
}
