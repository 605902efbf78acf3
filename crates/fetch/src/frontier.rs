//! What is to be fetched and what was: a journal on disk, one line an event, that survives being killed at any byte.
//!
//! `found DEPTH URL`, `next DEPTH URL` (where a page goes on: before all others), `request URL` (on disk before the request
//! is made), `delay MILLISECONDS` (where the wait after a request is not that after the last), `answer JSON` (what a later
//! round asks about), `done WARC_LENGTH STATUS URL`, `failed URL`, `round` (all is to be asked for again). What an answer
//! names and that it is done are one write; the web archive is on disk before. So a kill costs at most the request that was
//! under way, which is made again.

use std::{
    collections::BTreeMap,
    fs::{File, OpenOptions},
    io::{Read, Seek, SeekFrom, Write},
    path::Path,
    time::Duration,
};

use serde::{Deserialize, Serialize};

/// What is remembered of an answer that was kept, to ask later whether it has changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Answer {
    pub url: String,
    /// Id and date of the record that holds it.
    pub record: String,
    pub date: String,
    /// Of its body, as the record has it.
    pub digest: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub etag: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub modified: Option<String>,
}

/// An address that waits. It stays in its place until it is finished.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Waiting {
    pub place: i64,
    pub url: String,
    /// Steps from a start.
    pub depth: u32,
    /// Whether it goes on from another page.
    pub goes_on: bool,
}

/// What an answer led to.
#[derive(Default)]
pub(crate) struct Found {
    pub links: Vec<String>,
    /// Where the page goes on.
    pub next: Option<String>,
    /// Depth of the links.
    pub depth: u32,
    pub answer: Option<Answer>,
}

/// What is known of an address.
#[derive(Debug, Clone, Copy)]
struct Known {
    /// Where it stands in the order.
    place: i64,
    depth: u32,
    goes_on: bool,
    /// Whether this round has an answer, or will have none.
    is_finished: bool,
}

/// Addresses in the order in which they were found.
pub(crate) struct Frontier {
    journal: File,
    known: BTreeMap<String, Known>,
    open: BTreeMap<i64, String>,
    first: i64,
    last: i64,
    tries: BTreeMap<String, u32>,
    answers: BTreeMap<String, Answer>,
    /// Whether pages that go on are fetched by way of the first alone.
    in_chains: bool,
    /// Answers of this round.
    pub pages: u64,
    /// Bytes of the web archive that belong to finished addresses.
    pub warc_bytes: u64,
    /// Whether any request was made, by this or an earlier run.
    pub has_requested: bool,
    /// The wait after the last request, rounded up to a power of two of milliseconds, so that it is seldom written.
    pub delay: Duration,
    /// Open addresses that this run leaves to the next.
    left: usize,
}

