//! `count_keywords`: is the text about medicine, judged by the keywords of its language.
//!
//! # What it finds
//! `too_few_keywords`: fewer different terms than the language asks for (value and limit: terms).
//! `keyword_density_too_low`: terms cover too small a share of the characters (value and limit: share). Where the language is
//! calibrated, the share of the densest stretch of 2,048 characters counts if it is higher.
//! `foreign_script`: no language is declared and the letters belong to no language of the build (value and limit: share).
//! # Why
//! One pass over the text rejects the 99 % of a crawl that is not medical, before anything more costly looks at it.
//! # Settings
//! `script_sample_chars`: characters that are looked at to guess the script of a text whose language nobody declared.
//! `min_script_share`: a language is a candidate for such a text if at least this share of the letters is in its script.
//! The thresholds belong to the language: `[keywords]` in its folder, or `[keywords.CODE]` in the pipeline.
//! # Reference
//! Qiu et al. 2024, Nat. Commun. 15, 8384, Methods (MKC and DENS).

use std::sync::Arc;

use document::{Document, LanguageCode, Verdict};
use serde::Deserialize;
use unicode_script::Script;

use crate::{
    Language,
    keywords::{Count, KeywordRule},
    script::{ScriptCounts, scripts_of},
    stage::{Checks, Stage, StageEntry},
};

pub const ENTRY: StageEntry = StageEntry {
    name: "count_keywords",
    version: 2,
    summary: "asks for enough different medical terms, and for enough of the text to be covered by them",
    rules: &["too_few_keywords", "keyword_density_too_low", "foreign_script"],
    file_settings: &[],
    constructor: |settings, resources| {
        let scripts = |language: &Arc<Language>| scripts_of(&language.settings.script).unwrap_or_default();
        let languages = resources.languages.iter().map(|language| (scripts(language), Arc::clone(language))).collect();
        Ok(Box::new(CountKeywords { settings: settings.read()?, languages }))
    },
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    script_sample_chars: usize,
    min_script_share: f64,
}

struct CountKeywords {
    settings: Settings,
    languages: Vec<(Vec<Script>, Arc<Language>)>,
}

impl Stage for CountKeywords {
    fn judge(&self, document: &mut Document<'_>, checks: &mut Checks) {
        let known = document.language.or(document.declared_language);
        let declared = known.and_then(|code| self.languages.iter().find(|(_, language)| language.code == code));
        let best = match declared {
            Some((_, language)) => Judged::new(language, document),
            None => match self.best_candidate(document, checks) {
                Some(best) => best,
                None => {
                    document.scores.chars = Some(document.chars());
                    return;
                }
            },
        };
        document.language = Some(best.language);
        document.scores.chars = Some(best.count.chars);
        document.scores.distinct_keywords = Some(best.count.distinct);
        document.scores.hit_chars = Some(best.count.hit_chars);
        document.scores.keyword_density = Some(best.count.density());
        best.check(checks);
    }
}

/// What this stage says of a text in a language that is known.
pub fn judge_in(language: &Language, text: &str) -> Verdict {
    let mut checks = Checks::brief(ENTRY.name);
    Judged::of_text(language, text).check(&mut checks);
    checks.verdict()
}

impl CountKeywords {
    /// Of all languages that are written in the text's script, the one whose keywords fit best.
    fn best_candidate(&self, document: &Document<'_>, checks: &mut Checks) -> Option<Judged> {
        let scripts = ScriptCounts::of(&document.text, self.settings.script_sample_chars);
        let shares = || self.languages.iter().map(|(own, language)| (scripts.share(own), language));
        let best_share = shares().map(|(share, _)| share).fold(0.0, f64::max);
        checks.at_least("foreign_script", best_share, self.settings.min_script_share);
        shares()
            .filter(|(share, _)| *share >= self.settings.min_script_share)
            .map(|(_, language)| Judged::new(language, document))
            // The first of equals, so that the order of the languages decides and nothing else.
            .reduce(|best, next| if next.fit() > best.fit() { next } else { best })
    }
}

/// The keywords of one language in the text, beside its limits.
struct Judged {
    language: LanguageCode,
    count: Count,
    min_distinct: u64,
    min_density: f64,
    /// Whether a stage that looks at the parts of the text comes after, so that one dense part is enough here.
    by_parts: bool,
}

impl Judged {
    fn new(language: &Language, document: &Document<'_>) -> Judged {
        // The published rule knows no normalisation, so it gets the text as it was read.
        let as_read = document.text_as_read.as_ref().filter(|_| language.settings.keywords.rule == KeywordRule::Mmedc);
        Judged::of_text(language, as_read.unwrap_or(&document.text))
    }

    fn of_text(language: &Language, text: &str) -> Judged {
        let keywords = &language.settings.keywords;
        let count = language.matcher.count(text);
        let short = count.chars < keywords.short_chars;
        let min_distinct = if short { keywords.short_min_distinct } else { keywords.min_distinct };
        let by_parts = language.settings.judgement.is_some();
        Judged { language: language.code, count, min_distinct, min_density: keywords.min_density, by_parts }
    }

    fn check(&self, checks: &mut Checks) {
        checks.at_least("too_few_keywords", self.count.distinct as f64, self.min_distinct as f64);
        checks.at_least("keyword_density_too_low", self.density(), self.min_density);
    }

    fn density(&self) -> f64 {
        if self.by_parts { self.count.highest_density() } else { self.count.density() }
    }

    /// How far the text goes towards both limits: at least 1 where it passes.
    fn fit(&self) -> f64 {
        let towards = |value: f64, limit: f64| if limit > 0.0 { value / limit } else { 1.0 + value };
        towards(self.count.distinct as f64, self.min_distinct as f64).min(towards(self.density(), self.min_density))
    }
}
