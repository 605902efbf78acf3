//! An input: one file that a source owns, with all that is needed to read it.

use std::{
    borrow::Cow,
    collections::BTreeMap,
    fs, io,
    ops::Range,
    path::{Path, PathBuf},
    sync::Arc,
};

use document::{Container, Document, Fault, FaultKind, LanguageCode, Origin, Place, Scores};
use serde::{Deserialize, Serialize};

use crate::{
    Description, Error, Fields, Limits,
    decompress::{Trouble, Window},
    fields::Record,
    pattern::Pattern,
    warc_index,
};

/// One file, described.
#[derive(Debug, Clone)]
pub struct Input {
    /// What is true of all its documents; the digest is left for the caller who reads the bytes.
    pub container: Container,
    pub path: PathBuf,
    /// Size on disk, or of the ranges.
    pub bytes: u64,
    pub format: Format,
    /// What its path declares, else the only language of its description.
    pub declared_language: Option<LanguageCode>,
    pub fields: Fields,
    pub limits: Limits,
    /// The bytes of the file that are read, in order: of a web archive of which a list names some records. Nothing for all.
    pub ranges: Option<Arc<[Range<u64>]>>,
    /// Which members of a ZIP archive are read: a glob, or none for all `.txt` and `.md`.
    pub(crate) members: Option<String>,
}

/// How a file holds its records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// Apache Parquet: a row is a document.
    Parquet,
    /// One JSON object a line; plain, gzip, zstd or LZ4.
    JsonLines,
    /// WARC files with the text of pages in `conversion` records; plain, gzip, zstd or LZ4.
    Wet,
    /// WARC or ARC files with responses of web servers; plain, gzip, zstd or LZ4. Their text comes by [`crate::read_pages`].
    Warc,
    /// A list of records in WARC files, which alone are read: parquet with the columns of Common Crawl's index, JSON lines, CSV
    /// or TSV with `filename`, `offset` and `length`. The files lie below the source's root.
    WarcIndex,
    /// The file is the document; plain, gzip, zstd or LZ4.
    Text,
    /// A ZIP archive of text files: a member is a document.
    Zip,
    /// A PDF, an EPUB or the image of a page: the file is the document. Its text comes by whoever can read such files,
    /// see [`crate::book`].
    Book,
}

impl Format {
    const ALL: [(Format, &str); 8] = [
        (Format::Parquet, "parquet"),
        (Format::JsonLines, "json_lines"),
        (Format::Wet, "wet"),
        (Format::Warc, "warc"),
        (Format::WarcIndex, "warc_index"),
        (Format::Text, "text"),
        (Format::Zip, "zip"),
        (Format::Book, "book"),
    ];

    /// The name as it is written in `sources/`.
    pub fn as_str(self) -> &'static str {
        Format::ALL.iter().find(|(format, _)| *format == self).map_or("", |(_, name)| name)
    }

    /// What the file's name says, whatever it is compressed with.
    fn by_name(path: &str) -> Option<Format> {
        let name = path.rsplit('/').next().unwrap_or_default().to_ascii_lowercase();
        let stem = [".gz", ".zst", ".lz4"].iter().find_map(|ending| name.strip_suffix(ending)).unwrap_or(&name);
        match stem.rsplit_once('.')?.1 {
            "parquet" => Some(Format::Parquet),
            "jsonl" | "ndjson" | "json" => Some(Format::JsonLines),
            "wet" => Some(Format::Wet),
            "warc" | "arc" => Some(Format::Warc),
            "txt" | "md" => Some(Format::Text),
            "zip" => Some(Format::Zip),
            "pdf" | "epub" | "png" | "jpg" | "jpeg" | "tif" | "tiff" => Some(Format::Book),
            _ => None,
        }
    }

    /// What the file's first bytes say, behind gzip, zstd or LZ4 too. Plain text cannot be told from anything else.
    fn by_first_bytes(path: &Path) -> Result<Option<Format>, Error> {
        let window = match Window::open(path) {
            Ok(window) => window,
            Err(Trouble::Content(..)) => return Ok(None),
            Err(Trouble::Machine(error)) => return Err(error),
        };
        let start = window.bytes();
        Ok(match start {
            [b'P', b'A', b'R', b'1' | b'E', ..] => Some(Format::Parquet),
            [b'%', b'P', b'D', b'F', b'-', ..] => Some(Format::Book),
            [b'P', b'K', 3 | 5, 4 | 6, ..] => Some(Format::Zip),
            _ if start.starts_with(b"WARC/") || start.starts_with(b"filedesc://") => Some(Format::Warc),
            _ if start.trim_ascii_start().starts_with(b"{\"") => Some(Format::JsonLines),
            _ => None,
        })
    }
}

