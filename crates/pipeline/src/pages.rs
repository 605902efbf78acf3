//! Where `source` and `extract` meet: web pages become text, for a build and for `medcorpus extract`.

use std::{
    cell::RefCell,
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
};

use document::{Container, Document, Fault, FaultKind, LanguageCode, Reason};
use extract::{Limits, Page};
use rayon::prelude::*;
use serde::Serialize;
use source::{Format, Input, PageText, Split, WebPage};

use crate::{
    Error,
    site_rules::{Findings, SiteRules},
};

/// One page, as `medcorpus extract` writes it.
#[derive(Debug, Clone, Serialize)]
pub struct ExtractedPage {
    /// The file's stem, or `path#place` in a web archive.
    pub id: String,
    pub url: Option<String>,
    /// When it was fetched, where an archive says so.
    pub retrieved: Option<String>,
    pub encoding: &'static str,
    #[serde(flatten)]
    pub page: Page,
    /// What the description of its site says of a page with this address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub declared_language: Option<LanguageCode>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub licence: Option<String>,
    /// The address that the page goes on at.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
    /// Why a build would reject the page before any stage sees it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rejected: Option<Reason>,
}

impl ExtractedPage {
    fn new(id: String, url: Option<String>, retrieved: Option<String>, rules: &SiteRules, read: ReadPage) -> Self {
        let ReadPage { encoding, page, findings } = read;
        ExtractedPage {
            id,
            url,
            retrieved,
            encoding,
            page,
            declared_language: findings.language,
            licence: findings.licence.map(|place| rules.licence(place).licence.clone()),
            next: findings.next,
            rejected: findings.reason,
        }
    }
}

/// What came of a page's bytes.
pub(crate) struct ReadPage {
    pub encoding: &'static str,
    pub page: Page,
    pub findings: Findings,
}

pub(crate) fn read_page(
    rules: &SiteRules,
    url: Option<&str>,
    media_type: &str,
    charset: Option<&str>,
    headers: &[(impl AsRef<str>, impl AsRef<str>)],
    body: &[u8],
) -> ReadPage {
    let decoded = extract::decode(body, charset);
    let (mut page, mut findings) = match media_type {
        "text/plain" => (Page::plain(&decoded.text), Findings::default()),
        _ => rules.html(&decoded.text, url),
    };
    for (name, value) in headers {
        let (name, value) = (name.as_ref().to_ascii_lowercase(), value.as_ref().to_ascii_lowercase());
        let is_about_use = matches!(name.as_str(), "x-robots-tag" | "tdm-reservation" | "content-signal");
        if is_about_use && extract::is_opt_out(&name, &value) {
            page.metadata.opt_outs.push(format!("header {name}: {value}"));
        }
        if name == "content-language" && page.metadata.language.is_none() {
            page.metadata.language = Some(value);
        }
    }
    page.mojibake += decoded.replaced;
    rules.judge(&page, url, &mut findings);
    ReadPage { encoding: decoded.encoding, page, findings }
}

/// What a document goes to, with the reason for which a build rejects it before any stage sees it.
pub(crate) type VisitPage<'v> = &'v mut dyn FnMut(Result<Document<'_>, Fault>, Option<Reason>);

/// Reads the records of a split; pages in web archives become documents by the rules of their site. A page that a build
/// rejects before any stage sees it comes with the reason.
/// # Errors
/// As [`source::read_pages`].
pub(crate) fn read(
    input: &Input,
    container: &Arc<Container>,
    split: &Split,
    rules: &SiteRules,
    visit: VisitPage<'_>,
) -> Result<(), Error> {
    // A page's text is asked for right before its document is visited.
    let found = RefCell::new(None);
    let mut to_text = |page: &WebPage<'_>| {
        let read = read_page(rules, page.url, page.media_type, page.charset, page.headers, page.body);
        found.replace(Some(read.findings));
        Ok(PageText { text: read.page.text })
    };
    let mut licensed: BTreeMap<usize, Arc<Container>> = BTreeMap::new();
    let mut joiner = Joiner { most_bytes: input.limits.max_document_megabytes << 20, held: None, visit };
    source::read_pages(input, container, split, &mut to_text, &mut |record| {
        let findings = found.take().unwrap_or_default();
        let record = record.map(|mut document| {
            document.date = findings.date.map(Into::into).or(document.date);
            document.declared_language = findings.language.or(document.declared_language);
            document.scores.page_method = findings.method.map(str::to_owned);
            if let Some(place) = findings.licence {
                let licensed = licensed.entry(place).or_insert_with(|| {
                    let rule = rules.licence(place);
                    let (licence, licence_evidence) = (rule.licence.clone(), rule.evidence.clone());
                    Arc::new(Container { licence, licence_evidence, ..(**container).clone() })
                });
                document.origin.container = Arc::clone(licensed);
            }
            document
        });
        joiner.take(record, findings.reason, findings.next.filter(|_| rules.is_one_document()));
    })?;
    joiner.release();
    Ok(())
}

