//! A source: one TOML file below `sources/` that says where text comes from, of which kind and under which licence.

use std::{fs, path::Path};

use document::{DataFileError, Kind, LanguageCode, parse_toml};
use serde::{Deserialize, Serialize};

use crate::{
    Error, Format,
    pattern::Pattern,
    site::{Example, Fetch, PageRules},
};

/// One file `sources/<folder>/<name>.toml`.
///
/// ```
/// let text = r#"
/// title = "CulturaX"
/// kind = "crawl"
/// licence = "ODC-By-1.0"
/// licence_evidence = "https://huggingface.co/datasets/uonlp/CulturaX#license-information"
/// rank = 40
/// files = ["{language}/*.parquet"]
/// "#;
/// let description = source::Description::parse("sources/crawls/culturax.toml", "culturax", text)?;
/// assert_eq!(description.limits.max_document_megabytes, 10);
/// # Ok::<(), document::DataFileError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Description {
    /// The file's stem; it is the first part of every id, so renaming the file renames all its documents.
    #[serde(skip_deserializing)]
    pub name: String,
    /// The name for people.
    pub title: String,
    pub kind: Kind,
    /// SPDX expression or the source's own words.
    pub licence: String,
    /// Where the licence is stated.
    pub licence_evidence: String,
    /// The languages that may occur; empty for any. A single one is declared for every document that states none.
    #[serde(default)]
    pub languages: Vec<LanguageCode>,
    /// Of two equal documents that of the source with the lower rank survives.
    pub rank: u32,
    /// Patterns below the root (`*`, `?`, `**`, `{language}`; members of a ZIP archive behind `!/`). Empty only in
    /// [`Description::anonymous`], where it means every file whose name tells its format.
    pub(crate) files: Vec<Pattern>,
    /// Where absent, each file's name and else its first bytes decide.
    pub format: Option<Format>,
    #[serde(default)]
    pub fields: Fields,
    #[serde(default)]
    pub limits: Limits,
    /// The source's page on the web.
    pub home: Option<String>,
    /// Anything else that a reader of the description should know.
    pub note: Option<String>,
    /// How a site is fetched. No part of what is built: the web archive is.
    #[serde(default, skip_serializing)]
    pub fetch: Option<Fetch>,
    /// How pages of a site are read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub page: Option<PageRules>,
    /// Saved pages that show it.
    #[serde(default, skip_serializing, rename = "example")]
    pub examples: Vec<Example>,
}

/// Names of columns or of JSON keys, where the usual ones do not fit; keys inside keys are joined by dots.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Fields {
    pub text: Option<String>,
    pub id: Option<String>,
    pub url: Option<String>,
    pub date: Option<String>,
    pub language: Option<String>,
    /// Where a record states its own licence; it then counts instead of the source's.
    pub licence: Option<String>,
}

/// What one document may cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Longest text, in MiB of UTF-8. A line of JSON may be four times as long, since its text may be escaped.
    pub max_document_megabytes: u64,
    /// Largest page of a parquet file, in MiB after decompression. A page is decoded whole, so this bounds memory.
    pub max_page_megabytes: u64,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits { max_document_megabytes: 10, max_page_megabytes: 128 }
    }
}

impl Limits {
    pub(crate) fn document_bytes(&self) -> usize {
        usize::try_from(self.max_document_megabytes << 20).expect("parse allows at most 4096 MiB")
    }

    pub(crate) fn line_bytes(&self) -> usize {
        4 * self.document_bytes()
    }

    pub(crate) fn page_bytes(&self) -> u64 {
        self.max_page_megabytes << 20
    }

    /// The message of a `too_large` fault: what is too large, and which key raises the limit.
    pub(crate) fn too_large(&self, what: &str) -> String {
        format!(
            "{what} is over the limit of {} MiB a document; raise limits.max_document_megabytes in the source's \
             description if it is wanted",
            self.max_document_megabytes
        )
    }
}

