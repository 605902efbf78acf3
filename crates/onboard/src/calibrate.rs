//! Calibrates a language: how much keywords and classifier are worth, and from which probability on a text is kept.
//!
//! Every number is found on some origins and measured on others. A random split would not do: it would measure how well the
//! filter knows its sources.

use std::collections::{BTreeMap, BTreeSet};

use filter::{
    Evidence, FEATURES, Judgement, Language, Parts,
    classifier::Classifier,
    keywords::{Matcher, WordBoundaries},
};

use crate::{
    Error, Labelled, MINED_LIST, MineSettings, TrainSettings,
    folds::{folds, origins, weights},
    logistic,
    mine::{Weigher, mine},
    train,
};

/// What is asked of the calibrated filter.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Wanted {
    /// Of the kept documents this share shall be medical, in 0..=1.
    pub precision: f64,
    /// Share of medical documents where the filter will be used, in 0..=1.
    pub prevalence: f64,
    /// The threshold is at least this, in 0..=1, whatever the precision: labels hold fewer kinds of other text than a
    /// crawl.
    pub min_probability: f64,
}

/// A share with its 95 % interval (Wilson 1927).
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct Share {
    pub value: f64,
    pub low: f64,
    pub high: f64,
}

/// What is kept from one threshold on.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct CurvePoint {
    pub threshold: f64,
    /// Share of the medical documents that are kept.
    pub recall: Share,
    /// Share of the other documents that are kept.
    pub false_positives: Share,
    /// At the wanted prevalence.
    pub precision: Share,
    /// At a prevalence of one half.
    pub f1: f64,
}

/// Recall and precision over thresholds.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Curve {
    /// `keywords`, `classifier` or `both`.
    pub of: &'static str,
    pub points: Vec<CurvePoint>,
    /// The point that reaches the wanted precision with the highest recall, if any does.
    pub chosen: Option<CurvePoint>,
}

/// What was measured of one origin, none of whose documents had a part in finding the numbers.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct OriginRow {
    pub origin: String,
    pub medical: bool,
    pub documents: usize,
    pub kept: usize,
}

/// What a text must have for the keyword scan to pass it on.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct Floor {
    pub min_distinct: u64,
    /// In 0..=1.
    pub min_density: f64,
    /// Texts of fewer characters need one term alone.
    pub short_chars: u64,
}

/// The outcome.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Calibration {
    pub judgement: Judgement,
    pub curves: Vec<Curve>,
    pub origins: Vec<OriginRow>,
    pub floor: Floor,
    pub chosen: CurvePoint,
}

/// A share whose interval is wider than ± this is no measurement.
const MAX_HALF_WIDTH: f64 = 0.05;

/// Every origin counts as so many documents at most.
const DOCUMENTS_OF_ORIGIN: usize = 200;

/// The ridge of the regression: as strong as a few documents, so that no number runs away where the labels part cleanly.
const RIDGE: f64 = 4.0;

/// Of the documents that would be kept, the scan may lose this share by their density before the judgement is asked.
const LOST_BY_DENSITY: f64 = 0.005;

/// Of the documents that would be kept, the scan may lose this share for having a single term: what a recipe with liver or a
/// match report with a torn ligament has. Labels hold few of these, a crawl is full of them.
const LOST_BY_SINGLE_TERM: f64 = 0.04;

/// A filter that keeps less than this share of what it looks for is none, however precise.
const MIN_RECALL: f64 = 0.02;

/// Points of a curve that are listed.
const POINTS: usize = 19;

