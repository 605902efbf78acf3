//! The barrier: which survivors repeat which. Writes `duplicates/`, `refused/` and `rejected/duplicates.parquet`.

use std::{collections::BTreeMap, path::Path};

use dedup::{Comparer, Evidence, Refusal, Removal};
use document::{Digest, LanguageCode, Tally};
use rayon::prelude::*;
use store::{Entry, Histograms, Ledger, Rows, Table, TableReader, TableWriter};

use crate::{
    Build, Error,
    fingerprint::Fingerprint,
    judge::{SIGNATURES, SURVIVORS, shingle},
    matching::{self, EvidenceStore, Name, Proposed, Signatures, Space},
};

/// The barrier's folder in the ledger.
pub(crate) const PASS: &str = "duplicates";
pub(crate) const PAIRS: &str = "duplicates/part-00000.parquet";
pub(crate) const REFUSED: &str = "refused/part-00000.parquet";
pub(crate) const REJECTED: &str = "rejected/duplicates.parquet";

/// The stage that a duplicate is counted under, though it is no stage of one document.
pub(crate) const STAGE: &str = "remove_duplicates";

/// The survivors of all tasks, numbered in the order of preference.
pub(crate) struct Survivors {
    /// Language and size of each, all that the counts and the cutting of shards need.
    pub rows: Vec<(LanguageCode, Tally)>,
    /// By place in the order of preference: the task's number in the plan, and the number of its first survivor.
    pub tasks: Vec<(usize, usize)>,
}

impl Survivors {
    /// Loads what is needed of the survivors of all tasks. `entries` is in the order of the plan, `order` the order of
    /// preference.
    pub fn load(out: &Path, entries: &[Entry], order: &[usize]) -> Result<Survivors, Error> {
        let mut survivors = Survivors { rows: Vec::new(), tasks: Vec::new() };
        for task in order {
            survivors.tasks.push((*task, survivors.rows.len()));
            let path = out.join(&entries[*task].files[SIGNATURES].path);
            for batch in TableReader::open(&path, Some(&store::SIZE_COLUMNS))? {
                let rows = store::sizes(&batch?);
                let rows = rows.map_err(|message| store::Error::Format { path: path.clone(), message })?;
                survivors.rows.extend(rows);
            }
        }
        Ok(survivors)
    }

    /// The numbers of the survivors of the task at this place in the order of preference.
    pub fn range(&self, place: usize) -> std::ops::Range<usize> {
        let end = self.tasks.get(place + 1).map_or(self.rows.len(), |(_, first)| *first);
        self.tasks[place].1..end
    }
}

/// What the barrier decided, by number of the document.
pub(crate) struct Removed {
    /// The rule by which each removed document goes.
    pub rules: BTreeMap<usize, String>,
    /// Documents that each kept one stands for, itself included, where that is more than one.
    pub cluster_sizes: BTreeMap<usize, u64>,
}

/// The fingerprint of the barrier.
pub(crate) fn fingerprint(settings: &Option<dedup::Settings>, entries: &[Entry], order: &[usize]) -> Digest {
    let mut fingerprint = Fingerprint::of(PASS).with_json(settings);
    for task in order {
        fingerprint =
            fingerprint.with(entries[*task].files[SURVIVORS].digest).with(entries[*task].files[SIGNATURES].digest);
    }
    fingerprint.finish()
}

/// A table of the barrier on its way to its file.
struct Output {
    name: &'static str,
    rows: Rows,
    writer: TableWriter,
}

impl Output {
    fn create(out: &Path, name: &'static str, table: Table) -> Result<Output, Error> {
        Ok(Output { name, rows: Rows::new(table), writer: TableWriter::create(&out.join(name), table, &[])? })
    }

    fn write_full(&mut self) -> Result<(), Error> {
        Ok(self.writer.write_full(&mut self.rows)?)
    }
}

/// Decides over all survivors and writes the evidence.
/// # Errors
/// Fails if survivors cannot be read or the tables not be written.
pub(crate) fn run(
    build: &Build<'_>,
    entries: &[Entry],
    survivors: &Survivors,
    fingerprint: Digest,
) -> Result<Entry, Error> {
    let out = &build.out;
    let mut pairs = Output::create(out, PAIRS, Table::Duplicates)?;
    let mut refused = Output::create(out, REFUSED, Table::Refused)?;
    let mut rejected = Output::create(out, REJECTED, Table::Rejected)?;
    let mut histograms = Histograms::default();
    if let Some(settings) = &build.configuration.duplicates {
        let space = Space::new(&out.join("work/scratch"), build.memory, build.jobs)?;
        let barrier = Barrier { build, settings, entries, survivors };
        barrier.decide(&space, &mut refused, &mut |removal, store| {
            let name = |document: u32| Ok::<_, Error>(store.name(document)?.in_tables(document));
            let (gone, kept) = (name(removal.removed)?, name(removal.kept)?);
            let reason = document::Reason {
                stage: STAGE,
                rule: removal.kind.rule(),
                value: removal.similarity,
                limit: settings.min_similarity,
            };
            let language = survivors.rows[removal.removed as usize].0;
            histograms.add(language, &reason);
            store::push_duplicate(&mut pairs.rows, &gone, &kept, removal.similarity, removal.kind.as_str());
            store::push_duplicate_as_rejected(&mut rejected.rows, &gone, &kept, language, &reason);
            pairs.write_full()?;
            rejected.write_full()
        })?;
        space.remove()?;
    }
    let mut files = Vec::new();
    for mut output in [pairs, refused, rejected] {
        output.writer.write(&output.rows.take())?;
        files.push(output.writer.finish(output.name.to_owned())?);
    }
    let entry = Entry { task: PASS.to_owned(), fingerprint, tallies: Default::default(), histograms, files };
    Ledger::new(out).record(PASS, &entry)?;
    Ok(entry)
}

