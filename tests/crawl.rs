//! A build over crawl-like files with labels: a corpus in six languages, every record accounted for.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use crate::{
    builds::{read_by_source, recounted, stated},
    support::{Workspace, all_rows, copy_folder, files, gzip_lines, root, shared_data, text},
};

/// Labels by language and row, as `row, id, language, label`; or by address, as `url, id, language, label`.
fn labels(lines: impl IntoIterator<Item = String>) -> BTreeMap<String, (String, String)> {
    let label = |line: String| {
        let cells: Vec<&str> = line.split('\t').collect();
        (cells[0].to_owned(), (cells[2].to_owned(), cells[3].to_owned()))
    };
    lines.into_iter().map(label).collect()
}

#[test]
fn a_crawl_becomes_a_corpus_in_six_languages_and_every_record_is_accounted_for() {
    let Some(data) = shared_data() else { return };
    let data = data.join("crawl_like");
    let workspace = Workspace::new();
    copy_folder(&root().join("tests/pipelines"), &workspace.path("tests/pipelines"));
    copy_folder(&root().join("tests/sources"), &workspace.path("tests/sources"));
    link(&data, &workspace.path("raw/crawl_like"));
    let pipeline = "tests/pipelines/crawl_like.toml";
    let ran = workspace.run(&["build", pipeline, "--out", "out", "--jobs", "2"]).ended(0);
    println!("{}", ran.text());
    let out = workspace.path("out");

    let languages = ["en", "es", "fr", "ja", "ru", "zh"];
    let folders: BTreeSet<String> = files(&out.join("corpus"))
        .iter()
        .map(|path| path.parent().unwrap().file_name().unwrap().to_string_lossy().into_owned())
        .collect();
    assert_eq!(folders, languages.map(str::to_owned).into());

    // Conservation: as stated, as recounted row by row, and against the labels, which nobody here has read.
    assert_eq!(stated(&out), recounted(&out));
    let of_rows: BTreeMap<&str, BTreeMap<String, (String, String)>> = languages
        .iter()
        .map(|language| (*language, labels(gzip_lines(&data.join(format!("{language}_part_00000.labels.tsv.gz"))))))
        .collect();
    let web = fs::read_to_string(data.join("mixed.warc.wet.labels.tsv")).unwrap();
    let of_web = labels(web.lines().map(str::to_owned));
    let read = read_by_source(&stated(&out));
    assert_eq!(read["crawl_like"], of_rows.values().map(|rows| rows.len() as u64).sum::<u64>());
    assert_eq!(read["crawl_like_web"], web.lines().count() as u64);
    let verified = workspace.run(&["verify", "out"]).ended(0);
    println!("{}", verified.text());

    // What was taken for medical: the corpus, and the copies that were removed from it.
    let label_of_row = |locator: &str| {
        let (file, row) = locator.split_once("#row=").unwrap();
        &of_rows[&file[..2]][row]
    };
    let kept = all_rows(&out.join("corpus"));
    let copies = all_rows(&out.join("rejected")).into_iter().filter(|row| text(row, "stage") == "remove_duplicates");
    let copies: Vec<String> =
        copies.filter(|row| text(row, "source") == "crawl_like").map(|row| text(&row, "locator").to_owned()).collect();
    let rows = kept.iter().filter(|row| text(row, "source") == "crawl_like").map(|row| text(row, "locator"));
    let taken: Vec<&(String, String)> = rows.chain(copies.iter().map(String::as_str)).map(label_of_row).collect();
    let mut least_precision: f64 = 1.0;
    for language in languages {
        let count = |labels: &mut dyn Iterator<Item = &(String, String)>, label: &str| {
            labels.filter(|(of, is)| of == language && is == label).count() as f64
        };
        let found = count(&mut taken.iter().copied(), "medical");
        let wrong = count(&mut taken.iter().copied(), "other");
        let there = count(&mut of_rows[language].values(), "medical");
        let (recall, precision) = (found / there, found / (found + wrong));
        println!("{language}: recall {recall:.3} of {there}, precision {precision:.3}");
        least_precision = least_precision.min(precision);
        assert!(recall > 0.5, "{language}: recall {recall:.3}");
    }
    let of_web_kept: Vec<_> = kept
        .iter()
        .filter(|row| text(row, "source") == "crawl_like_web")
        .map(|row| (row, &of_web[text(row, "url")]))
        .collect();
    let right = of_web_kept.iter().filter(|(_, (_, label))| label == "medical").count() as f64;
    let wrong = of_web_kept.iter().filter(|(_, (_, label))| label == "other").count() as f64;
    println!("WET: {right} medical kept, precision {:.3}", right / (right + wrong));
    least_precision = least_precision.min(right / (right + wrong));
    assert!(least_precision >= 0.9, "precision {least_precision:.3}");
    // No record of the WET file states its language, so it was found.
    let strayed = of_web_kept.iter().filter(|(row, (language, _))| text(row, "language") != language).count();
    assert!(strayed * 100 <= of_web_kept.len(), "{strayed} of {} are in another language", of_web_kept.len());
}

#[cfg(unix)]
fn link(from: &Path, to: &Path) {
    fs::create_dir_all(to.parent().unwrap()).unwrap();
    std::os::unix::fs::symlink(from, to).unwrap();
}

#[cfg(not(unix))]
fn link(from: &Path, to: &Path) {
    copy_folder(from, to);
}
