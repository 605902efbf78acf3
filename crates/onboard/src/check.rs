//! Checks the labels that a language rests on: enough of them, none of them in training and test alike, none that are
//! boilerplate, none in another language.

use std::collections::BTreeMap;

use filter::{Language, classifier};
use xxhash_rust::xxh3::xxh3_64;

use crate::{Labelled, folds::origins};

/// Something that is wrong with the labels.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Finding {
    /// `too_few_labels`, `single_origin`, `leakage`, `boilerplate`, `other_language`, `out_of_date`, `not_calibrated`.
    pub rule: &'static str,
    pub message: String,
}

/// What is checked.
pub struct CheckedLabels<'a> {
    /// What the filter is measured on.
    pub labels: &'a [Labelled],
    /// What the classifier was trained on, if that is other documents.
    pub training: &'a [Labelled],
}

/// Labels of each kind below which nothing can be measured to ± 0.05.
const MIN_LABELS: usize = 100;

/// Two texts of which this share of the shingles is common are the same text.
const SAME_TEXT: f64 = 0.7;

/// A text that so many documents share in this share of the medical ones is boilerplate.
const MAX_REPEATED: f64 = 0.05;

/// Accepted documents of which more than this share state another language.
const MAX_OTHER_LANGUAGE: f64 = 0.02;

/// Words or characters of a shingle.
const SHINGLE: usize = 5;

/// Smallest hashes that stand for a text.
const SKETCH: usize = 64;

/// Everything that is wrong with the labels of a language.
pub fn check_labels(language: &Language, checked: &CheckedLabels<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut find = |rule: &'static str, message: String| findings.push(Finding { rule, message });
    for (medical, name) in [(true, "medical"), (false, "other")] {
        let number = checked.labels.iter().filter(|it| it.medical == medical).count();
        if number < MIN_LABELS {
            find(
                "too_few_labels",
                format!(
                    "{number} documents have the label \"{name}\"; {MIN_LABELS} are the least to measure anything with"
                ),
            );
        }
    }
    let (medical, other) = origins(checked.labels);
    for (number, name) in [(medical, "medical"), (other, "other")] {
        if number == 1 {
            find(
                "single_origin",
                format!("all \"{name}\" documents have one origin; what is measured on it says nothing about another"),
            );
        }
    }
    let sketches = |documents: &[Labelled]| -> Vec<Vec<u64>> {
        documents.iter().map(|document| sketch(&document.text, language)).collect()
    };
    let (of_labels, of_training) = (sketches(checked.labels), sketches(checked.training));
    let leaked = leaks(checked, &of_labels, &of_training);
    if let Some((first, second)) = leaked.first() {
        find(
            "leakage",
            format!(
                "{} labelled documents are nearly the same as a document of training with another origin, such as \"{}…\" of {} \
                 and of {}; give both one origin, or remove one",
                leaked.len(),
                start(&checked.labels[*first].text),
                checked.labels[*first].origin,
                checked.training[*second].origin
            ),
        );
    }
    let mut repeated: BTreeMap<&[u64], Vec<usize>> = BTreeMap::new();
    let medical: Vec<usize> = (0..checked.labels.len()).filter(|place| checked.labels[*place].medical).collect();
    for place in &medical {
        repeated.entry(&of_labels[*place]).or_default().push(*place);
    }
    let again: usize = repeated.values().map(|places| places.len() - 1).sum();
    if again as f64 > MAX_REPEATED * medical.len() as f64 {
        let most = repeated.values().max_by_key(|places| places.len()).expect("there is a repeated one");
        find(
            "boilerplate",
            format!(
                "{again} of {} medical documents repeat another one, most often \"{}…\"; keep one of each",
                medical.len(),
                start(&checked.labels[most[0]].text)
            ),
        );
    }
    let foreign: Vec<&Labelled> = checked
        .labels
        .iter()
        .filter(|document| document.medical)
        .filter(|document| document.language.as_deref().is_some_and(|stated| stated != language.code.as_str()))
        .collect();
    if foreign.len() as f64 > MAX_OTHER_LANGUAGE * medical.len() as f64 {
        find(
            "other_language",
            format!(
                "{} of {} medical documents say that they are in another language, such as {:?}; remove them",
                foreign.len(),
                medical.len(),
                foreign[0].language.as_deref().unwrap_or_default()
            ),
        );
    }
    match &language.settings.judgement {
        None => find(
            "not_calibrated",
            format!("filters/{0} has no [judgement]; run `medcorpus language calibrate {0}`", language.code),
        ),
        Some(judgement) if judgement.evidence.of != language.calibrated_digest() => find(
            "out_of_date",
            format!(
                "the terms or the classifier of filters/{0} changed after they were calibrated; run `medcorpus language \
                 calibrate {0}`",
                language.code
            ),
        ),
        Some(_) => {}
    }
    findings
}

/// The smallest hashes of a text's shingles, ascending.
fn sketch(text: &str, language: &Language) -> Vec<u64> {
    let mut words = String::new();
    classifier::prepare(text, language.settings.word_boundaries, &mut words);
    let words: Vec<&str> = words.split_whitespace().collect();
    let shingles = words.windows(SHINGLE.min(words.len()).max(1));
    let mut hashes: Vec<u64> = shingles.map(|shingle| xxh3_64(shingle.join(" ").as_bytes())).collect();
    hashes.sort_unstable();
    hashes.dedup();
    hashes.truncate(SKETCH);
    hashes
}

/// The share of common hashes among the smallest of both: an estimate of the Jaccard similarity.
fn similarity(a: &[u64], b: &[u64]) -> f64 {
    let mut both: Vec<u64> = a.iter().chain(b).copied().collect();
    both.sort_unstable();
    both.dedup();
    both.truncate(SKETCH);
    let common = both.iter().filter(|hash| a.binary_search(hash).is_ok() && b.binary_search(hash).is_ok()).count();
    if both.is_empty() { 0.0 } else { common as f64 / both.len() as f64 }
}

/// Labelled documents that stand in the training under another origin: places in both.
fn leaks(checked: &CheckedLabels<'_>, of_labels: &[Vec<u64>], of_training: &[Vec<u64>]) -> Vec<(usize, usize)> {
    let mut with_hash: Vec<(u64, usize)> = of_training
        .iter()
        .enumerate()
        .flat_map(|(place, sketch)| sketch.iter().take(SKETCH / 4).map(move |hash| (*hash, place)))
        .collect();
    with_hash.sort_unstable();
    let mut found = Vec::new();
    for (place, sketch) in of_labels.iter().enumerate() {
        let mut candidates: Vec<usize> = Vec::new();
        for hash in sketch.iter().take(SKETCH / 4) {
            let first = with_hash.partition_point(|(known, _)| known < hash);
            candidates
                .extend(with_hash[first..].iter().take_while(|(known, _)| known == hash).map(|(_, place)| *place));
        }
        candidates.sort_unstable();
        candidates.dedup();
        let leaked = candidates.into_iter().find(|candidate| {
            checked.training[*candidate].origin != checked.labels[place].origin
                && similarity(sketch, &of_training[*candidate]) >= SAME_TEXT
        });
        found.extend(leaked.map(|candidate| (place, candidate)));
    }
    found
}

fn start(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(40).collect()
}
