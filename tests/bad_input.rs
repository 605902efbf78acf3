//! Wrong configuration is found before any work, with its place and a remedy; damaged and hostile input costs itself and
//! nothing else. Nothing panics.

use std::{collections::BTreeSet, fs, io::Write, path::Path, time::Duration};

use serde_json::{Value, json};

use crate::{
    builds::{read_by_source, recounted, stated},
    support::{
        Ran, Workspace, all_rows, assert_same, copy_folder, files, passages, product, rows, run_within, shared_data,
        text,
    },
};

const PIPELINE: &str = "pipelines/sample.toml";
const FRENCH: &str = "filters/fr/language.toml";
const KEYWORDS: &str = "filters/fr/keywords.txt";
const CRAWL: &str = "sources/samples/sample_crawl.toml";

/// Something wrong with the data folders, and what a message must say of it.
struct Case {
    name: &'static str,
    change: fn(&Workspace),
    /// The file to be named and, where the message has to have a line, text that stands in it once it is changed.
    place: (&'static str, &'static str),
    says: &'static [&'static str],
}

const CASES: &[Case] = &[
    Case {
        name: "an unknown key of the pipeline",
        change: |it| it.edit(PIPELINE, "shard_tokens", "shard_token"),
        place: (PIPELINE, "shard_token "),
        says: &["unknown field `shard_token`", "did you mean `shard_tokens`?"],
    },
    Case {
        name: "an unknown key of a source",
        change: |it| it.edit(CRAWL, "rank", "rang"),
        place: (CRAWL, "rang"),
        says: &["unknown field `rang`", "did you mean `rank`?"],
    },
    Case {
        name: "an unknown key of a language",
        change: |it| it.edit(FRENCH, "\nmin_distinct", "\nmin_distict"),
        place: (FRENCH, "min_distict"),
        says: &["unknown field `min_distict`", "did you mean `min_distinct`?"],
    },
    Case {
        name: "an unknown key of a stage",
        change: |it| it.edit(PIPELINE, "min_script_share", "min_script_shares"),
        place: (PIPELINE, "[[stage]]\nname = \"count_keywords\""),
        says: &["unknown field `min_script_shares`", "did you mean `min_script_share`?"],
    },
    Case {
        name: "a missing setting of a stage",
        change: |it| it.edit(PIPELINE, "min_script_share = 0.3\n", ""),
        place: (PIPELINE, "[[stage]]\nname = \"count_keywords\""),
        says: &["missing field `min_script_share`"],
    },
    Case {
        name: "a wrong stage",
        change: |it| it.edit(PIPELINE, "\"check_quality\"", "\"check_qualities\""),
        place: (PIPELINE, "[[stage]]\nname = \"check_qualities\""),
        says: &[
            "there is no stage \"check_qualities\"",
            "did you mean \"check_quality\"?",
            "normalize, count_keywords",
        ],
    },
    Case {
        name: "a stage twice",
        change: |it| it.edit(PIPELINE, "\"identify_language\"\nmodel = \"../models/lid.176.ftz\"", "\"normalize\""),
        place: (PIPELINE, "[[stage]]\nname = \"normalize\"\n\n[[stage]]\nname = \"classify\""),
        says: &["stage \"normalize\" occurs twice; remove one"],
    },
    Case {
        name: "a stage without a name",
        change: |it| it.edit(PIPELINE, "name = \"check_quality\"\n", ""),
        place: (PIPELINE, "[[stage]]\n\n"),
        says: &["the stages are normalize, count_keywords"],
    },
    Case {
        name: "a missing source",
        change: |it| it.edit(PIPELINE, "\"sample_crawl\"", "\"sample_craw\""),
        place: (PIPELINE, "[[source]]\nname = \"sample_craw\""),
        says: &["there is no source \"sample_craw\"", "did you mean \"sample_crawl\"?"],
    },
    Case {
        name: "two sources of one name",
        change: |it| it.write("sources/crawls/sample_crawl.toml", fs::read(it.path(CRAWL)).unwrap()),
        place: ("sample_crawl.toml", ""),
        says: &["has the name of", "sources/crawls/sample_crawl.toml", "rename one"],
    },
    Case {
        name: "a source's missing folder",
        change: |it| it.edit(PIPELINE, "../sources/samples/crawl", "../sources/samples/crawls"),
        place: (PIPELINE, "[[source]]\nname = \"sample_crawl\""),
        says: &["sources/samples/crawls"],
    },
    Case {
        name: "a pattern that fits no file",
        change: |it| it.edit(CRAWL, "{language}_part_*.parquet", "{language}/*.parquet"),
        place: (PIPELINE, "[[source]]\nname = \"sample_crawl\""),
        says: &["\"{language}/*.parquet\"", "en_part_00000.parquet"],
    },
    Case {
        name: "a wrong column",
        change: |it| append(it, CRAWL, "\n[fields]\ntext = \"texts\"\n"),
        place: (PIPELINE, "[[source]]\nname = \"sample_crawl\""),
        says: &[
            "en_part_00000.parquet",
            "no column \"texts\" (fields.text)",
            "did you mean \"text\"?",
            "timestamp, url",
        ],
    },
    Case {
        name: "a missing model",
        change: |it| fs::remove_file(it.path("models/lid.176.ftz")).unwrap(),
        place: (PIPELINE, "[[stage]]\nname = \"identify_language\""),
        says: &["models/lid.176.ftz cannot be read", "`make models`"],
    },
    Case {
        name: "a model that is none",
        change: |it| it.write("models/lid.176.ftz", "<html>404</html>"),
        place: (PIPELINE, "[[stage]]\nname = \"identify_language\""),
        says: &["model \"../models/lid.176.ftz\" is no fastText model"],
    },
    Case {
        name: "a model that is cut short",
        change: |it| {
            let bytes = fs::read(it.path("models/lid.176.ftz")).unwrap();
            it.write("models/lid.176.ftz", &bytes[..bytes.len() / 2]);
        },
        place: (PIPELINE, "[[stage]]\nname = \"identify_language\""),
        says: &["model \"../models/lid.176.ftz\" is no fastText model"],
    },
    Case {
        name: "a wrong tokenizer",
        change: |it| it.edit(PIPELINE, "\"o200k_base\"", "\"o300k_base\""),
        place: (PIPELINE, "[[stage]]\nname = \"count_tokens\""),
        says: &["o300k_base cannot be read"],
    },
    Case {
        name: "a language without a folder",
        change: |it| it.edit(PIPELINE, "[\"en\",", "[\"sv\", \"en\","),
        place: ("filters", ""),
        says: &["no folder for language \"sv\"", "there are: ar, de, en, es, fr, hi, it, ja, ko, pt, ru, zh"],
    },
    Case {
        name: "a language that is no code",
        change: |it| it.edit(PIPELINE, "[\"en\",", "[\"english\","),
        place: (PIPELINE, "languages = ["),
        says: &["\"english\" is not a language code", "BCP 47"],
    },
    Case {
        name: "no language",
        change: |it| it.edit(PIPELINE, "[\"en\", \"zh\", \"ja\", \"fr\", \"ru\", \"es\"]", "[]"),
        place: (PIPELINE, ""),
        says: &["languages is empty"],
    },
    Case {
        name: "a language twice",
        change: |it| it.edit(PIPELINE, "[\"en\",", "[\"fr\", \"en\","),
        place: (PIPELINE, ""),
        says: &["language \"fr\" occurs twice; remove one"],
    },
    Case {
        name: "a source twice",
        change: |it| {
            it.edit(
                PIPELINE,
                "\"sample_archive\"\npath = \"../sources/samples/archive\"",
                "\"sample_crawl\"\npath = \"../sources/samples/crawl\"",
            )
        },
        place: (
            PIPELINE,
            "[[source]]\nname = \"sample_crawl\"\npath = \"../sources/samples/crawl\"\n\n[[source]]\nname = \"sample_web\"",
        ),
        says: &["source \"sample_crawl\" occurs twice; remove one"],
    },
    Case {
        name: "thresholds for a language that is not built",
        change: |it| append(it, PIPELINE, "\n[keywords.de]\nmin_distinct = 5\n"),
        place: (PIPELINE, ""),
        says: &["has [keywords.de], but de is not among its languages"],
    },
    Case {
        name: "a pipeline that does not count tokens",
        change: |it| {
            it.edit(
                PIPELINE,
                "[[stage]]\nname = \"count_tokens\"\ntokenizer = \"o200k_base\"\nstore_token_ids = false\n",
                "",
            )
        },
        place: (PIPELINE, ""),
        says: &["has no stage \"count_tokens\""],
    },
    Case {
        name: "shingles longer than any text",
        change: |it| it.edit(PIPELINE, "shingle_words = 5", "shingle_words = 1000000000000000000"),
        place: (PIPELINE, ""),
        says: &["duplicates.shingle_words and duplicates.shingle_chars must"],
    },
    Case {
        name: "a keyword twice",
        change: |it| it.edit(KEYWORDS, "AINS\tdrug\t2.8\n", "AINS\tdrug\t2.8\nAINS\tanatomy\n"),
        place: (KEYWORDS, "AINS\tanatomy"),
        says: &["term \"AINS\" occurs twice (first on line 3); remove one"],
    },
    Case {
        name: "keywords out of order",
        change: |it| it.edit(KEYWORDS, "AINS\tdrug\t2.8\n", "zona bis\tdisease\nAINS\tdrug\n"),
        place: (KEYWORDS, "AINS\tdrug"),
        says: &["term \"AINS\" is out of order; sort"],
    },
    Case {
        name: "a keyword that is not NFC",
        change: |it| it.edit(KEYWORDS, "AINS\tdrug\t2.8\n", "AINS\tdrug\t2.8\nAINSe\u{301}\tdrug\n"),
        place: (KEYWORDS, "AINSe"),
        says: &["is not in NFC; write \"AINSé\""],
    },
    Case {
        name: "keywords without their source",
        change: |it| it.edit(KEYWORDS, "# Source", "# From"),
        place: (KEYWORDS, "# From"),
        says: &["the first line must say \"# Source: …\""],
    },
    Case {
        name: "keywords that are not text",
        change: |it| it.write(KEYWORDS, b"# Source: here\nc\xF0\x28ur\n"),
        place: (KEYWORDS, ""),
        says: &["is not UTF-8 text; save it as UTF-8"],
    },
    Case {
        name: "no keywords",
        change: |it| fs::remove_file(it.path(KEYWORDS)).unwrap(),
        place: (KEYWORDS, ""),
        says: &["is missing; every language folder needs it"],
    },
    Case {
        name: "a share above one",
        change: |it| it.edit(FRENCH, "\nmin_density = 0.039", "\nmin_density = 5.0"),
        place: (FRENCH, "\nmin_density = 5.0"),
        says: &["min_density is a share and must lie in 0..=1"],
    },
    Case {
        name: "a share that is not a number",
        change: |it| it.edit(PIPELINE, "sample_share = 0.1", "sample_share = nan"),
        place: (PIPELINE, ""),
        says: &["rejected.sample_share is a share and must lie in 0..=1"],
    },
    Case {
        name: "no bytes a task",
        change: |it| it.edit(PIPELINE, "megabytes = 64", "megabytes = 0"),
        place: (PIPELINE, ""),
        says: &["tasks.megabytes must"],
    },
    Case {
        // Shifted into bytes this would be 0.
        name: "more bytes a task than can be counted",
        change: |it| it.edit(PIPELINE, "megabytes = 64", "megabytes = 17592186044416"),
        place: (PIPELINE, ""),
        says: &["tasks.megabytes must"],
    },
    Case {
        name: "no bands",
        change: |it| it.edit(PIPELINE, "bands = 14", "bands = 0"),
        place: (PIPELINE, ""),
        says: &["duplicates.bands and duplicates.rows must"],
    },
    Case {
        name: "more bands than fit into memory",
        change: |it| it.edit(PIPELINE, "bands = 14", "bands = 4000000000"),
        place: (PIPELINE, ""),
        says: &["duplicates.bands and duplicates.rows must"],
    },
    Case {
        name: "a negative number",
        change: |it| it.edit(PIPELINE, "rows = 5", "rows = -5"),
        place: (PIPELINE, "rows = -5"),
        says: &["-5"],
    },
    Case {
        name: "no TOML",
        change: |it| it.edit(PIPELINE, "languages = [", "languages = "),
        place: (PIPELINE, "languages = "),
        says: &["expected"],
    },
    Case {
        name: "no text",
        change: |it| it.write(PIPELINE, b"title = \"\xFF\"\n"),
        place: (PIPELINE, ""),
        says: &["cannot be read", "UTF-8"],
    },
    Case {
        name: "nothing at all",
        change: |it| it.write(PIPELINE, ""),
        place: (PIPELINE, ""),
        says: &["missing field `title`"],
    },
    Case {
        name: "no pipeline",
        change: |it| fs::remove_file(it.path(PIPELINE)).unwrap(),
        place: (PIPELINE, ""),
        says: &["cannot be read: No such file"],
    },
];

