//! `medcorpus fetch` against a server of this machine that plays a site with its traps.

use std::{
    collections::BTreeSet,
    io::{Read, Write},
    path::Path,
    process::Stdio,
    time::Duration,
};

use ::fetch::robots::{self, Robots};

use crate::{
    local_site::{LocalSite, Request, found, found_page, page, status},
    support::{command, files, run_within, shared_data},
};

const DELAY: Duration = Duration::from_millis(60);
const PATIENCE: Duration = Duration::from_secs(120);

fn trapped() -> LocalSite {
    LocalSite::serve(|request| {
        let is_failing =
            request.path == "/robots.txt" && request.text.contains("Host: localhost") && request.times <= 3;
        if is_failing { status("503 Later", "") } else { answer(request) }
    })
}

fn answer(request: &Request<'_>) -> Vec<u8> {
    match request.path {
        "/robots.txt" => found("", "User-agent: *\nDisallow: /private/\nUser-agent: GPTBot\nDisallow: /optout\n"),
        "/sitemap.xml" => {
            let port = request.port;
            let urls: String =
                (0..8).map(|it| format!("<url><loc>http://127.0.0.1:{port}/page/{it}</loc></url>")).collect();
            found("Content-Type: text/xml\r\n", format!("<urlset>{urls}</urlset>"))
        }
        "/" => found_page(
            "Start",
            "<a href='/page/1?PHPSESSID=7'>1</a><a href=/private/1>p</a><a href=/optout>o</a><a href=/moved>m</a>\
             <a href=/busy>b</a><a href=/broken>x</a><a href='/calendar/1'>c</a><a href=/slow>s</a>\
             <a href='http://169.254.169.254/latest'>inside</a>",
        ),
        "/moved" => status("302 Found", "Location: /page/100\r\n"),
        "/busy" if request.times == 1 => status("429 Slow down", "Retry-After: 1\r\n"),
        "/busy" => found_page("Busy", ""),
        "/broken" => "nonsense".into(),
        "/slow" => {
            std::thread::sleep(DELAY);
            found_page("Slow", "")
        }
        _ => match (request.number("/page/"), request.number("/calendar/")) {
            (Some(it), _) => {
                let body = page(&format!("Page {it}"), "<a href=/>home</a>");
                let head = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nTransfer-Encoding: chunked\r\n\r\n";
                format!("{head}{:x}\r\n{body}\r\n0\r\n\r\n", body.len()).into_bytes()
            }
            (_, Some(it)) => found_page("Calendar", &format!("<a href=/calendar/{}>next month</a>", it + 1)),
            _ => status("404 Not Found", ""),
        },
    }
}

/// Writes `site.toml` with a `[fetch]` that `more` completes.
fn describe(folder: &Path, port: u16, fetch: &str, more: &str) {
    let text = format!(
        "title = \"A site\"\nkind = \"site\"\nlicence = \"CC0-1.0\"\nlicence_evidence = \"http://127.0.0.1/licence\"\n\
         rank = 30\nfiles = [\"*.warc.gz\"]\n[fetch]\nstart = [\"http://127.0.0.1:{port}/\"]\n{fetch}\n{more}"
    );
    std::fs::write(folder.join("site.toml"), text.replace("HERE", &format!("http://127.0.0.1:{port}"))).unwrap();
}

fn describe_trapped(folder: &Path, port: u16) {
    let fetch = format!(
        "sitemaps = [\"HERE/sitemap.xml\"]\nallow = [\"HERE/\", \"http://169.254.*\"]\nmax_pages = 40\nmax_depth = 3\n\
         delay_secs = {}",
        DELAY.as_secs_f64()
    );
    describe(folder, port, &fetch, "");
}

const FETCH: [&str; 7] =
    ["fetch", "site.toml", "--contact", "mailto:me@example.org", "--out", "raw", "--allow-loopback"];

fn fetch_with(folder: &Path, more: &[&str]) -> serde_json::Value {
    run_within(folder, &[&FETCH, more].concat(), PATIENCE).ended(0).json()
}

