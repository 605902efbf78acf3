//! The bytes of a file after decompression, through a window that its reader moves along.

use std::{
    collections::VecDeque,
    fs::File,
    io::{self, BufRead, BufReader, Read, Seek, SeekFrom},
    path::{Path, PathBuf},
};

use document::FaultKind;
use flate2::bufread::GzDecoder;
use memchr::memmem;

use crate::Error;

/// Bytes read at once. 256 KiB is where reading stops getting faster.
const STEP: usize = 256 << 10;

/// How many gzip headers that lead nowhere are tried behind damage, so that a file made of them costs bounded work.
const MAX_TRIALS: u32 = 10_000;

/// What a file is compressed with, by its first bytes; its name may lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Compression {
    None,
    Gzip,
    Zstd,
    /// Known and not read.
    Other(&'static str),
}

impl Compression {
    pub(crate) fn of(start: &[u8]) -> Compression {
        match start {
            [0x1f, 0x8b, ..] => Compression::Gzip,
            // The second is a skippable frame, with which pzstd begins.
            [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Compression::Zstd,
            [0x04, 0x22, 0x4d, 0x18, ..] => Compression::Other("lz4"),
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
    /// Where gzip members begin: position in the decompressed file, and in the file itself. Those before `offset` but
    /// the last one are forgotten.
    members: VecDeque<(u64, u64)>,
}

enum Stream {
    Plain(File),
    Gzip(Box<Gzip>),
    Zstd(Box<zstd::stream::read::Decoder<'static, BufReader<File>>>),
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
            Compression::Gzip => Stream::Gzip(Box::new(Gzip::at(file, 0))),
            Compression::Zstd => {
                let mut file = file;
                let dictionary = zstd_dictionary(&mut file, &start).map_err(|error| machine(path, error))?;
                let reader = BufReader::new(file);
                let decoder = zstd::stream::read::Decoder::with_dictionary(reader, &dictionary)
                    .map_err(|error| machine(path, error))?;
                Stream::Zstd(Box::new(decoder))
            }
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

    fn over(stream: Stream, path: &Path, offset: u64) -> Window {
        let bytes = std::fs::metadata(path).map_or(STEP as u64, |it| it.len());
        let step = bytes.saturating_mul(4).clamp(512, STEP as u64) as usize;
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
                Stream::Gzip(gzip) => gzip.read(&mut self.buffer[length..]),
                Stream::Zstd(decoder) => decoder.read(&mut self.buffer[length..]),
            };
            if !matches!(&result, Err(error) if error.kind() == io::ErrorKind::Interrupted) {
                break result;
            }
        };
        if let (Stream::Gzip(gzip), Ok(_)) = (&self.stream, &result) {
            let position = self.offset + length as u64;
            if self.members.back().is_none_or(|(_, member)| *member != gzip.member) {
                self.members.push_back((position, gzip.member));
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
            let after = self.offset + length as u64;
            let (kind, what) = match error.kind() {
                io::ErrorKind::UnexpectedEof => (FaultKind::Truncated, "ends too early".to_owned()),
                _ => (FaultKind::Damaged, format!("is damaged ({error})")),
            };
            let message = format!("the compressed data {what} after {after} bytes of content; fetch the file again");
            Trouble::Content(kind, message)
        })
    }

    /// Where the gzip member that holds the byte at `offset` begins in the file, and whether it begins with that byte.
    pub(crate) fn member_at(&self, offset: u64) -> Option<(u64, bool)> {
        let (start, member) = self.members.iter().rev().find(|(start, _)| *start <= offset)?;
        Some((*member, *start == offset))
    }

    /// The bytes of the file that hold these decompressed ones, if they are whole members.
    pub(crate) fn stored_range(&self, offset: u64, length: u64) -> Option<(u64, u64)> {
        let (first, begins) = self.member_at(offset)?;
        let (_, next) = self.members.iter().find(|(start, _)| *start >= offset.saturating_add(length))?;
        begins.then(|| (first, next - first))
    }

    /// How many gzip members have been met.
    pub(crate) fn members(&self) -> usize {
        self.members.len()
    }

    /// Where the gzip member begins in which reading now stands.
    pub(crate) fn current_member(&self) -> Option<u64> {
        match &self.stream {
            Stream::Gzip(gzip) => Some(gzip.member),
            _ => None,
        }
    }

    /// The gzip member that broke, if `fill` met one and nothing has told so yet.
    pub(crate) fn broken_member(&self) -> Option<u64> {
        self.pending.as_ref().and(self.current_member())
    }

    /// Opens a gzip file at the first member that begins at or behind `from`; none if there is no such member.
    pub(crate) fn open_at_member(path: &Path, from: u64) -> Result<Option<Window>, Error> {
        let file = File::open(path).map_err(Error::io(path))?;
        let mut gzip = Gzip::at(file, from);
        gzip.member = from.wrapping_sub(1);
        if !gzip.resume().map_err(Error::io(path))? {
            return Ok(None);
        }
        Ok(Some(Window::over(Stream::Gzip(Box::new(gzip)), path, 0)))
    }

    /// After damage in a gzip file: goes on at the next member, if there is one. What is in the window is dropped,
    /// and offsets go on as if the lost bytes did not exist, for nobody knows how many they were.
    pub(crate) fn resume(&mut self) -> Result<bool, Error> {
        let Stream::Gzip(gzip) = &mut self.stream else { return Ok(false) };
        self.offset += (self.end - self.start) as u64;
        self.start = self.end;
        gzip.resume().map_err(Error::io(&self.path))
    }
}

/// The longest dictionary of a zstd file that is read.
const MAX_DICTIONARY: u64 = 8 << 20;

/// The dictionary that a WARC file in zstd may bring along, in a skippable frame of its own at the start; empty if none.
/// Format: iipc.github.io/warc-specifications, "Zstandard compression for WARC files".
fn zstd_dictionary(file: &mut File, start: &[u8]) -> io::Result<Vec<u8>> {
    let [0x5d, 0x2a, 0x4d, 0x18, size @ ..] = start else { return Ok(Vec::new()) };
    let Ok(size) = <[u8; 4]>::try_from(size).map(u32::from_le_bytes) else { return Ok(Vec::new()) };
    if u64::from(size) > MAX_DICTIONARY {
        return Ok(Vec::new());
    }
    file.seek(SeekFrom::Start(8))?;
    let mut frame = Vec::new();
    file.take(u64::from(size)).read_to_end(&mut frame)?;
    file.rewind()?;
    if frame.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]) {
        let mut dictionary = Vec::new();
        zstd::stream::read::Decoder::new(&frame[..])?.take(MAX_DICTIONARY).read_to_end(&mut dictionary)?;
        return Ok(dictionary);
    }
    Ok(frame)
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

/// A gzip file of any number of members. flate2's own decoder for several members cannot go on behind a broken one.
struct Gzip {
    /// Always there but for the moment in which one member's decoder gives its reader to the next.
    decoder: Option<GzDecoder<BufReader<Counted>>>,
    /// Where the current member begins in the compressed file.
    member: u64,
    broken: bool,
    ended: bool,
    trials_left: u32,
}

impl Gzip {
    fn at(file: File, position: u64) -> Gzip {
        let decoder = GzDecoder::new(BufReader::with_capacity(32 << 10, Counted { file, position }));
        Gzip { decoder: Some(decoder), member: position, broken: false, ended: false, trials_left: MAX_TRIALS }
    }

