//! The sketch of a set: a fixed number of values, of which two sets share a share equal to their Jaccard similarity.
//!
//! Fast similarity sketching (Dahlgaard, Knudsen, Thorup 2017, FOCS; arXiv 1704.04370). In round 0 every element falls
//! into one bin at random and leaves a random value there, of which the least stays; so does classic one-permutation
//! hashing. Bins that are still empty are filled in round 1, 2, …, whose values all lie above those of the rounds before;
//! the last rounds fill one given bin each, so none stays empty. It costs n + t·ln t hashes for n elements and t bins
//! where MinHash with t permutations costs n·t, and its estimates vary no more than MinHash's, also for sets smaller than t,
//! for which one-permutation hashing with densification copies values from bin to bin.
//!
//! So no vector instructions are needed, and there is one path for every machine.

use crate::shingles::mixed;

/// Makes sketches, reusing its room.
#[derive(Debug)]
pub(crate) struct Sketcher {
    values: Vec<u64>,
}

/// No value that an element can leave.
const EMPTY: u64 = u64::MAX;

impl Sketcher {
    pub fn new(bins: usize) -> Sketcher {
        Sketcher { values: vec![EMPTY; bins] }
    }

    /// The sketch of a set of hashes; repetitions count once. An empty set has none.
    pub fn sketch(&mut self, hashes: &[u64]) -> Option<&[u64]> {
        if hashes.is_empty() {
            return None;
        }
        self.values.fill(EMPTY);
        let bins = self.values.len() as u64;
        let mut empty = bins;
        for round in 0..2 * bins {
            let salt = mixed(round + 1);
            for hash in hashes {
                let draw = mixed(hash ^ salt);
                let bin = if round < bins { ((draw >> 32) * bins) >> 32 } else { round - bins };
                let value = round << 32 | (draw & 0xffff_ffff);
                let least = &mut self.values[bin as usize];
                empty -= u64::from(*least == EMPTY);
                *least = value.min(*least);
            }
            if empty == 0 {
                break;
            }
        }
        Some(&self.values)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Mean and standard deviation of the estimate over 400 pairs of sets that share `shared` of `all` elements.
    fn estimates(shared: u64, all: u64, bins: usize) -> (f64, f64) {
        let (mut a, mut b) = (Sketcher::new(bins), Sketcher::new(bins));
        let own = (all - shared) / 2;
        let found: Vec<f64> = (0..400u64)
            .map(|pair| {
                let element = |number: u64| mixed(pair << 32 | number);
                let first: Vec<u64> = (0..shared + own).map(element).collect();
                let second: Vec<u64> = (0..shared).chain(shared + own..shared + 2 * own).map(element).collect();
                let (first, second) = (a.sketch(&first).unwrap(), b.sketch(&second).unwrap());
                first.iter().zip(second).filter(|(a, b)| a == b).count() as f64 / bins as f64
            })
            .collect();
        let mean = found.iter().sum::<f64>() / found.len() as f64;
        let variance = found.iter().map(|it| (it - mean).powi(2)).sum::<f64>() / found.len() as f64;
        (mean, variance.sqrt())
    }

    #[test]
    fn sketches_share_values_as_sets_share_elements() {
        // From sets far smaller than the sketch to sets far larger; MinHash would have a deviation of sqrt(s(1-s)/t).
        for (shared, all) in [(7, 11), (20, 40), (60, 80), (120, 180), (700, 1000), (2000, 4000)] {
            let similarity = shared as f64 / (shared + (all - shared) / 2 * 2) as f64;
            let (mean, deviation) = estimates(shared, all, 70);
            let of_minhash = (similarity * (1.0 - similarity) / 70.0).sqrt();
            assert!((mean - similarity).abs() < 4.0 * of_minhash / 20.0, "{similarity}: {mean}");
            assert!(deviation < 1.15 * of_minhash, "{similarity}: {deviation} against {of_minhash}");
        }
    }

    #[test]
    fn repetitions_and_order_do_not_count() {
        let mut sketcher = Sketcher::new(20);
        let once = sketcher.sketch(&[1, 2, 3]).unwrap().to_vec();
        assert_eq!(sketcher.sketch(&[3, 1, 1, 2, 3]).unwrap(), once);
        assert_eq!(sketcher.sketch(&[]), None);
        assert!(sketcher.sketch(&[9]).unwrap().iter().all(|value| *value != EMPTY));
    }
}
