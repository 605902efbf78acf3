//! What gzip members, zstd and LZ4 frames have in common: a compressed file is a row of them, each can be read by itself,
//! and behind a broken one reading goes on at the next.

use std::{
    fs::File,
    io::{self, Seek, SeekFrom},
};

use memchr::memmem;

use crate::decompress::{MAX_TRIALS, STEP, read_full};

/// The members or frames of one file, read one after the other.
pub(crate) trait Parts {
    /// What a part begins with.
    fn mark(&self) -> &'static [u8];

    /// Some bytes of one part, 0 where it ends, nothing at the end of the file.
    fn read_on(&mut self, buffer: &mut [u8]) -> io::Result<Option<usize>>;

    /// Where the current part begins in the file.
    fn current(&self) -> u64;

    /// The first bytes, [`crate::decompress::START`] at most, that come out of a part at `position`; none if no part begins
    /// there, or an empty or broken one: a mark occurs by chance inside any large file, but decompressing random bytes fails
    /// within a few.
    fn start_in(&self, file: &mut File, position: u64) -> io::Result<Vec<u8>>;

    /// Goes on at the part that begins at `position`.
    fn move_to(&mut self, position: u64) -> io::Result<()>;

    /// The file once more.
    fn file(&self) -> io::Result<File>;
}

/// Parts of which a broken one costs itself.
pub(crate) struct Resumable {
    parts: Box<dyn Parts>,
    broken: bool,
    ended: bool,
    trials_left: u32,
}

impl Resumable {
    pub(crate) fn new(parts: impl Parts + 'static) -> Resumable {
        Resumable { parts: Box::new(parts), broken: false, ended: false, trials_left: MAX_TRIALS }
    }

    pub(crate) fn current(&self) -> u64 {
        self.parts.current()
    }

    pub(crate) fn start_in(&self, file: &mut File, position: u64) -> io::Result<Vec<u8>> {
        self.parts.start_in(file, position)
    }

    /// Bytes of one part at most; 0 at the end of the file. After an error there is nothing to read until `resume_at` has been
    /// called.
    pub(crate) fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while !self.ended {
            if self.broken {
                return Err(io::Error::new(io::ErrorKind::InvalidData, "a part of the file is broken"));
            }
            match self.parts.read_on(buffer) {
                Ok(Some(0)) => {}
                Ok(Some(count)) => return Ok(count),
                Ok(None) => self.ended = true,
                Err(error) => {
                    self.broken = error.kind() != io::ErrorKind::Interrupted;
                    return Err(error);
                }
            }
        }
        Ok(0)
    }

    /// Goes on at the first part at or behind `position` whose content begins as wanted, and says whether there is one.
    pub(crate) fn resume_at(&mut self, position: u64, is_wanted: &dyn Fn(&[u8]) -> bool) -> io::Result<bool> {
        let found = self.find(position, is_wanted)?;
        match found {
            Some(position) => {
                self.parts.move_to(position)?;
                self.broken = false;
            }
            None => self.ended = true,
        }
        Ok(found.is_some())
    }

    fn find(&mut self, mut position: u64, is_wanted: &dyn Fn(&[u8]) -> bool) -> io::Result<Option<u64>> {
        let mark = self.parts.mark();
        let mut file = self.parts.file()?;
        let mut piece = vec![0; STEP];
        loop {
            file.seek(SeekFrom::Start(position))?;
            let count = read_full(&mut file, &mut piece)?;
            for at in memmem::find_iter(&piece[..count], mark) {
                if self.trials_left == 0 {
                    return Ok(None);
                }
                self.trials_left -= 1;
                let candidate = position + at as u64;
                let start = self.parts.start_in(&mut file, candidate)?;
                if !start.is_empty() && is_wanted(&start) {
                    return Ok(Some(candidate));
                }
            }
            if count < piece.len() {
                return Ok(None);
            }
            position += (count + 1 - mark.len()) as u64;
        }
    }
}