struct Barrier<'a> {
    build: &'a Build<'a>,
    settings: &'a dedup::Settings,
    entries: &'a [Entry],
    survivors: &'a Survivors,
}

impl Barrier<'_> {
    fn decide(
        &self,
        space: &Space,
        refused: &mut Output,
        removed: &mut dyn FnMut(&Removal, &EvidenceStore) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let places = 0..self.survivors.tasks.len();
        let all = self.survivors.rows.len();
        let documents = u32::try_from(all).map_err(|_| Error::TooManyDocuments { documents: all as u64 })?;
        let budget = space.budget();
        let signatures = Signatures::new(space, &budget)?;
        places.clone().into_par_iter().try_for_each(|place| self.collect(place, &signatures))?;
        let starts: Vec<u32> = self.survivors.tasks.iter().map(|(_, first)| *first as u32).collect();
        let mut proposed = signatures.propose(&starts, documents)?;
        let mut store = EvidenceStore::new(space)?;
        places.into_par_iter().try_for_each(|place| self.take_evidence(place, &proposed, &store))?;
        store.sort();
        let mut refuse = |refusal: Refusal| {
            let name = |document: u32| Ok::<_, Error>(store.name(document)?.in_tables(document));
            let (document, kept) = (name(refusal.document)?, name(refusal.kept)?);
            let reason = if refusal.is_template { "template" } else { "less_similar" };
            store::push_refused(&mut refused.rows, &document, &kept, refusal.similarity, reason);
            refused.write_full()
        };
        let removals = matching::decide(self.settings, &mut proposed, &store, &mut refuse)?;
        removals.iter().try_for_each(|removal| removed(removal, &store))
    }

    /// Collects the signatures of the task at this place in the order of preference.
    fn collect(&self, place: usize, signatures: &Signatures<'_>) -> Result<(), Error> {
        let mut collector = signatures.collector(place);
        let path = self.build.out.join(&self.entries[self.survivors.tasks[place].0].files[SIGNATURES].path);
        let mut document = 0;
        for batch in TableReader::open(&path, Some(&store::BAND_COLUMNS))? {
            let rows = store::bands(&batch?);
            for (exact, bands) in rows.map_err(|message| store::Error::Format { path: path.clone(), message })? {
                collector.push(document, exact, &bands)?;
                document += 1;
            }
        }
        collector.finish()
    }

    /// Takes name and evidence of the survivors of one task that are involved.
    fn take_evidence(&self, place: usize, proposed: &Proposed<'_>, store: &EvidenceStore) -> Result<(), Error> {
        let range = self.survivors.range(place);
        if !proposed.involved.has_any(range.start as u32..range.end as u32) {
            return Ok(());
        }
        let path = self.build.out.join(&self.entries[self.survivors.tasks[place].0].files[SURVIVORS].path);
        let mut writer = store.writer();
        let mut comparer = Comparer::default();
        let mut number = range.start;
        for batch in TableReader::open(&path, Some(&["text", "id", "source", "locator"]))? {
            let batch = batch?;
            let wrong = |message| store::Error::Format { path: path.clone(), message };
            let column = |name: &'static str| store::strings(&batch, name).map_err(wrong);
            let rows = column("text")?.zip(column("id")?).zip(column("source")?.zip(column("locator")?));
            for ((text, id), (source, locator)) in rows {
                let document = number as u32;
                if proposed.involved.has(document) {
                    let language = self.build.configuration.language(self.survivors.rows[number].0);
                    let boundaries = language.map(|language| language.settings.word_boundaries);
                    let evidence = match proposed.compared.has(document) {
                        true => comparer.evidence(text, shingle(self.settings, boundaries)),
                        false => Evidence::default(),
                    };
                    let [id, source, locator] = [id, source, locator].map(str::to_owned);
                    let name = Name { id, source, locator, text_bytes: text.len() as u64 };
                    writer.push(document, &name, &evidence)?;
                }
                number += 1;
            }
        }
        writer.finish()
    }
}

/// Reads back what the barrier decided.
pub(crate) fn load(out: &Path) -> Result<Removed, Error> {
    let path = out.join(PAIRS);
    let mut removed = Removed { rules: BTreeMap::new(), cluster_sizes: BTreeMap::new() };
    for batch in TableReader::open(&path, None)? {
        let pairs = store::duplicates(&batch?);
        for (gone, kept, kind) in pairs.map_err(|message| store::Error::Format { path: path.clone(), message })? {
            removed.rules.insert(gone as usize, format!("{kind}_duplicate"));
            *removed.cluster_sizes.entry(kept as usize).or_insert(1) += 1;
        }
    }
    Ok(removed)
}

/// How much of each task was removed, by language and rule.
pub(crate) fn removed_tallies(
    survivors: &Survivors,
    removed: &Removed,
) -> BTreeMap<usize, Vec<(LanguageCode, String, Tally)>> {
    let mut tallies: BTreeMap<usize, Vec<(LanguageCode, String, Tally)>> = BTreeMap::new();
    for (number, rule) in &removed.rules {
        let place = survivors.tasks.partition_point(|(_, first)| first <= number) - 1;
        // Tasks without survivors share their first number with the next task; the last of them has the document.
        let (language, size) = survivors.rows[*number];
        tallies.entry(survivors.tasks[place].0).or_default().push((language, rule.clone(), size));
    }
    tallies
}
