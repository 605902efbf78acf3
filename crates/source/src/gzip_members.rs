//! A gzip file of any number of members, which knows where each begins.
//!
//! In web archives each record is a member of some ten kilobytes. Such a member is inflated whole, straight into the
//! reader's buffer, at about twice the rate of a stream; one that is large, broken or cut goes through the stream, which
//! delivers what comes before the damage.

use std::{
    fs::File,
    io::{self, BufRead, Read, Seek, SeekFrom},
    ops::Range,
};

use flate2::bufread::GzDecoder;
use libdeflater::{DecompressionError, Decompressor};
use memchr::memmem;

use crate::{decompress::START, parts::Parts, stored::Stored};

/// What a gzip member begins with: the mark and the only method that there is.
const MARK: [u8; 3] = [0x1f, 0x8b, 8];

/// The smallest member: a header of ten bytes, a block of two, checksum and size.
const SMALLEST: usize = 20;

/// How many compressed bytes are at hand when a member is to be inflated whole: crawls cut their pages at 1 MiB.
const AT_HAND: usize = 1 << 20;

/// How many places are tried as the end of a member. Its mark occurs by chance once in 16 MB.
const MAX_ENDS: usize = 3;

/// flate2's own decoder for several members cannot go on behind a broken one.
pub(crate) struct Members {
    /// Always there but for the moment in which the stream's decoder takes the reader or gives it back.
    reading: Option<Reading>,
    whole: Decompressor,
    /// Where the current member begins in the compressed file.
    member: u64,
}

enum Reading {
    /// At the first byte of a member.
    Between(Stored),
    Inside(Box<GzDecoder<Stored>>),
}

impl Members {
    /// The members of a range of the file, which stands at its start.
    pub(crate) fn in_range(file: File, range: &Range<u64>) -> Members {
        Members {
            reading: Some(Reading::Between(Stored::new(file, range))),
            whole: Decompressor::new(),
            member: range.start,
        }
    }

    /// Whether a member begins here, or the file ends. Zeros up to the end of the file are padding, as gzip(1) has it.
    fn begins_member(&mut self) -> io::Result<bool> {
        let Some(Reading::Between(stored)) = &mut self.reading else { unreachable!("it is between members") };
        let first = stored.fill_buf()?.first().copied();
        let position = stored.offset();
        let zeros_only = first == Some(0) && only_zeros(stored)?;
        self.member = position;
        match first {
            // The rest of the header is checked by the decoder.
            Some(0x1f) => Ok(true),
            _ if first.is_none() || zeros_only => Ok(false),
            _ => Err(io::Error::new(io::ErrorKind::InvalidData, "no gzip member where one should begin")),
        }
    }

    fn stored(&self) -> &Stored {
        match self.reading.as_ref().expect("it is put back where it is taken") {
            Reading::Between(stored) => stored,
            Reading::Inside(decoder) => decoder.get_ref(),
        }
    }
}

impl Parts for Members {
    fn mark(&self) -> &'static [u8] {
        &MARK
    }

    fn read_on(&mut self, buffer: &mut [u8]) -> io::Result<Option<usize>> {
        if let Some(Reading::Inside(decoder)) = &mut self.reading {
            let count = decoder.read(buffer)?;
            if count == 0 {
                self.reading = self.reading.take().map(|it| Reading::Between(it.into_stored()));
            }
            return Ok(Some(count));
        }
        if !self.begins_member()? {
            return Ok(None);
        }
        let Some(Reading::Between(stored)) = &mut self.reading else { unreachable!("it is between members") };
        stored.hold(AT_HAND)?;
        if let Some((length, count)) = whole_member(&mut self.whole, stored.rest(), stored.is_all, buffer) {
            stored.consume(length);
            return Ok(Some(count));
        }
        self.reading = self.reading.take().map(|it| Reading::Inside(Box::new(GzDecoder::new(it.into_stored()))));
        self.read_on(buffer)
    }

    fn current(&self) -> u64 {
        self.member
    }

    fn start_in(&self, file: &mut File, position: u64) -> io::Result<Vec<u8>> {
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

    fn move_to(&mut self, position: u64) -> io::Result<()> {
        let mut file = self.file()?;
        file.seek(SeekFrom::Start(position))?;
        *self = Members::in_range(file, &(position..u64::MAX));
        Ok(())
    }

    fn file(&self) -> io::Result<File> {
        self.stored().file.try_clone()
    }
}

impl Reading {
    fn into_stored(self) -> Stored {
        match self {
            Reading::Between(stored) => stored,
            Reading::Inside(decoder) => decoder.into_inner(),
        }
    }
}

