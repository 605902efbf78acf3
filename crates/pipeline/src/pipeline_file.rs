//! A file of `pipelines/`, as it is written.

use std::{collections::BTreeMap, path::PathBuf};

use document::{Kind, LanguageCode};
use filter::KeywordSettings;
use serde::{Deserialize, Serialize};

use crate::{books::BookUse, site_rules::PageSettings};

/// A file of `pipelines/`, as it is written. Paths are relative to the file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PipelineFile {
    pub title: String,
    pub filters: PathBuf,
    pub sources: PathBuf,
    pub languages: Vec<LanguageCode>,
    #[serde(default)]
    pub keywords: BTreeMap<LanguageCode, KeywordOverride>,
    #[serde(rename = "source")]
    pub source_list: Vec<toml::Spanned<SourceUse>>,
    #[serde(rename = "stage")]
    pub stage_list: Vec<toml::Spanned<toml::Table>>,
    pub duplicates: Option<dedup::Settings>,
    /// How books are read, where a source has any.
    pub books: Option<BookUse>,
    /// How web pages are read, where a source has any.
    #[serde(default)]
    pub pages: PageSettings,
    pub tasks: TaskSettings,
    pub output: OutputSettings,
    pub rejected: RejectedSettings,
    #[serde(default)]
    pub expect: Vec<Expectation>,
}

/// `[[source]]`: a description under `sources/`, and where its files lie here.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SourceUse {
    pub name: String,
    pub path: PathBuf,
}

/// `[keywords.CODE]`: what this corpus asks for instead of the language's own thresholds.
#[derive(Debug, Clone, Copy, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct KeywordOverride {
    pub rule: Option<filter::keywords::KeywordRule>,
    pub min_distinct: Option<u64>,
    pub min_density: Option<f64>,
}

impl KeywordOverride {
    pub(crate) fn apply(&self, settings: &mut KeywordSettings) {
        settings.rule = self.rule.unwrap_or(settings.rule);
        settings.min_density = self.min_density.unwrap_or(settings.min_density);
        if let Some(min_distinct) = self.min_distinct {
            settings.min_distinct = min_distinct;
            // A pipeline that names one number means it for texts of every length.
            settings.short_chars = 0;
        }
    }
}

/// `[tasks]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TaskSettings {
    /// Bytes of input that one task reads, about.
    pub megabytes: u64,
}

/// `[output]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct OutputSettings {
    /// A shard ends at so many tokens.
    pub shard_tokens: u64,
}

/// `[rejected]`: what is listed of the rejected documents. Counts and histograms always cover all.
#[derive(Debug, Clone, Copy, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct RejectedSettings {
    pub list: RejectedList,
    /// Share of the rejected that belong to the sample, chosen by the hash of their place; only these keep their text.
    pub sample_share: f64,
}

/// Which rejected documents are listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum RejectedList {
    All,
    Sample,
}

/// `[[expect]]`: a cell of a published composition, to be shown beside the built one.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Expectation {
    pub language: LanguageCode,
    pub kind: Kind,
    /// Tokens, by whatever tokenizer the publication used.
    pub tokens: u64,
}
