//! `medcorpus language label`: makes a page on which people label documents, or reads its answers.

use std::fs;

use crate::{
    arguments::LabelArguments,
    exit::{Exit, Failure},
    print::print,
};

use super::load;

pub fn run(arguments: &LabelArguments) -> Result<Exit, Failure> {
    let language = load(&arguments.folder)?;
    let texts = onboard::read_texts(&[&arguments.input])?;
    let id = |text: &str| document::Digest::of(text.as_bytes()).to_string();
    if !arguments.answers.is_empty() {
        let answers = onboard::read_answers(&arguments.answers)?;
        let default = arguments.input.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let origin = arguments.origin.clone().unwrap_or(default);
        let (mut lines, mut agreed, mut disputed) = (String::new(), 0, 0);
        for text in &texts {
            let Some(by_rater) = answers.get(&id(text)) else { continue };
            let yes = by_rater.values().filter(|medical| **medical).count();
            let label = match yes {
                0 => "other",
                yes if yes == by_rater.len() => "medical",
                _ => {
                    disputed += 1;
                    continue;
                }
            };
            agreed += 1;
            lines += &serde_json::json!({ "text": text, "label": label, "origin": origin }).to_string();
            lines.push('\n');
        }
        fs::write(&arguments.out, lines)?;
        let kappa = match onboard::kappa(&answers) {
            Some((kappa, number)) => format!("; two raters agree on {number} documents with a kappa of {kappa:.2}"),
            None => "; one rater, so no kappa".to_owned(),
        };
        return print(&format!(
            "{}: {agreed} labels, {disputed} disputed and left out{kappa}\n",
            arguments.out.display()
        ));
    }
    let candidate = |text: &String| onboard::Candidate {
        id: id(text),
        text: text.clone(),
        probability: language.probability(text),
    };
    let mut candidates: Vec<onboard::Candidate> = texts.iter().map(candidate).collect();
    candidates.sort_by(|a, b| {
        (a.probability - 0.5).abs().total_cmp(&(b.probability - 0.5).abs()).then_with(|| a.id.cmp(&b.id))
    });
    candidates.dedup_by(|a, b| a.id == b.id);
    candidates.truncate(arguments.number);
    let number = candidates.len();
    let title = format!("Medical or not: {}", language.settings.english_name);
    let direction = if language.is_right_to_left() { "rtl" } else { "ltr" };
    let html = onboard::page(&title, language.code.as_str(), direction, candidates);
    fs::write(&arguments.out, html)?;
    print(&format!(
        "{}: {number} documents; open it in a browser, save the answers, then: medcorpus language label {} {} --answers FILE \
         --out labels.jsonl\n",
        arguments.out.display(),
        language.code,
        arguments.input.display()
    ))
}
