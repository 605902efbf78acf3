//! Whole builds: nothing is lost, planted duplicates go, and the bytes are the same however the work was run, shared
//! out, broken off and taken up again.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use serde_json::Value;

use crate::support::{
    Moments, Passage, Workspace, all_rows, assert_same, files, ids_in_build, passages, product, rows, text,
};

/// Documents by (source, language, outcome), where an outcome is `kept`, `rejected STAGE RULE` or `failed KIND`.
type Counts = BTreeMap<(String, String, String), u64>;

fn manifest(out: &Path) -> Value {
    serde_json::from_slice(&fs::read(out.join("manifest.json")).unwrap()).unwrap()
}

/// As the manifest has them.
pub fn stated(out: &Path) -> Counts {
    let mut counts = Counts::new();
    for source in manifest(out)["sources"].as_array().unwrap() {
        for (language, outcomes) in source["outcomes"].as_object().unwrap() {
            for (outcome, size) in outcomes.as_object().unwrap() {
                let key = (source["source"].as_str().unwrap().to_owned(), language.clone(), outcome.clone());
                let documents = size["documents"].as_u64().unwrap();
                // Where duplicates took all that was kept, the cell is there and empty.
                if documents > 0 {
                    assert_eq!(counts.insert(key, documents), None);
                }
            }
        }
    }
    counts
}

/// As the rows of the tables add up to them; every rejected document must be listed.
pub fn recounted(out: &Path) -> Counts {
    let mut counts = Counts::new();
    let mut count = |source: &str, language: &str, outcome: String| {
        let language = if language.is_empty() { "und" } else { language };
        *counts.entry((source.to_owned(), language.to_owned(), outcome)).or_default() += 1;
    };
    for row in all_rows(&out.join("corpus")) {
        count(text(&row, "source"), text(&row, "language"), "kept".to_owned());
    }
    for row in all_rows(&out.join("rejected")) {
        let outcome = match text(&row, "outcome") {
            "failed" => format!("failed {}", text(&row, "rule")),
            outcome => format!("{outcome} {} {}", text(&row, "stage"), text(&row, "rule")),
        };
        count(text(&row, "source"), text(&row, "language"), outcome);
    }
    counts
}

/// Documents read of each source.
pub fn read_by_source(counts: &Counts) -> BTreeMap<String, u64> {
    let mut read = BTreeMap::new();
    counts.iter().for_each(|((source, _, _), documents)| *read.entry(source.clone()).or_default() += documents);
    read
}

#[test]
fn every_record_is_kept_rejected_or_failed() {
    let workspace = Workspace::new();
    workspace.build("out", 2).ended(0);
    let out = workspace.path("out");
    assert_eq!(stated(&out), recounted(&out));
    let mut packed: BTreeMap<String, u64> = BTreeMap::new();
    passages().iter().for_each(|passage| *packed.entry(format!("sample_{}", passage.pack)).or_default() += 1);
    assert_eq!(read_by_source(&stated(&out)), packed);

    // The composition is what was kept, by language and kind.
    let composed = manifest(&out)["composition"].as_array().unwrap().clone();
    let composed: u64 = composed.iter().map(|cell| cell["size"]["documents"].as_u64().unwrap()).sum();
    assert_eq!(composed as usize, all_rows(&out.join("corpus")).len());
}

