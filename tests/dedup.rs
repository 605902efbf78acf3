//! `medcorpus dedup` on files of one's own.

use std::{collections::BTreeSet, fs, path::Path};

use serde_json::{Value, json};

use crate::support::{Workspace, assert_same, files, rows, text};

/// A text of `count` words that no other seed has.
fn prose(seed: usize, count: usize) -> Vec<String> {
    let syllables = ["ba", "de", "fi", "ко", "lu", "ма", "né", "po", "ra", "si"];
    let word = |number: usize| {
        let mut state = (seed * 1_000_003 + number).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let mut word = String::new();
        for _ in 0..4 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            word.push_str(syllables[(state >> 40) % syllables.len()]);
        }
        word
    };
    (0..count).map(word).collect()
}

fn leaflet(drug: &str, dose: u32) -> String {
    let [first, second, third] = [7, 8, 9].map(|seed| prose(seed, 60).join(" "));
    format!("{drug} {dose} mg. {first}. Take {drug} twice. {second}. Keep {drug} dry. {third}. Never share {drug}.")
}

/// Documents of which it is known who repeats whom.
fn documents() -> Vec<Value> {
    let mut documents = Vec::new();
    for seed in 0..40 {
        let words = prose(100 + seed, 120);
        documents.push(json!({"id": format!("base{seed}"), "text": words.join(" "), "note": [seed, "心"]}));
        match seed % 4 {
            0 => documents.push(json!({"id": format!("exact{seed}"), "text": words.join("\n").to_uppercase()})),
            1 => {
                let mut edited = words.clone();
                edited[60] = "autre".to_owned();
                documents.push(json!({"id": format!("near{seed}"), "text": edited.join(" ")}));
            }
            _ => {}
        }
    }
    documents.push(json!({"id": "leaflet1", "text": leaflet("cardovel", 5)}));
    documents.push(json!({"id": "leaflet2", "text": leaflet("nefrozan", 20)}));
    documents
}

fn lines(documents: &[Value]) -> String {
    documents.iter().map(|document| format!("{document}\n")).collect()
}

fn removed(out: &Path) -> BTreeSet<(String, String, String)> {
    let lines = fs::read_to_string(out.join("duplicates/part-00000.jsonl")).unwrap();
    let field = |line: &Value, name: &str| line[name].as_str().unwrap().to_owned();
    let pair = |line: Value| (field(&line, "removed"), field(&line, "kept"), field(&line, "kind"));
    lines.lines().map(|line| pair(serde_json::from_str(line).unwrap())).collect()
}

#[test]
fn duplicates_go_templates_stay_and_every_row_is_accounted_for() {
    let workspace = Workspace::without_model();
    let mut input = lines(&documents());
    input.push_str("no json\n");
    workspace.write("in/a.jsonl", &input);
    let ran = workspace.run(&["dedup", "in", "--out", "out", "--json"]).ended(1);
    let summary = ran.json();
    let out = workspace.path("out");
    let pairs = removed(&out);
    let expected = (0..40).filter(|seed| seed % 4 < 2).map(|seed| {
        let kind = if seed % 4 == 0 { "exact" } else { "near" };
        (format!("{kind}{seed}"), format!("base{seed}"), kind.to_owned())
    });
    assert_eq!(pairs, expected.collect());
    assert_eq!(summary["removed"]["exact"]["documents"], 10);
    assert_eq!(summary["failed"], 1);
    assert_eq!(summary["read"]["documents"], 63);
    assert_eq!(summary["kept"]["documents"], 42);

    let refused = fs::read_to_string(out.join("refused/part-00000.jsonl")).unwrap();
    let refused: Vec<Value> = refused.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(refused.iter().any(|pair| pair["document"] == "leaflet2" && pair["reason"] == "template"), "{refused:?}");
    // The rows that stay are the rows that were read, with the size of their cluster behind them.
    let survivors = fs::read_to_string(out.join("survivors/a.jsonl")).unwrap();
    let first: Value = serde_json::from_str(survivors.lines().next().unwrap()).unwrap();
    assert_eq!((&first["note"], &first["minhash_cluster_size"]), (&json!([0, "心"]), &json!(2)));
    assert_eq!(rows(&out.join("duplicates/part-00000.parquet")).len(), 20);

    let dropped = workspace.run(&["dedup", "in", "--out", "out", "--templates", "drop", "--json"]).ended(1).json();
    assert_eq!(dropped["removed"]["template"]["documents"], 1);
}

