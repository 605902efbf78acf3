//! The commands and their arguments. `--help` is made of the comments here.

use std::path::{Path, PathBuf};

use clap::{Args, Parser, Subcommand};
use document::LanguageCode;
use filter::keywords::KeywordRule;

/// Builds multilingual medical text corpora for language-model training.
#[derive(Parser)]
#[command(name = "medcorpus", version, max_term_width = 100, after_help = crate::exit::TABLE)]
pub struct Arguments {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Subcommand)]
pub enum Command {
    /// Build a corpus, or what is missing of it
    Build(BuildArguments),
    /// Show what a build would do, and write nothing
    Plan(PlanArguments),
    /// Run one task of a plan: one of those that `plan` lists, or `duplicates`, or `corpus`
    Work(WorkArguments),
    /// Take documents through every stage and show each number beside its limit
    Explain(ExplainArguments),
    /// Write the main text of web pages: HTML files, folders of them, WARC files
    Extract(ExtractArguments),
    /// Check data folders: languages, sources, pipelines
    Check {
        /// Files or folders
        #[arg(default_values = ["filters", "sources", "pipelines"])]
        paths: Vec<PathBuf>,
    },
    /// List the stages and their rules
    Stages {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Show what a corpus is made of: a build of ours, or anybody's files
    Audit(AuditArguments),
    /// Hold a build against its manifest: digests, rows, counts
    Verify {
        /// The build's folder
        out: PathBuf,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Remove the duplicates of any parquet or JSON lines files
    Dedup(crate::dedup::DedupArguments),
    /// Print the columns of every table that a build writes
    Schema,
    /// Work on the languages of `filters/`
    Language {
        #[command(subcommand)]
        command: LanguageCommand,
    },
}

#[derive(Subcommand)]
pub enum LanguageCommand {
    /// Turn MMedC's published keyword file into folders under the rule `mmedc`
    ImportMmedc(ImportArguments),
}

/// Where a build goes and how it is run.
#[derive(Args)]
pub struct Place {
    /// Output folder [default: build/NAME for pipelines/NAME.toml]
    #[arg(long)]
    out: Option<PathBuf>,
    /// Threads; the bytes that come out do not depend on it [default: all cores]
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..))]
    jobs: Option<u16>,
    /// Memory that finding duplicates may take for sorting, such as 4GiB; the bytes that come out do not depend on it
    #[arg(long, default_value = "4GiB", value_parser = crate::dedup::parse_bytes)]
    memory: u64,
}

impl Place {
    pub fn out(&self, pipeline: &Path) -> PathBuf {
        out_or_default(&self.out, pipeline)
    }

    pub fn jobs(&self) -> usize {
        jobs_or_cores(self.jobs)
    }

    /// Bytes.
    pub fn memory(&self) -> u64 {
        self.memory
    }
}

/// What `--jobs` means, where it is given and where it is not.
pub fn jobs_or_cores(jobs: Option<u16>) -> usize {
    #[expect(clippy::disallowed_methods, reason = "this is --jobs, the one place where the number of cores counts")]
    let cores = || std::thread::available_parallelism().map_or(1, usize::from);
    jobs.map_or_else(cores, usize::from)
}

fn out_or_default(out: &Option<PathBuf>, pipeline: &Path) -> PathBuf {
    let named = || Path::new("build").join(pipeline.file_stem().unwrap_or_default());
    out.clone().unwrap_or_else(named)
}

#[derive(Args)]
pub struct BuildArguments {
    /// A file of pipelines/
    pub pipeline: PathBuf,
    #[command(flatten)]
    pub place: Place,
    /// Print the result as JSON
    #[arg(long)]
    pub json: bool,
}

#[derive(Args)]
pub struct PlanArguments {
    /// A file of pipelines/
    pub pipeline: PathBuf,
    /// Output folder, to see which tasks are done [default: build/NAME for pipelines/NAME.toml]
    #[arg(long)]
    out: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

impl PlanArguments {
    pub fn out(&self, pipeline: &Path) -> PathBuf {
        out_or_default(&self.out, pipeline)
    }
}

#[derive(Args)]
pub struct WorkArguments {
    /// A file of pipelines/
    pub pipeline: PathBuf,
    /// The task
    #[arg(long)]
    pub task: String,
    #[command(flatten)]
    pub place: Place,
}

#[derive(Args)]
pub struct ExplainArguments {
    /// A file or folder in any format that is read, or `-` for one text from standard input
    #[arg(required_unless_present = "text")]
    pub input: Option<PathBuf>,
    /// A text, instead of an input
    #[arg(long, conflicts_with = "input")]
    pub text: Option<String>,
    /// One JSON object a document
    #[arg(long)]
    pub json: bool,
    /// The pipeline whose stages are run
    #[arg(long, default_value = "pipelines/sample.toml")]
    pub pipeline: PathBuf,
    /// Another folder of languages than the pipeline's
    #[arg(long)]
    pub filters: Option<PathBuf>,
    /// Another keyword rule than the languages': native or mmedc
    #[arg(long, value_parser = parse_rule)]
    pub rule: Option<KeywordRule>,
    /// Judge every document as text of this language
    #[arg(long)]
    pub language: Option<LanguageCode>,
    /// Show only the first so many documents
    #[arg(long)]
    pub limit: Option<u64>,
}

#[derive(Args)]
pub struct ExtractArguments {
    /// HTML files (.gz too), folders, or WARC and ARC files
    #[arg(required = true)]
    pub paths: Vec<PathBuf>,
    /// The file to write, one JSON object a page [default: standard output]
    #[arg(long)]
    pub json: Option<PathBuf>,
    /// Threads; the bytes that come out do not depend on it [default: all cores]
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..))]
    jobs: Option<u16>,
}

impl ExtractArguments {
    pub fn jobs(&self) -> usize {
        jobs_or_cores(self.jobs)
    }
}

fn parse_rule(name: &str) -> Result<KeywordRule, String> {
    match name {
        "native" => Ok(KeywordRule::Native),
        "mmedc" => Ok(KeywordRule::Mmedc),
        _ => Err("the rules are native and mmedc".to_owned()),
    }
}

#[derive(Args)]
pub struct AuditArguments {
    /// A build's folder, or files in any format that is read
    pub path: PathBuf,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

#[derive(Args)]
pub struct ImportArguments {
    /// The published `keywords.py`, or a list with one term a line
    pub file: PathBuf,
    /// Where the folders go; it can then be given as --filters
    #[arg(long)]
    pub out: PathBuf,
    /// The language of a list with one term a line; of `keywords.py`, all languages are imported without it
    #[arg(long)]
    pub language: Option<LanguageCode>,
    /// The languages' own folders, which give script, word boundaries and the published thresholds
    #[arg(long, default_value = "filters")]
    pub filters: PathBuf,
}
