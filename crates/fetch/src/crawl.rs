//! Fetches a site, one request at a time: what is asked next, how long to wait, and in which order things reach the disk.

use std::{
    collections::BTreeMap,
    fs::{self, File, OpenOptions},
    io::{Seek, SeekFrom, Write},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use extract::PageSelectors;
use source::{Fetch, address};
use url::Url;

use crate::{
    clock,
    frontier::{Answer, Found, Frontier, Waiting},
    http::{Client, Exchange, NoAnswer},
    links::{Listing, links},
    origins::{Origins, Rules},
    robots::{self, Robots},
    tdmrep::TdmRules,
    warc::{self, Kept},
};

/// What stopped a crawl.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Nothing was done.
    #[error("contact {0:?} must be a mailbox or an address that a site can write to")]
    Contact(String),
    /// Nothing was done: the site has no open licence.
    #[error("{0}; ask the site, and say --with-consent when you may")]
    Consent(String),
    #[error("{0}")]
    Folder(String),
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

/// What the description of a site says to a crawler.
#[derive(Debug, Clone, Copy)]
pub struct Site<'s> {
    pub name: &'s str,
    pub fetch: &'s Fetch,
    /// By which the link is found that a page goes on at.
    pub pages: Option<&'s PageSelectors>,
    /// Whether a page and those that it goes on at are one document: they are then fetched together.
    pub one_document: bool,
}

/// What a user decides.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// An address or mailbox at which the operator of a site reaches who fetches it.
    pub contact: String,
    pub allow_loopback: bool,
    /// Whether to ask for all of a finished crawl again.
    pub refresh: bool,
    /// Whether the user says that a site without an open licence may be fetched.
    pub with_consent: bool,
}

/// How far a crawl is.
#[derive(Debug, Clone, Default, PartialEq, serde::Serialize)]
pub struct Progress {
    /// Answers of this round in the web archive, of all runs; robots.txt and tdmrep.json are not counted.
    pub pages: u64,
    /// Those of this run that are the same as in an earlier round.
    pub unchanged: u64,
    /// Addresses that wait.
    pub waiting: usize,
    /// Of this run.
    pub requests: u64,
    pub archive_bytes: u64,
    /// By kind.
    pub errors: BTreeMap<String, u64>,
    /// The limit that ended the crawl while addresses waited.
    pub stopped_by: Option<&'static str>,
}

/// How often an address that is not answered is tried.
const TRIES: u32 = 3;
/// The delay after an answer is so many times the time that the answer took.
const SLOWNESS: u32 = 5;
/// Each answer in a row that says "too much" makes the delay so many times as long.
const BACK_OFF: u32 = 4;
const LONGEST_BACK_OFF: Duration = Duration::from_secs(3600);
/// Of robots.txt and tdmrep.json. Redirects of theirs that are followed: RFC 9309, 2.3.1.2.
const MAX_RULES_BYTES: u64 = robots::MAX_BYTES as u64 + (64 << 10);
const RULES_REDIRECTS: usize = 5;

struct Crawl<'s> {
    site: &'s Site<'s>,
    folder: PathBuf,
    client: Client,
    frontier: Frontier,
    archive: File,
    origins: Origins,
    /// No request may be sent earlier.
    ready: Instant,
    crawl_delay: Duration,
    /// Answers in a row that said "too much".
    busy: u32,
    progress: Progress,
}

/// Fetches what is left to fetch of a site into `folder/pages.warc.gz`; `folder/frontier` remembers it.
/// # Errors
/// Fails if nothing can be written. What goes wrong with an address is counted.
pub fn crawl(
    site: &Site<'_>,
    folder: &Path,
    settings: &Settings,
    report: &mut dyn FnMut(&Progress),
) -> Result<Progress, Error> {
    if !settings.contact.contains(['@', '/']) || settings.contact.contains(['\r', '\n']) {
        return Err(Error::Contact(settings.contact.clone()));
    }
    if let Some(why) = site.fetch.needs_consent.as_ref().filter(|_| !settings.with_consent) {
        return Err(Error::Consent(why.clone()));
    }
    fs::create_dir_all(folder)?;
    // The journal's lock: two crawls of one folder would each keep their delay, and both together would not.
    let lock = OpenOptions::new().write(true).create(true).truncate(false).open(folder.join("lock"))?;
    lock.try_lock()
        .map_err(|_| Error::Folder(format!("{} is in use by another crawl; wait for it", folder.display())))?;
    let frontier = Frontier::open(&folder.join("frontier"), site.one_document)?;
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
    let client = Client::new(agent.clone(), settings.allow_loopback).map_err(Error::Folder)?;
    let mut crawl = Crawl {
        site,
        folder: folder.to_owned(),
        client,
        frontier,
        archive,
        origins: Origins::new(site.fetch.robots_hours),
        ready: Instant::now(),
        crawl_delay: Duration::ZERO,
        busy: 0,
        progress: Progress::default(),
    };
    // When the last request of an earlier run was sent is not known better than: before now.
    if crawl.frontier.has_requested {
        crawl.ready += crawl.delay().max(crawl.frontier.delay);
    }
    if crawl.frontier.warc_bytes == 0 {
        crawl.append(&warc::info(&clock::date(clock::now_secs()), &agent, site.name)?)?;
    }
    if settings.refresh && crawl.frontier.waiting() == 0 {
        crawl.frontier.begin_round()?;
    }
    crawl.run(report)?;
    Ok(crawl.progress)
}