#[test]
fn planted_duplicates_go_and_no_other_medical_passage_does() {
    let workspace = Workspace::new();
    workspace.build("out", 2).ended(0);
    let kept: BTreeSet<String> =
        all_rows(&workspace.path("out/corpus")).iter().map(|row| text(row, "id").to_owned()).collect();
    let ids = ids_in_build();
    let originals = passages();
    let clean = |passage: &&Passage| passage.subject == "medical" && !passage.junk && passage.written_in.is_none();
    let cluster = |passage: &Passage| passage.duplicate_of.clone().unwrap_or_else(|| passage.id.clone());
    let mut clusters: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for passage in originals.iter().filter(clean) {
        let id = ids[&passage.id].clone();
        clusters.entry(cluster(passage)).or_default().extend(kept.contains(&id).then_some(id));
    }
    assert!(clusters.len() >= 72, "{}", clusters.len());
    let wrong: BTreeMap<_, _> = clusters.iter().filter(|(_, kept)| kept.len() != 1).collect();
    assert!(wrong.is_empty(), "exactly one of each cluster is kept, but: {wrong:?}");

    // The evidence names the planted kind, and the source with the lower rank survives.
    let rank = |source: &str| ["sample_archive", "sample_web", "sample_crawl"].iter().position(|it| *it == source);
    let planted: BTreeMap<&str, &str> = originals
        .iter()
        .filter(|passage| passage.duplicate_of.is_some())
        .flat_map(|passage| [passage.id.as_str(), passage.duplicate_of.as_deref().unwrap()])
        .map(|id| (ids[id].as_str(), id))
        .collect();
    let pairs = rows(&workspace.path("out/duplicates/part-00000.parquet"));
    assert_eq!(pairs.len(), originals.iter().filter(|passage| passage.duplicate_of.is_some()).count());
    for pair in &pairs {
        assert!(planted.contains_key(text(pair, "removed_id")), "{pair:?}");
        assert!(rank(text(pair, "kept_source")) <= rank(text(pair, "removed_source")), "{pair:?}");
        let exact = pair["similarity"].as_f64() == Some(1.0);
        assert_eq!(text(pair, "kind"), if exact { "exact" } else { "near" });
    }
}

#[test]
fn menus_and_lists_are_rejected_by_the_quality_stage() {
    let workspace = Workspace::new();
    workspace.build("out", 2).ended(0);
    let rejected = all_rows(&workspace.path("out/rejected"));
    let ids = ids_in_build();
    let junk: Vec<Passage> = passages().into_iter().filter(|passage| passage.junk).collect();
    assert!(junk.len() >= 6);
    for passage in junk {
        let row = rejected.iter().find(|row| text(row, "id") == ids[&passage.id]).expect("junk is rejected");
        assert_eq!(text(row, "stage"), "check_quality", "{}", passage.id);
        assert!(row.contains_key("value") && row.contains_key("limit"), "{row:?}");
    }
}

#[test]
fn a_passage_in_another_language_is_never_kept_in_the_declared_one() {
    let workspace = Workspace::new();
    workspace.build("out", 2).ended(0);
    let kept = all_rows(&workspace.path("out/corpus"));
    let ids = ids_in_build();
    let foreign: Vec<Passage> = passages().into_iter().filter(|passage| passage.written_in.is_some()).collect();
    assert!(foreign.len() >= 6);
    for passage in foreign {
        for row in kept.iter().filter(|row| text(row, "id") == ids[&passage.id]) {
            assert_eq!(Some(text(row, "language")), passage.written_in.as_deref(), "{}", passage.id);
        }
    }
    for path in files(&workspace.path("out/corpus")) {
        let folder = path.parent().unwrap().file_name().unwrap().to_string_lossy().into_owned();
        assert!(rows(&path).iter().all(|row| text(row, "language") == folder), "{}", path.display());
    }
}

#[test]
fn a_second_run_does_no_task_and_changes_no_byte() {
    let workspace = Workspace::new();
    let first = workspace.build("out", 2).ended(0);
    assert!(first.text().contains("15 of 15 tasks run"), "{}", first.text());
    let before = product(&workspace.path("out"));
    let ledger = files(&workspace.path("out/ledger"));
    let second = workspace.build("out", 1).ended(0);
    assert!(second.text().contains("0 of 15 tasks run"), "{}", second.text());
    assert_same(&before, &product(&workspace.path("out")), "second run");
    assert_eq!(ledger, files(&workspace.path("out/ledger")));
}