/// Calibrates `language` on `labels`. The classifier of each fold is trained on those of `training` whose origin is in
/// another fold; weights that were found on labels are found anew for each fold, and mined terms are mined anew with
/// `mining`.
/// # Errors
/// Fails where the labels are too few for an interval of ± 0.05, where a label has a single origin, or where the precision
/// cannot be reached.
pub fn calibrate(
    language: &Language,
    labels: &[Labelled],
    training: Option<&[Labelled]>,
    mining: &MineSettings,
    wanted: Wanted,
    progress: &mut dyn FnMut(&str),
) -> Result<Calibration, Error> {
    let measured = training.map(|training| without_indispensable(labels, training, progress));
    let labels = measured.as_deref().unwrap_or(labels);
    let (medical_origins, other_origins) = origins(labels);
    if medical_origins < 2 || other_origins < 2 {
        return Err(Error::Labels(format!(
            "labels of {medical_origins} medical and {other_origins} other origins: at least two of each are needed, since what \
             is measured on the origin that was trained on says nothing about any other; add labels of another origin"
        )));
    }
    let counts = [labels.iter().filter(|it| it.medical).count(), labels.iter().filter(|it| !it.medical).count()];
    let (fold_of, number) = folds(labels);
    let mut parts: Vec<Option<Parts>> = labels.iter().map(|_| None).collect();
    let terms = FoldTerms::new(language, labels, mining);
    let with_classifier = training.is_some();
    for fold in 0..number {
        progress(&format!("fold {} of {number}", fold + 1));
        let held_out: Vec<(&str, bool)> = labels
            .iter()
            .zip(&fold_of)
            .filter(|(_, of)| **of == fold)
            .map(|(document, _)| (document.origin.as_str(), document.medical))
            .collect::<BTreeSet<_>>()
            .into_iter()
            .collect();
        let stays = |document: &Labelled| !held_out.contains(&(document.origin.as_str(), document.medical));
        let classifier = match training {
            Some(training) => {
                let rest: Vec<Labelled> = training.iter().filter(|document| stays(document)).cloned().collect();
                let (model, _) = train::train(&rest, &TrainSettings::new(language.settings.word_boundaries))?;
                Some(Classifier::load(&model, language.settings.word_boundaries).map_err(Error::Training)?)
            }
            None => None,
        };
        let of_fold = terms.matcher(&stays);
        let matcher = of_fold.as_ref().unwrap_or(&language.matcher);
        for (place, document) in labels.iter().enumerate().filter(|(place, _)| fold_of[*place] == fold) {
            let boundaries = language.settings.word_boundaries;
            parts[place] = Some(Parts::of(&document.text, boundaries, matcher, classifier.as_ref()));
        }
    }
    let parts: Vec<Parts> = parts.into_iter().flatten().collect();
    let medical: Vec<bool> = labels.iter().map(|document| document.medical).collect();
    let weights = weights(labels, DOCUMENTS_OF_ORIGIN);
    let max_density = max_density(&parts, &medical);

    let measured =
        Measured { parts: &parts, medical: &medical, weights: &weights, fold_of: &fold_of, folds: number, max_density };
    let mut curves = vec![measured.curve("keywords", wanted, &Uses { keywords: true, classifier: false })];
    if with_classifier {
        curves.push(measured.curve("classifier", wanted, &Uses { keywords: false, classifier: true }));
        curves.push(measured.curve("both", wanted, &Uses { keywords: true, classifier: true }));
    }
    let both = Uses { keywords: true, classifier: true };
    // A classifier whose approval speaks against a text has learned its origins and nothing else; and one that costs time
    // must keep more at the same precision.
    let found = |place: usize| curves.get(place).and_then(|curve| curve.chosen).map_or(0.0, |point| point.f1);
    let helps = with_classifier
        && measured.fit(&both, wanted, |_| true).classifier.is_some_and(|worth| worth > 0.0)
        && found(2) >= found(0);
    if with_classifier && !helps {
        progress("the classifier adds nothing on origins that it has not seen, so the keywords decide alone");
    }
    let uses = Uses { keywords: true, classifier: helps };
    let best = &curves[if helps { 2 } else { 0 }];
    let Some(chosen) = best.chosen else {
        let most = best.points.iter().map(|point| point.precision.value).fold(0.0, f64::max);
        return Err(Error::Labels(format!(
            "no threshold reaches a precision of {} at a prevalence of {}: the highest is {most:.3}; ask for less, state another \
             prevalence, or give better terms and labels",
            wanted.precision, wanted.prevalence
        )));
    };
    for (name, share, label) in [("recall", chosen.recall, 0), ("share of false positives", chosen.false_positives, 1)]
    {
        if (share.high - share.low) / 2.0 > MAX_HALF_WIDTH {
            return Err(Error::Labels(format!(
                "the {name} is only known to lie in {:.3}..{:.3} by {} labels, which is wider than ± {MAX_HALF_WIDTH}; label more \
                 \"{}\" documents, best of other origins",
                share.low,
                share.high,
                counts[label],
                ["medical", "other"][label]
            )));
        }
    }
    let mut judgement = measured.fit(&uses, wanted, |_| true);
    judgement.min_probability = chosen.threshold;
    let triple = |share: Share| [share.value, share.low, share.high].map(|it| (it * 10_000.0).round() / 10_000.0);
    judgement.evidence = Evidence {
        labels: counts,
        origins: [medical_origins, other_origins],
        recall: triple(chosen.recall),
        false_positives: triple(chosen.false_positives),
        precision: triple(chosen.precision),
        of: language.calibrated_digest(),
    };
    let kept = measured.kept(&uses, wanted, chosen.threshold);
    let rows = by_origin(labels, &kept);
    let floor = floor(&parts, &kept, language.settings.word_boundaries);
    Ok(Calibration { judgement, curves, origins: rows, floor, chosen })
}

