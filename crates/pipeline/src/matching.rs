//! From signatures to decisions, within a given memory: which documents repeat which, proven by evidence.
//!
//! 1. [`Signatures`] collects digests and bands, sorted on disk where memory does not hold them.
//! 2. [`Signatures::propose`] finds exact copies and the pairs that share a band.
//! 3. [`EvidenceStore`] takes, on disk, the evidence and the name of each document that is concerned; the others' texts are
//!    not looked at again.
//! 4. [`decide`] judges document by document in the order of preference.
//!
//! Held in memory besides what `--memory` gives to sorting: 4 bytes a document, 16 a document concerned, 24 a removal; 8
//! bytes more a document where a rule of preference is to be sorted by.

use std::path::{Path, PathBuf};

use dedup::{Decider, Evidence, Proposal, Refusal, Removal, Settings};
use document::{Digest, LanguageCode};
use store::DocumentName;

use crate::{
    Error,
    by_document::{ByDocument, DocumentWriter},
    preference::Order,
    sorted_runs::{Budget, Collector, SortedRuns},
};

/// Memory and scratch space.
pub(crate) struct Space {
    pub folder: PathBuf,
    /// Bytes for everything that grows with the input.
    pub memory: u64,
    pub jobs: usize,
}

impl Space {
    /// Makes the scratch folder, empty.
    pub fn new(folder: &Path, memory: u64, jobs: usize) -> Result<Space, Error> {
        let space = Space { folder: folder.to_owned(), memory, jobs };
        space.remove()?;
        std::fs::create_dir_all(folder).map_err(Error::scratch(folder))?;
        Ok(space)
    }

    /// Removes the scratch folder with what a killed run has left in it.
    pub fn remove(&self) -> Result<(), Error> {
        match std::fs::remove_dir_all(&self.folder) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(Error::scratch(&self.folder)(error)),
            _ => Ok(()),
        }
    }

    /// A quarter of the memory is for sorted runs that stay in it.
    pub fn budget(&self) -> Budget {
        Budget::new(self.memory / 4)
    }

    /// Another quarter is for the records that are being collected, shared by the jobs.
    pub fn of_collector(&self) -> u64 {
        self.memory / 4 / self.jobs.max(1) as u64
    }

    /// A sixteenth is for the keys of preference, shared by the jobs.
    pub fn of_keys(&self) -> usize {
        (self.memory / 16 / self.jobs.max(1) as u64) as usize
    }

    /// A sixteenth is for reading sorted runs.
    pub fn of_merge(&self) -> u64 {
        self.memory / 16
    }
}

/// Bits of a band's hash that are kept. Two of a hundred million documents share 40 bits by chance 4,500 times a band, and
/// then the evidence tells them apart.
const BAND_BITS: u32 = 40;

/// Bits of a digest that are kept: what a record has room for.
const DIGEST_BITS: u32 = 96;

/// Digests and bands of all documents.
pub(crate) struct Signatures<'b> {
    space: &'b Space,
    budget: &'b Budget,
    digests: SortedRuns<'b>,
    urls: SortedRuns<'b>,
    bands: SortedRuns<'b>,
}

/// What a document leaves behind to be found by.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Signs<'a> {
    pub exact: Option<Digest>,
    /// Of the canonical address.
    pub url: Option<Digest>,
    pub bands: &'a [u64],
}

impl<'b> Signatures<'b> {
    pub fn new(space: &'b Space, budget: &'b Budget) -> Result<Signatures<'b>, Error> {
        let digests = SortedRuns::new(space.folder.join("digests"), budget)?;
        let urls = SortedRuns::new(space.folder.join("urls"), budget)?;
        let bands = SortedRuns::new(space.folder.join("bands"), budget)?;
        Ok(Signatures { space, budget, digests, urls, bands })
    }

    /// Collects the signatures of one task, whose documents are numbered from 0.
    pub fn collector(&self, task: usize) -> SignatureCollector<'_, 'b> {
        let memory = self.space.of_collector();
        SignatureCollector {
            digests: self.digests.collector(task, memory / 16),
            urls: self.urls.collector(task, memory / 16),
            bands: self.bands.collector(task, memory / 8 * 7),
        }
    }

    /// Finds what has to be compared. `starts[task]` is the number of a task's first document.
    pub fn propose(mut self, starts: &[u32], documents: u32, order: Order) -> Result<Proposed<'b>, Error> {
        let memory = self.space.of_merge();
        let mut involved = Bits::new(documents);
        let mut is_copy = Bits::new(documents);
        let mut copies = Vec::new();
        self.digests.merged(starts, memory)?.each_group(&mut |_, same| {
            if same.len() < 2 {
                return Ok(());
            }
            let first = same.iter().map(|document| order.place(*document)).min().unwrap_or_default();
            for document in same {
                involved.set(*document);
                let copy = order.place(*document);
                if copy != first {
                    is_copy.set(copy);
                    copies.push((copy, first));
                }
            }
            Ok(())
        })?;
        drop(self.digests);
        copies.sort_unstable();
        let mut pairs = SortedRuns::new(self.space.folder.join("pairs"), self.budget)?;
        let mut collector = pairs.collector(0, self.space.of_collector() * self.space.jobs as u64);
        let mut group = Vec::new();
        for (proposal, signs) in [(Proposal::Url, &mut self.urls), (Proposal::Band, &mut self.bands)] {
            signs.merged(starts, memory)?.each_group(&mut |_, same| {
                if same.len() < 2 {
                    return Ok(());
                }
                // Copies go with the first of their kind.
                group.clear();
                group.extend(same.iter().map(|document| order.place(*document)).filter(|place| !is_copy.has(*place)));
                group.sort_unstable();
                let mut failed = Ok(());
                dedup::propose(&group, &mut |later, earlier| {
                    if failed.is_ok() {
                        failed = collector.push(pair_key(later, proposal), earlier);
                    }
                });
                failed
            })?;
        }
        collector.flush()?;
        drop(collector);
        drop((self.urls, self.bands));
        let mut compared = Bits::new(documents);
        pairs.merged(&[0], memory)?.each_group(&mut |key, earlier| {
            for place in earlier.iter().copied().chain([later_of(key).0]) {
                let document = order.document(place);
                involved.set(document);
                compared.set(document);
            }
            Ok(())
        })?;
        Ok(Proposed { documents, order, copies, pairs, involved, compared, memory })
    }
}

