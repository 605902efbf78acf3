//! A build: pass 1, the barrier, pass 2, the manifest. Everything that is already in the ledger is left alone.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use document::{Digest, LanguageCode, OutcomeKey, Tallies, Tally};
use filter::Chain;
use rayon::prelude::*;
use store::{
    Composition, CutRecord, Entry, FileRecord, Finding, FolderLock, Histogram, Histograms, InputRecord, Ledger,
    Manifest, SourceRecord,
};

use crate::{
    Configuration, Error, Plan, Progress, Task, TaskState,
    cuts::{self, Cuts},
    duplicates::{self, RemovedTallies, Survivors},
    judge::{self, Judging},
    plan::{Containers, KnownDigests},
    shards,
};

/// How and where to build.
pub struct Build<'a> {
    pub configuration: &'a Configuration,
    /// The output folder; made if it is missing.
    pub out: PathBuf,
    /// Threads. The bytes that come out do not depend on it.
    pub jobs: usize,
    /// Bytes that finding duplicates may take for sorting; the rest goes to disk. The bytes that come out do not depend
    /// on it.
    pub memory: u64,
    pub progress: &'a dyn Progress,
}

/// What a build did.
pub struct Summary {
    pub manifest: Manifest,
    /// Tasks of both passes and the barrier, and how many of them had to be run.
    pub tasks: usize,
    pub tasks_run: usize,
}

/// The manifest's name in the output folder.
const MANIFEST: &str = "manifest.json";

/// Builds a corpus, or what is missing of it.
/// # Errors
/// Fails if a task fails (the others are finished and recorded first) or if nothing was kept.
pub fn build(build: &Build<'_>) -> Result<Summary, Error> {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(build.jobs).build()?;
    let _lock = lock(build, true)?;
    pool.install(|| run(build))
}

/// Runs one task of the plan: one of pass 1 by its id, or `duplicates`, or `corpus` (pass 2 and the manifest).
/// Gives how the task was found.
/// # Errors
/// Fails if there is no such task, if it needs another one first, or if it fails.
pub fn work(build: &Build<'_>, id: &str) -> Result<TaskState, Error> {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(build.jobs).build()?;
    let _lock = lock(build, id == "duplicates" || id == "corpus")?;
    pool.install(|| {
        let prepared = Prepared::new(build)?;
        if id == "duplicates" || id == "corpus" {
            let entries = prepared.finished_entries(id)?;
            let (barrier, state) = prepared.run_duplicates(&entries)?;
            if id == "duplicates" {
                return Ok(state);
            }
            let (_, shards_run, _) = prepared.run_shards(&entries, &barrier)?;
            return Ok(if shards_run == 0 { TaskState::Done } else { TaskState::Open });
        }
        let place = prepared.plan.tasks.iter().position(|task| task.id == id).ok_or_else(|| {
            let ids = prepared.plan.tasks.iter().map(|task| task.id.as_str()).chain(["duplicates", "corpus"]);
            Error::NoSuchTask { id: id.to_owned(), nearest: document::nearest(id, ids).map(str::to_owned) }
        })?;
        if prepared.ledger.find(judge::PASS, prepared.fingerprints[place])?.is_some() {
            return Ok(TaskState::Done);
        }
        prepared.run_task(place)?;
        Ok(TaskState::Open)
    })
}

/// Tasks of pass 1 may run beside each other; a build, the barrier and pass 2 replace files and run alone.
fn lock(build: &Build<'_>, alone: bool) -> Result<FolderLock, Error> {
    let waits = || build.progress.begin("wait for another build of this folder", 0);
    Ok(FolderLock::take(&build.out, alone, &waits)?)
}

impl Plan {
    /// Which tasks of pass 1 are in the ledger of an output folder, as far as that is known without reading inputs: a
    /// task whose input has not been read yet is open.
    /// # Errors
    /// Fails if the ledger cannot be read.
    pub fn states(&self, configuration: &Configuration, out: &Path) -> Result<Vec<TaskState>, Error> {
        let known = KnownDigests::load(out)?;
        let containers = Containers::new(configuration, &known);
        let ledger = Ledger::new(out);
        let state = |task: &Task| {
            let found = ledger.find(judge::PASS, crate::plan::fingerprint(configuration, task, &containers))?;
            Ok(if found.is_some() { TaskState::Done } else { TaskState::Open })
        };
        self.tasks.iter().map(state).collect()
    }

