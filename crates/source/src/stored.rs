//! The bytes of a compressed file, through a window that knows where it stands.

use std::{
    fs::File,
    io::{self, BufRead, Read},
    ops::Range,
};

use crate::decompress::STEP;

/// The bytes of the compressed file, through a window that knows where it stands.
pub(crate) struct Stored {
    pub(crate) file: File,
    /// Bytes read and not consumed are `start..end`; what lies behind is room.
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    /// Position of `buffer[end]` in the file.
    position: u64,
    /// Where the bytes end that are read.
    limit: u64,
    /// Whether nothing lies behind `end`, as far as was seen.
    pub(crate) is_all: bool,
    /// Whether bytes were asked for that are not there.
    pub(crate) was_short: bool,
}

impl Stored {
    /// The bytes of `range`; `file` stands at its start.
    pub(crate) fn new(file: File, range: &Range<u64>) -> Stored {
        let Range { start: position, end: limit } = *range;
        Stored { file, buffer: Vec::new(), start: 0, end: 0, position, limit, is_all: false, was_short: false }
    }

    pub(crate) fn rest(&self) -> &[u8] {
        &self.buffer[self.start..self.end]
    }

    pub(crate) fn offset(&self) -> u64 {
        self.position - (self.end - self.start) as u64
    }

    /// Reads until `count` bytes are there or the file ends.
    pub(crate) fn hold(&mut self, count: usize) -> io::Result<()> {
        while self.end - self.start < count && !self.is_all {
            self.read_more()?;
        }
        Ok(())
    }

    fn read_more(&mut self) -> io::Result<()> {
        // What is left is moved to the front once all the room behind it is used up, so that no byte is moved often.
        if self.buffer.len() - self.end < STEP {
            self.buffer.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
            if self.buffer.len() - self.end < STEP {
                let room = (2 * self.buffer.len()).max(self.end + STEP);
                self.buffer.resize(room, 0);
            }
        }
        let most = (self.limit - self.position).min(STEP as u64) as usize;
        let room = self.end..self.end + most;
        let count = self.file.read(&mut self.buffer[room])?;
        self.end += count;
        self.position += count as u64;
        self.is_all = count == 0;
        Ok(())
    }
}

impl Read for Stored {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.fill_buf()?.read(buffer)?;
        self.was_short |= count == 0 && !buffer.is_empty();
        self.consume(count);
        Ok(count)
    }
}

impl BufRead for Stored {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.start == self.end {
            self.read_more()?;
        }
        Ok(self.rest())
    }

    fn consume(&mut self, count: usize) {
        self.start += count;
    }
}
