//! How keywords and classifier are weighed against each other: a logistic rule whose numbers are a language's own.
//!
//! The log-odds of a text are a sum of a few numbers, each times what calibration found it to be worth. They are few so
//! that some hundred labels are enough to find them, and plain so that a person can check the sum.

use serde::{Deserialize, Serialize};

use crate::{
    classifier::{Classifier, windows},
    keywords::{Count, Matcher, WordBoundaries},
};

/// `[judgement]` of `language.toml`, written by `medcorpus language calibrate`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Judgement {
    /// A text is kept from this probability on, in 0..=1.
    pub min_probability: f64,
    /// Of a text of several windows at least this share of them must reach it, in 0..=1, unless there is a whole section.
    pub min_medical_share: f64,
    /// So many windows in a row that reach it make a section, for which a text is kept whatever the rest of it is.
    pub section_windows: usize,
    /// A text that terms cover more than this is a list of terms, not about them, in 0..=1.
    pub max_density: f64,
    /// The share of medical texts for which the probability is meant, in 0..=1.
    pub prevalence: f64,
    /// Log-odds of a text in which every number is 0, medical and other texts being as frequent.
    pub bias: f64,
    /// Per square root of the telling density.
    pub density: f64,
    /// Per natural logarithm of 1 + the weight of the different terms.
    pub weight: f64,
    /// Per share of the segments that have a term.
    pub spread: f64,
    /// Per natural logarithm of 1 + the number of characters.
    pub chars: f64,
    /// Per log-odds of the classifier, the mean of the windows. Absent where the language has no classifier.
    pub classifier: Option<f64>,
    /// What the numbers rest on.
    pub evidence: Evidence,
}

/// `[judgement.evidence]`: measured on origins that had no part in finding the numbers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Evidence {
    /// Documents, and origins, with the label "medical" and with the label "other".
    pub labels: [usize; 2],
    pub origins: [usize; 2],
    /// Share of the medical documents that are kept, with its 95 % interval; origins count the same.
    pub recall: [f64; 3],
    /// Share of the other documents that are kept.
    pub false_positives: [f64; 3],
    /// Of the kept documents, the share that is medical, at the stated prevalence.
    pub precision: [f64; 3],
    /// Digest of the terms and the classifier that were calibrated; with others the numbers are worth nothing.
    pub of: String,
}

/// What a text is judged by: its keywords and the classifier's opinion, of the whole and of each window.
pub struct Parts {
    pub whole: Count,
    pub windows: Vec<(Count, Option<f64>)>,
}

impl Parts {
    /// Counts and asks. Without a classifier there are no opinions.
    pub fn of(text: &str, boundaries: WordBoundaries, matcher: &Matcher, classifier: Option<&Classifier>) -> Parts {
        let whole = matcher.count(text);
        let mut buffer = String::new();
        let mut ask = |window: &str| classifier.map(|classifier| classifier.log_odds(window, &mut buffer));
        let windows = match windows(text, boundaries).as_slice() {
            // A text of one window need not be counted twice.
            [window] => vec![(whole, ask(window))],
            windows => windows.iter().map(|window| (matcher.count(window), ask(window))).collect(),
        };
        Parts { whole, windows }
    }

    /// The classifier's log-odds, the mean of the windows.
    pub fn opinion(&self) -> Option<f64> {
        let sum = self.windows.iter().map(|(_, opinion)| *opinion).sum::<Option<f64>>();
        sum.map(|sum| sum / self.windows.len() as f64)
    }
}

/// What a judgement makes of a text.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Judged {
    /// Of the whole text, or of its best section where that is higher.
    pub probability: f64,
    /// Share of the windows that would pass alone.
    pub medical_share: f64,
    pub has_section: bool,
}

/// How many numbers a text is judged by, the classifier's among them.
pub const FEATURES: usize = 5;

/// Probabilities are rounded to 1 / this before a limit meets them.
const PROBABILITY_STEPS: f64 = 10_000.0;

impl Judgement {
    /// Judges the whole and its parts.
    pub fn judge(&self, parts: &Parts) -> Judged {
        let whole = self.probability(&parts.whole, parts.opinion());
        let of_windows: Vec<f64> = match parts.windows.as_slice() {
            [_] => vec![whole],
            windows => windows.iter().map(|window| self.of_window(window)).collect(),
        };
        let passes = |probability: f64| probability >= self.min_probability;
        let sections = of_windows.windows(self.section_windows.max(1)).filter(|_| of_windows.len() > 1);
        let best_section = sections.map(|section| section.iter().copied().fold(1.0, f64::min)).fold(0.0, f64::max);
        Judged {
            probability: whole.max(best_section),
            medical_share: of_windows.iter().filter(|it| passes(**it)).count() as f64 / of_windows.len() as f64,
            has_section: passes(best_section),
        }
    }

    /// The probability of a window among others: none for one that has a single term, however often.
    fn of_window(&self, (count, opinion): &(Count, Option<f64>)) -> f64 {
        if count.distinct < 2 { 0.0 } else { self.probability(count, *opinion) }
    }

