//! Web archives end to end: pages in a damaged WARC file become documents with the range of the file they came from.

use std::{
    fs,
    io::{Read, Write},
    path::Path,
};

use crate::{
    builds::{read_by_source, recounted, stated},
    support::{Row, Workspace, all_rows, root, shared_data, text},
};

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn gunzip(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    flate2::read::GzDecoder::new(bytes).read_to_end(&mut out).unwrap();
    out
}

fn response(url: &str, status: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let http = [format!("HTTP/1.1 {status}\r\n{headers}\r\n").as_bytes(), body].concat();
    let header = format!(
        "WARC/1.1\r\nWARC-Type: response\r\nWARC-Target-URI: {url}\r\nWARC-Date: 2024-03-05T10:00:00Z\r\n\
         WARC-Record-ID: <urn:test:{url}>\r\nContent-Type: application/http;msgtype=response\r\nContent-Length: {}\r\n\r\n",
        http.len()
    );
    [header.as_bytes(), &http, b"\r\n\r\n"].concat()
}

const ASTHMA: &str = "<html><head><title>Asthma</title></head><body><nav><a href=/>Home page of the clinic</a></nav>\
    <main><h1>Asthma</h1><p>Asthma is a chronic disease of the airways that makes it hard to breathe, with wheezing, coughing \
    and chest tightness as the most common symptoms in children and adults.</p><p>Doctors treat asthma with inhaled \
    corticosteroids, which reduce the inflammation, and with bronchodilators, which open the airways during an attack. \
    Patients should have their inhaler with them and know when to call an ambulance.</p></main>\
    <footer>All rights of the clinic are reserved, and this is no medical advice.</footer></body></html>";

/// Members, in order: a page, an image, a missing page, a page with a flipped bit, a chunked page in gzip.
fn members() -> Vec<Vec<u8>> {
    let html = "Content-Type: text/html; charset=utf-8\r\n";
    let packed = gzip(ASTHMA.replace("Asthma", "Bronchial asthma").as_bytes());
    let chunked = [format!("{:x}\r\n", packed.len()).as_bytes(), &packed, b"\r\n0\r\n\r\n"].concat();
    let mut broken = gzip(&response("https://clinic.example/broken", "200 OK", html, ASTHMA.as_bytes()));
    let middle = broken.len() / 2;
    broken[middle] ^= 0x10;
    vec![
        gzip(&response("https://clinic.example/asthma", "200 OK", html, ASTHMA.as_bytes())),
        gzip(&response("https://clinic.example/x.png", "200 OK", "Content-Type: image/png\r\n", b"\x89PNG")),
        gzip(&response("https://clinic.example/none", "404 Not Found", html, b"<p>There is no such page here.")),
        broken,
        gzip(&response(
            "https://clinic.example/bronchial",
            "200 OK",
            "Content-Type: text/html\r\nContent-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n",
            &chunked,
        )),
    ]
}