/// The labels less those of an origin without which the training would have none of their label: with it in the training
/// they cannot be measured, and without it nothing can be trained.
fn without_indispensable(labels: &[Labelled], training: &[Labelled], progress: &mut dyn FnMut(&str)) -> Vec<Labelled> {
    let mut left = labels.to_vec();
    for medical in [true, false] {
        let mut names: Vec<&str> =
            training.iter().filter(|it| it.medical == medical).map(|it| it.origin.as_str()).collect();
        names.sort_unstable();
        names.dedup();
        if let [only] = names.as_slice() {
            let label = if medical { "medical" } else { "other" };
            progress(&format!("{only} is the only origin of \"{label}\" documents in training, so it is not measured"));
            left.retain(|document| document.medical != medical || document.origin != *only);
        }
    }
    left
}

/// Finds the terms of a fold: what the documents of the other folds would have given.
struct FoldTerms<'a> {
    language: &'a Language,
    labels: &'a [Labelled],
    mining: &'a MineSettings,
    /// Where a list was weighed by labels.
    weigher: Option<Weigher<'a>>,
    has_mined: bool,
}

impl<'a> FoldTerms<'a> {
    fn new(language: &'a Language, labels: &'a [Labelled], mining: &'a MineSettings) -> FoldTerms<'a> {
        let is_weighed = language.lists.iter().any(|list| list.is_weighed);
        FoldTerms {
            language,
            labels,
            mining,
            weigher: is_weighed.then(|| Weigher::new(language, labels)),
            has_mined: language.lists.iter().any(|list| list.file == MINED_LIST),
        }
    }

    /// The matcher with the terms that the documents which `stays` accepts give; nothing where no term depends on labels.
    fn matcher(&self, stays: &dyn Fn(&Labelled) -> bool) -> Option<Matcher> {
        if self.weigher.is_none() && !self.has_mined {
            return None;
        }
        let mut terms = match &self.weigher {
            Some(weigher) => weigher.terms(stays),
            None => self.language.terms.clone(),
        };
        // A list whose weights nobody found on labels keeps them.
        for (term, as_listed) in terms.iter_mut().zip(&self.language.terms) {
            if !self.language.lists[term.list].is_weighed {
                term.weight = as_listed.weight;
            }
        }
        if self.has_mined {
            let rest: Vec<Labelled> = self.labels.iter().filter(|it| stays(it)).cloned().collect();
            let mined = mine(&rest, &[], self.mining);
            let weights: BTreeMap<&str, u32> =
                mined.iter().map(|term| (term.text.as_str(), (term.weight * 100.0).round() as u32)).collect();
            // What was struck off the list in review stays off it.
            terms.retain_mut(|term| {
                let is_mined = self.language.lists[term.list].file == MINED_LIST;
                let weight = weights.get(term.text.as_str()).filter(|_| is_mined);
                term.weight = weight.copied().unwrap_or(term.weight);
                !is_mined || weight.is_some()
            });
        }
        let list: Vec<(&str, u32)> = terms.iter().map(|term| (term.text.as_str(), term.weight)).collect();
        Some(Matcher::new(self.language.settings.keywords.rule, &list, &self.language.shape()))
    }
}

/// Which evidence a curve is made of.
struct Uses {
    keywords: bool,
    classifier: bool,
}

/// Out-of-fold evidence of every document.
struct Measured<'a> {
    parts: &'a [Parts],
    medical: &'a [bool],
    weights: &'a [f64],
    fold_of: &'a [usize],
    folds: usize,
    max_density: f64,
}

