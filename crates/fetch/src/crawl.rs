//! Fetches a site, one request at a time: what is asked next, how long to wait, and in which order things reach the disk.

use std::{
    collections::BTreeMap,
    fs::{self, File, OpenOptions},
    io::{Seek, SeekFrom, Write},
    path::Path,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use url::Url;

use crate::{
    frontier::Frontier,
    http::{Client, Exchange, NoAnswer},
    robots::Robots,
    site::{Site, links},
    warc,
};

/// What stopped a crawl.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Nothing was done.
    #[error("contact {0:?} must be a mailbox or an address that a site can write to")]
    Contact(String),
    #[error("{0}")]
    Folder(String),
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

/// What a user decides.
#[derive(Debug, Clone)]
pub struct Settings {
    /// An address or mailbox at which the operator of a site reaches who fetches it.
    pub contact: String,
    pub allow_loopback: bool,
}

/// How far a crawl is.
#[derive(Debug, Clone, Default, PartialEq, serde::Serialize)]
pub struct Progress {
    /// Answers in the web archive, of all runs; robots.txt is not counted.
    pub pages: u64,
    /// Addresses that wait.
    pub waiting: usize,
    pub requests: u64,
    /// By kind.
    pub errors: BTreeMap<String, u64>,
}

/// How often an address that is not answered is tried.
const TRIES: u32 = 3;
/// The delay after an answer is so many times the time that the answer took.
const SLOWNESS: u32 = 5;
const LONGEST_BACK_OFF: Duration = Duration::from_secs(3600);

struct Crawl<'s> {
    site: &'s Site,
    client: Client,
    frontier: Frontier,
    archive: File,
    /// By origin: what it allows, and how often it was asked for it.
    robots: BTreeMap<String, (Robots, u32)>,
    /// No request may be sent earlier.
    ready: Instant,
    crawl_delay: Duration,
    progress: Progress,
}

/// Fetches what is left to fetch of a site into `folder/pages.warc.gz`; `folder/frontier` remembers it.
/// # Errors
/// Fails if nothing can be written. What goes wrong with an address is counted.
pub fn crawl(
    site: &Site,
    folder: &Path,
    settings: &Settings,
    report: &mut dyn FnMut(&Progress),
) -> Result<Progress, Error> {
    if !settings.contact.contains(['@', '/']) || settings.contact.contains(['\r', '\n']) {
        return Err(Error::Contact(settings.contact.clone()));
    }
    fs::create_dir_all(folder)?;
    // The journal's lock: two crawls of one folder would each keep their delay, and both together would not.
    let lock = OpenOptions::new().write(true).create(true).truncate(false).open(folder.join("lock"))?;
    lock.try_lock()
        .map_err(|_| Error::Folder(format!("{} is in use by another crawl; wait for it", folder.display())))?;
    let frontier = Frontier::open(&folder.join("frontier"))?;
    let mut archive = OpenOptions::new().write(true).create(true).truncate(false).open(folder.join("pages.warc.gz"))?;
    // Behind the last finished address lies what a kill left of the next one.
    let length = archive.metadata()?.len();
    if length < frontier.warc_bytes {
        return Err(Error::Folder(format!(
            "{}/pages.warc.gz is shorter than its frontier says; begin anew",
            folder.display()
        )));
    }
    archive.set_len(frontier.warc_bytes)?;
    archive.seek(SeekFrom::End(0))?;
    let agent = format!("medcorpus/{} (+{})", env!("CARGO_PKG_VERSION"), settings.contact);
    let client = Client::new(agent, site.max_page_megabytes << 20, settings.allow_loopback).map_err(Error::Folder)?;
    let mut crawl = Crawl {
        site,
        client,
        frontier,
        archive,
        robots: BTreeMap::new(),
        ready: Instant::now(),
        crawl_delay: Duration::ZERO,
        progress: Progress::default(),
    };
    // When the last request of an earlier run was sent is not known better than: before now.
    if crawl.frontier.has_requested {
        crawl.ready += crawl.delay().max(crawl.frontier.delay);
    }
    crawl.run(report)?;
    Ok(crawl.progress)
}

