//! `medcorpus fetch` against a server of this machine that plays a site with its traps.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::{Read, Write},
    net::TcpListener,
    path::Path,
    process::Stdio,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use crate::support::{command, run_within};

const DELAY: Duration = Duration::from_millis(60);
const PATIENCE: Duration = Duration::from_secs(120);

/// Each request: when it came, and for what.
type Log = Arc<Mutex<Vec<(Instant, String)>>>;

/// Serves until the tests end.
fn serve() -> (u16, Log) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let log = Log::default();
    let seen = log.clone();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let came = Instant::now();
            let mut request = Vec::new();
            let mut buffer = [0; 4096];
            while !request.ends_with(b"\r\n\r\n") {
                match stream.read(&mut buffer) {
                    Ok(read) if read > 0 => request.extend_from_slice(&buffer[..read]),
                    _ => break,
                }
            }
            let request = String::from_utf8_lossy(&request).into_owned();
            let Some(path) = request.split(' ').nth(1) else { continue };
            let times = {
                let mut seen = seen.lock().unwrap();
                seen.push((came, path.to_owned()));
                seen.iter().filter(|(_, it)| it == path).count()
            };
            assert!(request.contains("User-Agent: medcorpus/") && request.contains("(+mailto:me@example.org)"));
            let is_failing = path == "/robots.txt" && request.contains("Host: localhost") && times <= 3;
            let failure = b"HTTP/1.1 503 Later\r\nContent-Length: 0\r\n\r\n".to_vec();
            let _ = stream.write_all(&if is_failing { failure } else { answer(path, port, times) });
        }
    });
    (port, log)
}

fn answer(path: &str, port: u16, times: usize) -> Vec<u8> {
    let page = |title: &str, links: &str| {
        let text =
            format!("{title} is a disease of the heart, and ≥ 2 mg of the drug are given against it. ").repeat(6);
        let body = format!(
            "<html><head><meta charset=utf-8><title>{title}</title></head><body><article><h1>{title}</h1>\
                            <p>{text}</p></article><nav>{links}</nav></body></html>"
        );
        format!("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {}\r\n\r\n{body}", body.len())
    };
    let number = |prefix: &str| path.strip_prefix(prefix).and_then(|it| it.parse::<u32>().ok());
    match path {
        "/robots.txt" => {
            "HTTP/1.1 200 OK\r\n\r\nUser-agent: *\nDisallow: /private/\nUser-agent: GPTBot\nDisallow: /optout\n".into()
        }
        "/sitemap.xml" => {
            let urls: String =
                (0..8).map(|it| format!("<url><loc>http://127.0.0.1:{port}/page/{it}</loc></url>")).collect();
            format!("HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\n\r\n<urlset>{urls}</urlset>")
        }
        "/" => page(
            "Start",
            "<a href='/page/1?PHPSESSID=7'>1</a><a href=/private/1>p</a><a href=/optout>o</a><a href=/moved>m</a>\
                              <a href=/busy>b</a><a href=/broken>x</a><a href='/calendar/1'>c</a>\
                              <a href='http://169.254.169.254/latest'>inside</a>",
        ),
        "/moved" => "HTTP/1.1 302 Found\r\nLocation: /page/100\r\nContent-Length: 0\r\n\r\n".into(),
        "/busy" if times == 1 => "HTTP/1.1 429 Slow down\r\nRetry-After: 1\r\nContent-Length: 0\r\n\r\n".into(),
        "/busy" => page("Busy", ""),
        "/broken" => "nonsense".into(),
        _ => match (number("/page/"), number("/calendar/")) {
            (Some(it), _) => {
                let page = page(&format!("Page {it}"), "<a href=/>home</a>");
                let (head, body) = page.split_once("\r\n\r\n").unwrap();
                let head = head.split("\r\nContent-Length").next().unwrap();
                format!("{head}\r\nTransfer-Encoding: chunked\r\n\r\n{:x}\r\n{body}\r\n0\r\n\r\n", body.len())
            }
            (_, Some(it)) => page("Calendar", &format!("<a href=/calendar/{}>next month</a>", it + 1)),
            _ => "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n".into(),
        },
    }
    .into_bytes()
}

fn describe(folder: &Path, port: u16) {
    let text = format!(
        "title = \"A site\"\nkind = \"site\"\nlicence = \"CC0-1.0\"\nlicence_evidence = \"http://127.0.0.1/licence\"\n\
         rank = 30\nfiles = [\"*.warc.gz\"]\n[fetch]\nstart = [\"http://127.0.0.1:{port}/\"]\n\
         sitemaps = [\"http://127.0.0.1:{port}/sitemap.xml\"]\nallow = [\"http://127.0.0.1:{port}/\", \"http://169.254.*\"]\n\
         max_pages = 40\nmax_depth = 3\ndelay_secs = {}\n",
        DELAY.as_secs_f64()
    );
    std::fs::write(folder.join("site.toml"), text).unwrap();
}

