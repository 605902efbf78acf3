//! Reads `filters/` from disk: the only module of this crate that touches the file system.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use document::{DataFileError, LanguageCode, Problems};

use crate::language::{CLASSIFIER_FILE, FolderText, KeywordSettings, Language, LanguageSettings};

/// Loads the folder `filters/CODE`.
/// # Errors
/// Fails with everything that is wrong in the folder; a missing folder names those that there are.
pub fn load_language(
    filters: &Path,
    code: LanguageCode,
    change: impl FnOnce(&mut KeywordSettings),
) -> Result<Language, Problems> {
    let folder = filters.join(code.as_str());
    if !folder.is_dir() {
        let known = list_languages(filters)?;
        let names: Vec<&str> = known.iter().map(LanguageCode::as_str).collect();
        let message = format!("no folder for language \"{code}\"; there are: {}", names.join(", "));
        return Err(DataFileError::whole(filters.display().to_string(), message).into());
    }
    let required = |name: &str| read(&folder.join(name))?.ok_or_else(|| missing(&folder.join(name)));
    let text = FolderText {
        path: folder.display().to_string(),
        settings: required("language.toml")?,
        keywords: required("keywords.txt")?,
        more_terms: read_lists(&folder.join("terms"))?,
        stopwords: read(&folder.join("stopwords.txt"))?,
        fold: read(&folder.join("fold.txt"))?,
        examples: read(&folder.join("examples.toml"))?,
        classifier: read_bytes(&folder.join(CLASSIFIER_FILE))?,
    };
    Language::parse(code, &text, change)
}

/// Loads only `filters/CODE/language.toml`, which takes no time, where the words are not needed.
/// # Errors
/// Fails if the file is missing or wrong.
pub fn load_language_settings(filters: &Path, code: LanguageCode) -> Result<LanguageSettings, Problems> {
    let path = filters.join(code.as_str()).join("language.toml");
    let text = read(&path)?.ok_or_else(|| missing(&path))?;
    Ok(document::parse_toml(&path.display().to_string(), &text)?)
}

/// The languages that have a folder, in order.
/// # Errors
/// Fails if `filters` cannot be listed or a folder's name is not a language code.
pub fn list_languages(filters: &Path) -> Result<Vec<LanguageCode>, DataFileError> {
    let cannot =
        |error: io::Error| DataFileError::whole(filters.display().to_string(), format!("cannot be listed: {error}"));
    let mut folders: Vec<PathBuf> = Vec::new();
    for entry in fs::read_dir(filters).map_err(cannot)? {
        let path = entry.map_err(cannot)?.path();
        if path.is_dir() {
            folders.push(path);
        }
    }
    folders.sort();
    let code = |folder: &PathBuf| {
        let name = folder.file_name().unwrap_or_default().to_string_lossy();
        LanguageCode::parse(&name)
            .map_err(|error| DataFileError::whole(folder.display().to_string(), error.to_string()))
    };
    folders.iter().map(code).collect()
}

/// The lists of `terms/`, by name, sorted; none if there is no such folder.
fn read_lists(folder: &Path) -> Result<Vec<(String, String)>, DataFileError> {
    let mut lists = Vec::new();
    if folder.is_dir() {
        let cannot =
            |error: io::Error| DataFileError::whole(folder.display().to_string(), format!("cannot be listed: {error}"));
        for entry in fs::read_dir(folder).map_err(cannot)? {
            let path = entry.map_err(cannot)?.path();
            if path.extension().is_some_and(|extension| extension == "txt") {
                let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
                lists.extend(read(&path)?.map(|text| (name, text)));
            }
        }
    }
    lists.sort();
    Ok(lists)
}

/// The text of a file, or nothing if there is none.
fn read(path: &Path) -> Result<Option<String>, DataFileError> {
    let not_utf8 = |_| DataFileError::whole(path.display().to_string(), "is not UTF-8 text; save it as UTF-8");
    read_bytes(path)?.map(|bytes| String::from_utf8(bytes).map_err(not_utf8)).transpose()
}

/// The bytes of a file, or nothing if there is none.
fn read_bytes(path: &Path) -> Result<Option<Vec<u8>>, DataFileError> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(DataFileError::whole(path.display().to_string(), format!("cannot be read: {error}"))),
    }
}

fn missing(path: &Path) -> DataFileError {
    DataFileError::whole(path.display().to_string(), "is missing; every language folder needs it")
}