#[test]
fn an_edit_in_one_language_runs_only_the_tasks_that_can_contain_it() {
    let workspace = Workspace::new();
    workspace.build("out", 2).ended(0);
    let original = product(&workspace.path("out"));
    let plan = || workspace.run(&["plan", "pipelines/sample.toml", "--out", "out", "--json"]).ended(0).json();
    let by_state = |plan: &Value, state: &str| -> BTreeSet<String> {
        let tasks = plan["tasks"].as_array().unwrap().iter().filter(|task| task["state"] == state);
        tasks.map(|task| task["id"].as_str().unwrap().to_owned()).collect()
    };
    let entries = || files(&workspace.path("out/ledger/judge")).into_iter().collect::<BTreeSet<_>>();
    assert!(by_state(&plan(), "open").is_empty());
    let before = entries();

    workspace.edit("filters/fr/language.toml", "min_distinct = 2", "min_distinct = 30");
    let edited = plan();
    let with_french = edited["tasks"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|task| task["languages"].as_array().unwrap().iter().any(|language| language == "fr"));
    let with_french: BTreeSet<String> = with_french.map(|task| task["id"].as_str().unwrap().to_owned()).collect();
    let expected = ["sample_archive-00000", "sample_crawl-00002", "sample_web-00000"].map(str::to_owned);
    assert_eq!(with_french, BTreeSet::from(expected));
    assert_eq!(by_state(&edited, "open"), with_french);

    let written = |id: &str| {
        let path = workspace.path(&format!("out/rejected/{id}.parquet"));
        fs::metadata(path).unwrap().modified().unwrap()
    };
    let untouched: BTreeMap<String, _> =
        by_state(&edited, "done").into_iter().map(|id| (id.clone(), written(&id))).collect();
    workspace.build("out", 2).ended(0);
    assert_eq!(before.intersection(&entries()).count(), before.len() - with_french.len());
    untouched.iter().for_each(|(id, time)| assert_eq!(written(id), *time, "{id} was written again"));
    let incremental = product(&workspace.path("out"));
    workspace.build("fresh", 2).ended(0);
    assert_same(&product(&workspace.path("fresh")), &incremental, "built from scratch after the edit");
    assert_ne!(original, incremental);

    // Taken back, the corpus is what it was; an example or a time of change is no change at all.
    workspace.edit("filters/fr/language.toml", "min_distinct = 30", "min_distinct = 2");
    workspace.build("out", 2).ended(0);
    assert_same(&original, &product(&workspace.path("out")), "edit taken back");
    workspace.edit("filters/fr/examples.toml", "# ", "#  ");
    let crawl = fs::read(workspace.path("sources/samples/crawl/fr_part_00000.parquet")).unwrap();
    workspace.write("sources/samples/crawl/fr_part_00000.parquet", crawl);
    let again = workspace.build("out", 2).ended(0);
    assert!(again.text().contains("0 of 15 tasks run"), "{}", again.text());
}

#[test]
fn the_bytes_do_not_depend_on_the_number_of_threads() {
    let workspace = large_workspace();
    for jobs in [1, 2, 4] {
        workspace.build(&format!("out{jobs}"), jobs).ended(0);
    }
    let one = product(&workspace.path("out1"));
    assert_same(&one, &product(&workspace.path("out2")), "two threads");
    assert_same(&one, &product(&workspace.path("out4")), "four threads");
    let out = workspace.path("out1");
    assert_eq!(stated(&out), recounted(&out));
}

#[test]
fn a_build_that_is_killed_at_any_moment_goes_on_to_the_same_bytes() {
    const KILLS: usize = 20;
    let workspace = large_workspace();
    let whole = workspace.build("whole", 2).ended(0);
    let expected = product(&workspace.path("whole"));
    let mut duration = whole.elapsed;
    for (number, moment) in (Moments { state: 2024 }).take(KILLS).enumerate() {
        let share = (number as f64 + moment) / KILLS as f64;
        // On a busy machine one build takes longer than another: one that ended before its moment is tried again, a
        // little earlier.
        let after = loop {
            let after = duration.mul_f64(share);
            if workspace.kill_build("out", 2, after) {
                break after;
            }
            duration = duration.mul_f64(0.9);
            fs::remove_dir_all(workspace.path("out")).unwrap();
        };
        workspace.build("out", 2).ended(0);
        assert_same(&expected, &product(&workspace.path("out")), &format!("killed after {after:?}"));
        fs::remove_dir_all(workspace.path("out")).unwrap();
    }
}