/// Joins a page with those right behind it that it goes on at. A crawler fetches them so.
struct Joiner<'v> {
    most_bytes: u64,
    /// The document so far, why it is rejected, and the address of what is to come.
    held: Option<(Document<'static>, Option<Reason>, String)>,
    visit: VisitPage<'v>,
}

impl Joiner<'_> {
    fn take(&mut self, record: Result<Document<'_>, Fault>, reason: Option<Reason>, next: Option<String>) {
        if let (Ok(part), Some((document, why, awaited))) = (&record, &mut self.held)
            && part.url.as_deref() == Some(awaited.as_str())
            && (document.text.len() + part.text.len()) as u64 + 2 <= self.most_bytes
        {
            let text = document.text.to_mut();
            if !text.is_empty() && !part.text.is_empty() {
                text.push_str("\n\n");
            }
            text.push_str(&part.text);
            *why = why.or(reason);
            match next {
                Some(next) => *awaited = next,
                None => self.release(),
            }
            return;
        }
        self.release();
        match (record, next) {
            (Ok(document), Some(next)) => self.held = Some((owned(document), reason, next)),
            (record, _) => (self.visit)(record, reason),
        }
    }

    fn release(&mut self) {
        if let Some((document, reason, _)) = self.held.take() {
            (self.visit)(Ok(document), reason);
        }
    }
}

fn owned(document: Document<'_>) -> Document<'static> {
    let Document { id, text, text_as_read, url, date, declared_language, language, origin, scores, token_ids } =
        document;
    Document {
        id: id.into_owned().into(),
        text: text.into_owned().into(),
        text_as_read: text_as_read.map(|it| it.into_owned().into()),
        url: url.map(|it| it.into_owned().into()),
        date: date.map(|it| it.into_owned().into()),
        declared_language,
        language,
        origin,
        scores,
        token_ids,
    }
}

/// What one step of the work is about.
enum Job {
    File(PathBuf),
    Page {
        locator: String,
        url: Option<String>,
        date: Option<String>,
        media_type: String,
        charset: Option<String>,
        headers: Vec<(String, String)>,
        body: Vec<u8>,
    },
    Fault(Fault),
}

/// So many bytes of pages are read before all cores work on them.
const BATCH_BYTES: usize = 24 << 20;
const BATCH_PAGES: usize = 512;

/// Extracts pages of HTML files, of folders of such, and of web archives, on `jobs` threads. They are visited in the
/// order of the paths, of the names in a folder, and of the records in an archive, and read by the rules of a site.
/// # Errors
/// Fails if a path cannot be opened. What is wrong with one page is visited as a fault.
pub fn extract_pages(
    paths: &[PathBuf],
    jobs: usize,
    rules: &SiteRules,
    visit: &mut dyn FnMut(Result<ExtractedPage, Fault>),
) -> Result<(), Error> {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(jobs).build()?;
    let mut batch = Batch { jobs: Vec::new(), bytes: 0, pool: &pool, rules, visit };
    for path in paths {
        let mut files = Vec::new();
        std::fs::metadata(path).map_err(|error| source::Error::Io { path: path.clone(), error })?;
        if path.is_dir() {
            list(path, &mut files).map_err(|error| source::Error::Io { path: path.clone(), error })?;
            files.sort();
        } else {
            files.push(path.clone());
        }
        for file in files {
            match kind(&file) {
                Some(FileKind::Html) => {
                    let size = std::fs::metadata(&file).map_or(0, |it| it.len() as usize);
                    batch.push(Job::File(file), size);
                }
                Some(FileKind::Archive) => archive(&file, &mut batch)?,
                None if *path == file => match source::inputs(&source::Description::anonymous(&file), &file) {
                    Ok(inputs) if inputs.iter().any(|it| it.format == Format::Warc) => archive(&file, &mut batch)?,
                    Ok(_) => batch.push(Job::File(file), 0),
                    Err(error) => return Err(error.into()),
                },
                None => {}
            }
        }
    }
    batch.run();
    Ok(())
}

struct Batch<'b> {
    jobs: Vec<Job>,
    bytes: usize,
    pool: &'b rayon::ThreadPool,
    rules: &'b SiteRules,
    visit: &'b mut dyn FnMut(Result<ExtractedPage, Fault>),
}

