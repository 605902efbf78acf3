//! A stage: a pure judgement of one document, and the table of all that there are.

use std::sync::Arc;

use document::{DataFileError, Document, Reason, Verdict};
use serde::Serialize;

use crate::{Language, stages};

/// Judges one document at a time, by its text and what earlier stages found. Pure: no input or output, no clock, no
/// random number, nothing kept from one document to the next.
pub trait Stage: Send + Sync {
    /// Measures the document, writes its scores, and reports each measured number with its limit to `checks`.
    fn judge(&self, document: &mut Document<'_>, checks: &mut Checks);

    /// Whether its scores say how much text there is, so that they are to be taken again where a text is cut later.
    fn measures_size(&self) -> bool {
        false
    }
}

/// One number beside its limit.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Check {
    pub rule: &'static str,
    pub value: f64,
    pub limit: f64,
    pub passed: bool,
}

/// Collects what a stage measured: the first limit that was missed is the reason of a rejection.
#[derive(Debug)]
pub struct Checks {
    stage: &'static str,
    first_missed: Option<Reason>,
    /// Every check, where somebody wants to see them.
    all: Option<Vec<Check>>,
}

impl Checks {
    /// For a stage whose every number is wanted (`explain`).
    pub fn complete(stage: &'static str) -> Checks {
        Checks { stage, first_missed: None, all: Some(Vec::new()) }
    }

    /// For a stage of which only the verdict is wanted (`build`).
    pub fn brief(stage: &'static str) -> Checks {
        Checks { stage, first_missed: None, all: None }
    }

    /// The rule is broken where `value` is below `limit`.
    pub fn at_least(&mut self, rule: &'static str, value: f64, limit: f64) {
        self.record(Check { rule, value, limit, passed: value >= limit });
    }

    /// The rule is broken where `value` is above `limit`.
    pub fn at_most(&mut self, rule: &'static str, value: f64, limit: f64) {
        self.record(Check { rule, value, limit, passed: value <= limit });
    }

    /// A rule that is broken whatever the limit.
    pub fn broken(&mut self, rule: &'static str, value: f64, limit: f64) {
        self.record(Check { rule, value, limit, passed: false });
    }

    /// Whether the verdict is settled and no further number is wanted, so that the stage may stop measuring.
    pub fn settled(&self) -> bool {
        self.first_missed.is_some() && self.all.is_none()
    }

    /// What the checks come to.
    pub fn verdict(&self) -> Verdict {
        self.first_missed.map_or(Verdict::Keep, Verdict::Reject)
    }

    /// The checks in the order in which they were made; empty for `brief`.
    pub fn into_all(self) -> Vec<Check> {
        self.all.unwrap_or_default()
    }

    fn record(&mut self, check: Check) {
        if !check.passed && self.first_missed.is_none() {
            let Check { rule, value, limit, .. } = check;
            self.first_missed = Some(Reason { stage: self.stage, rule, value, limit });
        }
        if let Some(all) = &mut self.all {
            all.push(check);
        }
    }
}

/// What a stage may use beside its own settings.
pub struct Resources {
    /// The languages of the build, by code.
    pub languages: Vec<Arc<Language>>,
    /// Bytes of the files that settings name (models, tokenizers), by the name in the settings.
    pub files: std::collections::BTreeMap<String, Vec<u8>>,
}

impl Resources {
    /// The language with this code, if it is one of the build's.
    pub fn language(&self, code: document::LanguageCode) -> Option<&Arc<Language>> {
        self.languages.iter().find(|language| language.code == code)
    }
}

/// A stage's settings as they stand in a pipeline, and where, for messages.
pub struct StageSettings<'a> {
    pub file: &'a str,
    pub line: usize,
    pub table: toml::Table,
}

impl StageSettings<'_> {
    /// The settings as the stage's own type.
    /// # Errors
    /// Fails on an unknown key or a value of the wrong type; the message names the stage's line.
    pub fn read<T: serde::de::DeserializeOwned>(&self) -> Result<T, DataFileError> {
        self.table.clone().try_into().map_err(|error: toml::de::Error| {
            let message = document::with_suggestion(error.message());
            DataFileError::at(self.file, self.line, message)
        })
    }

    /// An error about this stage.
    pub fn error(&self, message: impl Into<String>) -> DataFileError {
        DataFileError::at(self.file, self.line, message)
    }
}

/// Makes a stage of its settings.
pub type Constructor = fn(&StageSettings<'_>, &Resources) -> Result<Box<dyn Stage>, DataFileError>;

/// A row of the table of stages.
pub struct StageEntry {
    pub name: &'static str,
    /// Rises when the stage's behaviour changes, so that finished work is known to be out of date.
    pub version: u32,
    /// One line for `medcorpus stages`.
    pub summary: &'static str,
    /// The rules that it may reject by.
    pub rules: &'static [&'static str],
    /// The settings that name files, which the loader reads for it.
    pub file_settings: &'static [&'static str],
    pub constructor: Constructor,
}

/// Every stage there is, in the usual order. The order of a build is its pipeline's.
pub static STAGES: &[StageEntry] = &[
    stages::normalize::ENTRY,
    stages::count_keywords::ENTRY,
    stages::identify_language::ENTRY,
    stages::classify::ENTRY,
    stages::check_quality::ENTRY,
    stages::count_tokens::ENTRY,
];
