//! `medcorpus explain`: documents through every stage, each number beside its limit.

use std::{
    io::{self, ErrorKind, Read, Write},
    path::Path,
};

use pipeline::{Configuration, Explainer, Explanation, Fate, FateVerdict, FoundKeyword, Needs, Overrides, Relation};

use crate::{
    arguments::ExplainArguments,
    exit::{Exit, Failure},
    print::{print, print_json},
    tables,
};

pub fn run(arguments: &ExplainArguments) -> Result<Exit, Failure> {
    if let (Some(out), Some(id)) = (&arguments.out, &arguments.input) {
        let fate = pipeline::fate(out, &id.to_string_lossy())?;
        if arguments.json {
            print_json(&fate)?
        } else {
            print(&story(&fate))?
        };
        return Ok(if fate.verdict == FateVerdict::Unknown { Exit::Differs } else { Exit::Done });
    }
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
                false => out.write_all(view(&explanation).as_bytes()),
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

/// Others that are listed of one document.
const RELATIONS: usize = 20;

/// What became of a document, for people.
fn story(fate: &Fate) -> String {
    let mut text = match &fate.verdict {
        FateVerdict::Kept => format!("{} was kept\n", fate.id),
        FateVerdict::Removed(kept) => {
            let Relation { id, locator, similarity, how } = kept;
            format!(
                "{} was removed: {how} duplicate, similarity {similarity:.4}, of {id} ({locator}), which stays\n",
                fate.id
            )
        }
        FateVerdict::Rejected(rejection) => {
            let message = if rejection.message.is_empty() { String::new() } else { format!(": {}", rejection.message) };
            format!(
                "{} ({}) was rejected by {} of {}{message}\n",
                fate.id, rejection.locator, rejection.rule, rejection.stage
            )
        }
        FateVerdict::Unknown => {
            format!("{} is neither kept nor listed as removed or rejected; look for its id in the input\n", fate.id)
        }
    };
    for (heading, relations) in [("it stands for", &fate.stands_for), ("compared with, and both stay", &fate.refused)] {
        for (place, relation) in relations.iter().take(RELATIONS).enumerate() {
            if place == 0 {
                text += &format!("{heading} ({}):\n", relations.len());
            }
            text +=
                &format!("  {} ({}): {}, {:.4}\n", relation.id, relation.locator, relation.how, relation.similarity);
        }
        if relations.len() > RELATIONS {
            text += "  …\n";
        }
    }
    text
}

/// One document for people.
fn view(explanation: &Explanation) -> String {
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
    let excerpt = excerpt(explanation);
    if !excerpt.is_empty() {
        text += &format!("  {excerpt}\n");
    }
    let terms = terms(explanation);
    if !terms.is_empty() {
        text += &format!("  terms: {terms}\n");
    }
    text += &tables::checks(explanation);
    text.push('\n');
    text
}

/// How much of a text is shown.
const EXCERPT_CHARS: usize = 400;

/// The beginning of the text, with the keywords in brackets.
fn excerpt(explanation: &Explanation) -> String {
    let mut marked = String::new();
    let mut covered_to = 0;
    let mut spans = explanation.keywords.iter().map(|keyword| keyword.chars).peekable();
    for (place, character) in explanation.text.chars().take(EXCERPT_CHARS).enumerate() {
        if place > 0 && place == covered_to {
            marked.push(']');
        }
        let mut opens = false;
        while let Some([_, end]) = spans.next_if(|[start, _]| *start == place) {
            opens |= place >= covered_to;
            covered_to = covered_to.max(end);
        }
        if opens {
            marked.push('[');
        }
        marked.push(if character.is_whitespace() { ' ' } else { character });
    }
    let chars = explanation.text.chars().count();
    if covered_to > EXCERPT_CHARS || covered_to == chars && covered_to > 0 {
        marked.push(']');
    }
    if chars > EXCERPT_CHARS {
        marked.push('…');
    }
    marked.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The terms found, the most telling first.
fn terms(explanation: &Explanation) -> String {
    let mut terms: Vec<(&FoundKeyword, usize)> = Vec::new();
    for keyword in &explanation.keywords {
        match terms.iter_mut().find(|(known, _)| known.term == keyword.term) {
            Some((_, count)) => *count += 1,
            None => terms.push((keyword, 1)),
        }
    }
    terms.sort_by(|(a, _), (b, _)| b.weight.total_cmp(&a.weight));
    let name = |(keyword, count): &(&FoundKeyword, usize)| {
        let kind = keyword.kind.as_ref().map(|kind| format!("{kind} ")).unwrap_or_default();
        format!("{} ({kind}{}) ×{count}", keyword.term, keyword.weight)
    };
    terms.iter().take(12).map(name).collect::<Vec<_>>().join(", ")
}
