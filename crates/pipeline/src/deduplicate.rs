//! `dedup`: removes the duplicates of anybody's files, without a pipeline.
//!
//! The files are read three times: to sign all texts, to take the evidence of those that share a band, and to copy the rows
//! that stay. Only what is needed to tell who repeats whom is held or put on disk in between, so that `memory` is kept.
//!
//! Documents are preferred in the order of the inputs, then of the paths, then of the rows. Every byte that comes out
//! depends on the inputs and settings alone.
//!
//! ```text
//! OUT/survivors/…             the rows that stay, in files of the same names and forms
//! OUT/duplicates/part-00000   who repeats whom: parquet and JSON lines
//! OUT/refused/part-00000      pairs that were compared and are no duplicates: parquet and JSON lines
//! OUT/failed.jsonl            records that could not be read
//! OUT/dedup.json              settings and counts; written last
//! ```

use std::{
    cmp::Reverse,
    collections::BTreeMap,
    ops::Range,
    path::{Path, PathBuf},
    sync::Arc,
};

use dedup::{Comparer, Evidence, Refusal, RefusalReason, Removal, Settings, Shingle, Signer, UrlRule};
use document::{Container, DataFileError, Digest, Document, Fault, FaultKind, LanguageCode, Place};
use filter::keywords::WordBoundaries;
use memchr::memmem;
use rayon::prelude::*;
use serde::Serialize;
use source::{Description, Format, Input, Split};
use store::{Copied, FileRecord, Finding, FolderLock, LinesWriter, Rows, Table, TableWriter};

use crate::{
    Error, Progress,
    fingerprint::Fingerprint,
    guard::{self, ClusterShape, Losses},
    matching::{self, Bits, EvidenceStore, Name, Proposed, Signatures, Signs, Space},
    preference::{Preferences, Traits},
    signature_index::{self, SignedDocument},
};

/// What to deduplicate, and how.
pub struct Deduplication<'a> {
    /// Files or folders of parquet or JSON lines; of two duplicates that of the earlier one stays.
    pub inputs: Vec<PathBuf>,
    /// The output folder; made if it is missing.
    pub out: PathBuf,
    pub settings: Settings,
    /// Whether blanks part words. Where that is unknown, the script of each text tells.
    pub parted: Option<bool>,
    /// Where signatures are kept for later runs, if anywhere: inputs that are in it need not be signed again.
    pub index: Option<PathBuf>,
    /// Bytes to stay within, besides what the program needs anyway (some 100 MB).
    pub memory: u64,
    /// Threads. The bytes that come out do not depend on it.
    pub jobs: usize,
    pub progress: &'a dyn Progress,
}

/// What came of it: `dedup.json`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Deduplicated {
    /// Name and version of the program.
    pub program: String,
    pub settings: Settings,
    /// Read = kept + removed + failed.
    pub read: Count,
    pub kept: Count,
    /// By kind: exact, url, near and template. Steps that were left out are not in it.
    pub removed: BTreeMap<&'static str, Count>,
    /// Records that could not be read; `failed.jsonl` lists them, at most a thousand of each part of a file.
    pub failed: u64,
    /// Pairs that shared a band and were refused, and how many of these as templates.
    pub refused_pairs: u64,
    pub template_pairs: u64,
    /// Documents of the largest clusters: the kept one and how many it stands for.
    pub largest_clusters: Vec<Cluster>,
    /// What the guard against wiping out found.
    pub guard: Vec<Finding>,
    pub files: Vec<FileRecord>,
}

/// So many documents, and the bytes of their texts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Count {
    pub documents: u64,
    pub text_bytes: u64,
}

/// A kept document that stands for others.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Cluster {
    pub kept: String,
    pub documents: u64,
}

/// The summary's name in the output folder.
const SUMMARY: &str = "dedup.json";

/// Bytes of input of a task, about. Small files share one; only one task's texts are in memory for each job.
const TASK_BYTES: u64 = 32 << 20;

/// Failed records of a task that are listed; all are counted.
const FAULTS_LISTED: usize = 1000;

/// Clusters that the summary names.
const LARGEST: usize = 10;