    /// Inputs with the same bytes, as far as that is known without building: files of the same size are compared.
    /// # Errors
    /// Fails if an input cannot be read.
    pub fn duplicate_inputs(&self, configuration: &Configuration) -> Result<Vec<Vec<String>>, Error> {
        let mut by_size: BTreeMap<u64, Vec<(String, &Path)>> = BTreeMap::new();
        for source in &configuration.sources {
            for input in source.inputs.iter().filter(|input| input.bytes > 0 && input.ranges.is_none()) {
                let name = format!("{}:{}", source.description.name, input.container.path);
                by_size.entry(input.bytes).or_default().push((name, &input.path));
            }
        }
        let mut groups = Vec::new();
        for files in by_size.into_values().filter(|files| files.len() > 1) {
            let mut by_digest: BTreeMap<Digest, Vec<String>> = BTreeMap::new();
            for (name, path) in files {
                by_digest.entry(store::digest_of_file(path, &mut |_| ())?).or_default().push(name);
            }
            groups.extend(by_digest.into_values().filter(|names| names.len() > 1));
        }
        Ok(groups)
    }
}

fn run(build: &Build<'_>) -> Result<Summary, Error> {
    let prepared = Prepared::new(build)?;
    let found: Result<Vec<Option<Entry>>, store::Error> =
        prepared.fingerprints.iter().map(|fingerprint| prepared.ledger.find(judge::PASS, *fingerprint)).collect();
    let mut found = found?;
    let open: Vec<usize> = (0..found.len()).filter(|task| found[*task].is_none()).collect();
    if !open.is_empty() {
        prepared.forget_manifest()?;
        let bytes = open.iter().map(|task| prepared.plan.tasks[*task].bytes).sum();
        build.progress.begin("judge", bytes);
        let results: Vec<Result<Entry, Error>> = open.par_iter().map(|task| prepared.run_task(*task)).collect();
        build.progress.end();
        let mut failed = Vec::new();
        for (task, result) in open.iter().zip(results) {
            match result {
                Ok(entry) => found[*task] = Some(entry),
                Err(error) => failed.push(format!("{}: {error}", prepared.plan.tasks[*task].id)),
            }
        }
        if !failed.is_empty() {
            return Err(Error::Tasks { failed, total: prepared.plan.tasks.len() });
        }
    }
    let entries: Vec<Entry> = found.into_iter().flatten().collect();
    nothing_kept(&entries)?;
    let (barrier, state) = prepared.run_duplicates(&entries)?;
    let (manifest, shards_run, shards) = prepared.run_shards(&entries, &barrier)?;
    let tasks_run = open.len() + usize::from(state == TaskState::Open) + shards_run;
    Ok(Summary { manifest, tasks: entries.len() + 1 + shards, tasks_run })
}

/// A build with its plan and the digests of its inputs.
struct Prepared<'a> {
    build: &'a Build<'a>,
    plan: Plan,
    order: Vec<usize>,
    containers: Containers,
    fingerprints: Vec<Digest>,
    /// One for each set of languages that a task may have.
    chains: BTreeMap<Vec<LanguageCode>, Chain>,
    ledger: Ledger,
}

