//! Inflated parquet pages, refused where they claim more values than their header.
//!
//! The delta encodings state their own number of values, and the `parquet` crate makes room for that number at once: a
//! file of a kilobyte can ask for any amount of memory, and an allocation that fails ends the process.

use std::fs::File;

use parquet::{
    basic::Encoding,
    column::page::{Page, PageMetadata, PageReader},
    errors::{ParquetError, Result},
    file::serialized_reader::SerializedPageReader,
};

/// A page reader for one column chunk.
pub(crate) struct CheckedPages {
    pub(crate) pages: SerializedPageReader<File>,
    pub(crate) max_definition: i16,
    pub(crate) max_repetition: i16,
}

impl CheckedPages {
    fn check(&self, page: Page) -> Result<Page> {
        let (encoding, values, count) = match &page {
            Page::DataPage { buf, num_values, encoding, .. } => {
                let mut values = Some(&buf[..]);
                // Levels of version 1 stand in front of the values, each kind behind its length.
                for max in [self.max_repetition, self.max_definition] {
                    if max > 0 {
                        values = values.and_then(|bytes| {
                            let (length, rest) = bytes.split_first_chunk()?;
                            rest.get(usize::try_from(u32::from_le_bytes(*length)).ok()?..)
                        });
                    }
                }
                (*encoding, values, *num_values)
            }
            Page::DataPageV2 { buf, num_values, encoding, def_levels_byte_len, rep_levels_byte_len, .. } => {
                let levels = u64::from(*def_levels_byte_len) + u64::from(*rep_levels_byte_len);
                (*encoding, usize::try_from(levels).ok().and_then(|levels| buf.get(levels..)), *num_values)
            }
            Page::DictionaryPage { .. } => return Ok(page),
        };
        let streams = match encoding {
            Encoding::DELTA_BINARY_PACKED | Encoding::DELTA_LENGTH_BYTE_ARRAY => 1,
            // The lengths of what is shared, and then the lengths of the rest.
            Encoding::DELTA_BYTE_ARRAY => 2,
            _ => return Ok(page),
        };
        // A page of nulls has no values, and some writers then leave the streams out.
        let sound = values.is_some_and(|values| {
            values.is_empty() || (0..streams).try_fold(values, |bytes, _| behind_deltas(bytes, count.into())).is_some()
        });
        let message = "a page's delta encoding holds more values than its header states, or makes no sense";
        sound.then_some(page).ok_or_else(|| ParquetError::General(message.to_owned()))
    }
}

impl Iterator for CheckedPages {
    type Item = Result<Page>;
    fn next(&mut self) -> Option<Result<Page>> {
        self.get_next_page().transpose()
    }
}

impl PageReader for CheckedPages {
    fn get_next_page(&mut self) -> Result<Option<Page>> {
        self.pages.get_next_page()?.map(|page| self.check(page)).transpose()
    }
    fn peek_next_page(&mut self) -> Result<Option<PageMetadata>> {
        self.pages.peek_next_page()
    }
    fn skip_next_page(&mut self) -> Result<()> {
        self.pages.skip_next_page()
    }
    fn supports_deferred_dictionary(&self) -> bool {
        self.pages.supports_deferred_dictionary()
    }
    fn take_deferred_dictionary(&mut self) -> Result<Option<Page>> {
        self.pages.take_deferred_dictionary()
    }
    fn at_record_boundary(&mut self) -> Result<bool> {
        self.pages.at_record_boundary()
    }
}

/// What follows a stream of deltas of at most `most` values; `None` where there are more, or the bytes end.
/// Format: parquet-format, Encodings.md, "Delta Encoding (DELTA_BINARY_PACKED = 5)".
fn behind_deltas(mut bytes: &[u8], most: u64) -> Option<&[u8]> {
    let block = varint(&mut bytes)?;
    let parts = varint(&mut bytes)?;
    let count = varint(&mut bytes)?;
    varint(&mut bytes)?;
    if count > most || parts == 0 || block > 1 << 20 || parts > block {
        return None;
    }
    let values_in_part = block / parts;
    let mut left = count.saturating_sub(1);
    while left > 0 {
        varint(&mut bytes)?;
        let (widths, rest) = bytes.split_at_checked(parts as usize)?;
        bytes = rest;
        for width in widths {
            if left == 0 {
                break;
            }
            // The last part of the last block may be cut short by a careless writer; nothing follows it then.
            let length = (values_in_part * u64::from(*width)).div_ceil(8) as usize;
            bytes = bytes.get(length..).unwrap_or_default();
            left = left.saturating_sub(values_in_part);
        }
    }
    Some(bytes)
}

fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if *byte < 0x80 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Blocks of 128 values in 4 parts; 2 values, first 5; one block with widths 8, 0, 0, 0.
    fn two_values() -> Vec<u8> {
        let mut bytes = vec![0x80, 1, 4, 2, 10, 0, 8, 0, 0, 0];
        bytes.extend([7; 32]);
        bytes
    }

    #[test]
    fn a_stream_ends_where_its_blocks_do() {
        let bytes = [two_values(), "心".into()].concat();
        assert_eq!(behind_deltas(&bytes, 2), Some("心".as_bytes()));
    }

    #[test]
    fn more_values_than_the_header_states_are_refused() {
        assert_eq!(behind_deltas(&two_values(), 1), None);
        // A count of 2^34 in five bytes, all of them equal to the first value.
        let bomb = [0x80, 1, 4, 0x80, 0x80, 0x80, 0x80, 0x40, 0, 0, 0, 0, 0, 0];
        assert_eq!(behind_deltas(&bomb, 1000), None);
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes: Vec<u8>, most: u64, cut in 0usize..42) {
            behind_deltas(&bytes, most);
            behind_deltas(&[&two_values()[..cut], &bytes[..]].concat(), most);
        }
    }
}