/// Titles of the pages in the archive, by `medcorpus extract`.
fn titles(folder: &Path) -> BTreeSet<String> {
    let ran = run_within(folder, &["extract", "raw/pages.warc.gz"], PATIENCE).ended(0);
    let lines = ran.json_lines();
    lines.iter().filter_map(|it| it["title"].as_str()).map(str::to_owned).collect()
}

/// The records of an archive as text, headers and blocks.
fn records(folder: &Path) -> String {
    let bytes = std::fs::read(folder.join("raw/pages.warc.gz")).unwrap();
    let mut text = Vec::new();
    flate2::read::MultiGzDecoder::new(&bytes[..]).read_to_end(&mut text).unwrap();
    String::from_utf8_lossy(&text).into_owned()
}

#[test]
fn a_site_is_fetched_politely_and_its_text_is_taken_from_the_archive() {
    let site = trapped();
    let folder = tempfile::tempdir().unwrap();
    describe_trapped(folder.path(), site.port);
    let done = fetch_with(folder.path(), &[]);
    site.assert_no_two_closer_than(DELAY);
    let counts = site.counts();
    assert_eq!((counts["/robots.txt"], counts["/.well-known/tdmrep.json"]), (1, 1));
    assert_eq!(
        (counts["/page/1"], counts["/page/100"], counts["/busy"], counts["/broken"]),
        (1, 1, 2, 3),
        "{counts:?}"
    );
    assert!(!counts.contains_key("/private/1") && !counts.contains_key("/optout"), "{counts:?}");
    assert!(counts.contains_key("/calendar/3") && !counts.contains_key("/calendar/4"), "{counts:?}");
    // The address inside is not reached: no socket is opened, not even for its robots.txt.
    assert_eq!(done["errors"]["not a public address"], 1, "{done}");
    assert_eq!(done["errors"]["refused by robots.txt"], 2, "{done}");
    let requests = site.requests();
    let titles = titles(folder.path());
    assert!(titles.contains("Page 7") && titles.contains("Page 100") && titles.contains("Busy"), "{titles:?}");
    // Other selectors, and text anew: the site hears nothing of it.
    let text = std::fs::read_to_string(folder.path().join("site.toml")).unwrap();
    std::fs::write(folder.path().join("other.toml"), format!("{text}[page]\nbody = [\"h1\"]\n")).unwrap();
    let arguments = ["extract", "raw/pages.warc.gz", "--source", "other.toml"];
    let pages = run_within(folder.path(), &arguments, PATIENCE).ended(0).json_lines();
    let calendar = pages.iter().find(|it| it["title"] == "Calendar").unwrap();
    assert_eq!((calendar["text"].as_str(), calendar["method"].as_str()), (Some("Calendar"), Some("selectors")));
    fetch_with(folder.path(), &[]);
    assert_eq!(site.requests(), requests, "nothing is left to fetch, and text needs no request");
}

fn survives(kills: usize) {
    let site = trapped();
    let folder = tempfile::tempdir().unwrap();
    let whole = tempfile::tempdir().unwrap();
    describe_trapped(whole.path(), site.port);
    fetch_with(whole.path(), &[]);
    let expected = site.counts();
    site.forget();
    describe_trapped(folder.path(), site.port);
    let mut killed = 0;
    for turn in 0..kills {
        let mut child = command(folder.path(), &FETCH).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(130 + 37 * (turn as u64 % 11)));
        killed += usize::from(child.try_wait().unwrap().is_none());
        child.kill().unwrap();
        child.wait().unwrap();
    }
    fetch_with(folder.path(), &[]);
    site.assert_no_two_closer_than(DELAY);
    let counts = site.counts();
    // The files that say what may be fetched are asked for by each run.
    let of_pages = counts
        .iter()
        .filter(|(path, _)| !matches!(path.as_str(), "/robots.txt" | "/.well-known/tdmrep.json" | "/broken" | "/busy"));
    let again: usize = of_pages.map(|(_, times)| times - 1).sum();
    assert!(killed > 0 && again <= killed, "{again} requests were made again in {killed} kills: {counts:?}");
    assert!(expected.keys().eq(counts.keys()), "{expected:?}\n{counts:?}");
    assert_eq!(titles(folder.path()), titles(whole.path()));
}

