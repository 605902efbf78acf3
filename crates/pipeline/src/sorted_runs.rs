//! Sorting more records than memory holds: sorted runs in memory as long as there is room, then on disk, merged as they
//! are read.
//!
//! A record is a key of at most 96 bits and the number of a document. While the documents are read in parallel nobody
//! knows yet how many come before, so numbers count from the start of each task, and the merge adds where the task begins.
//! What comes out is sorted by key and number, each record once, however the records were cut into runs.

use std::{
    fs::File,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use crate::Error;

/// How much of the memory is left to sorted runs; what does not fit goes to disk.
pub(crate) struct Budget(AtomicU64);

impl Budget {
    pub fn new(bytes: u64) -> Budget {
        Budget(AtomicU64::new(bytes))
    }

    fn take(&self, bytes: u64) -> bool {
        let less = |left: u64| left.checked_sub(bytes);
        self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less).is_ok()
    }

    fn give_back(&self, bytes: u64) {
        self.0.fetch_add(bytes, Ordering::Relaxed);
    }
}

/// A file of the scratch folder to which many threads append. It is removed when it is dropped.
pub(crate) struct ScratchFile {
    path: PathBuf,
    file: File,
    end: AtomicU64,
}

impl ScratchFile {
    pub fn create(path: PathBuf) -> Result<ScratchFile, Error> {
        let open = || File::options().create(true).truncate(true).read(true).write(true).open(&path);
        let file = open().map_err(Error::scratch(&path))?;
        Ok(ScratchFile { path, file, end: AtomicU64::new(0) })
    }

    /// Appends bytes in one piece and gives their place.
    pub fn append(&self, bytes: &[u8]) -> Result<u64, Error> {
        let place = self.end.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        self.file.write_all_at(bytes, place).map_err(Error::scratch(&self.path))?;
        Ok(place)
    }

    pub fn read(&self, bytes: &mut [u8], place: u64) -> Result<(), Error> {
        self.file.read_exact_at(bytes, place).map_err(Error::scratch(&self.path))
    }

    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for ScratchFile {
    fn drop(&mut self) {
        std::fs::remove_file(&self.path).ok();
    }
}

/// Bits of a record that hold the number.
const NUMBER_BITS: u32 = 32;

/// Records of one kind.
pub(crate) struct SortedRuns<'b> {
    budget: &'b Budget,
    file: ScratchFile,
    runs: Mutex<Vec<Run>>,
}

struct Run {
    task: usize,
    records: Records,
}

enum Records {
    Memory(Vec<u128>),
    /// Differences of records, whose numbers count from `first` and take `bits` bits.
    File {
        place: u64,
        bytes: u64,
        count: u64,
        first: u32,
        bits: u32,
    },
}

impl<'b> SortedRuns<'b> {
    /// No records. `path` is used once they no longer fit the budget.
    pub fn new(path: PathBuf, budget: &'b Budget) -> Result<SortedRuns<'b>, Error> {
        Ok(SortedRuns { budget, file: ScratchFile::create(path)?, runs: Mutex::new(Vec::new()) })
    }

    /// Collects the records of one task, `memory` bytes of them before they become a run.
    pub fn collector(&self, task: usize, memory: u64) -> Collector<'_, 'b> {
        let most = (memory / size_of::<u128>() as u64).max(1024) as usize;
        Collector { runs: self, task, records: Vec::new(), most }
    }

    /// Bytes on disk, for the test.
    #[cfg(test)]
    pub fn bytes_on_disk(&self) -> u64 {
        self.file.end.load(Ordering::Relaxed)
    }

    /// All records by key and number, each once. `starts[task]` is added to the numbers of a task; `memory` bytes are used
    /// to read what is on disk.
    pub fn merged(&mut self, starts: &[u32], memory: u64) -> Result<Merged<'_>, Error> {
        let runs = self.runs.get_mut().unwrap_or_else(PoisonError::into_inner);
        let on_disk = runs.iter().filter(|run| matches!(run.records, Records::File { .. })).count();
        let buffer = (memory as usize / on_disk.max(1)).clamp(4 << 10, 256 << 10);
        let mut cursors = Vec::with_capacity(runs.len());
        for run in runs.iter() {
            let records = match &run.records {
                Records::Memory(records) => Source::Memory(records.iter()),
                Records::File { place, bytes, count, first, bits } => Source::File(FileSource {
                    file: &self.file,
                    place: *place,
                    bytes: *bytes,
                    buffer: Vec::new(),
                    read: 0,
                    room: buffer,
                    count: *count,
                    first: *first,
                    bits: *bits,
                    last: 0,
                }),
            };
            cursors.push(Cursor { start: starts[run.task], records });
        }
        let mut heads = Vec::with_capacity(cursors.len());
        for cursor in &mut cursors {
            heads.push(cursor.next()?.unwrap_or(NO_RECORD));
        }
        Ok(Merged { cursors, tree: LoserTree::new(heads), last: None })
    }
}

