//! An LZ4 file of any number of frames, which knows where each begins: behind a broken one, reading goes on at the next.
//! Format: github.com/lz4/lz4, "LZ4 Frame Format Description" 1.6.4.

use std::{
    fs::File,
    io::{self, BufRead, Read, Seek, SeekFrom},
    ops::Range,
};

use lz4_flex::frame::FrameDecoder;

use crate::{
    decompress::{MAX_TRIALS, START},
    stored::{Stored, find_start},
};

/// How a frame begins.
const MAGIC: [u8; 4] = [0x04, 0x22, 0x4d, 0x18];

pub(crate) struct Lz4Frames {
    decoder: FrameDecoder<Stored>,
    /// Where the current frame begins in the file.
    pub(crate) frame: u64,
    /// Whether the current frame has been read to its end.
    is_between: bool,
    broken: bool,
    ended: bool,
    trials_left: u32,
}

impl Lz4Frames {
    pub(crate) fn at(file: File, position: u64) -> Lz4Frames {
        Lz4Frames::in_range(file, &(position..u64::MAX))
    }

    /// The frames of a range of the file, which stands at its start.
    pub(crate) fn in_range(file: File, range: &Range<u64>) -> Lz4Frames {
        Lz4Frames {
            decoder: FrameDecoder::new(Stored::new(file, range)),
            frame: range.start,
            is_between: true,
            broken: false,
            ended: false,
            trials_left: MAX_TRIALS,
        }
    }

    /// Bytes of one frame at most; 0 at the end of the file. After an error there is nothing to read until `resume_at` has
    /// been called.
    pub(crate) fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while !self.ended {
            if self.broken {
                return Err(io::Error::new(io::ErrorKind::InvalidData, "an LZ4 frame is broken"));
            }
            match self.read_frame(buffer) {
                Ok(0) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => return Err(error),
                result => {
                    self.broken = result.is_err();
                    return result;
                }
            }
        }
        Ok(0)
    }

    /// Some bytes, or none where a frame ends.
    fn read_frame(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.is_between {
            let stored = self.decoder.get_mut();
            self.ended = stored.fill_buf()?.is_empty();
            self.frame = stored.offset();
            if self.ended {
                return Ok(0);
            }
            self.is_between = false;
        }
        let count = self.decoder.read(buffer)?;
        if count == 0 && !buffer.is_empty() {
            // The decoder takes the end of the file for the end of the frame.
            if self.decoder.get_ref().was_short {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            self.is_between = true;
        }
        Ok(count)
    }

    /// Goes on at the first frame at or behind `position` whose content begins as wanted, and says whether there is one.
    pub(crate) fn resume_at(&mut self, position: u64, is_wanted: &dyn Fn(&[u8]) -> bool) -> io::Result<bool> {
        let mut file = self.decoder.get_ref().file.try_clone()?;
        let found = find_start(&mut file, position, &MAGIC, &mut self.trials_left, &mut |file, candidate| {
            start_of_frame(file, candidate).map(|start| !start.is_empty() && is_wanted(&start))
        })?;
        match found {
            Some(position) => {
                file.seek(SeekFrom::Start(position))?;
                *self = Lz4Frames { trials_left: self.trials_left, ..Lz4Frames::at(file, position) };
            }
            None => self.ended = true,
        }
        Ok(found.is_some())
    }
}

/// The first bytes, [`START`] at most, that come out of a frame at `position`; none if no frame begins there, or an empty or
/// broken one.
pub(crate) fn start_of_frame(file: &mut File, position: u64) -> io::Result<Vec<u8>> {
    file.seek(SeekFrom::Start(position))?;
    let mut start = vec![0; START];
    let count = match FrameDecoder::new(&mut *file).read(&mut start) {
        Ok(count) => count,
        Err(error) if error.raw_os_error().is_some() => return Err(error),
        Err(_) => 0,
    };
    start.truncate(count);
    Ok(start)
}
