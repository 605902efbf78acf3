//! The text of a page that shows none without its scripts: what its structured data and its description say.

use crate::{
    dom::{Dom, Limits},
    metadata::{Metadata, clean},
};

/// The text, or what the page states of itself where it shows nothing.
pub(crate) fn or_stated(text: String, metadata: &Metadata) -> String {
    if !text.is_empty() {
        return text;
    }
    let mut lines: Vec<String> = Vec::new();
    for stated in metadata.texts.iter().chain(&metadata.description) {
        let Some(line) = plain(stated) else { continue };
        // A description is the beginning of the text as often as not.
        let beginning = line.trim_end_matches(['.', '\u{2026}', ' ']);
        if !lines.iter().any(|it| it.starts_with(beginning)) {
            lines.push(line);
        }
    }
    lines.join("\n")
}

/// Structured data holds markup as often as text.
fn plain(stated: &str) -> Option<String> {
    if !stated.contains('<') {
        return clean(stated);
    }
    clean(&Dom::parse(stated, &Limits::default()).all_text(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_that_shows_nothing_is_what_it_states() {
        let metadata = Metadata {
            description: Some("Which dose of metformin is usual\u{2026}".to_owned()),
            texts: vec![
                "<p>Which dose of metformin is usual in the evening?</p>".to_owned(),
                "服药时应与餐同服，以减轻恶心。".to_owned(),
            ],
            ..Metadata::default()
        };
        let stated = "Which dose of metformin is usual in the evening?\n服药时应与餐同服，以减轻恶心。";
        assert_eq!(or_stated(String::new(), &metadata), stated);
        assert_eq!(or_stated("What is shown.".to_owned(), &metadata), "What is shown.");
    }
}
