//! The numbers that the stages attach to a document. Each is absent until its stage has run.

use serde::Serialize;

/// Scores of one document; units stand beside each.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Scores {
    /// Length of the text in Unicode scalar values.
    pub chars: Option<u64>,
    /// Number of different keywords that occur.
    pub distinct_keywords: Option<u64>,
    /// Characters covered by keywords, in the sense of the language's keyword rule.
    pub hit_chars: Option<u64>,
    /// `hit_chars / chars`; 0 for an empty text.
    pub keyword_density: Option<f64>,
    /// Sum of the weights of the different keywords.
    pub keyword_weight: Option<f64>,
    /// The keywords that weigh most, separated by "; ", where the pipeline asks for them.
    pub top_keywords: Option<String>,
    /// What the classifier alone says, the mean of the windows, in 0..=1.
    pub classifier_probability: Option<f64>,
    /// What keywords and classifier say together, calibrated for the language's prevalence, in 0..=1.
    pub medical_probability: Option<f64>,
    /// Share of the text's windows that are about medicine, in 0..=1.
    pub medical_share: Option<f64>,
    /// Label of the language that the model identified, also where it is none of the build's.
    pub identified_language: Option<String>,
    /// Probability of the identified language, in 0..=1, in steps of 0.0001.
    pub language_probability: Option<f64>,
    /// Words, counted as the language counts them.
    pub words: Option<u64>,
    /// Share of characters in lines that occur more than once, in 0..=1.
    pub duplicate_line_chars: Option<f64>,
    /// What read the pages of a book (`text_layer`, `markup`, the engines, joined by `+` where it was several), or a page
    /// of a site with rules of its own (`selectors`, `main_text`, `plain`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub page_method: Option<String>,
    /// How sure that reading is, the mean over the characters of the kept pages, in 0..=1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub page_confidence: Option<f64>,
    /// Tokens of the pipeline's tokenizer.
    pub tokens: Option<u64>,
}
