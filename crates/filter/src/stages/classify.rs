//! `classify`: is the text about medicine, judged by its keywords and by the language's classifier together.
//!
//! # What it finds
//! `term_list`: terms cover so much of the text that it is a list of them (value and limit: share of the characters).
//! `not_medical`: the calibrated probability is too low (value and limit: probability).
//! `medical_part_too_small`: the whole would pass, but too few of its windows do, and no section of it is about medicine
//! (value and limit: share of the windows).
//! # Why
//! Keywords cannot tell a patient's question from a recipe with liver, and a classifier alone learns how its sources write.
//! Each corrects the other. Windows see a section on medicine in a long page, and see through a page that has all its
//! terms in one corner.
//! # Settings
//! `top_keywords`: so many of the terms found, those of the highest weight first, are written into the column of that name;
//! none without it. The numbers of the rules belong to the language: `[judgement]` in its folder, written by `medcorpus language calibrate`. A
//! language without them is judged by its keywords alone, and so is every language under the keyword rule `mmedc`.
//! # Reference
//! Joulin et al. 2016, arXiv:1607.01759 (the classifier); the weighing is logistic regression.

use std::sync::Arc;

use document::{Document, Verdict};
use serde::Deserialize;

use crate::{
    Language,
    judgement::{Judged, Judgement, Parts, logistic},
    keywords::KeywordRule,
    stage::{Checks, Stage, StageEntry},
};

pub const ENTRY: StageEntry = StageEntry {
    name: "classify",
    version: 1,
    summary: "weighs keywords and classifier, of the whole text and of its windows",
    rules: &["term_list", "not_medical", "medical_part_too_small"],
    file_settings: &[],
    constructor: |settings, resources| {
        let Settings { top_keywords } = settings.read()?;
        Ok(Box::new(Classify { top_keywords, languages: resources.languages.clone() }))
    },
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    #[serde(default)]
    top_keywords: usize,
}

struct Classify {
    top_keywords: usize,
    languages: Vec<Arc<Language>>,
}

impl Stage for Classify {
    fn judge(&self, document: &mut Document<'_>, checks: &mut Checks) {
        let Some(language) = self.languages.iter().find(|language| Some(language.code) == document.language) else {
            return;
        };
        if let Some(weighed) = Weighed::of_text(language, &document.text) {
            let in_steps = |number: f64| (number * 10_000.0).round() / 10_000.0;
            document.scores.keyword_weight = Some(weighed.parts.whole.weight as f64 / 100.0);
            document.scores.classifier_probability = weighed.parts.opinion().map(|it| in_steps(logistic(it)));
            document.scores.medical_probability = Some(weighed.judged.probability);
            document.scores.medical_share = Some(in_steps(weighed.judged.medical_share));
            weighed.check(checks);
        }
        if self.top_keywords > 0 && !checks.settled() {
            document.scores.top_keywords = Some(top_keywords(language, &document.text, self.top_keywords));
        }
    }
}

/// The different terms in `text`, by weight and then by their order in the list, at most `number`.
fn top_keywords(language: &Language, text: &str, number: usize) -> String {
    let mut terms: Vec<usize> = language.matcher.hits(text).into_iter().map(|hit| hit.term).collect();
    terms.sort_by_key(|term| (std::cmp::Reverse(language.terms[*term].weight), *term));
    terms.dedup();
    let terms = terms.iter().take(number).map(|term| language.terms[*term].text.as_str());
    terms.collect::<Vec<_>>().join("; ")
}

/// What this stage says of a text in a language that is known.
pub fn judge_in(language: &Language, text: &str) -> Verdict {
    let mut checks = Checks::brief(ENTRY.name);
    if let Some(weighed) = Weighed::of_text(language, text) {
        weighed.check(&mut checks);
    }
    checks.verdict()
}

/// What keywords and classifier say of a text, beside the language's limits.
struct Weighed<'a> {
    judgement: &'a Judgement,
    parts: Parts,
    judged: Judged,
}

impl<'a> Weighed<'a> {
    /// Nothing where the language has not been calibrated, or judges by the published rule.
    fn of_text(language: &'a Language, text: &str) -> Option<Weighed<'a>> {
        let judgement = language.settings.judgement.as_ref()?;
        if language.settings.keywords.rule == KeywordRule::Mmedc {
            return None;
        }
        let classifier = language.classifier.as_ref().filter(|_| judgement.classifier.is_some());
        let parts = Parts::of(text, language.settings.word_boundaries, &language.matcher, classifier);
        let judged = judgement.judge(&parts);
        Some(Weighed { judgement, parts, judged })
    }

    /// The rules of `Judgement::keeps`, each number beside its limit.
    fn check(&self, checks: &mut Checks) {
        let judged = self.judged;
        checks.at_most("term_list", self.parts.whole.density(), self.judgement.max_density);
        checks.at_least("not_medical", judged.probability, self.judgement.min_probability);
        if !judged.has_section {
            checks.at_least("medical_part_too_small", judged.medical_share, self.judgement.min_medical_share);
        }
    }
}
