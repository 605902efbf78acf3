//! The barrier: which survivors repeat which. Writes `duplicates/`, `refused/` and `rejected/duplicates.parquet`.

use std::{collections::BTreeMap, path::Path};

use dedup::{Comparer, DuplicateKind, Evidence, Refusal, Removal, UrlRule};
use document::{Digest, LanguageCode, Tally};
use rayon::prelude::*;
use store::{Entry, Finding, Histograms, Ledger, Rows, Table, TableReader, TableWriter};

use crate::{
    Build, Error, cuts,
    fingerprint::Fingerprint,
    guard::{self, ClusterShape, Losses},
    judge::{SIGNATURES, SURVIVORS, shingle},
    matching::{self, EvidenceStore, Name, Proposed, Signatures, Signs, Space},
    preference::{Order, Preferences, Traits},
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
    /// The languages that occur, and of each survivor which of them it has: two bytes are all that is held of it.
    codes: Vec<LanguageCode>,
    languages: Vec<u16>,
    /// By place in the order of preference: the task's number in the plan, and the number of its first survivor.
    pub tasks: Vec<(usize, usize)>,
}

impl Survivors {
    /// Loads what is needed of the survivors of all tasks. `entries` is in the order of the plan, `order` the order of
    /// preference.
    pub fn load(out: &Path, entries: &[Entry], order: &[usize]) -> Result<Survivors, Error> {
        let mut survivors = Survivors { codes: Vec::new(), languages: Vec::new(), tasks: Vec::new() };
        for task in order {
            survivors.tasks.push((*task, survivors.languages.len()));
            let Survivors { codes, languages, .. } = &mut survivors;
            each_size(out, &entries[*task], &mut |language, _| {
                let place = codes.iter().position(|code| *code == language).unwrap_or_else(|| {
                    codes.push(language);
                    codes.len() - 1
                });
                languages.push(place as u16);
            })?;
        }
        Ok(survivors)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.languages.len()
    }

    pub fn language(&self, number: usize) -> LanguageCode {
        self.codes[usize::from(self.languages[number])]
    }

    /// The numbers of the survivors of the task at this place in the order of preference.
    pub fn range(&self, place: usize) -> std::ops::Range<usize> {
        let end = self.tasks.get(place + 1).map_or(self.len(), |(_, first)| *first);
        self.tasks[place].1..end
    }
}

/// Visits language and size of a task's survivors.
pub(crate) fn each_size(out: &Path, entry: &Entry, visit: &mut dyn FnMut(LanguageCode, Tally)) -> Result<(), Error> {
    let path = out.join(&entry.files[SIGNATURES].path);
    for batch in TableReader::open(&path, Some(&store::SIZE_COLUMNS))? {
        let rows = store::sizes(&batch?).map_err(|message| store::Error::Format { path: path.clone(), message })?;
        rows.into_iter().for_each(|(language, size)| visit(language, size));
    }
    Ok(())
}

/// What the barrier decided, by number of the document and ascending.
#[derive(Default)]
pub(crate) struct Removed {
    /// The documents that go, and how they repeat another.
    pub documents: Vec<(u32, DuplicateKind)>,
    /// Kept documents that stand for more than themselves.
    pub clusters: Vec<ClusterShape>,
}

impl Removed {
    /// The removed documents among these.
    pub fn within(&self, numbers: std::ops::Range<usize>) -> &[(u32, DuplicateKind)] {
        let place = |number: usize| self.documents.partition_point(|(document, _)| (*document as usize) < number);
        &self.documents[place(numbers.start)..place(numbers.end)]
    }

    pub fn has(&self, number: usize) -> bool {
        self.documents.binary_search_by_key(&(number as u32), |(document, _)| *document).is_ok()
    }

    /// Documents that a kept one stands for, itself included.
    pub fn cluster_size(&self, number: usize) -> u64 {
        let found = self.clusters.binary_search_by_key(&(number as u32), |cluster| cluster.kept);
        found.map_or(1, |place| self.clusters[place].documents)
    }
}

