//! A web server of this machine that plays a site, for the tests of the crawler.

use std::{
    collections::BTreeMap,
    io::{Read, Write},
    net::TcpListener,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

/// What a request asks for.
pub struct Request<'r> {
    pub path: &'r str,
    /// The whole of it.
    pub text: &'r str,
    /// How often the path was asked for by now, this time included.
    pub times: usize,
    pub port: u16,
}

impl Request<'_> {
    /// The number behind a prefix of the path.
    pub fn number(&self, prefix: &str) -> Option<u32> {
        self.path.strip_prefix(prefix).and_then(|it| it.parse().ok())
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }
}

/// A site, served until the tests end.
pub struct LocalSite {
    pub port: u16,
    log: Arc<Mutex<Vec<(Instant, String)>>>,
}

impl LocalSite {
    /// `answer` gives the bytes of each answer, one request after the other.
    pub fn serve(answer: impl Fn(&Request<'_>) -> Vec<u8> + Send + 'static) -> LocalSite {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let site = LocalSite { port, log: Arc::default() };
        let log = site.log.clone();
        std::thread::spawn(move || {
            let mut counts: BTreeMap<String, usize> = BTreeMap::new();
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
                let text = String::from_utf8_lossy(&request).into_owned();
                let Some(path) = text.split(' ').nth(1) else { continue };
                log.lock().unwrap().push((came, path.to_owned()));
                let times = counts.entry(path.to_owned()).or_default();
                *times += 1;
                assert!(text.contains("User-Agent: medcorpus/") && text.contains("(+mailto:me@example.org)"));
                let _ = stream.write_all(&answer(&Request { path, text: &text, times: *times, port }));
            }
        });
        site
    }

    /// How often each path was asked for.
    pub fn counts(&self) -> BTreeMap<String, usize> {
        let mut counts = BTreeMap::new();
        for (_, path) in self.log.lock().unwrap().iter() {
            *counts.entry(path.clone()).or_default() += 1;
        }
        counts
    }

    pub fn requests(&self) -> usize {
        self.log.lock().unwrap().len()
    }

    /// Forgets what was asked for.
    pub fn forget(&self) {
        self.log.lock().unwrap().clear();
    }

    /// The paths in the order in which they were asked for.
    pub fn paths(&self) -> Vec<String> {
        self.log.lock().unwrap().iter().map(|(_, path)| path.clone()).collect()
    }

    #[track_caller]
    pub fn assert_no_two_closer_than(&self, delay: Duration) {
        for two in self.log.lock().unwrap().windows(2) {
            let between = two[1].0.duration_since(two[0].0);
            assert!(between >= delay, "{between:?} between {} and {}", two[0].1, two[1].1);
        }
    }
}

/// An answer with status 200 and this body; `headers` have their line ends.
pub fn found(headers: &str, body: impl AsRef<[u8]>) -> Vec<u8> {
    let body = body.as_ref();
    let head = format!("HTTP/1.1 200 OK\r\n{headers}Content-Length: {}\r\n\r\n", body.len());
    [head.as_bytes(), body].concat()
}

/// An answer without a body.
pub fn status(line: &str, headers: &str) -> Vec<u8> {
    format!("HTTP/1.1 {line}\r\n{headers}Content-Length: 0\r\n\r\n").into_bytes()
}

/// A page in HTML on a disease, with a body that `main` selects.
pub fn page(title: &str, links: &str) -> String {
    let text = format!("{title} is a disease of the heart, and ≥ 2 mg of the drug are given against it. ").repeat(6);
    format!(
        "<html><head><meta charset=utf-8><title>{title}</title></head><body><main><h1>{title}</h1><p>{text}</p></main>\
         <nav>{links}</nav></body></html>"
    )
}

/// An answer that is such a page.
pub fn found_page(title: &str, links: &str) -> Vec<u8> {
    found("Content-Type: text/html\r\n", page(title, links))
}