#[test]
fn a_build_that_is_killed_again_and_again_still_ends_at_the_same_bytes() {
    let workspace = large_workspace();
    let whole = workspace.build("whole", 2).ended(0);
    let moments = Moments { state: 7 };
    for moment in moments.take(10) {
        workspace.kill_build("out", 2, whole.elapsed.mul_f64(0.2 + 0.6 * moment));
    }
    workspace.build("out", 2).ended(0);
    assert_same(&product(&workspace.path("whole")), &product(&workspace.path("out")), "killed ten times");
}

#[test]
fn tasks_run_one_by_one_in_any_order_and_twice_make_the_same_bytes() {
    let workspace = Workspace::new();
    workspace.build("whole", 2).ended(0);
    let plan = workspace.run(&["plan", "pipelines/sample.toml", "--out", "parts", "--json"]).ended(0).json();
    assert!(!workspace.path("parts").exists(), "plan writes nothing");
    let work = |task: &str| {
        workspace.run(&["work", "pipelines/sample.toml", "--out", "parts", "--task", task, "--jobs", "1"]).ended(0)
    };
    let tasks: Vec<&str> = plan["tasks"].as_array().unwrap().iter().map(|task| task["id"].as_str().unwrap()).collect();
    assert!(tasks.len() >= 8);
    tasks.iter().rev().for_each(|task| drop(work(task)));
    assert!(work(tasks[0]).text().contains("was done already"));
    for then in plan["then"].as_array().unwrap() {
        work(then.as_str().unwrap());
    }
    assert_same(&product(&workspace.path("whole")), &product(&workspace.path("parts")), "one by one");
    let verified = workspace.run(&["verify", "parts"]).ended(0);
    assert!(verified.text().contains("digests, rows and counts are as the manifest says"), "{}", verified.text());
}

/// Runs the same command twice at once and gives how the copies ended.
fn twice_at_once(workspace: &Workspace, arguments: &[&str]) -> [Option<i32>; 2] {
    std::thread::scope(|scope| {
        let copies = [(); 2].map(|()| scope.spawn(|| workspace.run(arguments)));
        copies.map(|copy| {
            let ran = copy.join().unwrap();
            assert!(!ran.stderr.contains("panicked"), "{}", ran.stderr);
            ran.code
        })
    })
}

#[test]
fn two_copies_of_a_task_at_once_are_harmless() {
    let workspace = large_workspace();
    workspace.build("whole", 2).ended(0);
    let plan = workspace.run(&["plan", "pipelines/sample.toml", "--out", "twice", "--json"]).ended(0).json();
    let work = ["work", "pipelines/sample.toml", "--out", "twice", "--jobs", "1", "--task"];
    for task in plan["tasks"].as_array().unwrap() {
        let task = task["id"].as_str().unwrap();
        assert_eq!(twice_at_once(&workspace, &[&work[..], &[task]].concat()), [Some(0); 2], "{task}");
    }
    for task in plan["then"].as_array().unwrap() {
        let arguments = [&work[..], &[task.as_str().unwrap()]].concat();
        let ended = twice_at_once(&workspace, &arguments);
        assert_eq!(ended, [Some(0), Some(0)]);
    }
    assert_same(&product(&workspace.path("whole")), &product(&workspace.path("twice")), "every task twice at once");
}

#[test]
fn two_builds_at_once_do_no_lasting_harm() {
    let workspace = large_workspace();
    workspace.build("whole", 2).ended(0);
    let build = ["build", "pipelines/sample.toml", "--out", "twice", "--jobs", "1"];
    let ended = twice_at_once(&workspace, &build);
    assert_eq!(ended, [Some(0), Some(0)]);
    assert_same(&product(&workspace.path("whole")), &product(&workspace.path("twice")), "two builds at once");
}

