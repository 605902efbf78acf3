//! What engines have read before, so that a second run reads no page image.
//!
//! An entry is addressed by a digest (the file's, and a second time that of the page's pixels), the question (page, engine,
//! language packs) and the version of this module: the same bytes asked the same are answered the same. By the file nothing has
//! to be drawn; by the pixels a page is known again in another file. A cache that cannot be written or read costs time, nothing else.

use std::{
    fs,
    path::{Path, PathBuf},
};

use document::Digest;

use super::{
    VERSION,
    protocol::{Reply, Request},
};

/// A folder of answers.
#[derive(Debug, Clone)]
pub struct Cache {
    folder: PathBuf,
}

impl Cache {
    pub fn new(folder: PathBuf) -> Cache {
        Cache { folder }
    }

    fn path(&self, file: &str, request: &Request) -> Option<PathBuf> {
        let question = serde_json::to_string(request).ok()?;
        let key = Digest::of(format!("{VERSION}\n{file}\n{question}").as_bytes()).to_string();
        Some(self.folder.join(key.get(..2)?).join(format!("{key}.json")))
    }

    pub fn get(&self, file: &str, request: &Request) -> Option<Reply> {
        serde_json::from_slice(&fs::read(self.path(file, request)?).ok()?).ok()
    }

    pub fn put(&self, file: &str, request: &Request, reply: &Reply) {
        let (Some(path), Ok(bytes)) = (self.path(file, request), serde_json::to_vec(reply)) else { return };
        // Written beside its place and renamed: an entry is there whole or not at all.
        let part = path.with_extension(format!("{}.tmp", std::process::id()));
        let written = path.parent().map(fs::create_dir_all).is_some_and(|made| made.is_ok())
            && fs::write(&part, bytes).is_ok()
            && fs::rename(&part, &path).is_ok();
        if !written {
            remove(&part);
        }
    }
}

fn remove(part: &Path) {
    // There may be nothing to remove.
    let _ = fs::remove_file(part);
}
