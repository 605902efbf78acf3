//! A language is brought in by the documented commands alone, and what must be refused is refused.

use std::{fs, path::Path};

use serde_json::{Value, json};

use crate::support::{Ran, medcorpus, root};

/// The passages that travel with a language, as sentences, so that there are enough; dealt out to three origins.
fn sentences(code: &str) -> Vec<Value> {
    let text = fs::read_to_string(root().join("filters").join(code).join("passages.jsonl")).unwrap();
    let passages = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let of_passage = |(number, passage): (usize, Value)| {
        // Pairs of a medical passage and its counterpart stay together.
        let origin = format!("origin {}", number / 2 % 3);
        let text = passage["text"].as_str().unwrap().to_owned();
        let sentences: Vec<&str> = text.split_inclusive(". ").collect();
        let pieces: Vec<String> = sentences.iter().map(|sentence| sentence.to_string()).collect();
        let label = passage["label"].clone();
        pieces
            .into_iter()
            .map(move |text| json!({ "text": text, "label": label, "origin": origin }))
            .collect::<Vec<_>>()
    };
    passages.enumerate().flat_map(of_passage).collect()
}

fn write(path: &Path, records: &[Value]) -> String {
    fs::write(path, records.iter().map(|record| format!("{record}\n")).collect::<String>()).unwrap();
    path.display().to_string()
}

struct Place(tempfile::TempDir);

impl Place {
    /// An empty folder of languages with one new language in it.
    fn new() -> Place {
        let place = Place(tempfile::tempdir().unwrap());
        place.language("new", &["--name", "Beispiel", "--english-name", "Example", "--script", "Latn"]).ended(0);
        place
    }

    fn language(&self, command: &str, arguments: &[&str]) -> Ran {
        let filters = self.0.path().join("filters").display().to_string();
        let begin = ["language", command, "xx", "--filters", &filters];
        medcorpus(&begin.iter().chain(arguments).copied().collect::<Vec<_>>())
    }

    fn labels(&self, records: &[Value]) -> String {
        write(&self.0.path().join("labels.jsonl"), records)
    }

    fn settings(&self) -> String {
        fs::read_to_string(self.0.path().join("filters/xx/language.toml")).unwrap()
    }
}

#[test]
fn a_language_is_brought_in_by_its_commands_alone() {
    let place = Place::new();
    let labels = place.labels(&sentences("fr"));
    place.language("mine", &["--labels", &labels, "--min-z", "1", "--min-documents", "3"]).ended(0);
    place.language("train", &["--labels", &labels]).ended(0);
    assert!(place.0.path().join("filters/xx/classifier.ftz").metadata().unwrap().len() < 2_000_000);

    let before = place.language("check", &["--labels", &labels]).ended(3);
    assert!(before.text().starts_with("not_calibrated: "), "{}", before.text());
    let calibrated = place.language("calibrate", &["--labels", &labels, "--precision", "0.65", "--json"]).ended(0);
    let found = calibrated.json();
    assert!(found["chosen"]["recall"]["value"].as_f64().unwrap() > 0.1, "{}", found["chosen"]);
    assert_eq!(found["origins"].as_array().unwrap().len(), 6);
    assert!(place.settings().contains("[judgement.evidence]"));
    place.language("check", &["--labels", &labels]).ended(0);

    // A term more, and the calibration is of another filter.
    let keywords = place.0.path().join("filters/xx/keywords.txt");
    fs::write(&keywords, fs::read_to_string(&keywords).unwrap() + "\u{17F}\u{17F}x\tdisease\t1\n").unwrap();
    let after = place.language("check", &["--labels", &labels]).ended(3);
    assert!(after.text().starts_with("out_of_date: "), "{}", after.text());
}

