//! Reads `pipelines/`, plans tasks, runs them on all cores, and resumes.
//!
//! A build has two passes and one barrier, always in this shape:
//!
//! 1. [`Plan`]: the inputs of all sources, cut into tasks.
//! 2. Pass 1 (`judge`): each task reads its part, judges every document and writes survivors, their signatures and the
//!    rejected.
//! 3. The barrier (`duplicates`): which survivors repeat which.
//! 4. Pass 2 (`shards`): survivors that repeat nothing, by language, cut by tokens.
//!
//! [`deduplicate`] removes the duplicates of anybody's files, by the same matching and without a pipeline.
//!
//! A task is done when its fingerprint is in the ledger. Resuming after a crash, building again after a change and
//! sharing the work between machines are all that one rule.

mod boilerplate;
mod books;
mod build;
mod by_document;
mod check;
mod configuration;
mod cuts;
mod deduplicate;
mod duplicates;
mod error;
mod explain;
mod fate;
mod fingerprint;
mod guard;
mod judge;
mod matching;
mod pages;
mod pipeline_file;
mod plan;
mod preference;
mod progress;
mod shards;
mod signature_index;
mod site_examples;
mod site_rules;
mod sorted_runs;

pub use books::{BookReader, BookSettings, WORKER_COMMAND, language_settings};
pub use build::{Build, Summary, build, work};
pub use check::check_folder;
pub use configuration::{Configuration, Needs, Overrides};
pub use dedup::{Boilerplate, Criterion, Guard, Settings as DuplicateSettings, Templates, UrlRule};
pub use deduplicate::{Cluster, Count, CutCount, Deduplicated, Deduplication, deduplicate, words_are_parted};
pub use error::Error;
pub use explain::{Explainer, Explanation, FoundKeyword};
pub use fate::{Fate, FateVerdict, Rejection, Relation, fate};
pub use pages::{ExtractedPage, extract_pages};
pub use pipeline_file::Expectation;
pub use plan::{Plan, Task, TaskState};
pub use progress::{Progress, Silent};
pub use site_rules::{OptOuts, PageSettings, SiteRules};
pub use store::Finding;

/// The columns of every table that a build writes, one a line.
pub fn schema_text() -> String {
    store::text_form()
}
