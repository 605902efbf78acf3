//! Paragraphs that recur on a site: cut out of the texts that stay, with a map to the texts before.

use std::{collections::BTreeMap, fs, path::Path, sync::Arc};

use arrow_array::{ArrayRef, LargeStringArray, RecordBatch, StringArray};
use parquet::arrow::ArrowWriter;
use serde_json::{Value, json};

use crate::support::{Moments, Row, Workspace, assert_same, files, rows, text};

const NOTICE: &str = "This page does not replace the advice of your doctor or pharmacist.";
const COOKIES: &str = "我们使用小甜饼来改善本网站的服务质量。";

/// Pages of two sites, each with a notice that the others of its site have too, and one page that is nothing else.
fn pages() -> Vec<Value> {
    let illness = |number: usize| format!("Illness number {number} begins with sign {} and passes.", number * 7);
    let mut pages = Vec::new();
    for number in 0..30 {
        let body = illness(number);
        let page = format!("Signs\n\n{body}\n\n{NOTICE}\n\nTreatment {number} \"helps\".");
        pages.push(json!({"n": number, "url": format!("https://clinic.example/{number}"), "text": page}));
        let page = format!("{COOKIES}\n第{number}种疾病的病因是第{}号病毒，多在冬季发病。", number * 13);
        pages.push(json!({"url": format!("https://yiyuan.example/{number}"), "text": page, "boilerplate_cut": "0+1"}));
    }
    pages.push(json!({"url": "https://clinic.example/empty", "text": format!("{NOTICE}\nNone.")}));
    pages
}

fn write(workspace: &Workspace, name: &str, pages: &[Value]) {
    workspace.write(name, pages.iter().map(|page| format!("{page}\n")).collect::<String>());
}

