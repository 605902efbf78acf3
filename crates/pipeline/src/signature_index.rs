//! Signatures that are kept for later runs: a file a task, named by the fingerprint of what was signed. A source that is
//! added later then costs its own signatures and no others; everything after them is done anew, so the result is that of a
//! run from scratch.

use std::path::Path;

use document::{Digest, LanguageCode};

use crate::Error;

/// A document as it was signed.
pub(crate) struct SignedDocument<'a> {
    pub exact: Digest,
    /// Of the canonical address.
    pub url: Option<Digest>,
    pub bands: &'a [u64],
    pub language: LanguageCode,
    pub text_bytes: u64,
    pub id: &'a str,
    pub licence: &'a str,
}

/// Collects the documents of a task.
#[derive(Default)]
pub(crate) struct Writer(Vec<u8>);

impl Writer {
    pub fn push(&mut self, it: &SignedDocument<'_>) {
        let bytes = &mut self.0;
        bytes.extend(it.exact.0.to_le_bytes());
        bytes.extend(it.url.map_or(0, |url| url.0).to_le_bytes());
        bytes.extend(it.text_bytes.to_le_bytes());
        bytes.extend((it.bands.len() as u32).to_le_bytes());
        bytes.extend(it.bands.iter().flat_map(|band| band.to_le_bytes()));
        for text in [it.language.as_str(), it.id, it.licence] {
            bytes.extend((text.len() as u32).to_le_bytes());
            bytes.extend(text.as_bytes());
        }
    }

    /// Writes the file. `records` are those of each of the task's parts.
    pub fn finish(self, path: &Path, records: &[u32]) -> Result<(), Error> {
        let mut bytes = Vec::with_capacity(self.0.len() + records.len() * 4 + 24);
        bytes.extend((records.len() as u64).to_le_bytes());
        bytes.extend(records.iter().flat_map(|records| records.to_le_bytes()));
        bytes.extend(self.0);
        let digest = Digest::of(&bytes);
        bytes.extend(digest.0.to_le_bytes());
        Ok(store::write_bytes(path, &bytes)?)
    }
}

/// The documents of a task as they lie on disk.
pub(crate) struct Found {
    /// Records of each of the task's parts.
    pub records: Vec<u32>,
    bytes: Vec<u8>,
    start: usize,
}

/// Reads the file, if it is there and whole. One that is not whole is as good as none.
pub(crate) fn read(path: &Path) -> Result<Option<Found>, Error> {
    let mut bytes = match std::fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(Error::scratch(path)(error)),
    };
    let Some((content, digest)) = bytes.split_last_chunk::<16>() else { return Ok(None) };
    if Digest::of(content).0.to_le_bytes() != *digest {
        return Ok(None);
    }
    let length = content.len();
    bytes.truncate(length);
    let mut rest = &bytes[..];
    let Some(parts) = take::<8>(&mut rest).map(u64::from_le_bytes) else { return Ok(None) };
    let records: Option<Vec<u32>> = (0..parts).map(|_| take::<4>(&mut rest).map(u32::from_le_bytes)).collect();
    let start = length - rest.len();
    Ok(records.map(|records| Found { records, bytes, start }))
}

fn take<const N: usize>(bytes: &mut &[u8]) -> Option<[u8; N]> {
    let (first, rest) = bytes.split_first_chunk::<N>()?;
    *bytes = rest;
    Some(*first)
}

fn take_text<'a>(bytes: &mut &'a [u8]) -> Option<&'a str> {
    let length = u32::from_le_bytes(take(bytes)?) as usize;
    let (text, rest) = bytes.split_at_checked(length)?;
    *bytes = rest;
    std::str::from_utf8(text).ok()
}

impl Found {
    /// Visits the documents in their order.
    pub fn each(&self, visit: &mut dyn FnMut(&SignedDocument<'_>) -> Result<(), Error>) -> Result<(), Error> {
        let mut rest = &self.bytes[self.start..];
        let mut bands = Vec::new();
        while !rest.is_empty() {
            // The digest has vouched for the bytes, so this reads what was written.
            let Some(it) = next(&mut rest, &mut bands) else { break };
            visit(&SignedDocument { bands: &bands, ..it })?;
        }
        Ok(())
    }
}

fn next<'a>(rest: &mut &'a [u8], bands: &mut Vec<u64>) -> Option<SignedDocument<'a>> {
    let exact = Digest(u128::from_le_bytes(take(rest)?));
    let url = Some(u128::from_le_bytes(take(rest)?)).filter(|url| *url != 0).map(Digest);
    let text_bytes = u64::from_le_bytes(take(rest)?);
    let count = u32::from_le_bytes(take(rest)?);
    bands.clear();
    for _ in 0..count {
        bands.push(u64::from_le_bytes(take(rest)?));
    }
    let language = LanguageCode::parse(take_text(rest)?).ok()?;
    let (id, licence) = (take_text(rest)?, take_text(rest)?);
    Some(SignedDocument { exact, url, bands: &[], language, text_bytes, id, licence })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_signed_comes_back_and_a_damaged_file_does_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.signs");
        let mut writer = Writer::default();
        let document = |id, url: Option<u128>, bands| SignedDocument {
            exact: Digest(7),
            url: url.map(Digest),
            bands,
            language: LanguageCode::UNDETERMINED,
            text_bytes: 3,
            id,
            licence: "CC0-1.0",
        };
        writer.push(&document("a", Some(9), &[1, 2]));
        writer.push(&document("心", None, &[]));
        writer.finish(&path, &[2, 0]).unwrap();
        let found = read(&path).unwrap().unwrap();
        assert_eq!(found.records, [2, 0]);
        let mut seen = Vec::new();
        let mut visit = |it: &SignedDocument<'_>| {
            seen.push((it.id.to_owned(), it.url, it.bands.to_vec(), it.text_bytes));
            Ok(())
        };
        found.each(&mut visit).unwrap();
        assert_eq!(seen, [("a".into(), Some(Digest(9)), vec![1, 2], 3), ("心".into(), None, vec![], 3)]);
        let mut bytes = std::fs::read(&path).unwrap();
        bytes[30] ^= 1;
        std::fs::write(&path, bytes).unwrap();
        assert!(read(&path).unwrap().is_none() && read(&folder.path().join("none")).unwrap().is_none());
    }
}
