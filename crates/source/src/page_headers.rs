//! The headers of a parquet column's pages, read before any page is.
//!
//! The `parquet` crate inflates a page as soon as it meets it, into as many bytes as the page's header asks for: up to
//! 2 GiB. Its own parser of that header is private, so here is the small part of Thrift's compact protocol that tells
//! sizes and counts. Format: parquet.thrift `PageHeader`; github.com/apache/thrift, doc/specs/thrift-compact-protocol.md.

use std::{
    fs::File,
    io::{self, Read, Seek, SeekFrom},
};

use flate2::read::MultiGzDecoder;

use crate::decompress::read_full;

/// The longest header that is believed. It may hold the smallest and largest value, so it can be long.
const MAX_HEADER: usize = 1 << 20;

/// Thrift structs in structs; a page header needs two levels.
const MAX_DEPTH: u32 = 8;

/// What is known of a page before it is read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct PageHeader {
    pub(crate) uncompressed: u64,
    compressed: u64,
    pub(crate) is_dictionary: bool,
    /// Values, with those of nested lists each counted.
    pub(crate) values: u64,
    /// Rows, where the header tells; without lists it is the number of values.
    pub(crate) rows: Option<u64>,
    /// Each value is told by what it shares with the one before, so decoded values can be far larger than the page.
    pub(crate) is_prefix_coded: bool,
    /// Bytes in front of a version 2 page that are never compressed.
    levels: u64,
}

impl PageHeader {
    /// The more of what is read and what it inflates to.
    pub(crate) fn largest(&self) -> u64 {
        self.uncompressed.max(self.compressed)
    }
}

/// Reads the headers of all pages of a column chunk that lies at `start..start + length`.
/// # Errors
/// The outer error is the machine's; the inner one says what is wrong with the chunk.
pub(crate) fn page_headers(file: &mut File, start: u64, length: u64) -> io::Result<Result<Vec<PageHeader>, String>> {
    let file_bytes = file.metadata()?.len();
    let Some(end) = start.checked_add(length).filter(|end| *end <= file_bytes) else {
        return Ok(Err(format!("a column lies at bytes {start}+{length} of a file of {file_bytes}")));
    };
    let mut pages = Vec::new();
    let mut position = start;
    let mut bytes = Vec::new();
    while position < end {
        // A header is some 30 bytes without statistics.
        let mut wanted = 512;
        let (header, header_length) = loop {
            bytes.resize(wanted.min((end - position) as usize), 0);
            file.seek(SeekFrom::Start(position))?;
            let count = read_full(file, &mut bytes)?;
            match Thrift::page_header(&bytes[..count]) {
                Some(parsed) => break parsed,
                None if count == wanted && wanted < MAX_HEADER => wanted *= 8,
                None => return Ok(Err(format!("there is no page header at byte {position}"))),
            }
        };
        position += header_length as u64 + header.compressed;
        if position > end {
            return Ok(Err(format!("a page ends at byte {position}, behind the end of its column at {end}")));
        }
        pages.push(header);
    }
    Ok(Ok(pages))
}

/// Whether all gzip pages of a chunk inflate to what their headers say. The `parquet` crate inflates gzip without a
/// bound and compares afterwards; the other codecs stop at the stated size. It costs a second inflation, and gzip is
/// rare in parquet.
pub(crate) fn gzip_pages_are_honest(file: &mut File, start: u64, length: u64) -> io::Result<bool> {
    let (mut position, end) = (start, start + length);
    let mut bytes = Vec::new();
    while position < end {
        file.seek(SeekFrom::Start(position))?;
        bytes.clear();
        (&mut *file).take((MAX_HEADER as u64).min(end - position)).read_to_end(&mut bytes)?;
        let Some((header, header_length)) = Thrift::page_header(&bytes) else { return Ok(false) };
        file.seek(SeekFrom::Start(position + header_length as u64 + header.levels))?;
        let compressed = (&mut *file).take(header.compressed.saturating_sub(header.levels));
        let most = header.uncompressed.saturating_sub(header.levels);
        let inflated = io::copy(&mut MultiGzDecoder::new(compressed).take(most + 1), &mut io::sink());
        // An error is left to the reader, who will meet it too and say more.
        if inflated.is_ok_and(|count| count > most) {
            return Ok(false);
        }
        position += header_length as u64 + header.compressed;
    }
    Ok(true)
}