impl Frontier {
    /// `in_chains`: pages that go on are asked for right behind those that lead to them, in later rounds too.
    pub fn open(path: &Path, in_chains: bool) -> std::io::Result<Frontier> {
        let mut journal = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)?;
        let mut text = Vec::new();
        journal.read_to_end(&mut text)?;
        // A line without its end was being written when the last run ended.
        let whole = text.iter().rposition(|it| *it == b'\n').map_or(0, |at| at + 1);
        journal.set_len(whole as u64)?;
        journal.seek(SeekFrom::End(0))?;
        let mut frontier = Frontier {
            journal,
            known: BTreeMap::new(),
            open: BTreeMap::new(),
            first: 0,
            last: 0,
            tries: BTreeMap::new(),
            answers: BTreeMap::new(),
            in_chains,
            pages: 0,
            warc_bytes: 0,
            has_requested: false,
            delay: Duration::ZERO,
            left: 0,
        };
        for line in String::from_utf8_lossy(&text[..whole]).lines() {
            let (event, rest) = line.split_once(' ').unwrap_or((line, ""));
            match (event, &rest.splitn(3, ' ').collect::<Vec<_>>()[..]) {
                ("found", [depth, url]) => frontier.insert(url, depth.parse().unwrap_or(0)),
                ("next", [depth, url]) => {
                    frontier.insert_next(url, depth.parse().unwrap_or(0));
                }
                ("request", ..) => frontier.has_requested = true,
                ("delay", [millis]) => frontier.delay = Duration::from_millis(millis.parse().unwrap_or(0)),
                ("answer", ..) => {
                    if let Ok(answer) = serde_json::from_str::<Answer>(rest) {
                        frontier.answers.insert(answer.url.clone(), answer);
                    }
                }
                ("done", [warc_bytes, _, url]) => {
                    frontier.warc_bytes = warc_bytes.parse().unwrap_or(frontier.warc_bytes);
                    frontier.pages += 1;
                    frontier.finish(url);
                }
                ("failed", [url]) => frontier.finish(url),
                ("round", ..) => frontier.open_again(),
                _ => {}
            }
        }
        Ok(frontier)
    }

    fn insert(&mut self, url: &str, depth: u32) {
        if !self.known.contains_key(url) {
            let place = self.last;
            self.known.insert(url.to_owned(), Known { place, depth, goes_on: false, is_finished: false });
            self.open.insert(place, url.to_owned());
            self.last += 1;
        }
    }

    /// Puts an address before all others, unless it had its turn in this round. Whether it was put there.
    fn insert_next(&mut self, url: &str, depth: u32) -> bool {
        let known = self.known.get(url);
        if known.is_some_and(|it| it.is_finished) {
            return false;
        }
        if let Some(known) = known {
            self.open.remove(&known.place);
        }
        self.first -= 1;
        let place = self.first;
        self.known.insert(url.to_owned(), Known { place, depth, goes_on: true, is_finished: false });
        self.open.insert(place, url.to_owned());
        true
    }

    fn finish(&mut self, url: &str) {
        if let Some(known) = self.known.get_mut(url) {
            known.is_finished = true;
            self.open.remove(&known.place);
        }
    }

    fn open_again(&mut self) {
        self.open.clear();
        for (url, known) in &mut self.known {
            known.is_finished = false;
            if !(known.goes_on && self.in_chains) {
                self.open.insert(known.place, url.clone());
            }
        }
        self.tries.clear();
        self.pages = 0;
    }

    /// Begins another round: all that was ever found is asked for again.
    pub fn begin_round(&mut self) -> std::io::Result<()> {
        self.write("round\n")?;
        self.open_again();
        Ok(())
    }

    pub fn waiting(&self) -> usize {
        self.open.len() + self.left
    }

    /// What is remembered of the last kept answer of an address.
    pub fn answer(&self, url: &str) -> Option<&Answer> {
        self.answers.get(url)
    }

    /// The next address; it stays open until it is finished.
    pub fn next(&self) -> Option<Waiting> {
        let (place, url) = self.open.first_key_value()?;
        let Known { depth, goes_on, .. } = self.known[url];
        Some(Waiting { place: *place, url: url.clone(), depth, goes_on })
    }

    /// Puts an address behind all others, unless it was tried `limit` times by now. Whether it was put there.
    pub fn postpone(&mut self, place: i64, limit: u32) -> bool {
        let Some(url) = self.open.get(&place).cloned() else { return false };
        let tries = self.tries.entry(url.clone()).or_default();
        *tries += 1;
        if *tries >= limit {
            return false;
        }
        self.open.remove(&place);
        if let Some(known) = self.known.get_mut(&url) {
            known.place = self.last;
        }
        self.open.insert(self.last, url);
        self.last += 1;
        true
    }

    /// Leaves an address to the next run: nothing is known against it.
    pub fn leave(&mut self, place: i64) {
        self.left += usize::from(self.open.remove(&place).is_some());
    }

    /// Remembers how long to wait after the last request, should the crawl be killed before the next.
    pub fn waits(&mut self, delay: Duration) -> std::io::Result<()> {
        let millis = u64::try_from(delay.as_millis()).unwrap_or(u64::MAX / 2).max(1).next_power_of_two();
        if Duration::from_millis(millis) == self.delay {
            return Ok(());
        }
        self.delay = Duration::from_millis(millis);
        self.write(&format!("delay {millis}\n"))
    }

    /// Adds what is not known yet.
    pub fn found(&mut self, urls: &[String], depth: u32) -> std::io::Result<()> {
        let text = self.found_text(urls, depth);
        self.write(&text)
    }

    fn found_text(&mut self, urls: &[String], depth: u32) -> String {
        let mut text = String::new();
        for url in urls.iter().filter(|url| is_sound(url)) {
            if !self.known.contains_key(url) {
                text += &format!("found {depth} {url}\n");
                self.insert(url, depth);
            }
        }
        text
    }

    /// Must return before the request is sent.
    pub fn request(&mut self, url: &str) -> std::io::Result<()> {
        self.has_requested = true;
        self.write(&format!("request {url}\n"))
    }

    pub fn done(&mut self, waiting: &Waiting, status: u16, found: Found) -> std::io::Result<()> {
        self.finish(&waiting.url);
        let mut text = String::new();
        // One that had its turn in this round would lead in a circle.
        if let Some(next) = found.next.filter(|it| is_sound(it))
            && self.insert_next(&next, waiting.depth)
        {
            text += &format!("next {} {next}\n", waiting.depth);
        }
        text += &self.found_text(&found.links, found.depth);
        if let Some(answer) = found.answer {
            text += &format!("answer {}\n", serde_json::to_string(&answer).map_err(std::io::Error::from)?);
            self.answers.insert(answer.url.clone(), answer);
        }
        text += &format!("done {} {status} {}\n", self.warc_bytes, waiting.url);
        self.pages += 1;
        self.write(&text)
    }

    pub fn failed(&mut self, waiting: &Waiting) -> std::io::Result<()> {
        self.finish(&waiting.url);
        self.write(&format!("failed {}\n", waiting.url))
    }

    fn write(&mut self, text: &str) -> std::io::Result<()> {
        self.journal.write_all(text.as_bytes())?;
        self.journal.sync_data()
    }
}