impl Drop for SortedRuns<'_> {
    fn drop(&mut self) {
        for run in self.runs.get_mut().unwrap_or_else(PoisonError::into_inner) {
            if let Records::Memory(records) = &run.records {
                self.budget.give_back(size_of_val(records.as_slice()) as u64);
            }
        }
    }
}

/// Collects the records of one task.
pub(crate) struct Collector<'r, 'b> {
    runs: &'r SortedRuns<'b>,
    task: usize,
    records: Vec<u128>,
    most: usize,
}

impl Collector<'_, '_> {
    /// `key` has at most 96 bits.
    pub fn push(&mut self, key: u128, number: u32) -> Result<(), Error> {
        self.records.push(key << NUMBER_BITS | u128::from(number));
        if self.records.len() >= self.most { self.flush() } else { Ok(()) }
    }

    /// Makes a run of what was collected since the last one. To be called at the end.
    pub fn flush(&mut self) -> Result<(), Error> {
        let mut records = std::mem::take(&mut self.records);
        if records.is_empty() {
            return Ok(());
        }
        records.sort_unstable();
        records.dedup();
        let bytes = size_of_val(records.as_slice()) as u64;
        let records = if self.runs.budget.take(bytes) {
            records.shrink_to_fit();
            Records::Memory(records)
        } else {
            let (bytes, first, bits) = packed(&records);
            let place = self.runs.file.append(&bytes)?;
            Records::File { place, bytes: bytes.len() as u64, count: records.len() as u64, first, bits }
        };
        let mut runs = self.runs.runs.lock().unwrap_or_else(PoisonError::into_inner);
        runs.push(Run { task: self.task, records });
        Ok(())
    }
}

/// Sorted records as differences of seven bits a byte; the number takes no more bits than this run needs.
fn packed(records: &[u128]) -> (Vec<u8>, u32, u32) {
    let numbers = || records.iter().map(|record| *record as u32);
    let first = numbers().min().unwrap_or(0);
    let bits = u32::BITS - (numbers().max().unwrap_or(0) - first).leading_zeros();
    let mut bytes = Vec::with_capacity(records.len() * 8);
    let mut last = 0;
    for record in records {
        let record = record >> NUMBER_BITS << bits | u128::from(*record as u32 - first);
        let mut difference = record - last;
        last = record;
        while difference >= 0x80 {
            bytes.push(difference as u8 | 0x80);
            difference >>= 7;
        }
        bytes.push(difference as u8);
    }
    (bytes, first, bits)
}

/// One run as it is read.
struct Cursor<'r> {
    start: u32,
    records: Source<'r>,
}

enum Source<'r> {
    Memory(std::slice::Iter<'r, u128>),
    File(FileSource<'r>),
}

struct FileSource<'r> {
    file: &'r ScratchFile,
    place: u64,
    bytes: u64,
    buffer: Vec<u8>,
    read: usize,
    room: usize,
    count: u64,
    first: u32,
    bits: u32,
    last: u128,
}

impl Cursor<'_> {
    fn next(&mut self) -> Result<Option<u128>, Error> {
        let record = match &mut self.records {
            Source::Memory(records) => records.next().copied(),
            Source::File(source) => source.next()?,
        };
        // The number counts from the start of the task, and there are fewer than 2^32 documents in all.
        Ok(record.map(|record| record + u128::from(self.start)))
    }
}

impl FileSource<'_> {
    fn next(&mut self) -> Result<Option<u128>, Error> {
        if self.count == 0 {
            return Ok(None);
        }
        self.count -= 1;
        let (mut difference, mut shift) = (0u128, 0);
        loop {
            if self.read == self.buffer.len() {
                self.buffer.resize((self.bytes as usize).min(self.room), 0);
                self.file.read(&mut self.buffer, self.place)?;
                self.place += self.buffer.len() as u64;
                self.bytes -= self.buffer.len() as u64;
                self.read = 0;
            }
            let byte = self.buffer[self.read];
            self.read += 1;
            difference |= u128::from(byte & 0x7f) << shift;
            shift += 7;
            if byte < 0x80 {
                break;
            }
        }
        self.last += difference;
        let number = self.last & ((1 << self.bits) - 1);
        Ok(Some(self.last >> self.bits << NUMBER_BITS | (number + u128::from(self.first))))
    }
}

/// What is handed each key with the numbers under it.
type VisitGroup<'v> = &'v mut dyn FnMut(u128, &[u32]) -> Result<(), Error>;

/// Sorts behind every record: there are fewer than 2^32 documents, so none has the last number.
const NO_RECORD: u128 = u128::MAX;

/// The runs by their next records: which one comes first, with a comparison a level whenever one moves on.
/// From: Knuth, The Art of Computer Programming, vol. 3, 5.4.1.
struct LoserTree {
    /// The next record of each run.
    heads: Vec<u128>,
    /// At 0 the run that comes first; at each other node the run that lost there. The leaves are not stored.
    nodes: Vec<u32>,
}