/// All files of a source, sorted by their path below `root` (the file itself, where `root` is one).
/// # Errors
/// Fails if the root is missing, a pattern matches nothing, or a file's format is not recognised; the message says
/// which files there are.
pub fn inputs(description: &Description, root: &Path) -> Result<Vec<Input>, Error> {
    let root_is_file = fs::metadata(root).map_err(Error::io(root))?.is_file();
    let deepest = description.files.iter().map(Pattern::depth).try_fold(0, |deepest, it| it.map(|it| deepest.max(it)));
    let depth = deepest.filter(|depth| *depth > 0).unwrap_or(usize::MAX);
    let mut files = BTreeMap::new();
    if root_is_file {
        let name = root.file_name().unwrap_or_default().to_string_lossy().into_owned();
        files.insert(name, root.to_owned());
    } else {
        list(root, "", depth, &mut files).map_err(Error::io(root))?;
    }
    let mut owned: BTreeMap<&str, (Option<LanguageCode>, Option<&Pattern>)> = BTreeMap::new();
    for pattern in &description.files {
        let mut matched = 0;
        for path in files.keys() {
            if let Some(language) = pattern.matches_file(path) {
                matched += 1;
                owned.entry(path).or_insert((language, Some(pattern)));
            }
        }
        if matched == 0 {
            return Err(no_match(description, root, String::from(pattern.clone()), &files));
        }
    }
    if description.files.is_empty() {
        let known = |path: &&String| root_is_file || Format::by_name(path).is_some();
        owned.extend(files.keys().filter(known).map(|path| (path.as_str(), (None, None))));
        if owned.is_empty() {
            return Err(no_match(description, root, "a file of a known format".to_owned(), &files));
        }
    }
    let mut inputs = Vec::with_capacity(owned.len());
    for (relative, (language, pattern)) in owned {
        inputs.push(input(description, relative, &files[relative], language, pattern)?);
    }
    // A description has one format for all its files, and no file is taken for a list by its name.
    if description.format == Some(Format::WarcIndex) {
        let folder = if root_is_file { root.parent().unwrap_or(root) } else { root };
        return warc_index::archives(&inputs, folder);
    }
    Ok(inputs)
}

fn input(
    description: &Description,
    relative: &str,
    path: &Path,
    language: Option<LanguageCode>,
    pattern: Option<&Pattern>,
) -> Result<Input, Error> {
    let format = match description.format.or_else(|| Format::by_name(relative)) {
        Some(format) => format,
        None => match Format::by_first_bytes(path)? {
            Some(format) => format,
            // Somebody asks about this one file: as text it is at least read, or its fault says what it is.
            None if description.files.is_empty() => Format::Text,
            None => {
                let known = Format::ALL.map(|(_, name)| name).join(", ");
                return Err(Error::UnknownFormat { path: path.to_owned(), known });
            }
        },
    };
    let only_language = match description.languages[..] {
        [language] => Some(language),
        _ => None,
    };
    Ok(Input {
        container: Container {
            source: description.name.clone(),
            kind: description.kind,
            licence: description.licence.clone(),
            licence_evidence: description.licence_evidence.clone(),
            path: relative.to_owned(),
            digest: None,
        },
        path: path.to_owned(),
        bytes: fs::metadata(path).map_err(Error::io(path))?.len(),
        format,
        declared_language: language.or(only_language),
        fields: description.fields.clone(),
        limits: description.limits,
        ranges: None,
        members: pattern.and_then(|pattern| pattern.members()).map(str::to_owned),
    })
}

/// All files at most `depth` levels below `folder`. Hidden ones are left out (`.git`, `.cache` of download tools), and
/// links to folders are not followed, since they may lead in a circle.
fn list(folder: &Path, prefix: &str, depth: usize, files: &mut BTreeMap<String, PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.starts_with('.') {
            continue;
        }
        let relative = format!("{prefix}{name}");
        if entry.file_type()?.is_dir() {
            if depth > 1 {
                list(&entry.path(), &format!("{relative}/"), depth - 1, files)?;
            }
        } else if fs::metadata(entry.path())?.is_file() {
            files.insert(relative, entry.path());
        }
    }
    Ok(())
}

fn no_match(description: &Description, root: &Path, pattern: String, files: &BTreeMap<String, PathBuf>) -> Error {
    let first: Vec<&str> = files.keys().take(5).map(String::as_str).collect();
    let found = match files.len() {
        0 => "there are no files that deep".to_owned(),
        count => format!("there are {count} files: {}{}", first.join(", "), if count > 5 { ", …" } else { "" }),
    };
    Error::NoMatch { name: description.name.clone(), root: root.to_owned(), pattern, found }
}