#[test]
fn pages_of_an_archive_become_a_corpus_with_the_range_of_each() {
    let workspace = Workspace::new();
    let archive = members().concat();
    workspace.write("raw/pages.warc.gz", &archive);
    workspace.write(
        "web/sources/pages.toml",
        "title = \"Pages\"\nkind = \"site\"\nlicence = \"CC0-1.0\"\nlicence_evidence = \"https://clinic.example/licence\"\n\
         rank = 30\nfiles = [\"*.warc.gz\"]\n",
    );
    let sample = fs::read_to_string(workspace.path("pipelines/sample.toml")).unwrap();
    let start = sample.find("[[source]]").unwrap();
    let end = sample.find("[[stage]]").unwrap();
    let source = "[[source]]\nname = \"pages\"\npath = \"../raw\"\n\n";
    let head = sample[..start].replace("../sources", "../web/sources");
    workspace.write("pipelines/web.toml", format!("{head}{source}{}", &sample[end..]));

    // One record failed, and the exit code says so.
    let ran = workspace.run(&["build", "pipelines/web.toml", "--out", "out", "--jobs", "2"]).ended(1);
    assert!(ran.stderr.contains("1 records could not be read"), "{}", ran.stderr);
    let out = workspace.path("out");
    assert_eq!(stated(&out), recounted(&out));
    assert_eq!(read_by_source(&stated(&out))["pages"], 3);
    let rows = all_rows(&out.join("corpus"));
    assert!(!rows.is_empty());
    for row in &rows {
        let body = text(row, "text");
        assert!(body.contains("chronic disease of the airways") && !body.contains("Home page"), "{body}");
        assert!(!body.contains("reserved"), "{body}");
        let (_, range) = text(row, "locator").split_once("#record=").unwrap();
        let (offset, length) = range.split_once('+').unwrap();
        let (offset, length): (usize, usize) = (offset.parse().unwrap(), length.parse().unwrap());
        let record = String::from_utf8_lossy(&gunzip(&archive[offset..offset + length])).into_owned();
        assert!(record.contains(&format!("WARC-Target-URI: {}\r\n", text(row, "url"))), "{record}");
    }
    let failed: Vec<_> =
        all_rows(&out.join("rejected")).into_iter().filter(|it| text(it, "outcome") == "failed").collect();
    assert_eq!(failed.len(), 1);
    workspace.run(&["verify", "out"]).ended(0);

    // The same records by a list of them, and nothing else of the archive: damage between them goes unnoticed.
    let listed = rows.iter().map(|row| {
        let (offset, length) = text(row, "locator").rsplit_once("record=").unwrap().1.split_once('+').unwrap();
        format!("pages.warc.gz,{offset},{length}\n")
    });
    workspace.write("raw/index/list.csv", format!("filename,offset,length\n{}", listed.collect::<String>()));
    let description = fs::read_to_string(workspace.path("web/sources/pages.toml")).unwrap();
    let description = description.replace("files = [\"*.warc.gz\"]", "files = [\"index/*\"]\nformat = \"warc_index\"");
    workspace.write("web/sources/pages.toml", description);
    workspace.run(&["build", "pipelines/web.toml", "--out", "listed", "--jobs", "2"]).ended(0);
    let listed = all_rows(&workspace.path("listed/corpus"));
    for column in ["id", "text", "locator", "url"] {
        let of = |rows: &[Row]| rows.iter().map(|row| text(row, column).to_owned()).collect::<Vec<_>>();
        assert_eq!(of(&listed), of(&rows), "{column}");
    }
    assert_eq!(read_by_source(&stated(&workspace.path("listed")))["pages"], rows.len() as u64);
    workspace.run(&["verify", "listed"]).ended(0);
}

#[test]
fn extract_writes_the_same_bytes_for_any_number_of_threads() {
    let workspace = Workspace::without_model();
    workspace.write("pages/b.html", ASTHMA);
    workspace.write("pages/a.html.gz", gzip(ASTHMA.replace("chronic", "lasting").as_bytes()));
    workspace.write("pages/c.warc.gz", members().concat());
    let run = |out: &str, jobs: &str| {
        workspace.run(&["extract", "pages", "--json", out, "--jobs", jobs]).ended(1);
        fs::read_to_string(workspace.path(out)).unwrap()
    };
    let (one, two) = (run("one.jsonl", "1"), run("two.jsonl", "2"));
    assert_eq!(one, two);
    let pages: Vec<serde_json::Value> = one.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let ids: Vec<&str> = pages.iter().map(|page| page["id"].as_str().unwrap()).collect();
    assert_eq!(&ids[..2], ["a", "b"]);
    assert!(ids[2].starts_with("c.warc.gz#record=0+") && ids.len() == 4, "{ids:?}");
    assert_eq!(pages[1]["title"], "Asthma");
    assert_eq!(pages[2]["url"], "https://clinic.example/asthma");
    assert!(pages[0]["text"].as_str().unwrap().contains("Asthma is a lasting disease"), "{}", pages[0]["text"]);
    workspace.run(&["extract", "nowhere.html"]).ended(2);
}

/// Numbers of pages that must come out of the damaged archives, as their authors made them.
#[test]
fn damaged_archives_deliver_what_is_whole() {
    let Some(data) = shared_data() else { return };
    let pages = |name: &str| {
        let path = data.join("hostile/warc").join(name);
        let ran =
            crate::support::run_within(&root(), &[Path::new("extract"), &path], std::time::Duration::from_secs(60));
        assert!(!ran.stderr.contains("panicked"), "{}", ran.stderr);
        (ran.json_lines().len(), ran.stderr.lines().count() - 1)
    };
    for (name, expected) in [
        ("made-good20.warc.gz", (20, 0)),
        ("made-single-member.warc.gz", (20, 0)),
        ("made-bitflip-member6.warc.gz", (19, 1)),
        ("made-garbage-between.warc.gz", (20, 1)),
        ("made-trunc-mid-member.warc.gz", (12, 1)),
        ("made-clen-negative.warc", (8, 1)),
        ("made-clen-too-small.warc", (8, 1)),
        ("made-chunked-header-but-plain.warc", (4, 0)),
        ("made-content-encoding-gzip-bomb.warc.gz", (6, 1)),
        ("made-content-encoding-br-bomb.warc.gz", (6, 1)),
    ] {
        assert_eq!(pages(name), expected, "{name}");
    }
}
