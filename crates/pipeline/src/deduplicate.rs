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

use dedup::{Comparer, Evidence, Refusal, Removal, Settings, Shingle, Signer};
use document::{Container, DataFileError, Document, Fault, LanguageCode};
use filter::keywords::WordBoundaries;
use memchr::memmem;
use rayon::prelude::*;
use serde::Serialize;
use source::{Description, Format, Input, Split};
use store::{FileRecord, FolderLock, LinesWriter, Rows, Table, TableWriter};

use crate::{
    Error, Progress,
    matching::{self, Bits, EvidenceStore, Name, Proposed, Signatures, Space},
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
    /// By kind: exact, near and template.
    pub removed: BTreeMap<&'static str, Count>,
    /// Records that could not be read; `failed.jsonl` lists them, at most a thousand of each part of a file.
    pub failed: u64,
    /// Pairs that shared a band and were refused, and how many of these as templates.
    pub refused_pairs: u64,
    pub template_pairs: u64,
    /// Documents of the largest clusters: the kept one and how many it stands for.
    pub largest_clusters: Vec<Cluster>,
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
    let result = pool.install(|| Run { job, files: &files, space: &space }.run());
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
}

fn find_files(job: &Deduplication<'_>) -> Result<Vec<InputFile>, Error> {
    let whole = |path: &Path, message: String| Error::from(DataFileError::whole(path.display().to_string(), message));
    let out = real_path(&job.out);
    let mut files: Vec<InputFile> = Vec::new();
    let mut roots: Vec<String> = Vec::new();
    for path in &job.inputs {
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
            files.push(InputFile { input, container, name, splits });
        }
    }
    Ok(files)
}

struct Run<'a> {
    job: &'a Deduplication<'a>,
    files: &'a [InputFile],
    space: &'a Space,
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
}