impl<'a> Prepared<'a> {
    fn new(build: &'a Build<'a>) -> Result<Prepared<'a>, Error> {
        let configuration = build.configuration;
        let plan = Plan::new(configuration)?;
        let containers = Containers::new(configuration, &digest_inputs(build)?);
        let fingerprints =
            plan.tasks.iter().map(|task| crate::plan::fingerprint(configuration, task, &containers)).collect();
        let mut chains = BTreeMap::new();
        for task in &plan.tasks {
            if !chains.contains_key(&task.languages) {
                chains.insert(task.languages.clone(), configuration.chain(&task.languages)?);
            }
        }
        let order = plan.by_preference(configuration);
        Ok(Prepared { build, plan, order, containers, fingerprints, chains, ledger: Ledger::new(&build.out) })
    }

    fn run_task(&self, place: usize) -> Result<Entry, Error> {
        let task = &self.plan.tasks[place];
        let judging = Judging {
            configuration: self.build.configuration,
            containers: &self.containers,
            out: &self.build.out,
            ledger: &self.ledger,
            progress: self.build.progress,
        };
        judging.run(task, self.fingerprints[place], &self.chains[&task.languages])
    }

    /// The entries of pass 1, all of which `task` needs.
    fn finished_entries(&self, task: &str) -> Result<Vec<Entry>, Error> {
        let entry = |(place, fingerprint): (usize, &Digest)| {
            self.ledger.find(judge::PASS, *fingerprint)?.ok_or_else(|| {
                let needed = self.plan.tasks[place].id.clone();
                Error::NotReady { task: task.to_owned(), needed }
            })
        };
        self.fingerprints.iter().enumerate().map(entry).collect()
    }

    /// Without a manifest a build is unfinished, whatever else lies in the folder.
    fn forget_manifest(&self) -> Result<(), Error> {
        let path = self.build.out.join(MANIFEST);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(store::Error::Io { path, error }.into()),
            _ => Ok(()),
        }
    }

    fn run_duplicates(&self, entries: &[Entry]) -> Result<((Entry, Survivors), TaskState), Error> {
        let Build { configuration, out, progress, .. } = self.build;
        let fingerprint = duplicates::fingerprint(&configuration.duplicates, entries, &self.order);
        let survivors = Survivors::load(out, entries, &self.order)?;
        if let Some(entry) = self.ledger.find(duplicates::PASS, fingerprint)? {
            return Ok(((entry, survivors), TaskState::Done));
        }
        self.forget_manifest()?;
        // Its files have fixed names, so an entry of other inputs must not outlive them.
        self.ledger.retain(duplicates::PASS, &[])?;
        progress.begin("duplicates", 0);
        let entry = duplicates::run(self.build, entries, &survivors, fingerprint)?;
        progress.end();
        Ok(((entry, survivors), TaskState::Open))
    }

    /// Writes the shards that are not there, removes what no longer belongs to the corpus, and writes the manifest.
    /// Gives the manifest, how many shards were written, and how many there are.
    fn run_shards(&self, entries: &[Entry], barrier: &(Entry, Survivors)) -> Result<(Manifest, usize, usize), Error> {
        let Build { configuration, out, progress, .. } = self.build;
        let (barrier, survivors) = barrier;
        let removed = duplicates::load(out)?;
        let guard = duplicates::findings(self.build, &self.plan, survivors, &removed)?;
        if !guard.is_empty() && configuration.duplicates.as_ref().is_some_and(|settings| settings.guard.stop) {
            return Err(Error::Guard { findings: guard });
        }
        let cut = shards::cut(configuration, out, entries, barrier, survivors, &removed)?;
        let fingerprints: Vec<Digest> =
            cut.iter().map(|shard| shards::fingerprint(configuration, shard, entries)).collect();
        self.ledger.retain(shards::PASS, &fingerprints)?;
        let found: Result<Vec<Option<Entry>>, store::Error> =
            fingerprints.iter().map(|fingerprint| self.ledger.find(shards::PASS, *fingerprint)).collect();
        let found = found?;
        let open = found.iter().filter(|entry| entry.is_none()).count();
        if open > 0 {
            self.forget_manifest()?;
            progress.begin(
                "shards",
                cut.iter().zip(&found).filter(|(_, found)| found.is_none()).map(|(cut, _)| cut.bytes).sum(),
            );
        }
        let shard_entries: Result<Vec<Entry>, Error> = (0..cut.len())
            .into_par_iter()
            .map(|number| match &found[number] {
                Some(entry) => Ok(entry.clone()),
                None => {
                    let shard = &cut[number];
                    let decided = (survivors, &removed);
                    let entry = shards::run(configuration, out, shard, entries, decided, fingerprints[number])?;
                    progress.advance(shard.bytes, shard.documents, shard.documents);
                    Ok(entry)
                }
            })
            .collect();
        let shard_entries = shard_entries?;
        if open > 0 {
            progress.end();
        }
        let files = self.place_files(entries, barrier, &shard_entries)?;
        let removed = duplicates::removed_tallies(out, entries, survivors, &removed)?;
        let manifest = self.manifest(entries, barrier, &removed, guard, files)?;
        store::write_json(&out.join(MANIFEST), &manifest)?;
        Ok((manifest, open, cut.len()))
    }

    /// Gives the rejected tables their names, and removes every file that this build did not ask for.
    fn place_files(&self, entries: &[Entry], barrier: &Entry, shards: &[Entry]) -> Result<Vec<FileRecord>, Error> {
        let out = &self.build.out;
        let mut files: Vec<FileRecord> = shards.iter().flat_map(|entry| entry.files.clone()).collect();
        let (of_work, of_barrier): (Vec<_>, Vec<_>) =
            barrier.files.iter().cloned().partition(|file| file.path.starts_with(cuts::FOLDER));
        files.extend(of_barrier);
        for entry in entries {
            let of_task = &entry.files[judge::REJECTED];
            let path = format!("rejected/{}.parquet", entry.task);
            store::place(&out.join(&of_task.path), &out.join(&path))?;
            files.push(FileRecord { path, ..of_task.clone() });
        }
        files.sort_by(|a, b| a.path.cmp(&b.path));
        let below = |folder: &str, paths: &mut dyn Iterator<Item = &String>| -> Vec<String> {
            paths.filter_map(|path| path.strip_prefix(folder).map(str::to_owned)).collect()
        };
        for folder in ["corpus/", "rejected/", "duplicates/", "refused/", "boilerplate/"] {
            store::remove_others(&out.join(folder), &below(folder, &mut files.iter().map(|file| &file.path)))?;
        }
        let work = entries.iter().flat_map(|entry| entry.files.iter().map(|file| &file.path));
        let mut work = work.chain(of_work.iter().map(|file| &file.path));
        store::remove_others(&out.join("work"), &below("work/", &mut work))?;
        self.ledger.retain(judge::PASS, &self.fingerprints)?;
        store::remove_temporary(out)?;
        store::remove_temporary(&out.join("ledger"))?;
        Ok(files)
    }

    fn manifest(
        &self,
        entries: &[Entry],
        barrier: &Entry,
        removed: &RemovedTallies,
        guard: Vec<Finding>,
        files: Vec<FileRecord>,
    ) -> Result<Manifest, Error> {
        let configuration = self.build.configuration;
        let mut sources: Vec<SourceRecord> = Vec::new();
        let mut inputs = Vec::new();
        let mut boilerplate = Vec::new();
        let mut histograms = Histograms::default();
        for (number, source) in configuration.sources.iter().enumerate() {
            let description = &source.description;
            let mut outcomes = Tallies::default();
            let mut lost: BTreeMap<LanguageCode, Tally> = BTreeMap::new();
            for (place, entry) in
                entries.iter().enumerate().filter(|(place, _)| self.plan.tasks[*place].source == number)
            {
                outcomes.merge(&entry.tallies);
                histograms.merge(&entry.histograms);
                for ((language, kind), size) in removed.get(&place).into_iter().flatten() {
                    outcomes.reject_kept(*language, duplicates::STAGE, kind.rule(), *size);
                }
                let out = &self.build.out;
                for (language, size) in Cuts::load(out, barrier, place)?.lost(out, entry)? {
                    outcomes.cut_kept(language, size);
                    *lost.entry(language).or_default() += size;
                }
            }
            let record = |(language, size)| CutRecord { source: description.name.clone(), language, size };
            boilerplate.extend(lost.into_iter().map(record));
            sources.push(SourceRecord {
                source: description.name.clone(),
                kind: description.kind,
                licence: description.licence.clone(),
                licence_evidence: description.licence_evidence.clone(),
                outcomes,
            });
            for (place, input) in source.inputs.iter().enumerate() {
                let container = self.containers.get(number, place);
                inputs.push(InputRecord {
                    source: description.name.clone(),
                    path: container.path.clone(),
                    bytes: input.bytes,
                    digest: container.digest.unwrap_or(Digest(0)),
                });
            }
        }
        histograms.merge(&barrier.histograms);
        Ok(Manifest {
            program: concat!("medcorpus ", env!("CARGO_PKG_VERSION")).to_owned(),
            pipeline: configuration.resolved.clone(),
            filters: configuration.languages.iter().map(|language| (language.code, language.digest)).collect(),
            inputs,
            tokenizer: configuration.tokenizer.clone(),
            composition: composition(&sources),
            sources,
            histogram_edges: Histogram::edges().to_vec(),
            histograms,
            boilerplate,
            guard,
            files,
        })
    }
}