impl LoserTree {
    fn new(heads: Vec<u128>) -> LoserTree {
        let runs = heads.len();
        let mut tree = LoserTree { heads, nodes: vec![0; runs.max(1)] };
        let mut winners = vec![0; 2 * runs];
        for node in (1..2 * runs).rev() {
            winners[node] = match node.checked_sub(runs) {
                Some(run) => run as u32,
                None => {
                    let (a, b) = (winners[2 * node], winners[2 * node + 1]);
                    let (first, loser) = if tree.head(a) <= tree.head(b) { (a, b) } else { (b, a) };
                    tree.nodes[node] = loser;
                    first
                }
            };
        }
        tree.nodes[0] = winners.get(1).copied().unwrap_or(0);
        tree
    }

    fn head(&self, run: u32) -> u128 {
        self.heads[run as usize]
    }

    /// The run that comes first, and its next record; nothing, if no run has any left.
    fn first(&self) -> Option<(usize, u128)> {
        let run = self.nodes[0] as usize;
        self.heads.get(run).copied().filter(|record| *record != NO_RECORD).map(|record| (run, record))
    }

    /// Gives the run that came first its next record.
    fn advance(&mut self, record: u128) {
        let mut run = self.nodes[0];
        self.heads[run as usize] = record;
        let mut node = (run as usize + self.heads.len()) / 2;
        let mut own = record;
        while node > 0 {
            let other = self.head(self.nodes[node]);
            if other < own {
                std::mem::swap(&mut self.nodes[node], &mut run);
                own = other;
            }
            node /= 2;
        }
        self.nodes[0] = run;
    }
}

/// All records in order.
pub(crate) struct Merged<'r> {
    cursors: Vec<Cursor<'r>>,
    tree: LoserTree,
    last: Option<u128>,
}

impl Merged<'_> {
    fn advance(&mut self) -> Result<Option<u128>, Error> {
        loop {
            let Some((run, record)) = self.tree.first() else { return Ok(None) };
            self.tree.advance(self.cursors[run].next()?.unwrap_or(NO_RECORD));
            if self.last != Some(record) {
                self.last = Some(record);
                return Ok(Some(record));
            }
        }
    }

    /// Calls `visit` with each key and the numbers under it, ascending.
    pub fn each_group(&mut self, visit: VisitGroup<'_>) -> Result<(), Error> {
        let mut numbers: Vec<u32> = Vec::new();
        let mut key = None;
        while let Some(record) = self.advance()? {
            let own = record >> NUMBER_BITS;
            if key.is_some_and(|key| key != own) {
                visit(key.unwrap_or_default(), &numbers)?;
                numbers.clear();
            }
            key = Some(own);
            numbers.push(record as u32);
        }
        key.map_or(Ok(()), |key| visit(key, &numbers))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::*;

    /// Numbers that look random and are the same every time.
    fn draws() -> impl FnMut() -> u64 {
        let mut state = 1u64;
        move || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            state >> 33
        }
    }

    #[test]
    fn records_come_out_sorted_whatever_the_memory() {
        let folder = tempfile::tempdir().unwrap();
        let starts = [0, 5000, 5000, 20_000];
        let mut expected: BTreeMap<u128, BTreeSet<u32>> = BTreeMap::new();
        let mut found = Vec::new();
        for memory in [0, 40_000, u64::MAX] {
            let budget = Budget::new(memory);
            let mut runs = SortedRuns::new(folder.path().join("runs"), &budget).unwrap();
            let mut draw = draws();
            for (task, documents) in [5000, 0, 15_000, 1].into_iter().enumerate() {
                let mut collector = runs.collector(task, 1000 * 16);
                for number in 0..documents {
                    // Keys of all widths, some of them shared.
                    for _ in 0..3 {
                        let key = u128::from(draw() % 30_000) << (draw() % 80);
                        collector.push(key, number).unwrap();
                        expected.entry(key).or_default().insert(starts[task] + number);
                    }
                }
                collector.flush().unwrap();
            }
            assert_eq!(runs.bytes_on_disk() > 0, memory != u64::MAX);
            let mut groups = Vec::new();
            let mut each = |key: u128, numbers: &[u32]| {
                groups.push((key, numbers.to_vec()));
                Ok(())
            };
            runs.merged(&starts, 10_000).unwrap().each_group(&mut each).unwrap();
            drop(runs);
            assert_eq!(budget.0.load(Ordering::Relaxed), memory);
            found.push(groups);
        }
        let expected: Vec<(u128, Vec<u32>)> =
            expected.into_iter().map(|(key, numbers)| (key, numbers.into_iter().collect())).collect();
        assert!(found.iter().all(|groups| *groups == expected));
        assert!(!folder.path().join("runs").exists());
    }
}
