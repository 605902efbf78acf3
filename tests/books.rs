//! Books as a user meets them: pages in order, faults that cost a page, files that cost nothing but themselves.

use std::{fs, io::Write, path::Path, process::Command};

use flate2::{Compression, write::ZlibEncoder};

use crate::{
    builds::{read_by_source, recounted, stated},
    support::{Workspace, all_rows, medcorpus, root, shared_data, text},
};

/// A PDF of pages with these content streams, in Helvetica.
fn pdf(contents: &[(Vec<u8>, &str)]) -> Vec<u8> {
    let mut objects: Vec<Vec<u8>> = Vec::new();
    let kids: Vec<String> = (0..contents.len()).map(|page| format!("{} 0 R", 4 + 2 * page)).collect();
    objects.push(b"<< /Type /Catalog /Pages 2 0 R >>".to_vec());
    objects.push(format!("<< /Type /Pages /Count {} /Kids [{}] >>", contents.len(), kids.join(" ")).into_bytes());
    objects.push(b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>".to_vec());
    for (page, (content, filter)) in contents.iter().enumerate() {
        let number = 5 + 2 * page;
        objects.push(
            format!(
                "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents {number} 0 R \
                 /Resources << /Font << /F1 3 0 R >> >> >>"
            )
            .into_bytes(),
        );
        let mut stream = format!("<< /Length {} {filter} >>\nstream\n", content.len()).into_bytes();
        stream.extend_from_slice(content);
        stream.extend_from_slice(b"\nendstream");
        objects.push(stream);
    }
    let mut file = b"%PDF-1.7\n".to_vec();
    let mut offsets = Vec::new();
    for (index, object) in objects.iter().enumerate() {
        offsets.push(file.len());
        file.extend_from_slice(format!("{} 0 obj\n", index + 1).as_bytes());
        file.extend_from_slice(object);
        file.extend_from_slice(b"\nendobj\n");
    }
    let table = file.len();
    file.extend_from_slice(format!("xref\n0 {}\n0000000000 65535 f \n", objects.len() + 1).as_bytes());
    for offset in offsets {
        file.extend_from_slice(format!("{offset:010} 00000 n \n").as_bytes());
    }
    let trailer = format!("trailer\n<< /Size {} /Root 1 0 R >>\nstartxref\n{table}\n%%EOF\n", objects.len() + 1);
    file.extend_from_slice(trailer.as_bytes());
    file
}

/// Lines of eleven point text from the top of the page, each with its place from the left.
fn page(lines: &[(u32, u32, &str)]) -> (Vec<u8>, &'static str) {
    let mut content = String::new();
    for (left, top, text) in lines {
        content += &format!("BT /F1 11 Tf {left} {} Td ({text}) Tj ET\n", 842 - top);
    }
    (content.into_bytes(), "")
}

/// A stream of a few kilobytes that inflates to a gigabyte.
fn bomb() -> (Vec<u8>, &'static str) {
    let mut inner = ZlibEncoder::new(Vec::new(), Compression::best());
    let blanks = vec![b' '; 1 << 20];
    for _ in 0..1_100 {
        inner.write_all(&blanks).unwrap();
    }
    let mut outer = ZlibEncoder::new(Vec::new(), Compression::best());
    outer.write_all(&inner.finish().unwrap()).unwrap();
    (outer.finish().unwrap(), "/Filter [/FlateDecode /FlateDecode]")
}

fn extract(file: &Path) -> crate::support::Ran {
    let file = file.display().to_string();
    medcorpus(&["extract", &file, "--ocr", "none", "--language", "en"])
}

#[test]
fn a_page_that_ends_its_worker_costs_that_page_alone() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("five.pdf");
    let mut pages: Vec<_> = (1..=5)
        .map(|number| page(&[(70, 100, &format!("Page {number} speaks of the heart and its vessels."))]))
        .collect();
    pages[2] = bomb();
    fs::write(&file, pdf(&pages)).unwrap();
    let ran = extract(&file).ended(1);
    let lines = ran.json_lines();
    assert_eq!(lines.len(), 5);
    for (index, line) in lines.iter().enumerate() {
        assert_eq!(line["page"], index as u64 + 1);
        assert_eq!(line["kept"], index != 2, "{line}");
        if index != 2 {
            assert_eq!(line["text"], format!("Page {} speaks of the heart and its vessels.", index + 1));
            assert_eq!(line["method"], "text_layer");
        }
    }
    // Whether memory or CPU time runs out first depends on the machine.
    assert!(lines[2]["fault"]["message"].as_str().unwrap().contains("ended"), "{}", lines[2]);
    assert_eq!(ran.stderr.matches("#page=3").count(), 1, "{}", ran.stderr);
}

