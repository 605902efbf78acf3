//! `medcorpus extract` for books: PDF, page images and EPUB become text, one JSON object a page.

use std::{
    collections::BTreeMap,
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
};

use clap::{Args, ValueEnum};
use document::LanguageCode;
use extract::book::{Book, Engine, Engines, Page, PageOutcome, PageRule, Trouble, format_of};
use pipeline::{BookReader, BookSettings};
use serde::Serialize;

use crate::{
    arguments::ExtractArguments,
    exit::{Exit, Failure},
};

/// What `medcorpus extract` can be told about books.
#[derive(Args)]
#[command(next_help_heading = "Books")]
pub struct BookArguments {
    /// Print the whole text of each book as it enters the corpus
    #[arg(long)]
    pub book: bool,
    /// The language, instead of finding it
    #[arg(long)]
    pub language: Option<LanguageCode>,
    /// How pages without a usable text layer are read
    #[arg(long, value_enum, default_value_t)]
    pub ocr: OcrChoice,
    /// Which pages are kept: by what they look like, by MMedC's rule, or all
    #[arg(long, value_enum, default_value_t)]
    pub pages: PageChoice,
    /// Write this page alone, counted from 1, read as a part of its book
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    pub page: Option<u32>,
    /// Read again what a record of extracted pages or of a corpus holds, and say whether it is the same: JSON lines with
    /// text, digest and page, or text, container_digest and locator
    #[arg(long, value_name = "FILE", conflicts_with_all = ["book", "page", "boxes"])]
    pub replay: Option<PathBuf>,
    /// Add the lines with their places on the page
    #[arg(long)]
    pub boxes: bool,
    /// PDFium's library [default: $MEDCORPUS_PDFIUM, models/libpdfium.so, the system's]
    #[arg(long)]
    pub pdfium: Option<PathBuf>,
    /// Folder with models and libraries that `make models` fetched
    #[arg(long, default_value = "models")]
    pub models: PathBuf,
    /// Folder with Tesseract's language packs [default: Tesseract's own]
    #[arg(long)]
    pub tessdata: Option<PathBuf>,
    /// Folder of languages
    #[arg(long, default_value = "filters")]
    pub filters: PathBuf,
    /// Folder that remembers what engines have read
    #[arg(long, default_value = "build/ocr")]
    pub cache: PathBuf,
    /// Read every page image anew
    #[arg(long)]
    pub no_cache: bool,
}

#[derive(Clone, Copy, Default, ValueEnum)]
pub enum OcrChoice {
    /// The engine that reads the language best
    #[default]
    Best,
    Tesseract,
    PpOcr,
    /// Leave such pages out
    None,
}

#[derive(Clone, Copy, Default, ValueEnum)]
pub enum PageChoice {
    #[default]
    Native,
    Mmedc,
    All,
}

/// One line of the output.
#[derive(Serialize)]
struct PageLine<'p> {
    file: &'p str,
    /// Counted from 1; absent where the whole file failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    page: Option<u32>,
    text: String,
    /// `text_layer`, an engine, or `none`.
    method: &'static str,
    /// Why it was read in this way.
    route: &'static str,
    language: Option<LanguageCode>,
    confidence: f64,
    kept: bool,
    /// The rule that keeps it out, with its value and limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<extract::book::KeptOut>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fault: Option<FaultLine>,
    doses: extract::book::Doses,
    /// Digest of the file.
    #[serde(skip_serializing_if = "Option::is_none")]
    digest: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    lines: Option<Vec<BoxLine<'p>>>,
}

#[derive(Serialize)]
struct FaultLine {
    kind: &'static str,
    message: String,
}

/// A line and its area: left, top, right, bottom in points.
#[derive(Serialize)]
struct BoxLine<'p> {
    text: &'p str,
    area: [f32; 4],
    confidence: f32,
}

/// Answers the questions of the program that started this one.
pub fn serve() -> Result<Exit, Failure> {
    let mut questions = io::BufReader::new(io::stdin().lock());
    let mut answers = io::BufWriter::new(io::stdout().lock());
    extract::book::serve(&mut questions, &mut answers)?;
    Ok(Exit::Done)
}

/// Writes the pages of books; gives back how many books were read, and how many files and pages were lost.
pub fn run(arguments: &ExtractArguments, files: &[PathBuf], out: &mut dyn Write) -> Result<(u64, u64), Failure> {
    let books = &arguments.books;
    let reader = reader(books)?;
    let mut pool = reader.pool(arguments.jobs());
    let (mut read, mut losses) = (0, 0);
    for path in files {
        let file = path.display().to_string();
        let book = format_of(path).ok_or_else(|| unknown(path)).and_then(|format| reader.read(&mut pool, path, format));
        match book {
            Ok(book) => {
                losses += report(&file, &book);
                read += 1;
                for page in book.pages.iter().filter(|page| books.page.is_none_or(|number| page.number == number)) {
                    line(out, &page_line(&file, &book, page, books.boxes))?;
                }
                if books.book {
                    crate::print::print(&(book.text() + "\n"))?;
                }
            }
            Err(Trouble::Missing(message) | Trouble::Machine(message)) => return Err(wrong(message)),
            Err(Trouble::Content(kind, message)) => {
                eprintln!("{file}: {}: {message}", kind.as_str());
                losses += 1;
                line(out, &failed_file(&file, kind.as_str(), message))?;
            }
        }
    }
    Ok((read, losses))
}

