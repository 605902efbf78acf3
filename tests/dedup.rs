//! `medcorpus dedup` on files of one's own.

use std::{collections::BTreeSet, fs, path::Path, sync::Arc};

use arrow_array::{ArrayRef, RecordBatch, StringArray};
use parquet::{
    arrow::ArrowWriter,
    file::{
        properties::WriterProperties,
        reader::{FileReader, SerializedFileReader},
    },
};

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

#[test]
fn a_row_group_that_cannot_be_copied_costs_itself() {
    let workspace = Workspace::without_model();
    let texts: Vec<String> = (0..30).map(|seed| prose(seed % 25, 80).join(" ")).collect();
    let notes: Vec<String> = (0..30).map(|seed| prose(500 + seed, 40).join(" ")).collect();
    let ids: Vec<String> = (0..30).map(|number| format!("d{number}")).collect();
    let columns = [("id", &ids), ("text", &texts), ("note", &notes)];
    let columns = columns.map(|(name, cells)| (name, Arc::new(StringArray::from(cells.clone())) as ArrayRef));
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    let properties = WriterProperties::builder().set_max_row_group_row_count(Some(10)).set_dictionary_enabled(false);
    let mut bytes = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut bytes, batch.schema(), Some(properties.build())).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    workspace.write("in/whole.parquet", &bytes);
    let reader = SerializedFileReader::new(fs::File::open(workspace.path("in/whole.parquet")).unwrap()).unwrap();
    // The length of the first note of the first row group: the text can be read, the note cannot.
    let (start, _) = reader.metadata().row_group(0).column(2).byte_range();
    let place = (start as usize..bytes.len()).find(|place| bytes[*place..].starts_with(notes[0].as_bytes())).unwrap();
    bytes[place - 4..place].fill(0xff);
    fs::remove_file(workspace.path("in/whole.parquet")).unwrap();
    workspace.write("in/damaged.parquet", &bytes);
    let summary = workspace.run(&["dedup", "in", "--out", "out", "--json"]).ended(1).json();
    assert_eq!((summary["failed"].as_u64(), summary["kept"]["documents"].as_u64()), (Some(10), Some(20)));
    // Rows 25 to 29 repeat rows 0 to 4, which are lost, so they stay.
    assert_eq!(removed(&workspace.path("out")), BTreeSet::new());
    let failed = fs::read_to_string(workspace.path("out/failed.jsonl")).unwrap();
    assert_eq!(failed.lines().count(), 10);
    assert!(failed.contains("damaged.parquet#row=0") && failed.contains("cannot be decoded"), "{failed}");
    assert_eq!(rows(&workspace.path("out/survivors/damaged.parquet")).len(), 20);
}

#[test]
fn what_looks_like_a_mistake_is_reported_and_stops_the_run_if_wanted() {
    let workspace = Workspace::without_model();
    let words = prose(1, 80);
    let same = |number: usize| json!({"id": format!("s{number}"), "language": "fr", "text": words.join(" ")});
    workspace.write("same/a.jsonl", lines(&(0..150).map(same).collect::<Vec<_>>()));
    workspace.write("other/a.jsonl", lines(&documents()));
    let arguments = ["dedup", "other", "same", "--out", "out", "--max-cluster", "100", "--json"];
    let ran = workspace.run(&arguments).ended(0);
    let rules: Vec<String> = ran.json()["guard"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| format!("{} {}", it["rule"].as_str().unwrap(), it["subject"].as_str().unwrap()))
        .collect();
    assert_eq!(rules, ["max_removed_share source same, language fr", "max_cluster cluster of s0"]);
    assert!(ran.stderr.contains("looks like a mistake: source same, language fr"), "{}", ran.stderr);
    let stopped = workspace.run(&[&arguments[..], &["--stop"]].concat()).ended(3);
    assert!(stopped.stderr.contains("max_removed_share"), "{}", stopped.stderr);
    assert!(!workspace.path("out/dedup.json").exists() && workspace.path("out/duplicates/part-00000.jsonl").exists());
}

#[test]
fn a_rule_tells_who_stays_whatever_is_named_first() {
    let workspace = Workspace::without_model();
    for (folder, first) in [("a", 0), ("b", 1)] {
        let document = |seed: usize| {
            let mut words = prose(seed, 100);
            words.truncate(if (seed + first).is_multiple_of(3) { 95 } else { 100 });
            json!({"id": format!("{seed}{folder}"), "text": words.join(" ")})
        };
        workspace.write(&format!("{folder}/x.jsonl"), lines(&(0..60).map(document).collect::<Vec<_>>()));
    }
    let mut found = Vec::new();
    for (out, inputs) in [("ab", ["a", "b"]), ("ba", ["b", "a"])] {
        let [first, second] = inputs;
        workspace.run(&["dedup", first, second, "--out", out, "--prefer", "length,id"]).ended(0);
        found.push(removed(&workspace.path(out)));
    }
    assert_eq!(found[0], found[1]);
    let pairs = |seed: usize| match seed % 3 {
        0 => (format!("{seed}a"), format!("{seed}b"), "near".to_owned()),
        2 => (format!("{seed}b"), format!("{seed}a"), "near".to_owned()),
        _ => (format!("{seed}b"), format!("{seed}a"), "exact".to_owned()),
    };
    assert_eq!(found[0], (0..60).map(pairs).collect());
    workspace.run(&["dedup", "b", "a", "--out", "by-name"]).ended(0);
    assert!(removed(&workspace.path("by-name")).iter().all(|(_, kept, _)| kept.ends_with('b')));
}