#[test]
fn verify_finds_a_flipped_byte_and_a_missing_file() {
    let workspace = Workspace::new();
    workspace.build("out", 2).ended(0);
    workspace.run(&["verify", "out"]).ended(0);
    for path in product(&workspace.path("out")).keys().filter(|path| path.ends_with(".parquet")) {
        let path = format!("out/{path}");
        let bytes = fs::read(workspace.path(&path)).unwrap();
        let mut flipped = bytes.clone();
        flipped[bytes.len() / 2] ^= 1;
        workspace.write(&path, flipped);
        let found = workspace.run(&["verify", "out", "--json"]).ended(3).json();
        let named = found.as_array().unwrap().iter().any(|it| path.ends_with(it["what"].as_str().unwrap()));
        assert!(named, "{path}: {found}");
        workspace.write(&path, bytes);
    }
    workspace.run(&["verify", "out"]).ended(0);
    fs::remove_file(workspace.path("out/corpus/ja/part-00000.parquet")).unwrap();
    let found = workspace.run(&["verify", "out"]).ended(3);
    assert!(found.text().contains("corpus/ja/part-00000.parquet"), "{}", found.text());
    // And the next build mends it.
    workspace.build("out", 2).ended(0);
    workspace.run(&["verify", "out"]).ended(0);
}

#[test]
fn rejects_can_be_a_sample_while_the_counts_cover_all() {
    let workspace = Workspace::new();
    workspace.build("all", 2).ended(0);
    workspace.edit("pipelines/sample.toml", "list = \"all\"", "list = \"sample\"");
    workspace.edit("pipelines/sample.toml", "sample_share = 0.1", "sample_share = 0.5");
    workspace.build("sample", 2).ended(0);
    assert_eq!(stated(&workspace.path("all")), stated(&workspace.path("sample")));
    let listed = |out: &str| -> Vec<_> {
        let rows = all_rows(&workspace.path(&format!("{out}/rejected"))).into_iter();
        rows.filter(|row| text(row, "stage") != "remove_duplicates").collect()
    };
    let (all, sample) = (listed("all"), listed("sample"));
    assert!(sample.len() > all.len() / 4 && sample.len() < all.len() * 3 / 4, "{} of {}", sample.len(), all.len());
    assert!(sample.iter().all(|row| !text(row, "text").is_empty()), "what is in the sample keeps its text");
    assert!(all.iter().filter(|row| row.contains_key("text")).count() < all.len() / 3);
}

/// A workspace whose build takes a second or two: some thousand documents, pieced together from the passages, in many
/// small tasks and shards.
fn large_workspace() -> Workspace {
    /// Different combinations of three passages for each passage.
    const COMBINATIONS: usize = 16;
    let workspace = Workspace::new();
    let mut by_language: BTreeMap<String, Vec<Passage>> = BTreeMap::new();
    passages().into_iter().for_each(|passage| by_language.entry(passage.language.clone()).or_default().push(passage));
    for (language, passages) in by_language {
        for half in 0..2 {
            let mut lines = String::new();
            for combination in (half..COMBINATIONS).step_by(2) {
                let (second, third) = (1 + combination % 4, 5 + combination / 4);
                for (number, passage) in passages.iter().enumerate() {
                    let other = |shift: usize| &passages[(number + shift) % passages.len()].text;
                    let text =
                        [third_of(&passage.text, 0), third_of(other(second), 1), third_of(other(third), 2)].concat();
                    let id = format!("{language}-{number}-{combination}");
                    lines += &format!("{}\n", serde_json::json!({ "id": id, "text": text }));
                }
            }
            workspace.write(&format!("sources/samples/large/{language}_{half}.jsonl"), lines);
        }
    }
    let description = "title = \"Pieced together\"\nkind = \"crawl\"\nlicence = \"CC0-1.0\"\nlicence_evidence = \"made here\"\n\
                       rank = 50\nfiles = [\"{language}_*.jsonl\"]\n";
    workspace.write("sources/samples/large.toml", description);
    let use_it =
        "[[source]]\nname = \"large\"\npath = \"../sources/samples/large\"\n\n[[stage]]\nname = \"normalize\"\n";
    workspace.edit("pipelines/sample.toml", "[[stage]]\nname = \"normalize\"\n", use_it);
    workspace.edit("pipelines/sample.toml", "megabytes = 64", "megabytes = 1");
    workspace.edit("pipelines/sample.toml", "shard_tokens = 100_000_000", "shard_tokens = 40_000");
    workspace
}

/// One of the three thirds of a text.
fn third_of(text: &str, third: usize) -> &str {
    let cut = |third: usize| {
        let wanted = text.len() * third / 3;
        (wanted..=text.len()).find(|place| text.is_char_boundary(*place)).unwrap()
    };
    &text[cut(third)..cut(third + 1)]
}