/// Removes the duplicates of files.
/// # Errors
/// Fails if an input is missing or of another format, lies in the output folder or the other way round, or cannot be read
/// at all; or if the output cannot be written.
pub fn deduplicate(job: &Deduplication<'_>) -> Result<Deduplicated, Error> {
    let files = find_files(job)?;
    let pool = rayon::ThreadPoolBuilder::new().num_threads(job.jobs).build()?;
    let waits = || job.progress.begin("wait for another run in this folder", 0);
    let _lock = FolderLock::take(&job.out, true, &waits)?;
    // Without its summary a run is unfinished, whatever else lies in the folder.
    let summary = job.out.join(SUMMARY);
    match std::fs::remove_file(&summary) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(Error::scratch(&summary)(error)),
        _ => {}
    }
    let space = Space::new(&job.out.join("scratch"), job.memory, job.jobs)?;
    let result: Result<Deduplicated, Error> = pool.install(|| {
        // Rows that cannot be copied are only known once they are copied. They are then failed ones, and all is decided
        // again, since others may have gone in favour of them.
        let mut lost = BTreeMap::new();
        loop {
            let run = Run { job, files: &files, space: &space, lost: &lost };
            match run.run()? {
                Outcome::Done(done) => return Ok(*done),
                Outcome::Damaged(damaged) => {
                    for (file, rows, message) in damaged {
                        lost.entry(file).or_insert_with(Vec::new).push((rows, message));
                    }
                }
            }
        }
    });
    space.remove()?;
    let deduplicated = result?;
    store::write_json(&summary, &deduplicated)?;
    Ok(deduplicated)
}

/// The path without links, also where its last parts are not there yet.
fn real_path(path: &Path) -> PathBuf {
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let real = |ancestor: &Path| Some(ancestor.canonicalize().ok()?.join(absolute.strip_prefix(ancestor).ok()?));
    absolute.ancestors().find_map(real).unwrap_or_else(|| absolute.clone())
}

/// Whether blanks part the words of a language, where it has a folder below `filters`.
/// # Errors
/// Fails with everything that is wrong in the folder.
pub fn words_are_parted(filters: &Path, code: LanguageCode) -> Result<Option<bool>, Error> {
    if !filters.join(code.as_str()).is_dir() {
        return Ok(None);
    }
    let language = filter::load_language(filters, code, |_| ())?;
    Ok(Some(language.settings.word_boundaries != WordBoundaries::None))
}

/// One input file, and the name that its survivors get below `survivors/`.
struct InputFile {
    input: Input,
    container: Arc<Container>,
    name: String,
    splits: Vec<Split>,
    /// Which of the inputs that were named it belongs to.
    root: u32,
}

fn find_files(job: &Deduplication<'_>) -> Result<Vec<InputFile>, Error> {
    let whole = |path: &Path, message: String| Error::from(DataFileError::whole(path.display().to_string(), message));
    let out = real_path(&job.out);
    let mut files: Vec<InputFile> = Vec::new();
    let mut roots: Vec<String> = Vec::new();
    for (number, path) in job.inputs.iter().enumerate() {
        if !path.exists() {
            return Err(whole(path, "there is no such file or folder".to_owned()));
        }
        let root = real_path(path);
        if root.starts_with(&out) || out.starts_with(&root) {
            let message = format!("and --out {} lie in each other; name another folder", job.out.display());
            return Err(whole(path, message));
        }
        let description = Description::anonymous(path);
        // Where there are several inputs, each has a folder of its own, so that equal names do not meet.
        let mut folder = String::new();
        if job.inputs.len() > 1 {
            let same = roots.iter().filter(|other| **other == description.name).count();
            roots.push(description.name.clone());
            folder = match same {
                0 => format!("{}/", description.name),
                same => format!("{}-{}/", description.name, same + 1),
            };
        }
        for input in source::inputs(&description, path)? {
            if !matches!(input.format, Format::Parquet | Format::JsonLines) {
                let message = format!(
                    "is {}, and dedup copies rows of parquet and JSON lines; for other formats, build a corpus",
                    input.format.as_str()
                );
                return Err(whole(&input.path, message));
            }
            let splits = source::splits(&input, TASK_BYTES)?;
            let container = Arc::new(input.container.clone());
            let name = format!("{folder}{}", container.path);
            files.push(InputFile { input, container, name, splits, root: number as u32 });
        }
    }
    Ok(files)
}