impl Measured<'_> {
    fn features(&self, place: usize, uses: &Uses) -> [f64; FEATURES] {
        let parts = &self.parts[place];
        let mut features = Judgement::features(&parts.whole, parts.opinion().unwrap_or(0.0));
        let last = FEATURES - 1;
        if !uses.keywords {
            features[..last].fill(0.0);
        }
        if !uses.classifier {
            features[last] = 0.0;
        }
        features
    }

    /// The numbers that fit the documents of the folds that `takes` accepts.
    fn fit(&self, uses: &Uses, wanted: Wanted, takes: impl Fn(usize) -> bool) -> Judgement {
        let places: Vec<usize> = (0..self.parts.len()).filter(|place| takes(self.fold_of[*place])).collect();
        let rows: Vec<[f64; FEATURES]> = places.iter().map(|place| self.features(*place, uses)).collect();
        let labels: Vec<bool> = places.iter().map(|place| self.medical[*place]).collect();
        let weights: Vec<f64> = places.iter().map(|place| self.weights[*place]).collect();
        let (bias, numbers) = logistic::fit(&rows, &labels, &weights, RIDGE);
        let rounded = |number: f64| (number * 1000.0).round() / 1000.0;
        let [density, weight, spread, chars, classifier] = numbers.map(rounded);
        Judgement {
            min_probability: 0.5,
            min_medical_share: 0.3,
            section_windows: 3,
            max_density: self.max_density,
            prevalence: wanted.prevalence,
            bias: rounded(bias),
            density,
            weight,
            spread,
            chars,
            classifier: uses.classifier.then_some(classifier),
            evidence: Evidence {
                labels: [0; 2],
                origins: [0; 2],
                recall: [0.0; 3],
                false_positives: [0.0; 3],
                precision: [0.0; 3],
                of: String::new(),
            },
        }
    }

    /// Of each document the highest threshold at which it is kept, by numbers found without its fold; 0 for none.
    fn scores(&self, uses: &Uses, wanted: Wanted) -> Vec<f64> {
        let of_fold: Vec<Judgement> = (0..self.folds).map(|fold| self.fit(uses, wanted, |of| of != fold)).collect();
        let score = |place: usize| {
            let judgement = &of_fold[self.fold_of[place]];
            let parts = &self.parts[place];
            if parts.whole.density() > self.max_density { 0.0 } else { judgement.highest_threshold(parts) }
        };
        (0..self.parts.len()).map(score).collect()
    }

    fn kept(&self, uses: &Uses, wanted: Wanted, threshold: f64) -> Vec<bool> {
        self.scores(uses, wanted).into_iter().map(|score| score >= threshold).collect()
    }

    fn curve(&self, of: &'static str, wanted: Wanted, uses: &Uses) -> Curve {
        let scores = self.scores(uses, wanted);
        let point = |threshold: f64| self.point(&scores, threshold, wanted);
        let mut thresholds: Vec<f64> = scores.iter().map(|score| (score * 1000.0).ceil() / 1000.0).collect();
        thresholds.sort_by(f64::total_cmp);
        thresholds.dedup();
        thresholds.retain(|threshold| *threshold > 0.0);
        // Precision is not quite monotone in the threshold, so all thresholds are looked at; the lowest one keeps most.
        let enough = |point: &CurvePoint| point.precision.value >= wanted.precision && point.recall.value >= MIN_RECALL;
        let least = thresholds.iter().copied().find(|threshold| enough(&point(*threshold)));
        let chosen = least.map(|least| point(least.max(wanted.min_probability)));
        let points = (0..POINTS).map(|place| point((place + 1) as f64 / (POINTS + 1) as f64)).collect();
        Curve { of, points, chosen }
    }

    fn point(&self, scores: &[f64], threshold: f64, wanted: Wanted) -> CurvePoint {
        let share = |medical: bool| {
            let (mut kept, mut all, mut squares) = (0.0, 0.0, 0.0);
            for ((score, label), weight) in scores.iter().zip(self.medical).zip(self.weights) {
                if *label == medical {
                    all += weight;
                    squares += weight * weight;
                    kept += if *score >= threshold { *weight } else { 0.0 };
                }
            }
            // Kish's effective number of documents.
            wilson(kept / all, all * all / squares)
        };
        let (recall, false_positives) = (share(true), share(false));
        let precision = |recall: f64, false_positives: f64, prevalence: f64| {
            let (right, wrong) = (recall * prevalence, false_positives * (1.0 - prevalence));
            if right + wrong > 0.0 { right / (right + wrong) } else { 0.0 }
        };
        let at_half = precision(recall.value, false_positives.value, 0.5);
        CurvePoint {
            threshold,
            recall,
            false_positives,
            precision: Share {
                value: precision(recall.value, false_positives.value, wanted.prevalence),
                low: precision(recall.low, false_positives.high, wanted.prevalence),
                high: precision(recall.high, false_positives.low, wanted.prevalence),
            },
            f1: if recall.value > 0.0 { 2.0 * at_half * recall.value / (at_half + recall.value) } else { 0.0 },
        }
    }
}