#[test]
fn terms_of_other_languages_vouch_for_words_that_are_spelled_like_them() {
    let place = Place::new();
    let labels = place.labels(&sentences("fr"));
    let arguments = ["--labels", &labels, "--min-z", "1", "--min-documents", "3"];
    let alone = place.language("mine", &arguments).ended(0);
    assert!(alone.text().ends_with("0 of them with a cognate\n"), "{}", alone.text());
    let list = place.0.path().join("filters/xx/terms/mined.txt");
    let before = fs::read_to_string(&list).unwrap();
    assert!(!before.contains("hépatique\t"), "one sentence is too little evidence for a word that nobody lists");

    let known = place.0.path().join("filters/yy");
    fs::create_dir_all(&known).unwrap();
    for name in ["language.toml", "keywords.txt"] {
        fs::copy(root().join("filters/es").join(name), known.join(name)).unwrap();
    }
    // The Spanish numbers were found with a classifier; without one the folder would be refused.
    let settings = fs::read_to_string(known.join("language.toml")).unwrap();
    fs::write(known.join("language.toml"), settings.split("\n[judgement]").next().unwrap()).unwrap();
    let vouched = place.language("mine", &arguments).ended(0);
    assert!(vouched.text().ends_with("with a cognate in yy\n"), "{}", vouched.text());
    let after = fs::read_to_string(&list).unwrap();
    assert!(
        after.starts_with("# Source: mined by `medcorpus language mine` from ")
            && after.contains("cognates listed for yy")
    );
    // It has the kind that the other list gives it, and a weight of its own.
    assert!(after.lines().any(|line| line.starts_with("hépatique\tanatomy\t")), "{after}");
    place.language("mine", &[&arguments[..], &["--cognates", "none"]].concat()).ended(0);
    assert_eq!(fs::read_to_string(&list).unwrap(), before);
}

#[test]
fn weights_found_on_labels_are_found_anew_for_each_fold() {
    let place = Place::new();
    let labels = place.labels(&sentences("fr"));
    let keywords = place.0.path().join("filters/xx/keywords.txt");
    fs::copy(root().join("filters/fr/keywords.txt"), &keywords).unwrap();
    let calibrate = || {
        let arguments = ["--labels", &labels, "--precision", "0.6", "--without-classifier", "--json", "--dry-run"];
        place.language("calibrate", &arguments).ended(0).json()
    };
    let text = fs::read_to_string(&keywords).unwrap();
    let plain: String =
        text.lines().filter(|line| !line.starts_with("# Weights: ")).map(|it| format!("{it}\n")).collect();
    fs::write(&keywords, &plain).unwrap();
    let listed = calibrate();
    // Weighed by the labels on which it is measured, and not saying so, a list looks better than it is.
    place.language("mine", &["--labels", &labels, "--reweigh"]).ended(0);
    let weighed = fs::read_to_string(&keywords).unwrap();
    assert!(weighed.contains("# Weights: found on labels by `medcorpus language mine --reweigh`\n"));
    let honest = calibrate();
    let silent: String =
        weighed.lines().filter(|line| !line.starts_with("# Weights: ")).map(|it| format!("{it}\n")).collect();
    fs::write(&keywords, silent).unwrap();
    let in_sample = calibrate();
    let of_curve = |found: &Value| -> f64 {
        found["curves"][0]["points"].as_array().unwrap().iter().map(|point| point["f1"].as_f64().unwrap()).sum()
    };
    let [listed, honest, in_sample] = [listed, honest, in_sample].map(|found| of_curve(&found));
    assert!(honest != listed && honest < in_sample, "{listed} {honest} {in_sample}");
}

#[test]
fn calibration_refuses_labels_that_prove_nothing() {
    let place = Place::new();
    let all = sentences("fr");
    let refused = |records: &[Value], arguments: &[&str], why: &str| {
        let labels = place.labels(records);
        let begin = ["--labels", &labels];
        let ran = place.language("calibrate", &begin.iter().chain(arguments).copied().collect::<Vec<_>>()).ended(2);
        assert!(ran.stderr.contains(why), "{}", ran.stderr);
        assert!(!place.settings().contains("[judgement]"), "a refused calibration wrote its numbers");
    };
    let labels = place.labels(&all);
    place.language("mine", &["--labels", &labels, "--min-z", "1", "--min-documents", "3"]).ended(0);
    let of_label = |label: &str| all.iter().filter(|it| it["label"] == label).cloned().collect::<Vec<_>>();
    refused(&of_label("medical"), &[], "labels of 3 medical and 0 other origins");
    let one_origin: Vec<Value> = all.iter().filter(|it| it["origin"] == "origin 0").cloned().collect();
    refused(&one_origin, &[], "labels of 1 medical and 1 other origins");
    let few: Vec<Value> = all.iter().step_by(24).cloned().collect();
    refused(&few, &["--precision", "0.4"], "which is wider than ± 0.05");
    refused(&all, &["--precision", "0.9999", "--prevalence", "0.001"], "no threshold reaches a precision of 0.9999");
}