/// A cursor over Thrift's compact protocol; `None` where the bytes end or make no sense.
struct Thrift<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Thrift<'_> {
    /// A header and its length in bytes.
    fn page_header(bytes: &[u8]) -> Option<(PageHeader, usize)> {
        let mut thrift = Thrift { bytes, at: 0 };
        let mut header = PageHeader::default();
        let mut levels = 0;
        thrift.fields(0, 0, &mut |parent, field, number| {
            // The fields that count are i32 and never negative.
            let count = i32::try_from(number).ok().and_then(|number| u64::try_from(number).ok());
            match (parent, field) {
                (0, 1) => header.is_dictionary = number == 2,
                (0, 2) => header.uncompressed = count?,
                (0, 3) => header.compressed = count?,
                // Data page, dictionary page, data page version 2.
                (5 | 7 | 8, 1) => header.values = count?,
                (8, 3) => header.rows = Some(count?),
                (5, 2) | (8, 4) => header.is_prefix_coded = number == 7,
                (8, 5 | 6) => levels += count?,
                _ => {}
            }
            Some(())
        })?;
        header.levels = levels;
        Some((header, thrift.at))
    }

    fn byte(&mut self) -> Option<u8> {
        let byte = *self.bytes.get(self.at)?;
        self.at += 1;
        Some(byte)
    }

    fn skip(&mut self, count: u64) -> Option<()> {
        self.at = self.at.checked_add(usize::try_from(count).ok()?).filter(|at| *at <= self.bytes.len())?;
        Some(())
    }

    fn varint(&mut self) -> Option<u64> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some(value);
            }
        }
        None
    }

    fn zigzag(&mut self) -> Option<i64> {
        let value = self.varint()?;
        Some((value >> 1) as i64 ^ -((value & 1) as i64))
    }

    /// All fields of a struct; integers are visited with the id of the field they stand in.
    fn fields(&mut self, parent: i64, depth: u32, visit: &mut dyn FnMut(i64, i64, i64) -> Option<()>) -> Option<()> {
        if depth > MAX_DEPTH {
            return None;
        }
        let mut id = 0;
        loop {
            let head = self.byte()?;
            if head == 0 {
                return Some(());
            }
            id = if head >> 4 == 0 { self.zigzag()? } else { id + i64::from(head >> 4) };
            match head & 15 {
                1 | 2 => {}
                kind => self.value(kind, parent, id, depth, visit)?,
            }
        }
    }

    fn value(
        &mut self,
        kind: u8,
        parent: i64,
        id: i64,
        depth: u32,
        visit: &mut dyn FnMut(i64, i64, i64) -> Option<()>,
    ) -> Option<()> {
        match kind {
            1..=3 => self.skip(1),
            4..=6 => {
                let number = self.zigzag()?;
                visit(parent, id, number)
            }
            7 => self.skip(8),
            8 => {
                let length = self.varint()?;
                self.skip(length)
            }
            9 | 10 if depth < MAX_DEPTH => {
                let head = self.byte()?;
                let count = if head >> 4 == 15 { self.varint()? } else { u64::from(head >> 4) };
                // Each element takes at least a byte, so a hostile count ends with the bytes.
                (0..count).try_for_each(|_| self.value(head & 15, -1, -1, depth + 1, visit))
            }
            12 if depth < MAX_DEPTH => self.fields(if depth == 0 { id } else { -1 }, depth + 1, visit),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Type 0 (data page), 100 bytes inflated, 40 deflated, 7 values, encoding 7.
    const HEADER: [u8; 15] = [0x15, 0, 0x15, 200, 1, 0x15, 80, 0x2c, 0x15, 14, 0x15, 14, 0, 0, 0xff];

    #[test]
    fn a_header_tells_sizes_and_counts() {
        let (header, length) = Thrift::page_header(&HEADER).unwrap();
        assert_eq!(length, 14);
        let expected =
            PageHeader { uncompressed: 100, compressed: 40, values: 7, is_prefix_coded: true, ..PageHeader::default() };
        assert_eq!(header, expected);
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes: Vec<u8>, cut in 0usize..15) {
            Thrift::page_header(&bytes);
            Thrift::page_header(&[&HEADER[..cut], &bytes[..]].concat());
        }
    }
}
