//! Where languages and the reading of books meet, for a build and for `medcorpus extract`.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    sync::Arc,
};

use document::{Container, Digest, FaultKind, LanguageCode, Place, Problems, Reason};
use extract::book::{
    Book, BookFormat, Cache, Engine, Engines, KeptOut, Limits, Method, OcrLanguage, Page, PageOutcome, PageRule,
    Places, Pool, Reading, Trouble, Words,
};
use filter::{Identifier, LanguageSettings, OcrEngine};
use serde::{Deserialize, Serialize};

use crate::{Error, pages::VisitPage};

/// The stage that pages are rejected by which are left out of a book's text.
pub(crate) const STAGE: &str = "read_books";

/// The hidden command by which the program starts itself as a worker process.
pub const WORKER_COMMAND: &str = "extract-worker";

/// How books are read.
#[derive(Debug, Clone, Default)]
pub struct BookSettings {
    /// The language, where somebody says it.
    pub language: Option<LanguageCode>,
    pub engines: Engines,
    pub rule: PageRule,
    /// Folder with the models and libraries that are loaded at run time.
    pub models: PathBuf,
    pub pdfium: Option<PathBuf>,
    pub tessdata: Option<PathBuf>,
    /// Folder that remembers what engines have read.
    pub cache: Option<PathBuf>,
}

/// Everything that is needed to read books, loaded once.
pub struct BookReader {
    settings: BookSettings,
    languages: Vec<OcrLanguage>,
    words: Words,
    identifier: Option<Identifier>,
    cache: Option<Cache>,
    has_pp_ocr: bool,
    program: PathBuf,
}

/// The settings of every language that has a folder below `filters`.
/// # Errors
/// Fails with all that is wrong in them.
pub fn language_settings(filters: &Path) -> Result<Vec<(LanguageCode, LanguageSettings)>, Problems> {
    let mut problems = Problems::default();
    let load = |code| filter::load_language_settings(filters, code).map(|settings| (code, settings));
    let codes = filter::list_languages(filters)?;
    let settings = codes.into_iter().filter_map(|code| problems.collect(load(code))).collect();
    problems.none_or(settings)
}

impl BookReader {
    /// `identifier` is the model that tells languages; without it a language that nobody states is not found.
    /// # Errors
    /// Fails if the model cannot be understood or the program does not find itself.
    pub fn new(
        settings: BookSettings,
        languages: &[(LanguageCode, LanguageSettings)],
        identifier: Option<&[u8]>,
    ) -> Result<BookReader, String> {
        let labels = || languages.iter().map(|(code, settings)| (*code, settings.identify_language.clone())).collect();
        let identifier = identifier.map(|bytes| Identifier::new(bytes, labels())).transpose()?;
        let program = std::env::current_exe().map_err(|error| format!("this program cannot be found: {error}"))?;
        let mut words = Words::default();
        for (_, language) in languages {
            words.imprint_marks.extend(language.books.imprint_marks.iter().cloned());
            words.units.extend(language.books.units.iter().cloned());
        }
        Ok(BookReader {
            languages: ocr_languages(languages),
            words,
            identifier,
            cache: settings.cache.clone().map(Cache::new),
            has_pp_ocr: extract::book::has_pp_ocr(&settings.models),
            program,
            settings,
        })
    }

    /// What the text of a book depends on beside its bytes and the languages.
    pub(crate) fn fingerprint(&self) -> String {
        let BookSettings { engines, rule, .. } = &self.settings;
        format!("{} {engines:?} {rule:?} {}", extract::book::VERSION, self.has_pp_ocr)
    }

    /// `workers` processes, each started when it is first needed.
    pub fn pool(&self, workers: usize) -> Pool {
        self.pool_with(workers, self.settings.cache.clone())
    }

    /// The same without what was read before: such workers look at each image they are asked for.
    pub fn forgetful_pool(&self, workers: usize) -> Pool {
        self.pool_with(workers, None)
    }

    fn pool_with(&self, workers: usize, cache: Option<PathBuf>) -> Pool {
        let places = Places {
            pdfium: self.settings.pdfium.clone(),
            models: Some(self.settings.models.clone()),
            tessdata: self.settings.tessdata.clone(),
            cache,
            memory_bytes: 0,
        };
        Pool::new(self.program.clone(), vec![WORKER_COMMAND.to_owned()], places, Limits::default(), workers)
    }

