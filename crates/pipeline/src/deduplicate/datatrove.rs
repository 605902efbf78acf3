//! Signatures of the survivors for datatrove, in the files that its first step would have written.
//!
//! ```text
//! FOLDER/bucket_000/00000.minhash.sig    the first survivors file: for each row 8 values and the row's number, sorted
//! ```
//! Rank is the survivors file in the order of their names, as a reader of datatrove with a task a file numbers them.

use std::{
    io::{BufWriter, Write},
    ops::Range,
    path::Path,
};

use dedup::{BUCKET_VALUES, BUCKETS, DatatroveSigner};
use store::FileRecord;

use super::{
    Run,
    copy::{CutOf, Gone},
};
use crate::Error;

/// One record: the values of a bucket and the row, as little-endian numbers.
const RECORD: usize = BUCKET_VALUES * 8 + 4;

impl Run<'_> {
    /// Writes the signatures of all survivors files. 68 bytes a row are held of one file for each job.
    pub(super) fn sign_for_datatrove(
        &self,
        folder: &Path,
        ranges: &[Range<u32>],
        gone: &Gone<'_>,
        files: &[FileRecord],
    ) -> Result<(), Error> {
        // Files of which nothing stays have no survivors file, and no rank.
        let survivors: Vec<&str> = files.iter().filter_map(|file| file.path.strip_prefix("survivors/")).collect();
        let rank = |number: usize| survivors.binary_search(&self.files[number].name.as_str()).ok();
        let bytes = self.files.iter().map(|file| file.input.bytes).sum();
        self.step("sign for datatrove", bytes, ranges, &|number, range| match rank(number) {
            Some(rank) => self.sign_file(folder, rank, number, range.start, gone),
            None => Ok(()),
        })?;
        Ok(())
    }

    fn sign_file(&self, folder: &Path, rank: usize, number: usize, start: u32, gone: &Gone<'_>) -> Result<(), Error> {
        let scratch = |bucket: usize| self.space.folder.join(format!("datatrove-{rank}-{bucket}"));
        let mut buckets = Vec::new();
        for bucket in 0..BUCKETS {
            let path = scratch(bucket);
            buckets.push(BufWriter::new(std::fs::File::create(&path).map_err(Error::scratch(&path))?));
        }
        let mut signer = DatatroveSigner::default();
        let mut cut_of = CutOf::new(gone);
        let mut row = 0u32;
        let task = (0..self.files[number].splits.len()).map(|split| (number, split)).collect();
        self.each_kept(start, &task, gone, &mut |document, record| {
            let rest = cut_of.text(document, &record.text)?;
            if let Some(signature) = signer.sign(&rest) {
                for (bucket, values) in signature.iter().enumerate() {
                    let mut bytes = [0; RECORD];
                    let numbers = values.iter().flat_map(|value| value.to_le_bytes()).chain(row.to_le_bytes());
                    bytes.iter_mut().zip(numbers).for_each(|(byte, number)| *byte = number);
                    buckets[bucket].write_all(&bytes).map_err(Error::scratch(&scratch(bucket)))?;
                }
            }
            row += 1;
            Ok(())
        })?;
        for (bucket, writer) in buckets.into_iter().enumerate() {
            let path = scratch(bucket);
            let wrong = Error::scratch(&path);
            writer.into_inner().map_err(|error| error.into_error()).map_err(wrong)?;
            let mut bytes = std::fs::read(&path).map_err(Error::scratch(&path))?;
            let records = bytes.as_chunks_mut::<RECORD>().0;
            let key = |record: &[u8; RECORD]| {
                let values: [u64; BUCKET_VALUES] = std::array::from_fn(|value| {
                    u64::from_le_bytes(record[value * 8..value * 8 + 8].try_into().unwrap_or_default())
                });
                let row = record[RECORD - 4..].try_into().unwrap_or_default();
                (values, u32::from_le_bytes(row))
            };
            records.sort_unstable_by_key(key);
            let name = format!("bucket_{bucket:03}/{rank:05}.minhash.sig");
            store::write_bytes(&folder.join(name), &bytes)?;
            std::fs::remove_file(&path).map_err(Error::scratch(&path))?;
        }
        Ok(())
    }
}
