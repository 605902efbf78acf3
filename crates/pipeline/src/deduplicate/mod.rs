//! `dedup`: removes the duplicates of anybody's files, without a pipeline.
//!
//! The files are read three times: to sign all texts, to take the evidence of those that share a band, and to copy the rows
//! that stay; and twice more in between, where paragraphs that recur are to be cut out: to count them and to find them. Only what is needed to tell who repeats whom is held or put on disk in between, so that `memory` is kept.
//!
//! Documents are preferred in the order of the inputs, then of the paths, then of the rows. Every byte that comes out
//! depends on the inputs and settings alone.
//!
//! ```text
//! OUT/survivors/…             the rows that stay, in files of the same names and forms
//! OUT/duplicates/part-00000   who repeats whom: parquet and JSON lines
//! OUT/refused/part-00000      pairs that were compared and are no duplicates: parquet and JSON lines
//! OUT/boilerplate/part-00000  paragraphs that were cut out of the rows that stay, where that is asked for: both too
//! OUT/failed.jsonl            records that could not be read
//! OUT/dedup.json              settings and counts; written last
//! ```

mod copy;
mod datatrove;
mod evidence;
mod inputs;
mod pairs;
mod paragraphs;
mod sign;

use std::{
    cmp::Reverse,
    collections::BTreeMap,
    ops::Range,
    path::{Path, PathBuf},
};

use dedup::{RefusalReason, Removal, Settings, Shingle, UrlRule};
use document::{Document, Fault, FaultKind, LanguageCode, Place};
use filter::keywords::WordBoundaries;
use rayon::prelude::*;
use serde::Serialize;
use store::{Copied, FileRecord, Finding, FolderLock, LinesWriter, Table};

use crate::{
    Error, Progress,
    guard::{self, ClusterShape, Losses},
    matching::{self, Bits, EvidenceStore, Signatures, Space},
    preference::Preferences,
};
use copy::Gone;
use inputs::{InputFile, find_files};
use pairs::{Pairs, write_refused, write_removal};
use sign::{Signed, starts};

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
    /// Where the survivors' signatures are written as datatrove makes them, if anywhere.
    pub datatrove: Option<PathBuf>,
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
    /// What was cut out of the kept texts, if anything was to be; it is not taken from `kept`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub boilerplate: Option<CutCount>,
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

/// Paragraphs that recur and were cut out of kept texts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct CutCount {
    /// Different paragraphs that recur; each stays in one document.
    pub recurring: u64,
    /// Documents that lost some.
    pub documents: u64,
    /// How many they lost, and the bytes of text.
    pub paragraphs: u64,
    pub text_bytes: u64,
    /// Documents that would have lost nearly all and were left whole.
    pub left_whole: u64,
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
    store::remove_temporary(&job.out)?;
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
        let order = proposed.into_order();
        drop(store);
        self.job.progress.end();
        if self.job.settings.guard.stop && !guard.is_empty() {
            return Err(Error::Guard { findings: guard });
        }

        let mut lines = LinesWriter::create(&self.job.out.join("failed.jsonl"))?;
        signed.iter().flat_map(|signed| &signed.faults).try_for_each(|fault| lines.write_json(fault))?;
        files.push(lines.finish("failed.jsonl".to_owned())?);
        let mut gone = Gone { removals: &removals, failed: &failed, sizes: &sizes, cuts: None };
        let cut = match &self.job.settings.boilerplate {
            Some(rule) => Some(self.find_boilerplate(rule, (&tasks, &starts), &order, &gone, &budget)?),
            None => None,
        };
        drop(order);
        let boilerplate = cut.as_ref().map(|cut| cut.count);
        if let Some(cut) = &cut {
            files.extend(cut.files.iter().cloned());
            gone.cuts = Some(&cut.cuts);
        }
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
        for folder in ["survivors/", "duplicates/", "refused/", "boilerplate/"] {
            let own = files.iter().filter_map(|file| file.path.strip_prefix(folder).map(str::to_owned));
            store::remove_others(&self.job.out.join(folder), &own.collect::<Vec<_>>())?;
        }
        if let Some(folder) = &self.job.datatrove {
            self.sign_for_datatrove(folder, &ranges, &gone, &files)?;
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
            boilerplate,
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
