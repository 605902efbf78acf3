//! The language of any text by a fastText model, and what the model's labels mean to the languages at hand.

use document::LanguageCode;
use fasttext_pure_rs::FastText;

use crate::language::IdentifySettings;

/// A model and the languages that its labels may mean.
pub struct Identifier {
    model: FastText,
    languages: Vec<(LanguageCode, IdentifySettings)>,
}

/// What the model says of a text. Probabilities are in steps of 0.0001.
#[derive(Debug, Clone, PartialEq)]
pub struct Identified {
    /// The model's own name of the language.
    pub label: String,
    pub probability: f64,
    /// Which of the languages at hand is meant, with what the model gives to all labels that mean it.
    pub language: Option<(LanguageCode, f64)>,
}

/// Labels that are looked at where several may mean one language.
const LABELS: usize = 5;

/// Probabilities are rounded to this step before a threshold meets them, so that a last bit of floating point, which may
/// differ between machines, decides nothing.
const PROBABILITY_STEPS: f64 = 10_000.0;

impl Identifier {
    /// # Errors
    /// Fails if `model` is no fastText model.
    pub fn new(model: &[u8], languages: Vec<(LanguageCode, IdentifySettings)>) -> Result<Identifier, String> {
        let model = FastText::load_from_reader(model).map_err(|error| format!("is no fastText model: {error}"))?;
        Ok(Identifier { model, languages })
    }

    /// Nothing for a text without any.
    pub fn identify(&self, text: &str) -> Option<Identified> {
        let (label, probability) = self.predict(text, 1).into_iter().next()?;
        let language = self.meant_by(&label, text).map(|(code, settings)| {
            let probability = if settings.labels.is_none() && settings.confused_with.is_empty() {
                probability
            } else {
                let found = self.predict(text, LABELS);
                let means = |(label, _): &&(String, f32)| self.meant_by(label, text).is_some_and(|it| it.0 == *code);
                found.iter().filter(means).map(|(_, probability)| probability).sum()
            };
            (*code, rounded(probability))
        });
        Some(Identified { label, probability: rounded(probability), language })
    }

    /// The most probable labels, with their probabilities.
    fn predict(&self, text: &str, number: usize) -> Vec<(String, f32)> {
        let found = self.model.predict(text, number, 0.0).unwrap_or_default();
        found.into_iter().map(|it| (it.label.trim_start_matches("__label__").to_owned(), it.probability)).collect()
    }

    /// The language that a label means in this text: the one that the model confuses with another, if the script says so.
    fn meant_by(&self, label: &str, text: &str) -> Option<&(LanguageCode, IdentifySettings)> {
        let confused = self.languages.iter().find(|(_, settings)| settings.is_confused_with(label, text));
        confused.or_else(|| self.languages.iter().find(|(code, settings)| settings.has_label(*code, label)))
    }
}

fn rounded(probability: f32) -> f64 {
    (f64::from(probability.clamp(0.0, 1.0)) * PROBABILITY_STEPS).round() / PROBABILITY_STEPS
}
