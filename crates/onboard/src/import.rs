//! Imports terms from the formats in which others publish them. Origin and licence stay with the list, since each import is a
//! file of its own below `terms/`.

use std::collections::BTreeSet;

use crate::Error;

/// Where terms stand in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// One term a line; lines with `#` in front are comments, and what follows a tab is left out.
    List,
    /// A hunspell dictionary: `word/FLAGS`, after a line with their number.
    Hunspell,
    /// A table of the Open Multilingual Wordnet: synset, `lang:lemma`, word.
    Wordnet,
    /// The Human Phenotype Ontology in OBO format: names and exact synonyms.
    Hpo,
    /// MeSH descriptors in XML: every `<String>` of a descriptor name or term.
    Mesh,
    /// ICD codes as CSV: the last column.
    Icd,
    /// Saved results of a Wikidata query in JSON: every value in the wanted language.
    Wikidata,
}

impl Format {
    /// The names, for the command line.
    pub const NAMES: [(&'static str, Format); 7] = [
        ("list", Format::List),
        ("hunspell", Format::Hunspell),
        ("wordnet", Format::Wordnet),
        ("hpo", Format::Hpo),
        ("mesh", Format::Mesh),
        ("icd", Format::Icd),
        ("wikidata", Format::Wikidata),
    ];
}

/// What an import found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Imported {
    /// Sorted by code point, each once.
    pub terms: Vec<String>,
    /// Entries that cannot be terms: too short, too long, numbers, or of letters that would never match.
    pub left_out: usize,
}

/// Longer phrases are sentences.
const MAX_WORDS: usize = 5;

/// Reads the terms of a file.
/// # Errors
/// Fails if nothing in it is a term of this format.
pub fn import(text: &str, format: Format, language: &str) -> Result<Imported, Error> {
    let found: Vec<String> = match format {
        Format::List => text
            .lines()
            .filter(|line| !line.starts_with('#'))
            .map(|line| line.split('\t').next().unwrap_or_default().to_owned())
            .collect(),
        Format::Hunspell => text
            .lines()
            .skip_while(|line| line.trim().parse::<u64>().is_ok())
            .map(|line| line.split(['/', '\t']).next().unwrap_or_default().to_owned())
            .collect(),
        Format::Wordnet => text
            .lines()
            .filter(|line| !line.starts_with('#'))
            .filter_map(|line| {
                let mut fields = line.split('\t').skip(1);
                let is_lemma = fields.next().is_some_and(|kind| kind == "lemma" || kind.ends_with(":lemma"));
                fields.next().filter(|_| is_lemma).map(|word| word.replace('_', " "))
            })
            .collect(),
        Format::Hpo => text
            .lines()
            .filter_map(|line| {
                let synonym = || line.strip_prefix("synonym: \"")?.split_once("\" EXACT").map(|(name, _)| name);
                line.strip_prefix("name: ").or_else(synonym).map(str::to_owned)
            })
            .collect(),
        Format::Mesh => text
            .split("<String>")
            .skip(1)
            .filter_map(|rest| rest.split_once("</String>").map(|(name, _)| unescape(name)))
            // "Heart Failure, Congestive" is written for an index; nobody writes it so in a text.
            .filter(|name| !name.contains(','))
            .collect(),
        Format::Icd => text.lines().filter_map(last_column).collect(),
        Format::Wikidata => {
            let value: serde_json::Value = serde_json::from_str(text)
                .map_err(|error| Error::Labels(format!("is no JSON: {error}; save the query's result as JSON")))?;
            let mut found = Vec::new();
            collect_values(&value, language, &mut found);
            found
        }
    };
    let all = found.len();
    let terms: BTreeSet<String> =
        found.into_iter().map(|term| term.trim().to_owned()).filter(|term| is_term(term)).collect();
    if terms.is_empty() {
        return Err(Error::Labels(format!("none of {all} entries is a term; is the format right?")));
    }
    let left_out = all - terms.len();
    Ok(Imported { terms: terms.into_iter().collect(), left_out })
}

fn is_term(term: &str) -> bool {
    let letters = term.chars().filter(|character| character.is_alphabetic()).count();
    let plain = term.chars().all(|it| it.is_alphanumeric() || filter::keywords::joins(it) || !it.is_ascii());
    letters >= 2 && letters * 2 >= term.chars().count() && plain && term.split_whitespace().count() <= MAX_WORDS
}

fn unescape(text: &str) -> String {
    text.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&apos;", "'").replace("&amp;", "&")
}

/// The last column of a line of CSV, with or without quotes.
fn last_column(line: &str) -> Option<String> {
    let line = line.trim_end();
    let column = match line.strip_suffix('"') {
        Some(rest) => rest.rsplit_once("\"").map_or(rest, |(_, column)| column),
        None => line.rsplit([',', ';', '\t']).next()?,
    };
    Some(column.to_owned())
}

/// Strings with `xml:lang` or `language` of the wanted language, and aliases of it.
fn collect_values(value: &serde_json::Value, language: &str, found: &mut Vec<String>) {
    match value {
        serde_json::Value::Object(object) => {
            let stated = object.get("xml:lang").or_else(|| object.get("language")).and_then(|it| it.as_str());
            if stated == Some(language) {
                found.extend(object.get("value").and_then(|it| it.as_str()).map(str::to_owned));
            }
            object.values().for_each(|value| collect_values(value, language, found));
        }
        serde_json::Value::Array(array) => array.iter().for_each(|value| collect_values(value, language, found)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(format: Format, text: &str, expected: &[&str]) {
        assert_eq!(import(text, format, "fr").unwrap().terms, expected);
    }

    #[test]
    fn every_format_gives_its_terms() {
        check(Format::List, "# words\nfièvre\taffection\nasthme\n12\n", &["asthme", "fièvre"]);
        check(Format::Hunspell, "2\nfièvre/S.\nasthme\tpo:noun\n", &["asthme", "fièvre"]);
        check(
            Format::Wordnet,
            "# name\n00001-n\tfra:lemma\tcrise_cardiaque\n00001-n\tfra:def\t0\tune phrase\n",
            &["crise cardiaque"],
        );
        check(
            Format::Hpo,
            "[Term]\nname: Seizure\nsynonym: \"Epileptic fit\" EXACT []\nsynonym: \"Fits\" BROAD []\n",
            &["Epileptic fit", "Seizure"],
        );
        check(
            Format::Mesh,
            "<DescriptorName><String>Heart Failure</String></DescriptorName><String>Failure, Heart</String>",
            &["Heart Failure"],
        );
        check(Format::Icd, "A00,\"Choléra\"\nB01;Varicelle\n", &["Choléra", "Varicelle"]);
        check(
            Format::Wikidata,
            "{\"results\":{\"bindings\":[{\"l\":{\"xml:lang\":\"fr\",\"value\":\"asthme\"}},\
             {\"l\":{\"xml:lang\":\"de\",\"value\":\"Asthma\"}}]}}",
            &["asthme"],
        );
    }

    #[test]
    fn a_file_of_another_format_is_refused() {
        let error = import("1\n2\n", Format::Hpo, "fr").unwrap_err().to_string();
        assert_eq!(error, "none of 0 entries is a term; is the format right?");
    }
}
