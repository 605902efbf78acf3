//! Where languages and the reading of books meet, for a build and for `medcorpus extract`.

use std::path::{Path, PathBuf};

use document::{LanguageCode, Problems};
use extract::book::{
    Book, BookFormat, Cache, Engine, Engines, Limits, OcrLanguage, PageRule, Places, Pool, Reading, Trouble, Words,
};
use filter::{Identifier, LanguageSettings, OcrEngine};

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
        let identifier = identifier.map(|bytes| Identifier::new(bytes, languages)).transpose()?;
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

    /// `workers` processes, each started when it is first needed.
    pub fn pool(&self, workers: usize) -> Pool {
        let places = Places {
            pdfium: self.settings.pdfium.clone(),
            models: Some(self.settings.models.clone()),
            tessdata: self.settings.tessdata.clone(),
            cache: self.settings.cache.clone(),
            memory_bytes: 0,
        };
        Pool::new(self.program.clone(), vec![WORKER_COMMAND.to_owned()], places, Limits::default(), workers)
    }

    /// Reads one book.
    /// # Errors
    /// Fails if nothing of it can be read: the file's own fault, or something that is missing here.
    pub fn read(&self, pool: &mut Pool, path: &Path, format: BookFormat) -> Result<Book, Trouble> {
        let identify = |text: &str| self.identifier.as_ref().and_then(|identifier| identifier.identify(text));
        let reading = Reading {
            languages: &self.languages,
            words: &self.words,
            identify: &identify,
            stated: self.settings.language,
            engines: self.settings.engines,
            pp_ocr: self.has_pp_ocr,
            rule: self.settings.rule,
            cache: self.cache.as_ref(),
        };
        extract::book::read(pool, path, format, &reading)
    }
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
