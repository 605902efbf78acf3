//! The bytes of a file after decompression, through a window that its reader moves along.

use std::{
    collections::VecDeque,
    fs::File,
    io::{self, Read, Seek, SeekFrom},
    ops::Range,
    path::{Path, PathBuf},
};

use document::{FaultKind, Place};

use crate::{
    Error,
    gzip_members::Members,
    lz4_frames::Lz4Frames,
    parts::{Parts, Resumable},
    zstd_frames::Frames,
};

/// Bytes read at once. 256 KiB is where reading stops getting faster.
pub(crate) const STEP: usize = 256 << 10;

/// How much of a member's or frame's content is looked at to tell what it is.
pub(crate) const START: usize = 4096;

/// How many headers of members and frames that lead nowhere are tried behind damage, so that a file made of them costs bounded work.
pub(crate) const MAX_TRIALS: u32 = 10_000;

/// What a file is compressed with, by its first bytes; its name may lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Compression {
    None,
    Gzip,
    Zstd,
    Lz4,
    /// Known and not read.
    Other(&'static str),
}

impl Compression {
    pub(crate) fn of(start: &[u8]) -> Compression {
        match start {
            [0x1f, 0x8b, ..] => Compression::Gzip,
            // The second is a skippable frame, with which pzstd begins.
            [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Compression::Zstd,
            [0x04, 0x22, 0x4d, 0x18, ..] => Compression::Lz4,
            [b'B', b'Z', b'h', b'1'..=b'9', ..] => Compression::Other("bzip2"),
            [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Compression::Other("xz"),
            _ => Compression::None,
        }
    }
}

/// Why no more bytes come.
#[derive(Debug)]
pub(crate) enum Trouble {
    /// The machine: the whole reading ends.
    Machine(Error),
    /// The content: a fault.
    Content(FaultKind, String),
}

impl Trouble {
    /// The machine's error alone: trouble with content is told again by what is read next.
    pub(crate) fn machine(self) -> Result<(), Error> {
        match self {
            Trouble::Machine(error) => Err(error),
            Trouble::Content(..) => Ok(()),
        }
    }
}

/// A window over the bytes of a file. `bytes` is what has been read and not consumed.
pub(crate) struct Window {
    stream: Stream,
    path: PathBuf,
    /// Read and not consumed is `start..end`; what lies behind is room, zeroed once and not for every read.
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    /// Position of `bytes()[0]` in the decompressed file.
    offset: u64,
    /// Bytes asked for at once: less than `STEP` where the file is small.
    step: usize,
    /// Trouble with content that `fill` met, to be told when what came before it has been used.
    pending: Option<Trouble>,
    /// Where gzip members or frames begin: position in the decompressed file, and in the file itself. Those before `offset` but
    /// the last one are forgotten.
    members: VecDeque<(u64, u64)>,
}

enum Stream {
    Plain(File),
    Compressed(Resumable),
}

impl Window {
    /// Opens a file at its first byte, behind a byte order mark.
    /// Where the whole file is of a kind that is not read, the trouble says so.
    pub(crate) fn open(path: &Path) -> Result<Window, Trouble> {
        let mut window = Window::open_any(path)?;
        let first = window.bytes();
        if first.starts_with(&[0xff, 0xfe]) || first.starts_with(&[0xfe, 0xff]) {
            let message = "the file is UTF-16; convert it to UTF-8, as with `iconv -f UTF-16 -t UTF-8`".to_owned();
            return Err(Trouble::Content(FaultKind::InvalidUtf8, message));
        }
        if first.starts_with("\u{feff}".as_bytes()) {
            window.consume(3);
        }
        Ok(window)
    }

    /// Opens a file of whatever encoding.
    pub(crate) fn open_any(path: &Path) -> Result<Window, Trouble> {
        let (file, start) = first_bytes(path)?;
        let compression = Compression::of(&start);
        let stream = match compression {
            Compression::None => Stream::Plain(file),
            Compression::Gzip => Stream::Compressed(Resumable::new(Members::in_range(file, &(0..u64::MAX)))),
            Compression::Zstd => Stream::Compressed(Resumable::new(Frames::open(path).map_err(|error| {
                if error.raw_os_error().is_some() {
                    return machine(path, error);
                }
                let message =
                    format!("the dictionary at the start of the file is damaged ({error}); fetch the file again");
                Trouble::Content(FaultKind::Damaged, message)
            })?)),
            Compression::Lz4 => Stream::Compressed(Resumable::new(Lz4Frames::in_range(file, &(0..u64::MAX)))),
            Compression::Other(name) => {
                let message = format!("{name} compression is not read; compress the file with zstd or gzip");
                return Err(Trouble::Content(FaultKind::Unsupported, message));
            }
        };
        let mut window = Window::over(stream, path, 0);
        window.fill(64)?;
        let first = window.bytes();
        if compression != Compression::None && Compression::of(first) != Compression::None {
            let message = "the file is compressed twice; decompress it once".to_owned();
            return Err(Trouble::Content(FaultKind::Unsupported, message));
        }
        if first.starts_with(b"version https://git-lfs") {
            return Err(lfs_pointer());
        }
        Ok(window)
    }

    /// Opens a plain file in its middle.
    pub(crate) fn open_at(path: &Path, offset: u64) -> Result<Window, Error> {
        let mut file = File::open(path).map_err(Error::io(path))?;
        file.seek(SeekFrom::Start(offset)).map_err(Error::io(path))?;
        Ok(Window::over(Stream::Plain(file), path, offset))
    }

    /// Opens a file at a range of its stored bytes, which begins where a member, a frame or, in a plain file, a record does,
    /// and looks at what comes first. Nothing much behind the range is read.
    pub(crate) fn open_range(path: &Path, range: &Range<u64>) -> Result<Window, Trouble> {
        let (mut file, mut start) = (File::open(path).map_err(|error| machine(path, error))?, Vec::new());
        let seek = |file: &mut File| file.seek(SeekFrom::Start(range.start));
        let first = seek(&mut file).and_then(|_| (&mut file).take(8).read_to_end(&mut start));
        first.and_then(|_| seek(&mut file)).map_err(|error| machine(path, error))?;
        let stream = match Compression::of(&start) {
            _ if start.is_empty() => {
                let message = "the file ends before the range begins that the list names; fetch the file again";
                return Err(Trouble::Content(FaultKind::Truncated, message.to_owned()));
            }
            Compression::Gzip => Stream::Compressed(Resumable::new(Members::in_range(file, range))),
            Compression::Lz4 => Stream::Compressed(Resumable::new(Lz4Frames::in_range(file, range))),
            Compression::Zstd => {
                let frames = Frames::open(path).and_then(|mut frames| frames.move_to(range.start).map(|()| frames));
                Stream::Compressed(Resumable::new(frames.map_err(|error| machine(path, error))?))
            }
            Compression::None | Compression::Other(_) => Stream::Plain(file),
        };
        let is_plain = matches!(stream, Stream::Plain(_));
        let mut window = Window::over(stream, path, if is_plain { range.start } else { 0 });
        window.step = (range.end - range.start).clamp(512, window.step as u64) as usize;
        window.fill(START)?;
        Ok(window)
    }

    fn over(stream: Stream, path: &Path, offset: u64) -> Window {
        let bytes = std::fs::metadata(path).map_or(STEP as u64, |it| it.len());
        // A gzip member that has room is inflated whole.
        let most = if matches!(stream, Stream::Compressed(_)) { 5 * STEP } else { STEP };
        let step = bytes.saturating_mul(4).clamp(512, most as u64) as usize;
        Window {
            stream,
            path: path.to_owned(),
            buffer: Vec::new(),
            start: 0,
            end: 0,
            offset,
            step,
            pending: None,
            members: VecDeque::new(),
        }
    }

    pub(crate) fn is_plain(&self) -> bool {
        matches!(self.stream, Stream::Plain(_))
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.buffer[self.start..self.end]
    }

    pub(crate) fn offset(&self) -> u64 {
        self.offset
    }

    pub(crate) fn consume(&mut self, count: usize) {
        self.start += count;
        self.offset += count as u64;
        debug_assert!(self.start <= self.end);
    }

    /// Reads until the window holds `count` bytes or no more come. Trouble with content waits for the next `more`.
    pub(crate) fn fill(&mut self, count: usize) -> Result<(), Trouble> {
        while self.bytes().len() < count {
            match self.more() {
                Ok(0) => break,
                Ok(_) => {}
                Err(Trouble::Machine(error)) => return Err(Trouble::Machine(error)),
                Err(content) => {
                    self.pending = Some(content);
                    break;
                }
            }
        }
        Ok(())
    }

    /// Reads on behind `bytes` and says by how many they grew: 0 at the end of the file.
    /// After trouble with content, [`Window::resume`] may find more.
    pub(crate) fn more(&mut self) -> Result<usize, Trouble> {
        if let Some(trouble) = self.pending.take() {
            return Err(trouble);
        }
        if self.start > 0 {
            self.buffer.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        let length = self.end;
        if self.buffer.len() < length + self.step {
            self.buffer.resize(length + self.step, 0);
        }
        let result = loop {
            let result = match &mut self.stream {
                Stream::Plain(file) => file.read(&mut self.buffer[length..]),
                Stream::Compressed(parts) => parts.read(&mut self.buffer[length..]),
            };
            if !matches!(&result, Err(error) if error.kind() == io::ErrorKind::Interrupted) {
                break result;
            }
        };
        if let Some(member) = self.current_member() {
            let position = self.offset + length as u64;
            if self.members.back().is_none_or(|(_, last)| *last != member) {
                self.members.push_back((position, member));
            }
            while self.members.len() > 2 && self.members[1].0 <= self.offset {
                self.members.pop_front();
            }
        }
        self.end += result.as_ref().map_or(0, |count| *count);
        result.map_err(|error| {
            if error.raw_os_error().is_some() {
                return machine(&self.path, error);
            }
            let (kind, what) = match error.kind() {
                io::ErrorKind::UnexpectedEof => (FaultKind::Truncated, "ends too early".to_owned()),
                _ => (FaultKind::Damaged, format!("is damaged ({error})")),
            };
            // How much of a later member came out depends on where reading began.
            let whole = match self.current_member() {
                Some(member) if member > 0 => format!("from byte {member} on {what}"),
                _ => format!("{what} after {} bytes of content", self.offset + length as u64),
            };
            let message = format!("the compressed data {whole}; fetch the file again");
            Trouble::Content(kind, message)
        })
    }

    /// Where the gzip member or frame that holds the byte at `offset` begins in the file, and whether it begins with that byte.
    pub(crate) fn member_at(&self, offset: u64) -> Option<(u64, bool)> {
        let (start, member) = self.members.iter().rev().find(|(start, _)| *start <= offset)?;
        Some((*member, *start == offset))
    }

    /// Names the bytes from `offset` on so that it is the same wherever reading began. In the first member, as in a file
    /// that is not compressed, they are counted from the start of the file.
    pub(crate) fn place_of_bytes(&self, offset: u64, length: u64) -> Place {
        match self.members.iter().rev().find(|(start, _)| *start <= offset) {
            Some((start, record)) if *record > 0 => Place::Inside { record: *record, offset: offset - start, length },
            _ => Place::Bytes { offset, length },
        }
    }

    /// The bytes of the file that hold these decompressed ones and at most `more` behind them, if they are whole members.
    pub(crate) fn stored_range(&self, offset: u64, length: u64, more: u64) -> Option<(u64, u64)> {
        let (first, begins) = self.member_at(offset)?;
        let end = offset.saturating_add(length);
        let (start, next) = self.members.iter().find(|(start, _)| *start >= end)?;
        (begins && start - end <= more).then(|| (first, next - first))
    }

    /// Bytes up to where the next gzip member or frame begins, as far as one has been met.
    pub(crate) fn until_next_member(&self) -> u64 {
        let next = self.members.iter().find(|(start, _)| *start > self.offset);
        next.map_or(u64::MAX, |(start, _)| start - self.offset)
    }

    /// Where the gzip member or frame begins in which reading now stands.
    pub(crate) fn current_member(&self) -> Option<u64> {
        match &self.stream {
            Stream::Plain(_) => None,
            Stream::Compressed(parts) => Some(parts.current()),
        }
    }

    /// The gzip member or frame that broke, if `fill` met one and nothing has told so yet.
    pub(crate) fn broken_member(&self) -> Option<u64> {
        self.pending.as_ref().and(self.current_member())
    }

    /// Goes to the first gzip member or frame at or behind `from` whose content begins as wanted, and says whether
    /// there is one. What is in the window is dropped, and offsets go on as if the bytes between did not exist.
    pub(crate) fn move_to_member(&mut self, from: u64, is_wanted: &dyn Fn(&[u8]) -> bool) -> Result<bool, Error> {
        self.offset += (self.end - self.start) as u64;
        self.start = self.end;
        self.pending = None;
        self.members.clear();
        let moved = match &mut self.stream {
            Stream::Plain(_) => Ok(false),
            Stream::Compressed(parts) => parts.resume_at(from, is_wanted),
        };
        moved.map_err(Error::io(&self.path))
    }

    /// After damage: goes on at the next gzip member or frame, if there is one, as [`Window::move_to_member`] does;
    /// nobody knows how many bytes were lost.
    pub(crate) fn resume(&mut self) -> Result<bool, Error> {
        match self.current_member() {
            Some(member) => self.move_to_member(member + 1, &|_| true),
            None => Ok(false),
        }
    }

    /// The first bytes that come out of the gzip member or frame at `position`, as [`Window::move_to_member`] sees
    /// them; reading goes on where it was.
    pub(crate) fn start_of_member(&self, position: u64) -> Result<Vec<u8>, Error> {
        let start = File::open(&self.path).and_then(|mut file| match &self.stream {
            Stream::Plain(_) => Ok(Vec::new()),
            Stream::Compressed(parts) => parts.start_in(&mut file, position),
        });
        start.map_err(Error::io(&self.path))
    }

    /// Moves in a plain file to the byte at `offset`, at most to its end; in others it does nothing.
    pub(crate) fn seek(&mut self, offset: u64) -> Result<(), Trouble> {
        let Stream::Plain(file) = &mut self.stream else { return Ok(()) };
        let moved = file.metadata().and_then(|it| file.seek(SeekFrom::Start(offset.min(it.len()))));
        self.offset = moved.map_err(|error| machine(&self.path, error))?;
        self.start = self.end;
        Ok(())
    }
}

/// The trouble with a file that Git LFS has not replaced by its content.
pub(crate) fn lfs_pointer() -> Trouble {
    let message = "the file is a Git LFS pointer in place of the data; run `git lfs pull` where it was cloned";
    Trouble::Content(FaultKind::Unsupported, message.to_owned())
}

fn machine(path: &Path, error: io::Error) -> Trouble {
    Trouble::Machine(Error::Io { path: path.to_owned(), error })
}

fn first_bytes(path: &Path) -> Result<(File, Vec<u8>), Trouble> {
    let read = || {
        let mut file = File::open(path)?;
        let mut start = Vec::new();
        (&mut file).take(8).read_to_end(&mut start)?;
        file.rewind()?;
        Ok((file, start))
    };
    read().map_err(|error| machine(path, error))
}

/// Fills `buffer` as far as the file reaches.
pub(crate) fn read_full(file: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match file.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

#[cfg(test)]
pub(crate) mod tests {
    use std::io::Write;

    use super::*;

    pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    pub(crate) fn file(bytes: &[u8]) -> tempfile::NamedTempFile {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(bytes).unwrap();
        file
    }

    /// All bytes, with `|` for each fault after which reading went on, and the last fault.
    fn read_all(bytes: &[u8]) -> (String, Option<(FaultKind, String)>) {
        let file = file(bytes);
        let (mut text, mut last) = (String::new(), None);
        let mut window = match Window::open(file.path()) {
            Ok(window) => window,
            Err(Trouble::Content(kind, message)) => return (text, Some((kind, message))),
            Err(Trouble::Machine(error)) => panic!("{error}"),
        };
        loop {
            text.push_str(&String::from_utf8_lossy(window.bytes()));
            window.consume(window.bytes().len());
            match window.more() {
                Ok(0) => return (text, last),
                Ok(_) => {}
                Err(Trouble::Machine(error)) => panic!("{error}"),
                Err(Trouble::Content(kind, message)) => {
                    last = Some((kind, message));
                    text.push('|');
                    if !window.resume().unwrap() {
                        return (text, last);
                    }
                }
            }
        }
    }

    #[test]
    fn members_and_frames_follow_each_other_and_zeros_are_padding() {
        let members = [gzip("心筋".as_bytes()), gzip("梗塞".as_bytes()), vec![0; 700]].concat();
        assert_eq!(read_all(&members), ("心筋梗塞".to_owned(), None));
        let frame = |text: &str| zstd::encode_all(text.as_bytes(), 1).unwrap();
        assert_eq!(read_all(&[frame("心筋"), frame("梗塞")].concat()), ("心筋梗塞".to_owned(), None));
        assert_eq!(read_all(b""), (String::new(), None));
    }

    #[test]
    fn a_broken_member_costs_itself() {
        let noise: Vec<u8> = (0..4000u32).flat_map(|it| it.wrapping_mul(2_654_435_761).to_le_bytes()).collect();
        let mut broken = gzip(&noise);
        let middle = broken.len() / 2;
        broken[middle..middle + 64].fill(0xff);
        broken.truncate(middle + 100);
        let (text, fault) = read_all(&[gzip("前".as_bytes()), broken, gzip("後".as_bytes())].concat());
        assert!(text.starts_with('前') && text.ends_with("|後"), "{}", text.len());
        assert_eq!(fault.unwrap().0, FaultKind::Damaged);
    }

    #[test]
    fn a_cut_is_reported_with_the_bytes_that_came_before() {
        for whole in [gzip(&[b'x'; 5000]), zstd::encode_all(&[b'x'; 5000][..], 1).unwrap()] {
            let (_, fault) = read_all(&whole[..whole.len() - 3]);
            let (kind, message) = fault.unwrap();
            assert_eq!(kind, FaultKind::Truncated);
            assert!(message.contains("ends too early after "), "{message}");
        }
    }

    #[test]
    fn files_of_kinds_that_are_not_read_say_what_to_do() {
        for (bytes, expected) in [
            (gzip(&gzip(b"x")), "compressed twice"),
            (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n".to_vec(), "git lfs pull"),
            (b"BZh91AY".to_vec(), "bzip2"),
            (b"\xff\xfea\0".to_vec(), "iconv"),
        ] {
            let (text, fault) = read_all(&bytes);
            assert!(text.is_empty() && fault.as_ref().is_some_and(|it| it.1.contains(expected)), "{fault:?}");
        }
    }
}
