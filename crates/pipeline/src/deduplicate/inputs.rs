//! The files that are deduplicated.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use document::{Container, DataFileError};
use source::{Description, Format, Input, Split};

use super::{Deduplication, TASK_BYTES};
use crate::Error;

/// The path without links, also where its last parts are not there yet.
fn real_path(path: &Path) -> PathBuf {
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let real = |ancestor: &Path| Some(ancestor.canonicalize().ok()?.join(absolute.strip_prefix(ancestor).ok()?));
    absolute.ancestors().find_map(real).unwrap_or_else(|| absolute.clone())
}

/// One input file, and the name that its survivors get below `survivors/`.
pub(super) struct InputFile {
    pub input: Input,
    pub container: Arc<Container>,
    pub name: String,
    pub splits: Vec<Split>,
    /// Which of the inputs that were named it belongs to.
    pub root: u32,
}

pub(super) fn find_files(job: &Deduplication<'_>) -> Result<Vec<InputFile>, Error> {
    let whole = |path: &Path, message: String| Error::from(DataFileError::whole(path.display().to_string(), message));
    let out = real_path(&job.out);
    let mut files: Vec<InputFile> = Vec::new();
    let mut roots: Vec<String> = Vec::new();
    for (number, path) in job.inputs.iter().enumerate() {
        if !path.exists() {
            return Err(whole(path, "there is no such file or folder".to_owned()));
        }
        let root = real_path(path);
        if root.starts_with(&out) || out.starts_with(&root) {
            let message = format!("and --out {} lie in each other; name another folder", job.out.display());
            return Err(whole(path, message));
        }
        let description = Description::anonymous(path);
        // Where there are several inputs, each has a folder of its own, so that equal names do not meet.
        let mut folder = String::new();
        if job.inputs.len() > 1 {
            let same = roots.iter().filter(|other| **other == description.name).count();
            roots.push(description.name.clone());
            folder = match same {
                0 => format!("{}/", description.name),
                same => format!("{}-{}/", description.name, same + 1),
            };
        }
        for input in source::inputs(&description, path)? {
            if !matches!(input.format, Format::Parquet | Format::JsonLines) {
                let message = format!(
                    "is {}, and dedup copies rows of parquet and JSON lines; for other formats, build a corpus",
                    input.format.as_str()
                );
                return Err(whole(&input.path, message));
            }
            let splits = source::splits(&input, TASK_BYTES)?;
            let container = Arc::new(input.container.clone());
            let name = format!("{folder}{}", container.path);
            files.push(InputFile { input, container, name, splits, root: number as u32 });
        }
    }
    Ok(files)
}
