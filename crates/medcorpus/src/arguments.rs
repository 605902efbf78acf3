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
    /// Write the text of web pages and books: HTML, WARC, PDF, EPUB, images
    Extract(ExtractArguments),
    /// Answer questions about pages; started by the program itself
    #[command(hide = true)]
    ExtractWorker,
    /// Fetch a site into a WARC file, politely; a killed run goes on where it was
    Fetch(FetchArguments),
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
    /// Make the folder of a new language
    New(NewArguments),
    /// Find terms in labelled documents, or weigh the listed ones by them
    Mine(MineArguments),
    /// Take in terms of a published list
    Import(ImportTermsArguments),
    /// Make a page on which people label documents, or read its answers
    Label(LabelArguments),
    /// Train the classifier
    Train(TrainArguments),
    /// Find the limits for a wanted precision, measured on origins that had no part in them
    Calibrate(CalibrateArguments),
    /// Check a folder and the labels that it rests on
    Check(CheckLanguageArguments),
    /// Turn MMedC's published keyword file into folders under the rule `mmedc`
    ImportMmedc(ImportArguments),
}

/// Which language, and where its folder is.
#[derive(Args)]
pub struct LanguageFolder {
    /// The language's code, which is its folder's name
    pub code: LanguageCode,
    /// The folder of all languages
    #[arg(long, default_value = "filters")]
    pub filters: PathBuf,
}

impl LanguageFolder {
    pub fn path(&self) -> PathBuf {
        self.filters.join(self.code.as_str())
    }
}

/// Labelled documents.
#[derive(Args)]
pub struct LabelFiles {
    /// JSON lines with `text`, `label` ("medical" or "other") and `origin`; plain, gzip or zstd
    #[arg(long, required = true, num_args = 1..)]
    pub labels: Vec<PathBuf>,
    /// Records without a label have one by their `score` of 0..5: medical from here on, other below half of it
    #[arg(long)]
    pub scores_from: Option<f64>,
}

#[derive(Args)]
pub struct NewArguments {
    #[command(flatten)]
    pub folder: LanguageFolder,
    /// The language's own name
    #[arg(long)]
    pub name: String,
    /// Its English name
    #[arg(long)]
    pub english_name: String,
    /// ISO 15924, such as Latn, Arab, Deva
    #[arg(long)]
    pub script: String,
    /// Words run together, as in Chinese
    #[arg(long)]
    pub unseparated: bool,
}

#[derive(Args)]
pub struct MineArguments {
    #[command(flatten)]
    pub folder: LanguageFolder,
    #[command(flatten)]
    pub labels: LabelFiles,
    /// Texts that nobody labelled, which widen the prior: JSON lines, or one text a line
    #[arg(long, num_args = 1..)]
    pub general: Vec<PathBuf>,
    #[command(flatten)]
    pub mining: MiningArguments,
    /// Weigh the terms that are listed in keywords.txt instead of finding new ones
    #[arg(long)]
    pub reweigh: bool,
    /// Print what is found, with its evidence, and write nothing
    #[arg(long)]
    pub dry_run: bool,
}

/// What a mined word must reach. `calibrate` mines again for each fold, so it is told the same.
#[derive(Args)]
pub struct MiningArguments {
    /// Languages whose listed terms vouch for words that are spelled like them, or "none" [default: all of a script that
    /// can be compared]
    #[arg(long, num_args = 1..)]
    pub cognates: Vec<String>,
    /// Terms at most
    #[arg(long, default_value_t = 6000)]
    pub max_terms: usize,
    /// Log-odds in standard deviations
    #[arg(long, default_value_t = 2.0)]
    pub min_z: f64,
    /// Medical documents in which a term occurs
    #[arg(long, default_value_t = 5)]
    pub min_documents: usize,
}

#[derive(Args)]
pub struct ImportTermsArguments {
    #[command(flatten)]
    pub folder: LanguageFolder,
    /// The published file
    pub file: PathBuf,
    /// list, hunspell, wordnet, hpo, mesh, icd or wikidata
    #[arg(long, value_parser = parse_format)]
    pub format: onboard::Format,
    /// Where it is from
    #[arg(long)]
    pub origin: String,
    /// Under which licence
    #[arg(long)]
    pub licence: String,
    /// The kind of all its terms, such as disease
    #[arg(long, default_value = "imported")]
    pub kind: String,
    /// What each term weighs; `mine --reweigh` measures it
    #[arg(long, default_value_t = 1.0)]
    pub weight: f64,
}