impl Batch<'_> {
    fn push(&mut self, job: Job, bytes: usize) {
        self.jobs.push(job);
        self.bytes += bytes;
        if self.bytes >= BATCH_BYTES || self.jobs.len() >= BATCH_PAGES {
            self.run();
        }
    }

    fn run(&mut self) {
        let jobs = std::mem::take(&mut self.jobs);
        self.bytes = 0;
        let done: Vec<_> = self.pool.install(|| jobs.into_par_iter().map(|job| work(job, self.rules)).collect());
        done.into_iter().for_each(&mut *self.visit);
    }
}

fn work(job: Job, rules: &SiteRules) -> Result<ExtractedPage, Fault> {
    match job {
        Job::Fault(fault) => Err(fault),
        Job::Page { locator, url, date, media_type, charset, headers, body } => {
            let read = read_page(rules, url.as_deref(), &media_type, charset.as_deref(), &headers, &body);
            Ok(ExtractedPage::new(locator, url, date, rules, read))
        }
        Job::File(path) => {
            let body = source::read_whole(&path, Limits::default().bytes).map_err(|message| Fault {
                kind: FaultKind::Damaged,
                place: path.display().to_string(),
                message,
            })?;
            let read = read_page(rules, None, "text/html", None, &[] as &[(&str, &str)], &body);
            let url = read.page.metadata.canonical.clone();
            Ok(ExtractedPage::new(stem(&path), url, None, rules, read))
        }
    }
}

fn archive(path: &Path, batch: &mut Batch<'_>) -> Result<(), Error> {
    let description = source::Description::anonymous(path);
    for input in source::inputs(&description, path)? {
        let container = std::sync::Arc::new(input.container.clone());
        for split in source::splits(&input, u64::MAX)? {
            // Pages are pushed from inside the reader; their own documents are empty and not looked at.
            let shared = std::cell::RefCell::new(&mut *batch);
            let mut take = |page: &WebPage<'_>| {
                let owned = |it: &str| it.to_owned();
                let job = Job::Page {
                    locator: page.locator.to_owned(),
                    url: page.url.map(owned),
                    date: page.date.map(owned),
                    media_type: page.media_type.to_owned(),
                    charset: page.charset.map(owned),
                    headers: page.headers.iter().map(|(name, value)| (owned(name), owned(value))).collect(),
                    body: page.body.to_owned(),
                };
                shared.borrow_mut().push(job, page.body.len());
                Ok(PageText::default())
            };
            source::read_pages(&input, &container, &split, &mut take, &mut |record| {
                if let Err(fault) = record {
                    shared.borrow_mut().push(Job::Fault(fault), 0);
                }
            })?;
        }
    }
    Ok(())
}

enum FileKind {
    Html,
    Archive,
}

/// What the name of a file says.
fn kind(path: &Path) -> Option<FileKind> {
    let name = path.file_name()?.to_string_lossy().to_ascii_lowercase();
    let plain = name.strip_suffix(".gz").or(name.strip_suffix(".zst")).unwrap_or(&name);
    match plain.rsplit_once('.')?.1 {
        "html" | "htm" | "xhtml" | "shtml" => Some(FileKind::Html),
        "warc" | "arc" => Some(FileKind::Archive),
        _ => None,
    }
}

/// The name of a file without the ending of its format and compression.
fn stem(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let plain = name.strip_suffix(".gz").or(name.strip_suffix(".zst")).unwrap_or(&name);
    match kind(path) {
        Some(_) => plain.rsplit_once('.').map_or(plain, |(stem, _)| stem).to_owned(),
        None => plain.to_owned(),
    }
}

/// All files below a folder. Hidden ones and links to folders are left out, as in every other input.
fn list(folder: &Path, files: &mut Vec<PathBuf>) -> std::io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().starts_with('.') {
            continue;
        }
        if entry.file_type()?.is_dir() {
            list(&entry.path(), files)?;
        } else {
            files.push(entry.path());
        }
    }
    Ok(())
}
