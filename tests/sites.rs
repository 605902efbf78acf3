//! Descriptions of sites: the shipped ones with their saved pages, and what selectors and opt-outs do in a build.

use std::{collections::BTreeMap, fs};

use source::Description;

use crate::{
    builds::{read_by_source, recounted, stated},
    support::{Row, Workspace, all_rows, medcorpus, root, text},
};

#[test]
fn shipped_sites_are_described_with_at_least_three_saved_pages_each() {
    let mut described = 0;
    for entry in fs::read_dir(root().join("sources/sites")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|it| it != "toml") {
            continue;
        }
        let description = Description::load(&path).unwrap();
        let Some(fetch) = &description.fetch else { continue };
        described += 1;
        let name = &description.name;
        assert!(description.examples.len() >= 3, "{name} has {} examples", description.examples.len());
        assert!(description.page.as_ref().is_some_and(|it| !it.body.is_empty()), "{name} selects no text");
        let note = description.note.unwrap_or_default();
        assert!(note.contains("Untested against the live site"), "{name} says what it was tested on: {note}");
        // Who reserves all rights is not fetched by mistake.
        assert_eq!(description.licence.starts_with("all rights reserved"), fetch.needs_consent.is_some(), "{name}");
        let shown = path.display().to_string();
        medcorpus(&["check", &shown]).ended(0);
    }
    assert!(described >= 6, "{described}");
}

/// A record of a web archive with one page.
fn record(url: &str, headers: &str, body: &str) -> String {
    let http = format!("HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\n{headers}\r\n{body}");
    format!(
        "WARC/1.1\r\nWARC-Type: response\r\nWARC-Target-URI: {url}\r\nWARC-Date: 2024-03-05T10:00:00Z\r\n\
         WARC-Record-ID: <urn:test:{url}>\r\nContent-Type: application/http;msgtype=response\r\nContent-Length: {}\r\n\r\n\
         {http}\r\n\r\n",
        http.len()
    )
}

/// Of which the first half is text of the page and the second stands outside of it.
fn html(title: &str, head: &str, end: &str) -> String {
    format!(
        "<html><head><title>{title}</title>{head}</head><body><div class=text><p>{title} is a chronic disease of the airways \
         that makes it hard to breathe, with wheezing, coughing and chest tightness as the most common symptoms in children \
         and adults.</p><p>Doctors treat asthma with inhaled corticosteroids, which reduce the inflammation, and with \
         bronchodilators, which open the airways during an attack. Patients should have their inhaler with them and know \
         when to call an ambulance.</p><time datetime=2023-11-02></time></div><div><p>The hospital in the harbour has opened \
         its new garden, and the mayor of the town came with many guests to see the roses, the ponds and the trees.</p>{end}\
         </div></body></html>"
    )
}

const SITE: &str = "title = \"Clinic\"\nkind = \"site\"\nlicence = \"CC0-1.0\"\nlicence_evidence = \"https://clinic.example/licence\"\n\
    rank = 30\nfiles = [\"*.warc\"]\n[page]\nbody = [\".text\"]\ndate = [\"time\"]\nnext = [\"a.on\"]\nunmatched = \"reject\"\n\
    one_document = true\n[[page.language]]\nurl = \"https://clinic.example/\"\nlanguage = \"en\"\n\
    [[page.licence]]\nurl = \"*/shared/\"\nlicence = \"CC-BY-4.0\"\nevidence = \"https://clinic.example/shared\"\n";

fn workspace() -> Workspace {
    let workspace = Workspace::new();
    let page = |path: &str, headers: &str, body: &str| record(&format!("https://clinic.example{path}"), headers, body);
    let records = [
        page("/asthma", "", &html("Asthma", "", "")),
        page("/shared/bronchitis", "", &html("Chronic bronchitis of miners", "", "")),
        page("/noindex", "", &html("Asthma of bakers and millers", "<meta name=robots content=noindex>", "")),
        page("/noai", "", &html("Asthma of painters", "<meta name=robots content='index, noai'>", "")),
        page("/header", "X-Robots-Tag: noml\r\n", &html("Asthma of welders", "", "")),
        page("/tdm", "tdm-reservation: 1\r\n", &html("Asthma of farmers", "", "")),
        page("/signal", "Content-Signal: search=yes, ai-train=no\r\n", &html("Asthma of swimmers", "", "")),
        page("/list", "", "<ul><li><a href=/asthma>Asthma</a></ul>"),
        page("/long", "", &html("Asthma in the first part", "", "<a class=on href='?p=2'>on</a>")),
        page(
            "/long?p=2",
            "",
            "<div class=text><p>The second part says that doctors measure the airways of patients with \
            asthma by a peak flow meter every day.</p></div>",
        ),
    ];
    workspace.write("raw/pages.warc", records.concat());
    workspace.write("web/sources/clinic.toml", SITE);
    write_pipeline(&workspace, "");
    workspace
}

fn write_pipeline(workspace: &Workspace, more: &str) {
    let sample = fs::read_to_string(workspace.path("pipelines/sample.toml")).unwrap();
    let (start, end) = (sample.find("[[source]]").unwrap(), sample.find("[[stage]]").unwrap());
    let source = "[[source]]\nname = \"clinic\"\npath = \"../raw\"\n\n";
    let head = sample[..start].replace("../sources", "../web/sources");
    // The pages are much alike, and that is not what is asked here.
    let (duplicates, tasks) = (sample.find("[duplicates]").unwrap(), sample.find("[tasks]").unwrap());
    let (stages, rest) = (&sample[end..duplicates], &sample[tasks..]);
    workspace.write("pipelines/clinic.toml", format!("{head}{source}{stages}{rest}\n{more}"));
}

