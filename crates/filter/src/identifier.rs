//! The language of any text by a fastText model, for those who need to know it before a document is there to be judged.

use document::LanguageCode;
use fasttext_pure_rs::FastText;

use crate::language::LanguageSettings;

/// A model and the languages that its labels mean.
pub struct Identifier {
    model: FastText,
    labels: Vec<(String, LanguageCode)>,
}

impl Identifier {
    /// `languages` give the labels that mean them; other labels are taken as codes.
    /// # Errors
    /// Fails if `model` is no fastText model.
    pub fn new(model: &[u8], languages: &[(LanguageCode, LanguageSettings)]) -> Result<Identifier, String> {
        let model = FastText::load_from_reader(model).map_err(|error| format!("is no fastText model: {error}"))?;
        let mut labels = Vec::new();
        for (code, settings) in languages {
            let named = settings.identify_language.labels.clone();
            labels.extend(named.into_iter().flatten().map(|label| (label, *code)));
        }
        Ok(Identifier { model, labels })
    }

    /// The most probable language and its probability, in steps of 0.0001; nothing for a text without any.
    pub fn identify(&self, text: &str) -> Option<(LanguageCode, f64)> {
        // The model reads one line.
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        let best = self.model.predict(&text, 1, 0.0).ok()?.into_iter().next()?;
        let label = best.label.trim_start_matches("__label__");
        let named = self.labels.iter().find(|(known, _)| known == label).map(|(_, code)| *code);
        let code = named.or_else(|| LanguageCode::parse(label).ok())?;
        Some((code, (f64::from(best.probability.clamp(0.0, 1.0)) * 10_000.0).round() / 10_000.0))
    }
}