/// The key of a pair: the later document, first its pairs of one address, then those that share a band.
fn pair_key(later: u32, proposal: Proposal) -> u128 {
    u128::from(later) << 1 | u128::from(proposal == Proposal::Band)
}

fn later_of(key: u128) -> (u32, Proposal) {
    ((key >> 1) as u32, if key & 1 == 1 { Proposal::Band } else { Proposal::Url })
}

/// Collects the signatures of one task.
pub(crate) struct SignatureCollector<'r, 'b> {
    digests: Collector<'r, 'b>,
    urls: Collector<'r, 'b>,
    bands: Collector<'r, 'b>,
}

impl SignatureCollector<'_, '_> {
    pub fn push(&mut self, document: u32, signs: Signs<'_>) -> Result<(), Error> {
        for (digest, collector) in [(signs.exact, &mut self.digests), (signs.url, &mut self.urls)] {
            if let Some(digest) = digest {
                collector.push(digest.0 >> (128 - DIGEST_BITS), document)?;
            }
        }
        for (band, hash) in signs.bands.iter().enumerate() {
            self.bands.push((band as u128) << BAND_BITS | u128::from(hash >> (64 - BAND_BITS)), document)?;
        }
        Ok(())
    }

    /// To be called after the task's last document.
    pub fn finish(mut self) -> Result<(), Error> {
        self.digests.flush()?;
        self.urls.flush()?;
        self.bands.flush()
    }
}

/// What has to be compared.
pub(crate) struct Proposed<'b> {
    documents: u32,
    order: Order,
    /// Each exact copy and the first document with that text by their places in the order of preference, which is theirs.
    copies: Vec<(u32, u32)>,
    /// Later document, and the earlier ones that it is to be compared with, by their places too.
    pairs: SortedRuns<'b>,
    /// The documents that a removal or comparison may name.
    pub involved: Bits,
    /// Those of them that are compared, so that their evidence is needed.
    pub compared: Bits,
    memory: u64,
}

impl Proposed<'_> {
    /// The order of preference, once everything is decided.
    pub fn into_order(self) -> Order {
        self.order
    }
}

/// One bit a document.
pub(crate) struct Bits(Vec<u64>);

impl Bits {
    pub fn new(documents: u32) -> Bits {
        Bits(vec![0; documents as usize / 64 + 1])
    }

    pub fn set(&mut self, document: u32) {
        self.0[document as usize / 64] |= 1 << (document % 64);
    }

    pub fn has(&self, document: u32) -> bool {
        self.0[document as usize / 64] >> (document % 64) & 1 == 1
    }

    /// Whether one of these documents is in.
    pub fn has_any(&self, documents: std::ops::Range<u32>) -> bool {
        documents.into_iter().any(|document| self.has(document))
    }
}

/// What a document is called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Name {
    pub id: String,
    pub source: String,
    pub locator: String,
    pub language: LanguageCode,
    pub text_bytes: u64,
}

/// Names and evidence, on disk.
pub(crate) struct EvidenceStore(ByDocument);

impl Name {
    /// As the tables have it.
    pub fn in_tables(self, document: u32) -> DocumentName {
        DocumentName { number: u64::from(document), id: self.id, source: self.source, locator: self.locator }
    }
}

/// Takes the evidence of one task.
pub(crate) struct EvidenceWriter<'s>(DocumentWriter<'s>);