#[test]
fn paragraphs_go_on_over_columns_and_pages_and_running_heads_go() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("columns.pdf");
    let line = "which is a line of the column that fills it,";
    let pages: Vec<_> = (0..4u32)
        .map(|number| {
            let head = format!("Cardiology for all {}", number + 11);
            let mut lines: Vec<(u32, u32, &str)> = vec![(200, 40, &head)];
            lines.extend((0..20).flat_map(|row| [(50, 90 + 14 * row, line), (310, 90 + 14 * row, line)]));
            page(&lines)
        })
        .collect();
    fs::write(&file, pdf(&pages)).unwrap();
    let file = file.display().to_string();
    let ran = medcorpus(&["extract", &file, "--book", "--ocr", "none", "--language", "en"]).ended(0);
    let text = ran.text().trim();
    assert_eq!(text, [line; 160].join(" "), "one paragraph over eight columns");
}

#[test]
fn files_that_are_no_books_are_a_fault_each() {
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes) in
        [("empty.pdf", &b""[..]), ("text.pdf", b"no pdf"), ("damaged.png", b"\x89PNG\r\n\x1a\n"), ("x.epub", b"PK")]
    {
        fs::write(folder.path().join(name), bytes).unwrap();
    }
    let folder = folder.path().display().to_string();
    let ran = medcorpus(&["extract", &folder, "--ocr", "none"]).ended(4);
    let lines = ran.json_lines();
    assert_eq!(lines.len(), 4);
    assert!(lines.iter().all(|line| line["fault"]["kind"] == "damaged" && line["kept"] == false), "{}", ran.text());
}

#[test]
fn books_become_a_corpus_and_a_second_build_reads_no_page_again() {
    let workspace = Workspace::new();
    workspace.edit("pipelines/books.toml", "models = \"../models\"", &format!("models = {:?}", root().join("models")));
    let mut pages: Vec<_> = (1..=5)
        .map(|number| page(&[(70, 100, &format!("Page {number} speaks of the heart and its vessels."))]))
        .collect();
    pages[2] = bomb();
    workspace.write("sources/samples/books/five.pdf", pdf(&pages));
    let sample = fs::read(workspace.path("sources/samples/books/asthma.pdf")).unwrap();
    workspace.write("sources/samples/books/zz_same.pdf", &sample);
    workspace.write("sources/samples/books/zz_saved.pdf", [&sample[..], b"\n% saved again\n"].concat());

    let ran = workspace.run(&["build", "pipelines/books.toml", "--out", "out", "--jobs", "2"]).ended(1);
    assert!(ran.stderr.contains("1 records could not be read"), "{}", ran.stderr);
    let out = workspace.path("out");
    assert_eq!(stated(&out), recounted(&out));
    let rejected = all_rows(&out.join("rejected"));
    let left_out: Vec<(&str, &str)> = rejected
        .iter()
        .filter(|row| text(row, "stage") == "read_books")
        .map(|row| (text(row, "locator"), text(row, "rule")))
        .collect();
    let expected = [
        ("asthma.pdf#page=1", "cover"),
        ("asthma.pdf#page=2", "contents"),
        ("asthma.pdf#page=6", "references"),
        ("zz_same.pdf", "same_file"),
        ("zz_saved.pdf", "same_pages"),
    ];
    assert_eq!(left_out, expected, "each with its reason, and the same book is not read twice");
    // Six files, the page of one of them that cannot be read, and those that are left out.
    assert_eq!(read_by_source(&stated(&out))["sample_books"], 6 + 1 + 3);
    workspace.run(&["verify", "out"]).ended(0);
    let failed: Vec<_> = rejected.iter().filter(|it| text(it, "outcome") == "failed").collect();
    assert_eq!(failed.len(), 1);
    assert_eq!(text(failed[0], "locator"), "five.pdf#page=3");
    let rows = all_rows(&out.join("corpus"));
    let book = |path: &str| rows.iter().find(|row| text(row, "file_path") == path).unwrap_or_else(|| panic!("{path}"));
    assert!(rows.iter().all(|row| !text(row, "file_path").starts_with("zz_")), "the same book twice");

    let asthma = book("asthma.pdf");
    assert_eq!(text(asthma, "locator"), "asthma.pdf#pages=3-5");
    assert_eq!((text(asthma, "page_method"), text(asthma, "language")), ("text_layer", "en"));
    let body = text(asthma, "text");
    assert!(body.starts_with("Asthma in adults\n\nAsthma is a chronic inflammation"), "{body}");
    assert!(!body.contains("short guide") && !body.contains("Contents") && !body.contains("Keller"), "{body}");
    let scan = book("hypertension.png");
    assert_eq!((text(scan, "page_method"), text(scan, "language")), ("tesseract", "fr"));
    // FIXME: on this page of 150 dpi Tesseract 5.3 makes "mmH£g" of the "140 mmHg" before these, which is not among the
    // suspicious units.
    assert!(text(scan, "text").contains("90 mmHg") && text(scan, "text").contains("5 mg d'amlodipine"), "{scan:?}");
    assert!(scan["ocr_confidence"].as_f64().unwrap() > 0.8);
    assert_eq!((text(book("diabetes.epub"), "page_method"), text(book("diabetes.epub"), "language")), ("markup", "es"));

    // Tesseract finds no language pack there, so every page image comes out of what the first build has read.
    workspace.edit("pipelines/books.toml", "ocr = \"best\"", "ocr = \"best\"\ntessdata = \"/nowhere\"");
    workspace.run(&["build", "pipelines/books.toml", "--out", "again", "--jobs", "1"]).ended(1);
    let again = all_rows(&workspace.path("again/corpus"));
    assert_eq!(format!("{rows:?}"), format!("{again:?}"));
}