struct Run<'a> {
    job: &'a Deduplication<'a>,
    files: &'a [InputFile],
    space: &'a Space,
    lost: &'a Lost,
}

/// By file: rows that cannot be copied, and why.
type Lost = BTreeMap<usize, Vec<(Range<u64>, String)>>;

/// What came of a run.
enum Outcome {
    Done(Box<Deduplicated>),
    /// Rows of files that turned out not to be copyable.
    Damaged(Vec<(usize, Range<u64>, String)>),
}

/// Consecutive parts of files: file and split.
type Task = Vec<(usize, usize)>;

/// What the records of a part are handed to.
type Take<'t> = &'t mut dyn FnMut(Result<Document<'_>, Fault>) -> Result<(), Error>;

/// What signing a task found.
#[derive(Default)]
struct Signed {
    /// Records of each of its parts, failed ones included.
    records: Vec<u32>,
    text_bytes: u64,
    failed: Vec<u32>,
    faults: Vec<Fault>,
    /// Documents by language.
    read_of: BTreeMap<LanguageCode, u64>,
}

impl Run<'_> {
    fn run(&self) -> Result<Outcome, Error> {
        let tasks = self.tasks();
        let bytes: u64 = self.files.iter().map(|file| file.input.bytes).sum();
        let budget = self.space.budget();

        let signatures = Signatures::new(self.space, &budget)?;
        let preferences = Preferences::new(&self.job.settings, self.space)?;
        let sign = |number: usize, task: &Task| self.sign(number, task, &signatures, &preferences);
        let signed = self.step("sign", bytes, &tasks, &sign)?;
        let starts = starts(&signed)?;
        let documents = *starts.last().unwrap_or(&0);
        let mut failed = Bits::new(documents);
        for (start, signed) in starts.iter().zip(&signed) {
            signed.failed.iter().for_each(|number| failed.set(start + number));
        }

        self.job.progress.begin("propose pairs", 0);
        let order = preferences.order(&starts, documents)?;
        drop(preferences);
        let mut proposed = signatures.propose(&starts, documents, order)?;
        self.job.progress.end();

        let mut store = EvidenceStore::new(self.space)?;
        let take = |number: usize, task: &Task| self.take_evidence(starts[number], task, &proposed, &store);
        let concerned: Vec<bool> =
            (0..tasks.len()).map(|task| proposed.involved.has_any(starts[task]..starts[task + 1])).collect();
        self.step("take evidence", bytes, &tasks, &|number, task| {
            if concerned[number] { take(number, task) } else { Ok(()) }
        })?;
        store.sort();

        let ranges = self.ranges(&tasks, &starts, &signed);
        self.job.progress.begin("compare", 0);
        let mut refused = Pairs::create(&self.job.out, "refused", Table::Refused)?;
        let mut template_pairs = 0;
        let removals = matching::decide(&self.job.settings, &mut proposed, &store, &mut |refusal| {
            template_pairs += u64::from(refusal.reason == RefusalReason::Template);
            write_refused(&refusal, &store, &mut refused)
        })?;
        let mut duplicates = Pairs::create(&self.job.out, "duplicates", Table::Duplicates)?;
        let mut removed: BTreeMap<&'static str, Count> = self.steps().map(|step| (step, Count::default())).collect();
        let mut losses = Losses::new();
        for (task, signed) in tasks.iter().zip(&signed) {
            let source = &self.files[task[0].0].container.source;
            for (language, read) in &signed.read_of {
                losses.entry((source.clone(), *language)).or_default().read += read;
            }
        }
        for removal in &removals {
            let gone = write_removal(removal, &store, &mut duplicates)?;
            removed.entry(removal.kind.as_str()).or_default().add(gone.text_bytes);
            losses.entry((gone.source, gone.language)).or_default().removed += 1;
        }
        let shapes = self.cluster_shapes(&removals, &ranges);
        let sizes: Vec<(u32, u32)> = shapes.iter().map(|shape| (shape.kept, shape.documents as u32)).collect();
        let largest_clusters = largest_clusters(&shapes, &store)?;
        let name = |kept: u32| store.name(kept).map(|name| name.id);
        let guard = guard::findings(&self.job.settings.guard, &losses, &shapes, name)?;
        drop(shapes);
        let refused_pairs = refused.written;
        let mut files = refused.finish()?;
        files.extend(duplicates.finish()?);
        drop((proposed, store));
        self.job.progress.end();
        if self.job.settings.guard.stop && !guard.is_empty() {
            return Err(Error::Guard { findings: guard });
        }

        let mut lines = LinesWriter::create(&self.job.out.join("failed.jsonl"))?;
        signed.iter().flat_map(|signed| &signed.faults).try_for_each(|fault| lines.write_json(fault))?;
        files.push(lines.finish("failed.jsonl".to_owned())?);
        let gone = Gone { removals: &removals, failed: &failed, sizes: &sizes };
        let copied = self.step("copy survivors", bytes, &ranges, &|number, range| self.copy(number, range, &gone))?;
        let mut damaged = Vec::new();
        for (number, copied) in copied.into_iter().enumerate() {
            match copied {
                Some(Copied::File(file)) => files.push(file),
                Some(Copied::Damaged(of_file)) => {
                    damaged.extend(of_file.into_iter().map(|(rows, message)| (number, rows, message)));
                }
                None => {}
            }
        }
        if !damaged.is_empty() {
            return Ok(Outcome::Damaged(damaged));
        }
        files.sort_by(|a, b| a.path.cmp(&b.path));
        for folder in ["survivors/", "duplicates/", "refused/"] {
            let own = files.iter().filter_map(|file| file.path.strip_prefix(folder).map(str::to_owned));
            store::remove_others(&self.job.out.join(folder), &own.collect::<Vec<_>>())?;
        }

        let failed: u64 = signed.iter().map(|signed| signed.failed.len() as u64).sum();
        let text_bytes = signed.iter().map(|signed| signed.text_bytes).sum();
        let read = Count { documents: u64::from(documents), text_bytes };
        let kept = files.iter().filter(|file| file.path.starts_with("survivors/")).map(|file| file.rows).sum();
        let gone: Count = removed.values().copied().fold(Count::default(), Count::plus);
        if kept + gone.documents + failed != read.documents {
            let counted = kept + gone.documents + failed;
            return Err(Error::Unaccounted { task: "dedup".to_owned(), read: read.documents, counted });
        }
        Ok(Outcome::Done(Box::new(Deduplicated {
            program: concat!("medcorpus ", env!("CARGO_PKG_VERSION")).to_owned(),
            settings: self.job.settings.clone(),
            read,
            kept: Count { documents: kept, text_bytes: text_bytes - gone.text_bytes },
            removed,
            failed,
            refused_pairs,
            template_pairs,
            largest_clusters,
            guard,
            files,
        })))
    }

    /// Runs a step over `parts` in parallel and gives the results in their order.
    fn step<P: Sync, R: Send>(
        &self,
        name: &str,
        bytes: u64,
        parts: &[P],
        run: &(dyn Fn(usize, &P) -> Result<R, Error> + Sync),
    ) -> Result<Vec<R>, Error> {
        self.job.progress.begin(name, bytes);
        let results = parts.par_iter().enumerate().map(|(number, part)| run(number, part)).collect();
        self.job.progress.end();
        results
    }

    fn tasks(&self) -> Vec<Task> {
        let mut tasks: Vec<Task> = Vec::new();
        let mut room = 0;
        for (file, of_file) in self.files.iter().enumerate() {
            // A task belongs to one input, so that another one that is added later leaves it as it is.
            if file > 0 && self.files[file - 1].root != of_file.root {
                room = 0;
            }
            for (split, of_split) in of_file.splits.iter().enumerate() {
                if tasks.is_empty() || room == 0 || of_split.bytes > room {
                    tasks.push(Vec::new());
                    room = TASK_BYTES;
                }
                room = room.saturating_sub(of_split.bytes);
                tasks.last_mut().expect("one was just pushed").push((file, split));
            }
        }
        tasks
    }

    /// Reads the records of one part of a task. The reader cannot be stopped, so after an error it reads on for nobody.
    fn read(&self, (number, split): (usize, usize), take: Take<'_>) -> Result<(), Error> {
        let file = &self.files[number];
        let lost = self.lost.get(&number);
        let mut result = Ok(());
        source::read(&file.input, &file.container, &file.splits[split], &mut |mut record| {
            if let (Some(lost), Ok(Document { origin, .. })) = (lost, &record)
                && let Place::Row(row) = origin.place
                && let Some((_, message)) = lost.iter().find(|(rows, _)| rows.contains(&row))
            {
                let message = format!("another column of the row group {message}");
                record = Err(Fault { kind: FaultKind::Damaged, place: origin.locator(), message });
            }
            if result.is_ok() {
                result = take(record);
            }
        })?;
        result
    }

    fn shingle(&self, text: &str) -> Shingle {
        let Settings { shingle_words, shingle_chars, .. } = self.job.settings;
        match self.job.parted {
            Some(true) => Shingle::Words(shingle_words),
            Some(false) => Shingle::Chars(shingle_chars),
            None => Shingle::by_script(text, shingle_words, shingle_chars),
        }
    }

    /// Signs the documents of a task, or takes their signatures from the index.
    fn sign(
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
            let traits = Traits { source_rank: root, licence: "", text_bytes: it.text_bytes, id: it.id };
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
        let mut fingerprint = Fingerprint::of("dedup-index-1")
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

    /// The kinds of removals that these settings have.
    fn steps(&self) -> impl Iterator<Item = &'static str> {
        let Settings { exact, url, near, .. } = self.job.settings;
        let steps = [("exact", exact), ("url", url != UrlRule::Off), ("near", near)];
        steps.into_iter().filter(|(_, is_on)| *is_on).map(|(step, _)| step)
    }

    /// Kept documents that stand for more than themselves.
    fn cluster_shapes(&self, removals: &[Removal], ranges: &[Range<u32>]) -> Vec<ClusterShape> {
        let source = |document: u32| {
            // Files without records share their place with the next one.
            let file = ranges.partition_point(|range| range.end <= document);
            self.files[file.min(self.files.len() - 1)].root
        };
        let mut members = Vec::with_capacity(removals.len() * 2);
        for removal in removals {
            members.push((removal.kept, source(removal.removed)));
        }
        members.sort_unstable();
        let kept: Vec<u32> = members.chunk_by(|a, b| a.0 == b.0).map(|same| same[0].0).collect();
        members.extend(kept.into_iter().map(|kept| (kept, source(kept))));
        guard::shapes(&mut members)
    }

    fn take_evidence(
        &self,
        start: u32,
        task: &Task,
        proposed: &Proposed<'_>,
        store: &EvidenceStore,
    ) -> Result<(), Error> {
        let mut writer = store.writer();
        let mut comparer = Comparer::default();
        let mut document = start;
        for part in task {
            self.read(*part, &mut |record| {
                if let Ok(record) = record
                    && proposed.involved.has(document)
                {
                    let evidence = match proposed.compared.has(document) {
                        true => comparer.evidence(&record.text, self.shingle(&record.text)),
                        false => Evidence::default(),
                    };
                    let language = record.counted_language();
                    let name = Name {
                        id: record.id.into_owned(),
                        source: record.origin.container.source.clone(),
                        locator: record.origin.locator(),
                        language,
                        text_bytes: record.text.len() as u64,
                    };
                    writer.push(document, &name, &evidence)?;
                }
                document += 1;
                Ok(())
            })?;
            self.job.progress.advance(self.files[part.0].splits[part.1].bytes, 0, 0);
        }
        writer.finish()
    }

    /// The numbers of each file's records.
    fn ranges(&self, tasks: &[Task], starts: &[u32], signed: &[Signed]) -> Vec<Range<u32>> {
        let mut ranges: Vec<Range<u32>> = vec![0..0; self.files.len()];
        for ((task, start), signed) in tasks.iter().zip(starts).zip(signed) {
            let mut next = *start;
            for ((file, split), records) in task.iter().zip(&signed.records) {
                if *split == 0 {
                    ranges[*file].start = next;
                }
                next += records;
                ranges[*file].end = next;
            }
        }
        ranges
    }

    /// Copies the rows of one file that stay. A parquet file of which none stays has no copy: it may be one that cannot be
    /// read.
    fn copy(&self, number: usize, range: &Range<u32>, gone: &Gone<'_>) -> Result<Option<Copied>, Error> {
        let file = &self.files[number];
        let name = format!("survivors/{}", file.name);
        let to = self.job.out.join(&name);
        let mut rows = gone.rows(range.start);
        let copied = if file.input.format == Format::Parquet {
            let mut sizes = gone.rows(range.start);
            if range.clone().all(|_| sizes.next().is_none()) {
                return Ok(None);
            }
            store::copy_rows(&file.input.path, &to, name, range.len() as u64, &mut |_| rows.next())?
        } else {
            let mut lines = LinesWriter::create(&to)?;
            let mut result = Ok(());
            for split in &file.splits {
                source::lines(&file.input, split, &mut |line| {
                    if let (Some(size), Some(line)) = (rows.next(), line)
                        && result.is_ok()
                    {
                        result = write_line(&mut lines, line, size);
                    }
                })?;
            }
            result?;
            Copied::File(lines.finish(name)?)
        };
        if let Copied::File(record) = &copied {
            self.job.progress.advance(file.input.bytes, 0, record.rows);
        }
        Ok(Some(copied))
    }
}

