//! Checking data folders: a language, a source, a pipeline, or a folder of any of these.

use std::{
    fs,
    path::{Path, PathBuf},
};

use document::{DataFileError, LanguageCode, Problems};
use source::Description;

use crate::{
    configuration::{Configuration, Needs, Overrides},
    site_examples,
    site_rules::{PageSettings, SiteRules},
};

/// Checks a data folder or file: a language folder, a source, a pipeline, or a folder of any of these. Gives how many
/// were found sound.
/// # Errors
/// Fails with all that is wrong.
pub fn check_folder(path: &Path) -> Result<usize, Problems> {
    let name = path.display().to_string();
    let text = |path: &Path| {
        fs::read_to_string(path).map_err(|error| DataFileError::whole(&name, format!("cannot be read: {error}")))
    };
    if path.is_dir() && path.join("language.toml").exists() {
        // `.` and `..` have no name of their own.
        let path = if path.file_name().is_some() { path.to_owned() } else { path.canonicalize().unwrap_or_default() };
        let code = path.file_name().unwrap_or_default().to_string_lossy();
        let code = LanguageCode::parse(&code).map_err(|error| DataFileError::whole(&name, error.to_string()))?;
        let language = filter::load_language(path.parent().unwrap_or(Path::new("")), code, |_| {})?;
        let examples = format!("{name}/examples.toml");
        let failing = language.failing_examples().into_iter().map(|message| DataFileError::whole(&examples, message));
        return Problems(failing.collect()).none_or(1);
    }
    if path.is_dir() {
        let mut problems = Problems::default();
        let mut entries: Vec<PathBuf> = Vec::new();
        let listed =
            fs::read_dir(path).map_err(|error| DataFileError::whole(&name, format!("cannot be listed: {error}")))?;
        entries.extend(listed.filter_map(|entry| entry.ok().map(|entry| entry.path())));
        entries.sort();
        let of_interest =
            |path: &PathBuf| path.is_dir() || path.extension().is_some_and(|extension| extension == "toml");
        let sound: usize = entries
            .iter()
            .filter(|path| of_interest(path))
            .filter_map(|path| problems.collect(check_folder(path)))
            .sum();
        return problems.none_or(sound);
    }
    let file_text = text(path)?;
    let is_pipeline = file_text.lines().any(|line| line.trim() == "[[stage]]");
    if is_pipeline {
        let needs = Needs::Descriptions;
        Configuration::load(path, &Overrides { needs, ..Overrides::default() }).map(|_| 1)
    } else {
        let stem = path.file_stem().unwrap_or_default().to_string_lossy();
        let description = Description::parse(&name, &stem, &file_text)?;
        let rules = SiteRules::new(&description, path, PageSettings::default())?;
        site_examples::check(&description, &rules, path).map(|()| 1)
    }
}
