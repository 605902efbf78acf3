//! The order of preference: which of two duplicates stays.
//!
//! Documents are numbered by the rank of their source and then as they are read, and mostly that is the order of
//! preference too. Where a pipeline asks for another rule, each document leaves a key of bytes, which sorts as the rule
//! wants; the keys are sorted on disk, and 8 bytes a document are held.

use std::{
    cmp::Reverse,
    collections::BinaryHeap,
    sync::{Mutex, PoisonError},
};

use dedup::{Criterion, Settings};

use crate::{Error, matching::Space, sorted_runs::ScratchFile};

/// Which place each document has in the order of preference.
pub(crate) enum Order {
    /// As they are numbered.
    Numbered,
    /// By document its place, and by place the document.
    Ruled { places: Vec<u32>, documents: Vec<u32> },
}

impl Order {
    pub fn place(&self, document: u32) -> u32 {
        match self {
            Order::Numbered => document,
            Order::Ruled { places, .. } => places[document as usize],
        }
    }

    pub fn document(&self, place: u32) -> u32 {
        match self {
            Order::Numbered => place,
            Order::Ruled { documents, .. } => documents[place as usize],
        }
    }
}

/// Collects the keys of all documents.
pub(crate) struct Preferences<'s> {
    settings: &'s Settings,
    /// None where documents are preferred as they are numbered.
    sorted: Option<Sorted>,
    memory: usize,
}

struct Sorted {
    file: ScratchFile,
    runs: Mutex<Vec<Run>>,
}

/// One sorted run on disk.
struct Run {
    task: usize,
    place: u64,
    bytes: u64,
}

/// What a rule looks at.
pub(crate) struct Traits<'a> {
    pub source_rank: u32,
    pub licence: &'a str,
    pub text_bytes: u64,
    pub id: &'a str,
}

impl<'s> Preferences<'s> {
    pub fn new(settings: &'s Settings, space: &Space) -> Result<Preferences<'s>, Error> {
        let as_numbered = matches!(settings.prefer.as_slice(), [] | [Criterion::SourceRank]);
        let sorted = match as_numbered {
            true => None,
            false => {
                Some(Sorted { file: ScratchFile::create(space.folder.join("preferences"))?, runs: Mutex::default() })
            }
        };
        Ok(Preferences { settings, sorted, memory: space.of_keys() })
    }

    /// Whether documents have to leave keys.
    pub fn are_ruled(&self) -> bool {
        self.sorted.is_some()
    }

    pub fn collector(&self, task: usize) -> KeyCollector<'_, 's> {
        KeyCollector { preferences: self, task, bytes: Vec::new(), keys: Vec::new() }
    }

    /// The order of `documents` documents. `starts[task]` is the number of a task's first document.
    pub fn order(&self, starts: &[u32], documents: u32) -> Result<Order, Error> {
        let Some(sorted) = &self.sorted else { return Ok(Order::Numbered) };
        let runs = sorted.runs.lock().unwrap_or_else(PoisonError::into_inner);
        let room = (self.memory / runs.len().max(1)).clamp(4 << 10, 256 << 10);
        let mut cursors: Vec<Cursor<'_>> = runs
            .iter()
            .map(|run| Cursor {
                file: &sorted.file,
                start: starts[run.task],
                place: run.place,
                left: run.bytes,
                buffer: Vec::new(),
                read: 0,
                room,
                key: Vec::new(),
                number: 0,
            })
            .collect();
        // A document without a key, since its record could not be read, comes last.
        let mut order = (vec![u32::MAX; documents as usize], Vec::with_capacity(documents as usize));
        let mut heap = BinaryHeap::with_capacity(cursors.len());
        for (number, cursor) in cursors.iter_mut().enumerate() {
            if cursor.advance()? {
                heap.push(Reverse((cursor.key.clone(), cursor.number, number)));
            }
        }
        while let Some(mut top) = heap.peek_mut() {
            let Reverse((key, document, number)) = &mut *top;
            order.0[*document as usize] = order.1.len() as u32;
            order.1.push(*document);
            let cursor = &mut cursors[*number];
            if cursor.advance()? {
                key.clone_from(&cursor.key);
                *document = cursor.number;
            } else {
                std::collections::binary_heap::PeekMut::pop(top);
            }
        }
        let (mut places, mut in_order) = order;
        for (document, place) in places.iter_mut().enumerate().filter(|(_, place)| **place == u32::MAX) {
            *place = in_order.len() as u32;
            in_order.push(document as u32);
        }
        Ok(Order::Ruled { places, documents: in_order })
    }
}

/// Collects the keys of one task, whose documents are numbered from 0.
pub(crate) struct KeyCollector<'p, 's> {
    preferences: &'p Preferences<'s>,
    task: usize,
    bytes: Vec<u8>,
    keys: Vec<(std::ops::Range<usize>, u32)>,
}

impl KeyCollector<'_, '_> {
    pub fn push(&mut self, document: u32, traits: &Traits<'_>) -> Result<(), Error> {
        if !self.preferences.are_ruled() {
            return Ok(());
        }
        let start = self.bytes.len();
        let Settings { prefer, licences, .. } = self.preferences.settings;
        for criterion in prefer {
            match criterion {
                Criterion::SourceRank => self.bytes.extend(traits.source_rank.to_be_bytes()),
                Criterion::Licence => {
                    let named = licences.iter().position(|licence| licence.eq_ignore_ascii_case(traits.licence));
                    self.bytes.extend((named.unwrap_or(licences.len()) as u16).to_be_bytes());
                }
                Criterion::Length => self.bytes.extend((u64::MAX - traits.text_bytes).to_be_bytes()),
                Criterion::Id => {
                    self.bytes.extend(traits.id.as_bytes());
                    self.bytes.push(0);
                }
            }
        }
        self.keys.push((start..self.bytes.len(), document));
        let held = self.bytes.len() + self.keys.len() * size_of::<(std::ops::Range<usize>, u32)>();
        if held >= self.preferences.memory { self.flush() } else { Ok(()) }
    }