fn append(workspace: &Workspace, path: &str, text: &str) {
    let before = fs::read_to_string(workspace.path(path)).unwrap();
    workspace.write(path, before + text);
}

#[test]
fn wrong_configuration_is_found_before_any_work_and_says_where_and_what_to_do() {
    let mut failures = Vec::new();
    for Case { name, change, place: (file, at), says } in CASES {
        let workspace = Workspace::new();
        change(&workspace);
        let place = if at.is_empty() {
            (*file).to_owned()
        } else {
            let text = fs::read_to_string(workspace.path(file)).unwrap();
            let found = text.find(at).unwrap_or_else(|| panic!("{name}: {file} does not contain {at:?}"));
            let start = found + at.len() - at.trim_start().len();
            format!("{file}:{}: ", 1 + text[..start].matches('\n').count())
        };
        for command in [&["plan", PIPELINE, "--out", "out"][..], &["build", PIPELINE, "--out", "out", "--jobs", "1"]] {
            let ran = workspace.run(command);
            let mut wrong = |what: &str| {
                failures.push(format!(
                    "{name}: {}: {what}\n    code {:?}: {}",
                    command[0],
                    ran.code,
                    ran.stderr.trim_end()
                ));
            };
            if ran.code != Some(2) {
                wrong("should end with 2");
            }
            if ran.stderr.contains("panicked") {
                wrong("panicked");
            }
            for piece in [place.as_str()].iter().chain(*says).filter(|piece| !ran.stderr.contains(**piece)) {
                wrong(&format!("does not say {piece:?}"));
            }
            if ran.stderr.lines().count() > 1 {
                wrong("says more than what is wrong");
            }
            if workspace.path("out").exists() {
                wrong("left something in the output folder");
            }
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn all_that_is_wrong_is_said_at_once() {
    let workspace = Workspace::new();
    workspace.edit(PIPELINE, "\"check_quality\"", "\"check_qualities\"");
    workspace.edit(PIPELINE, "megabytes = 64", "megabytes = 0");
    workspace.edit(FRENCH, "min_density = 0.039", "min_density = 5.0");
    let said = workspace.run(&["plan", PIPELINE]).ended(2).stderr;
    for piece in ["check_qualities", "tasks.megabytes", "min_density is a share"] {
        assert!(said.contains(piece), "{said}");
    }
}

#[test]
fn check_finds_what_plan_would_and_needs_no_model() {
    let workspace = Workspace::without_model();
    workspace.run(&["check"]).ended(0);
    for (path, from, to, expected) in [
        (FRENCH, "min_density = 0.039", "min_density = 5.0", "must lie in 0..=1"),
        (CRAWL, "rank", "rang", "did you mean `rank`?"),
        (PIPELINE, "\"sample_crawl\"", "\"sample_craw\"", "did you mean \"sample_crawl\"?"),
        (
            "filters/fr/examples.toml",
            "verdict = \"keep\"",
            "verdict = \"reject\"\nrule = \"too_few_keywords\"",
            "should be rejected",
        ),
    ] {
        let before = fs::read(workspace.path(path)).unwrap();
        workspace.edit(path, from, to);
        let ran = workspace.run(&["check"]).ended(2);
        assert!(
            ran.stderr.contains(expected) && ran.stderr.contains(path.rsplit('/').next().unwrap()),
            "{}",
            ran.stderr
        );
        workspace.write(path, before);
    }
    let ran = workspace.run(&["check", "filters/none"]).ended(2);
    assert!(ran.stderr.contains("filters/none: cannot be"), "{}", ran.stderr);
}

#[test]
fn a_wrong_task_is_answered_with_the_nearest_one_and_a_task_too_early_with_what_it_needs() {
    let workspace = Workspace::new();
    let work = |task: &str| workspace.run(&["work", PIPELINE, "--out", "out", "--task", task]).ended(2).stderr;
    let said = work("sample_crawl-0000");
    assert!(said.contains("there is no task \"sample_crawl-0000\"") && said.contains("sample_crawl-00000"), "{said}");
    assert!(work("duplicates").contains("sample_crawl-00000 has to be done before duplicates"));
    assert!(work("corpus").contains("has to be done before corpus"));
    assert!(files(&workspace.path("out/corpus")).is_empty());
}

#[test]
fn wrong_usage_ends_with_two() {
    let workspace = Workspace::new();
    for arguments in [
        &["bild"][..],
        &["build"],
        &["build", PIPELINE, "--jobs", "0"],
        &["build", PIPELINE, "--jobs", "many"],
        &["build", "pipelines"],
        &["explain"],
        &["explain", "--text", "x", "--rule", "published"],
        &["explain", "--text", "x", "--language", "French"],
        &["explain", "--text", "x", "--language", "sv"],
        &["explain", "--text", "x", "--filters", "none"],
        &["language", "import-mmedc", "none.py", "--out", "out"],
    ] {
        let ran = workspace.run(arguments).ended(2);
        assert!(ran.stdout.is_empty() && !ran.stderr.is_empty(), "{arguments:?}");
    }
    assert!(!workspace.path("out").exists());
}

#[test]
fn an_input_that_is_not_there_is_an_error_that_names_it() {
    let workspace = Workspace::new();
    for arguments in [&["explain", "none.jsonl"][..], &["audit", "none"], &["verify", "none"]] {
        let ran = workspace.run(arguments);
        assert!([Some(2), Some(4)].contains(&ran.code), "{arguments:?}: {:?}", ran.code);
        assert!(ran.stderr.contains("none") && !ran.stderr.contains("panicked"), "{}", ran.stderr);
    }
}

#[test]
fn a_damaged_record_costs_itself_and_is_listed_with_its_place() {
    let workspace = Workspace::new();
    let archive: Vec<String> = passages()
        .iter()
        .filter(|passage| passage.pack == "archive")
        .map(|passage| json!({ "id": passage.id, "text": passage.text, "lang": passage.language }).to_string())
        .collect();
    let whole = archive.join("\n") + "\n";
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    gzip.write_all(whole.as_bytes()).unwrap();
    let gzip = gzip.finish().unwrap();
    let description = fs::read_to_string(workspace.path("sources/samples/sample_archive.toml")).unwrap();
    workspace.write("sources/samples/sample_archive.toml", description.replace("*.jsonl.zst", "*.jsonl*"));
    let kept = |out: &str| -> Vec<String> {
        all_rows(&workspace.path(out).join("corpus")).iter().map(|row| text(row, "text").to_owned()).collect()
    };
    let faults = |out: &str| -> Vec<(String, String)> {
        let all = all_rows(&workspace.path(out).join("rejected")).into_iter();
        let failed = all.filter(|row| text(row, "outcome") == "failed");
        failed.map(|row| (text(&row, "locator").to_owned(), text(&row, "rule").to_owned())).collect()
    };

    fs::remove_file(workspace.path("sources/samples/archive/documents.jsonl.zst")).unwrap();
    workspace.write("sources/samples/archive/documents.jsonl", &whole);
    workspace.build("sound", 2).ended(0);
    let sound = kept("sound");
    assert!(sound.len() >= 72);

    // A line that is no JSON, a line without text, and a line that is no UTF-8 between the sound ones.
    let (first, rest) = archive.split_first().unwrap();
    let mut damaged = format!("{first}\n{{\"id\": \"x\", \"text\": \n{{\"id\": \"y\"}}\n").into_bytes();
    damaged.extend(b"{\"id\": \"z\", \"text\": \"\xE5\xBF\"}\n");
    damaged.extend(format!("{}\n", rest.join("\n")).bytes());
    workspace.write("sources/samples/archive/documents.jsonl", damaged);
    let ran = workspace.build("damaged", 2).ended(1);
    assert!(ran.stderr.contains("3 records could not be read"), "{}", ran.stderr);
    assert_eq!(kept("damaged"), sound, "everything else is kept");
    let at = |offset: usize, length: usize| format!("documents.jsonl#bytes={offset}+{length}");
    let start = first.len() + 1;
    let expected =
        [(at(start, 20), "damaged"), (at(start + 21, 11), "missing_text"), (at(start + 33, 25), "invalid_utf8")];
    assert_eq!(faults("damaged"), expected.map(|(place, kind)| (place, kind.to_owned())));
    assert_eq!(stated(&workspace.path("damaged")), recounted(&workspace.path("damaged")));
    workspace.run(&["verify", "damaged"]).ended(0);
    workspace.run(&["audit", "damaged", "--json"]).ended(0);

    // A gzip file that ends in the middle of it: what stands before is kept.
    fs::remove_file(workspace.path("sources/samples/archive/documents.jsonl")).unwrap();
    workspace.write("sources/samples/archive/documents.jsonl.gz", &gzip[..gzip.len() / 2]);
    workspace.build("cut", 2).ended(1);
    let cut = faults("cut");
    assert!(cut.len() == 1 && cut[0].0.starts_with("documents.jsonl.gz") && cut[0].1 == "truncated", "{cut:?}");
    let read = read_by_source(&stated(&workspace.path("cut")))["sample_archive"];
    assert!(read > 10 && read < archive.len() as u64, "{read} of {}", archive.len());
    // The archive has the lowest rank, so what becomes of its documents depends on no other source.
    let kept_of_archive = |out: &str| -> BTreeSet<String> {
        let rows = all_rows(&workspace.path(out).join("corpus")).into_iter();
        rows.filter(|row| text(row, "source") == "sample_archive").map(|row| text(&row, "id").to_owned()).collect()
    };
    let before_the_cut = &archive[..read as usize - 1];
    let mut expected = kept_of_archive("sound");
    expected.retain(|id| before_the_cut.iter().any(|line| line.contains(&format!("\"{id}\""))));
    assert_eq!(kept_of_archive("cut"), expected);
}

#[test]
fn a_build_of_nothing_ends_with_four_and_says_why() {
    let workspace = Workspace::new();
    let other = passages().into_iter().filter(|passage| passage.subject == "other" && passage.language == "fr");
    let lines: Vec<String> =
        other.map(|passage| json!({ "id": passage.id, "text": passage.text }).to_string()).collect();
    workspace.write("sources/samples/crawl_of_nothing/fr_part_00000.jsonl", lines.join("\n"));
    workspace.edit(CRAWL, "{language}_part_*.parquet", "{language}_part_*.jsonl");
    let pipeline = fs::read_to_string(workspace.path(PIPELINE)).unwrap();
    let from = pipeline.find("[[source]]").unwrap();
    let to = pipeline.find("# The stages").unwrap();
    let only = "[[source]]\nname = \"sample_crawl\"\npath = \"../sources/samples/crawl_of_nothing\"\n\n";
    workspace.write(PIPELINE, [&pipeline[..from], only, &pipeline[to..]].concat());
    let ran = workspace.build("out", 1).ended(4);
    assert!(ran.stderr.contains(&format!("nothing was kept of {} documents read", lines.len())), "{}", ran.stderr);
    assert!(ran.stderr.contains("rejected count_keywords too_few_keywords"), "{}", ran.stderr);
    assert!(!workspace.path("out/manifest.json").exists(), "without a manifest a build is unfinished");
}

/// Families of the collection that hold something this program reads.
const HOSTILE: [&str; 8] = ["jsonl", "json", "parquet", "zip", "gzip", "bomb", "text", "warc"];

#[test]
fn no_hostile_file_panics_hangs_or_fills_the_memory() {
    const PATIENCE: Duration = Duration::from_secs(30);
    const MOST_MEMORY: u64 = 1 << 30;
    let Some(data) = shared_data() else { return };
    let workspace = Workspace::new();
    // The many small files are read without the language model, whose loading would cost more than all of them.
    let pipeline = fs::read_to_string(workspace.path(PIPELINE)).unwrap();
    let identify = "[[stage]]\nname = \"identify_language\"\nmodel = \"../models/lid.176.ftz\"\n";
    assert!(pipeline.contains(identify));
    let lean =
        pipeline.replace(identify, "").replace("[\"en\", \"zh\", \"ja\", \"fr\", \"ru\", \"es\"]", "[\"en\", \"ja\"]");
    workspace.write("pipelines/lean.toml", lean);
    let mut wrong = Vec::new();
    let (mut tried, mut slowest, mut largest) = (0, (Duration::ZERO, String::new()), 0);
    for family in HOSTILE {
        let pipeline = if ["json", "warc"].contains(&family) { "pipelines/lean.toml" } else { PIPELINE };
        for path in files(&data.join("hostile").join(family)) {
            let name = path.display().to_string();
            let ran = run_within(&workspace.path(""), &["explain", "--json", "--pipeline", pipeline, &name], PATIENCE);
            tried += 1;
            slowest = slowest.max((ran.elapsed, name.clone()));
            largest = largest.max(ran.peak_bytes);
            wrong.extend(complaint(&ran).map(|what| format!("{name}: {what}")));
            if ran.peak_bytes > MOST_MEMORY {
                wrong.push(format!("{name}: {} MB of memory", ran.peak_bytes >> 20));
            }
        }
    }
    println!("{tried} hostile files; slowest {slowest:?}, most memory {} MB", largest >> 20);
    assert!(tried > 150);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What is wrong with an answer, whatever the input was.
fn complaint(ran: &Ran) -> Option<String> {
    if ran.stderr.contains("panicked") {
        return Some(ran.stderr.clone());
    }
    let Some(code) = ran.code else { return Some(format!("killed or out of patience after {:?}", ran.elapsed)) };
    if ![0, 1, 2, 4].contains(&code) {
        return Some(format!("exit code {code}"));
    }
    let Ok(text) = std::str::from_utf8(&ran.stdout) else { return Some("output that is not UTF-8".to_owned()) };
    for line in text.lines() {
        let Ok(explanation) = serde_json::from_str::<Value>(line) else { return Some(format!("no JSON: {line}")) };
        let verdict = explanation["verdict"].as_str().unwrap_or_default();
        if !["keep", "reject", "fault"].contains(&verdict) || (verdict == "keep") != explanation["reason"].is_null() {
            return Some(format!("verdict without its reason: {line}"));
        }
    }
    (code > 1 && ran.stderr.trim().is_empty()).then(|| format!("exit code {code} without a word"))
}

#[test]
fn a_build_over_hostile_files_keeps_the_rest_and_comes_out_the_same_twice() {
    let Some(data) = shared_data() else { return };
    let workspace = Workspace::new();
    for family in ["jsonl", "parquet", "zip", "bomb"] {
        copy_folder(&data.join("hostile").join(family), &workspace.path("raw/hostile").join(family));
    }
    make_writable(&workspace.path("raw"));
    let description = "title = \"Hostile files\"\nkind = \"crawl\"\nlicence = \"unknown\"\nlicence_evidence = \"none\"\nrank = 90\n\
                       files = [\"**/*.jsonl*\", \"**/*.parquet*\", \"**/*.zip\", \"**/*.txt.gz\"]\n";
    workspace.write("sources/hostile.toml", description);
    let use_it = "[[source]]\nname = \"hostile\"\npath = \"../raw/hostile\"\n\n[[stage]]\nname = \"normalize\"\n";
    workspace.edit(PIPELINE, "[[stage]]\nname = \"normalize\"\n", use_it);
    workspace.build("first", 2).ended(1);
    workspace.build("second", 2).ended(1);
    let first = workspace.path("first");
    assert_same(&product(&first), &product(&workspace.path("second")), "the second build over hostile files");
    assert_eq!(stated(&first), recounted(&first));
    let faults = rows_of_source(&first, "hostile").into_iter().filter(|row| text(row, "outcome") == "failed");
    assert!(faults.clone().count() >= 10);
    for fault in faults {
        assert!(!text(&fault, "locator").is_empty() && !text(&fault, "message").is_empty(), "{fault:?}");
    }
    let samples = all_rows(&first.join("corpus")).into_iter().filter(|row| text(row, "source") != "hostile").count();
    assert!(samples >= 72, "{samples}");
    workspace.run(&["verify", "first"]).ended(0);
}

fn rows_of_source(out: &Path, source: &str) -> Vec<crate::support::Row> {
    let tables = files(&out.join("rejected"));
    tables.iter().flat_map(|path| rows(path)).filter(|row| text(row, "source") == source).collect()
}

/// The collection may be read-only, and copies keep that; a temporary folder has to be removable.
fn make_writable(folder: &Path) {
    for path in files(folder) {
        let mut permissions = fs::metadata(&path).unwrap().permissions();
        #[expect(clippy::permissions_set_readonly_false, reason = "a copy in a temporary folder of our own")]
        permissions.set_readonly(false);
        fs::set_permissions(&path, permissions).unwrap();
    }
}
