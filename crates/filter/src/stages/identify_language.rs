//! `identify_language`: which language the text is really in, by a fastText model.
//!
//! # What it finds
//! `unwanted_language`: the text is in none of the build's languages (value: probability of the language found).
//! `language_uncertain`: the probability is below the language's `min_probability` (value and limit: probability).
//! # Why
//! Declared languages are hints: crawls are mislabelled, and text of one language cites keywords of another. A text in
//! another language of the build is moved there and judged again by that language's keywords.
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
    version: 1,
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
        // An empty text has no prediction.
        let best = self.model.predict(&document.text, 1, 0.0).ok().and_then(|found| found.into_iter().next());
        let (label, probability) = match &best {
            Some(found) => (found.label.trim_start_matches("__label__"), rounded(found.probability)),
            None => ("", 0.0),
        };
        document.scores.identified_language = Some(label.to_owned());
        document.scores.language_probability = Some(probability);
        match self.languages.iter().find(|language| language.has_label(label)) {
            Some(language) => {
                document.language = Some(language.code);
                let min_probability = language.settings.identify_language.min_probability;
                checks.at_least("language_uncertain", probability, min_probability);
            }
            None => checks.broken("unwanted_language", probability, 0.0),
        }
    }
}

fn rounded(probability: f32) -> f64 {
    (f64::from(probability.clamp(0.0, 1.0)) * PROBABILITY_STEPS).round() / PROBABILITY_STEPS
}
