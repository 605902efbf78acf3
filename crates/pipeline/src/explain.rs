//! One document through all stages, with every number beside its limit.

use std::{path::Path, sync::Arc};

use document::{Container, Document, Fault, Kind, LanguageCode, Origin, Place, Reason, Scores, Verdict};
use filter::{Chain, Language, StageReport};
use serde::Serialize;

use crate::{Configuration, Error, pages, site_rules::SiteRules};

/// What became of one record, and why.
#[derive(Debug, Clone, Serialize)]
pub struct Explanation {
    pub id: Option<String>,
    /// Where the record stands: `path#place`.
    pub locator: String,
    pub language: Option<LanguageCode>,
    /// `keep`, `reject` or `fault`.
    pub verdict: &'static str,
    pub reason: Option<ExplainedReason>,
    /// Every stage's scores, also those after a rejection.
    pub scores: Scores,
    pub stages: Vec<StageReport>,
    /// The keywords of its language in the text, in the order in which they occur.
    pub keywords: Vec<FoundKeyword>,
    /// The text as it came out of the stages; not part of the JSON.
    #[serde(skip)]
    pub text: String,
}

/// A reason, or a fault in the form of one.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ExplainedReason {
    pub stage: &'static str,
    pub rule: &'static str,
    pub value: Option<f64>,
    pub limit: Option<f64>,
    /// For a fault, what was found and what can be done about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

impl From<Reason> for ExplainedReason {
    fn from(reason: Reason) -> ExplainedReason {
        let Reason { stage, rule, value, limit } = reason;
        ExplainedReason { stage, rule, value: Some(value), limit: Some(limit), message: None }
    }
}

/// One occurrence of a keyword.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FoundKeyword {
    /// As it is listed.
    pub term: String,
    pub kind: Option<String>,
    pub weight: f64,
    /// Where it begins and ends in the text as the stages left it, in Unicode scalar values.
    pub chars: [usize; 2],
}

/// Explains documents by the stages and languages of a pipeline.
pub struct Explainer {
    chain: Chain,
    languages: Vec<Arc<Language>>,
    language: Option<LanguageCode>,
}

impl Explainer {
    /// With `language`, every document is judged as text of that language, whatever it declares and whatever a stage
    /// finds.
    /// # Errors
    /// Fails if a stage's settings are wrong.
    pub fn new(configuration: &Configuration, language: Option<LanguageCode>) -> Result<Explainer, Error> {
        let codes: Vec<LanguageCode> = configuration.languages.iter().map(|language| language.code).collect();
        Ok(Explainer { chain: configuration.chain(&codes)?, languages: configuration.languages.clone(), language })
    }

    /// Explains every record of a file or folder in any format that is read.
    /// # Errors
    /// Fails if the input cannot be read at all.
    pub fn each(&self, path: &Path, visit: &mut dyn FnMut(Explanation)) -> Result<(), Error> {
        let description = source::Description::anonymous(path);
        for input in source::inputs(&description, path)? {
            let container = Arc::new(input.container.clone());
            for split in source::splits(&input, u64::MAX)? {
                let mut show = |record: Result<Document<'_>, Fault>, reason: Option<Reason>| {
                    let mut explanation = self.explain(record);
                    if let Some(reason) = reason {
                        explanation.verdict = "reject";
                        explanation.reason = Some(reason.into());
                    }
                    visit(explanation);
                };
                pages::read(&input, &container, &split, &SiteRules::default(), &mut show)?;
            }
        }
        Ok(())
    }

    /// Explains a text without an origin.
    pub fn explain_text(&self, text: &str) -> Explanation {
        let container = Container {
            source: "text".to_owned(),
            kind: Kind::Corpus,
            licence: String::new(),
            licence_evidence: String::new(),
            path: "text".to_owned(),
            digest: None,
        };
        let origin = Origin { container: Arc::new(container), place: Place::Whole };
        self.explain(Ok(Document {
            id: "text".into(),
            text: text.into(),
            text_as_read: None,
            url: None,
            date: None,
            declared_language: None,
            language: None,
            origin,
            scores: Scores::default(),
            token_ids: None,
        }))
    }

    /// Explains one record.
    pub fn explain(&self, record: Result<Document<'_>, Fault>) -> Explanation {
        let mut document = match record {
            Ok(document) => document,
            Err(fault) => return of_fault(fault),
        };
        if self.language.is_some() {
            document.language = self.language;
        }
        let (verdict, stages) = self.chain.explain(&mut document, self.language.is_some());
        let reason = match verdict {
            Verdict::Keep => None,
            Verdict::Reject(reason) => Some(reason.into()),
        };
        let judged = self.languages.iter().find(|language| Some(language.code) == document.language);
        let keywords = judged.map(|language| keywords(language, &document.text)).unwrap_or_default();
        Explanation {
            id: Some(document.id.to_string()),
            locator: document.origin.locator(),
            language: document.language.or(document.declared_language),
            verdict: if reason.is_none() { "keep" } else { "reject" },
            reason,
            scores: document.scores,
            stages,
            keywords,
            text: document.text.into_owned(),
        }
    }
}

fn keywords(language: &Language, text: &str) -> Vec<FoundKeyword> {
    let found = language.matcher.hits(text).into_iter().map(|hit| {
        let term = &language.terms[hit.term];
        FoundKeyword {
            term: term.text.clone(),
            kind: term.kind.clone(),
            weight: f64::from(term.weight) / 100.0,
            chars: [hit.chars.start, hit.chars.end],
        }
    });
    found.collect()
}

fn of_fault(fault: Fault) -> Explanation {
    let reason = ExplainedReason {
        stage: "read",
        rule: fault.kind.as_str(),
        value: None,
        limit: None,
        message: Some(fault.message),
    };
    Explanation {
        id: None,
        locator: fault.place,
        language: None,
        verdict: "fault",
        reason: Some(reason),
        scores: Scores::default(),
        stages: Vec::new(),
        keywords: Vec::new(),
        text: String::new(),
    }
}