impl Description {
    /// Reads a description; `file` is used in messages, `name` is the file's stem.
    /// # Errors
    /// Fails on bad TOML, unknown keys and values that cannot be right; the message names file, line and remedy.
    pub fn parse(file: &str, name: &str, text: &str) -> Result<Description, DataFileError> {
        let mut description: Description = parse_toml(file, text)?;
        description.name = name.to_owned();
        let line_at = |start: usize| 1 + text[..start].matches('\n').count();
        for selector in description.page.iter_mut().flat_map(PageRules::selectors_mut) {
            selector.line = line_at(selector.start);
        }
        for example in &mut description.examples {
            example.line = line_at(example.file.span().start);
        }
        let wrong = |key: &str, message: String| {
            let is_key = |line: &str| {
                let behind = line.trim_start().strip_prefix(key);
                behind.is_some_and(|it| it.trim_start().starts_with('=')) || line.trim() == format!("[{key}]")
            };
            match text.lines().position(is_key) {
                Some(index) => Err(DataFileError::at(file, index + 1, message)),
                None => Err(DataFileError::whole(file, message)),
            }
        };
        let name_is_sound = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_.".contains(&byte);
        if name.is_empty() || !name.bytes().all(name_is_sound) {
            let message = format!("the file name {name:?} is part of every id: use lower-case letters, digits, - _ .");
            return Err(DataFileError::whole(file, message));
        }
        let Description { title, licence, licence_evidence, .. } = &description;
        for (key, value) in [("title", title), ("licence", licence), ("licence_evidence", licence_evidence)] {
            if value.trim().is_empty() {
                return wrong(key, format!("`{key}` is empty; every document must be able to state it"));
            }
        }
        if description.files.is_empty() {
            return wrong("files", "`files` is empty; write a pattern below the root such as \"**/*.parquet\"".into());
        }
        if description.home.as_ref().is_some_and(|home| !home.starts_with("http")) {
            return wrong("home", "`home` must be an address that begins with http".into());
        }
        let Limits { max_document_megabytes, max_page_megabytes } = description.limits;
        for (key, value) in
            [("max_document_megabytes", max_document_megabytes), ("max_page_megabytes", max_page_megabytes)]
        {
            if !(1..=4096).contains(&value) {
                return wrong(key, format!("`{key}` = {value} must lie between 1 and 4096"));
            }
        }
        let of_fetch = description.fetch.as_ref().and_then(Fetch::complaint);
        if let Some((key, message)) = of_fetch.or_else(|| description.page.as_ref().and_then(PageRules::complaint)) {
            return wrong(key, message);
        }
        Ok(description)
    }

    /// Reads the description in the file at `path`; its stem is the source's name.
    /// # Errors
    /// Fails if the file cannot be read, and as [`Description::parse`] does.
    pub fn load(path: &Path) -> Result<Description, Error> {
        let text = fs::read_to_string(path).map_err(Error::io(path))?;
        let name = path.file_stem().unwrap_or_default().to_string_lossy();
        Ok(Description::parse(&path.to_string_lossy(), &name, &text)?)
    }

