//! The rates of what judges a text, each alone on one core: keyword scan, classifier, and both with the floor
//! between them.
//!
//! `cargo run --release --example rates -- FILTERS LANGUAGE FILE.parquet…` reads the column `text` of the files into memory
//! and prints one line of JSON: megabytes (10⁶ bytes of UTF-8) a second of CPU for each step, and which share of the
//! text passed the scan's floor, so that the classifier was asked.

use std::{fs::File, path::Path, time::Instant};

use arrow_array::{StringArray, cast::AsArray};
use document::LanguageCode;
use filter::Parts;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [filters, code, files @ ..] = arguments.as_slice() else {
        return Err("usage: rates FILTERS LANGUAGE FILE.parquet…".into());
    };
    let language = filter::load_language(Path::new(filters), LanguageCode::parse(code)?, |_| {})?;
    let mut texts: Vec<String> = Vec::new();
    for file in files {
        for batch in ParquetRecordBatchReaderBuilder::try_new(File::open(file)?)?.build()? {
            let batch = batch?;
            let column = batch.column_by_name("text").ok_or_else(|| format!("{file}: no column \"text\""))?;
            let column: &StringArray = column.as_string_opt().ok_or_else(|| format!("{file}: \"text\" is no text"))?;
            texts.extend(column.iter().flatten().map(str::to_owned));
        }
    }
    let megabytes = texts.iter().map(String::len).sum::<usize>() as f64 / 1e6;
    let boundaries = language.settings.word_boundaries;

    let start = Instant::now();
    let passed: Vec<&String> =
        texts.iter().filter(|text| filter::scan(&language, text) == document::Verdict::Keep).collect();
    let scan = start.elapsed().as_secs_f64();
    let passed_megabytes = passed.iter().map(|text| text.len()).sum::<usize>() as f64 / 1e6;

    let start = Instant::now();
    let kept = passed.iter().filter(|text| filter::classify(&language, text) == document::Verdict::Keep).count();
    let judged = start.elapsed().as_secs_f64();

    let opinions = language.classifier.as_ref().map(|classifier| {
        // Enough text for a rate, whether it passes or not.
        let start = Instant::now();
        let mut bytes = 0;
        for text in texts.iter().take_while(|_| start.elapsed().as_secs_f64() < 3.0) {
            std::hint::black_box(Parts::of(text, boundaries, &language.matcher, Some(classifier)).opinion());
            bytes += text.len();
        }
        bytes as f64 / 1e6 / start.elapsed().as_secs_f64()
    });
    let rates = serde_json::json!({
        "language": code,
        "megabytes": megabytes,
        "scan": megabytes / scan,
        "scan_and_classify": megabytes / (scan + judged),
        "classifier": opinions,
        "asked_share": passed_megabytes / megabytes,
        "documents": texts.len(),
        "passed": passed.len(),
        "kept": kept,
    });
    println!("{rates}");
    Ok(())
}
