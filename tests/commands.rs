//! Every command as a user meets it: help, tables and JSON. Snapshots hold the form, not the numbers of `filters/`.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::support::{Workspace, medcorpus, need_model};

/// Every command, as typed.
const COMMANDS: [&[&str]; 14] = [
    &["build"],
    &["plan"],
    &["work"],
    &["explain"],
    &["extract"],
    &["check"],
    &["stages"],
    &["audit"],
    &["verify"],
    &["schema"],
    &["dedup"],
    &["fetch"],
    &["language"],
    &["language", "import-mmedc"],
];

#[test]
fn every_command_has_help_of_readable_width() {
    for command in COMMANDS {
        let ran = medcorpus(&[command, &["--help"]].concat()).ended(0);
        assert!(ran.text().contains("Usage: medcorpus"), "{command:?}: {}", ran.text());
        let wide = ran.text().lines().find(|line| line.chars().count() > 100);
        assert_eq!(wide, None, "{command:?}");
        assert!(ran.text().lines().next().is_some_and(|line| line.len() > 20), "{command:?} says what it does");
    }
    let help = medcorpus(&["--help"]).ended(0);
    let from = help.text().find("Commands:").unwrap();
    let to = help.text().find("Options:").unwrap();
    let listed = help.text()[from..to].lines().skip(1).filter_map(|line| line.split_whitespace().next());
    let listed: BTreeSet<&str> = listed.filter(|name| *name != "help").collect();
    assert_eq!(listed, COMMANDS.iter().map(|command| command[0]).collect(), "a new command belongs into this test");
    assert!(help.text().contains("Exit codes:"));
    assert!(medcorpus(&["--version"]).ended(0).text().starts_with("medcorpus "));
}

#[test]
fn stages_are_listed_with_their_rules() {
    insta::assert_snapshot!("stages", medcorpus(&["stages"]).ended(0).text());
    let listed = medcorpus(&["stages", "--json"]).ended(0).json();
    let names: Vec<&str> = listed.as_array().unwrap().iter().map(|stage| stage["name"].as_str().unwrap()).collect();
    assert_eq!(
        names,
        ["normalize", "count_keywords", "identify_language", "classify", "check_quality", "count_tokens"]
    );
}

#[test]
fn the_schema_of_every_table_is_printed() {
    insta::assert_snapshot!("schema", medcorpus(&["schema"]).ended(0).text());
}

#[test]
fn a_plan_lists_tasks_and_writes_nothing() {
    need_model();
    let workspace = Workspace::new();
    let plan = workspace.run(&["plan", "pipelines/sample.toml", "--out", "out"]).ended(0);
    insta::assert_snapshot!("plan", plan.text());
    let plan = workspace.run(&["plan", "pipelines/sample.toml", "--out", "out", "--json"]).ended(0).json();
    insta::assert_snapshot!("plan_keys", keys(&plan));
    assert!(!workspace.path("out").exists());
}

#[test]
fn a_plan_shows_inputs_with_the_same_bytes() {
    let workspace = Workspace::new();
    let bytes = std::fs::read(workspace.path("sources/samples/crawl/fr_part_00000.parquet")).unwrap();
    workspace.write("sources/samples/crawl/fr_part_00001.parquet", bytes);
    let plan = workspace.run(&["plan", "pipelines/sample.toml"]).ended(0);
    let expected = "the same bytes: sample_crawl:fr_part_00000.parquet, sample_crawl:fr_part_00001.parquet";
    assert!(plan.text().contains(expected), "{}", plan.text());
}

const FRENCH: &str =
    "Une femme de 40 ans souffre d'une pneumonie avec fièvre et toux ; le médecin prescrit un antibiotique.";

#[test]
fn explain_shows_every_stage_and_each_number_beside_its_limit() {
    need_model();
    let shown = medcorpus(&["explain", "--language", "fr", "--text", FRENCH]).ended(0);
    for piece in ["text  language fr  keep", "terms:", "pneumonie", "too_few_keywords", "limit", "tokens"] {
        assert!(shown.text().contains(piece), "{piece:?} in {}", shown.text());
    }
    let explained = medcorpus(&["explain", "--json", "--language", "fr", "--text", FRENCH]).ended(0).json();
    insta::assert_snapshot!("explain_keys", keys(&explained));
    // A text that is rejected early still gets every stage's numbers.
    let rejected =
        medcorpus(&["explain", "--json", "--text", "Le chat dort sur le toit de la maison voisine."]).ended(0).json();
    assert_eq!(rejected["verdict"], "reject");
    assert_eq!(rejected["reason"]["stage"], "count_keywords");
    assert_eq!(rejected["stages"].as_array().unwrap().len(), 6);
    for score in
        ["distinct_keywords", "hit_chars", "chars", "keyword_density", "identified_language", "words", "tokens"]
    {
        assert!(!rejected["scores"][score].is_null(), "{score}");
    }
}