/// Something is missing here, or a setting is wrong.
pub fn wrong(message: String) -> Failure {
    Failure { exit: Exit::Configuration, message }
}

/// The reader that the arguments describe.
pub fn reader(books: &BookArguments) -> Result<BookReader, Failure> {
    let languages = pipeline::language_settings(&books.filters)?;
    let model = books.models.join("lid.176.ftz");
    let identifier = fs::read(&model).ok();
    if identifier.is_none() && books.language.is_none() {
        eprintln!("{}: not there, so languages are not identified; run `make models`", model.display());
    }
    let settings = BookSettings {
        language: books.language,
        engines: match books.ocr {
            OcrChoice::Best => Engines::Best,
            OcrChoice::Tesseract => Engines::Only(Engine::Tesseract),
            OcrChoice::PpOcr => Engines::Only(Engine::PpOcr),
            OcrChoice::None => Engines::None,
        },
        rule: match books.pages {
            PageChoice::Native => PageRule::Native,
            PageChoice::Mmedc => PageRule::Mmedc,
            PageChoice::All => PageRule::All,
        },
        models: books.models.clone(),
        pdfium: books.pdfium.clone(),
        tessdata: books.tessdata.clone(),
        cache: (!books.no_cache).then(|| books.cache.clone()),
    };
    BookReader::new(settings, &languages, identifier.as_deref()).map_err(wrong)
}

pub fn unknown(path: &Path) -> Trouble {
    let ending = path.extension().unwrap_or_default().display();
    Trouble::content(document::FaultKind::Unsupported, format!("files ending in \"{ending}\" are not read as books"))
}

/// Of the files themselves and those of folders, the ones that are read as books, sorted.
pub fn books(paths: &[PathBuf]) -> Result<Vec<PathBuf>, Failure> {
    let cannot = |path: &Path, error: io::Error| Failure {
        exit: Exit::Configuration,
        message: format!("{}: {error}", path.display()),
    };
    let mut files = Vec::new();
    for path in paths {
        if !fs::metadata(path).map_err(|error| cannot(path, error))?.is_dir() {
            files.extend(format_of(path).map(|_| path.clone()));
            continue;
        }
        let mut folders = vec![path.clone()];
        let mut inside = Vec::new();
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(&folder).map_err(|error| cannot(&folder, error))? {
                let entry = entry.map_err(|error| cannot(&folder, error))?;
                if entry.file_name().to_string_lossy().starts_with('.') {
                    continue;
                }
                match entry.file_type().map_err(|error| cannot(&folder, error))?.is_dir() {
                    true => folders.push(entry.path()),
                    false if format_of(&entry.path()).is_some() => inside.push(entry.path()),
                    false => {}
                }
            }
        }
        inside.sort();
        files.extend(inside);
    }
    Ok(files)
}

/// Says on standard error what is lost or left out of a book; the number of losses comes back.
fn report(file: &str, book: &Book) -> u64 {
    for notice in &book.notices {
        eprintln!("{file}: {notice}");
    }
    let mut losses = 0;
    let mut kept_out: BTreeMap<&str, u32> = BTreeMap::new();
    for page in &book.pages {
        match &page.outcome {
            PageOutcome::Failed(kind, message) => {
                losses += 1;
                eprintln!("{file}#page={}: {}: {message}", page.number, kind.as_str());
            }
            PageOutcome::KeptOut(reason) => *kept_out.entry(reason.rule).or_default() += 1,
            PageOutcome::Kept => {}
        }
    }
    for (rule, pages) in kept_out {
        eprintln!("{file}: {pages} of {} pages kept out: {rule}", book.pages.len());
    }
    losses
}

fn line(out: &mut dyn Write, value: &PageLine<'_>) -> io::Result<()> {
    serde_json::to_writer(&mut *out, value).map_err(io::Error::from)?;
    out.write_all(b"\n")
}

fn page_line<'p>(file: &'p str, book: &'p Book, page: &'p Page, boxes: bool) -> PageLine<'p> {
    let (reason, fault) = match &page.outcome {
        PageOutcome::Kept => (None, None),
        PageOutcome::KeptOut(reason) => (Some(*reason), None),
        PageOutcome::Failed(kind, message) => (None, Some(FaultLine { kind: kind.as_str(), message: message.clone() })),
    };
    let lines = page.shape.iter().flat_map(|shape| shape.lines()).map(|line| BoxLine {
        text: &line.text,
        area: [line.area.left, line.area.top, line.area.right, line.area.bottom],
        confidence: line.confidence,
    });
    PageLine {
        file,
        page: Some(page.number),
        text: page.text(),
        method: page.method.as_str(),
        route: page.route,
        language: page.language,
        confidence: (page.confidence * 10_000.0).round() / 10_000.0,
        kept: page.outcome == PageOutcome::Kept,
        reason,
        fault,
        doses: page.doses,
        digest: Some(book.digest.to_string()),
        lines: boxes.then(|| lines.collect()),
    }
}

fn failed_file<'p>(file: &'p str, kind: &'static str, message: String) -> PageLine<'p> {
    PageLine {
        file,
        page: None,
        text: String::new(),
        method: "none",
        route: "failed",
        language: None,
        confidence: 0.0,
        kept: false,
        reason: None,
        fault: Some(FaultLine { kind, message }),
        doses: extract::book::Doses::default(),
        digest: None,
        lines: None,
    }
}