/// The number of each task's first record, and of all records.
fn starts(signed: &[Signed]) -> Result<Vec<u32>, Error> {
    let mut starts = vec![0];
    let mut next = 0u64;
    for signed in signed {
        next += signed.records.iter().map(|records| u64::from(*records)).sum::<u64>();
        starts.push(u32::try_from(next).map_err(|_| Error::TooManyDocuments { documents: next })?);
    }
    Ok(starts)
}

/// Writes a line with the size of the document's cluster as its last field, unless it has such a field already.
fn write_line(lines: &mut LinesWriter, line: &[u8], size: u64) -> Result<(), store::Error> {
    let line = line.trim_ascii_end();
    match line.strip_suffix(b"}") {
        Some(open) if memmem::find(line, CLUSTER_SIZE.as_bytes()).is_none() => {
            lines.write(&[open, format!(",\"{CLUSTER_SIZE}\":{size}}}").as_bytes()])
        }
        _ => lines.write(&[line]),
    }
}

/// The field that says for how many documents one stands, as FineWeb-2 has it.
const CLUSTER_SIZE: &str = "minhash_cluster_size";

/// What does not stay, and for how many documents each kept one stands where that is more than one.
struct Gone<'a> {
    removals: &'a [Removal],
    failed: &'a Bits,
    sizes: &'a [(u32, u32)],
}