#[test]
fn explain_reads_standard_input_folders_and_a_first_few() {
    need_model();
    let explained = medcorpus(&["explain", "--json", "--limit", "3", "sources/samples/archive"]).ended(0);
    assert_eq!(explained.json_lines().len(), 3);
    let mut child = crate::support::command(&crate::support::root(), &["explain", "--json", "-"])
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), FRENCH.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let explained: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((output.status.code(), explained["language"].as_str()), (Some(0), Some("fr")));
}

#[test]
fn an_audit_adds_up_and_names_licences() {
    let workspace = Workspace::new();
    workspace.build("out", 2).ended(0);
    let audit = workspace.run(&["audit", "out", "--json"]).ended(0).json();
    assert_eq!(audit["conserved"], true);
    insta::assert_snapshot!("audit_keys", keys(&audit));
    for source in audit["sources"].as_array().unwrap() {
        assert!(
            !source["licence"].as_str().unwrap().is_empty() && !source["licence_evidence"].as_str().unwrap().is_empty()
        );
    }
    let shown = workspace.run(&["audit", "out"]).ended(0);
    for piece in
        ["Composition: tokens (o200k_base) kept", "Outcomes: documents read = kept + rejected + failed", "Reasons: why"]
    {
        assert!(shown.text().contains(piece), "{}", shown.text());
    }
    // A manifest that does not add up is found.
    let manifest = std::fs::read_to_string(workspace.path("out/manifest.json")).unwrap();
    let mut manifest: Value = serde_json::from_str(&manifest).unwrap();
    manifest["composition"][0]["size"]["documents"] = 1.into();
    workspace.write("out/manifest.json", manifest.to_string());
    assert_eq!(workspace.run(&["audit", "out", "--json"]).ended(3).json()["conserved"], false);
    workspace.run(&["verify", "out"]).ended(3);
}

#[test]
fn anybodys_files_can_be_audited() {
    let audit = medcorpus(&["audit", "sources/samples/archive", "--json"]).ended(0).json();
    assert_eq!(audit["conserved"], true);
    assert_eq!(audit["sources"].as_array().unwrap().len(), 1);
    let outcomes = audit["sources"][0]["outcomes"].as_object().unwrap();
    let read: u64 = outcomes.values().map(|outcome| outcome["kept"]["documents"].as_u64().unwrap()).sum();
    let packed = crate::support::passages().iter().filter(|passage| passage.pack == "archive").count();
    assert_eq!(read as usize, packed);
    assert_eq!(outcomes.len(), 6);
}

#[test]
fn the_projects_own_data_folders_are_sound() {
    let checked = medcorpus(&["check"]).ended(0);
    assert!(checked.text().contains("nothing is wrong"), "{}", checked.text());
    medcorpus(&["check", "tests/pipelines/crawl_like.toml", "tests/sources", "filters/ja", "pipelines/mmedc.toml"])
        .ended(0);
}

/// The keys of a JSON value, one a line, `[]` for the elements of a list; names that are data stand as `*`.
fn keys(value: &Value) -> String {
    fn collect(value: &Value, path: &str, found: &mut BTreeSet<String>) {
        match value {
            Value::Object(object) => {
                let is_data = ["outcomes", "outcomes.*"].iter().any(|name| path.ends_with(name));
                for (key, value) in object {
                    collect(value, &format!("{path}.{}", if is_data { "*" } else { key }), found);
                }
            }
            Value::Array(elements) => {
                found.extend(elements.is_empty().then(|| format!("{path}[]")));
                elements.iter().for_each(|element| collect(element, &format!("{path}[]"), found));
            }
            _ => drop(found.insert(path.to_owned())),
        }
    }
    let mut found = BTreeSet::new();
    collect(value, "", &mut found);
    found.into_iter().map(|path| path + "\n").collect()
}