#[test]
fn a_killed_crawl_loses_no_address_and_keeps_its_delay() {
    survives(6);
}

#[test]
#[ignore = "takes minutes; `make test-long` runs it"]
fn a_crawl_that_is_killed_a_hundred_times_loses_no_address() {
    survives(100);
}

#[test]
#[ignore = "takes minutes; `make test-long` runs it"]
fn no_two_of_ten_thousand_requests_are_closer_than_the_delay_after_kills_too() {
    let delay = Duration::from_millis(2);
    // Each page leads to the next two, until ten thousand are known.
    let site = LocalSite::serve(|request| match (request.path, request.number("/")) {
        ("/robots.txt" | "/.well-known/tdmrep.json", _) => status("404 Not Found", ""),
        (_, number) => {
            let number = number.unwrap_or(0);
            let links = [2 * number + 1, 2 * number + 2].map(|it| format!("<a href=/{it}>{it}</a>"));
            found("Content-Type: text/html\r\n", format!("<p>{}", links.concat()))
        }
    });
    let folder = tempfile::tempdir().unwrap();
    let fetch = "allow = [\"HERE/\"]\nmax_pages = 10000\nmax_depth = 20\ndelay_secs = 0.002";
    describe(folder.path(), site.port, fetch, "");
    for turn in 0..20 {
        let mut child = command(folder.path(), &FETCH).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(400 + 97 * turn));
        child.kill().unwrap();
        child.wait().unwrap();
    }
    let done = run_within(folder.path(), &FETCH, Duration::from_secs(1200)).ended(0).json();
    assert_eq!((done["pages"].as_u64(), done["stopped_by"].as_str()), (Some(10_000), Some("max_pages")), "{done}");
    assert!(site.requests() >= 10_000);
    site.assert_no_two_closer_than(delay);
    let counts = site.counts();
    let again: usize = counts.iter().filter(|(path, _)| !path.contains('.')).map(|(_, times)| times - 1).sum();
    println!("{} requests, {again} of pages made again in 20 kills", site.requests());
    assert!(again <= 20, "{again}");
}

#[test]
fn a_site_whose_robots_file_fails_is_left_to_the_next_run() {
    let site = trapped();
    let folder = tempfile::tempdir().unwrap();
    // Of the same server under another name, whose robots.txt fails as long as the test wants.
    describe_trapped(folder.path(), site.port);
    let text = std::fs::read_to_string(folder.path().join("site.toml")).unwrap().replace("127.0.0.1", "localhost");
    std::fs::write(folder.path().join("site.toml"), text).unwrap();
    let failed = run_within(folder.path(), &FETCH, PATIENCE).ended(4);
    assert!(failed.stderr.contains("no robots.txt, left to the next run"), "{}", failed.stderr);
    assert_eq!(site.counts()["/robots.txt"], 3);
    assert_eq!(site.counts().len(), 1, "nothing but robots.txt was asked for");
    let done = fetch_with(folder.path(), &[]);
    assert!(done["pages"].as_u64().unwrap() >= 1 && done["waiting"] == 0, "{done}");
    site.assert_no_two_closer_than(DELAY);
}

const QUICK: &str = "allow = [\"HERE/\"]\nmax_pages = 60\ndelay_secs = 0.001";

