//! Decides, purely, whether a document is medical, in its language, and clean, by the data in `filters/`.
//!
//! A [`Language`] is one folder of text files. A [`stage::Stage`] judges one document; a [`Chain`] is the stages of a
//! build in their order. Nothing here reads a file but `load`, and nothing here knows a language by name.

mod chain;
pub mod classifier;
mod identifier;
mod import_mmedc;
mod judgement;
pub mod keywords;
mod language;
mod load;
mod script;
mod stage;
mod stages;

pub use chain::{Chain, StageReport};
pub use identifier::{Identified, Identifier};
pub use import_mmedc::{mmedc_folder, mmedc_terms};
pub use judgement::{Evidence, FEATURES, Judged, Judgement, Parts, log_odds, logistic};
pub use language::{
    CLASSIFIER_FILE, Example, ExampleVerdict, FolderText, KeywordSettings, Language, LanguageSettings, OcrEngine,
    OcrSettings, Term, TermList,
};
pub use load::{list_languages, load_language, load_language_settings};
pub use stage::{Check, Checks, Resources, STAGES, Stage, StageEntry, StageSettings};
pub use stages::{
    classify::judge_in as classify, count_keywords::judge_in as scan,
    count_tokens::is_built_in as is_built_in_tokenizer,
};