    /// After an error there is nothing to read until `resume` has been called.
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
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

    /// Looks for the next member behind the start of the broken one and says whether there is one.
    fn resume(&mut self) -> io::Result<bool> {
        let mut file = self.decoder().get_ref().get_ref().file.try_clone()?;
        let mut position = self.member.wrapping_add(1);
        let mut piece = vec![0; STEP];
        loop {
            file.seek(SeekFrom::Start(position))?;
            let count = read_full(&mut file, &mut piece)?;
            for at in memmem::find_iter(&piece[..count], &[0x1f, 0x8b, 8]) {
                let candidate = position + at as u64;
                if self.trials_left > 0 && {
                    self.trials_left -= 1;
                    is_member(&mut file, candidate)?
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
        *self = Gzip { trials_left, ..Gzip::at(file, position) };
        Ok(())
    }
}

/// Whether a gzip member that can be inflated begins here: four bytes of a header occur by chance inside any large
/// file, but inflating random bytes fails within a few.
fn is_member(file: &mut File, position: u64) -> io::Result<bool> {
    file.seek(SeekFrom::Start(position))?;
    let mut start = Vec::new();
    file.take(4096).read_to_end(&mut start)?;
    let result = GzDecoder::new(&start[..]).take(1 << 20).read_to_end(&mut Vec::new());
    Ok(result.map_or_else(|error| error.kind() == io::ErrorKind::UnexpectedEof, |count| count > 0))
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