#[test]
fn robots_that_change_are_heard_in_the_middle_of_a_crawl_and_reservations_are_kept() {
    let site = LocalSite::serve(|request| match request.path {
        "/robots.txt" if request.times == 1 => found("", "User-agent: *\nContent-Signal: search=yes, ai-train=yes\n"),
        "/robots.txt" => found("", "User-agent: *\nDisallow: /page/\n"),
        "/.well-known/tdmrep.json" => found(
            "Content-Type: application/json\r\n",
            "[{\"location\": \"/reserved/*\", \"tdm-reservation\": 1, \"tdm-policy\": \"https://x.example/p\"}]",
        ),
        "/" => {
            found_page("Start", "<a href=/reserved/1>r</a><a href=/page/1>1</a><a href=/page/2>2</a><a href=/a>a</a>")
        }
        "/page/1" => {
            // Longer than the rules are good for.
            std::thread::sleep(Duration::from_millis(400));
            found_page("Page 1", "")
        }
        _ => found_page("Other", ""),
    });
    let folder = tempfile::tempdir().unwrap();
    describe(folder.path(), site.port, &format!("{QUICK}\nrobots_hours = 0.0001"), "");
    let done = fetch_with(folder.path(), &[]);
    let counts = site.counts();
    assert!(counts.contains_key("/page/1") && !counts.contains_key("/page/2"), "{counts:?}");
    assert!(counts["/robots.txt"] >= 2 && !counts.contains_key("/reserved/1"), "{counts:?}");
    assert_eq!(done["errors"]["refused by tdmrep.json"], 1, "{done}");
    assert_eq!(done["errors"]["refused by robots.txt"], 1, "{done}");
    // What the files said is kept beside the page.
    let records = records(folder.path());
    assert!(records.contains("WARC-Type: metadata\r\n"), "{records}");
    assert!(records.contains("robots-content-signal: search=yes, ai-train=yes\r\n"), "{records}");
    assert!(records.contains("WARC-Type: warcinfo\r\n") && records.contains("(+mailto:me@example.org)"), "{records}");
    let pages = run_within(folder.path(), &["extract", "raw/pages.warc.gz"], PATIENCE).ended(0).json_lines();
    assert!(pages.iter().all(|it| !it["url"].as_str().unwrap().ends_with("robots.txt")), "robots.txt is no page");
}

#[test]
fn a_second_round_asks_only_for_what_has_changed() {
    let site = LocalSite::serve(|request| {
        let headers = "Content-Type: text/html\r\nETag: \"病 1\"\r\nLast-Modified: Tue, 02 Jan 2024 00:00:00 GMT\r\n";
        match request.path {
            "/robots.txt" | "/.well-known/tdmrep.json" => status("404 Not Found", ""),
            "/" => found_page("Start", "<a href=/known>k</a><a href=/same>s</a><a href=/new>n</a>"),
            "/known" if request.header("If-None-Match") == Some("\"病 1\"") => {
                assert_eq!(request.header("If-Modified-Since"), Some("Tue, 02 Jan 2024 00:00:00 GMT"));
                // A length that the body would have, and no body.
                b"HTTP/1.1 304 Not Modified\r\nContent-Length: 999\r\n\r\n".into()
            }
            "/known" => found(headers, page("Known", "")),
            "/new" => found_page(&format!("New {}", request.times), "<a href=/later>l</a>"),
            "/later" => found_page("Later", ""),
            _ => found_page("Same", ""),
        }
    });
    let folder = tempfile::tempdir().unwrap();
    describe(folder.path(), site.port, QUICK, "");
    fetch_with(folder.path(), &[]);
    let before = site.requests();
    fetch_with(folder.path(), &[]);
    assert_eq!(site.requests(), before, "without --refresh a finished crawl asks for nothing");
    let again = fetch_with(folder.path(), &["--refresh"]);
    assert_eq!((again["pages"].as_u64(), again["unchanged"].as_u64()), (Some(5), Some(4)), "{again}");
    let records = records(folder.path());
    let count = |text: &str| records.matches(text).count();
    assert_eq!(count("WARC-Type: revisit\r\n"), 4);
    assert_eq!(count("WARC-Profile: http://netpreserve.org/warc/1.1/revisit/server-not-modified\r\n"), 1);
    assert_eq!(count("WARC-Profile: http://netpreserve.org/warc/1.1/revisit/identical-payload-digest\r\n"), 3);
    // A revisit names the record that holds the page.
    let refers = records.split("WARC-Refers-To: ").nth(1).unwrap().split("\r\n").next().unwrap();
    assert_eq!(count(&format!("WARC-Record-ID: {refers}\r\n")), 1);
    // What has not changed is one page, and what has is two.
    let pages = run_within(folder.path(), &["extract", "raw/pages.warc.gz"], PATIENCE).ended(0).json_lines();
    let mut titles: Vec<&str> = pages.iter().filter_map(|it| it["title"].as_str()).collect();
    titles.sort_unstable();
    assert_eq!(titles, ["Known", "Later", "New 1", "New 2", "Same", "Start"]);
}

