//! Folds by origin: what is measured of a document was found without any document of its origin.

use std::collections::BTreeMap;

use crate::Labelled;

/// At most so many folds: beyond this, more training buys little more of the truth.
const MAX_FOLDS: usize = 10;

/// A label and an origin: the documents that leave together.
type Group<'a> = (bool, &'a str);

/// The fold of each document. Origins of each label are dealt out in turn, the largest first. Where one label
/// has fewer origins than the other, some folds leave out documents of the other label alone.
pub fn folds(documents: &[Labelled]) -> (Vec<usize>, usize) {
    let mut sizes: BTreeMap<Group<'_>, usize> = BTreeMap::new();
    for document in documents {
        *sizes.entry((document.medical, &document.origin)).or_default() += 1;
    }
    let of_label = |medical: bool| {
        let mut groups: Vec<(Group<'_>, usize)> =
            sizes.iter().filter(|((label, _), _)| *label == medical).map(|(group, size)| (*group, *size)).collect();
        groups.sort_by_key(|(group, size)| (std::cmp::Reverse(*size), *group));
        groups
    };
    let (medical, other) = (of_label(true), of_label(false));
    let number = medical.len().max(other.len()).clamp(2, MAX_FOLDS);
    let deal = |groups: &[(Group<'_>, usize)]| -> BTreeMap<(bool, String), usize> {
        groups
            .iter()
            .enumerate()
            .map(|(place, ((label, origin), _))| ((*label, origin.to_string()), place % number))
            .collect()
    };
    let mut fold_of = deal(&medical);
    fold_of.extend(deal(&other));
    let found = documents.iter().map(|document| fold_of[&(document.medical, document.origin.clone())]).collect();
    (found, number)
}

/// How many origins each label has: medical, other.
pub fn origins(documents: &[Labelled]) -> (usize, usize) {
    let of_label = |medical: bool| {
        let mut names: Vec<&str> =
            documents.iter().filter(|it| it.medical == medical).map(|it| it.origin.as_str()).collect();
        names.sort_unstable();
        names.dedup();
        names.len()
    };
    (of_label(true), of_label(false))
}

/// How much each document counts, so that every origin counts as much as `of_origin` documents at most, whatever its size,
/// and both labels count the same together.
pub fn weights(documents: &[Labelled], of_origin: usize) -> Vec<f64> {
    let mut sizes: BTreeMap<Group<'_>, usize> = BTreeMap::new();
    for document in documents {
        *sizes.entry((document.medical, &document.origin)).or_default() += 1;
    }
    let one = |document: &Labelled| {
        let size = sizes[&(document.medical, document.origin.as_str())] as f64;
        (of_origin as f64 / size).min(1.0)
    };
    let mut found: Vec<f64> = documents.iter().map(one).collect();
    for medical in [true, false] {
        let members = || documents.iter().enumerate().filter(move |(_, it)| it.medical == medical);
        let sum: f64 = members().map(|(place, _)| found[place]).sum();
        let scale = documents.len() as f64 / 2.0 / sum;
        for (place, _) in members() {
            found[place] *= scale;
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn documents(origins: &[(&str, bool, usize)]) -> Vec<Labelled> {
        let of_origin = |(origin, medical, number): &(&str, bool, usize)| {
            let one = Labelled { text: String::new(), medical: *medical, origin: origin.to_string(), language: None };
            vec![one; *number]
        };
        origins.iter().flat_map(of_origin).collect()
    }

    #[test]
    fn an_origin_leaves_as_a_whole() {
        let documents = documents(&[("a", true, 3), ("b", true, 2), ("c", false, 4), ("d", false, 1), ("e", false, 1)]);
        let (folds, number) = folds(&documents);
        assert_eq!((folds, number), (vec![0, 0, 0, 1, 1, 0, 0, 0, 0, 1, 2], 3));
        assert_eq!(origins(&documents), (2, 3));
    }

    #[test]
    fn a_large_origin_counts_no_more_than_a_middling_one() {
        let documents = documents(&[("a", true, 100), ("b", true, 10), ("c", false, 110)]);
        let found = weights(&documents, 10);
        let sum = |range: std::ops::Range<usize>| found[range].iter().sum::<f64>();
        assert!((sum(0..100) - sum(100..110)).abs() < 1e-9 && (sum(0..110) - sum(110..220)).abs() < 1e-9);
    }
}
