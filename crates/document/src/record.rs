//! A document on its way through the stages.

use std::borrow::Cow;

use crate::{LanguageCode, Origin, Scores};

/// One text with its origin and what is known of it. The text is borrowed from the reader's buffer for as long as no
/// stage has to change it, so that the 99 % of a crawl which is rejected is never copied.
#[derive(Debug, Clone)]
pub struct Document<'a> {
    /// The record's own identifier where it has one, else `source:path#place`.
    pub id: Cow<'a, str>,
    pub text: Cow<'a, str>,
    /// The text as it was read, where a stage has changed it since.
    pub text_as_read: Option<Cow<'a, str>>,
    pub url: Option<Cow<'a, str>>,
    /// Date of retrieval or publication as the record states it; it is passed on and never parsed.
    pub date: Option<Cow<'a, str>>,
    /// What the record or its source says the language is: a hint, not a fact.
    pub declared_language: Option<LanguageCode>,
    /// What the stages so far believe the language to be.
    pub language: Option<LanguageCode>,
    pub origin: Origin,
    pub scores: Scores,
    /// Token ids of the text, where the pipeline asks for them.
    pub token_ids: Option<Vec<u32>>,
}

impl Document<'_> {
    /// Length of the text as it now is, in Unicode scalar values.
    pub fn chars(&self) -> u64 {
        // A rule that judges the text as it was read has counted that one.
        let counted = self.scores.chars.filter(|_| self.text_as_read.is_none());
        counted.unwrap_or_else(|| self.text.chars().count() as u64)
    }

    /// The language by which the document is counted: the one believed, else the one declared, else `und`.
    pub fn counted_language(&self) -> LanguageCode {
        self.language.or(self.declared_language).unwrap_or(LanguageCode::UNDETERMINED)
    }
}