impl Run<'_> {
    fn run(&self) -> Result<Deduplicated, Error> {
        let tasks = self.tasks();
        let bytes: u64 = self.files.iter().map(|file| file.input.bytes).sum();
        let budget = self.space.budget();

        let signatures = Signatures::new(self.space, &budget)?;
        let signed = self.step("sign", bytes, &tasks, &|number, task| self.sign(number, task, &signatures))?;
        let starts = starts(&signed)?;
        let documents = *starts.last().unwrap_or(&0);
        let mut failed = Bits::new(documents);
        for (start, signed) in starts.iter().zip(&signed) {
            signed.failed.iter().for_each(|number| failed.set(start + number));
        }

        self.job.progress.begin("propose pairs", 0);
        let mut proposed = signatures.propose(&starts, documents)?;
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
            template_pairs += u64::from(refusal.is_template);
            write_refused(&refusal, &store, &mut refused)
        })?;
        let mut duplicates = Pairs::create(&self.job.out, "duplicates", Table::Duplicates)?;
        let mut removed: BTreeMap<&'static str, Count> = BTreeMap::new();
        for removal in &removals {
            let text_bytes = write_removal(removal, &store, &mut duplicates)?;
            removed.entry(removal.kind.as_str()).or_default().add(text_bytes);
        }
        let (sizes, largest_clusters) = clusters(&removals, &store)?;
        let refused_pairs = refused.written;
        let mut files = refused.finish()?;
        files.extend(duplicates.finish()?);
        drop((proposed, store));
        self.job.progress.end();

        let mut lines = LinesWriter::create(&self.job.out.join("failed.jsonl"))?;
        signed.iter().flat_map(|signed| &signed.faults).try_for_each(|fault| lines.write_json(fault))?;
        files.push(lines.finish("failed.jsonl".to_owned())?);
        let gone = Gone { removals: &removals, failed: &failed, sizes: &sizes };
        let copied = self.step("copy survivors", bytes, &ranges, &|number, range| self.copy(number, range, &gone))?;
        files.extend(copied.into_iter().flatten());
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
        Ok(Deduplicated {
            program: concat!("medcorpus ", env!("CARGO_PKG_VERSION")).to_owned(),
            settings: self.job.settings.clone(),
            read,
            kept: Count { documents: kept, text_bytes: text_bytes - gone.text_bytes },
            removed,
            failed,
            refused_pairs,
            template_pairs,
            largest_clusters,
            files,
        })
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
            for (split, of_split) in of_file.splits.iter().enumerate() {
                if tasks.is_empty() || of_split.bytes > room {
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
    fn read(&self, (file, split): (usize, usize), take: Take<'_>) -> Result<(), Error> {
        let file = &self.files[file];
        let mut result = Ok(());
        source::read(&file.input, &file.container, &file.splits[split], &mut |record| {
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

    fn sign(&self, number: usize, task: &Task, signatures: &Signatures<'_>) -> Result<Signed, Error> {
        let mut collector = signatures.collector(number);
        let mut signer = Signer::new(&self.job.settings);
        let mut bands = Vec::new();
        let mut signed = Signed::default();
        let mut document = 0u32;
        for part in task {
            let first = document;
            self.read(*part, &mut |record| {
                match record {
                    Ok(record) => {
                        let exact = signer.sign_into(&record.text, self.shingle(&record.text), &mut bands);
                        collector.push(document, exact, &bands)?;
                        signed.text_bytes += record.text.len() as u64;
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
        collector.finish()?;
        Ok(signed)
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
                    let name = Name {
                        id: record.id.into_owned(),
                        source: record.origin.container.source.clone(),
                        locator: record.origin.locator(),
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
    fn copy(&self, number: usize, range: &Range<u32>, gone: &Gone<'_>) -> Result<Option<FileRecord>, Error> {
        let file = &self.files[number];
        let name = format!("survivors/{}", file.name);
        let to = self.job.out.join(&name);
        let mut rows = gone.rows(range.start);
        let record = if file.input.format == Format::Parquet {
            let mut sizes = gone.rows(range.start);
            if range.clone().all(|_| sizes.next().is_none()) {
                return Ok(None);
            }
            store::copy_rows(&file.input.path, &to, name, &mut |_| rows.next())?
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
            lines.finish(name)?
        };
        self.job.progress.advance(file.input.bytes, 0, record.rows);
        Ok(Some(record))
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

/// Kept documents and for how many each stands.
type Sizes = Vec<(u32, u32)>;

/// Kept documents that stand for more than themselves, with how many, ascending; and the largest by name.
fn clusters(removals: &[Removal], store: &EvidenceStore) -> Result<(Sizes, Vec<Cluster>), Error> {
    let mut kept: Vec<u32> = removals.iter().map(|removal| removal.kept).collect();
    kept.sort_unstable();
    let sizes: Vec<(u32, u32)> = kept.chunk_by(|a, b| a == b).map(|same| (same[0], same.len() as u32 + 1)).collect();
    let mut largest = sizes.clone();
    largest.sort_unstable_by_key(|(kept, size)| (Reverse(*size), *kept));
    largest.truncate(LARGEST);
    let named = |(kept, size): (u32, u32)| Ok(Cluster { kept: store.name(kept)?.id, documents: u64::from(size) });
    let largest: Result<Vec<Cluster>, Error> = largest.into_iter().map(named).collect();
    Ok((sizes, largest?))
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
    let reason = if refusal.is_template { "template" } else { "less_similar" };
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

/// Writes a removal with the names of its documents, and gives the bytes of the removed text.
fn write_removal(removal: &Removal, store: &EvidenceStore, pairs: &mut Pairs) -> Result<u64, Error> {
    let removed = store.name(removal.removed)?;
    let text_bytes = removed.text_bytes;
    let (removed, kept) = (removed.in_tables(removal.removed), store.name(removal.kept)?.in_tables(removal.kept));
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
    Ok(text_bytes)
}
