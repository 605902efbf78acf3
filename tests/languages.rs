//! Every folder of `filters/` is sound: it loads, judges its own examples as they say, and is not thin.

use std::collections::BTreeSet;

use document::LanguageCode;
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
        assert!(language.examples.len() >= 14, "{code}: {} examples", language.examples.len());
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