#[test]
fn a_check_finds_what_is_wrong_with_labels() {
    let place = Place::new();
    let all = sentences("fr");
    let found = |records: &[Value], training: &[Value], rule: &str| {
        let labels = place.labels(records);
        let training = write(&place.0.path().join("training.jsonl"), training);
        let ran = place.language("check", &["--labels", &labels, "--training", &training]).ended(3);
        assert!(ran.text().lines().any(|line| line.starts_with(rule)), "{rule}: {}", ran.text());
    };
    found(&all[..40], &all[40..], "too_few_labels: ");
    let mut leaked = all[0].clone();
    leaked["origin"] = json!("elsewhere");
    found(&all, &[leaked], "leakage: ");
    let repeated = vec![all[0].clone(); 200];
    found(&[all.clone(), repeated].concat(), &all, "boilerplate: ");
    let mut foreign = all.clone();
    for (number, record) in foreign.iter_mut().enumerate().filter(|(number, _)| number % 3 == 0) {
        record["lang"] = json!(if number % 2 == 0 { "xx" } else { "yy" });
    }
    found(&foreign, &all, "other_language: ");
    let mut single = all.clone();
    single.iter_mut().for_each(|record| record["origin"] = json!("one"));
    found(&single, &single, "single_origin: ");
}

#[test]
fn labels_are_made_on_a_page_and_read_back() {
    let place = Place::new();
    let texts =
        write(&place.0.path().join("texts.jsonl"), &[json!({ "text": "القلب" }), json!({ "text": "<b>x</b>" })]);
    let page = place.0.path().join("page.html").display().to_string();
    place.language("label", &[&texts, "--out", &page]).ended(0);
    let html = fs::read_to_string(&page).unwrap();
    let data = html.split("type=\"application/json\">").nth(1).unwrap().split("</script>").next().unwrap();
    let documents: Vec<Value> = serde_json::from_str(data).unwrap();
    let id = |text: &str| documents.iter().find(|it| it["text"] == text).unwrap()["id"].as_str().unwrap().to_owned();
    let (heart, bold) = (id("القلب"), id("<b>x</b>"));
    let answers = |rater: &str, answers: Value| {
        let path = place.0.path().join(format!("{rater}.json"));
        fs::write(&path, json!({ "rater": rater, "answers": answers }).to_string()).unwrap();
        path.display().to_string()
    };
    let (a, b) = (answers("a", json!({ &heart: "y", &bold: "n" })), answers("b", json!({ &heart: "y", &bold: "y" })));
    let out = place.0.path().join("made.jsonl").display().to_string();
    let ran = place.language("label", &[&texts, "--out", &out, "--answers", &a, &b]).ended(0);
    assert!(ran.text().contains("1 labels, 1 disputed") && ran.text().contains("kappa of 0.00"), "{}", ran.text());
    let made: Value = serde_json::from_str(fs::read_to_string(&out).unwrap().trim()).unwrap();
    assert_eq!(made, json!({ "text": "القلب", "label": "medical", "origin": "texts.jsonl" }));
}

#[test]
fn imported_terms_keep_their_origin_and_licence_and_are_found() {
    let place = Place::new();
    let list = place.0.path().join("phenotypes.obo");
    fs::write(&list, "[Term]\nname: Seizure\nsynonym: \"Epileptic fit\" EXACT []\n").unwrap();
    let list = list.display().to_string();
    let from =
        ["--format", "hpo", "--origin", "a test", "--licence", "CC0-1.0", "--kind", "symptom", "--weight", "2.5"];
    place.language("import", &[&[list.as_str()], from.as_slice()].concat()).ended(0);
    let written = fs::read_to_string(place.0.path().join("filters/xx/terms/phenotypes.txt")).unwrap();
    assert_eq!(written, "# Source: a test; licence CC0-1.0\nEpileptic fit\tsymptom\t2.5\nSeizure\tsymptom\t2.5\n");
}
