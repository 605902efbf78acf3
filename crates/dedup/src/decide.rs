//! Which documents are duplicates of which kept document.

use std::fmt;

use crate::{Comparer, Evidence, Settings, Templates, URL_MIN_SIMILARITY, UrlRule};

/// How two documents are alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum DuplicateKind {
    /// Equal in normal form.
    Exact,
    /// Of one address.
    Url,
    /// Their shingles reach the similarity asked for.
    Near,
    /// They reach it too, and what differs is mostly names, doses and other numbers.
    Template,
}

impl DuplicateKind {
    const ALL: [(DuplicateKind, &str, &str); 4] = [
        (DuplicateKind::Exact, "exact", "exact_duplicate"),
        (DuplicateKind::Url, "url", "url_duplicate"),
        (DuplicateKind::Near, "near", "near_duplicate"),
        (DuplicateKind::Template, "template", "template_duplicate"),
    ];

    /// The name as it is written in the evidence.
    pub fn as_str(self) -> &'static str {
        DuplicateKind::ALL[self as usize].1
    }

    /// The rule by which the document is rejected.
    pub fn rule(self) -> &'static str {
        DuplicateKind::ALL[self as usize].2
    }

    /// The kind of this name.
    pub fn parse(name: &str) -> Option<DuplicateKind> {
        DuplicateKind::ALL.iter().find(|(_, own, _)| *own == name).map(|(kind, _, _)| *kind)
    }
}

impl fmt::Display for DuplicateKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.as_str())
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

/// Why a pair is to be compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Proposal {
    /// They have one address.
    Url,
    /// They share a band.
    Band,
}

/// Why a pair is no pair of duplicates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefusalReason {
    LessSimilar,
    /// Similar enough, but one template filled in twice.
    Template,
    /// Two texts of one address that have little in common.
    OtherText,
}

impl RefusalReason {
    /// The name as it is written in the evidence.
    pub fn as_str(self) -> &'static str {
        match self {
            RefusalReason::LessSimilar => "less_similar",
            RefusalReason::Template => "template",
            RefusalReason::OtherText => "other_text",
        }
    }
}

/// A pair that was proposed and that the evidence refused.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Refusal {
    pub document: u32,
    /// The kept document that it was compared with.
    pub kept: u32,
    pub similarity: f64,
    pub reason: RefusalReason,
}

/// Calls `propose` with each two documents of a band's group that are to be compared: the later one, then the earlier.
///
/// Of a small group that is every pair. In a large one each document meets the first two and the four before it: where
/// all of them repeat the first, that is enough, and the number of pairs stays in proportion to the documents.
pub fn propose(group: &[u32], propose: &mut impl FnMut(u32, u32)) {
    /// Groups up to this size are compared in full.
    const SMALL: usize = 8;
    for (place, later) in group.iter().enumerate().skip(1) {
        let (first, before) =
            if group.len() <= SMALL { (place, place) } else { (2.min(place), place.saturating_sub(4)) };
        group[..first].iter().for_each(|earlier| propose(*later, *earlier));
        group[before.max(first)..place].iter().for_each(|earlier| propose(*later, *earlier));
    }
}

/// Decides over documents in the order of their numbers, of which lower ones are preferred.
///
/// It holds four bytes a document: the number of the one that stands for it, which is its own as long as it stays.
pub struct Decider {
    min_similarity: f64,
    templates: Templates,
    url: UrlRule,
    standing: Vec<u32>,
    comparer: Comparer,
    candidates: Vec<u32>,
}

impl Decider {
    /// Nothing is decided of `documents` documents: they all stay.
    pub fn new(settings: &Settings, documents: u32) -> Decider {
        Decider {
            min_similarity: settings.min_similarity,
            templates: settings.templates,
            url: settings.url,
            standing: (0..documents).collect(),
            comparer: Comparer::default(),
            candidates: Vec::new(),
        }
    }

    /// The document that stands for this one: itself, if it stays.
    pub fn standing_for(&self, document: u32) -> u32 {
        self.standing[document as usize]
    }

    /// Says that `copy` equals the earlier document `first`, which is no copy itself.
    pub fn copy(&mut self, copy: u32, first: u32) {
        self.standing[copy as usize] = first;
    }

