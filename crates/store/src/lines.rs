//! Files of lines, plain, gzip or zstd, that appear whole or not at all.

use std::{
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
};

use flate2::write::GzEncoder;
use serde::Serialize;

use crate::{Error, FileRecord, atomic::NewFile};

/// zstd level 1: lines that are copied from one file into another are to cost little, and level 3 saves a twelfth.
const ZSTD_LEVEL: i32 = 1;

/// Writes a file of lines; what its name ends with (`.gz`, `.zst`) says how it is compressed.
pub struct LinesWriter {
    writer: Writer,
    path: PathBuf,
    lines: u64,
}

enum Writer {
    Plain(Box<BufWriter<NewFile>>),
    Gzip(Box<BufWriter<GzEncoder<NewFile>>>),
    Zstd(Box<BufWriter<zstd::Encoder<'static, NewFile>>>),
}

/// Bytes that are written at once.
const BUFFER: usize = 256 << 10;

impl LinesWriter {
    /// Begins the file that will be `path`.
    /// # Errors
    /// Fails if the file cannot be made.
    pub fn create(path: &Path) -> Result<LinesWriter, Error> {
        let file = NewFile::create(path)?;
        let ending = path.extension().unwrap_or_default().to_string_lossy();
        let writer = match &*ending {
            "gz" => {
                let encoder = GzEncoder::new(file, flate2::Compression::fast());
                Writer::Gzip(Box::new(BufWriter::with_capacity(BUFFER, encoder)))
            }
            "zst" => {
                let encoder = zstd::Encoder::new(file, ZSTD_LEVEL).map_err(Error::io(path))?;
                Writer::Zstd(Box::new(BufWriter::with_capacity(BUFFER, encoder)))
            }
            _ => Writer::Plain(Box::new(BufWriter::with_capacity(BUFFER, file))),
        };
        Ok(LinesWriter { writer, path: path.to_owned(), lines: 0 })
    }

    /// Where the file will be.
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn inner(&mut self) -> &mut dyn Write {
        match &mut self.writer {
            Writer::Plain(writer) => writer,
            Writer::Gzip(writer) => writer,
            Writer::Zstd(writer) => writer,
        }
    }

    /// Appends a line that is made of these pieces, and a line feed.
    /// # Errors
    /// Fails if the file cannot be written.
    pub fn write(&mut self, pieces: &[&[u8]]) -> Result<(), Error> {
        self.lines += 1;
        let mut write = || -> io::Result<()> {
            let inner = self.inner();
            pieces.iter().try_for_each(|piece| inner.write_all(piece))?;
            inner.write_all(b"\n")
        };
        write().map_err(Error::io(&self.path))
    }

    /// Appends a value as one line of JSON.
    /// # Errors
    /// Fails if the file cannot be written.
    pub fn write_json(&mut self, value: &impl Serialize) -> Result<(), Error> {
        let line = serde_json::to_vec(value).map_err(|error| Error::io(&self.path)(error.into()))?;
        self.write(&[&line])
    }

    /// Gives the file its name. `name` is its path below the output folder.
    /// # Errors
    /// Fails if the file cannot be completed.
    pub fn finish(self, name: String) -> Result<FileRecord, Error> {
        let path = self.path;
        let file = match self.writer {
            Writer::Plain(writer) => writer.into_inner().map_err(|error| error.into_error()),
            Writer::Gzip(writer) => writer.into_inner().map_err(|error| error.into_error()).and_then(GzEncoder::finish),
            Writer::Zstd(writer) => {
                writer.into_inner().map_err(|error| error.into_error()).and_then(zstd::Encoder::finish)
            }
        };
        let (bytes, digest) = file.map_err(Error::io(&path))?.commit()?;
        Ok(FileRecord { path: name, bytes, digest, rows: self.lines })
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, io::Read};

    use super::*;

    #[test]
    fn the_name_says_how_lines_are_compressed() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["a.jsonl", "a.jsonl.gz", "a.jsonl.zst"] {
            let path = folder.path().join(name);
            let mut writer = LinesWriter::create(&path).unwrap();
            writer.write(&[b"{\"text\":", "\"心筋\"}".as_bytes()]).unwrap();
            writer.write_json(&7).unwrap();
            assert!(!path.exists());
            assert_eq!(writer.finish(name.to_owned()).unwrap().rows, 2);
            let bytes = fs::read(&path).unwrap();
            let mut text = String::new();
            match name.rsplit('.').next() {
                Some("gz") => drop(flate2::read::GzDecoder::new(&bytes[..]).read_to_string(&mut text).unwrap()),
                Some("zst") => text = String::from_utf8(zstd::decode_all(&bytes[..]).unwrap()).unwrap(),
                _ => text = String::from_utf8(bytes).unwrap(),
            }
            assert_eq!(text, "{\"text\":\"心筋\"}\n7\n");
        }
    }
}