fn is_sound(url: &str) -> bool {
    !url.contains([' ', '\n', '\r'])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(frontier: &Frontier) -> Vec<&str> {
        frontier.open.values().map(String::as_str).collect()
    }

    fn urls(all: &[&str]) -> Vec<String> {
        all.iter().map(|it| format!("http://x/{it}")).collect()
    }

    #[test]
    fn what_is_left_and_how_long_to_wait_is_known_to_the_next_run() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("frontier");
        let mut frontier = Frontier::open(&path, false).unwrap();
        frontier.found(&urls(&["a"]), 0).unwrap();
        frontier.waits(Duration::from_secs(60)).unwrap();
        frontier.leave(0);
        assert_eq!((frontier.next(), frontier.waiting()), (None, 1));
        drop(frontier);
        let again = Frontier::open(&path, false).unwrap();
        assert_eq!((open(&again), again.waiting()), (vec!["http://x/a"], 1));
        assert!(again.delay >= Duration::from_secs(60));
    }

    #[test]
    fn no_address_is_lost_wherever_the_journal_ends() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("frontier");
        let mut frontier = Frontier::open(&path, false).unwrap();
        frontier.found(&urls(&["a", "病"]), 0).unwrap();
        let before = std::fs::read(&path).unwrap().len();
        let waiting = frontier.next().unwrap();
        frontier.request(&waiting.url).unwrap();
        frontier.warc_bytes = 7;
        let found = Found { links: urls(&["c"]), next: Some("http://x/a2".into()), depth: 1, answer: None };
        frontier.done(&waiting, 200, found).unwrap();
        assert_eq!(open(&frontier), ["http://x/a2", "http://x/病", "http://x/c"]);
        let whole = std::fs::read(&path).unwrap();
        for end in before..=whole.len() {
            std::fs::write(&path, &whole[..end]).unwrap();
            let again = Frontier::open(&path, false).unwrap();
            if end == whole.len() {
                assert_eq!((open(&again), again.warc_bytes), (open(&frontier), 7));
            } else {
                assert!(open(&again).contains(&"http://x/a"), "{end}: {:?}", open(&again));
                assert!(open(&again).contains(&"http://x/病"), "{end}: {:?}", open(&again));
            }
        }
    }

    #[test]
    fn a_later_round_asks_again_and_remembers_the_answers() {
        for (in_chains, expected) in
            [(false, vec!["http://x/a2", "http://x/a", "http://x/b"]), (true, vec!["http://x/a", "http://x/b"])]
        {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("frontier");
            let mut frontier = Frontier::open(&path, in_chains).unwrap();
            frontier.found(&urls(&["a", "b"]), 0).unwrap();
            let answer = Answer {
                url: "http://x/a".into(),
                record: "<urn:x>".into(),
                date: "2026-01-01T00:00:00Z".into(),
                digest: "sha1:X".into(),
                etag: Some("\"病 1\"".into()),
                modified: None,
            };
            let on = |next: &str| Found { next: Some(format!("http://x/{next}")), ..Found::default() };
            let first = frontier.next().unwrap();
            frontier.done(&first, 200, Found { answer: Some(answer.clone()), ..on("a2") }).unwrap();
            let second = frontier.next().unwrap();
            assert_eq!((second.url.as_str(), second.goes_on), ("http://x/a2", true));
            // It leads back: no circle.
            frontier.done(&second, 200, on("a")).unwrap();
            let third = frontier.next().unwrap();
            frontier.failed(&third).unwrap();
            assert_eq!((frontier.next(), frontier.pages), (None, 2));
            frontier.begin_round().unwrap();
            drop(frontier);
            let mut again = Frontier::open(&path, in_chains).unwrap();
            assert_eq!((open(&again), again.pages, again.answer("http://x/a")), (expected, 0, Some(&answer)));
            let waiting = Waiting { place: 0, url: "http://x/a".into(), depth: 0, goes_on: false };
            again.done(&waiting, 304, on("a2")).unwrap();
            assert_eq!(again.next().map(|it| it.url).as_deref(), Some("http://x/a2"));
        }
    }
}