#[test]
fn of_equal_texts_that_of_the_wanted_licence_stays() {
    let workspace = Workspace::without_model();
    let words = prose(1, 80).join(" ");
    let licences = [None, Some("CC-BY-NC-4.0"), Some("cc-by-4.0"), Some("CC0-1.0"), Some("CC-BY-4.0")];
    let documents: Vec<Value> = (licences.iter().enumerate())
        .map(|(number, licence)| json!({"id": number.to_string(), "text": words, "metadata": {"license": licence}}))
        .collect();
    workspace.write("in/a.jsonl", lines(&documents));
    let kept = |more: &[&str]| -> String {
        workspace.run(&[&["dedup", "in", "--out", "out", "--index", "index"], more].concat()).ended(0);
        let survivors = fs::read_to_string(workspace.path("out/survivors/a.jsonl")).unwrap();
        serde_json::from_str::<Value>(&survivors).unwrap()["id"].as_str().unwrap().to_owned()
    };
    assert_eq!(kept(&[]), "0");
    // Signatures of the first run are used in the next ones.
    assert_eq!(kept(&["--prefer", "licence", "--licences", "CC-BY-4.0,CC0-1.0"]), "2");
    assert_eq!(kept(&["--prefer", "licence", "--licences", "CC0-1.0"]), "3");
    let alone = workspace.run(&["dedup", "in", "--out", "out", "--prefer", "licence"]).ended(2);
    assert!(alone.stderr.contains("belong together"), "{}", alone.stderr);
}

#[test]
fn addresses_propose_and_steps_can_be_left_out() {
    let workspace = Workspace::without_model();
    let (page, mut edited) = (prose(1, 100), prose(2, 40));
    edited.splice(0..0, page[..70].to_vec());
    let documents = [
        json!({"id": "page", "url": "https://www.example.org/a?utm_source=x", "text": page.join(" ")}),
        json!({"id": "edited", "url": "http://example.org/a/", "text": edited.join(" ")}),
        json!({"id": "other", "url": "http://example.org/a", "text": prose(3, 100).join(" ")}),
        json!({"id": "copy", "url": "http://example.org/b", "text": page.join(" ")}),
    ];
    workspace.write("in/a.jsonl", lines(&documents));
    let gone = |arguments: &[&str]| -> BTreeSet<String> {
        workspace.run(&[&["dedup", "in", "--out", "out"], arguments].concat()).ended(0);
        removed(&workspace.path("out")).into_iter().map(|(removed, _, kind)| format!("{removed} {kind}")).collect()
    };
    let set = |names: &[&str]| names.iter().map(|name| name.to_string()).collect();
    assert_eq!(gone(&[]), set(&["edited url", "copy exact"]));
    assert_eq!(gone(&["--url", "always"]), set(&["edited url", "other url", "copy exact"]));
    assert_eq!(gone(&["--without", "url,exact"]), set(&["copy near"]));
    assert_eq!(gone(&["--without", "url,near"]), set(&["copy exact"]));
    assert_eq!(gone(&["--without", "url,near,exact"]), set(&[]));
    gone(&[]);
    let ran = workspace.run(&["explain", "edited", "--out", "out"]).ended(0);
    assert!(ran.text().contains("removed: url duplicate") && ran.text().contains("of page (a.jsonl"), "{}", ran.text());
    let kept = workspace.run(&["explain", "page", "--out", "out", "--json"]).ended(0).json();
    assert_eq!((kept["verdict"].as_str(), kept["stands_for"].as_array().unwrap().len()), (Some("kept"), 2));
    let other = workspace.run(&["explain", "other", "--out", "out"]).ended(0);
    assert!(other.text().contains("other was kept") && other.text().contains("other_text"), "{}", other.text());
    workspace.run(&["explain", "nobody", "--out", "out"]).ended(3);
    let ran = workspace.run(&["explain", "page", "--out", "in"]).ended(2);
    assert!(ran.stderr.contains("output folder of a build"), "{}", ran.stderr);
}