impl<'a> Gone<'a> {
    /// The rows from `start` on.
    fn rows(&'a self, start: u32) -> GoneRows<'a> {
        let removals = &self.removals[self.removals.partition_point(|removal| removal.removed < start)..];
        let sizes = &self.sizes[self.sizes.partition_point(|(kept, _)| *kept < start)..];
        GoneRows { next: start, removals, sizes, failed: self.failed }
    }
}

struct GoneRows<'a> {
    next: u32,
    removals: &'a [Removal],
    sizes: &'a [(u32, u32)],
    failed: &'a Bits,
}

impl GoneRows<'_> {
    /// The cluster size of the next row, if that one stays.
    fn next(&mut self) -> Option<u64> {
        let row = self.next;
        self.next += 1;
        if let [removal, rest @ ..] = self.removals
            && removal.removed == row
        {
            self.removals = rest;
            return None;
        }
        let mut size = 1;
        if let [(kept, documents), rest @ ..] = self.sizes
            && *kept == row
        {
            self.sizes = rest;
            size = u64::from(*documents);
        }
        (!self.failed.has(row)).then_some(size)
    }
}

/// The largest clusters by the name of the kept document.
fn largest_clusters(shapes: &[ClusterShape], store: &EvidenceStore) -> Result<Vec<Cluster>, Error> {
    let mut largest: Vec<&ClusterShape> = Vec::new();
    for shape in shapes {
        let place = largest
            .partition_point(|other| (Reverse(other.documents), other.kept) < (Reverse(shape.documents), shape.kept));
        if place < LARGEST {
            largest.insert(place, shape);
            largest.truncate(LARGEST);
        }
    }
    let named = |shape: &ClusterShape| Ok(Cluster { kept: store.name(shape.kept)?.id, documents: shape.documents });
    largest.into_iter().map(named).collect()
}

