//! Writes a language's folder: a new one from nothing, a list of terms, a table of `language.toml`.

use std::{fs, path::Path};

use filter::Term;

use crate::Error;

/// What a new language is told about itself; everything else is measured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewLanguage {
    pub code: String,
    pub name: String,
    pub english_name: String,
    /// ISO 15924.
    pub script: String,
    /// `spaces` or `none`.
    pub word_boundaries: &'static str,
}

/// Makes the folder of a new language. It holds no number of another language: the limits of the keyword scan let everything
/// through until they are calibrated, and quality has the two that mean the same in every language.
/// # Errors
/// Fails if the folder is there already or cannot be written.
pub fn create(folder: &Path, language: &NewLanguage) -> Result<(), Error> {
    if folder.exists() {
        return Err(Error::file(folder, "is there already; edit it, or remove it first"));
    }
    let NewLanguage { name, english_name, script, word_boundaries, code } = language;
    let [name, english_name, script] =
        [name, english_name, script].map(|it| toml::Value::String(it.clone()).to_string());
    let settings = format!(
        "name = {name}\nenglish_name = {english_name}\nscript = {script}\nword_boundaries = \"{word_boundaries}\"\n\n\
         [keywords]\n# Not calibrated: one term passes. `medcorpus language calibrate {code}` finds the limits.\n\
         rule = \"native\"\nmin_distinct = 1\nmin_density = 0.0\n\n\
         [inflection]\n# Ending of a listed word = the endings of its forms, such as \"\" = [\"\", \"s\"]. Mined terms are listed in the forms in\n\
         # which they occur and need none.\n\n\
         [identify_language]\nmin_probability = 0.5\n\n\
         [quality]\n# Not measured for this language; what is absent is not applied.\nblocked_phrases = [\"lorem ipsum\"]\n"
    );
    fs::create_dir_all(folder).map_err(|error| Error::file(folder, error))?;
    write(&folder.join("language.toml"), &settings)?;
    // A list must not be empty, so that a forgotten one is noticed; this is the one word that every language may keep.
    write(
        &folder.join("keywords.txt"),
        "# Source: none yet; `medcorpus language mine` and `import` fill this list\nDNA\tphysiology\t0.1\n",
    )?;
    Ok(())
}

/// Says in a list that its weights were found on labels.
const WEIGHED: &str = "# Weights: found on labels by `medcorpus language mine --reweigh`";

/// Writes a list of terms, sorted by code point, with its source in the first line. Further comment lines of an earlier file
/// stay. `is_weighed` says that the weights were found on labels.
/// # Errors
/// Fails if the file cannot be written.
pub fn write_list(path: &Path, source: &str, is_weighed: bool, terms: &[Term]) -> Result<(), Error> {
    let before = fs::read_to_string(path).unwrap_or_default();
    let stays = |line: &&str| line.starts_with('#') && !line.starts_with("# Weights: ");
    let comments = before.lines().skip(1).filter(stays).chain(is_weighed.then_some(WEIGHED));
    let mut lines: Vec<(&str, String)> = terms
        .iter()
        .map(|term| {
            let kind = term.kind.as_deref().unwrap_or_default();
            (term.text.as_str(), format!("{}\t{kind}\t{}", term.text, f64::from(term.weight) / 100.0))
        })
        .collect();
    lines.sort();
    let mut text = format!("# Source: {source}\n");
    for line in comments.map(str::to_owned).chain(lines.into_iter().map(|(_, line)| line)) {
        text += &line;
        text.push('\n');
    }
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(|error| Error::file(folder, error))?;
    }
    write(path, &text)
}

/// Replaces the table `[name]` with its sub-tables in a TOML text, or adds it at the end. Everything else stays as it is,
/// comments included.
pub fn replace_table(text: &str, name: &str, table: &str) -> String {
    let header = |line: &str| line.trim_start().starts_with('[') && !line.trim_start().starts_with("[[");
    let own = |line: &str| {
        let line = line.trim();
        line == format!("[{name}]") || line.starts_with(&format!("[{name}."))
    };
    let mut kept = String::new();
    let mut inside = false;
    for line in text.lines() {
        if header(line) {
            inside = own(line);
        }
        if !inside {
            kept += line;
            kept.push('\n');
        }
    }
    format!("{}\n\n{}\n", kept.trim_end(), table.trim_end())
}

/// Sets numbers of the table `[name]` line by line; a key that is not there is added behind the one before it.
pub fn set_numbers(text: &str, name: &str, numbers: &[(&str, String)]) -> String {
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    let mut behind = None;
    for (key, number) in numbers {
        let Some(start) = lines.iter().position(|line| line.trim() == format!("[{name}]")) else { continue };
        let end =
            lines[start + 1..].iter().position(|line| line.starts_with('[')).map_or(lines.len(), |it| start + 1 + it);
        let is_key = |line: &String| line.split('=').next().is_some_and(|left| left.trim() == *key);
        match lines[start..end].iter().position(is_key) {
            Some(place) => {
                lines[start + place] = format!("{key} = {number}");
                behind = Some(start + place);
            }
            None => {
                let place = behind.unwrap_or(start) + 1;
                lines.insert(place, format!("{key} = {number}"));
                behind = Some(place);
            }
        }
    }
    lines.join("\n") + "\n"
}

pub(crate) fn write(path: &Path, text: &str) -> Result<(), Error> {
    fs::write(path, text).map_err(|error| Error::file(path, format!("cannot be written: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_replaced_with_its_sub_tables_and_nothing_else_moves() {
        let text = "name = \"x\"\n\n[judgement]\na = 1\n\n[judgement.evidence]\nb = 2\n\n[quality] # limits\nc = 3\n";
        let expected = "name = \"x\"\n\n[quality] # limits\nc = 3\n\n[judgement]\na = 9\n";
        assert_eq!(replace_table(text, "judgement", "[judgement]\na = 9\n"), expected);
    }

    #[test]
    fn numbers_are_set_where_they_stand() {
        let text = "[keywords]\n# why\nmin_density = 0.5\n[quality]\nmin_density = 1\n";
        let found = set_numbers(text, "keywords", &[("min_density", "0.02".into()), ("min_distinct", "2".into())]);
        assert_eq!(found, "[keywords]\n# why\nmin_density = 0.02\nmin_distinct = 2\n[quality]\nmin_density = 1\n");
    }

    #[test]
    fn a_new_folder_is_sound_and_is_not_written_over() {
        let place = tempfile::tempdir().unwrap();
        let folder = place.path().join("pl");
        let language = NewLanguage {
            code: "pl".into(),
            // A quote, and a letter with a mark of its own, as Hindi has them.
            name: "\"pol\u{300}ski\"".into(),
            english_name: "Polish".into(),
            script: "Latn".into(),
            word_boundaries: "spaces",
        };
        create(&folder, &language).unwrap();
        let code = document::LanguageCode::parse("pl").unwrap();
        let loaded = filter::load_language(place.path(), code, |_| {}).unwrap();
        assert_eq!((loaded.terms.len(), loaded.settings.judgement), (1, None));
        assert!(create(&folder, &language).unwrap_err().to_string().contains("is there already"));
    }
}
