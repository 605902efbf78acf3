//! The rates of what judges a text, each alone on one core: keyword scan, classifier, and both with the floor
//! between them.
//!
//! `cargo run --release --example rates -- FILTERS LANGUAGE FILE.parquet…` reads the column `text` of the files into memory
//! and prints one line of JSON: megabytes (10⁶ bytes of UTF-8) a second of CPU for each step, and which share of the
//! text passed the scan's floor, so that the classifier was asked.

use std::{fs::File, path::Path, time::Duration};

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

    let start = cpu_time()?;
    let passed: Vec<&String> =
        texts.iter().filter(|text| filter::scan(&language, text) == document::Verdict::Keep).collect();
    let scan = (cpu_time()? - start).as_secs_f64();
    let passed_megabytes = passed.iter().map(|text| text.len()).sum::<usize>() as f64 / 1e6;

    let start = cpu_time()?;
    let kept = passed.iter().filter(|text| filter::classify(&language, text) == document::Verdict::Keep).count();
    let judged = (cpu_time()? - start).as_secs_f64();

    let mut opinions = None;
    if let Some(classifier) = &language.classifier {
        // Enough text for a rate, whether it passes or not.
        let start = cpu_time()?;
        let mut bytes = 0;
        for text in &texts {
            std::hint::black_box(Parts::of(text, boundaries, &language.matcher, Some(classifier)).opinion());
            bytes += text.len();
            if cpu_time()? - start > Duration::from_secs(3) {
                break;
            }
        }
        opinions = Some(bytes as f64 / 1e6 / (cpu_time()? - start).as_secs_f64());
    }
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

/// What this thread has had of the processor, which a busy machine does not change much. Linux alone tells it.
fn cpu_time() -> Result<Duration, Box<dyn std::error::Error>> {
    let stated = std::fs::read_to_string("/proc/thread-self/schedstat")?;
    let nanoseconds = stated.split(' ').next().unwrap_or_default().parse()?;
    Ok(Duration::from_nanos(nanoseconds))
}