fn lines(path: &Path) -> Vec<Value> {
    fs::read_to_string(path).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The text before, cut where the row says.
fn cut(before: &str, cut: &str) -> String {
    let mut rest = String::new();
    let mut end = 0;
    for part in cut.split(' ') {
        let (start, length) = part.split_once('+').unwrap();
        let start: usize = start.parse().unwrap();
        rest.push_str(&before[end..start]);
        end = start + length.parse::<usize>().unwrap();
    }
    rest + &before[end..]
}

const DEDUP: [&str; 5] = ["dedup", "in", "--boilerplate", "--json", "--out"];

#[test]
fn what_recurs_on_a_site_stays_once_and_the_rest_says_what_went() {
    let workspace = Workspace::without_model();
    let pages = pages();
    write(&workspace, "in/a.jsonl", &pages);
    let summary = workspace.run(&[&DEDUP[..], &["out"]].concat()).ended(0).json();
    let out = workspace.path("out");
    let survivors = lines(&out.join("survivors/a.jsonl"));
    assert_eq!(survivors.len(), pages.len());
    for (number, (before, after)) in pages.iter().zip(&survivors).enumerate() {
        let (text, old) = (after["text"].as_str().unwrap(), before["text"].as_str().unwrap());
        match number {
            // The first of each site, and the page that has hardly anything else.
            0 | 1 | 60 => assert_eq!(text, old),
            _ => {
                assert!(!text.contains(NOTICE) && !text.contains(COOKIES), "{text}");
                assert_eq!(cut(old, after["boilerplate_cut"].as_str().unwrap()), text);
            }
        }
        assert_eq!(
            (&after["url"], &after["n"], &after["minhash_cluster_size"]),
            (&before["url"], &before["n"], &json!(1))
        );
    }
    assert_eq!(
        survivors[2]["text"],
        "Signs\n\nIllness number 1 begins with sign 7 and passes.\n\nTreatment 1 \"helps\"."
    );
    let count = &summary["boilerplate"];
    assert_eq!((&count["recurring"], &count["documents"], &count["paragraphs"]), (&json!(2), &json!(58), &json!(58)));
    assert_eq!(count["left_whole"], 1);
    let removed: usize = pages
        .iter()
        .zip(&survivors)
        .map(|(before, after)| before["text"].as_str().unwrap().len() - after["text"].as_str().unwrap().len())
        .sum();
    assert_eq!(count["text_bytes"], removed);
    let evidence = lines(&out.join("boilerplate/part-00000.jsonl"));
    let paragraphs: Vec<_> =
        evidence.iter().map(|it| (it["paragraph"].as_str().unwrap(), it["documents"].as_u64().unwrap())).collect();
    assert_eq!(paragraphs, [(NOTICE, 31), (COOKIES, 30)]);
    assert_eq!(rows(&out.join("boilerplate/part-00000.parquet")).len(), 2);

    let off = workspace.run(&["dedup", "in", "--json", "--out", "out"]).ended(0).json();
    assert!(off["boilerplate"].is_null() && !out.join("boilerplate/part-00000.jsonl").exists());
    let rare = workspace.run(&[&DEDUP[..], &["out", "--boilerplate-documents", "32"]].concat()).ended(0).json();
    assert_eq!(rare["boilerplate"]["paragraphs"], 0);
}

#[test]
fn the_texts_of_parquet_are_cut_alike_whatever_holds_them() {
    let workspace = Workspace::without_model();
    let pages = pages();
    let column = |name: &str| pages.iter().map(|page| page[name].as_str().unwrap().to_owned()).collect::<Vec<_>>();
    let urls: ArrayRef = Arc::new(StringArray::from(column("url")));
    let small: ArrayRef = Arc::new(StringArray::from(column("text")));
    let large: ArrayRef = Arc::new(LargeStringArray::from(column("text")));
    write(&workspace, "lines/in/a.jsonl", &pages);
    workspace.run(&["dedup", "lines/in", "--boilerplate", "--out", "of-lines"]).ended(0);
    let expected = lines(&workspace.path("of-lines/survivors/a.jsonl"));
    for (name, texts) in [("small", small), ("large", large)] {
        let earlier: ArrayRef = Arc::new(StringArray::from(vec!["0+1"; pages.len()]));
        let columns = [("url", urls.clone()), ("text", texts), ("boilerplate_cut", earlier)];
        let batch = RecordBatch::try_from_iter(columns).unwrap();
        let mut writer = ArrowWriter::try_new(Vec::new(), batch.schema(), None).unwrap();
        writer.write(&batch).unwrap();
        workspace.write(&format!("{name}/a.parquet"), writer.into_inner().unwrap());
        workspace.run(&["dedup", name, "--boilerplate", "--out", "out"]).ended(0);
        let found = rows(&workspace.path("out/survivors/a.parquet"));
        assert_eq!(found.len(), expected.len());
        // What an earlier run cut out of a text stands where this one cuts nothing.
        let changed = |row: &&Row| text(row, "boilerplate_cut") != "0+1";
        assert_eq!((text(&found[0], "boilerplate_cut"), found.iter().filter(changed).count()), ("0+1", 58));
        for (row, line) in found.iter().zip(&expected) {
            assert_eq!(
                (text(row, "text"), text(row, "url")),
                (line["text"].as_str().unwrap(), line["url"].as_str().unwrap())
            );
        }
    }
}

fn product(out: &Path) -> BTreeMap<String, Vec<u8>> {
    let of =
        |path: &std::path::PathBuf| (path.strip_prefix(out).unwrap().display().to_string(), fs::read(path).unwrap());
    files(out).iter().map(of).filter(|(name, _)| name != "lock").collect()
}

#[test]
fn the_bytes_depend_on_neither_threads_nor_order_nor_kills() {
    let workspace = Workspace::without_model();
    // Enough of them that a run takes a while.
    let many: Vec<Value> = (0..40)
        .flat_map(|round| {
            pages().into_iter().map(move |mut page| {
                let text =
                    format!("{}\nRound {round} of the rounds that there are here.", page["text"].as_str().unwrap());
                page["text"] = text.repeat(1 + round % 7).into();
                page["url"] = format!("{}?round={round}", page["url"].as_str().unwrap()).into();
                page
            })
        })
        .collect();
    for (number, part) in many.chunks(300).enumerate() {
        write(&workspace, &format!("in/{number}.jsonl"), part);
    }
    let whole = workspace.run(&[&DEDUP[..], &["whole", "--jobs", "1"]].concat()).ended(0);
    let expected = product(&workspace.path("whole"));
    workspace.run(&[&DEDUP[..], &["other", "--jobs", "4", "--memory", "64MiB"]].concat()).ended(0);
    assert_same(&expected, &product(&workspace.path("other")), "other threads and memory");
    let run = [&DEDUP[..], &["out", "--jobs", "2", "--index", "index"]].concat();
    let mut killed = 0;
    for moment in (Moments { state: 11 }).take(12) {
        killed += usize::from(workspace.kill(&run, whole.elapsed.mul_f64(moment)));
        if moment > 0.5 {
            workspace.run(&run).ended(0);
            assert_same(&expected, &product(&workspace.path("out")), &format!("killed after {moment} of the time"));
            fs::remove_file(workspace.path("out/dedup.json")).unwrap();
        }
    }
    assert!(killed > 3, "only {killed} runs were killed before they had ended");
    workspace.run(&run).ended(0);
    assert_same(&expected, &product(&workspace.path("out")), "killed twelve times");
}

#[test]
fn a_build_cuts_what_recurs_and_counts_what_is_left() {
    let workspace = Workspace::new();
    workspace.build("first", 2).ended(0);
    let kept = rows(&workspace.path("first/corpus/en/part-00000.parquet"));
    assert!(kept.len() >= 10);
    let pages: Vec<Value> = kept.iter().enumerate().map(|(number, row)| {
        json!({"id": number.to_string(), "url": format!("https://clinic.example/{number}"), "text": format!("{}\n{NOTICE}", text(row, "text"))})
    }).collect();
    write(&workspace, "raw/pages.jsonl", &pages);
    workspace.write("sources/sites/clinic.toml", "title = \"Clinic\"\nkind = \"site\"\nlicence = \"CC0-1.0\"\nlicence_evidence = \"here\"\nrank = 1\nlanguages = [\"en\"]\nfiles = [\"*.jsonl\"]\n");
    let sample = fs::read_to_string(workspace.path("pipelines/sample.toml")).unwrap();
    let (before, after) = (sample.find("[[source]]").unwrap(), sample.find("# The stages").unwrap());
    let source = "[[source]]\nname = \"clinic\"\npath = \"../raw\"\n\n";
    workspace.write("pipelines/sample.toml", format!("{}{source}{}", &sample[..before], &sample[after..]));

    let built = workspace.build("out", 2).ended(0);
    let said = format!("were cut out of {} documents", kept.len() - 1);
    assert!(built.text().contains(&said), "{}", built.text());
    workspace.run(&["verify", "out"]).ended(0);
    let shard = rows(&workspace.path("out/corpus/en/part-00000.parquet"));
    assert_eq!(shard.len(), kept.len());
    for (number, (row, old)) in shard.iter().zip(&kept).enumerate() {
        match number {
            0 => assert!(text(row, "text").ends_with(NOTICE) && !row.contains_key("boilerplate_cut")),
            _ => {
                assert_eq!(text(row, "text"), text(old, "text"));
                assert_eq!(text(row, "boilerplate_cut"), format!("{}+{}", text(old, "text").len(), NOTICE.len() + 1));
                for column in ["char_count", "word_count", "token_count"] {
                    assert_eq!(row[column], old[column], "{column}");
                }
            }
        }
    }
    let manifest: Value = serde_json::from_slice(&fs::read(workspace.path("out/manifest.json")).unwrap()).unwrap();
    let cut = &manifest["boilerplate"][0];
    assert_eq!((&cut["source"], &cut["size"]["documents"]), (&json!("clinic"), &json!(kept.len() - 1)));
    assert_eq!(cut["size"]["bytes"], (kept.len() - 1) * (NOTICE.len() + 1));
    assert_eq!(rows(&workspace.path("out/boilerplate/part-00000.parquet")).len(), 1);

    // Without the step the texts are whole; with it again nothing of pass 1 is done anew, and the bytes are the same.
    let first = product(&workspace.path("out"));
    let rule = "[duplicates.boilerplate]\nmin_documents = 10\nmin_share = 0.1\nmin_chars = 40\nmax_text_share = 0.8\n";
    workspace.edit("pipelines/sample.toml", rule, "");
    workspace.build("out", 1).ended(0);
    let shard = rows(&workspace.path("out/corpus/en/part-00000.parquet"));
    assert!(shard.iter().all(|row| text(row, "text").ends_with(NOTICE)));
    workspace.edit("pipelines/sample.toml", "[tasks]\n", &format!("{rule}\n[tasks]\n"));
    workspace.build("out", 1).ended(0);
    let corpus = |product: &BTreeMap<String, Vec<u8>>| -> BTreeMap<String, Vec<u8>> {
        product
            .clone()
            .into_iter()
            .filter(|(name, _)| name.starts_with("corpus/") || name.starts_with("boilerplate/"))
            .collect()
    };
    assert!(corpus(&first).len() > 1 && corpus(&first) == corpus(&product(&workspace.path("out"))));
    workspace.edit("pipelines/sample.toml", "min_documents = 10", "min_documents = 1");
    let wrong = workspace.build("out", 1).ended(2);
    assert!(wrong.stderr.contains("duplicates.boilerplate.min_documents"), "{}", wrong.stderr);
}