fn parse_format(name: &str) -> Result<onboard::Format, String> {
    let known = onboard::Format::NAMES;
    let names: Vec<&str> = known.iter().map(|(name, _)| *name).collect();
    let found = known.iter().find(|(known, _)| *known == name).map(|(_, format)| *format);
    found.ok_or_else(|| format!("the formats are {}", names.join(", ")))
}

#[derive(Args)]
pub struct LabelArguments {
    #[command(flatten)]
    pub folder: LanguageFolder,
    /// Documents to be labelled: JSON lines, or one text a line
    pub input: PathBuf,
    /// Documents on the page, the borderline ones first
    #[arg(long, default_value_t = 300)]
    pub number: usize,
    /// The page to write, or, with --answers, the labels to write
    #[arg(long)]
    pub out: PathBuf,
    /// Read what raters saved on the page, and write the labels they agree on
    #[arg(long, num_args = 1..)]
    pub answers: Vec<PathBuf>,
    /// The origin to write into the labels [default: the input's name]
    #[arg(long)]
    pub origin: Option<String>,
}

#[derive(Args)]
pub struct TrainArguments {
    #[command(flatten)]
    pub folder: LanguageFolder,
    #[command(flatten)]
    pub labels: LabelFiles,
}

/// A language, and the labels on which it is measured.
#[derive(Args)]
pub struct MeasuredOn {
    #[command(flatten)]
    pub folder: LanguageFolder,
    #[command(flatten)]
    pub labels: LabelFiles,
    /// What the classifier was trained on, where that is not the labels
    #[arg(long, num_args = 1..)]
    pub training: Vec<PathBuf>,
}

#[derive(Args)]
pub struct CalibrateArguments {
    #[command(flatten)]
    pub on: MeasuredOn,
    /// Of the kept documents, this share shall be medical
    #[arg(long, default_value_t = 0.95)]
    pub precision: f64,
    /// Share of medical documents where the filter will be used: half in a labelled set, a hundredth in a crawl
    #[arg(long, default_value_t = 0.5)]
    pub prevalence: f64,
    /// The threshold is at least this: labels hold fewer kinds of other text than a crawl
    #[arg(long, default_value_t = 0.75)]
    pub min_probability: f64,
    /// Calibrate the keywords alone
    #[arg(long)]
    pub without_classifier: bool,
    #[command(flatten)]
    pub mining: MiningArguments,
    /// Measure, and write nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

#[derive(Args)]
pub struct CheckLanguageArguments {
    #[command(flatten)]
    pub on: MeasuredOn,
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
    /// A file or folder in any format that is read, or `-` for one text from standard input; with --out, a document's id
    #[arg(required_unless_present = "text")]
    pub input: Option<PathBuf>,
    /// The output folder of a build or of `dedup`: tell what became of the document with this id, and who removed it
    #[arg(long, conflicts_with_all = ["text", "pipeline", "filters", "rule", "language", "limit"])]
    pub out: Option<PathBuf>,
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
    /// HTML files (.gz too), WARC and ARC files, PDF, EPUB, PNG, JPEG and TIFF files, or folders of them
    #[arg(required = true)]
    pub paths: Vec<PathBuf>,
    /// The file to write, one JSON object a page [default: standard output]
    #[arg(long)]
    pub json: Option<PathBuf>,
    /// A file of sources/: read web pages by its [page]
    #[arg(long)]
    pub source: Option<PathBuf>,
    /// Threads or, for books, processes; the bytes that come out do not depend on it [default: all cores]
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..))]
    jobs: Option<u16>,
    #[command(flatten)]
    pub books: crate::extract_books::BookArguments,
}

impl ExtractArguments {
    pub fn jobs(&self) -> usize {
        jobs_or_cores(self.jobs)
    }
}

#[derive(Args)]
pub struct FetchArguments {
    /// A file of sources/sites/ with a table [fetch]
    pub source: PathBuf,
    /// A mailbox or address at which a site reaches you; it is sent with every request
    #[arg(long)]
    pub contact: String,
    /// Where pages.warc.gz and the frontier go [default: raw/NAME for NAME.toml]
    #[arg(long)]
    pub out: Option<PathBuf>,
    /// Ask for all of a finished crawl again; what has not changed is not sent or not kept twice
    #[arg(long)]
    pub refresh: bool,
    /// Say that you may fetch a site that has no open licence
    #[arg(long)]
    pub with_consent: bool,
    /// Fetch from this machine too
    #[arg(long)]
    pub allow_loopback: bool,
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