/// The fingerprint of the barrier.
pub(crate) fn fingerprint(settings: &Option<dedup::Settings>, entries: &[Entry], order: &[usize]) -> Digest {
    // The guard judges what was decided, and decides nothing.
    let settings = settings.as_ref().map(|settings| dedup::Settings { guard: Default::default(), ..settings.clone() });
    let mut fingerprint = Fingerprint::of(PASS).with_json(&settings);
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
    let mut more = Vec::new();
    if let Some(settings) = &build.configuration.duplicates {
        let space = Space::new(&out.join("work/scratch"), build.memory, build.jobs)?;
        let barrier = Barrier { build, settings, entries, survivors };
        let (order, gone) = barrier.decide(&space, &mut refused, &mut |removal, store| {
            let name = |document: u32| Ok::<_, Error>(store.name(document)?.in_tables(document));
            let (gone, kept) = (name(removal.removed)?, name(removal.kept)?);
            let reason = document::Reason {
                stage: STAGE,
                rule: removal.kind.rule(),
                value: removal.similarity,
                limit: settings.min_similarity,
            };
            let language = survivors.language(removal.removed as usize);
            histograms.add(language, &reason);
            store::push_duplicate(&mut pairs.rows, &gone, &kept, removal.similarity, removal.kind.as_str());
            store::push_duplicate_as_rejected(&mut rejected.rows, &gone, &kept, language, &reason);
            pairs.write_full()?;
            rejected.write_full()
        })?;
        if let Some(rule) = &settings.boilerplate {
            more = cuts::run(build, rule, entries, survivors, (&gone, &order), &space)?;
        }
        space.remove()?;
    }
    let mut files = Vec::new();
    for mut output in [pairs, refused, rejected] {
        output.writer.write(&output.rows.take())?;
        files.push(output.writer.finish(output.name.to_owned())?);
    }
    files.append(&mut more);
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
    /// Gives the order of preference and the documents that go, ascending.
    fn decide(
        &self,
        space: &Space,
        refused: &mut Output,
        removed: &mut dyn FnMut(&Removal, &EvidenceStore) -> Result<(), Error>,
    ) -> Result<(Order, Vec<u32>), Error> {
        let places = 0..self.survivors.tasks.len();
        let all = self.survivors.len();
        let documents = u32::try_from(all).map_err(|_| Error::TooManyDocuments { documents: all as u64 })?;
        let budget = space.budget();
        let signatures = Signatures::new(space, &budget)?;
        let preferences = Preferences::new(self.settings, space)?;
        places.clone().into_par_iter().try_for_each(|place| self.collect(place, &signatures, &preferences))?;
        let starts: Vec<u32> = self.survivors.tasks.iter().map(|(_, first)| *first as u32).collect();
        let order = preferences.order(&starts, documents)?;
        drop(preferences);
        let mut proposed = signatures.propose(&starts, documents, order)?;
        let mut store = EvidenceStore::new(space)?;
        places.into_par_iter().try_for_each(|place| self.take_evidence(place, &proposed, &store))?;
        store.sort();
        let mut refuse = |refusal: Refusal| {
            let name = |document: u32| Ok::<_, Error>(store.name(document)?.in_tables(document));
            let (document, kept) = (name(refusal.document)?, name(refusal.kept)?);
            store::push_refused(&mut refused.rows, &document, &kept, refusal.similarity, refusal.reason.as_str());
            refused.write_full()
        };
        let removals = matching::decide(self.settings, &mut proposed, &store, &mut refuse)?;
        removals.iter().try_for_each(|removal| removed(removal, &store))?;
        Ok((proposed.into_order(), removals.iter().map(|removal| removal.removed).collect()))
    }

    /// Collects the signatures of the task at this place in the order of preference.
    fn collect(&self, place: usize, signatures: &Signatures<'_>, preferences: &Preferences<'_>) -> Result<(), Error> {
        let dedup::Settings { exact, url, near, .. } = *self.settings;
        let mut collector = signatures.collector(place);
        let entry = &self.entries[self.survivors.tasks[place].0];
        let path = self.build.out.join(&entry.files[SIGNATURES].path);
        let mut document = 0;
        for batch in TableReader::open(&path, Some(&store::BAND_COLUMNS))? {
            let rows = store::bands(&batch?);
            for (digest, bands) in rows.map_err(|message| store::Error::Format { path: path.clone(), message })? {
                let bands = if near { &bands[..] } else { &[] };
                collector.push(document, Signs { exact: exact.then_some(digest), url: None, bands })?;
                document += 1;
            }
        }
        if url != UrlRule::Off || preferences.are_ruled() {
            let mut keys = preferences.collector(place);
            let path = self.build.out.join(&entry.files[SURVIVORS].path);
            let mut document = 0;
            let mut sizes = Vec::new();
            if preferences.are_ruled() {
                each_size(&self.build.out, entry, &mut |_, size| sizes.push(size.bytes))?;
            }
            for batch in TableReader::open(&path, Some(&["id", "url", "source", "licence"]))? {
                let batch = batch?;
                let wrong = |message| store::Error::Format { path: path.clone(), message };
                let column = |name: &'static str| store::strings(&batch, name).map_err(wrong);
                let rows = column("id")?.zip(column("url")?).zip(column("source")?.zip(column("licence")?));
                for ((id, address), (source, licence)) in rows {
                    if url != UrlRule::Off {
                        let digest = dedup::canonical_url(address).map(|url| Digest::of(url.as_bytes()));
                        collector.push(document, Signs { url: digest, ..Signs::default() })?;
                    }
                    let text_bytes = sizes.get(document as usize).copied().unwrap_or(0);
                    let source_rank = self.rank(source);
                    keys.push(document, &Traits { source_rank, licence, text_bytes, id })?;
                    document += 1;
                }
            }
            keys.finish()?;
        }
        collector.finish()
    }

    fn rank(&self, source: &str) -> u32 {
        let sources = &self.build.configuration.sources;
        let found = sources.iter().find(|of_build| of_build.description.name == source);
        found.map_or(u32::MAX, |found| found.description.rank)
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
                    let language = self.build.configuration.language(self.survivors.language(number));
                    let boundaries = language.map(|language| language.settings.word_boundaries);
                    let evidence = match proposed.compared.has(document) {
                        true => comparer.evidence(text, shingle(self.settings, boundaries)),
                        false => Evidence::default(),
                    };
                    let [id, source, locator] = [id, source, locator].map(str::to_owned);
                    let (language, text_bytes) = (self.survivors.language(number), text.len() as u64);
                    let name = Name { id, source, locator, language, text_bytes };
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
    let mut removed = Removed::default();
    let mut sources: Vec<String> = Vec::new();
    let mut members = Vec::new();
    for batch in TableReader::open(&path, None)? {
        let wrong = |message: String| store::Error::Format { path: path.clone(), message };
        for pair in store::duplicates(&batch?).map_err(wrong)? {
            let unknown = || wrong(format!("there is no kind {:?} of duplicates", pair.kind));
            removed.documents.push((pair.removed as u32, DuplicateKind::parse(&pair.kind).ok_or_else(unknown)?));
            for source in [pair.removed_source, pair.kept_source] {
                if !sources.contains(&source) {
                    sources.push(source.clone());
                }
                members.push((pair.kept as u32, sources.iter().position(|it| *it == source).unwrap_or(0) as u32));
            }
        }
    }
    // The kept document's source stands beside each of its pairs, and is to be counted once.
    members.sort_unstable();
    let shape = |same: &[(u32, u32)]| ClusterShape {
        kept: same[0].0,
        documents: same.len() as u64 / 2 + 1,
        sources: same.chunk_by(|a, b| a.1 == b.1).count() as u64,
    };
    removed.clusters = members.chunk_by(|a, b| a.0 == b.0).map(shape).collect();
    Ok(removed)
}

/// What the guard finds in what the barrier decided.
pub(crate) fn findings(
    build: &Build<'_>,
    plan: &crate::Plan,
    survivors: &Survivors,
    removed: &Removed,
) -> Result<Vec<Finding>, Error> {
    let Some(settings) = &build.configuration.duplicates else { return Ok(Vec::new()) };
    let mut losses = Losses::new();
    for (place, (task, _)) in survivors.tasks.iter().enumerate() {
        let source = &build.configuration.sources[plan.tasks[*task].source].description.name;
        let mut of_task: BTreeMap<LanguageCode, guard::Loss> = BTreeMap::new();
        let range = survivors.range(place);
        for number in range.clone() {
            of_task.entry(survivors.language(number)).or_default().read += 1;
        }
        for (number, _) in removed.within(range) {
            of_task.entry(survivors.language(*number as usize)).or_default().removed += 1;
        }
        for (language, loss) in of_task {
            let all = losses.entry((source.clone(), language)).or_default();
            (all.read, all.removed) = (all.read + loss.read, all.removed + loss.removed);
        }
    }
    guard::findings(&settings.guard, &losses, &removed.clusters, |kept| kept_id(&build.out, kept))
}

/// The id of a kept document, from the table of pairs.
fn kept_id(out: &Path, kept: u32) -> Result<String, Error> {
    let path = out.join(PAIRS);
    for batch in TableReader::open(&path, None)? {
        let wrong = |message: String| store::Error::Format { path: path.clone(), message };
        let pairs = store::duplicates(&batch?).map_err(wrong)?;
        if let Some(pair) = pairs.into_iter().find(|pair| pair.kept == u64::from(kept)) {
            return Ok(pair.kept_id);
        }
    }
    Ok(kept.to_string())
}

/// By task of the plan, language and kind: what was removed.
pub(crate) type RemovedTallies = BTreeMap<usize, BTreeMap<(LanguageCode, DuplicateKind), Tally>>;

/// How much of each task was removed, by language and kind.
pub(crate) fn removed_tallies(
    out: &Path,
    entries: &[Entry],
    survivors: &Survivors,
    removed: &Removed,
) -> Result<RemovedTallies, Error> {
    let mut tallies = BTreeMap::new();
    for (place, (task, first)) in survivors.tasks.iter().enumerate() {
        let gone = removed.within(survivors.range(place));
        if gone.is_empty() {
            continue;
        }
        let mut gone = gone.iter().peekable();
        let mut number = *first as u32;
        let mut of_task: BTreeMap<(LanguageCode, DuplicateKind), Tally> = BTreeMap::new();
        each_size(out, &entries[*task], &mut |language, size| {
            if let Some((_, kind)) = gone.next_if(|(document, _)| *document == number) {
                *of_task.entry((language, *kind)).or_default() += size;
            }
            number += 1;
        })?;
        tallies.insert(*task, of_task);
    }
    Ok(tallies)
}