    /// To be called after the task's last document.
    pub fn finish(mut self) -> Result<(), Error> {
        self.flush()
    }

    fn flush(&mut self) -> Result<(), Error> {
        let Some(sorted) = &self.preferences.sorted else { return Ok(()) };
        if self.keys.is_empty() {
            return Ok(());
        }
        let bytes = &self.bytes;
        self.keys.sort_unstable_by(|a, b| bytes[a.0.clone()].cmp(&bytes[b.0.clone()]).then(a.1.cmp(&b.1)));
        // Each key is what it shares with the one before, and the rest.
        let mut packed = Vec::with_capacity(bytes.len() / 2);
        let mut last: &[u8] = &[];
        for (range, document) in &self.keys {
            let key = &bytes[range.clone()];
            let shared = last.iter().zip(key).take_while(|(a, b)| a == b).count();
            push_number(&mut packed, shared as u64);
            push_number(&mut packed, (key.len() - shared) as u64);
            packed.extend(&key[shared..]);
            push_number(&mut packed, u64::from(*document));
            last = key;
        }
        let place = sorted.file.append(&packed)?;
        let run = Run { task: self.task, place, bytes: packed.len() as u64 };
        sorted.runs.lock().unwrap_or_else(PoisonError::into_inner).push(run);
        self.bytes.clear();
        self.keys.clear();
        Ok(())
    }
}

/// Seven bits a byte.
fn push_number(bytes: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
}

/// One run as it is read.
struct Cursor<'f> {
    file: &'f ScratchFile,
    start: u32,
    place: u64,
    left: u64,
    buffer: Vec<u8>,
    read: usize,
    room: usize,
    key: Vec<u8>,
    number: u32,
}

impl Cursor<'_> {
    /// Goes on to the next key, if there is one.
    fn advance(&mut self) -> Result<bool, Error> {
        if self.left == 0 && self.read == self.buffer.len() {
            return Ok(false);
        }
        let shared = self.number()? as usize;
        let rest = self.number()?;
        self.key.truncate(shared);
        for _ in 0..rest {
            let byte = self.byte()?;
            self.key.push(byte);
        }
        self.number = self.start + self.number()? as u32;
        Ok(true)
    }

    fn number(&mut self) -> Result<u64, Error> {
        let (mut number, mut shift) = (0u64, 0);
        loop {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7f) << shift;
            shift += 7;
            if byte < 0x80 {
                return Ok(number);
            }
        }
    }

    fn byte(&mut self) -> Result<u8, Error> {
        if self.read == self.buffer.len() {
            self.buffer.resize((self.left as usize).min(self.room), 0);
            self.file.read(&mut self.buffer, self.place)?;
            self.place += self.buffer.len() as u64;
            self.left -= self.buffer.len() as u64;
            self.read = 0;
        }
        self.read += 1;
        Ok(self.buffer[self.read - 1])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_is_that_of_the_rule_however_little_memory_there_is() {
        let folder = tempfile::tempdir().unwrap();
        let prefer = vec![Criterion::Licence, Criterion::Length, Criterion::Id];
        let settings = Settings { prefer, licences: vec!["CC0-1.0".into()], ..Settings::default() };
        let traits = |n: u64| (["cc0-1.0", "other"][(n % 2) as usize], n * 7 % 5, format!("id{}", n * 31 % 900));
        let mut expected: Vec<u64> = (0..900).collect();
        expected.sort_by_key(|n| {
            let (licence, length, id) = traits(*n);
            (licence == "other", Reverse(length), id)
        });
        for memory in [1 << 10, 64 << 20] {
            let space = Space::new(&folder.path().join("scratch"), memory, 1).unwrap();
            let preferences = Preferences::new(&settings, &space).unwrap();
            for task in 0..3u64 {
                let mut collector = preferences.collector(task as usize);
                for number in 0..300 {
                    let (licence, text_bytes, id) = traits(task * 300 + number);
                    let traits = Traits { source_rank: 0, licence, text_bytes, id: &id };
                    collector.push(number as u32, &traits).unwrap();
                }
                collector.finish().unwrap();
            }
            let order = preferences.order(&[0, 300, 600], 901).unwrap();
            for (place, document) in expected.iter().enumerate() {
                assert_eq!(order.document(place as u32), *document as u32);
                assert_eq!(order.place(*document as u32), place as u32);
            }
            assert_eq!(order.place(900), 900);
        }
    }
}
