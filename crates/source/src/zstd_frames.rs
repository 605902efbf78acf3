//! A zstd file of any number of frames, which knows where each begins.

use std::{
    fs::File,
    io::{self, Read, Seek, SeekFrom},
    path::Path,
};

use zstd::stream::raw::{Decoder, InBuffer, Operation, OutBuffer};

use crate::{
    decompress::{START, STEP, read_full},
    parts::Parts,
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
    frame: u64,
    /// Whether the current frame has been read to its end.
    is_between: bool,
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
        })
    }

    fn refill(&mut self) -> io::Result<()> {
        self.input.resize(STEP / 2, 0);
        self.start = 0;
        let read = self.file.read(&mut self.input);
        self.input.truncate(*read.as_ref().unwrap_or(&0));
        self.position += self.input.len() as u64;
        read.map(|_| ())
    }
}

impl Parts for Frames {
    fn mark(&self) -> &'static [u8] {
        &MAGIC
    }

    fn read_on(&mut self, buffer: &mut [u8]) -> io::Result<Option<usize>> {
        loop {
            if self.start == self.input.len() {
                self.refill()?;
            }
            if self.is_between {
                self.frame = self.position - (self.input.len() - self.start) as u64;
                if self.input.is_empty() {
                    return Ok(None);
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
                return Ok(Some(count));
            }
            if left != 0 && taken == 0 && self.input.is_empty() {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }

    fn current(&self) -> u64 {
        self.frame
    }

    fn start_in(&self, file: &mut File, position: u64) -> io::Result<Vec<u8>> {
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

    fn move_to(&mut self, position: u64) -> io::Result<()> {
        self.file.seek(SeekFrom::Start(position))?;
        self.decoder.reinit()?;
        self.input.clear();
        (self.start, self.position, self.frame, self.is_between) = (0, position, position, true);
        Ok(())
    }

    fn file(&self) -> io::Result<File> {
        self.file.try_clone()
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
