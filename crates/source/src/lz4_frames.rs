//! An LZ4 file of any number of frames, which knows where each begins.
//! Format: github.com/lz4/lz4, "LZ4 Frame Format Description" 1.6.4.

use std::{
    fs::File,
    io::{self, BufRead, Read, Seek, SeekFrom},
    ops::Range,
};

use lz4_flex::frame::FrameDecoder;

use crate::{decompress::START, parts::Parts, stored::Stored};

pub(crate) struct Lz4Frames {
    decoder: FrameDecoder<Stored>,
    /// Where the current frame begins in the file.
    frame: u64,
    /// Whether the current frame has been read to its end.
    is_between: bool,
}

impl Lz4Frames {
    /// The frames of a range of the file, which stands at its start.
    pub(crate) fn in_range(file: File, range: &Range<u64>) -> Lz4Frames {
        let decoder = FrameDecoder::new(Stored::new(file, range));
        Lz4Frames { decoder, frame: range.start, is_between: true }
    }
}

impl Parts for Lz4Frames {
    fn mark(&self) -> &'static [u8] {
        &[0x04, 0x22, 0x4d, 0x18]
    }

    fn read_on(&mut self, buffer: &mut [u8]) -> io::Result<Option<usize>> {
        if self.is_between {
            let stored = self.decoder.get_mut();
            let is_end = stored.fill_buf()?.is_empty();
            self.frame = stored.offset();
            if is_end {
                return Ok(None);
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
        Ok(Some(count))
    }

    fn current(&self) -> u64 {
        self.frame
    }

    fn start_in(&self, file: &mut File, position: u64) -> io::Result<Vec<u8>> {
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

    fn move_to(&mut self, position: u64) -> io::Result<()> {
        let mut file = self.file()?;
        file.seek(SeekFrom::Start(position))?;
        *self = Lz4Frames::in_range(file, &(position..u64::MAX));
        Ok(())
    }

    fn file(&self) -> io::Result<File> {
        self.decoder.get_ref().file.try_clone()
    }
}
