//! Which documents are duplicates of which kept document.

use std::collections::BTreeMap;

use crate::{Shingles, Signature};

/// How two documents are alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum DuplicateKind {
    /// Equal in normal form.
    Exact,
    /// Their shingles reach the similarity asked for.
    Near,
}

impl DuplicateKind {
    /// The rule by which the document is rejected.
    pub fn rule(self) -> &'static str {
        match self {
            DuplicateKind::Exact => "exact_duplicate",
            DuplicateKind::Near => "near_duplicate",
        }
    }
}

/// A document that goes, and the kept one that it repeats. Documents are named by their number.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Removal {
    pub removed: u32,
    pub kept: u32,
    /// Jaccard similarity of the two; 1 for exact duplicates.
    pub similarity: f64,
    pub kind: DuplicateKind,
}

/// What `decide` found.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Decision {
    /// In the order of the removed documents.
    pub removals: Vec<Removal>,
    /// Pairs that a band proposed and the similarity refused.
    pub refused_pairs: u64,
}

/// The documents that share a band with another one, ascending: the only ones whose shingles `decide` will ask for.
pub fn candidates(signatures: &[Signature]) -> Vec<u32> {
    let groups = Groups::new(signatures);
    let mut candidates: Vec<u32> = groups.members.iter().map(|(document, _)| *document).collect();
    candidates.dedup();
    candidates
}

/// Decides over all documents; `signatures[n]` is that of document `n`, and lower numbers are preferred.
///
/// `shingles` gives the shingles of a document that `candidates` named. It is asked in ascending order of the document
/// under judgement, so a caller may hold them all or fetch them as they are needed.
pub fn decide<'a>(signatures: &[Signature], min_similarity: f64, shingles: &dyn Fn(u32) -> &'a Shingles) -> Decision {
    let groups = Groups::new(signatures);
    let mut decision = Decision::default();
    // Kept documents by group, so far: a document is only ever compared with one that stays.
    let mut kept_of: Vec<Vec<u32>> = vec![Vec::new(); groups.count];
    let mut removed: BTreeMap<u32, Removal> = BTreeMap::new();
    for own in groups.members.chunk_by(|a, b| a.0 == b.0) {
        let document = own[0].0;
        let mut others: Vec<u32> = own.iter().flat_map(|(_, group)| kept_of[*group].iter().copied()).collect();
        others.sort_unstable();
        others.dedup();
        let mut best: Option<Removal> = None;
        for kept in others {
            let similarity = shingles(document).jaccard(shingles(kept));
            if similarity < min_similarity {
                decision.refused_pairs += 1;
            } else if best.is_none_or(|best| similarity > best.similarity) {
                best = Some(Removal { removed: document, kept, similarity, kind: DuplicateKind::Near });
            }
        }
        match best {
            Some(removal) => drop(removed.insert(document, removal)),
            None => own.iter().for_each(|(_, group)| kept_of[*group].push(document)),
        }
    }
    // A copy of a document that went as a near duplicate repeats the document which stayed in its place.
    for (copy, first) in groups.copies {
        let removal = match removed.get(&first) {
            Some(of_first) => Removal { removed: copy, ..*of_first },
            None => Removal { removed: copy, kept: first, similarity: 1.0, kind: DuplicateKind::Exact },
        };
        removed.insert(copy, removal);
    }
    decision.removals = removed.into_values().collect();
    decision
}

/// The pairs that are proposed: groups of documents with the same band, and exact copies.
struct Groups {
    /// Document and group, for groups of at least two; sorted.
    members: Vec<(u32, usize)>,
    count: usize,
    /// Each exact copy and the first document with that text; copies take no part in the groups.
    copies: Vec<(u32, u32)>,
}