fn gzip(text: &str) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn sitemaps_feeds_downloads_and_pages_that_go_on_are_fetched() {
    let site = LocalSite::serve(|request| {
        let here = format!("http://127.0.0.1:{}", request.port);
        match request.path {
            "/robots.txt" | "/.well-known/tdmrep.json" => status("404 Not Found", ""),
            "/sitemaps.xml" => found("", format!("<sitemapindex><loc>{here}/hidden/map.xml.gz</loc></sitemapindex>")),
            "/hidden/map.xml.gz" => {
                found("", gzip(&format!("<urlset><loc>{here}/listed</loc><loc>{here}/no/1</loc></urlset>")))
            }
            "/feed" => found("", format!("<rss><channel><item><link>{here}/news</link></item></channel></rss>")),
            "/all.jsonl" => found("", "{\"text\": \"心筋\"}\n"),
            "/" => found_page("Start", "<a href=/long>long</a><a href=/last>last</a>"),
            "/long" => found_page("Long", "<a class=on href=/long?p=2>on</a><a href=/deep/1>d</a>"),
            "/long?p=2" => found_page("Long 2", "<a class=on href=/long?p=3>on</a>"),
            "/long?p=3" => found_page("Long 3", "<a class=on href=/long>in a circle</a>"),
            _ => found_page(request.path, "<a href=/deep/2>d</a>"),
        }
    });
    let folder = tempfile::tempdir().unwrap();
    let fetch = "sitemaps = [\"HERE/sitemaps.xml\", \"HERE/feed\"]\ndownloads = [\"HERE/all.jsonl\"]\ndelay_secs = 0.001\n\
                 allow = [\"HERE/\"]\ndeny = [\"*/no/\", \"*/hidden/\"]\nmax_pages = 60\nmax_depth = 1";
    describe(folder.path(), site.port, fetch, "[page]\nbody = [\"main\"]\nnext = [\"a.on\"]\none_document = true\n");
    fetch_with(folder.path(), &[]);
    let paths = site.paths();
    let expected: BTreeSet<&str> = [
        "/robots.txt",
        "/.well-known/tdmrep.json",
        "/sitemaps.xml",
        "/hidden/map.xml.gz",
        "/listed",
        "/feed",
        "/news",
        "/all.jsonl",
        "/",
        "/long",
        "/long?p=2",
        "/long?p=3",
        "/last",
        "/deep/2",
    ]
    .into();
    assert_eq!(paths.iter().map(String::as_str).collect::<BTreeSet<_>>(), expected);
    assert_eq!(paths.len(), expected.len(), "nothing was asked for twice: {paths:?}");
    let at = paths.iter().position(|it| it == "/long").unwrap();
    assert_eq!(paths[at + 1..at + 3], ["/long?p=2", "/long?p=3"], "a page that goes on comes right behind");
    let download = std::fs::read_to_string(folder.path().join("raw/downloads/all.jsonl")).unwrap();
    assert_eq!(download, "{\"text\": \"心筋\"}\n");
}

