//! Files that appear whole or not at all, with their digests.

use std::{
    collections::BTreeSet,
    fs::{self, File},
    io::{self, Read, Seek, SeekFrom, Write},
    ops::Range,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
};

use document::{Digest, Hasher};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::Error;

/// A finished file: its path below the output folder, and what is in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileRecord {
    pub path: String,
    pub bytes: u64,
    pub digest: Digest,
    /// Rows of a table.
    pub rows: u64,
}

/// A file under a temporary name, hashed while it is written; `commit` gives it its name.
pub(crate) struct NewFile {
    file: File,
    path: PathBuf,
    temporary: PathBuf,
    hasher: Hasher,
    bytes: u64,
}

impl NewFile {
    /// Begins the file that will be `path`; its folder is made if it is missing.
    pub(crate) fn create(path: &Path) -> Result<NewFile, Error> {
        // Two writers of one file, in one process or in two, must not share a temporary name.
        static COUNTER: AtomicU64 = AtomicU64::new(0);
        let number = COUNTER.fetch_add(1, Ordering::Relaxed);
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let temporary = path.with_file_name(format!("{name}.{}-{number}.tmp", std::process::id()));
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(Error::io(folder))?;
        }
        let file = File::create(&temporary).map_err(Error::io(&temporary))?;
        Ok(NewFile { file, path: path.to_owned(), temporary, hasher: Hasher::default(), bytes: 0 })
    }

    /// Syncs and renames; gives size and digest.
    pub(crate) fn commit(self) -> Result<(u64, Digest), Error> {
        self.file.sync_all().map_err(Error::io(&self.temporary))?;
        fs::rename(&self.temporary, &self.path).map_err(Error::io(&self.path))?;
        if let Some(folder) = self.path.parent() {
            // The name is safe only once the folder is; file systems that cannot sync a folder need not.
            File::open(folder).and_then(|folder| folder.sync_all()).ok();
        }
        Ok((self.bytes, self.hasher.finish()))
    }
}

impl Write for NewFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes)?;
        self.hasher.update(&bytes[..written]);
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// Writes a value as indented JSON with a final line feed.
/// # Errors
/// Fails if the file cannot be written.
pub fn write_json(path: &Path, value: &impl Serialize) -> Result<(), Error> {
    let mut text = serde_json::to_string_pretty(value).map_err(|error| Error::io(path)(error.into()))?;
    text.push('\n');
    let mut file = NewFile::create(path)?;
    file.write_all(text.as_bytes()).map_err(Error::io(path))?;
    file.commit().map(|_| ())
}

/// Writes a file of these bytes.
/// # Errors
/// Fails if the file cannot be written.
pub fn write_bytes(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let mut file = NewFile::create(path)?;
    file.write_all(bytes).map_err(Error::io(path))?;
    file.commit().map(|_| ())
}

/// Reads a value from JSON, or nothing if there is no file.
/// # Errors
/// Fails if the file cannot be read or is not of this form.
pub fn read_json<T: DeserializeOwned>(path: &Path) -> Result<Option<T>, Error> {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(Error::io(path)(error)),
    };
    let wrong = |error: serde_json::Error| Error::Format { path: path.to_owned(), message: error.to_string() };
    serde_json::from_str(&text).map(Some).map_err(wrong)
}

/// The digest of a file's bytes; `progress` is told how many bytes were read since it was last told.
/// # Errors
/// Fails if the file cannot be read.
pub fn digest_of_file(path: &Path, progress: &mut dyn FnMut(u64)) -> Result<Digest, Error> {
    let mut file = File::open(path).map_err(Error::io(path))?;
    let mut hasher = Hasher::default();
    add_bytes(&mut hasher, &mut file, progress).map_err(Error::io(path))?;
    Ok(hasher.finish())
}

/// The digest of ranges of a file's bytes and of where they lie; `progress` is told how many bytes were read since it was
/// last told.
/// # Errors
/// Fails if the file cannot be read. What lies behind its end has no bytes.
pub fn digest_of_ranges(path: &Path, ranges: &[Range<u64>], progress: &mut dyn FnMut(u64)) -> Result<Digest, Error> {
    let mut file = File::open(path).map_err(Error::io(path))?;
    let mut hasher = Hasher::default();
    for Range { start, end } in ranges {
        hasher.update(&start.to_le_bytes());
        hasher.update(&end.to_le_bytes());
        file.seek(SeekFrom::Start(*start)).map_err(Error::io(path))?;
        add_bytes(&mut hasher, &mut (&mut file).take(end - start), progress).map_err(Error::io(path))?;
    }
    Ok(hasher.finish())
}

fn add_bytes(hasher: &mut Hasher, bytes: &mut impl Read, progress: &mut dyn FnMut(u64)) -> io::Result<()> {
    let mut buffer = vec![0; 1 << 20];
    loop {
        match bytes.read(&mut buffer)? {
            0 => return Ok(()),
            read => {
                hasher.update(&buffer[..read]);
                progress(read as u64);
            }
        }
    }
}

