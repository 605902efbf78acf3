//! How far rejected documents were from their limits: counted for all, also where only a sample is listed.

use std::collections::BTreeMap;

use document::{LanguageCode, Reason};
use serde::{Deserialize, Serialize};

/// Upper edges of the bins of `value / limit`; the last bin is open. Around 1 they are narrow, since that is where
/// somebody moves a limit.
const EDGES: [f64; 17] = [0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.1, 1.25, 1.5, 2.0, 4.0, 8.0];

/// Documents by the ratio of value to limit: `counts[i]` has the ratios up to `edges()[i]`, above the edge before.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Histogram(Vec<u64>);

impl Histogram {
    /// Upper edges of all bins but the last, which is open.
    pub fn edges() -> &'static [f64] {
        &EDGES
    }

    /// Documents in each bin, one more than there are edges; empty if nothing was counted.
    pub fn counts(&self) -> &[u64] {
        &self.0
    }

    fn add(&mut self, value: f64, limit: f64) {
        self.0.resize(EDGES.len() + 1, 0);
        // A limit of 0 is missed by anything above it.
        let ratio = if limit == 0.0 { f64::INFINITY } else { value / limit };
        self.0[EDGES.partition_point(|edge| *edge < ratio)] += 1;
    }
}

/// Histograms by language and by "stage rule".
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Histograms(pub BTreeMap<LanguageCode, BTreeMap<String, Histogram>>);

impl Histograms {
    /// Counts one rejection.
    pub fn add(&mut self, language: LanguageCode, reason: &Reason) {
        let key = format!("{} {}", reason.stage, reason.rule);
        self.0.entry(language).or_default().entry(key).or_default().add(reason.value, reason.limit);
    }

    /// Adds all of `other`.
    pub fn merge(&mut self, other: &Histograms) {
        for (language, rules) in &other.0 {
            for (rule, histogram) in rules {
                let own = self.0.entry(*language).or_default().entry(rule.clone()).or_default();
                own.0.resize(EDGES.len() + 1, 0);
                own.0.iter_mut().zip(&histogram.0).for_each(|(own, more)| *own += more);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ratios_fall_into_the_bin_whose_upper_edge_they_reach() {
        let language = LanguageCode::parse("ru").unwrap();
        let mut histograms = Histograms::default();
        for value in [0.0, 1.0, 3.9, 40.0] {
            let reason = Reason { stage: "count_keywords", rule: "too_few_keywords", value, limit: 4.0 };
            histograms.add(language, &reason);
        }
        let copy = histograms.clone();
        histograms.merge(&copy);
        let counts = histograms.0[&language]["count_keywords too_few_keywords"].counts();
        assert_eq!(counts, [2, 0, 0, 2, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 2]);
    }
}