/// The evidence of a licence that a record has a field for.
const STATED: &str = "stated by the record";

impl Input {
    /// A fault at one place of this input.
    pub(crate) fn fault(&self, kind: FaultKind, place: &Place, message: impl Into<String>) -> Fault {
        // As `Origin::locator` writes it; an `Origin` would cost a clone of the container.
        let path = &self.container.path;
        let place = match place {
            Place::Whole => path.clone(),
            place => format!("{path}#{place}"),
        };
        Fault { kind, place, message: message.into() }
    }

    /// The document of a record, or the fault that it is too large or has no text.
    pub(crate) fn document<'a>(
        &self,
        container: &Arc<Container>,
        place: Place,
        record: Record<'a>,
    ) -> Result<Document<'a>, Fault> {
        if record.text.len() > self.limits.document_bytes() {
            let what = format!("a text of {} bytes", record.text.len());
            return Err(self.fault(FaultKind::TooLarge, &place, self.limits.too_large(&what)));
        }
        let container = match record.licence.filter(|licence| !licence.is_empty() && *licence != container.licence) {
            Some(licence) => Arc::new(Container {
                licence: licence.into_owned(),
                licence_evidence: STATED.to_owned(),
                ..(**container).clone()
            }),
            None => Arc::clone(container),
        };
        let origin = Origin { container, place };
        let id = match record.id.filter(|id| !id.is_empty()) {
            Some(id) => id,
            None => Cow::Owned(format!("{}:{}", origin.container.source, origin.locator())),
        };
        Ok(Document {
            id,
            text: record.text,
            url: record.url.filter(|url| !url.is_empty()),
            date: record.date.filter(|date| !date.is_empty()),
            declared_language: record.language.or(self.declared_language),
            language: None,
            origin,
            scores: Scores::default(),
            text_as_read: None,
            token_ids: None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn description(files: &str) -> Description {
        let text = format!(
            "title = \"T\"\nkind = \"crawl\"\nlicence = \"CC0-1.0\"\nlicence_evidence = \"e\"\nrank = 1\nfiles = {files}"
        );
        Description::parse("sources/t.toml", "t", &text).unwrap()
    }

    fn folder(files: &[&str]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for file in files {
            let path = folder.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "x").unwrap();
        }
        folder
    }

    #[test]
    fn inputs_are_sorted_and_declare_the_language_of_their_path() {
        let folder = folder(&["ru/b.jsonl.gz", "ja/心.jsonl", "ja/.hidden.jsonl", "notes/read.me", "x.bin"]);
        let inputs = inputs(&description("[\"{language}/*.jsonl*\"]"), folder.path()).unwrap();
        let seen: Vec<_> = inputs
            .iter()
            .map(|it| (it.container.path.as_str(), it.format, it.declared_language.unwrap().to_string()))
            .collect();
        let expected =
            [("ja/心.jsonl", Format::JsonLines, "ja".into()), ("ru/b.jsonl.gz", Format::JsonLines, "ru".into())];
        assert_eq!(seen, expected);
    }

    #[test]
    fn a_pattern_that_matches_nothing_says_what_there_is() {
        let folder = folder(&["a.txt", "b/c.txt"]);
        let error = inputs(&description("[\"*.txt\", \"*/*.parquet\"]"), folder.path()).unwrap_err().to_string();
        assert!(error.starts_with("source t: no file below "), "{error}");
        assert!(error.ends_with("matches \"*/*.parquet\"; there are 2 files: a.txt, b/c.txt"), "{error}");
        let error = inputs(&description("[\"*.txt\"]"), &folder.path().join("none")).unwrap_err();
        assert!(matches!(error, Error::Io { .. }), "{error}");
    }

    #[test]
    fn an_unknown_format_names_the_known_ones() {
        let folder = folder(&["a.bin"]);
        let error = inputs(&description("[\"*.bin\"]"), folder.path()).unwrap_err().to_string();
        assert!(error.ends_with("to one of parquet, json_lines, wet, warc, warc_index, text, zip, book"), "{error}");
    }

    #[test]
    fn anybodys_folder_and_file_can_be_read_without_a_description() {
        let folder = folder(&["a.txt", "b/c.parquet", "d.bin"]);
        let paths = |root: &Path| -> Vec<String> {
            let inputs = inputs(&Description::anonymous(root), root).unwrap();
            inputs.into_iter().map(|it| it.container.path).collect()
        };
        assert_eq!(paths(folder.path()), ["a.txt", "b/c.parquet"]);
        assert_eq!(paths(&folder.path().join("a.txt")), ["a.txt"]);
        assert_eq!(paths(&folder.path().join("d.bin")), ["d.bin"]);
    }
}
