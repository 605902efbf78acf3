//! Every folder of `filters/` is sound: it loads, judges its own examples as they say, and is not thin.

use std::collections::BTreeSet;

use document::{LanguageCode, Verdict};
use filter::{Language, list_languages, load_language};

use crate::support::{passages, root};

fn languages() -> Vec<(LanguageCode, Language)> {
    let filters = root().join("filters");
    let codes = list_languages(&filters).unwrap();
    assert!(codes.len() >= 6, "{codes:?}");
    let load = |code| (code, load_language(&filters, code, |_| {}).unwrap_or_else(|problems| panic!("{problems}")));
    codes.into_iter().map(load).collect()
}

#[test]
fn examples_come_out_as_they_say() {
    let failing: Vec<String> = languages()
        .iter()
        .flat_map(|(code, language)| {
            let say = move |example| format!("filters/{code}/examples.toml: {example}");
            language.failing_examples().into_iter().map(say).collect::<Vec<_>>()
        })
        .collect();
    assert!(failing.is_empty(), "{}", failing.join("\n"));
}

#[test]
fn no_language_is_thin() {
    for (code, language) in languages() {
        let different: BTreeSet<&str> = language.terms.iter().map(|term| term.text.as_str()).collect();
        assert!(different.len() >= 300, "{code}: {} terms", different.len());
        assert!(language.examples.len() >= 6, "{code}: {} examples", language.examples.len());
        assert!(language.stopwords.len() >= 20, "{code}: {} stop words", language.stopwords.len());
    }
}

#[test]
fn examples_show_both_verdicts_and_rules_of_keywords_and_judgement() {
    for (code, language) in languages() {
        let rules: BTreeSet<Option<&str>> = language.examples.iter().map(|example| example.rule.as_deref()).collect();
        let of_keywords = ["too_few_keywords", "keyword_density_too_low"].map(Some);
        assert!(rules.contains(&None), "{code}: no example of a text that is kept");
        assert!(of_keywords.iter().any(|rule| rules.contains(rule)), "{code}: no example without keywords");
    }
}

/// What the language's two keyword stages say.
fn is_medical(language: &Language, text: &str) -> bool {
    filter::scan(language, text) == Verdict::Keep && filter::classify(language, text) == Verdict::Keep
}

/// The passages that were written for a language: those of a label.
fn written(code: LanguageCode, label: &str) -> Vec<String> {
    let path = root().join("filters").join(code.as_str()).join("passages.jsonl");
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let records = text.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    records.filter(|it| it["label"] == label).map(|it| it["text"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn pages_stuffed_with_terms_are_not_medical_and_medical_sections_are() {
    for (code, language) in languages().into_iter().filter(|(_, language)| language.settings.judgement.is_some()) {
        // Passages without a term, so that what is stuffed into them decides.
        let plain = |text: &String| language.matcher.count(text).distinct == 0;
        let other: Vec<String> = written(code, "other").into_iter().filter(plain).collect();
        let medical = written(code, "medical");
        let page = |passages: &[String]| passages.iter().cycle().take(30).cloned().collect::<Vec<_>>().join("\n\n");
        let terms: Vec<&str> =
            language.terms.iter().step_by(language.terms.len() / 60).map(|it| it.text.as_str()).collect();

        let list = terms.join("\n");
        assert!(!is_medical(&language, &list), "{code}: a list of terms is kept");
        let glossary = format!("{}\n\n{}", page(&other), terms.join(", "));
        assert!(!is_medical(&language, &glossary), "{code}: a page with a glossary at its end is kept");
        let single = terms.iter().find(|term| language.matcher.count(term).distinct == 1).unwrap();
        let repeated = format!("{}\n\n{}", page(&other), format!("{single} ").repeat(300));
        assert!(!is_medical(&language, &repeated), "{code}: a page that repeats one term is kept");
        let menu = format!("{}\n\n{}", terms[..12].join(" | "), page(&other));
        assert!(!is_medical(&language, &menu), "{code}: a page under a medical menu is kept");

        // A third of a long page is about medicine.
        let section = format!("{}\n\n{}\n\n{}", page(&other), page(&medical), page(&other));
        assert!(is_medical(&language, &section), "{code}: a medical section in a long page is not seen");
    }
}

#[test]
fn every_term_is_found_where_it_stands_alone() {
    for (code, language) in languages() {
        let lost: Vec<&str> = language
            .terms
            .iter()
            .map(|term| term.text.as_str())
            .filter(|term| language.matcher.count(&format!("x {term} x")).distinct == 0)
            .collect();
        assert!(lost.is_empty(), "{code}: never matched: {lost:?}");
    }
}

#[test]
fn every_language_of_the_sample_has_a_folder() {
    let known: BTreeSet<String> = languages().iter().map(|(code, _)| code.to_string()).collect();
    let wanted: BTreeSet<String> = passages().into_iter().map(|passage| passage.language).collect();
    assert!(wanted.is_subset(&known), "{wanted:?} against {known:?}");
}