impl Count {
    fn add(&mut self, text_bytes: u64) {
        self.documents += 1;
        self.text_bytes += text_bytes;
    }

    fn plus(self, other: Count) -> Count {
        Count { documents: self.documents + other.documents, text_bytes: self.text_bytes + other.text_bytes }
    }
}

/// A table of pairs, written twice: as parquet and as JSON lines.
struct Pairs {
    folder: &'static str,
    rows: Rows,
    table: TableWriter,
    lines: LinesWriter,
    written: u64,
}

impl Pairs {
    fn create(out: &Path, folder: &'static str, table: Table) -> Result<Pairs, Error> {
        let path = |ending: &str| out.join(format!("{folder}/part-00000.{ending}"));
        let writer = TableWriter::create(&path("parquet"), table, &[])?;
        let lines = LinesWriter::create(&path("jsonl"))?;
        Ok(Pairs { folder, rows: Rows::new(table), table: writer, lines, written: 0 })
    }

    /// Adds the line of a row that was pushed to `rows`.
    fn add(&mut self, line: &impl Serialize) -> Result<(), Error> {
        self.written += 1;
        self.table.write_full(&mut self.rows)?;
        Ok(self.lines.write_json(line)?)
    }

    fn finish(mut self) -> Result<Vec<FileRecord>, Error> {
        self.table.write(&self.rows.take())?;
        let name = |ending: &str| format!("{}/part-00000.{ending}", self.folder);
        Ok(vec![self.table.finish(name("parquet"))?, self.lines.finish(name("jsonl"))?])
    }
}

