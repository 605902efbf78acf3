//! A gzip file of any number of members, which knows where each begins: behind a broken one, reading goes on at the next.

use std::{
    fs::File,
    io::{self, BufRead, BufReader, Read, Seek, SeekFrom},
};

use flate2::bufread::GzDecoder;
use memchr::memmem;

use crate::decompress::{MAX_TRIALS, START, STEP, read_full};

/// flate2's own decoder for several members cannot go on behind a broken one.
pub(crate) struct Members {
    /// Always there but for the moment in which one member's decoder gives its reader to the next.
    decoder: Option<GzDecoder<BufReader<Counted>>>,
    /// Where the current member begins in the compressed file.
    pub(crate) member: u64,
    broken: bool,
    ended: bool,
    trials_left: u32,
}

impl Members {
    pub(crate) fn at(file: File, position: u64) -> Members {
        let decoder = GzDecoder::new(BufReader::with_capacity(32 << 10, Counted { file, position }));
        Members { decoder: Some(decoder), member: position, broken: false, ended: false, trials_left: MAX_TRIALS }
    }

    /// After an error there is nothing to read until `resume` has been called.
    pub(crate) fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while !self.ended {
            if self.broken {
                return Err(io::Error::new(io::ErrorKind::InvalidData, "a gzip member is broken"));
            }
            let result = match self.decoder().read(buffer) {
                Ok(0) => self.next_member().map(|()| 0),
                result => result,
            };
            match result {
                Ok(0) => {}
                Ok(count) => return Ok(count),
                Err(error) => {
                    self.broken = error.kind() != io::ErrorKind::Interrupted;
                    return Err(error);
                }
            }
        }
        Ok(0)
    }

    fn decoder(&mut self) -> &mut GzDecoder<BufReader<Counted>> {
        self.decoder.as_mut().expect("it is put back where it is taken")
    }

    /// At the end of a member: opens the next one. Zeros up to the end of the file are padding, as gzip(1) has it.
    fn next_member(&mut self) -> io::Result<()> {
        let reader = self.decoder().get_mut();
        let first = reader.fill_buf()?.first().copied();
        let position = reader.get_ref().position - reader.buffer().len() as u64;
        let zeros_only = first == Some(0) && only_zeros(reader)?;
        self.member = position;
        match first {
            // The rest of the header is checked by the decoder. Keeping the reader and what it has buffered matters:
            // in WARC files every record is a member.
            Some(0x1f) => {
                self.decoder = self.decoder.take().map(|decoder| GzDecoder::new(decoder.into_inner()));
                Ok(())
            }
            _ if first.is_none() || zeros_only => {
                self.ended = true;
                Ok(())
            }
            _ => Err(io::Error::new(io::ErrorKind::InvalidData, "no gzip member where one should begin")),
        }
    }

    /// Goes on at the first member at or behind `position` whose content begins as wanted, and says whether there is one.
    pub(crate) fn resume_at(&mut self, mut position: u64, is_wanted: &dyn Fn(&[u8]) -> bool) -> io::Result<bool> {
        let mut file = self.decoder().get_ref().get_ref().file.try_clone()?;
        let mut piece = vec![0; STEP];
        loop {
            file.seek(SeekFrom::Start(position))?;
            let count = read_full(&mut file, &mut piece)?;
            for at in memmem::find_iter(&piece[..count], &[0x1f, 0x8b, 8]) {
                let candidate = position + at as u64;
                if self.trials_left > 0 && {
                    self.trials_left -= 1;
                    let start = start_of_member(&mut file, candidate)?;
                    !start.is_empty() && is_wanted(&start)
                } {
                    self.move_to(candidate)?;
                    return Ok(true);
                }
            }
            if count < piece.len() || self.trials_left == 0 {
                self.ended = true;
                return Ok(false);
            }
            position += (count - 2) as u64;
        }
    }

    fn move_to(&mut self, position: u64) -> io::Result<()> {
        let mut file = self.decoder().get_ref().get_ref().file.try_clone()?;
        file.seek(SeekFrom::Start(position))?;
        let trials_left = self.trials_left;
        *self = Members { trials_left, ..Members::at(file, position) };
        Ok(())
    }
}

/// The first bytes, [`START`] at most, that come out of a gzip member at `position`; none if no member begins there, or an
/// empty or broken one: four bytes of a header occur by chance inside any large file, but inflating random bytes fails
/// within a few.
pub(crate) fn start_of_member(file: &mut File, position: u64) -> io::Result<Vec<u8>> {
    file.seek(SeekFrom::Start(position))?;
    let mut stored = Vec::new();
    file.take(4096).read_to_end(&mut stored)?;
    let mut content = Vec::new();
    let result = GzDecoder::new(&stored[..]).take(1 << 20).read_to_end(&mut content);
    if result.is_err_and(|error| error.kind() != io::ErrorKind::UnexpectedEof) {
        content.clear();
    }
    content.truncate(START);
    Ok(content)
}

/// Reads zeros to the end, or up to the first byte that is none.
fn only_zeros(reader: &mut impl BufRead) -> io::Result<bool> {
    loop {
        let bytes = reader.fill_buf()?;
        if bytes.is_empty() {
            return Ok(true);
        }
        if bytes.iter().any(|byte| *byte != 0) {
            return Ok(false);
        }
        let count = bytes.len();
        reader.consume(count);
    }
}

/// A file that knows where it stands.
struct Counted {
    file: File,
    position: u64,
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.file.read(buffer)?;
        self.position += count as u64;
        Ok(count)
    }
}
