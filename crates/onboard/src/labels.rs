//! Labelled documents: JSON lines with a text, a label and an origin; plain, gzip or zstd.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, BufRead, BufReader, Read},
    path::Path,
};

use serde::Deserialize;

use crate::Error;

/// A document of which somebody said whether it is about medicine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Labelled {
    pub text: String,
    pub medical: bool,
    /// Where it came from: a site, a data set. Documents of one origin resemble each other beyond their subject, and so do
    /// the parts of a data set (`name:part`), which are one origin.
    pub origin: String,
    /// The language that the record itself states.
    pub language: Option<String>,
}

/// More than this of a text is neither read nor judged, in characters.
const MAX_CHARS: usize = 20_000;

#[derive(Deserialize)]
struct Record {
    text: String,
    label: Option<Label>,
    /// 0 to 5, as outside models give it: how medical, or how valuable, a text is.
    score: Option<f64>,
    origin: Option<String>,
    source: Option<String>,
    #[serde(alias = "lang")]
    language: Option<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Label {
    Name(String),
    Yes(bool),
}

/// Reads labelled documents: one JSON object a line with `text`, `label` (`"medical"`, `"other"`, or anything else for neither;
/// or true and false) and `origin`; without an origin the file's name stands for it. With `scores_from`, a record without a
/// label has one by its `score` of 0..5: medical from there on, other below half of it, neither between.
/// # Errors
/// Fails on a file that cannot be read or a line that is no such record; the message names file and line.
pub fn read_labels(paths: &[impl AsRef<Path>], scores_from: Option<f64>) -> Result<Vec<Labelled>, Error> {
    let mut documents = Vec::new();
    for path in paths {
        let path = path.as_ref();
        let before = documents.len();
        each_record(path, &mut |record| {
            let by_score = || {
                let from = scores_from?;
                let score = record.score?;
                if score >= from { Some(true) } else { (score < from / 2.0).then_some(false) }
            };
            let medical = match &record.label {
                Some(Label::Yes(medical)) => Some(*medical),
                Some(Label::Name(name)) if name == "medical" => Some(true),
                Some(Label::Name(name)) if name == "other" => Some(false),
                Some(Label::Name(_)) => None,
                None => by_score(),
            };
            let Some(medical) = medical else { return };
            let origin =
                record.origin.or(record.source).map_or_else(|| stem(path), |origin| whole_origin(&origin).to_owned());
            let text = record.text.chars().take(MAX_CHARS).collect();
            documents.push(Labelled { text, medical, origin, language: record.language });
        })?;
        if documents.len() == before {
            return Err(Error::file(
                path,
                "has no document with the label \"medical\" or \"other\"; is `label` missing?",
            ));
        }
    }
    Ok(documents)
}

/// The origin that a part belongs to: of `name:part` the name, of an address the host.
fn whole_origin(origin: &str) -> &str {
    let origin = origin.split_once("://").map_or(origin, |(_, rest)| rest.split('/').next().unwrap_or(rest));
    origin.split(':').next().unwrap_or(origin).trim_end()
}

/// Reads the texts of JSON lines or of a text file with one document a line, labelled or not.
/// # Errors
/// As `read_labels`.
pub fn read_texts(paths: &[impl AsRef<Path>]) -> Result<Vec<String>, Error> {
    let mut texts = Vec::new();
    for path in paths {
        let path = path.as_ref();
        if path.to_string_lossy().contains(".json") {
            each_record(path, &mut |record| texts.push(record.text.chars().take(MAX_CHARS).collect()))?;
        } else {
            for line in BufReader::new(open(path)?).lines() {
                let line = line.map_err(|error| Error::file(path, error))?;
                texts.extend((!line.trim().is_empty()).then_some(line));
            }
        }
    }
    Ok(texts)
}

fn stem(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    name.split('.').next().unwrap_or_default().to_owned()
}

fn open(path: &Path) -> Result<Box<dyn Read>, Error> {
    let file = File::open(path).map_err(|error| Error::file(path, format!("cannot be read: {error}")))?;
    let extension = path.extension().unwrap_or_default().to_string_lossy().into_owned();
    Ok(match extension.as_str() {
        "gz" => Box::new(flate2::read::MultiGzDecoder::new(file)),
        "zst" => Box::new(zstd::Decoder::new(file).map_err(|error| Error::file(path, error))?),
        _ => Box::new(file),
    })
}

fn each_record(path: &Path, visit: &mut dyn FnMut(Record)) -> Result<(), Error> {
    let lines = BufReader::new(open(path)?).lines();
    for (number, line) in lines.enumerate() {
        let line = line.map_err(|error: io::Error| Error::file(path, error))?;
        if line.trim().is_empty() {
            continue;
        }
        let record = serde_json::from_str(&line).map_err(|error| Error::File {
            path: format!("{}:{}", path.display(), number + 1),
            message: format!(
                "is no labelled document: {error}; write {{\"text\": \"…\", \"label\": \"medical\" or \"other\"}}"
            ),
        })?;
        visit(record);
    }
    Ok(())
}

/// What raters answered on a page of `medcorpus language label`: by document, each rater's answer.
pub type Answers = BTreeMap<String, BTreeMap<String, bool>>;

#[derive(Deserialize)]
struct AnswerFile {
    rater: String,
    /// Id of a document, and `y`, `n` or `skip`.
    answers: BTreeMap<String, String>,
}

/// Reads the files that the page saves.
/// # Errors
/// Fails on a file that is not the page's, or if two files are of one rater.
pub fn read_answers(paths: &[impl AsRef<Path>]) -> Result<Answers, Error> {
    let mut answers = Answers::new();
    let mut raters: Vec<String> = Vec::new();
    for path in paths {
        let path = path.as_ref();
        let text = std::fs::read_to_string(path).map_err(|error| Error::file(path, error))?;
        let file: AnswerFile = serde_json::from_str(&text)
            .map_err(|error| Error::file(path, format!("is not what the page saves: {error}")))?;
        if raters.contains(&file.rater) {
            let message = format!("is by rater {:?} as another file is; each rater writes an own name", file.rater);
            return Err(Error::file(path, message));
        }
        for (id, answer) in file.answers {
            let medical = match answer.as_str() {
                "y" => true,
                "n" => false,
                _ => continue,
            };
            answers.entry(id).or_default().insert(file.rater.clone(), medical);
        }
        raters.push(file.rater);
    }
    Ok(answers)
}

/// Cohen's kappa of the first two raters over the documents that both answered, and how many these are; nothing where
/// there are not two raters or they could agree by chance alone.
pub fn kappa(answers: &Answers) -> Option<(f64, usize)> {
    let mut raters: Vec<&String> = answers.values().flat_map(|by_rater| by_rater.keys()).collect();
    raters.sort();
    raters.dedup();
    let [first, second, ..] = raters.as_slice() else { return None };
    let pairs: Vec<(bool, bool)> =
        answers.values().filter_map(|by_rater| Some((*by_rater.get(*first)?, *by_rater.get(*second)?))).collect();
    let total = pairs.len() as f64;
    let share =
        |matches: &dyn Fn(&(bool, bool)) -> bool| pairs.iter().filter(|pair| matches(pair)).count() as f64 / total;
    let agreed = share(&|(a, b)| a == b);
    let (first_yes, second_yes) = (share(&|(a, _)| *a), share(&|(_, b)| *b));
    let by_chance = first_yes * second_yes + (1.0 - first_yes) * (1.0 - second_yes);
    (total > 0.0 && by_chance < 1.0).then(|| ((agreed - by_chance) / (1.0 - by_chance), pairs.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(name: &str, text: &str) -> (tempfile::TempDir, std::path::PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        (folder, path)
    }

    #[test]
    fn labels_are_names_or_truth_values_and_the_rest_is_left_out() {
        let (_folder, path) = file(
            "seeds.jsonl",
            "{\"text\":\"a\",\"label\":\"medical\",\"origin\":\"x\"}\n\n{\"text\":\"b\",\"label\":false,\"lang\":\"fr\"}\n\
             {\"text\":\"c\",\"label\":\"ambiguous\"}\n",
        );
        let found = read_labels(&[path], None).unwrap();
        let said: Vec<(&str, bool, &str)> =
            found.iter().map(|it| (it.text.as_str(), it.medical, it.origin.as_str())).collect();
        assert_eq!(said, [("a", true, "x"), ("b", false, "seeds")]);
    }

    #[test]
    fn parts_of_a_data_set_and_pages_of_a_site_are_one_origin() {
        let origins = ["debian:gimp-help", "debian", "https://clinic.example:8080/a/b", "owner/name: part"];
        assert_eq!(origins.map(whole_origin), ["debian", "debian", "clinic.example", "owner/name"]);
    }

    #[test]
    fn scores_of_an_outside_model_become_labels() {
        let (_folder, path) = file(
            "s.jsonl",
            "{\"text\":\"a\",\"score\":4}\n{\"text\":\"b\",\"score\":2}\n{\"text\":\"c\",\"score\":0.5}\n",
        );
        let found = read_labels(&[&path], Some(3.0)).unwrap();
        assert_eq!(found.iter().map(|it| it.medical).collect::<Vec<_>>(), [true, false]);
        assert!(read_labels(&[&path], None).unwrap_err().to_string().contains("has no document with the label"));
    }

    #[test]
    fn a_line_that_is_no_record_is_named() {
        let (_folder, path) = file("s.jsonl", "{\"text\":\"a\",\"label\":true}\n{\"texte\":\"b\"}\n");
        assert!(read_labels(&[path], None).unwrap_err().to_string().contains("s.jsonl:2: is no labelled document"));
    }

    #[test]
    fn kappa_takes_away_what_chance_alone_would_agree_on() {
        let answers: Answers = [(true, true), (true, true), (false, false), (true, false)]
            .iter()
            .enumerate()
            .map(|(id, (a, b))| (id.to_string(), [("ann".to_owned(), *a), ("ben".to_owned(), *b)].into()))
            .collect();
        // Agreed 3/4; by chance 3/4 × 1/2 + 1/4 × 1/2 = 1/2.
        assert_eq!(kappa(&answers), Some((0.5, 4)));
        assert_eq!(kappa(&Answers::new()), None);
    }
}