#[test]
fn limits_end_a_crawl_and_say_so() {
    let site = LocalSite::serve(|request| match request.number("/") {
        Some(number) => {
            found("", [page("Big", &format!("<a href=/{}>n</a>", number + 1)).into_bytes(), noise(700_000)].concat())
        }
        None if request.path == "/" => found_page("Start", "<a href=/1>1</a>"),
        None => status("404 Not Found", ""),
    });
    let folder = tempfile::tempdir().unwrap();
    let fetch = "allow = [\"HERE/\"]\nmax_pages = 60\nmax_depth = 50\ndelay_secs = 0.001\nmax_archive_megabytes = 2";
    describe(folder.path(), site.port, fetch, "");
    let done = fetch_with(folder.path(), &[]);
    assert_eq!(
        (done["stopped_by"].as_str(), done["waiting"].as_u64()),
        (Some("max_archive_megabytes"), Some(1)),
        "{done}"
    );
    assert!(done["pages"].as_u64().unwrap() < 8, "{done}");
}

/// Bytes that do not compress.
fn noise(length: usize) -> Vec<u8> {
    let mut state = 7u64;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as u8
    };
    (0..length).map(|_| next()).collect()
}

/// Cases of other origin than this project: a file, who asks for what, and whether it may.
#[test]
fn robots_vectors_of_other_origin_are_read_as_their_authors_meant() {
    let Some(data) = shared_data() else { return };
    let folder = data.join("hostile/robots");
    let lines = |name: &str| -> Vec<serde_json::Value> {
        let text = std::fs::read_to_string(folder.join(name)).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    };
    let (mut wrong, mut all) = (Vec::new(), 0);
    for vector in lines("vectors.jsonl").iter().filter(|it| it["tier"] == "rfc") {
        let text = |key: &str| vector[key].as_str().unwrap();
        // The file speaks to another agent, so it is made to speak to us, in the case in which it is written.
        let agent = text("agent");
        let mut robots = text("robots").replace(agent, robots::AGENT);
        robots = robots.replace(&agent.to_uppercase(), &robots::AGENT.to_uppercase());
        robots = robots.replace(&agent.to_lowercase(), robots::AGENT);
        let path = text("url").trim_start_matches("http://").trim_start_matches("https://");
        let path = path.find('/').map_or("/", |at| &path[at..]);
        let allowed = Robots::parse(robots.as_bytes()).allows(path);
        all += 1;
        if vector["allowed"] != allowed {
            wrong.push(vector.to_string());
        }
    }
    assert!(all >= 30 && wrong.is_empty(), "{} of {all}:\n{}", wrong.len(), wrong.join("\n"));
    for case in lines("http_status.jsonl") {
        let name = case["case"].as_str().unwrap();
        let status = name.split(' ').next().and_then(|it| it.parse().ok());
        let robots = status.map_or_else(Robots::unreachable, |status| Robots::of_answer(status, b""));
        assert_eq!(robots.allows("/x"), case["expect"] == "allow", "{name}");
    }
    let read = |name: &str| Robots::parse(&std::fs::read(folder.join(name)).unwrap());
    assert!(!read("made-ai-bots.txt").allows("/"), "who refuses those that train models refuses us");
    let started = std::time::Instant::now();
    let redos = read("made-redos.txt");
    redos.allows(&format!("/{}", "a".repeat(20_000)));
    for path in files(&folder.join("real")) {
        Robots::parse(&std::fs::read(path).unwrap()).allows("/some/page.html?x=1");
    }
    assert!(started.elapsed() < Duration::from_secs(20), "{:?}", started.elapsed());
}

#[test]
fn nobody_fetches_without_saying_who_and_closed_sites_only_with_consent() {
    let folder = tempfile::tempdir().unwrap();
    describe_trapped(folder.path(), 9);
    let ran = run_within(folder.path(), &["fetch", "site.toml", "--contact", "me"], PATIENCE).ended(2);
    assert!(ran.stderr.contains("must be a mailbox"), "{}", ran.stderr);
    describe(folder.path(), 9, &format!("{QUICK}\nneeds_consent = \"all rights are reserved\""), "");
    let ran = run_within(folder.path(), &FETCH, PATIENCE).ended(2);
    assert!(
        ran.stderr.contains("site.toml: all rights are reserved; ask the site, and say --with-consent"),
        "{}",
        ran.stderr
    );
    assert!(!folder.path().join("raw").exists(), "nothing was done");
}
