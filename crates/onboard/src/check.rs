//! Checks the labels that a language rests on: enough of them, none of them in training and test alike, none that are
//! boilerplate, none in another language.

use std::collections::BTreeMap;

use dedup::{Comparer, Settings, Shingle, Signature, Signer};
use document::Digest;
use filter::Language;

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

/// A text that so many documents share in this share of the medical ones is boilerplate.
const MAX_REPEATED: f64 = 0.05;

/// Accepted documents of which more than this share state another language.
const MAX_OTHER_LANGUAGE: f64 = 0.02;

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
    let settings = Settings::default();
    let mut signer = Signer::new(&settings);
    let mut sign = |documents: &[Labelled]| -> Vec<Signature> {
        documents.iter().map(|document| signer.sign(&document.text, shingle(&document.text, &settings))).collect()
    };
    let (of_labels, of_training) = (sign(checked.labels), sign(checked.training));
    let leaked = leaks(checked, &settings, &of_labels, &of_training);
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
    let mut repeated: BTreeMap<Digest, Vec<usize>> = BTreeMap::new();
    let medical: Vec<usize> = (0..checked.labels.len()).filter(|place| checked.labels[*place].medical).collect();
    for place in &medical {
        repeated.entry(of_labels[*place].exact).or_default().push(*place);
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

fn shingle(text: &str, settings: &Settings) -> Shingle {
    Shingle::by_script(text, settings.shingle_words, settings.shingle_chars)
}

/// Labelled documents that stand in the training under another origin: places in both.
fn leaks(
    checked: &CheckedLabels<'_>,
    settings: &Settings,
    of_labels: &[Signature],
    of_training: &[Signature],
) -> Vec<(usize, usize)> {
    let bands = |(place, signature): (usize, &Signature)| -> Vec<(u64, usize)> {
        signature.bands.iter().map(|band| (*band, place)).collect()
    };
    let mut with_band: Vec<(u64, usize)> = of_training.iter().enumerate().flat_map(bands).collect();
    with_band.sort_unstable();
    let mut comparer = Comparer::default();
    let mut found = Vec::new();
    for (place, signature) in of_labels.iter().enumerate() {
        let mut candidates: Vec<usize> = Vec::new();
        for band in &signature.bands {
            let first = with_band.partition_point(|(known, _)| known < band);
            let sharing = with_band[first..].iter().take_while(|(known, _)| known == band);
            candidates.extend(sharing.map(|(_, place)| *place));
        }
        candidates.sort_unstable();
        candidates.dedup();
        candidates.retain(|candidate| checked.training[*candidate].origin != checked.labels[place].origin);
        if candidates.is_empty() {
            continue;
        }
        let text = &checked.labels[place].text;
        let own = comparer.evidence(text, shingle(text, settings));
        let leaked = candidates.into_iter().find(|candidate| {
            let text = &checked.training[*candidate].text;
            let other = comparer.evidence(text, shingle(text, settings));
            comparer.judge(&own);
            comparer.compare(&own, &other, settings.min_similarity).similarity >= settings.min_similarity
        });
        found.extend(leaked.map(|candidate| (place, candidate)));
    }
    found
}

fn start(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(40).collect()
}
