//! What is kept of single documents, on disk, and found by a document's number.

use std::{
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use crate::{Error, sorted_runs::ScratchFile};

/// Bytes by number of the document. 16 bytes a document are held in memory.
pub(crate) struct ByDocument {
    file: ScratchFile,
    /// What is being written.
    written: Mutex<Vec<Place>>,
    /// What was written, by document, and for each block of [`BLOCK`] numbers where its first document stands there.
    index: Vec<Place>,
    blocks: Vec<u32>,
}

/// Numbers of a block: so few that a search within one stays in the cache.
const BLOCK: u32 = 256;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    document: u32,
    length: u32,
    place: u64,
}

/// Bytes that a task collects before they go to disk.
const PIECE: usize = 1 << 20;

/// Takes what is kept of the documents of one task.
pub(crate) struct DocumentWriter<'s> {
    store: &'s ByDocument,
    bytes: Vec<u8>,
    places: Vec<Place>,
    written: usize,
}

impl ByDocument {
    pub fn create(path: PathBuf) -> Result<ByDocument, Error> {
        Ok(ByDocument {
            file: ScratchFile::create(path)?,
            written: Mutex::default(),
            index: Vec::new(),
            blocks: Vec::new(),
        })
    }

    pub fn path(&self) -> &Path {
        self.file.path()
    }

    pub fn writer(&self) -> DocumentWriter<'_> {
        DocumentWriter { store: self, bytes: Vec::new(), places: Vec::new(), written: 0 }
    }

    /// To be called when all is written, before anything is read.
    pub fn sort(&mut self) {
        self.index = std::mem::take(self.written.get_mut().unwrap_or_else(PoisonError::into_inner));
        self.index.sort_unstable();
        self.blocks.clear();
        for (number, place) in self.index.iter().enumerate() {
            let block = (place.document / BLOCK) as usize;
            while self.blocks.len() <= block {
                self.blocks.push(number as u32);
            }
        }
        self.blocks.push(self.index.len() as u32);
    }

    /// Puts what was written of a document into `buffer`; false where nothing was.
    pub fn get(&self, document: u32, buffer: &mut Vec<u8>) -> Result<bool, Error> {
        let block = (document / BLOCK) as usize;
        let Some([first, end]) = self.blocks.get(block..block + 2) else { return Ok(false) };
        let block = &self.index[*first as usize..*end as usize];
        let Ok(found) = block.binary_search_by_key(&document, |place| place.document) else { return Ok(false) };
        let place = block[found];
        buffer.resize(place.length as usize, 0);
        self.file.read(buffer, place.place)?;
        Ok(true)
    }
}

impl DocumentWriter<'_> {
    /// Keeps what `write` appends for a document.
    pub fn push(&mut self, document: u32, write: impl FnOnce(&mut Vec<u8>)) -> Result<(), Error> {
        let start = self.bytes.len();
        write(&mut self.bytes);
        self.places.push(Place { document, length: (self.bytes.len() - start) as u32, place: start as u64 });
        if self.bytes.len() >= PIECE { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> Result<(), Error> {
        let place = self.store.file.append(&self.bytes)?;
        self.places[self.written..].iter_mut().for_each(|entry| entry.place += place);
        self.written = self.places.len();
        self.bytes.clear();
        Ok(())
    }

    /// To be called after the task's last document.
    pub fn finish(mut self) -> Result<(), Error> {
        self.flush()?;
        self.store.written.lock().unwrap_or_else(PoisonError::into_inner).append(&mut self.places);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_document_has_what_was_written_of_it() {
        let folder = tempfile::tempdir().unwrap();
        let mut store = ByDocument::create(folder.path().join("store")).unwrap();
        // Gaps of all sizes, in two tasks that are written at once.
        let numbers: Vec<u32> = (0..3000u32).map(|n| n * n / 7).collect();
        let (mut even, mut odd) = (store.writer(), store.writer());
        for (place, number) in
            numbers.iter().enumerate().filter(|(place, number)| *place == 0 || numbers[place - 1] != **number)
        {
            let writer = if place % 2 == 0 { &mut even } else { &mut odd };
            writer.push(*number, |bytes| bytes.extend(number.to_string().repeat(place % 3).bytes())).unwrap();
        }
        odd.finish().unwrap();
        even.finish().unwrap();
        store.sort();
        let mut buffer = Vec::new();
        for number in 0..2_000_000u32 {
            let found = store.get(number, &mut buffer).unwrap();
            assert_eq!(found, numbers.binary_search(&number).is_ok(), "{number}");
            if found {
                let text = String::from_utf8(buffer.clone()).unwrap();
                assert!(text.is_empty() || text.replace(&number.to_string(), "").is_empty(), "{number}: {text}");
            }
        }
        assert!(!store.get(u32::MAX, &mut buffer).unwrap());
    }
}