/// Runs the program on a file with a cap of 1 GiB on each of its processes. Gives its exit code, what it wrote, and the CPU
/// seconds of all of them: unlike the clock, these do not depend on what else the machine does.
fn capped(file: &Path) -> (Option<i32>, String, String, f64) {
    let script = r#"ulimit -v 1048576; "$@"; code=$?; times >&2; exit $code"#;
    let ran = Command::new("bash")
        .current_dir(root())
        .args(["-c", script, "capped", env!("CARGO_BIN_EXE_medcorpus"), "extract", "--ocr", "none", "--jobs", "1"])
        .arg(file)
        .output()
        .unwrap();
    let stderr = String::from_utf8(ran.stderr).unwrap();
    // The last line has the times of the processes that bash waited for, such as `0m1.250s 0m0.310s`.
    let times = stderr.lines().last().unwrap();
    let seconds = |time: &str| {
        let (minutes, seconds) = time.trim_end_matches('s').split_once('m').unwrap();
        minutes.parse::<f64>().unwrap() * 60.0 + seconds.parse::<f64>().unwrap()
    };
    let cpu_secs = times.split(' ').map(seconds).sum();
    (ran.status.code(), String::from_utf8(ran.stdout).unwrap(), stderr, cpu_secs)
}

#[test]
fn hostile_files_cost_less_than_ten_seconds_and_a_gigabyte_and_each_loss_is_reported() {
    let Some(data) = shared_data() else { return };
    let mut files: Vec<_> = fs::read_dir(data.join("hostile/pdf")).unwrap().map(|it| it.unwrap().path()).collect();
    files.sort();
    assert!(files.len() > 100);
    for file in files {
        let name = file.display();
        let (code, stdout, stderr, cpu_secs) = capped(&file);
        assert!(matches!(code, Some(0 | 1 | 4)), "{name}: {code:?} {stderr}");
        assert!(cpu_secs < 10.0, "{name}: took {cpu_secs} s of CPU time");
        let lines: Vec<serde_json::Value> = stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let faults = lines.iter().filter(|line| line["fault"].is_object()).count();
        assert!(!lines.is_empty(), "{name}");
        let is_report = |line: &&str| {
            [": damaged: ", ": unsupported: ", ": too_large: ", ": missing_text: "]
                .iter()
                .any(|kind| line.contains(kind))
        };
        assert_eq!(faults, stderr.lines().filter(is_report).count(), "{name}: {stderr}");
    }
}

#[test]
fn a_page_on_record_is_read_again_and_compared() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("one.pdf");
    let sentence = "The dose is 5 mg twice a day for most adults.";
    fs::write(&file, pdf(&[page(&[(70, 100, sentence)])])).unwrap();
    let record = folder.path().join("pages.jsonl");
    let pages = extract(&file).ended(0).text().to_owned();
    let shelf = folder.path().display().to_string();
    let replay = || {
        let record = record.display().to_string();
        medcorpus(&["extract", &shelf, "--replay", &record, "--ocr", "none", "--language", "en"])
    };
    fs::write(&record, &pages).unwrap();
    assert_eq!(replay().ended(0).json_lines()[0]["same"], true);

    fs::write(&record, pages.replace("5 mg", "50 mg")).unwrap();
    let lines = replay().ended(3).json_lines();
    assert_eq!(lines[0]["difference"]["same_chars"], 13);
    assert_eq!(lines[0]["difference"]["derived"], " mg twice a day for most adults.");

    fs::write(&file, pdf(&[page(&[(70, 100, "Another edition.")])])).unwrap();
    let lines = replay().ended(3).json_lines();
    assert!(lines[0]["message"].as_str().unwrap().contains("digest"), "{}", lines[0]);
}

#[test]
fn a_language_pack_that_is_missing_costs_the_pages_in_that_language() {
    let sample = root().join("sources/samples/books/hypertension.png").display().to_string();
    let folder = tempfile::tempdir().unwrap();
    let nowhere = folder.path().display().to_string();
    let arguments = ["--no-cache", "--ocr", "tesseract", "--language", "fr", "--tessdata", &nowhere];
    let ran = medcorpus(&[&["extract", sample.as_str()][..], &arguments[..]].concat()).ended(1);
    let lines = ran.json_lines();
    assert_eq!(lines[0]["fault"]["kind"], "unsupported");
    assert!(lines[0]["fault"]["message"].as_str().unwrap().contains("tesseract-ocr-fra"), "{}", lines[0]);
}
