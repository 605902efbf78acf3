//! `medcorpus language import-mmedc`.

use std::{fs, path::Path};

use document::{LanguageCode, Problems};
use filter::FolderText;

use crate::{
    arguments::ImportArguments,
    exit::{Exit, Failure},
    print::print,
};

pub fn run(arguments: &ImportArguments) -> Result<Exit, Failure> {
    let wrong = |path: &Path, message: String| Failure {
        exit: Exit::Configuration,
        message: format!("{}: {message}", path.display()),
    };
    let read = |path: &Path| fs::read_to_string(path).map_err(|error| wrong(path, format!("cannot be read: {error}")));
    let file = &arguments.file;
    let text = read(file)?;
    let is_module = text.contains("_medical_words");
    let codes = match arguments.language {
        Some(code) => vec![code],
        None if is_module => filter::list_languages(&arguments.filters).map_err(Problems::from)?,
        None => return Err(wrong(file, "a list with one term a line needs --language".to_owned())),
    };
    let mut report = String::new();
    for code in codes {
        let language = filter::load_language(&arguments.filters, code, |_| {})?;
        let Some(published) = &language.settings.mmedc else {
            let message =
                format!("language {code} has no table [mmedc] in its language.toml; add the thresholds to use");
            if arguments.language.is_some() {
                return Err(wrong(&arguments.filters, message));
            }
            continue;
        };
        let terms = if is_module {
            filter::mmedc_terms(&text, &published.list_prefix).map_err(|message| wrong(file, message))?
        } else {
            plain_list(&text)
        };
        let base = arguments.filters.join(code.as_str());
        let base = FolderText {
            settings: read(&base.join("language.toml"))?,
            stopwords: fs::read_to_string(base.join("stopwords.txt")).ok(),
            ..FolderText::default()
        };
        let folder = filter::mmedc_folder(&base, &terms).map_err(|message| wrong(&arguments.filters, message))?;
        write(&arguments.out, code, &folder)?;
        report += &format!("{}: {} terms\n", arguments.out.join(code.as_str()).display(), terms.len());
    }
    print(&report)
}

/// One term a line, each once.
fn plain_list(text: &str) -> Vec<String> {
    let mut terms: Vec<String> =
        text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).map(str::to_owned).collect();
    terms.sort();
    terms.dedup();
    terms
}

fn write(out: &Path, code: LanguageCode, folder: &FolderText) -> Result<(), Failure> {
    let path = out.join(code.as_str());
    fs::create_dir_all(&path)?;
    fs::write(path.join("language.toml"), &folder.settings)?;
    fs::write(path.join("keywords.txt"), &folder.keywords)?;
    if let Some(stopwords) = &folder.stopwords {
        fs::write(path.join("stopwords.txt"), stopwords)?;
    }
    Ok(())
}
