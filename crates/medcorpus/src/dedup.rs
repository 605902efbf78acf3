//! `dedup`: the duplicates of anybody's files.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use document::LanguageCode;
use pipeline::{Deduplicated, Deduplication, DuplicateSettings, Templates};

use crate::{
    bar,
    exit::{Exit, Failure},
    print::{print, print_json},
    tables,
};

#[derive(Args)]
pub struct DedupArguments {
    /// Files or folders of parquet or JSON lines (plain, gzip, zstd); of two duplicates the first one stays
    #[arg(required = true)]
    inputs: Vec<PathBuf>,
    /// Output folder
    #[arg(long)]
    out: PathBuf,
    /// Memory to stay within, such as 4GiB or 500MB; the bytes that come out do not depend on it
    #[arg(long, default_value = "4GiB", value_parser = parse_bytes)]
    memory: u64,
    /// Threads; the bytes that come out do not depend on it [default: all cores]
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..))]
    jobs: Option<u16>,
    /// The language of all texts, whose folder says whether blanks part words [default: the script of each text tells]
    #[arg(long)]
    language: Option<LanguageCode>,
    /// The folders of languages
    #[arg(long, default_value = "filters", requires = "language")]
    filters: PathBuf,
    /// Jaccard similarity from which on two texts are duplicates
    #[arg(long, default_value_t = DuplicateSettings::default().min_similarity, value_parser = parse_share)]
    min_similarity: f64,
    /// Words of a shingle; characters where words are not separated
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..=1000))]
    shingle: u16,
    /// Bands of a signature: more find more pairs of low similarity
    #[arg(long, default_value_t = 14, value_parser = clap::value_parser!(u16).range(1..=1000))]
    bands: u16,
    /// Values of a band: more propose fewer pairs
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..=100))]
    rows: u16,
    /// What becomes of texts that differ in names, doses or numbers alone, such as leaflets of two drugs
    #[arg(long, default_value = "keep")]
    templates: TemplateChoice,
    /// Print the summary as JSON
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum TemplateChoice {
    /// They stay, and `refused/` lists the pairs
    Keep,
    /// They go like any near duplicate
    Drop,
}

pub fn run(arguments: &DedupArguments) -> Result<Exit, Failure> {
    let parted = match arguments.language {
        Some(code) => {
            let parted = pipeline::words_are_parted(&arguments.filters, code)?;
            if parted.is_none() {
                let filters = arguments.filters.display();
                eprintln!("{filters} has no folder {code}, so the script of each text tells whether blanks part words");
            }
            parted
        }
        None => None,
    };
    let progress = bar::Bar::new();
    let shingle = usize::from(arguments.shingle);
    let job = Deduplication {
        inputs: arguments.inputs.clone(),
        out: arguments.out.clone(),
        settings: DuplicateSettings {
            bands: usize::from(arguments.bands),
            rows: usize::from(arguments.rows),
            shingle_words: shingle,
            shingle_chars: shingle,
            min_similarity: arguments.min_similarity,
            templates: match arguments.templates {
                TemplateChoice::Keep => Templates::Keep,
                TemplateChoice::Drop => Templates::Drop,
            },
        },
        parted,
        memory: arguments.memory,
        jobs: crate::arguments::jobs_or_cores(arguments.jobs),
        progress: &progress,
    };
    let found = pipeline::deduplicate(&job)?;
    if arguments.json {
        print_json(&found)?;
    } else {
        print(&tables::deduplicated(&found))?;
        print(&summary(&found, &arguments.out.join("survivors").display().to_string()))?;
    }
    if found.failed > 0 {
        let failed = arguments.out.join("failed.jsonl");
        eprintln!("{} records could not be read; {} lists them with their places", found.failed, failed.display());
        return Ok(Exit::DoneWithDamage);
    }
    Ok(Exit::Done)
}

fn summary(found: &Deduplicated, survivors: &str) -> String {
    let Deduplicated { refused_pairs, template_pairs, .. } = found;
    format!(
        "{refused_pairs} pairs that share a band were compared and refused, {template_pairs} of them as templates; \
         the survivors are in {survivors}\n"
    )
}

fn parse_share(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(share) if (0.0..=1.0).contains(&share) => Ok(share),
        _ => Err("it is a share and must lie in 0..=1".to_owned()),
    }
}

/// Units of bytes, the longest names first.
const UNITS: [(&str, u64); 9] = [
    ("KIB", 1 << 10),
    ("MIB", 1 << 20),
    ("GIB", 1 << 30),
    ("KB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("K", 1 << 10),
    ("M", 1 << 20),
    ("G", 1 << 30),
];

/// Less memory would be spent on the buffers alone.
const LEAST_MEMORY: u64 = 64 << 20;

/// Reads a number of bytes: `4GiB`, `500MB`, `2G`.
pub fn parse_bytes(text: &str) -> Result<u64, String> {
    let upper = text.trim().to_ascii_uppercase();
    let unit = UNITS.iter().find_map(|(name, bytes)| Some((upper.strip_suffix(name)?, *bytes)));
    let (number, unit) = unit.unwrap_or((&upper, 1));
    let number: f64 =
        number.trim().parse().map_err(|_| "write a number and a unit, such as 4GiB or 500MB".to_owned())?;
    let bytes = number * unit as f64;
    if !(LEAST_MEMORY as f64..=u64::MAX as f64).contains(&bytes) {
        return Err("at least 64MiB are needed".to_owned());
    }
    Ok(bytes as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_read_with_its_unit() {
        for (text, expected) in [
            ("4GiB", 4 << 30),
            ("500MB", 500_000_000),
            ("1.5g", 3 << 29),
            ("67108864", 64 << 20),
            ("2 GB", 2_000_000_000),
        ] {
            assert_eq!(parse_bytes(text), Ok(expected), "{text}");
        }
        for text in ["", "GiB", "-4GiB", "1MiB", "4TiB?", "NaN"] {
            assert!(parse_bytes(text).is_err(), "{text}");
        }
    }
}