impl EvidenceStore {
    pub fn new(space: &Space) -> Result<EvidenceStore, Error> {
        Ok(EvidenceStore(ByDocument::create(space.folder.join("evidence"))?))
    }

    pub fn writer(&self) -> EvidenceWriter<'_> {
        EvidenceWriter(self.0.writer())
    }

    /// To be called when all is written, before anything is read.
    pub fn sort(&mut self) {
        self.0.sort();
    }

    fn get(&self, document: u32, buffer: &mut Vec<u8>) -> Result<(), Error> {
        if self.0.get(document, buffer)? { Ok(()) } else { Err(self.wrong(document)) }
    }

    fn wrong(&self, document: u32) -> Error {
        let message = format!("document {document} has other evidence than was written; was the folder changed?");
        store::Error::Format { path: self.0.path().to_owned(), message }.into()
    }

    fn evidence(&self, document: u32, buffer: &mut Vec<u8>) -> Result<Evidence, Error> {
        self.get(document, buffer)?;
        split(buffer).and_then(|entry| Evidence::read(entry.evidence)).ok_or_else(|| self.wrong(document))
    }

    /// The name of a document that is involved.
    pub fn name(&self, document: u32) -> Result<Name, Error> {
        let mut buffer = Vec::new();
        self.get(document, &mut buffer)?;
        let entry = split(&buffer).ok_or_else(|| self.wrong(document))?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Ok(Name {
            id: text(entry.id),
            source: text(entry.source),
            locator: text(entry.locator),
            language: LanguageCode::parse(&text(entry.language)).unwrap_or(LanguageCode::UNDETERMINED),
            text_bytes: entry.text_bytes,
        })
    }
}

/// An entry of the file.
struct Stored<'a> {
    id: &'a [u8],
    source: &'a [u8],
    locator: &'a [u8],
    language: &'a [u8],
    text_bytes: u64,
    evidence: &'a [u8],
}

fn split(bytes: &[u8]) -> Option<Stored<'_>> {
    let (text_bytes, mut rest) = bytes.split_first_chunk::<8>()?;
    let mut text = || {
        let (length, behind) = rest.split_first_chunk::<4>()?;
        let (text, behind) = behind.split_at_checked(u32::from_le_bytes(*length) as usize)?;
        rest = behind;
        Some(text)
    };
    let (id, source, locator, language) = (text()?, text()?, text()?, text()?);
    Some(Stored { id, source, locator, language, text_bytes: u64::from_le_bytes(*text_bytes), evidence: rest })
}

impl EvidenceWriter<'_> {
    pub fn push(&mut self, document: u32, name: &Name, evidence: &Evidence) -> Result<(), Error> {
        let Name { id, source, locator, language, text_bytes } = name;
        self.0.push(document, |bytes| {
            bytes.extend(text_bytes.to_le_bytes());
            for text in [id, source, locator, language.as_str()] {
                bytes.extend((text.len() as u32).to_le_bytes());
                bytes.extend(text.as_bytes());
            }
            evidence.write(bytes);
        })
    }

    /// To be called after the task's last document.
    pub fn finish(self) -> Result<(), Error> {
        self.0.finish()
    }
}

/// Decides over all documents and gives the removals in the order of the removed documents. `evidence` must have all
/// documents that are involved.
pub(crate) fn decide(
    settings: &Settings,
    proposed: &mut Proposed<'_>,
    evidence: &EvidenceStore,
    refused: &mut dyn FnMut(Refusal) -> Result<(), Error>,
) -> Result<Vec<Removal>, Error> {
    let mut decider = Decider::new(settings, proposed.documents);
    proposed.copies.iter().for_each(|(copy, first)| decider.copy(*copy, *first));
    let mut removals = Vec::new();
    let mut buffer = Vec::new();
    let order = &proposed.order;
    let mut fetch = |place: u32| evidence.evidence(order.document(place), &mut buffer);
    let mut refuse = |refusal: Refusal| {
        let (document, kept) = (order.document(refusal.document), order.document(refusal.kept));
        refused(Refusal { document, kept, ..refusal })
    };
    proposed.pairs.merged(&[0], proposed.memory)?.each_group(&mut |key, earlier| {
        let (later, proposal) = later_of(key);
        removals.extend(decider.judge(later, earlier, proposal, &mut fetch, &mut refuse)?);
        Ok(())
    })?;
    let near = removals.len();
    for (copy, first) in &proposed.copies {
        let of_first = removals[..near].binary_search_by_key(first, |removal| removal.removed).ok();
        let of_first = of_first.map(|place| removals[place]);
        removals.push(decider.removal_of_copy(*copy, *first, of_first.as_ref()));
    }
    for removal in &mut removals {
        (removal.removed, removal.kept) = (order.document(removal.removed), order.document(removal.kept));
    }
    removals.sort_unstable_by_key(|removal| removal.removed);
    Ok(removals)
}
