//! Where `source` and `extract` meet: web pages become text, for a build and for `medcorpus extract`.

use std::path::{Path, PathBuf};

use document::{Fault, FaultKind};
use extract::{Limits, Page};
use rayon::prelude::*;
use serde::Serialize;
use source::{Format, PageText, WebPage};

use crate::Error;

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
}

/// The main text of a page in an archive.
pub(crate) fn to_text(page: &WebPage<'_>) -> Result<PageText, String> {
    Ok(PageText { text: extract_page(page.media_type, page.charset, page.headers, page.body).1.text })
}

fn extract_page(
    media_type: &str,
    charset: Option<&str>,
    headers: &[(impl AsRef<str>, impl AsRef<str>)],
    body: &[u8],
) -> (&'static str, Page) {
    let decoded = extract::decode(body, charset);
    let mut page = match media_type {
        "text/plain" => Page::plain(&decoded.text),
        _ => extract::page(&decoded.text, &Limits::default()),
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
    (decoded.encoding, page)
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
/// order of the paths, of the names in a folder, and of the records in an archive.
/// # Errors
/// Fails if a path cannot be opened. What is wrong with one page is visited as a fault.
pub fn extract_pages(
    paths: &[PathBuf],
    jobs: usize,
    visit: &mut dyn FnMut(Result<ExtractedPage, Fault>),
) -> Result<(), Error> {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(jobs).build()?;
    let mut batch = Batch { jobs: Vec::new(), bytes: 0, pool: &pool, visit };
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
        let done: Vec<_> = self.pool.install(|| jobs.into_par_iter().map(work).collect());
        done.into_iter().for_each(&mut *self.visit);
    }
}

fn work(job: Job) -> Result<ExtractedPage, Fault> {
    match job {
        Job::Fault(fault) => Err(fault),
        Job::Page { locator, url, date, media_type, charset, headers, body } => {
            let (encoding, page) = extract_page(&media_type, charset.as_deref(), &headers, &body);
            Ok(ExtractedPage { id: locator, url, retrieved: date, encoding, page })
        }
        Job::File(path) => {
            let body = source::read_whole(&path, Limits::default().bytes).map_err(|message| Fault {
                kind: FaultKind::Damaged,
                place: path.display().to_string(),
                message,
            })?;
            let (encoding, page) = extract_page("text/html", None, &[] as &[(&str, &str)], &body);
            Ok(ExtractedPage { id: stem(&path), url: page.metadata.canonical.clone(), retrieved: None, encoding, page })
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
