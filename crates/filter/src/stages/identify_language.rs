//! `identify_language`: which language the text is really in, by a fastText model.
//!
//! # What it finds
//! `unwanted_language`: the text is in none of the build's languages (value: probability of the language found).
//! `language_uncertain`: the probability is below the language's `min_probability` (value and limit: probability).
//! # Why
//! Declared languages are hints: crawls are mislabelled, and text of one language cites keywords of another. A text in
//! another language of the build is moved there and judged again by that language's keywords. Where the script rules out
//! what the model says (Japanese without a kana), the language that it is confused with is meant: `confused_with`.
//! # Settings
//! `model`: path of a fastText model file, relative to the pipeline file.
//! # Reference
//! Joulin et al. 2016, arXiv:1612.03651; lid.176.ftz is described at fasttext.cc/docs/en/language-identification.html.
//! The whole text is read: the first 500 characters alone cost 1.7 points of accuracy.

use std::sync::Arc;

use document::Document;
use fasttext_pure_rs::FastText;
use serde::Deserialize;

use crate::{
    Language,
    stage::{Checks, Stage, StageEntry},
};

pub const ENTRY: StageEntry = StageEntry {
    name: "identify_language",
    version: 2,
    summary: "identifies the language with a fastText model and moves or rejects what is declared wrongly",
    rules: &["unwanted_language", "language_uncertain"],
    file_settings: &["model"],
    constructor: |settings, resources| {
        let Settings { model } = settings.read()?;
        let bytes =
            resources.files.get(&model).ok_or_else(|| settings.error(format!("model {model:?} was not loaded")))?;
        let model = FastText::load_from_reader(bytes.as_slice())
            .map_err(|error| settings.error(format!("model {model:?} is no fastText model: {error}")))?;
        Ok(Box::new(IdentifyLanguage { model, languages: resources.languages.clone() }))
    },
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    model: String,
}

struct IdentifyLanguage {
    model: FastText,
    languages: Vec<Arc<Language>>,
}

/// Probabilities are rounded to this step before a threshold meets them, so that a last bit of floating point, which may
/// differ between machines, decides nothing.
const PROBABILITY_STEPS: f64 = 10_000.0;

impl Stage for IdentifyLanguage {
    fn judge(&self, document: &mut Document<'_>, checks: &mut Checks) {
        let (label, probability) = self.predict(&document.text, 1).into_iter().next().unwrap_or_default();
        document.scores.identified_language = Some(label.clone());
        document.scores.language_probability = Some(rounded(probability));
        match self.language_of(&label, &document.text) {
            Some(language) => {
                document.language = Some(language.code);
                let settings = &language.settings.identify_language;
                let probability = if settings.labels.is_none() && settings.confused_with.is_empty() {
                    probability
                } else {
                    // What the model gives to several labels that mean this language belongs together.
                    let found = self.predict(&document.text, LABELS);
                    let own = |(label, _): &&(String, f32)| {
                        self.language_of(label, &document.text).is_some_and(|it| it.code == language.code)
                    };
                    found.iter().filter(own).map(|(_, probability)| probability).sum()
                };
                checks.at_least("language_uncertain", rounded(probability), settings.min_probability);
            }
            None => checks.broken("unwanted_language", rounded(probability), 0.0),
        }
    }
}

/// Labels that are looked at where several mean one language.
const LABELS: usize = 5;

impl IdentifyLanguage {
    /// The most probable labels, with their probabilities; none for an empty text.
    fn predict(&self, text: &str, number: usize) -> Vec<(String, f32)> {
        let found = self.model.predict(text, number, 0.0).unwrap_or_default();
        found.into_iter().map(|it| (it.label.trim_start_matches("__label__").to_owned(), it.probability)).collect()
    }

    /// The language of the build that a label means in this text.
    fn language_of(&self, label: &str, text: &str) -> Option<&Arc<Language>> {
        let languages = &self.languages;
        let confused = languages.iter().find(|language| language.is_confused_with(label, text));
        confused.or_else(|| languages.iter().find(|language| language.has_label(label)))
    }
}

fn rounded(probability: f32) -> f64 {
    (f64::from(probability.clamp(0.0, 1.0)) * PROBABILITY_STEPS).round() / PROBABILITY_STEPS
}