    /// The description of a file or folder that has none, for looking at anybody's data; the path is then the root.
    pub fn anonymous(path: &Path) -> Description {
        let name = path.file_name().map_or_else(|| "input".to_owned(), |name| name.to_string_lossy().into_owned());
        Description {
            title: name.clone(),
            name,
            kind: Kind::Corpus,
            licence: "unknown".to_owned(),
            licence_evidence: "none: read without a description".to_owned(),
            languages: Vec::new(),
            rank: 0,
            files: Vec::new(),
            format: None,
            fields: Fields::default(),
            limits: Limits::default(),
            home: None,
            note: None,
            fetch: None,
            page: None,
            examples: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOUND: &str = "title = \"T\"\nkind = \"book\"\nlicence = \"CC0-1.0\"\nlicence_evidence = \"e\"\nrank = 1\n\
                         files = [\"**/*.txt\"]\n";

    fn message(text: &str) -> String {
        Description::parse("sources/x.toml", "x", text).unwrap_err().to_string()
    }

    #[test]
    fn a_short_description_has_defaults_for_the_rest() {
        let description = Description::parse("sources/x.toml", "x", SOUND).unwrap();
        assert_eq!((description.name.as_str(), description.kind), ("x", Kind::Book));
        assert_eq!(description.limits, Limits { max_document_megabytes: 10, max_page_megabytes: 128 });
        assert_eq!(description.fields, Fields::default());
    }

    #[test]
    fn the_address_of_a_page_tells_its_language_and_licence() {
        let text = format!(
            "{SOUND}[page]\nbody = [\"main\",\n \"p\"]\n[[page.language]]\nurl = \"https://a.org/ja/\"\nlanguage = \"ja\"\n\
             [[page.licence]]\nurl = \"*/drugs/\"\nlicence = \"none\"\nevidence = \"e\"\n"
        );
        let page = Description::parse("x.toml", "x", &text).unwrap().page.unwrap();
        assert_eq!(page.body.iter().map(|it| (it.text.as_str(), it.line)).collect::<Vec<_>>(), [("main", 8), ("p", 9)]);
        assert_eq!(page.language_of("https://a.org/ja/x").map(|it| it.to_string()).as_deref(), Some("ja"));
        assert_eq!((page.language_of("https://a.org/x"), page.licence_of("https://a.org/x")), (None, None));
        assert_eq!(page.licence_of("https://a.org/drugs/x"), Some(0));
    }

    #[test]
    fn what_cannot_be_right_is_named_with_line_and_remedy() {
        for (text, expected) in [
            (SOUND.replace("rank", "rang"), "sources/x.toml:5: unknown field `rang`"),
            (SOUND.replace("CC0-1.0", " "), "sources/x.toml:3: `licence` is empty"),
            (SOUND.replace("**/*.txt", "../*.txt"), "sources/x.toml:6: \"../*.txt\" must be a path below the root"),
            (SOUND.replace("[\"**/*.txt\"]", "[]"), "sources/x.toml:6: `files` is empty"),
            (format!("{SOUND}[limits]\nmax_document_megabytes = 0"), "sources/x.toml:8: `max_document_megabytes` = 0"),
            (format!("{SOUND}[fields]\ntexts = \"t\""), "did you mean `text`?"),
            (format!("{SOUND}languages = [\"日本\"]"), "sources/x.toml:7: \"日本\" is not a language code"),
            (format!("{SOUND}[fetch]\nmax_pages = 9"), "sources/x.toml:7: [fetch] says nowhere to begin"),
            (format!("{SOUND}[fetch]\nmax_pages = 9\nstart = [\"x.org\"]"), "sources/x.toml:9: `start` has \"x.org\""),
            (
                format!("{SOUND}[fetch]\nmax_pages = 9\nstart = [\"http://x.org\"]\nallow = [\"/a\"]"),
                "sources/x.toml:10: `allow`: \"/a\" must begin as a whole address does",
            ),
            (format!("{SOUND}[page]\nbdy = []"), "did you mean `body`?"),
            (format!("{SOUND}[page]\none_document = true"), "sources/x.toml:8: `one_document` needs `next`"),
            (format!("{SOUND}[page]\nunmatched = \"reject\""), "sources/x.toml:8: `unmatched` needs `body`"),
            (
                format!("{SOUND}[[page.licence]]\nurl = \"*\"\nlicence = \"x\"\nevidence = \"\""),
                "sources/x.toml:10: [[page.licence]] needs",
            ),
        ] {
            assert!(message(&text).contains(expected), "{}", message(&text));
        }
        let error = Description::parse("sources/My Source.toml", "My Source", SOUND).unwrap_err();
        assert!(error.message.contains("lower-case"), "{error}");
    }
}
