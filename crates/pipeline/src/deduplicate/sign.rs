//! The first reading: signatures, or those that the index has.

use std::{collections::BTreeMap, path::PathBuf};

use dedup::{Settings, Signer, UrlRule};
use document::{Container, Digest, Fault, LanguageCode};

use super::{Run, Task};
use crate::{
    Error,
    fingerprint::Fingerprint,
    matching::{Signatures, Signs},
    preference::{Preferences, Traits},
    signature_index::{self, SignedDocument},
};

/// Failed records of a task that are listed; all are counted.
const FAULTS_LISTED: usize = 1000;

/// What signing a task found.
#[derive(Default)]
pub(super) struct Signed {
    /// Records of each of its parts, failed ones included.
    pub records: Vec<u32>,
    pub text_bytes: u64,
    pub failed: Vec<u32>,
    pub faults: Vec<Fault>,
    /// Documents by language.
    pub read_of: BTreeMap<LanguageCode, u64>,
}

impl Run<'_> {
    /// Signs the documents of a task, or takes their signatures from the index.
    pub(super) fn sign(
        &self,
        number: usize,
        task: &Task,
        signatures: &Signatures<'_>,
        preferences: &Preferences<'_>,
    ) -> Result<Signed, Error> {
        let Settings { exact, url, near, .. } = self.job.settings;
        let mut collector = signatures.collector(number);
        let mut keys = preferences.collector(number);
        let root = self.files[task[0].0].root;
        let mut take = |document: u32, it: &SignedDocument<'_>, signed: &mut Signed| {
            let signs = Signs {
                exact: exact.then_some(it.exact),
                url: it.url.filter(|_| url != UrlRule::Off),
                bands: if near { it.bands } else { &[] },
            };
            collector.push(document, signs)?;
            let traits = Traits { source_rank: root, licence: it.licence, text_bytes: it.text_bytes, id: it.id };
            keys.push(document, &traits)?;
            signed.text_bytes += it.text_bytes;
            *signed.read_of.entry(it.language).or_default() += 1;
            Ok::<_, Error>(())
        };
        let entry = self.index_entry(task)?;
        let mut signed = Signed::default();
        let found = match &entry {
            Some(entry) => signature_index::read(entry)?,
            None => None,
        };
        if let Some(found) = found {
            signed.records = found.records.clone();
            let mut document = 0;
            found.each(&mut |it| {
                take(document, it, &mut signed)?;
                document += 1;
                Ok(())
            })?;
            self.job.progress.advance(task.iter().map(|part| self.files[part.0].splits[part.1].bytes).sum(), 0, 0);
        } else {
            let mut kept = entry.as_ref().map(|_| signature_index::Writer::default());
            self.sign_records(task, &mut signed, &mut |document, it, signed| {
                if let Some(kept) = &mut kept {
                    kept.push(it);
                }
                take(document, it, signed)
            })?;
            if let (Some(kept), Some(entry)) = (kept, entry)
                && signed.failed.is_empty()
            {
                kept.finish(&entry, &signed.records)?;
            }
        }
        collector.finish()?;
        keys.finish()?;
        Ok(signed)
    }

    /// The file of the index that has a task's signatures, or will have them.
    fn index_entry(&self, task: &Task) -> Result<Option<PathBuf>, Error> {
        let Some(index) = &self.job.index else { return Ok(None) };
        if task.iter().any(|(file, _)| self.lost.contains_key(file)) {
            return Ok(None);
        }
        let mut fingerprint = Fingerprint::of("dedup-index-2")
            .with_json(&self.job.settings.of_signatures())
            .with(format!("{:?} {}", self.job.parted, self.job.settings.near));
        let mut digest = Digest(0);
        for (place, (file, split)) in task.iter().enumerate() {
            let of_file = &self.files[*file];
            if place == 0 || task[place - 1].0 != *file {
                digest = store::digest_of_file(&of_file.input.path, &mut |_| ())?;
            }
            let Container { source, path, .. } = &*of_file.container;
            fingerprint =
                fingerprint.with(source).with(path).with(digest).with(format!("{:?}", of_file.splits[*split].range));
        }
        Ok(Some(index.join(format!("{}.signs", fingerprint.finish()))))
    }

    fn sign_records(
        &self,
        task: &Task,
        signed: &mut Signed,
        take: &mut dyn FnMut(u32, &SignedDocument<'_>, &mut Signed) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let mut signer = Signer::new(&self.job.settings);
        let mut bands = Vec::new();
        let mut document = 0u32;
        for part in task {
            let first = document;
            self.read(*part, &mut |record| {
                match record {
                    Ok(record) => {
                        let exact = match self.job.settings.near {
                            true => signer.sign_into(&record.text, self.shingle(&record.text), &mut bands),
                            false => signer.digest(&record.text),
                        };
                        let url = record.url.as_deref().and_then(dedup::canonical_url);
                        let it = SignedDocument {
                            exact,
                            url: url.map(|url| Digest::of(url.as_bytes())),
                            bands: &bands,
                            language: record.counted_language(),
                            text_bytes: record.text.len() as u64,
                            id: &record.id,
                            licence: &record.origin.container.licence,
                        };
                        take(document, &it, signed)?;
                    }
                    Err(fault) => {
                        signed.failed.push(document);
                        if signed.faults.len() < FAULTS_LISTED {
                            signed.faults.push(fault);
                        }
                    }
                }
                let too_many = Error::TooManyDocuments { documents: u64::from(u32::MAX) + 1 };
                document = document.checked_add(1).ok_or(too_many)?;
                Ok(())
            })?;
            signed.records.push(document - first);
            let bytes = self.files[part.0].splits[part.1].bytes;
            self.job.progress.advance(bytes, u64::from(document - first), 0);
        }
        Ok(())
    }
}

/// The number of each task's first record, and of all records.
pub(super) fn starts(signed: &[Signed]) -> Result<Vec<u32>, Error> {
    let mut starts = vec![0];
    let mut next = 0u64;
    for signed in signed {
        next += signed.records.iter().map(|records| u64::from(*records)).sum::<u64>();
        starts.push(u32::try_from(next).map_err(|_| Error::TooManyDocuments { documents: next })?);
    }
    Ok(starts)
}