impl Crawl<'_> {
    fn delay(&self) -> Duration {
        Duration::try_from_secs_f64(self.site.fetch.delay_secs).unwrap_or_default().max(self.crawl_delay)
    }

    fn run(&mut self, report: &mut dyn FnMut(&Progress)) -> Result<(), Error> {
        let Fetch { start, sitemaps, downloads, .. } = self.site.fetch;
        let starts = start.iter().chain(sitemaps).chain(downloads);
        let starts: Vec<String> = starts.filter_map(|it| address(None, it)).collect();
        self.frontier.found(&starts, 0)?;
        while let Some(waiting) = self.frontier.next() {
            self.progress.stopped_by = self.limit();
            if self.progress.stopped_by.is_some() {
                break;
            }
            self.one(&waiting)?;
            self.count_up();
            report(&self.progress);
        }
        self.count_up();
        Ok(())
    }

    /// The limit that is reached.
    fn limit(&self) -> Option<&'static str> {
        let Fetch { max_pages, max_archive_megabytes, .. } = self.site.fetch;
        if self.frontier.pages >= *max_pages {
            return Some("max_pages");
        }
        max_archive_megabytes.filter(|most| self.frontier.warc_bytes >> 20 >= *most).map(|_| "max_archive_megabytes")
    }

    fn count_up(&mut self) {
        self.progress.pages = self.frontier.pages;
        self.progress.waiting = self.frontier.waiting();
        self.progress.archive_bytes = self.frontier.warc_bytes;
    }

    fn one(&mut self, waiting: &Waiting) -> Result<(), Error> {
        let Ok(url) = Url::parse(&waiting.url) else { return Ok(self.frontier.failed(waiting)?) };
        let origin = url.origin().ascii_serialization();
        let known = self.origins.fresh(&origin);
        if known.is_none_or(|it| it.robots.is_unreachable() && it.tries < TRIES) {
            let tries = known.map_or(0, |it| it.tries) + 1;
            let rules = match self.fetch_rules(&url, tries)? {
                Ok(rules) => rules,
                Err(NoAnswer::NotPublic(_)) => return self.refuse(waiting, "not a public address"),
                Err(NoAnswer::Failed(_)) => Rules::new(Robots::unreachable(), TdmRules::default(), tries),
            };
            self.origins.insert(origin.clone(), rules);
        }
        let Some(rules) = self.origins.last(&origin) else { return Ok(()) };
        if rules.robots.is_unreachable() {
            // Nothing may be fetched now, and nothing is known against the address.
            if rules.tries == TRIES {
                self.count("no robots.txt, left to the next run");
                self.frontier.leave(waiting.place);
            }
            return Ok(());
        }
        let path = &url[url::Position::BeforePath..url::Position::AfterQuery];
        if !rules.robots.allows(path) {
            return self.refuse(waiting, "refused by robots.txt");
        }
        if rules.reservations.reserves(path) {
            return self.refuse(waiting, "refused by tdmrep.json");
        }
        let statements = rules.statements(path);
        // Pages that are one document are kept together, and so all of them anew.
        let earlier = self.frontier.answer(&waiting.url).filter(|_| !self.site.one_document).cloned();
        let is_download = self.site.fetch.downloads.iter().any(|it| address(None, it).as_ref() == Some(&waiting.url));
        let megabytes = match is_download {
            true => self.site.fetch.max_download_megabytes,
            false => self.site.fetch.max_page_megabytes,
        };
        let conditions = earlier.as_ref().map(conditions).unwrap_or_default();
        let exchange = match self.send(&url, &conditions, megabytes << 20)? {
            Ok(exchange) => exchange,
            Err(NoAnswer::NotPublic(_)) => return self.refuse(waiting, "not a public address"),
            Err(NoAnswer::Failed(_)) => {
                self.count("no answer");
                if !self.frontier.postpone(waiting.place, TRIES) {
                    self.frontier.failed(waiting)?;
                }
                return Ok(());
            }
        };
        if exchange.status >= 400 {
            self.count(&format!("status {}", exchange.status));
        }
        if is_busy(&exchange) && self.frontier.postpone(waiting.place, TRIES) {
            return Ok(());
        }
        let body = exchange.body();
        let digest = warc::digest(&body);
        let server_says_so = exchange.status == 304;
        let same = earlier.filter(|it| server_says_so || (exchange.status == 200 && it.digest == digest));
        let date = clock::date(clock::now_secs());
        let kept = match &same {
            Some(earlier) => Kept::Same { earlier, server_says_so },
            None => Kept::Whole,
        };
        let record = warc::record_id(&waiting.url, &date, self.frontier.warc_bytes);
        self.append(&warc::records(&waiting.url, &date, &record, &exchange, &kept, &statements)?)?;
        if is_download && exchange.status == 200 && same.is_none() {
            self.save(&url, &exchange, &body)?;
        }
        let mut found = Found::default();
        if let Some(earlier) = same {
            self.progress.unchanged += 1;
            found.answer = Some(validators(&exchange, earlier));
        } else {
            if exchange.status == 200 && exchange.truncated.is_none() {
                let answer = Answer { url: waiting.url.clone(), record, date, digest, etag: None, modified: None };
                found.answer = Some(validators(&exchange, answer));
            }
            if !is_download {
                self.find(waiting, &exchange, &body, &mut found);
            }
        }
        Ok(self.frontier.done(waiting, exchange.status, found)?)
    }

    /// What an answer leads to.
    fn find(&self, waiting: &Waiting, exchange: &Exchange, body: &[u8], found: &mut Found) {
        let fetch = self.site.fetch;
        found.depth = waiting.depth;
        match exchange.status {
            200..=299 => {
                let (listing, links) = links(&waiting.url, body);
                found.links = links;
                match listing {
                    Listing::Entries => {}
                    // Sitemaps need not be pages that are wanted, if they are of the same host.
                    Listing::Sitemaps => {
                        let is_own = |it: &String| {
                            let host = |it: &str| Url::parse(it).ok().and_then(|it| it.host_str().map(str::to_owned));
                            host(it) == host(&waiting.url)
                        };
                        found.links.retain(|it| is_own(it) || fetch.wants(it));
                        return;
                    }
                    Listing::Page => {
                        found.depth += 1;
                        if waiting.depth >= fetch.max_depth {
                            found.links.clear();
                        }
                        if let Some(selectors) = self.site.pages {
                            let html = extract::decode(body, None).text;
                            let next = extract::next_page(&html, selectors, &extract::Limits::default());
                            let next = next.and_then(|link| address(Some(&waiting.url), &link));
                            found.next = next.filter(|it| fetch.wants(it));
                        }
                    }
                }
            }
            // The site must want the target, and its address is looked at, as of any other link.
            300..=399 => {
                found.links.extend(exchange.header("location").and_then(|it| address(Some(&waiting.url), it)));
            }
            _ => {}
        }
        found.links.retain(|it| fetch.wants(it));
    }

    fn refuse(&mut self, waiting: &Waiting, kind: &str) -> Result<(), Error> {
        self.count(kind);
        Ok(self.frontier.failed(waiting)?)
    }

    /// robots.txt and, where it lets us, tdmrep.json of an origin.
    fn fetch_rules(&mut self, url: &Url, tries: u32) -> Result<Result<Rules, NoAnswer>, Error> {
        let robots = match self.fetch_file(url, "/robots.txt")? {
            Ok(Some(exchange)) => Robots::of_answer(exchange.status, &exchange.body()),
            // Too long a chain of redirects counts as no file.
            Ok(None) => Robots::default(),
            Err(error) => return Ok(Err(error)),
        };
        let delay = robots.delay_secs().and_then(|it| Duration::try_from_secs_f64(it).ok()).unwrap_or_default();
        self.crawl_delay = self.crawl_delay.max(delay);
        // The request for robots.txt was followed by a shorter delay.
        self.ready = self.ready.max(Instant::now() + delay);
        let mut reservations = TdmRules::default();
        if !robots.is_unreachable() && robots.allows(TDMREP) {
            match self.fetch_file(url, TDMREP)? {
                Ok(Some(exchange)) if exchange.status == 200 => reservations = TdmRules::parse(&exchange.body()),
                Ok(_) => {}
                Err(_) => self.count("no answer for tdmrep.json"),
            }
        }
        Ok(Ok(Rules::new(robots, reservations, tries)))
    }

    /// Follows redirects; none where there are too many.
    fn fetch_file(&mut self, url: &Url, path: &str) -> Result<Result<Option<Exchange>, NoAnswer>, Error> {
        let Ok(mut at) = url.join(path) else { return Ok(Ok(None)) };
        for _ in 0..=RULES_REDIRECTS {
            let exchange = match self.send(&at, "", MAX_RULES_BYTES)? {
                Ok(exchange) => exchange,
                Err(error) => return Ok(Err(error)),
            };
            let date = clock::date(clock::now_secs());
            let record = warc::record_id(at.as_str(), &date, self.frontier.warc_bytes);
            self.append(&warc::records(at.as_str(), &date, &record, &exchange, &Kept::Whole, &[])?)?;
            match exchange.header("location").and_then(|it| at.join(it).ok()) {
                Some(next) if (300..=399).contains(&exchange.status) => at = next,
                _ => return Ok(Ok(Some(exchange))),
            }
        }
        Ok(Ok(None))
    }

    /// Waits, notes the request on disk, and sends it. What the answer asks for is waited for before the next.
    fn send(&mut self, url: &Url, conditions: &str, max_bytes: u64) -> Result<Result<Exchange, NoAnswer>, Error> {
        std::thread::sleep(self.ready.saturating_duration_since(Instant::now()));
        self.frontier.request(url.as_str())?;
        self.progress.requests += 1;
        let sent = Instant::now();
        let answer = self.client.get(url, conditions, max_bytes);
        let mut delay = self.delay().max(sent.elapsed() * SLOWNESS);
        match &answer {
            Ok(exchange) if is_busy(exchange) => {
                self.busy = (self.busy + 1).min(8);
                let asked = exchange.header("retry-after");
                let asked = asked.and_then(|it| clock::retry_after(it, clock::now_secs())).map(Duration::from_secs);
                delay = delay.max(asked.unwrap_or(delay * BACK_OFF.pow(self.busy)).min(LONGEST_BACK_OFF));
            }
            _ => self.busy = 0,
        }
        self.frontier.waits(delay)?;
        self.ready = Instant::now() + delay;
        Ok(answer)
    }

    /// On disk before the frontier says that it is.
    fn append(&mut self, records: &[u8]) -> Result<(), Error> {
        self.archive.write_all(records)?;
        self.archive.sync_data()?;
        self.frontier.warc_bytes += records.len() as u64;
        Ok(())
    }

    /// Writes a download under its own name; the archive has it already.
    fn save(&mut self, url: &Url, exchange: &Exchange, body: &[u8]) -> Result<(), Error> {
        if exchange.truncated.is_some() {
            self.count("download cut");
            return Ok(());
        }
        let name = url.path_segments().and_then(|mut it| it.next_back()).filter(|it| !it.is_empty());
        let name: String = name.unwrap_or("download").chars().map(|it| if it == '%' { '_' } else { it }).collect();
        let folder = self.folder.join("downloads");
        fs::create_dir_all(&folder)?;
        let unfinished = folder.join(format!(".{name}"));
        let mut file = File::create(&unfinished)?;
        file.write_all(body)?;
        file.sync_all()?;
        Ok(fs::rename(unfinished, folder.join(name.trim_start_matches('.')))?)
    }

    fn count(&mut self, kind: &str) {
        *self.progress.errors.entry(kind.to_owned()).or_default() += 1;
    }
}

const TDMREP: &str = "/.well-known/tdmrep.json";

fn is_busy(exchange: &Exchange) -> bool {
    matches!(exchange.status, 429 | 503)
}

/// The headers that ask for an answer only if it is another one (RFC 9110, 13.1).
fn conditions(earlier: &Answer) -> String {
    let line = |name: &str, value: &Option<String>| {
        value.as_ref().map(|value| format!("{name}: {value}\r\n")).unwrap_or_default()
    };
    line("If-None-Match", &earlier.etag) + &line("If-Modified-Since", &earlier.modified)
}

/// An answer as it is remembered, with what the server says to know it again by.
fn validators(exchange: &Exchange, answer: Answer) -> Answer {
    let header = |name: &str| exchange.header(name).map(str::to_owned);
    Answer {
        etag: header("etag").or(answer.etag.clone()),
        modified: header("last-modified").or(answer.modified.clone()),
        ..answer
    }
}