    /// Reads one book.
    /// # Errors
    /// Fails if nothing of it can be read: the file's own fault, or something that is missing here.
    pub fn read(&self, pool: &mut Pool, path: &Path, format: BookFormat) -> Result<Book, Trouble> {
        self.read_in(pool, path, format, self.settings.language, &[])
    }

    /// Reads one book, and pages `anew`, counted from 1, whatever the cache has of them.
    /// # Errors
    /// As [`BookReader::read`].
    pub fn read_anew(&self, pool: &mut Pool, path: &Path, format: BookFormat, anew: &[u32]) -> Result<Book, Trouble> {
        self.read_in(pool, path, format, self.settings.language, anew)
    }

    /// What a book looks like, see [`extract::book::sampled`].
    /// # Errors
    /// Fails if something is missing here, whatever the book.
    pub(crate) fn sampled(&self, pool: &mut Pool, path: &Path) -> Result<Option<Digest>, Error> {
        let Some(format) = extract::book::format_of(path) else { return Ok(None) };
        extract::book::sampled(pool, path, format).map_err(|trouble| match trouble {
            Trouble::Content(_, message) | Trouble::Missing(message) | Trouble::Machine(message) => {
                Error::Books(message)
            }
        })
    }

    fn read_in(
        &self,
        pool: &mut Pool,
        path: &Path,
        format: BookFormat,
        stated: Option<LanguageCode>,
        anew: &[u32],
    ) -> Result<Book, Trouble> {
        let identify = |text: &str| {
            // The model reads one line.
            let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
            let found = self.identifier.as_ref()?.identify(&line)?;
            found.language.or_else(|| Some((LanguageCode::parse(&found.label).ok()?, found.probability)))
        };
        let reading = Reading {
            languages: &self.languages,
            words: &self.words,
            identify: &identify,
            stated,
            engines: self.settings.engines,
            pp_ocr: self.has_pp_ocr,
            rule: self.settings.rule,
            cache: self.cache.as_ref(),
            anew,
        };
        extract::book::read(pool, path, format, &reading)
    }
}

/// What a pipeline says of books: `[books]`. Paths are relative to the pipeline's file.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct BookUse {
    /// Folder with the models and libraries that are loaded at run time.
    pub models: PathBuf,
    /// Folder that remembers what engines have read. It is no part of the result.
    pub cache: Option<PathBuf>,
    /// Folder with Tesseract's language packs, if not its own.
    pub tessdata: Option<PathBuf>,
    /// PDFium's library, if not the one among the models.
    pub pdfium: Option<PathBuf>,
    /// How pages without a usable text layer are read.
    #[serde(default)]
    pub ocr: OcrUse,
    /// Which pages are kept.
    #[serde(default)]
    pub rule: RuleUse,
}

/// The engines that a pipeline allows.
#[derive(Debug, Clone, Copy, Default, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum OcrUse {
    #[default]
    Best,
    Tesseract,
    PpOcr,
    None,
}

/// The pages that a pipeline keeps: by what they look like, as published, or all.
#[derive(Debug, Clone, Copy, Default, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum RuleUse {
    #[default]
    Native,
    Mmedc,
    All,
}

impl BookUse {
    /// As settings of the reader, with paths below `folder`.
    pub fn settings(&self, folder: &Path) -> BookSettings {
        let below = |path: &PathBuf| folder.join(path);
        BookSettings {
            language: None,
            engines: match self.ocr {
                OcrUse::Best => Engines::Best,
                OcrUse::Tesseract => Engines::Only(Engine::Tesseract),
                OcrUse::PpOcr => Engines::Only(Engine::PpOcr),
                OcrUse::None => Engines::None,
            },
            rule: match self.rule {
                RuleUse::Native => PageRule::Native,
                RuleUse::Mmedc => PageRule::Mmedc,
                RuleUse::All => PageRule::All,
            },
            models: below(&self.models),
            pdfium: self.pdfium.as_ref().map(below),
            tessdata: self.tessdata.as_ref().map(below),
            cache: self.cache.as_ref().map(below),
        }
    }
}

/// The books of one task, read by a worker process of its own.
pub(crate) struct Shelf<'s> {
    reader: &'s BookReader,
    pool: Pool,
}

