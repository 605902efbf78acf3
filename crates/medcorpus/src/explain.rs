//! `medcorpus explain`: documents through every stage, each number beside its limit.

use std::{
    io::{self, ErrorKind, Read, Write},
    path::Path,
};

use document::LanguageCode;
use pipeline::{Configuration, Explainer, Explanation, Needs, Overrides};

use crate::{
    arguments::ExplainArguments,
    exit::{Exit, Failure},
    tables,
};

pub fn run(arguments: &ExplainArguments) -> Result<Exit, Failure> {
    let languages = match (&arguments.language, &arguments.filters) {
        (Some(code), _) => Some(vec![*code]),
        (None, Some(filters)) => Some(filter::list_languages(filters).map_err(document::Problems::from)?),
        (None, None) => None,
    };
    let overrides =
        Overrides { filters: arguments.filters.clone(), rule: arguments.rule, languages, needs: Needs::Models };
    let configuration = Configuration::load(&arguments.pipeline, &overrides)?;
    let explainer = Explainer::new(&configuration, arguments.language)?;
    let mut out = io::BufWriter::new(io::stdout().lock());
    let mut shown = 0;
    let mut written = Ok(());
    let mut damaged = false;
    let mut show = |explanation: Explanation| {
        damaged |= explanation.verdict == "fault";
        if written.is_ok() && arguments.limit.is_none_or(|limit| shown < limit) {
            shown += 1;
            written = match arguments.json {
                true => serde_json::to_writer(&mut out, &explanation)
                    .map_err(io::Error::from)
                    .and_then(|()| out.write_all(b"\n")),
                false => out.write_all(view(&configuration, &explanation).as_bytes()),
            };
        }
    };
    match (&arguments.text, arguments.input.as_deref()) {
        (Some(text), _) => show(explainer.explain_text(text)),
        (None, Some(path)) if path == Path::new("-") => {
            let mut text = String::new();
            io::stdin().read_to_string(&mut text)?;
            show(explainer.explain_text(&text));
        }
        (None, Some(path)) => explainer.each(path, &mut show)?,
        (None, None) => unreachable!("clap asks for an input or a text"),
    }
    match written.and_then(|()| out.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => {}
        result => result?,
    }
    Ok(if damaged { Exit::DoneWithDamage } else { Exit::Done })
}

/// One document for people.
fn view(configuration: &Configuration, explanation: &Explanation) -> String {
    let mut text = String::new();
    let language = explanation.language.map_or("unknown".to_owned(), |code| code.to_string());
    let id = explanation.id.as_deref().unwrap_or(&explanation.locator);
    text += &format!("{id}  language {language}  {}", explanation.verdict);
    if let Some(reason) = &explanation.reason {
        text += &format!(" by {} of {}", reason.rule, reason.stage);
        if let Some(message) = &reason.message {
            text += &format!(": {message}");
        }
    }
    text.push('\n');
    let start: String = explanation.text.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(100).collect();
    if !start.is_empty() {
        text += &format!("  {start}…\n");
    }
    let terms = terms(configuration, explanation.language, &explanation.text);
    if !terms.is_empty() {
        text += &format!("  terms: {terms}\n");
    }
    text += &tables::checks(explanation);
    text.push('\n');
    text
}

/// The terms found, most frequent first.
fn terms(configuration: &Configuration, language: Option<LanguageCode>, text: &str) -> String {
    let language = language.and_then(|code| configuration.languages.iter().find(|language| language.code == code));
    let Some(language) = language else { return String::new() };
    let mut counts: std::collections::BTreeMap<usize, usize> = Default::default();
    for hit in language.matcher.hits(text) {
        *counts.entry(hit.term).or_default() += 1;
    }
    let mut counts: Vec<(usize, usize)> = counts.into_iter().collect();
    counts.sort_by_key(|(term, count)| (std::cmp::Reverse(*count), *term));
    let name = |(term, count): &(usize, usize)| {
        let term = &language.terms[*term];
        let kind = term.kind.as_ref().map(|kind| format!(" ({kind})")).unwrap_or_default();
        format!("{}{kind} ×{count}", term.text)
    };
    counts.iter().take(12).map(name).collect::<Vec<_>>().join(", ")
}