/// Inflates the member at the start of `stored` into `buffer`, if all of it is there, sound, and has room: its stored and
/// its inflated length. `is_all` says that the file ends behind `stored`.
fn whole_member(whole: &mut Decompressor, stored: &[u8], is_all: bool, buffer: &mut [u8]) -> Option<(usize, usize)> {
    let behind = stored.get(SMALLEST..)?;
    let ends = memmem::find_iter(behind, &MARK).map(|at| SMALLEST + at).chain(is_all.then_some(stored.len()));
    for end in ends.take(MAX_ENDS) {
        let member = &stored[..end];
        match whole.gzip_decompress(member, buffer) {
            // The library does not say where it stopped. The member ends here if its last bytes are what they must be.
            Ok(count) if member.ends_with(&trailer(&buffer[..count])) => return Some((end, count)),
            Ok(_) | Err(DecompressionError::InsufficientSpace) => return None,
            Err(DecompressionError::BadData) => {}
        }
    }
    None
}

/// The last eight bytes of a member: the checksum and the size, modulo 2^32, of its content. RFC 1952, 2.3.1.
fn trailer(content: &[u8]) -> [u8; 8] {
    let [a, b, c, d] = libdeflater::crc32(content).to_le_bytes();
    let [e, f, g, h] = (content.len() as u32).to_le_bytes();
    [a, b, c, d, e, f, g, h]
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

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::{Compression, GzBuilder};
    use proptest::prelude::*;

    use super::*;
    use crate::{decompress::tests::file, parts::Resumable};

    fn member(content: &[u8], level: u32, name: &str) -> Vec<u8> {
        let builder = if name.is_empty() { GzBuilder::new() } else { GzBuilder::new().filename(name).extra(name) };
        let mut encoder = builder.write(Vec::new(), Compression::new(level));
        encoder.write_all(content).unwrap();
        encoder.finish().unwrap()
    }

    fn members(bytes: &[u8]) -> Resumable {
        Resumable::new(Members::in_range(file(bytes).reopen().unwrap(), &(0..u64::MAX)))
    }

    /// Where each piece of content was said to begin, and the content.
    fn read(bytes: &[u8], room: usize) -> Vec<(u64, Vec<u8>)> {
        let mut members = members(bytes);
        let (mut seen, mut buffer): (Vec<(u64, Vec<u8>)>, _) = (Vec::new(), vec![0; room]);
        loop {
            let count = members.read(&mut buffer).unwrap();
            match seen.last_mut() {
                _ if count == 0 => return seen,
                Some((member, content)) if *member == members.current() => content.extend(&buffer[..count]),
                _ => seen.push((members.current(), buffer[..count].to_vec())),
            }
        }
    }

    #[test]
    fn marks_inside_a_member_and_members_without_room_are_read_through() {
        // Stored as it is, so that the mark stands in the compressed bytes; more often than ends are tried.
        let marks = [&MARK[..], b"123456"].concat().repeat(9);
        let parts = [member(&marks, 0, ""), member(&vec![b'x'; 5000], 6, "a name"), member(b"end", 6, "")];
        let starts = [0, parts[0].len() as u64, (parts[0].len() + parts[1].len()) as u64];
        for room in [1, 100, 6000] {
            let seen = read(&parts.concat(), room);
            assert_eq!(seen.iter().map(|it| it.0).collect::<Vec<_>>(), starts);
            assert_eq!((&seen[0].1, seen[1].1.len(), &seen[2].1[..]), (&marks, 5000, &b"end"[..]));
        }
    }

    #[test]
    fn bytes_between_members_are_damage_and_not_skipped() {
        let bytes = [member(b"a", 6, ""), b"between".to_vec(), member(b"b", 6, "")].concat();
        let mut members = members(&bytes);
        let mut buffer = [0; 99];
        assert_eq!(members.read(&mut buffer).unwrap(), 1);
        assert!(members.read(&mut buffer).is_err());
        assert!(members.resume_at(members.current(), &|_| true).unwrap());
        assert_eq!((members.read(&mut buffer).unwrap(), buffer[0]), (1, b'b'));
    }

    proptest! {
        #[test]
        fn any_members_are_read_as_they_were_written(
            parts in proptest::collection::vec((proptest::collection::vec(0u8..4, 0..3000), 0u32..10, "[a-z]{0,3}"), 1..6),
            room in 1usize..5000,
            padding in 0usize..40,
        ) {
            let mut bytes = Vec::new();
            let mut expected = Vec::new();
            for (content, level, name) in parts {
                if !content.is_empty() {
                    expected.push((bytes.len() as u64, content.clone()));
                }
                bytes.extend(member(&content, level, &name));
            }
            bytes.resize(bytes.len() + padding, 0);
            prop_assert_eq!(read(&bytes, room), expected);
        }
    }
}
