//! The page on which people label documents: one file that works offline, by keyboard, in any script.

use serde::Serialize;

/// A document to be labelled.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Candidate {
    pub id: String,
    pub text: String,
    /// What the filter now thinks, in 0..=1. It decides the order, and is not shown.
    #[serde(skip)]
    pub probability: f64,
}

/// The page for `candidates`, the borderline ones first. `direction` is `ltr` or `rtl`.
pub fn page(title: &str, language: &str, direction: &str, mut candidates: Vec<Candidate>) -> String {
    let distance = |candidate: &Candidate| (candidate.probability - 0.5).abs();
    candidates.sort_by(|a, b| distance(a).total_cmp(&distance(b)).then_with(|| a.id.cmp(&b.id)));
    let data = serde_json::to_string(&candidates).expect("texts are valid JSON strings");
    // A text must not end the script that it stands in.
    let data = data.replace('<', "\\u003c");
    TEMPLATE
        .replace("{{title}}", &escape(title))
        .replace("{{language}}", &escape(language))
        .replace("{{direction}}", direction)
        .replace("{{data}}", &data)
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;")
}

const TEMPLATE: &str = include_str!("page.html");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn borderline_documents_come_first_and_texts_cannot_break_the_page() {
        let candidate = |id: &str, text: &str, probability| Candidate { id: id.into(), text: text.into(), probability };
        let html = page(
            "Label <ar>",
            "ar",
            "rtl",
            vec![candidate("sure", "القلب", 0.99), candidate("doubtful", "</script><b>", 0.52)],
        );
        assert!(html.find("doubtful").unwrap() < html.find("sure\"").unwrap());
        assert!(!html.contains("</script><b>") && html.contains("dir=\"rtl\"") && html.contains("Label &lt;ar>"));
        assert!(!html.contains("http://") && !html.contains("https://"), "the page must work offline");
    }
}