impl<'s> Shelf<'s> {
    pub fn new(reader: &'s BookReader) -> Shelf<'s> {
        Shelf { reader, pool: reader.pool(1) }
    }

    /// Visits a book as one document, each page that could not be read as a fault, and each page that is left out of the
    /// text as a document of its own with the reason.
    /// # Errors
    /// Fails if something is missing here, whatever the book.
    pub fn read(
        &mut self,
        input: &source::Input,
        container: &Arc<Container>,
        visit: VisitPage<'_>,
    ) -> Result<(), Error> {
        let Some(format) = extract::book::format_of(&input.path) else {
            let message = "the name of a book must end in pdf, epub, png, jpg, jpeg, tif or tiff";
            visit(Err(source::book_fault(input, None, FaultKind::Unsupported, message)), None);
            return Ok(());
        };
        let book = match self.reader.read_in(&mut self.pool, &input.path, format, input.declared_language, &[]) {
            Ok(book) => book,
            Err(Trouble::Content(kind, message)) => {
                visit(Err(source::book_fault(input, None, kind, &message)), None);
                return Ok(());
            }
            Err(Trouble::Missing(message) | Trouble::Machine(message)) => return Err(Error::Books(message)),
        };
        let mut kept: Option<(u32, u32)> = None;
        let mut methods: BTreeSet<&str> = BTreeSet::new();
        let mut rules: BTreeSet<&str> = BTreeSet::new();
        let mut failed = 0;
        for page in &book.pages {
            match &page.outcome {
                PageOutcome::Failed(kind, message) => {
                    failed += 1;
                    visit(Err(source::book_fault(input, Some(page.number), *kind, message)), None);
                }
                PageOutcome::Kept => {
                    kept = Some((kept.map_or(page.number, |(first, _)| first), page.number));
                    if page.method != Method::None {
                        methods.insert(page.method.as_str());
                    }
                }
                PageOutcome::KeptOut(reason) => {
                    rules.insert(reason.rule);
                    leave_out(input, container, page, *reason, visit);
                }
            }
        }
        match kept {
            Some((first, last)) => {
                let text = book.text();
                let mut document = source::book(input, container, Place::Pages { first, last }, &text, book.language);
                if let Ok(document) = &mut document {
                    document.scores.page_method = Some(methods.into_iter().collect::<Vec<_>>().join("+"));
                    document.scores.page_confidence = book.confidence().map(rounded);
                }
                visit(document, None);
            }
            // A book whose pages have all failed or were left out is never passed over in silence.
            None if failed == 0 => {
                let rules: Vec<&str> = rules.into_iter().collect();
                let message = format!("none of {} pages has text that is kept: {}", book.pages.len(), rules.join(", "));
                visit(Err(source::book_fault(input, None, FaultKind::MissingText, &message)), None);
            }
            None => {}
        }
        Ok(())
    }
}

/// Visits a book that is not read, since another one has the same bytes or the same pages.
pub(crate) fn skip(input: &source::Input, container: &Arc<Container>, first: &Container, visit: VisitPage<'_>) {
    let document = source::book(input, container, Place::Whole, "", None);
    let rule = if first.digest == container.digest { "same_file" } else { "same_pages" };
    visit(document, Some(Reason { stage: STAGE, rule, value: 2.0, limit: 1.0 }));
}

/// Visits a page that is left out of a book's text. Its id is the book's with the page.
fn leave_out(input: &source::Input, container: &Arc<Container>, page: &Page, reason: KeptOut, visit: VisitPage<'_>) {
    let KeptOut { rule, value, limit } = reason;
    let place = Place::Pages { first: page.number, last: page.number };
    let text = page.text();
    let mut document = source::book(input, container, place, &text, page.language);
    if let Ok(document) = &mut document {
        document.id = format!("{}#page={}", document.id, page.number).into();
        document.scores.page_method = Some(page.method.as_str().to_owned());
        document.scores.page_confidence = Some(rounded(page.confidence));
    }
    visit(document, Some(Reason { stage: STAGE, rule, value, limit }));
}

fn rounded(confidence: f64) -> f64 {
    (confidence * 10_000.0).round() / 10_000.0
}

fn ocr_languages(languages: &[(LanguageCode, LanguageSettings)]) -> Vec<OcrLanguage> {
    let with_ocr = languages.iter().filter_map(|(code, settings)| Some((code, settings, settings.ocr.as_ref()?)));
    let language = |(code, settings, ocr): (&LanguageCode, &LanguageSettings, &filter::OcrSettings)| OcrLanguage {
        code: *code,
        script: settings.script.clone(),
        packs: ocr.packs.clone(),
        engine: match ocr.engine {
            OcrEngine::Tesseract => Engine::Tesseract,
            OcrEngine::PpOcr => Engine::PpOcr,
        },
        min_confidence: ocr.min_confidence,
    };
    with_ocr.map(language).collect()
}
