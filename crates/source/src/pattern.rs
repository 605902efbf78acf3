//! A glob pattern of `files`: which paths below a source's root belong to it, and which language they declare.

use document::LanguageCode;
use serde::{Deserialize, Serialize};

use crate::stated_language;

/// The placeholder for a language code.
const LANGUAGE: &str = "{language}";

/// A pattern such as `{language}/part-*.parquet`, in which
/// `*` stands for any characters but `/`, `?` for one of them, `**` as a whole part for any number of folders, and
/// `{language}` for a language code, which the files then declare. Members of a ZIP archive follow `!/`:
/// `MMedC.zip!/{language}/*.txt`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct Pattern {
    files: String,
    members: Option<String>,
}

impl TryFrom<String> for Pattern {
    type Error = String;
    fn try_from(text: String) -> Result<Pattern, String> {
        Pattern::parse(&text)
    }
}

impl From<Pattern> for String {
    fn from(pattern: Pattern) -> String {
        match pattern.members {
            Some(members) => format!("{}!/{members}", pattern.files),
            None => pattern.files,
        }
    }
}

impl Pattern {
    pub(crate) fn parse(text: &str) -> Result<Pattern, String> {
        let (files, members) = match text.split_once("!/") {
            Some((files, members)) => (files, Some(members)),
            None => (text, None),
        };
        for glob in [Some(files), members].into_iter().flatten() {
            if glob.is_empty() {
                return Err(format!("{text:?} is empty before or behind `!/`"));
            }
            if glob.split('/').any(|part| matches!(part, "" | "." | "..")) {
                return Err(format!("{text:?} must be a path below the root, without empty parts, `.` and `..`"));
            }
            if glob.split('/').any(|part| part.contains("**") && part != "**") {
                return Err(format!("`**` in {text:?} must be a whole part of the path, as in `**/*.txt`"));
            }
            if glob.replace(LANGUAGE, "").contains(['{', '}', '[', ']', '\\']) {
                return Err(format!(
                    "{text:?} may contain `*`, `?`, `**` and {LANGUAGE} and no other special character"
                ));
            }
        }
        if text.matches(LANGUAGE).count() > 1 {
            return Err(format!("{text:?} contains {LANGUAGE} twice"));
        }
        Ok(Pattern { files: files.to_owned(), members: members.map(str::to_owned) })
    }

    /// Whether a file belongs to it, and then the language that its path declares.
    pub(crate) fn matches_file(&self, path: &str) -> Option<Option<LanguageCode>> {
        matches(&self.files, path)
    }

    /// The part behind `!/`, to be used with [`matches`].
    pub(crate) fn members(&self) -> Option<&str> {
        self.members.as_deref()
    }

    /// How many folders below the root its files can lie; `None` where `**` leaves it open.
    pub(crate) fn depth(&self) -> Option<usize> {
        (!self.files.contains("**")).then(|| self.files.split('/').count())
    }
}

/// Whether `path` matches `glob`, and then the language captured by `{language}`.
pub(crate) fn matches(glob: &str, path: &str) -> Option<Option<LanguageCode>> {
    let glob: Vec<&str> = glob.split('/').collect();
    let path: Vec<&str> = path.split('/').collect();
    parts_match(&glob, &path)
}

fn parts_match(glob: &[&str], path: &[&str]) -> Option<Option<LanguageCode>> {
    match glob.split_first() {
        None => path.is_empty().then_some(None),
        Some((&"**", rest)) => (0..=path.len()).find_map(|skipped| parts_match(rest, &path[skipped..])),
        Some((part, rest)) => {
            let (name, path) = path.split_first()?;
            let here = part_matches(part, name)?;
            parts_match(rest, path).map(|below| here.or(below))
        }
    }
}

fn part_matches(glob: &str, name: &str) -> Option<Option<LanguageCode>> {
    if let Some(rest) = glob.strip_prefix(LANGUAGE) {
        // The longest code first, so that `zh-Hant` is not read as `zh`.
        return (2..=name.len().min(11)).rev().find_map(|length| {
            let language = stated_language::parse(name.get(..length)?)?;
            part_matches(rest, &name[length..])?;
            Some(Some(language))
        });
    }
    let Some(first) = glob.chars().next() else { return name.is_empty().then_some(None) };
    let rest = &glob[first.len_utf8()..];
    let mut letters = name.chars();
    match first {
        '*' => name
            .char_indices()
            .map(|(at, _)| at)
            .chain([name.len()])
            .find_map(|skipped| part_matches(rest, &name[skipped..])),
        '?' => letters.next().and_then(|_| part_matches(rest, letters.as_str())),
        _ => letters.next().filter(|letter| *letter == first).and_then(|_| part_matches(rest, letters.as_str())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn language(glob: &str, path: &str) -> Option<String> {
        matches(glob, path).map(|it| it.map(|code| code.to_string()).unwrap_or_default())
    }

    #[test]
    fn stars_stay_inside_a_folder_and_double_stars_do_not() {
        assert_eq!(language("*.txt", "心.txt").as_deref(), Some(""));
        assert_eq!(language("*.txt", "a/心.txt"), None);
        assert_eq!(language("**/*.txt", "a/b/心.txt").as_deref(), Some(""));
        assert_eq!(language("**/*.txt", "心.txt").as_deref(), Some(""));
        assert_eq!(language("part-?.jsonl", "part-1.jsonl").as_deref(), Some(""));
        assert_eq!(language("part-?.jsonl", "part-12.jsonl"), None);
    }

    #[test]
    fn the_placeholder_matches_language_codes_only() {
        assert_eq!(language("{language}/*.txt", "ja/心.txt").as_deref(), Some("ja"));
        assert_eq!(language("{language}/*.txt", "images/心.txt"), None);
        assert_eq!(language("{language}_part_*.parquet", "fr_part_00000.parquet").as_deref(), Some("fr"));
        assert_eq!(language("data/{language}/*", "data/zh-Hant/a").as_deref(), Some("zh-Hant"));
        assert_eq!(language("{language}/x", "rus_Cyrl/x").as_deref(), Some("ru"));
    }

    #[test]
    fn patterns_that_leave_the_root_are_refused() {
        for (text, part) in [
            ("../x", "below the root"),
            ("/etc/passwd", "below the root"),
            ("a**.txt", "whole part"),
            ("{lang}/x", "no other special character"),
            ("{language}/{language}", "twice"),
            ("x.zip!/", "empty"),
        ] {
            let message = Pattern::parse(text).unwrap_err();
            assert!(message.contains(part), "{text}: {message}");
        }
        assert_eq!(Pattern::parse("a.zip!/{language}/*.txt").unwrap().members(), Some("{language}/*.txt"));
    }
}