/// The interval of a share of `number` documents at 95 %.
fn wilson(value: f64, number: f64) -> Share {
    const Z: f64 = 1.959_964;
    let square = Z * Z / number;
    let middle = (value + square / 2.0) / (1.0 + square);
    let half = Z / (1.0 + square) * (value * (1.0 - value) / number + square / (4.0 * number)).sqrt();
    Share { value, low: (middle - half).max(0.0), high: (middle + half).min(1.0) }
}

/// Above this no text is about medicine: half of the way from the densest medical text, but for one in five hundred, to a text
/// that is nothing but terms.
fn max_density(parts: &[Parts], medical: &[bool]) -> f64 {
    let mut densities: Vec<f64> =
        parts.iter().zip(medical).filter(|(_, medical)| **medical).map(|(parts, _)| parts.whole.density()).collect();
    densities.sort_by(f64::total_cmp);
    let densest = densities.get(densities.len().saturating_sub(1 + densities.len() / 500)).copied().unwrap_or(1.0);
    ((densest + 1.0) / 2.0 * 100.0).round() / 100.0
}

/// The highest floor of the keyword scan under which hardly a document lies that would be kept.
fn floor(parts: &[Parts], kept: &[bool], boundaries: WordBoundaries) -> Floor {
    // A sentence or two: of the labelled ones that the judgement keeps for a single term, four in five are medical.
    let short_chars = if boundaries == WordBoundaries::None { 80 } else { 200 };
    let of_kept = || parts.iter().zip(kept).filter(|(_, kept)| **kept).map(|(parts, _)| &parts.whole);
    let single = of_kept().filter(|count| count.chars >= short_chars && count.distinct < 2).count();
    let mut density: Vec<f64> = of_kept().map(|count| count.highest_density()).collect();
    density.sort_by(f64::total_cmp);
    let least = density.get((density.len() as f64 * LOST_BY_DENSITY) as usize).copied().unwrap_or(0.0);
    Floor {
        min_distinct: if single as f64 <= LOST_BY_SINGLE_TERM * density.len() as f64 { 2 } else { 1 },
        min_density: (least * 1000.0).floor() / 1000.0,
        short_chars,
    }
}

fn by_origin(labels: &[Labelled], kept: &[bool]) -> Vec<OriginRow> {
    let mut rows: BTreeMap<(bool, &str), (usize, usize)> = BTreeMap::new();
    for (document, kept) in labels.iter().zip(kept) {
        let row = rows.entry((!document.medical, &document.origin)).or_default();
        row.0 += 1;
        row.1 += usize::from(*kept);
    }
    let row = |((other, origin), (documents, kept)): ((bool, &str), (usize, usize))| OriginRow {
        origin: origin.to_owned(),
        medical: !other,
        documents,
        kept,
    };
    rows.into_iter().map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_interval_is_wilsons() {
        // Brown, Cai and DasGupta 2001: 0 of 10 has 0..0.278, 5 of 10 has 0.237..0.763.
        let none = wilson(0.0, 10.0);
        assert!(none.low == 0.0 && (none.high - 0.2775).abs() < 1e-3, "{none:?}");
        let half = wilson(0.5, 10.0);
        assert!((half.low - 0.2366).abs() < 1e-3 && (half.high - 0.7634).abs() < 1e-3, "{half:?}");
    }
}