/// Gives a finished file a second name, by a hard link where the file system has them.
/// # Errors
/// Fails if neither linking nor copying works.
pub fn place(from: &Path, to: &Path) -> Result<(), Error> {
    if let Some(folder) = to.parent() {
        fs::create_dir_all(folder).map_err(Error::io(folder))?;
    }
    let temporary = to.with_extension(format!("{}.tmp", std::process::id()));
    fs::remove_file(&temporary).or_else(ignore_missing).map_err(Error::io(&temporary))?;
    fs::hard_link(from, &temporary).or_else(|_| fs::copy(from, &temporary).map(|_| ())).map_err(Error::io(to))?;
    // Renaming one of two links of a file onto the other does nothing, so the temporary name may remain.
    fs::rename(&temporary, to).map_err(Error::io(to))?;
    fs::remove_file(&temporary).or_else(ignore_missing).map_err(Error::io(&temporary))
}

/// Removes every file below `folder` whose path relative to it is not in `wanted`, and folders that become empty.
/// # Errors
/// Fails if the folder cannot be listed or a file not removed.
pub fn remove_others(folder: &Path, wanted: &[String]) -> Result<(), Error> {
    fn clean(root: &Path, folder: &Path, wanted: &BTreeSet<&str>) -> Result<bool, Error> {
        let mut empty = true;
        for entry in fs::read_dir(folder).map_err(Error::io(folder))? {
            let path = entry.map_err(Error::io(folder))?.path();
            let relative = path.strip_prefix(root).unwrap_or(&path).to_string_lossy().replace('\\', "/");
            if path.is_dir() {
                if clean(root, &path, wanted)? {
                    fs::remove_dir(&path).map_err(Error::io(&path))?;
                } else {
                    empty = false;
                }
            } else if wanted.contains(relative.as_str()) {
                empty = false;
            } else {
                fs::remove_file(&path).map_err(Error::io(&path))?;
            }
        }
        Ok(empty)
    }
    let wanted = wanted.iter().map(String::as_str).collect();
    if folder.is_dir() { clean(folder, folder, &wanted).map(|_| ()) } else { Ok(()) }
}

/// Removes the temporary files that a killed build left directly in `folder`.
/// # Errors
/// Fails if the folder cannot be listed or a file not removed.
pub fn remove_temporary(folder: &Path) -> Result<(), Error> {
    for entry in fs::read_dir(folder).map_err(Error::io(folder))? {
        let path = entry.map_err(Error::io(folder))?.path();
        if path.is_file() && path.extension().is_some_and(|extension| extension == "tmp") {
            fs::remove_file(&path).map_err(Error::io(&path))?;
        }
    }
    Ok(())
}

fn ignore_missing(error: io::Error) -> io::Result<()> {
    if error.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(error) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_has_its_name_only_when_it_is_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a/b.json");
        let mut file = NewFile::create(&path).unwrap();
        file.write_all(b"12").unwrap();
        assert!(!path.exists());
        let (bytes, digest) = file.commit().unwrap();
        assert_eq!((bytes, digest), (2, Digest::of(b"12")));
        assert_eq!(digest_of_file(&path, &mut |_| ()).unwrap(), digest);
        let of = |ranges: &[Range<u64>]| digest_of_ranges(&path, ranges, &mut |_| ()).unwrap();
        assert_eq!(of(&[0..2, 2..3]), of(&[0..2, 2..3]));
        assert_ne!(of(&[0..2, 2..3]), of(&[0..1, 1..3]));
        assert_eq!(read_json::<u32>(&path).unwrap(), Some(12));
        assert_eq!(read_json::<u32>(&folder.path().join("none.json")).unwrap(), None);
        assert!(read_json::<String>(&path).unwrap_err().to_string().contains("delete the output folder"));
    }

    #[test]
    fn what_is_not_wanted_is_removed() {
        let folder = tempfile::tempdir().unwrap();
        for path in ["fr/part-00000.parquet", "fr/part-00001.parquet", "de/part-00000.parquet"] {
            write_json(&folder.path().join(path), &1).unwrap();
        }
        remove_others(folder.path(), &["fr/part-00000.parquet".to_owned()]).unwrap();
        assert!(folder.path().join("fr/part-00000.parquet").exists());
        assert!(!folder.path().join("fr/part-00001.parquet").exists());
        assert!(!folder.path().join("de").exists());
    }

    #[test]
    fn a_second_name_replaces_what_was_there() {
        let folder = tempfile::tempdir().unwrap();
        let (from, to) = (folder.path().join("from"), folder.path().join("x/to"));
        write_json(&from, &1).unwrap();
        write_json(&to, &2).unwrap();
        place(&from, &to).unwrap();
        place(&from, &to).unwrap();
        assert_eq!(read_json::<u32>(&to).unwrap(), Some(1));
        assert_eq!(fs::read_dir(folder.path().join("x")).unwrap().count(), 1);
    }
}