#[test]
fn a_source_that_is_added_later_gives_what_a_run_from_scratch_gives() {
    let workspace = Workspace::without_model();
    let documents = documents();
    for round in 0..4 {
        // Another cut of the documents into two sources each time, duplicates on both sides of it.
        let is_first = |place: usize| (place * 7 + round * 3) % 5 < 3;
        for (folder, wanted) in [("first", true), ("second", false)] {
            let part: Vec<Value> =
                (0..documents.len()).filter(|it| is_first(*it) == wanted).map(|it| documents[it].clone()).collect();
            workspace.write(&format!("{round}/{folder}/a.jsonl"), lines(&part));
        }
        let [first, second] = ["first", "second"].map(|name| format!("{round}/{name}"));
        let out = |name: &str| format!("{round}/{name}");
        let run = |arguments: &[&str]| drop(workspace.run(&[&["dedup"], arguments].concat()).ended(0));
        run(&[&first, "--out", &out("one"), "--index", &out("index")]);
        let indexed = files(&workspace.path(&out("index")));
        let bytes: Vec<Vec<u8>> = indexed.iter().map(|path| fs::read(path).unwrap()).collect();
        run(&[&first, &second, "--out", &out("both"), "--index", &out("index")]);
        run(&[&first, &second, "--out", &out("scratch")]);
        // Alone the first input's name is also its source's, so what was signed is found again.
        assert_eq!(files(&workspace.path(&out("index"))).len(), indexed.len() + 1);
        assert!(indexed.iter().zip(bytes).all(|(path, bytes)| fs::read(path).unwrap() == bytes));
        let of = |name: &str| -> std::collections::BTreeMap<String, Vec<u8>> {
            let root = workspace.path(&out(name));
            let paths = files(&root).into_iter().filter(|path| !path.ends_with("lock"));
            paths.map(|it| (it.strip_prefix(&root).unwrap().display().to_string(), fs::read(&it).unwrap())).collect()
        };
        assert_same(&of("both"), &of("scratch"), "dedup with an index");
    }
}

#[test]
fn a_build_obeys_the_guard_and_the_rule_of_preference() {
    let workspace = Workspace::new();
    workspace.build("by-rank", 2).ended(0);
    let by_rank = rows(&workspace.path("by-rank/duplicates/part-00000.parquet"));
    let similarity = "min_similarity = 0.7\n";
    let ruled = "min_similarity = 0.7\nprefer = [\"length\", \"id\"]\n";
    workspace.edit("pipelines/sample.toml", similarity, ruled);
    workspace.build("by-length", 2).ended(0);
    workspace.run(&["verify", "by-length"]).ended(0);
    let by_length = rows(&workspace.path("by-length/duplicates/part-00000.parquet"));
    assert!(!by_length.is_empty() && by_length != by_rank);
    // Of equal texts, which are as long as each other, the lower id stays.
    let exact: Vec<_> = by_length.iter().filter(|pair| text(pair, "kind") == "exact").collect();
    assert!(!exact.is_empty() && exact.iter().all(|pair| text(pair, "kept_id") < text(pair, "removed_id")));

    let guarded = "[duplicates.guard]\nmax_removed_share = 0.0\nmin_documents = 1\n\n[tasks]\n";
    workspace.edit("pipelines/sample.toml", "[tasks]\n", guarded);
    // Another limit runs neither pass 1 nor the barrier again.
    let ran = workspace.build("by-length", 2).ended(0);
    assert!(
        ran.stderr.contains("looks like a mistake") && ran.text().contains("0 of "),
        "{}{}",
        ran.stderr,
        ran.text()
    );
    workspace.edit("pipelines/sample.toml", "min_documents = 1\n", "min_documents = 1\nstop = true\n");
    let stopped = workspace.build("stopped", 2).ended(3);
    assert!(stopped.stderr.contains("max_removed_share is") && !workspace.path("stopped/manifest.json").exists());

    let gone = text(exact[0], "removed_id");
    let explained = workspace.run(&["explain", gone, "--out", "by-length"]).ended(0);
    assert!(explained.text().contains(text(exact[0], "kept_id")), "{}", explained.text());
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

#[test]
fn signatures_for_datatrove_are_sorted_and_name_the_rows_of_the_survivors() {
    let workspace = Workspace::without_model();
    let documents = documents();
    let (first, second) = documents.split_at(25);
    workspace.write("in/a.jsonl", lines(first));
    workspace
        .write("in/b.jsonl", format!("{}{}\n", lines(second), json!({"id": "short", "text": "no five words here"})));
    workspace.run(&["dedup", "in", "--out", "out", "--datatrove", "signatures", "--jobs", "3"]).ended(0);
    for (rank, name) in ["a", "b"].into_iter().enumerate() {
        let survivors = fs::read_to_string(workspace.path(&format!("out/survivors/{name}.jsonl"))).unwrap();
        let texts: Vec<Value> = survivors.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let mut signer = dedup::DatatroveSigner::default();
        let signatures: Vec<_> = texts.iter().map(|row| signer.sign(row["text"].as_str().unwrap())).collect();
        assert_eq!(signatures.iter().filter(|signature| signature.is_none()).count(), rank);
        for bucket in 0..dedup::BUCKETS {
            let path = workspace.path(&format!("signatures/bucket_{bucket:03}/{rank:05}.minhash.sig"));
            let mut expected: Vec<_> = signatures
                .iter()
                .enumerate()
                .filter_map(|(row, signature)| Some((signature.as_ref()?[bucket], row as u32)))
                .collect();
            expected.sort_unstable();
            let bytes: Vec<u8> = expected
                .iter()
                .flat_map(|(values, row)| values.iter().flat_map(|value| value.to_le_bytes()).chain(row.to_le_bytes()))
                .collect();
            assert!(fs::read(path).unwrap() == bytes, "bucket {bucket} of {name}");
        }
    }
}