#[test]
fn the_bytes_depend_on_neither_threads_nor_memory_nor_a_run_before() {
    let workspace = Workspace::without_model();
    let documents = documents();
    let (first, second) = documents.split_at(25);
    workspace.write("in/a.jsonl", lines(first));
    workspace.write("in/b.jsonl.zst", zstd(lines(second).as_bytes()));
    let product = |out: &str| -> std::collections::BTreeMap<String, Vec<u8>> {
        let root = workspace.path(out);
        let of = |path: &std::path::PathBuf| {
            (path.strip_prefix(&root).unwrap().display().to_string(), fs::read(path).unwrap())
        };
        files(&root).iter().map(of).filter(|(name, _)| name != "lock").collect()
    };
    workspace.run(&["dedup", "in", "--out", "one", "--jobs", "1"]).ended(0);
    workspace.write("two/survivors/old.jsonl", "x");
    workspace.write("two/scratch/bands", "x");
    workspace.run(&["dedup", "in", "--out", "two", "--jobs", "4", "--memory", "64MiB"]).ended(0);
    assert_same(&product("one"), &product("two"), "dedup with other threads and memory");
    assert!(!product("two").keys().any(|name| name.starts_with("scratch") || name.contains("old")));
}

#[test]
fn parquet_stays_parquet() {
    let workspace = Workspace::new();
    workspace.build("corpus", 2);
    let from = workspace.path("corpus/corpus");
    let kept: usize = files(&from).iter().map(|path| rows(path).len()).sum();
    // A corpus of ours has no duplicates; given twice, one half goes.
    workspace.run(&["dedup", "corpus/corpus", "corpus/corpus/fr", "--out", "out"]).ended(0);
    let survivors = files(&workspace.path("out/survivors"));
    let all: Vec<_> = survivors.iter().flat_map(|path| rows(path)).collect();
    assert_eq!(all.len(), kept);
    assert!(all.iter().all(|row| !text(row, "text").is_empty()));
    let french = rows(&workspace.path("out/duplicates/part-00000.parquet"));
    assert!(!french.is_empty() && french.iter().all(|pair| text(pair, "kind") == "exact"));
}

#[test]
fn what_cannot_be_deduplicated_is_said_before_any_work() {
    let workspace = Workspace::without_model();
    workspace.write("in/a.jsonl", "{\"text\":\"a\"}\n");
    workspace.write("texts/a.txt", "a");
    for (arguments, says) in [
        (["dedup", "in", "--out", "in/out"], "lie in each other"),
        (["dedup", "none", "--out", "out"], "no such file or folder"),
        (["dedup", "texts", "--out", "out"], "parquet and JSON lines"),
    ] {
        let ran = workspace.run(&arguments).ended(2);
        assert!(ran.stderr.contains(says), "{}", ran.stderr);
    }
}

/// Stored, not compressed: a zstd frame of raw blocks, which needs no encoder here.
fn zstd(bytes: &[u8]) -> Vec<u8> {
    let mut frame = vec![0x28, 0xb5, 0x2f, 0xfd, 0x80, 0x58];
    frame.extend(u32::try_from(bytes.len()).unwrap().to_le_bytes());
    let blocks: Vec<&[u8]> = bytes.chunks(1 << 16).collect();
    for (number, block) in blocks.iter().enumerate() {
        let header = (block.len() as u32) << 3 | u32::from(number + 1 == blocks.len());
        frame.extend(&header.to_le_bytes()[..3]);
        frame.extend(*block);
    }
    frame
}
