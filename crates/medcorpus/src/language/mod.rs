//! `medcorpus language`: brings a language in, step by step.

mod label;
mod mine;

use std::{fs, path::Path};

use filter::{CLASSIFIER_FILE, Language, Term};
use onboard::{Calibration, CheckedLabels, Labelled, TrainSettings, Wanted};

use crate::{
    arguments::{
        CalibrateArguments, CheckLanguageArguments, ImportTermsArguments, LabelFiles, LanguageCommand, LanguageFolder,
        NewArguments, TrainArguments,
    },
    exit::{Exit, Failure},
    import,
    print::{print, print_json},
    tables,
};

pub fn run(command: &LanguageCommand) -> Result<Exit, Failure> {
    match command {
        LanguageCommand::New(arguments) => new(arguments),
        LanguageCommand::Mine(arguments) => mine::run(arguments),
        LanguageCommand::Import(arguments) => import_terms(arguments),
        LanguageCommand::Label(arguments) => label::run(arguments),
        LanguageCommand::Train(arguments) => train(arguments),
        LanguageCommand::Calibrate(arguments) => calibrate(arguments),
        LanguageCommand::Check(arguments) => check(arguments),
        LanguageCommand::ImportMmedc(arguments) => import::run(arguments),
    }
}

fn load(folder: &LanguageFolder) -> Result<Language, Failure> {
    Ok(filter::load_language(&folder.filters, folder.code, |_| {})?)
}

fn read_labels(files: &LabelFiles) -> Result<Vec<Labelled>, Failure> {
    Ok(onboard::read_labels(&files.labels, files.scores_from)?)
}

fn read(path: &Path) -> Result<String, Failure> {
    let wrong =
        |error| Failure { exit: Exit::Configuration, message: format!("{}: cannot be read: {error}", path.display()) };
    fs::read_to_string(path).map_err(wrong)
}

fn new(arguments: &NewArguments) -> Result<Exit, Failure> {
    let language = onboard::NewLanguage {
        code: arguments.folder.code.to_string(),
        name: arguments.name.clone(),
        english_name: arguments.english_name.clone(),
        script: arguments.script.clone(),
        word_boundaries: if arguments.unseparated { "none" } else { "spaces" },
    };
    let folder = arguments.folder.path();
    onboard::create(&folder, &language)?;
    if let Err(problems) = filter::load_language(&arguments.folder.filters, arguments.folder.code, |_| {}) {
        fs::remove_dir_all(&folder)?;
        return Err(problems.into());
    }
    let code = arguments.folder.code;
    print(&format!(
        "{0} is made; next: medcorpus language mine {code} --labels FILE, then train, calibrate, check\n",
        folder.display()
    ))
}

fn import_terms(arguments: &ImportTermsArguments) -> Result<Exit, Failure> {
    let language = load(&arguments.folder)?;
    let imported =
        onboard::import(&read(&arguments.file)?, arguments.format, language.code.as_str()).map_err(|error| {
            Failure { exit: Exit::Configuration, message: format!("{}: {error}", arguments.file.display()) }
        })?;
    let weight = (arguments.weight * 100.0).round() as u32;
    let term = |text: &String| Term { text: text.clone(), kind: Some(arguments.kind.clone()), weight, list: 0 };
    let mut terms: Vec<Term> = imported.terms.iter().map(term).collect();
    // Spellings that differ in case alone are one term.
    let mut seen = std::collections::BTreeSet::new();
    terms.retain(|term| seen.insert(term.text.to_lowercase()));
    let stem = arguments.file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let path = arguments.folder.path().join("terms").join(format!("{stem}.txt"));
    let source = format!("{}; licence {}", arguments.origin, arguments.licence);
    onboard::write_list(&path, &source, false, &terms)?;
    if let Err(problems) = load(&arguments.folder) {
        fs::remove_file(&path)?;
        return Err(problems);
    }
    print(&format!("{}: {} terms, {} entries left out\n", path.display(), terms.len(), imported.left_out))
}

