//! `medcorpus language mine`: finds or weighs the terms of a language by labelled documents.

use document::{LanguageCode, Problems};
use filter::{Language, Term};
use onboard::{Cognates, MINED_KIND, MINED_LIST, MineSettings};

use crate::{
    arguments::{LanguageFolder, MineArguments, MiningArguments},
    exit::{Exit, Failure},
    print::print,
    tables,
};

use super::{load, read_labels};

pub fn run(arguments: &MineArguments) -> Result<Exit, Failure> {
    let language = load(&arguments.folder)?;
    let labels = read_labels(&arguments.labels)?;
    if arguments.reweigh {
        let terms = onboard::reweigh(&language, &labels);
        if arguments.dry_run {
            return print(&tables::weights(&terms));
        }
        for (number, list) in language.lists.iter().enumerate().filter(|(_, list)| list.file != MINED_LIST) {
            let own: Vec<Term> = terms.iter().filter(|term| term.list == number).cloned().collect();
            onboard::write_list(&arguments.folder.path().join(&list.file), &list.source, true, &own)?;
        }
        return print(&format!("{} terms weighed by {} documents\n", terms.len(), labels.len()));
    }
    let general = onboard::read_texts(&arguments.general)?;
    let settings = settings(&arguments.folder, &language, &arguments.mining)?;
    let mined = onboard::mine(&labels, &general, &settings);
    if arguments.dry_run {
        return print(&tables::mined(&mined));
    }
    if mined.is_empty() {
        let message = format!(
            "no word of {} documents is telling enough: it must occur in {} medical documents, in two origins where there are \
             several, and be {:.1} standard deviations from chance; give more labels, or lower --min-documents or --min-z",
            labels.len(),
            settings.min_documents,
            settings.min_z
        );
        return Err(Failure { exit: Exit::Configuration, message });
    }
    let listed = language.terms.iter().filter(|term| language.lists[term.list].file != MINED_LIST);
    let known: std::collections::BTreeSet<String> = listed.map(|term| term.text.to_lowercase()).collect();
    let new = mined.iter().filter(|term| !known.contains(&term.text)).map(|term| Term {
        text: term.text.clone(),
        kind: Some(term.kind.clone()),
        weight: (term.weight * 100.0).round() as u32,
        list: 0,
    });
    let terms: Vec<Term> = new.collect();
    let origins: std::collections::BTreeSet<&str> = labels.iter().map(|label| label.origin.as_str()).collect();
    let codes: Vec<&str> = settings.cognates.languages.iter().map(LanguageCode::as_str).collect();
    let vouchers =
        if codes.is_empty() { String::new() } else { format!(" and cognates listed for {}", codes.join(", ")) };
    let source = format!(
        "mined by `medcorpus language mine` from {} labelled documents of {} origins{vouchers}; not reviewed; words are facts of the \
         language",
        labels.len(),
        origins.len()
    );
    let path = arguments.folder.path().join(MINED_LIST);
    onboard::write_list(&path, &source, false, &terms)?;
    let vouched = mined.iter().filter(|term| term.kind != MINED_KIND).count();
    print(&format!(
        "{}: {} terms mined from {} documents, {vouched} of them with a cognate{}\n",
        path.display(),
        terms.len(),
        labels.len(),
        if codes.is_empty() { String::new() } else { format!(" in {}", codes.join(", ")) }
    ))
}

/// What a mined word must reach, with the terms of the languages that may vouch for it.
pub fn settings(
    folder: &LanguageFolder,
    language: &Language,
    arguments: &MiningArguments,
) -> Result<MineSettings, Failure> {
    let script = &language.settings.script;
    let asked: Vec<LanguageCode> = match arguments.cognates.as_slice() {
        [only] if only == "none" => Vec::new(),
        [] if !onboard::has_cognates(script) => Vec::new(),
        [] => filter::list_languages(&folder.filters).map_err(Problems::from)?,
        codes => {
            let parse = |code: &String| {
                LanguageCode::parse(code)
                    .map_err(|error| Failure { exit: Exit::Configuration, message: format!("--cognates: {error}") })
            };
            codes.iter().map(parse).collect::<Result<_, _>>()?
        }
    };
    let mut others: Vec<Language> = Vec::new();
    for code in asked.into_iter().filter(|code| *code != language.code) {
        let other = filter::load_language(&folder.filters, code, |_| {})?;
        if onboard::has_cognates(&other.settings.script) {
            others.push(other);
        }
    }
    Ok(MineSettings {
        max_terms: arguments.max_terms,
        min_z: arguments.min_z,
        min_documents: arguments.min_documents,
        cognates: Cognates::of(script, &others),
        ..MineSettings::new(language.settings.word_boundaries)
    })
}