impl Crawl<'_> {
    fn delay(&self) -> Duration {
        Duration::try_from_secs_f64(self.site.delay_secs).unwrap_or_default().max(self.crawl_delay)
    }

    fn run(&mut self, report: &mut dyn FnMut(&Progress)) -> Result<(), Error> {
        let starts = self.site.start.iter().chain(&self.site.sitemaps);
        let starts: Vec<String> = starts.filter_map(|it| Site::address(None, it)).map(String::from).collect();
        self.frontier.found(&starts, 0)?;
        while self.frontier.pages < self.site.max_pages
            && let Some((place, address, depth)) = self.frontier.next()
        {
            self.one(place, &address, depth)?;
            self.progress.pages = self.frontier.pages;
            self.progress.waiting = self.frontier.waiting();
            report(&self.progress);
        }
        self.progress.pages = self.frontier.pages;
        self.progress.waiting = self.frontier.waiting();
        Ok(())
    }

    fn one(&mut self, place: u64, address: &str, depth: u32) -> Result<(), Error> {
        let Some(url) = Site::address(None, address) else { return Ok(self.frontier.failed(place, address)?) };
        let origin = url.origin().ascii_serialization();
        if self.robots.get(&origin).is_none_or(|(robots, tries)| robots.is_unreachable() && *tries < TRIES) {
            let tries = self.robots.get(&origin).map_or(0, |(_, tries)| *tries) + 1;
            let robots = match self.fetch_robots(&url)? {
                Ok(robots) => robots,
                Err(NoAnswer::NotPublic(_)) => {
                    self.count("not a public address");
                    return Ok(self.frontier.failed(place, address)?);
                }
                Err(NoAnswer::Failed(_)) => Robots::unreachable(),
            };
            let delay = robots.delay_secs().and_then(|it| Duration::try_from_secs_f64(it).ok()).unwrap_or_default();
            self.crawl_delay = self.crawl_delay.max(delay);
            // The request for robots.txt was followed by a shorter delay.
            self.ready = self.ready.max(Instant::now() + delay);
            self.robots.insert(origin.clone(), (robots, tries));
        }
        let (robots, tries) = &self.robots[&origin];
        if robots.is_unreachable() {
            // Nothing may be fetched now, and nothing is known against the address.
            if *tries == TRIES {
                self.count("no robots.txt, left to the next run");
                self.frontier.leave(place);
            }
            return Ok(());
        }
        if !robots.allows(&url[url::Position::BeforePath..url::Position::AfterQuery]) {
            self.count("refused by robots.txt");
            return Ok(self.frontier.failed(place, address)?);
        }
        let exchange = match self.send(&url)? {
            Ok(exchange) => exchange,
            Err(NoAnswer::NotPublic(_)) => {
                self.count("not a public address");
                return Ok(self.frontier.failed(place, address)?);
            }
            Err(NoAnswer::Failed(_)) => {
                self.count("no answer");
                if !self.frontier.postpone(place, TRIES) {
                    self.frontier.failed(place, address)?;
                }
                return Ok(());
            }
        };
        let is_busy = matches!(exchange.status, 429 | 503);
        if exchange.status >= 400 {
            self.count(&format!("status {}", exchange.status));
        }
        if is_busy && self.frontier.postpone(place, TRIES) {
            return Ok(());
        }
        self.archive(address, &exchange)?;
        let text = String::from_utf8_lossy(&exchange.body()).into_owned();
        let mut found = match exchange.status {
            200..=299 if depth < self.site.max_depth => links(&url, &text),
            // A redirect is a link like others: the site must want it, and its address is looked at.
            300..=399 => {
                let target = exchange.header("location").and_then(|it| Site::address(Some(&url), it));
                target.filter(|_| depth < self.site.max_depth).map(String::from).into_iter().collect()
            }
            _ => Vec::new(),
        };
        found.retain(|it| self.site.wants(it));
        Ok(self.frontier.done(place, address, exchange.status, &found, depth)?)
    }

    /// Follows up to five redirects, as RFC 9309 (2.3.1.2) asks.
    fn fetch_robots(&mut self, url: &Url) -> Result<Result<Robots, NoAnswer>, Error> {
        let Ok(mut at) = url.join("/robots.txt") else { return Ok(Ok(Robots::unreachable())) };
        for _ in 0..=5 {
            let exchange = match self.send(&at)? {
                Ok(exchange) => exchange,
                Err(error) => return Ok(Err(error)),
            };
            self.archive(at.as_str(), &exchange)?;
            match exchange.header("location").and_then(|it| at.join(it).ok()) {
                Some(next) if (300..=399).contains(&exchange.status) => at = next,
                _ => return Ok(Ok(Robots::of_answer(exchange.status, &exchange.body()))),
            }
        }
        // Too long a chain counts as no file.
        Ok(Ok(Robots::of_answer(404, b"")))
    }

    /// Waits, notes the request on disk, and sends it. What the answer asks for is waited for before the next.
    fn send(&mut self, url: &Url) -> Result<Result<Exchange, NoAnswer>, Error> {
        std::thread::sleep(self.ready.saturating_duration_since(Instant::now()));
        self.frontier.request(url.as_str())?;
        self.progress.requests += 1;
        let sent = Instant::now();
        let answer = self.client.get(url);
        let mut delay = self.delay().max(sent.elapsed() * SLOWNESS);
        if let Ok(exchange) = &answer
            && matches!(exchange.status, 429 | 503)
        {
            let asked = exchange.header("retry-after").and_then(|it| it.parse().ok()).map(Duration::from_secs);
            delay = delay.max(asked.unwrap_or(delay * 4).min(LONGEST_BACK_OFF));
        }
        self.frontier.waits(delay)?;
        self.ready = Instant::now() + delay;
        Ok(answer)
    }

    /// On disk before the frontier says that it is.
    fn archive(&mut self, url: &str, exchange: &Exchange) -> Result<(), Error> {
        let records = warc::records(url, &now(), exchange)?;
        self.archive.write_all(&records)?;
        self.archive.sync_data()?;
        self.frontier.warc_bytes += records.len() as u64;
        Ok(())
    }

    fn count(&mut self, kind: &str) {
        *self.progress.errors.entry(kind.to_owned()).or_default() += 1;
    }
}

/// Now, in RFC 3339 and UTC.
fn now() -> String {
    #[expect(clippy::disallowed_methods, reason = "an archive says when a page was fetched")]
    let secs = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |it| it.as_secs());
    date(secs)
}

/// Days to a date: Hinnant, chrono-Compatible Low-Level Date Algorithms.
fn date(secs: u64) -> String {
    let (days, second) = (secs / 86_400 + 719_468, secs % 86_400);
    let (era, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = era * 400 + year + u64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}Z", second / 3600, second / 60 % 60, second % 60)
}

#[cfg(test)]
mod tests {
    #[test]
    fn dates_are_those_of_the_calendar() {
        assert_eq!(super::date(0), "1970-01-01T00:00:00Z");
        assert_eq!(super::date(951_782_399), "2000-02-28T23:59:59Z");
        assert_eq!(super::date(951_782_400), "2000-02-29T00:00:00Z");
        assert_eq!(super::date(1_735_689_599), "2024-12-31T23:59:59Z");
    }
}