impl Groups {
    fn new(signatures: &[Signature]) -> Groups {
        let mut digests: Vec<(document::Digest, u32)> =
            signatures.iter().enumerate().map(|(number, signature)| (signature.exact, number as u32)).collect();
        digests.sort_unstable();
        let mut copies = Vec::new();
        let mut firsts = Vec::new();
        for same in digests.chunk_by(|a, b| a.0 == b.0) {
            firsts.push(same[0].1);
            copies.extend(same[1..].iter().map(|(_, copy)| (*copy, same[0].1)));
        }
        copies.sort_unstable();
        firsts.sort_unstable();

        let bands = signatures.iter().map(|signature| signature.bands.len()).max().unwrap_or(0);
        let mut members = Vec::new();
        let mut count = 0;
        let mut hashes: Vec<(u64, u32)> = Vec::new();
        for band in 0..bands {
            hashes.clear();
            let hash = |first: &u32| signatures[*first as usize].bands.get(band).map(|hash| (*hash, *first));
            hashes.extend(firsts.iter().filter_map(hash));
            hashes.sort_unstable();
            for group in hashes.chunk_by(|a, b| a.0 == b.0).filter(|group| group.len() > 1) {
                members.extend(group.iter().map(|(_, document)| (*document, count)));
                count += 1;
            }
        }
        members.sort_unstable();
        Groups { members, count, copies }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Settings, Shingle, Signer};
    use proptest::prelude::*;

    const SETTINGS: Settings = Settings { bands: 14, rows: 4, shingle_words: 2, shingle_chars: 5, min_similarity: 0.6 };

    fn decide_texts(texts: &[&str]) -> Decision {
        let signer = Signer::new(&SETTINGS);
        let shingle = Shingle::Words(SETTINGS.shingle_words);
        let signatures: Vec<Signature> = texts.iter().map(|text| signer.sign(text, shingle)).collect();
        let shingles: Vec<Shingles> = texts.iter().map(|text| Shingles::of(text, shingle)).collect();
        decide(&signatures, SETTINGS.min_similarity, &|document| &shingles[document as usize])
    }

    fn removed(texts: &[&str]) -> Vec<(u32, u32, &'static str)> {
        decide_texts(texts)
            .removals
            .iter()
            .map(|removal| (removal.removed, removal.kept, removal.kind.rule()))
            .collect()
    }

    const LEAFLET: &str = "take one tablet in the morning with a glass of water and do not drive a car";

    #[test]
    fn the_first_of_equal_texts_stays() {
        assert_eq!(removed(&[LEAFLET, "другой текст", &LEAFLET.to_uppercase()]), [(2, 0, "exact_duplicate")]);
    }

    #[test]
    fn near_duplicates_go_and_their_copies_with_them() {
        let longer = format!("{LEAFLET} today");
        assert_eq!(
            removed(&[LEAFLET, &longer, &longer, "other words entirely here"]),
            [(1, 0, "near_duplicate"), (2, 0, "near_duplicate")]
        );
    }

    #[test]
    fn there_are_no_chains() {
        // a ~ b and b ~ c, but a and c are too far apart: b goes, a and c stay.
        let words: Vec<String> = (0..40).map(|number| format!("w{number}")).collect();
        let (a, b, c) = (words[0..30].join(" "), words[5..35].join(" "), words[10..40].join(" "));
        let decision = decide_texts(&[&a, &b, &c]);
        assert_eq!(
            decision.removals.iter().map(|removal| (removal.removed, removal.kept)).collect::<Vec<_>>(),
            [(1, 0)]
        );
    }

    proptest! {
        /// Whoever goes is proven to be like somebody who stays, and texts without a like one stay.
        #[test]
        fn every_removal_is_proven_against_a_kept_document(
            texts in prop::collection::vec("([a-c] ){0,12}", 1..25),
        ) {
            let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
            let decision = decide_texts(&texts);
            let gone: Vec<u32> = decision.removals.iter().map(|removal| removal.removed).collect();
            for removal in &decision.removals {
                prop_assert!(removal.kept < removal.removed && !gone.contains(&removal.kept));
                let of = |number: u32| Shingles::of(texts[number as usize], Shingle::Words(SETTINGS.shingle_words));
                let similarity = of(removal.removed).jaccard(&of(removal.kept));
                prop_assert!(removal.kind == DuplicateKind::Exact || similarity >= SETTINGS.min_similarity);
            }
        }
    }
}