    /// The highest threshold at which a text is kept, its density apart.
    pub fn highest_threshold(&self, parts: &Parts) -> f64 {
        let whole = self.probability(&parts.whole, parts.opinion());
        if parts.windows.len() == 1 {
            return whole;
        }
        let of_windows: Vec<f64> = parts.windows.iter().map(|window| self.of_window(window)).collect();
        // The share that must pass has its own highest threshold: that of the last window which is needed for it.
        let mut sorted = of_windows.clone();
        sorted.sort_by(|a, b| b.total_cmp(a));
        let needed = (self.min_medical_share * sorted.len() as f64).ceil().max(1.0) as usize;
        let by_share = whole.min(sorted[needed.min(sorted.len()) - 1]);
        let sections = of_windows.windows(self.section_windows.max(1));
        sections.map(|section| section.iter().copied().fold(1.0, f64::min)).fold(by_share, f64::max)
    }

    /// Whether a text is kept.
    pub fn keeps(&self, parts: &Parts) -> bool {
        let judged = self.judge(parts);
        parts.whole.density() <= self.max_density
            && judged.probability >= self.min_probability
            && (judged.has_section || judged.medical_share >= self.min_medical_share)
    }

    /// The numbers that a text is judged by, in the order of the fields; the last is the classifier's.
    pub fn features(count: &Count, classifier: f64) -> [f64; FEATURES] {
        [
            count.telling_density().sqrt(),
            (count.weight as f64 / 100.0).ln_1p(),
            count.spread(),
            (count.chars as f64).ln_1p(),
            classifier,
        ]
    }

    /// The probability that a text with these keywords and this opinion of the classifier is about medicine, in 0..=1, in
    /// steps of 0.0001.
    pub fn probability(&self, count: &Count, classifier: Option<f64>) -> f64 {
        let values = Judgement::features(count, classifier.unwrap_or(0.0));
        let worth = [self.density, self.weight, self.spread, self.chars, self.classifier.unwrap_or(0.0)];
        let sum: f64 = values.iter().zip(worth).map(|(value, worth)| value * worth).sum();
        rounded(logistic(self.bias + sum + log_odds(self.prevalence)))
    }
}

/// The probability that has these log-odds.
pub fn logistic(log_odds: f64) -> f64 {
    1.0 / (1.0 + (-log_odds).exp())
}

/// The log-odds of a probability; those of 0 and 1 are cut to what a step of rounding away has.
pub fn log_odds(probability: f64) -> f64 {
    let probability = probability.clamp(1.0 / PROBABILITY_STEPS, 1.0 - 1.0 / PROBABILITY_STEPS);
    (probability / (1.0 - probability)).ln()
}

fn rounded(probability: f64) -> f64 {
    (probability * PROBABILITY_STEPS).round() / PROBABILITY_STEPS
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judgement() -> Judgement {
        Judgement {
            min_probability: 0.5,
            min_medical_share: 0.3,
            section_windows: 3,
            max_density: 0.8,
            prevalence: 0.5,
            bias: -2.0,
            density: 4.0,
            weight: 1.0,
            spread: 1.0,
            chars: 0.0,
            classifier: Some(1.0),
            evidence: Evidence {
                labels: [0, 0],
                origins: [0, 0],
                recall: [0.0; 3],
                false_positives: [0.0; 3],
                precision: [0.0; 3],
                of: String::new(),
            },
        }
    }

    fn count(telling_chars: u64, weight: u64) -> Count {
        Count { distinct: 3, weight, hit_chars: 60, chars: 100, telling_chars, hit_segments: 1, densest_stretch: 60 }
    }

    #[test]
    fn the_sum_of_the_evidence_gives_the_probability() {
        // -2 + 4 × √.25 + 1 × ln 1 + 1 × 1 + 0 - 1 = 0
        assert_eq!(judgement().probability(&count(2500, 0), Some(-1.0)), 0.5);
    }

    #[test]
    fn rarer_medicine_asks_for_more_evidence() {
        let rare = Judgement { prevalence: 0.01, ..judgement() };
        assert_eq!(rare.probability(&count(2500, 0), Some(-1.0)), 0.01);
    }

    #[test]
    fn a_section_on_medicine_is_enough_and_a_corner_of_it_is_not() {
        let (medical, other) = ((count(4000, 900), Some(2.0)), (count(0, 0), Some(-4.0)));
        let keeps = |windows: Vec<(Count, Option<f64>)>, whole: Count| judgement().keeps(&Parts { whole, windows });
        let diluted = count(500, 900);
        assert!(!keeps(vec![medical, other, other, other, other], diluted));
        assert!(keeps(vec![other, other, medical, medical, medical, other, other], diluted));
        assert!(keeps(vec![medical, other], count(2500, 900)));
    }

    #[test]
    fn without_a_classifier_its_opinion_is_worth_nothing() {
        let alone = Judgement { classifier: None, ..judgement() };
        assert_eq!(alone.probability(&count(2500, 0), Some(-6.0)), alone.probability(&count(2500, 0), None));
    }
}
