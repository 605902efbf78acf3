//! A zstd file of any number of frames, which knows where each begins: behind a broken one, reading goes on at the next.

use std::{
    fs::File,
    io::{self, Read, Seek, SeekFrom},
    path::Path,
};

use zstd::stream::raw::{Decoder, InBuffer, Operation, OutBuffer};

use crate::{
    decompress::{MAX_TRIALS, START, STEP, read_full},
    stored::find_start,
};

/// How a frame begins.
const MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

/// The longest dictionary of a zstd file that is read.
const MAX_DICTIONARY: u64 = 8 << 20;

/// Compressed bytes of a frame that are tried: more than a block has, so that something comes out of a good one.
const TRIAL: u64 = 136 << 10;

pub(crate) struct Frames {
    file: File,
    decoder: Decoder<'static>,
    dictionary: Vec<u8>,
    /// Read from the file and not decompressed is `input[start..]`.
    input: Vec<u8>,
    start: usize,
    /// Where the byte behind `input` lies in the file.
    position: u64,
    /// Where the current frame begins in the file.
    pub(crate) frame: u64,
    /// Whether the current frame has been read to its end.
    is_between: bool,
    broken: bool,
    ended: bool,
    trials_left: u32,
}

impl Frames {
    /// Starts at the first byte of the file; `path` is the file's.
    pub(crate) fn open(path: &Path) -> io::Result<Frames> {
        let mut file = File::open(path)?;
        let dictionary = dictionary(&mut file)?;
        file.rewind()?;
        Ok(Frames {
            decoder: Decoder::with_dictionary(&dictionary)?,
            file,
            dictionary,
            input: Vec::new(),
            start: 0,
            position: 0,
            frame: 0,
            is_between: true,
            broken: false,
            ended: false,
            trials_left: MAX_TRIALS,
        })
    }

    /// Bytes of one frame at most; 0 at the end of the file. After an error there is nothing to read until `resume_at` has
    /// been called.
    pub(crate) fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.broken {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "a zstd frame is broken"));
        }
        let result = self.read_frame(buffer);
        self.broken = result.as_ref().is_err_and(|error| error.kind() != io::ErrorKind::Interrupted);
        result
    }

    fn read_frame(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while !self.ended {
            if self.start == self.input.len() {
                self.refill()?;
            }
            if self.is_between {
                self.frame = self.position - (self.input.len() - self.start) as u64;
                if self.input.is_empty() {
                    self.ended = true;
                    break;
                }
                self.is_between = false;
            }
            let mut input = InBuffer::around(&self.input[self.start..]);
            let mut output = OutBuffer::around(&mut *buffer);
            let left = self.decoder.run(&mut input, &mut output)?;
            let (taken, count) = (input.pos(), output.pos());
            self.start += taken;
            self.is_between = left == 0;
            if count > 0 {
                return Ok(count);
            }
            if left != 0 && taken == 0 && self.input.is_empty() {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        Ok(0)
    }

    fn refill(&mut self) -> io::Result<()> {
        self.input.resize(STEP / 2, 0);
        self.start = 0;
        let read = self.file.read(&mut self.input);
        self.input.truncate(*read.as_ref().unwrap_or(&0));
        self.position += self.input.len() as u64;
        read.map(|_| ())
    }

    /// Goes on at the first frame at or behind `position` whose content begins as wanted, and says whether there is one.
    pub(crate) fn resume_at(&mut self, position: u64, is_wanted: &dyn Fn(&[u8]) -> bool) -> io::Result<bool> {
        let (mut file, mut trials_left) = (self.file.try_clone()?, self.trials_left);
        let found = find_start(&mut file, position, &MAGIC, &mut trials_left, &mut |file, candidate| {
            self.start_in(file, candidate).map(|start| !start.is_empty() && is_wanted(&start))
        })?;
        self.trials_left = trials_left;
        match found {
            Some(position) => self.move_to(position)?,
            None => self.ended = true,
        }
        Ok(found.is_some())
    }

    /// Goes on at a frame.
    pub(crate) fn move_to(&mut self, position: u64) -> io::Result<()> {
        self.file.seek(SeekFrom::Start(position))?;
        self.decoder.reinit()?;
        self.input.clear();
        (self.start, self.position, self.frame) = (0, position, position);
        (self.is_between, self.broken, self.ended) = (true, false, false);
        Ok(())
    }

    /// The first bytes, [`START`] at most, that come out of a frame at `position`; none if no frame begins there, or an
    /// empty or broken one.
    pub(crate) fn start_in(&self, file: &mut File, position: u64) -> io::Result<Vec<u8>> {
        file.seek(SeekFrom::Start(position))?;
        let mut stored = Vec::new();
        file.take(TRIAL).read_to_end(&mut stored)?;
        let mut start = vec![0; START];
        let mut output = OutBuffer::around(&mut start[..]);
        let tried = Decoder::with_dictionary(&self.dictionary)?.run(&mut InBuffer::around(&stored), &mut output);
        let count = output.pos();
        start.truncate(if tried.is_ok() { count } else { 0 });
        Ok(start)
    }
}

/// The dictionary that a WARC file in zstd may bring along, in a skippable frame of its own at the start; empty if none.
/// Format: iipc.github.io/warc-specifications, "Zstandard compression for WARC files".
fn dictionary(file: &mut File) -> io::Result<Vec<u8>> {
    let mut start = [0; 8];
    if read_full(file, &mut start)? < start.len() {
        return Ok(Vec::new());
    }
    let [0x5d, 0x2a, 0x4d, 0x18, size @ ..] = start else { return Ok(Vec::new()) };
    let size = u64::from(u32::from_le_bytes(size));
    if size > MAX_DICTIONARY {
        return Ok(Vec::new());
    }
    let mut frame = Vec::new();
    file.take(size).read_to_end(&mut frame)?;
    if frame.starts_with(&MAGIC) {
        let mut dictionary = Vec::new();
        zstd::stream::read::Decoder::new(&frame[..])?.take(MAX_DICTIONARY).read_to_end(&mut dictionary)?;
        return Ok(dictionary);
    }
    Ok(frame)
}