fn build(workspace: &Workspace, out: &str) -> (BTreeMap<String, Row>, BTreeMap<String, Row>) {
    workspace.run(&["build", "pipelines/clinic.toml", "--out", out, "--jobs", "2"]).ended(0);
    let out = workspace.path(out);
    assert_eq!(stated(&out), recounted(&out));
    let by_path = |rows: Vec<Row>| {
        let path = |row: &Row| {
            text(row, "id").trim_start_matches("<urn:test:https://clinic.example").trim_end_matches('>').to_owned()
        };
        rows.into_iter().map(|row| (path(&row), row)).collect()
    };
    (by_path(all_rows(&out.join("corpus"))), by_path(all_rows(&out.join("rejected"))))
}

#[test]
fn a_build_reads_pages_by_their_selectors_and_obeys_who_forbids_training() {
    let workspace = workspace();
    let (kept, rejected) = build(&workspace, "out");
    assert_eq!(read_by_source(&stated(&workspace.path("out")))["clinic"], 9, "the long page is one document");
    assert_eq!(
        kept.keys().map(String::as_str).collect::<Vec<_>>(),
        ["/asthma", "/long", "/noindex", "/shared/bronchitis"]
    );
    for row in kept.values() {
        assert!(!text(row, "text").contains("roses"), "{row:?}");
        assert_eq!((text(row, "page_method"), text(row, "date")), ("selectors", "2023-11-02"));
    }
    let licences: Vec<&str> = kept.values().map(|row| text(row, "licence")).collect();
    assert_eq!(licences, ["CC0-1.0", "CC0-1.0", "CC0-1.0", "CC-BY-4.0"]);
    assert_eq!(text(&kept["/shared/bronchitis"], "licence_evidence"), "https://clinic.example/shared");
    assert!(
        text(&kept["/long"], "text").contains("ambulance.\n\nThe second part says"),
        "{}",
        text(&kept["/long"], "text")
    );
    for (path, rule) in [
        ("/noai", "opt_out"),
        ("/header", "opt_out"),
        ("/tdm", "opt_out"),
        ("/signal", "opt_out"),
        ("/list", "no_body"),
    ] {
        let row = &rejected[path];
        assert_eq!((text(row, "stage"), text(row, "rule")), ("read_pages", rule), "{path}");
        let numbers = (row["value"].as_f64(), row["limit"].as_f64());
        assert_eq!(numbers, if rule == "opt_out" { (Some(1.0), Some(0.0)) } else { (Some(0.0), Some(1.0)) });
    }
    // The same reason by `explain`, and by `extract` what the page asked.
    let explained = workspace.run(&["explain", "raw/pages.warc", "--json"]).ended(0).json_lines();
    let tdm = explained.iter().find(|it| it["id"] == "<urn:test:https://clinic.example/tdm>").unwrap();
    assert_eq!((tdm["verdict"].as_str(), tdm["reason"]["rule"].as_str()), (Some("reject"), Some("opt_out")));
    let pages =
        workspace.run(&["extract", "raw/pages.warc", "--source", "web/sources/clinic.toml"]).ended(0).json_lines();
    assert_eq!(pages[3]["opt_outs"][0], "meta robots: index, noai");
    assert_eq!(
        (pages[3]["rejected"]["rule"].as_str(), pages[1]["licence"].as_str()),
        (Some("opt_out"), Some("CC-BY-4.0"))
    );
    assert_eq!(pages[8]["next"], "https://clinic.example/long?p=2");
}

#[test]
fn a_pipeline_says_which_requests_count_and_other_selectors_make_another_build() {
    let workspace = workspace();
    write_pipeline(&workspace, "[pages]\nopt_outs = \"ignore\"\n");
    let (kept, rejected) = build(&workspace, "out");
    assert!(kept.contains_key("/noai") && kept.contains_key("/tdm"), "{rejected:?}");
    write_pipeline(&workspace, "[pages]\nopt_outs = \"all\"\n");
    let (kept, rejected) = build(&workspace, "out");
    assert!(!kept.contains_key("/noindex") && text(&rejected["/noindex"], "rule") == "opt_out");
    workspace.edit("web/sources/clinic.toml", "body = [\".text\"]", "body = [\"body\"]");
    let (kept, _) = build(&workspace, "out");
    assert!(text(&kept["/asthma"], "text").contains("roses"), "other selectors, and no request");
    write_pipeline(&workspace, "[pages]\nopt_outs = \"none\"\n");
    let ran = workspace.run(&["build", "pipelines/clinic.toml", "--out", "out"]).ended(2);
    assert!(ran.stderr.contains("unknown variant `none`"), "{}", ran.stderr);
}

#[test]
fn a_selector_that_is_none_is_named_with_its_line_before_any_work() {
    let workspace = workspace();
    workspace.edit("web/sources/clinic.toml", "date = [\"time\"]", "date = [\"time\", \"p >\"]");
    for arguments in [
        &["check", "web/sources"][..],
        &["plan", "pipelines/clinic.toml"],
        &["build", "pipelines/clinic.toml", "--out", "out"],
        &["extract", "raw/pages.warc", "--source", "web/sources/clinic.toml"],
    ] {
        let ran = workspace.run(arguments).ended(2);
        let expected = "clinic.toml:9: \"p >\" is no CSS selector: dangling combinator";
        assert!(ran.stderr.contains(expected), "{arguments:?}: {}", ran.stderr);
    }
}