const FETCH: [&str; 7] =
    ["fetch", "site.toml", "--contact", "mailto:me@example.org", "--out", "raw", "--allow-loopback"];

#[track_caller]
fn assert_polite(log: &Log) {
    for two in log.lock().unwrap().windows(2) {
        let between = two[1].0.duration_since(two[0].0);
        assert!(between >= DELAY, "{between:?} between {} and {}", two[0].1, two[1].1);
    }
}

fn counts(log: &Log) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for (_, path) in log.lock().unwrap().iter() {
        *counts.entry(path.clone()).or_default() += 1;
    }
    counts
}

/// Titles of the pages in the archive, by `medcorpus extract`.
fn titles(folder: &Path) -> BTreeSet<String> {
    let ran = run_within(folder, &["extract", "raw/pages.warc.gz"], PATIENCE).ended(0);
    let lines = ran.json_lines();
    lines.iter().filter_map(|it| it["title"].as_str()).map(str::to_owned).collect()
}

#[test]
fn a_site_is_fetched_politely_and_its_text_is_taken_from_the_archive() {
    let (port, log) = serve();
    let folder = tempfile::tempdir().unwrap();
    describe(folder.path(), port);
    let done = run_within(folder.path(), &FETCH, PATIENCE).ended(0).json();
    assert_polite(&log);
    let counts = counts(&log);
    assert_eq!(counts["/robots.txt"], 1);
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
    let requests = log.lock().unwrap().len();
    let titles = titles(folder.path());
    assert!(titles.contains("Page 7") && titles.contains("Page 100") && titles.contains("Busy"), "{titles:?}");
    run_within(folder.path(), &FETCH, PATIENCE).ended(0);
    assert_eq!(log.lock().unwrap().len(), requests, "nothing is left to fetch, and text needs no request");
}

fn survives(kills: usize) {
    let (port, log) = serve();
    let folder = tempfile::tempdir().unwrap();
    let whole = tempfile::tempdir().unwrap();
    describe(whole.path(), port);
    run_within(whole.path(), &FETCH, PATIENCE).ended(0);
    let expected = counts(&log);
    log.lock().unwrap().clear();
    describe(folder.path(), port);
    let mut killed = 0;
    for turn in 0..kills {
        let mut child = command(folder.path(), &FETCH).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(130 + 37 * (turn as u64 % 11)));
        killed += usize::from(child.try_wait().unwrap().is_none());
        child.kill().unwrap();
        child.wait().unwrap();
    }
    run_within(folder.path(), &FETCH, PATIENCE).ended(0);
    assert_polite(&log);
    let found = counts(&log);
    let again: usize = found
        .iter()
        .filter(|(path, _)| *path != "/robots.txt" && *path != "/broken" && *path != "/busy")
        .map(|(_, times)| times - 1)
        .sum();
    assert!(killed > 0 && again <= killed, "{again} requests were made again in {killed} kills: {found:?}");
    assert!(expected.keys().eq(found.keys()), "{expected:?}\n{found:?}");
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
fn a_site_whose_robots_file_fails_is_left_to_the_next_run() {
    let (port, log) = serve();
    let folder = tempfile::tempdir().unwrap();
    // Of the same server under another name, whose robots.txt fails as long as the test wants.
    describe(folder.path(), port);
    let text = std::fs::read_to_string(folder.path().join("site.toml")).unwrap().replace("127.0.0.1", "localhost");
    std::fs::write(folder.path().join("site.toml"), text).unwrap();
    let failed = run_within(folder.path(), &FETCH, PATIENCE).ended(4);
    assert!(failed.stderr.contains("no robots.txt, left to the next run"), "{}", failed.stderr);
    assert_eq!(counts(&log)["/robots.txt"], 3);
    assert_eq!(counts(&log).len(), 1, "nothing but robots.txt was asked for");
    let done = run_within(folder.path(), &FETCH, PATIENCE).ended(0).json();
    assert!(done["pages"].as_u64().unwrap() >= 1 && done["waiting"] == 0, "{done}");
    assert_polite(&log);
}

#[test]
fn nobody_fetches_without_saying_who() {
    let folder = tempfile::tempdir().unwrap();
    describe(folder.path(), 9);
    let ran = run_within(folder.path(), &["fetch", "site.toml", "--contact", "me"], PATIENCE).ended(2);
    assert!(ran.stderr.contains("must be a mailbox"), "{}", ran.stderr);
}
