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
use serde::Deserialize;

use crate::{
    Identifier, Language,
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
        let languages = resources.languages.clone();
        let known = languages.iter().map(|it| (it.code, it.settings.identify_language.clone())).collect();
        let identifier =
            Identifier::new(bytes, known).map_err(|error| settings.error(format!("model {model:?} {error}")))?;
        Ok(Box::new(IdentifyLanguage { identifier, languages }))
    },
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    model: String,
}

struct IdentifyLanguage {
    identifier: Identifier,
    languages: Vec<Arc<Language>>,
}

impl Stage for IdentifyLanguage {
    fn judge(&self, document: &mut Document<'_>, checks: &mut Checks) {
        // An empty text is in no language.
        let found = self.identifier.identify(&document.text);
        let (label, probability, language) =
            found.map_or_else(Default::default, |it| (it.label, it.probability, it.language));
        document.scores.identified_language = Some(label);
        document.scores.language_probability = Some(probability);
        let meant = language.and_then(|(code, probability)| {
            let language = self.languages.iter().find(|it| it.code == code)?;
            Some((code, probability, language.settings.identify_language.min_probability))
        });
        match meant {
            Some((code, probability, min_probability)) => {
                document.language = Some(code);
                checks.at_least("language_uncertain", probability, min_probability);
            }
            None => checks.broken("unwanted_language", probability, 0.0),
        }
    }
}
