//! What is to be fetched and what was: a journal on disk, one line an event, that survives being killed at any byte.
//!
//! `found DEPTH URL`, `request URL` (on disk before the request is made), `delay MILLISECONDS` (where the wait after a request
//! is not that after the last), `done WARC_LENGTH STATUS URL`, `failed URL`. What a page links to and that it is done are one write; the web archive is on disk
//! before. So a kill costs at most the request that was under way, which is made again.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::{File, OpenOptions},
    io::{Read, Seek, SeekFrom, Write},
    path::Path,
    time::Duration,
};

/// Addresses in the order in which they were found.
pub(crate) struct Frontier {
    journal: File,
    known: BTreeSet<String>,
    /// Place in the order, address, depth.
    open: BTreeMap<u64, (String, u32)>,
    places: u64,
    tries: BTreeMap<String, u32>,
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
    pub fn open(path: &Path) -> std::io::Result<Frontier> {
        let mut journal = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)?;
        let mut text = Vec::new();
        journal.read_to_end(&mut text)?;
        // A line without its end was being written when the last run ended.
        let whole = text.iter().rposition(|it| *it == b'\n').map_or(0, |at| at + 1);
        journal.set_len(whole as u64)?;
        journal.seek(SeekFrom::End(0))?;
        let mut frontier = Frontier {
            journal,
            known: BTreeSet::new(),
            open: BTreeMap::new(),
            places: 0,
            tries: BTreeMap::new(),
            pages: 0,
            warc_bytes: 0,
            has_requested: false,
            delay: Duration::ZERO,
            left: 0,
        };
        let mut finished = BTreeSet::new();
        for line in String::from_utf8_lossy(&text[..whole]).lines() {
            match *line.splitn(4, ' ').collect::<Vec<_>>() {
                ["found", depth, url] => frontier.insert(url, depth.parse().unwrap_or(0)),
                ["request", ..] => frontier.has_requested = true,
                ["delay", millis] => frontier.delay = Duration::from_millis(millis.parse().unwrap_or(0)),
                ["done", warc_bytes, _, url] => {
                    frontier.warc_bytes = warc_bytes.parse().unwrap_or(frontier.warc_bytes);
                    frontier.pages += 1;
                    finished.insert(url.to_owned());
                }
                ["failed", url] => {
                    finished.insert(url.to_owned());
                }
                _ => {}
            }
        }
        frontier.open.retain(|_, (url, _)| !finished.contains(url));
        Ok(frontier)
    }

    fn insert(&mut self, url: &str, depth: u32) {
        if self.known.insert(url.to_owned()) {
            self.open.insert(self.places, (url.to_owned(), depth));
            self.places += 1;
        }
    }

    pub fn waiting(&self) -> usize {
        self.open.len() + self.left
    }

    /// The next address and its depth; it stays open until it is finished.
    pub fn next(&self) -> Option<(u64, String, u32)> {
        self.open.first_key_value().map(|(place, (url, depth))| (*place, url.clone(), *depth))
    }

    /// Puts an address behind all others, unless it was tried `limit` times by now. Whether it was put there.
    pub fn postpone(&mut self, place: u64, limit: u32) -> bool {
        let Some((url, depth)) = self.open.get(&place).cloned() else { return false };
        let tries = self.tries.entry(url.clone()).or_default();
        *tries += 1;
        if *tries >= limit {
            return false;
        }
        self.open.remove(&place);
        self.open.insert(self.places, (url, depth));
        self.places += 1;
        true
    }

    /// Leaves an address to the next run: nothing is known against it.
    pub fn leave(&mut self, place: u64) {
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
        for url in urls.iter().filter(|url| !url.contains([' ', '\n', '\r'])) {
            if !self.known.contains(url) {
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

    pub fn done(&mut self, place: u64, url: &str, status: u16, links: &[String], depth: u32) -> std::io::Result<()> {
        let mut text = self.found_text(links, depth + 1);
        text += &format!("done {} {status} {url}\n", self.warc_bytes);
        self.write(&text)?;
        self.open.remove(&place);
        self.pages += 1;
        Ok(())
    }

    pub fn failed(&mut self, place: u64, url: &str) -> std::io::Result<()> {
        self.write(&format!("failed {url}\n"))?;
        self.open.remove(&place);
        Ok(())
    }

    fn write(&mut self, text: &str) -> std::io::Result<()> {
        self.journal.write_all(text.as_bytes())?;
        self.journal.sync_data()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_and_how_long_to_wait_is_known_to_the_next_run() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("frontier");
        let mut frontier = Frontier::open(&path).unwrap();
        frontier.found(&["http://x/a".to_owned()], 0).unwrap();
        frontier.waits(Duration::from_secs(60)).unwrap();
        frontier.leave(0);
        assert_eq!((frontier.next(), frontier.waiting()), (None, 1));
        drop(frontier);
        let again = Frontier::open(&path).unwrap();
        assert_eq!((again.next().map(|(_, url, _)| url), again.waiting()), (Some("http://x/a".to_owned()), 1));
        assert!(again.delay >= Duration::from_secs(60));
    }

    #[test]
    fn no_address_is_lost_wherever_the_journal_ends() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("frontier");
        let mut frontier = Frontier::open(&path).unwrap();
        frontier.found(&["http://x/a".to_owned(), "http://x/病".to_owned()], 0).unwrap();
        let before = std::fs::read(&path).unwrap().len();
        let (place, url, depth) = frontier.next().unwrap();
        frontier.request(&url).unwrap();
        frontier.warc_bytes = 7;
        frontier.done(place, &url, 200, &["http://x/c".to_owned()], depth).unwrap();
        let whole = std::fs::read(&path).unwrap();
        for end in before..=whole.len() {
            std::fs::write(&path, &whole[..end]).unwrap();
            let again = Frontier::open(&path).unwrap();
            let open: Vec<&str> = again.open.values().map(|(url, _)| url.as_str()).collect();
            if end == whole.len() {
                assert_eq!((open, again.warc_bytes), (vec!["http://x/病", "http://x/c"], 7));
            } else {
                assert!(open.starts_with(&["http://x/a", "http://x/病"]), "{end}: {open:?}");
            }
        }
    }
}