    /// Judges a document against the earlier ones that it was proposed with. Where one of these has gone, the one that
    /// stands for it is compared in its place, so a document only ever goes in favour of one that stays and that it was
    /// itself found to be like. The first such one, in the order of preference, is the one that it repeats.
    /// # Errors
    /// Fails if the evidence of a document cannot be had.
    pub fn judge<E>(
        &mut self,
        document: u32,
        earlier: &[u32],
        proposal: Proposal,
        evidence: &mut dyn FnMut(u32) -> Result<Evidence, E>,
        refused: &mut dyn FnMut(Refusal) -> Result<(), E>,
    ) -> Result<Option<Removal>, E> {
        if self.standing[document as usize] != document {
            return Ok(None);
        }
        self.candidates.clear();
        self.candidates.extend(earlier.iter().map(|earlier| self.standing[*earlier as usize]));
        self.candidates.sort_unstable();
        self.candidates.dedup();
        self.candidates.retain(|candidate| *candidate < document);
        if self.candidates.is_empty() {
            return Ok(None);
        }
        let own = evidence(document)?;
        self.comparer.judge(&own);
        for kept in &self.candidates {
            let other = evidence(*kept)?;
            let (similarity, judgement) = match proposal {
                Proposal::Url => {
                    let similarity = self.comparer.compare(&own, &other, 0.0).similarity;
                    let is_same = self.url == UrlRule::Always || similarity >= URL_MIN_SIMILARITY;
                    (similarity, if is_same { Ok(DuplicateKind::Url) } else { Err(RefusalReason::OtherText) })
                }
                Proposal::Band => {
                    let found = self.comparer.compare(&own, &other, self.min_similarity);
                    let judgement = match (found.similarity >= self.min_similarity, found.is_template) {
                        (false, _) => Err(RefusalReason::LessSimilar),
                        (true, false) => Ok(DuplicateKind::Near),
                        (true, true) if self.templates == Templates::Drop => Ok(DuplicateKind::Template),
                        (true, true) => Err(RefusalReason::Template),
                    };
                    (found.similarity, judgement)
                }
            };
            match judgement {
                Ok(kind) => {
                    self.standing[document as usize] = *kept;
                    return Ok(Some(Removal { removed: document, kept: *kept, similarity, kind }));
                }
                Err(reason) => refused(Refusal { document, kept: *kept, similarity, reason })?,
            }
        }
        Ok(None)
    }

    /// The removal of a copy of `first`. `of_first` is the removal of that one, if it has gone: then the copy repeats the
    /// document that stayed in its place. To be called once everything is judged.
    pub fn removal_of_copy(&mut self, copy: u32, first: u32, of_first: Option<&Removal>) -> Removal {
        let removal = match of_first {
            Some(of_first) => Removal { removed: copy, ..*of_first },
            None => Removal { removed: copy, kept: first, similarity: 1.0, kind: DuplicateKind::Exact },
        };
        self.standing[copy as usize] = removal.kept;
        removal
    }
}

#[cfg(test)]
mod tests {
    use std::{
        collections::{BTreeMap, BTreeSet},
        convert::Infallible,
    };

    use super::*;
    use crate::{Shingle, Signer};
    use proptest::prelude::*;

    fn settings() -> Settings {
        Settings { bands: 14, rows: 4, shingle_words: 2, min_similarity: 0.6, ..Settings::default() }
    }

    /// The whole of it in memory: a copy goes with the first of its kind, bands propose, evidence decides.
    fn decide(texts: &[&str], settings: &Settings) -> (Vec<Removal>, Vec<Refusal>) {
        let mut signer = Signer::new(settings);
        let shingle = Shingle::Words(settings.shingle_words);
        let mut decider = Decider::new(settings, texts.len() as u32);
        let (mut firsts, mut groups) = (BTreeMap::new(), BTreeMap::<_, Vec<u32>>::new());
        let mut copies = Vec::new();
        for (number, text) in texts.iter().enumerate() {
            let (number, signature) = (number as u32, signer.sign(text, shingle));
            let first = *firsts.entry(signature.exact).or_insert(number);
            if first != number {
                decider.copy(number, first);
                copies.push((number, first));
                continue;
            }
            for band in signature.bands.iter().enumerate() {
                groups.entry((band.0, *band.1)).or_default().push(number);
            }
        }
        let mut pairs = BTreeSet::new();
        groups.values().for_each(|group| {
            propose(group, &mut |later, earlier| {
                pairs.insert((later, earlier));
            })
        });
        let mut comparer = Comparer::default();
        let mut evidence = |number: u32| Ok::<_, Infallible>(comparer.evidence(texts[number as usize], shingle));
        let (mut removals, mut refusals) = (BTreeMap::new(), Vec::new());
        for document in 0..texts.len() as u32 {
            let earlier: Vec<u32> = pairs.range((document, 0)..(document + 1, 0)).map(|pair| pair.1).collect();
            let mut refused = |refusal| {
                refusals.push(refusal);
                Ok(())
            };
            let Ok(removal) = decider.judge(document, &earlier, Proposal::Band, &mut evidence, &mut refused);
            removals.extend(removal.map(|removal| (document, removal)));
        }
        for (copy, first) in copies {
            let removal = decider.removal_of_copy(copy, first, removals.get(&first));
            removals.insert(copy, removal);
        }
        (removals.into_values().collect(), refusals)
    }

