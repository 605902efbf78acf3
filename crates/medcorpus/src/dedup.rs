//! `dedup`: the duplicates of anybody's files.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use document::LanguageCode;
use pipeline::{
    Boilerplate, Criterion, CutCount, Deduplicated, Deduplication, DuplicateSettings, Guard, Templates, UrlRule,
};

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
    /// Steps to leave out
    #[arg(long, value_delimiter = ',', value_name = "STEP")]
    without: Vec<Step>,
    /// When two records of one address (in canonical form) are duplicates
    #[arg(long, default_value = "similar")]
    url: UrlChoice,
    /// What tells which of two duplicates stays, the most important first, such as length,id; then the earlier one stays
    #[arg(long, value_delimiter = ',', default_value = "source_rank", value_name = "CRITERION")]
    prefer: Vec<CriterionChoice>,
    /// Licences for `--prefer licence`, the most wanted first, such as CC0-1.0,CC-BY-4.0; others come after them
    #[arg(long, value_delimiter = ',', value_name = "LICENCE")]
    licences: Vec<String>,
    /// Cut paragraphs that recur on a site (host, else input) out of the texts that stay; each stays in one document
    #[arg(long)]
    boilerplate: bool,
    /// Documents of a site in which a paragraph must occur to be boilerplate
    #[arg(long, default_value_t = Boilerplate::default().min_documents, value_parser = clap::value_parser!(u64).range(2..), value_name = "DOCUMENTS", requires = "boilerplate")]
    boilerplate_documents: u64,
    /// Share of the site's documents in which it must occur
    #[arg(long, default_value_t = Boilerplate::default().min_share, value_parser = parse_share, value_name = "SHARE", requires = "boilerplate")]
    boilerplate_share: f64,
    /// Keep signatures in this folder: inputs that a later run finds in it are not signed again
    #[arg(long, value_name = "FOLDER")]
    index: Option<PathBuf>,
    /// Also write the survivors' signatures into this folder as datatrove would (14 buckets of 8, xxhash, seed 1)
    #[arg(long, value_name = "FOLDER")]
    datatrove: Option<PathBuf>,
    /// Report a source and language that loses more than this share of its documents
    #[arg(long, default_value_t = Guard::default().max_removed_share, value_parser = parse_share, value_name = "SHARE")]
    max_removed_share: f64,
    /// Report a document that stands for more than so many
    #[arg(long, default_value_t = Guard::default().max_cluster, value_name = "DOCUMENTS")]
    max_cluster: u64,
    /// Report a document that stands for documents of more than so many inputs
    #[arg(long, default_value_t = Guard::default().max_cluster_sources, value_name = "INPUTS")]
    max_cluster_sources: u64,
    /// Stop instead of only reporting, with exit code 3; who repeats whom is written all the same
    #[arg(long)]
    stop: bool,
    /// Print the summary as JSON
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Step {
    /// Equal texts
    Exact,
    /// Equal addresses
    Url,
    /// Similar texts
    Near,
}

#[derive(Clone, Copy, ValueEnum)]
enum UrlChoice {
    /// Where their texts have three tenths of their shingles in common
    Similar,
    /// Whatever their texts are
    Always,
    /// Never
    Off,
}

#[derive(Clone, Copy, ValueEnum)]
#[value(rename_all = "snake_case")]
enum CriterionChoice {
    /// The input that was named first
    SourceRank,
    /// The longer text
    Length,
    /// The lower id
    Id,
    /// The licence that --licences names first, as the records state them
    Licence,
}

impl DedupArguments {
    fn settings(&self) -> DuplicateSettings {
        let shingle = usize::from(self.shingle);
        let takes = |step| !self.without.contains(&step);
        let criterion = |choice: &CriterionChoice| match choice {
            CriterionChoice::SourceRank => Criterion::SourceRank,
            CriterionChoice::Length => Criterion::Length,
            CriterionChoice::Id => Criterion::Id,
            CriterionChoice::Licence => Criterion::Licence,
        };
        DuplicateSettings {
            bands: usize::from(self.bands),
            rows: usize::from(self.rows),
            shingle_words: shingle,
            shingle_chars: shingle,
            min_similarity: self.min_similarity,
            templates: match self.templates {
                TemplateChoice::Keep => Templates::Keep,
                TemplateChoice::Drop => Templates::Drop,
            },
            exact: takes(Step::Exact),
            url: match self.url {
                _ if !takes(Step::Url) => UrlRule::Off,
                UrlChoice::Similar => UrlRule::Similar,
                UrlChoice::Always => UrlRule::Always,
                UrlChoice::Off => UrlRule::Off,
            },
            near: takes(Step::Near),
            prefer: self.prefer.iter().map(criterion).collect(),
            licences: self.licences.clone(),
            boilerplate: self.boilerplate.then(|| Boilerplate {
                min_documents: self.boilerplate_documents,
                min_share: self.boilerplate_share,
                ..Boilerplate::default()
            }),
            guard: Guard {
                max_removed_share: self.max_removed_share,
                max_cluster: self.max_cluster,
                max_cluster_sources: self.max_cluster_sources,
                stop: self.stop,
                ..Guard::default()
            },
        }
    }
}

#[derive(Clone, Copy, ValueEnum)]
enum TemplateChoice {
    /// They stay, and `refused/` lists the pairs
    Keep,
    /// They go like any near duplicate
    Drop,
}

pub fn run(arguments: &DedupArguments) -> Result<Exit, Failure> {
    let prefers_licences = arguments.prefer.iter().any(|choice| matches!(choice, CriterionChoice::Licence));
    if prefers_licences == arguments.licences.is_empty() {
        let message = "--prefer licence and --licences belong together; give both or none".to_owned();
        return Err(Failure { exit: Exit::Configuration, message });
    }
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
    let job = Deduplication {
        inputs: arguments.inputs.clone(),
        out: arguments.out.clone(),
        settings: arguments.settings(),
        index: arguments.index.clone(),
        datatrove: arguments.datatrove.clone(),
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
        if let Some(cut) = &found.boilerplate {
            print(&boilerplate(cut))?;
        }
    }
    for finding in &found.guard {
        eprintln!("this looks like a mistake: {finding}");
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
        "{refused_pairs} pairs that share a band or an address were compared and refused, {template_pairs} of them as templates; \
         the survivors are in {survivors}\n"
    )
}

fn boilerplate(cut: &CutCount) -> String {
    let CutCount { recurring, documents, paragraphs, text_bytes, left_whole } = cut;
    format!(
        "{recurring} paragraphs recur on a site and stay once: {paragraphs} were cut out of {documents} documents \
         ({text_bytes} bytes of text), and {left_whole} documents that have hardly anything else were left whole\n"
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
