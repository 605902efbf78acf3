//! Pass 1, one task: read, judge, sign. Writes `work/FINGERPRINT/{survivors,signatures,rejected}.parquet` and then the
//! ledger entry.

use std::path::Path;

use dedup::{Shingle, Signer};
use document::{Digest, Document, Fault, LanguageCode, Outcome, Reason, Tallies, Tally, Verdict};
use filter::{Chain, keywords::WordBoundaries};
use store::{Entry, Histograms, Ledger, Rows, SignatureRow, Table, TableWriter};

use crate::{
    Configuration, Error, Progress,
    books::{self, Shelf},
    pages,
    pipeline_file::{RejectedList, RejectedSettings},
    plan::{Containers, Task},
};

/// The pass's folder in the ledger.
pub(crate) const PASS: &str = "judge";

/// The files of a task, in the order of its ledger entry.
pub(crate) const SURVIVORS: usize = 0;
pub(crate) const SIGNATURES: usize = 1;
pub(crate) const REJECTED: usize = 2;

/// What all tasks of a build share.
pub(crate) struct Judging<'a> {
    pub configuration: &'a Configuration,
    pub containers: &'a Containers,
    pub out: &'a Path,
    pub ledger: &'a Ledger,
    pub progress: &'a dyn Progress,
}

impl Judging<'_> {
    /// Runs one task and records it.
    /// # Errors
    /// Fails if the input cannot be read at all or the output not be written; nothing is recorded then.
    pub fn run(&self, task: &Task, fingerprint: Digest, chain: &Chain) -> Result<Entry, Error> {
        let source = &self.configuration.sources[task.source];
        let mut output = Output::create(self, task, fingerprint)?;
        let mut shelf: Option<Shelf<'_>> = None;
        for (number, split) in &task.splits {
            let input = &source.inputs[*number];
            let container = self.containers.get(task.source, *number);
            // The visitor cannot stop the reader, so after a failed write it lets the rest pass by.
            let mut failed = None;
            let before = (output.read, output.tallies.kept().documents);
            let mut take = |record: Result<Document<'_>, Fault>, reason: Option<Reason>| {
                if failed.is_none() {
                    failed = output.take(record, reason, chain, &container.source, input.declared_language).err();
                }
            };
            match (input.format, &self.configuration.books) {
                (source::Format::Book, Some(reader)) => match self.containers.same_book(task.source, *number) {
                    Some(first) => books::skip(input, container, first, &mut take),
                    None => shelf.get_or_insert_with(|| Shelf::new(reader)).read(input, container, &mut take)?,
                },
                _ => pages::read(input, container, split, &source.rules, &mut take)?,
            }
            if let Some(error) = failed {
                return Err(error.into());
            }
            let kept = output.tallies.kept().documents - before.1;
            self.progress.advance(split.bytes, output.read - before.0, kept);
        }
        let entry = output.finish(task, fingerprint)?;
        self.ledger.record(PASS, &entry)?;
        Ok(entry)
    }
}

/// The three tables of a task, and its counts.
struct Output<'a> {
    judging: &'a Judging<'a>,
    signer: Option<Signer>,
    survivors: (Rows, TableWriter),
    signatures: (Rows, TableWriter),
    rejected: (Rows, TableWriter),
    tallies: Tallies,
    histograms: Histograms,
    read: u64,
}

fn names(fingerprint: Digest) -> [String; 3] {
    ["survivors", "signatures", "rejected"].map(|table| format!("work/{fingerprint}/{table}.parquet"))
}