    fn removed(texts: &[&str]) -> Vec<(u32, u32, &'static str)> {
        let of = |removal: &Removal| (removal.removed, removal.kept, removal.kind.as_str());
        decide(texts, &settings()).0.iter().map(of).collect()
    }

    const LEAFLET: &str = "take one tablet in the morning with a glass of water and do not drive a car";

    #[test]
    fn the_first_of_equal_texts_stays() {
        assert_eq!(removed(&[LEAFLET, "другой текст", &LEAFLET.to_uppercase()]), [(2, 0, "exact")]);
    }

    #[test]
    fn near_duplicates_go_and_their_copies_with_them() {
        let longer = format!("{LEAFLET} today");
        let texts = [LEAFLET, &longer, &longer, "other words entirely here"];
        assert_eq!(removed(&texts), [(1, 0, "near"), (2, 0, "near")]);
    }

    #[test]
    fn there_are_no_chains() {
        // a ~ b and b ~ c, but a and c are too far apart: b goes, a and c stay.
        let words: Vec<String> = ('a'..='e').flat_map(|a| ('a'..='h').map(move |b| format!("{a}{b}"))).collect();
        let (a, b, c) = (words[0..30].join(" "), words[5..35].join(" "), words[10..40].join(" "));
        assert_eq!(removed(&[&a, &b, &c]), [(1, 0, "near")]);
    }

    #[test]
    fn templates_stay_unless_they_are_to_go() {
        let other = LEAFLET.replace("one tablet", "2 tablets of 10 mg").replace("glass of", "2");
        let (a, b) = (LEAFLET.replace("one tablet", "1 tablets of 5 mg").replace("glass of", "3"), other);
        let keep = Settings { min_similarity: 0.4, ..settings() };
        let (removals, refusals) = decide(&[&a, &b], &keep);
        assert!(
            removals.is_empty() && refusals.iter().all(|refusal| refusal.reason == RefusalReason::Template),
            "{refusals:?}"
        );
        let removals = decide(&[&a, &b], &Settings { templates: Templates::Drop, ..keep }).0;
        assert_eq!(removals.iter().map(|it| it.kind).collect::<Vec<_>>(), [DuplicateKind::Template]);
    }

    #[test]
    fn an_address_is_believed_where_the_texts_agree_or_always() {
        let texts =
            [LEAFLET, &LEAFLET.replace("one tablet in the morning", "nothing at all"), "quite another text here"];
        for (url, expected) in [(UrlRule::Similar, vec![1]), (UrlRule::Always, vec![1, 2])] {
            let mut decider = Decider::new(&Settings { url, ..settings() }, 3);
            let mut comparer = Comparer::default();
            let mut evidence =
                |number: u32| Ok::<_, Infallible>(comparer.evidence(texts[number as usize], Shingle::Words(2)));
            let (mut gone, mut reasons) = (Vec::new(), Vec::new());
            for document in 1..3u32 {
                let earlier: Vec<u32> = (0..document).collect();
                let mut refused = |refusal: Refusal| {
                    reasons.push(refusal.reason);
                    Ok(())
                };
                let Ok(removal) = decider.judge(document, &earlier, Proposal::Url, &mut evidence, &mut refused);
                gone.extend(removal.map(|removal| removal.removed));
            }
            assert_eq!(gone, expected);
            assert_eq!(reasons.is_empty(), url == UrlRule::Always, "{reasons:?}");
        }
    }

    #[test]
    fn a_large_group_costs_in_proportion() {
        let group: Vec<u32> = (0..1000).collect();
        let mut pairs = BTreeSet::new();
        propose(&group, &mut |later, earlier| assert!(later > earlier && pairs.insert((later, earlier))));
        assert!(pairs.len() < 6 * group.len());
        let mut small = 0;
        propose(&group[..8], &mut |_, _| small += 1);
        assert_eq!(small, 28);
    }

    proptest! {
        /// Whoever goes is proven to be like somebody who stays.
        #[test]
        fn every_removal_is_proven_against_a_kept_document(
            texts in prop::collection::vec("([a-c] ){0,12}", 1..25),
        ) {
            let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
            let settings = settings();
            let (removals, _) = decide(&texts, &settings);
            let gone: Vec<u32> = removals.iter().map(|removal| removal.removed).collect();
            let mut comparer = Comparer::default();
            for removal in &removals {
                prop_assert!(removal.kept < removal.removed && !gone.contains(&removal.kept));
                let mut of = |number: u32| comparer.evidence(texts[number as usize], Shingle::Words(2));
                let (first, second) = (of(removal.removed), of(removal.kept));
                comparer.judge(&first);
                let similarity = comparer.compare(&first, &second, 0.0).similarity;
                prop_assert!(removal.kind == DuplicateKind::Exact || similarity >= settings.min_similarity);
            }
        }
    }
}