/// A line of `duplicates/part-00000.jsonl`.
#[derive(Serialize)]
struct DuplicateLine<'a> {
    removed: &'a str,
    kept: &'a str,
    similarity: f64,
    kind: &'static str,
    removed_locator: &'a str,
    kept_locator: &'a str,
}

/// A line of `refused/part-00000.jsonl`.
#[derive(Serialize)]
struct RefusedLine<'a> {
    document: &'a str,
    kept: &'a str,
    similarity: f64,
    reason: &'static str,
    document_locator: &'a str,
    kept_locator: &'a str,
}

/// Writes a refused pair with the names of its documents.
fn write_refused(refusal: &Refusal, store: &EvidenceStore, pairs: &mut Pairs) -> Result<(), Error> {
    let reason = refusal.reason.as_str();
    let document = store.name(refusal.document)?.in_tables(refusal.document);
    let kept = store.name(refusal.kept)?.in_tables(refusal.kept);
    store::push_refused(&mut pairs.rows, &document, &kept, refusal.similarity, reason);
    pairs.add(&RefusedLine {
        document: &document.id,
        kept: &kept.id,
        similarity: refusal.similarity,
        reason,
        document_locator: &document.locator,
        kept_locator: &kept.locator,
    })
}

/// Writes a removal with the names of its documents, and gives that of the removed one.
fn write_removal(removal: &Removal, store: &EvidenceStore, pairs: &mut Pairs) -> Result<Name, Error> {
    let gone = store.name(removal.removed)?;
    let (removed, kept) = (gone.clone().in_tables(removal.removed), store.name(removal.kept)?.in_tables(removal.kept));
    let kind = removal.kind.as_str();
    store::push_duplicate(&mut pairs.rows, &removed, &kept, removal.similarity, kind);
    pairs.add(&DuplicateLine {
        removed: &removed.id,
        kept: &kept.id,
        similarity: removal.similarity,
        kind,
        removed_locator: &removed.locator,
        kept_locator: &kept.locator,
    })?;
    Ok(gone)
}