impl<'a> Output<'a> {
    fn create(judging: &'a Judging<'a>, task: &Task, fingerprint: Digest) -> Result<Output<'a>, Error> {
        let configuration = judging.configuration;
        let tables = [Table::Documents { token_ids: configuration.token_ids }, Table::Signatures, Table::Rejected];
        let mut created = Vec::new();
        for (name, table) in names(fingerprint).iter().zip(tables) {
            let metadata = [("task", task.id.clone())];
            created.push((Rows::new(table), TableWriter::create(&judging.out.join(name), table, &metadata)?));
        }
        let [survivors, signatures, rejected] = <[_; 3]>::try_from(created).ok().expect("three tables were created");
        let (tallies, histograms) = Default::default();
        let signer = configuration.duplicates.as_ref().map(Signer::new);
        Ok(Output { judging, signer, survivors, signatures, rejected, tallies, histograms, read: 0 })
    }

    fn take(
        &mut self,
        record: Result<Document<'_>, Fault>,
        reason: Option<Reason>,
        chain: &Chain,
        source: &str,
        declared: Option<LanguageCode>,
    ) -> Result<(), store::Error> {
        self.read += 1;
        let mut document = match record {
            Ok(document) => document,
            Err(fault) => {
                store::push_fault(&mut self.rejected.0, source, declared, &fault);
                let size = Tally { documents: 1, ..Tally::default() };
                self.tallies.add(declared, &Outcome::Failed(fault), size);
                return self.rejected.1.write_full(&mut self.rejected.0);
            }
        };
        let verdict = reason.map_or_else(|| chain.judge(&mut document), Verdict::Reject);
        let language = document.counted_language();
        let chars = document.chars();
        let tokens = document.scores.tokens.unwrap_or(0);
        let size = Tally { documents: 1, bytes: document.text.len() as u64, chars, tokens };
        match verdict {
            Verdict::Reject(reason) => {
                // Tokens are only counted of what is kept, also where a later stage than the counting one rejects.
                self.tallies.add(Some(language), &Outcome::Rejected(reason), Tally { tokens: 0, ..size });
                self.histograms.add(language, &reason);
                let settings = self.judging.configuration.rejected;
                let sampled = is_sampled(&settings, &document);
                if sampled || settings.list == RejectedList::All {
                    store::push_rejected(&mut self.rejected.0, &document, &reason, sampled);
                }
                self.rejected.1.write_full(&mut self.rejected.0)
            }
            Verdict::Keep => {
                self.tallies.add(Some(language), &Outcome::Kept, size);
                self.keep(&document, language, size)
            }
        }
    }

    fn keep(&mut self, document: &Document<'_>, language: LanguageCode, size: Tally) -> Result<(), store::Error> {
        let configuration = self.judging.configuration;
        let settings = configuration.language(language).map(|language| &language.settings);
        let script = settings.map_or("Zyyy", |settings| settings.script.as_str());
        let (exact, bands) = match (&mut self.signer, &configuration.duplicates) {
            (Some(signer), Some(duplicates)) => {
                let shingle = shingle(duplicates, settings.map(|settings| settings.word_boundaries));
                let signature = signer.sign(&document.text, shingle);
                (signature.exact, signature.bands)
            }
            _ => (Digest::of(document.text.as_bytes()), Vec::new()),
        };
        store::push_document(&mut self.survivors.0, document, language, script, configuration.tokenizer.as_deref());
        store::push_signature(&mut self.signatures.0, &SignatureRow { exact, bands, language, size });
        self.survivors.1.write_full(&mut self.survivors.0)?;
        self.signatures.1.write_full(&mut self.signatures.0)
    }

    fn finish(self, task: &Task, fingerprint: Digest) -> Result<Entry, Error> {
        let counted = self.tallies.kept() + self.tallies.rejected() + self.tallies.failed();
        if counted.documents != self.read {
            return Err(Error::Unaccounted { task: task.id.clone(), read: self.read, counted: counted.documents });
        }
        let mut files = Vec::new();
        for ((mut rows, mut writer), name) in
            [self.survivors, self.signatures, self.rejected].into_iter().zip(names(fingerprint))
        {
            writer.write(&rows.take())?;
            files.push(writer.finish(name)?);
        }
        Ok(Entry { task: task.id.clone(), fingerprint, tallies: self.tallies, histograms: self.histograms, files })
    }
}

/// What shingles of a language's texts are made of.
pub(crate) fn shingle(settings: &dedup::Settings, boundaries: Option<WordBoundaries>) -> Shingle {
    match boundaries {
        Some(WordBoundaries::None) => Shingle::Chars(settings.shingle_chars),
        _ => Shingle::Words(settings.shingle_words),
    }
}

/// Whether a rejected document belongs to the sample: by the hash of its source and place, so the same documents are
/// chosen however the work is split.
fn is_sampled(settings: &RejectedSettings, document: &Document<'_>) -> bool {
    let place = format!("{}:{}", document.origin.container.source, document.origin.locator());
    let draw = (Digest::of(place.as_bytes()).0 >> 75) as f64 / (1u64 << 53) as f64;
    draw < settings.sample_share
}