fn train(arguments: &TrainArguments) -> Result<Exit, Failure> {
    let language = load(&arguments.folder)?;
    let labels = read_labels(&arguments.labels)?;
    let (model, card) = onboard::train(&labels, &TrainSettings::new(language.settings.word_boundaries))?;
    let folder = arguments.folder.path();
    fs::write(folder.join(CLASSIFIER_FILE), &model)?;
    fs::write(folder.join("classifier.md"), tables::card(&language, &arguments.labels.labels, &card))?;
    let path = folder.join(CLASSIFIER_FILE);
    print(&format!(
        "{}: {} bytes, trained on {} documents of {} origins and {} hard negatives; next: medcorpus language calibrate {}\n",
        path.display(),
        card.bytes,
        labels.len(),
        card.origins.len(),
        card.hard_negatives,
        language.code
    ))
}

fn calibrate(arguments: &CalibrateArguments) -> Result<Exit, Failure> {
    let language = load(&arguments.on.folder)?;
    let labels = read_labels(&arguments.on.labels)?;
    let training =
        match (arguments.without_classifier || language.classifier.is_none(), arguments.on.training.as_slice()) {
            (true, _) => None,
            (false, []) => Some(labels.clone()),
            (false, files) => Some(onboard::read_labels(files, None)?),
        };
    let wanted = Wanted {
        precision: arguments.precision,
        prevalence: arguments.prevalence,
        min_probability: arguments.min_probability,
    };
    let mining = mine::settings(&arguments.on.folder, &language, &arguments.mining)?;
    let mut progress = |what: &str| eprintln!("{}: {what}", language.code);
    let found = onboard::calibrate(&language, &labels, training.as_deref(), &mining, wanted, &mut progress)?;
    if !arguments.dry_run {
        write_judgement(&arguments.on.folder, &found)?;
    }
    if arguments.json { print_json(&found) } else { print(&tables::calibration(language.code, wanted, &found)) }
}

/// Writes the numbers with their evidence into `language.toml`.
fn write_judgement(folder: &LanguageFolder, found: &Calibration) -> Result<(), Failure> {
    let path = folder.path().join("language.toml");
    let text = read(&path)?;
    let table = toml::to_string(&found.judgement)
        .map_err(|error| Failure { exit: Exit::Failed, message: error.to_string() })?;
    // The evidence is a table of its own within the judgement.
    let table = format!("[judgement]\n{}", table.replace("[evidence]", "[judgement.evidence]"));
    let comment = "# Found by `medcorpus language calibrate`; every number was measured on origins that had no part in finding it.\n";
    let table = table.replacen("[judgement]\n", &format!("[judgement]\n{comment}"), 1);
    let text = onboard::replace_table(&text, "judgement", &table);
    let floor = [
        ("min_distinct", found.floor.min_distinct.to_string()),
        ("min_density", format!("{:?}", found.floor.min_density)),
        ("short_chars", found.floor.short_chars.to_string()),
        ("short_min_distinct", "1".to_owned()),
    ];
    fs::write(&path, onboard::set_numbers(&text, "keywords", &floor))?;
    Ok(())
}

fn check(arguments: &CheckLanguageArguments) -> Result<Exit, Failure> {
    let language = load(&arguments.on.folder)?;
    let labels = read_labels(&arguments.on.labels)?;
    let training = match arguments.on.training.as_slice() {
        [] => Vec::new(),
        files => onboard::read_labels(files, None)?,
    };
    let mut findings: Vec<(String, String)> =
        onboard::check_labels(&language, &CheckedLabels { labels: &labels, training: &training })
            .into_iter()
            .map(|finding| (finding.rule.to_owned(), finding.message))
            .collect();
    findings.extend(language.failing_examples().into_iter().map(|message| ("example".to_owned(), message)));
    if findings.is_empty() {
        return print(&format!(
            "filters/{}: nothing is wrong with the folder and its {} labels\n",
            language.code,
            labels.len()
        ));
    }
    print(&findings.iter().map(|(rule, message)| format!("{rule}: {message}\n")).collect::<String>())?;
    Ok(Exit::Differs)
}