/// What was kept, by language and kind of source.
fn composition(sources: &[SourceRecord]) -> Vec<Composition> {
    let mut cells = BTreeMap::new();
    for source in sources {
        for (language, outcome, size) in source.outcomes.cells() {
            if *outcome == OutcomeKey::Kept && size.documents > 0 {
                *cells.entry((language, source.kind)).or_insert_with(Default::default) += size;
            }
        }
    }
    cells.into_iter().map(|((language, kind), size)| Composition { language, kind, size }).collect()
}

/// The digests of all inputs, and how the books among them look; those that look unchanged are not read again.
fn digest_inputs(build: &Build<'_>) -> Result<KnownDigests, Error> {
    let mut known = KnownDigests::load(&build.out)?;
    let inputs: Vec<&source::Input> = build.configuration.sources.iter().flat_map(|source| &source.inputs).collect();
    let unread: Vec<&source::Input> = inputs.iter().copied().filter(|input| known.get(input).is_none()).collect();
    if !unread.is_empty() {
        build.progress.begin("digest inputs", unread.iter().map(|input| input.bytes).sum());
        let digest = |input: &&source::Input| {
            let mut progress = |bytes| build.progress.advance(bytes, 0, 0);
            match &input.ranges {
                Some(ranges) => store::digest_of_ranges(&input.path, ranges, &mut progress),
                None => store::digest_of_file(&input.path, &mut progress),
            }
        };
        let digests: Result<Vec<Digest>, store::Error> = unread.par_iter().map(digest).collect();
        build.progress.end();
        for (input, digest) in unread.iter().zip(digests?) {
            known.insert(input, digest);
        }
        known.save(&build.out)?;
    }
    let Some(reader) = &build.configuration.books else { return Ok(known) };
    let books = inputs.iter().copied().filter(|input| input.format == source::Format::Book);
    let unseen: Vec<&source::Input> = books.filter(|input| known.sampled(input).is_none()).collect();
    if !unseen.is_empty() {
        build.progress.begin("look at books", unseen.iter().map(|input| input.bytes).sum());
        let look = |pool: &mut extract::book::Pool, input: &&source::Input| {
            let sampled = reader.sampled(pool, &input.path);
            build.progress.advance(input.bytes, 0, 0);
            sampled
        };
        let sampled: Result<Vec<Option<Digest>>, Error> = unseen.par_iter().map_init(|| reader.pool(1), look).collect();
        build.progress.end();
        for (input, sampled) in unseen.iter().zip(sampled?) {
            known.insert_sampled(input, sampled);
        }
        known.save(&build.out)?;
    }
    Ok(known)
}

/// Says why, where nothing was kept.
fn nothing_kept(entries: &[Entry]) -> Result<(), Error> {
    let mut all = Tallies::default();
    entries.iter().for_each(|entry| all.merge(&entry.tallies));
    if all.kept().documents > 0 {
        return Ok(());
    }
    let mut reasons: BTreeMap<String, u64> = BTreeMap::new();
    for (_, outcome, size) in all.cells() {
        *reasons.entry(outcome.to_string()).or_default() += size.documents;
    }
    let mut reasons: Vec<(String, u64)> = reasons.into_iter().collect();
    reasons.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    let reasons: Vec<String> = reasons.iter().take(5).map(|(reason, count)| format!("{count} {reason}")).collect();
    Err(Error::NothingKept { read: all.read().documents, reasons: reasons.join(", ") })
}
