//! Reads one book: which pages have a text layer that can be trusted, which must be read from their image and by which
//! engine, and what of all that is the text.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs, io,
    path::Path,
};

use document::{Digest, FaultKind, Hasher, LanguageCode};

use super::{
    cache::Cache,
    doses::{Doses, doses},
    epub,
    furniture::furniture,
    page_kind::{self, KeptOut, PageRule},
    paragraphs::{Last, Manner, Paragraph, Role, Vocabulary, paragraphs},
    pool::Pool,
    protocol::{BookFormat, Engine, Extent, Reply, Request},
    routing::{self, Route},
    shape::Shape,
    signs::Signs,
    trouble::Trouble,
};

/// A language that pages can be read in.
#[derive(Debug, Clone, PartialEq)]
pub struct OcrLanguage {
    pub code: LanguageCode,
    /// ISO 15924, as the language's folder says.
    pub script: String,
    /// Tesseract's language packs; of several the one that reads a sample best is taken.
    pub packs: Vec<String>,
    /// The engine that reads it best, by measurement.
    pub engine: Engine,
    /// Confidence below which a page is kept out.
    pub min_confidence: f64,
}

/// What languages call things, beside what is written alike everywhere.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Words {
    /// Marks of an imprint, in upper case.
    pub imprint_marks: Vec<String>,
    /// Units of doses and findings, in lower case.
    pub units: Vec<String>,
}

/// Which engines may be used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Engines {
    /// Each language's own, and Tesseract where that is not installed.
    #[default]
    Best,
    Only(Engine),
    /// Pages without a usable text layer are kept out.
    None,
}

/// Tells the language of a text and how sure that is, in 0..=1; nothing where no model is there.
pub type Identify<'i> = dyn Fn(&str) -> Option<(LanguageCode, f64)> + Sync + 'i;

/// How a book is read.
pub struct Reading<'r> {
    pub languages: &'r [OcrLanguage],
    pub words: &'r Words,
    pub identify: &'r Identify<'r>,
    /// The language, where somebody says it.
    pub stated: Option<LanguageCode>,
    pub engines: Engines,
    /// Whether the second engine's library and models are there.
    pub pp_ocr: bool,
    pub rule: PageRule,
    pub cache: Option<&'r Cache>,
    /// Pages, counted from 1, that are read anew whatever the cache has.
    pub anew: &'r [u32],
}

/// What became of a page.
#[derive(Debug, Clone, PartialEq)]
pub enum PageOutcome {
    Kept,
    KeptOut(KeptOut),
    Failed(FaultKind, String),
}

/// How a page was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    TextLayer,
    Engine(Engine),
    /// The file says what is a paragraph.
    Markup,
    /// There is nothing to read.
    None,
}

impl Method {
    /// The name as it is written in the output.
    pub fn as_str(self) -> &'static str {
        match self {
            Method::TextLayer => "text_layer",
            Method::Engine(engine) => engine.as_str(),
            Method::Markup => "markup",
            Method::None => "none",
        }
    }
}

/// One page of a book.
#[derive(Debug, Clone, PartialEq)]
pub struct Page {
    /// Counted from 1.
    pub number: u32,
    pub paragraphs: Vec<Paragraph>,
    pub method: Method,
    /// Why it was read in this way.
    pub route: &'static str,
    pub language: Option<LanguageCode>,
    /// Mean over the characters, in 0..=1.
    pub confidence: f64,
    pub doses: Doses,
    pub outcome: PageOutcome,
    pub shape: Option<Shape>,
}

impl Page {
    /// The page's text: a paragraph a line, an empty line between.
    pub fn text(&self) -> String {
        let mut text = String::new();
        let mut last = None;
        for paragraph in &self.paragraphs {
            if last.is_some() {
                text.push_str(if last == Some(Role::Row) && paragraph.role == Role::Row { "\n" } else { "\n\n" });
            }
            text.push_str(&paragraph.text);
            last = Some(paragraph.role);
        }
        text
    }
}

/// A book that was read.
#[derive(Debug)]
pub struct Book {
    pub digest: Digest,
    pub format: BookFormat,
    pub language: Option<LanguageCode>,
    pub pages: Vec<Page>,
    /// What a reader should know of the file: forms and attachments are not part of the text.
    pub notices: Vec<String>,
    vocabulary: Vocabulary,
}

impl Book {
    /// The whole text as it enters the corpus: the kept pages, paragraphs joined across them, footnotes behind the
    /// paragraph that they interrupt.
    pub fn text(&self) -> String {
        let mut pieces: Vec<(String, Role)> = Vec::new();
        let mut open: Option<usize> = None;
        let mut last_number = None;
        for page in self.pages.iter().filter(|page| page.outcome == PageOutcome::Kept) {
            let follows = last_number.is_some_and(|last| last + 1 == page.number);
            last_number = Some(page.number);
            for paragraph in &page.paragraphs {
                match open {
                    Some(index) if paragraph.continues && follows => {
                        self.vocabulary.join(&mut pieces[index].0, &paragraph.text);
                    }
                    _ => {
                        pieces.push((paragraph.text.clone(), paragraph.role));
                        if paragraph.role != Role::Footnote {
                            open = Some(pieces.len() - 1);
                        }
                    }
                }
            }
        }
        let mut text = String::new();
        let mut last = None;
        for (piece, role) in pieces {
            if let Some(last) = last {
                text.push_str(if last == Role::Row && role == Role::Row { "\n" } else { "\n\n" });
            }
            text.push_str(&piece);
            last = Some(role);
        }
        text
    }

    /// Mean confidence over the characters of the kept pages, in 0..=1; none without any.
    pub fn confidence(&self) -> Option<f64> {
        let kept = self.pages.iter().filter(|page| page.outcome == PageOutcome::Kept);
        let (mut sum, mut chars) = (0.0, 0.0);
        for page in kept {
            let length = page.paragraphs.iter().map(|it| it.text.chars().count()).sum::<usize>() as f64;
            sum += page.confidence * length;
            chars += length;
        }
        (chars > 0.0).then(|| sum / chars)
    }
}

/// What a file's name or first bytes say of its format.
pub fn format_of(path: &Path) -> Option<BookFormat> {
    let ending = path.extension()?.to_str()?.to_ascii_lowercase();
    match ending.as_str() {
        "pdf" => Some(BookFormat::Pdf),
        "png" | "jpg" | "jpeg" | "tif" | "tiff" => Some(BookFormat::Image),
        "epub" => Some(BookFormat::Epub),
        _ => None,
    }
}

/// The digest of a file, read piece by piece.
/// # Errors
/// Fails if the file cannot be read.
pub fn digest_file(path: &Path) -> io::Result<Digest> {
    let mut file = fs::File::open(path)?;
    let mut hasher = Hasher::default();
    let mut buffer = vec![0; 1 << 20];
    loop {
        let length = io::Read::read(&mut file, &mut buffer)?;
        if length == 0 {
            return Ok(hasher.finish());
        }
        hasher.update(&buffer[..length]);
    }
}

/// Reads a book.
/// # Errors
/// Fails if nothing of it can be read: the file's own fault, or something that is missing here.
pub fn read(pool: &mut Pool, path: &Path, format: BookFormat, reading: &Reading<'_>) -> Result<Book, Trouble> {
    let digest = digest_file(path).map_err(|error| Trouble::machine(format!("{}: {error}", path.display())))?;
    if format == BookFormat::Epub {
        return Ok(of_chapters(digest, epub::read(path)?, reading));
    }
    let mut reader = Reader { pool, path, format, reading, file: digest.to_string(), missing: BTreeSet::new() };
    let (pages, notices) = reader.open()?;
    let mut leaves = reader.text_layers(pages)?;
    let language = reader.language(&leaves)?;
    reader.route(&mut leaves, language)?;
    reader.recognise(&mut leaves, language)?;
    let notices = notices.into_iter().chain(reader.missing).collect();
    Ok(assemble(digest, format, leaves, language, notices, reading))
}

/// A page on its way.
struct Leaf {
    signs: Signs,
    shape: Option<Shape>,
    fault: Option<(FaultKind, String)>,
    method: Method,
    route: Route,
    language: Option<LanguageCode>,
    /// What the text layer reads like, where there is enough of it.
    identified: Option<(LanguageCode, f64)>,
}

struct Reader<'r> {
    pool: &'r mut Pool,
    path: &'r Path,
    format: BookFormat,
    reading: &'r Reading<'r>,
    file: String,
    /// What is said of language packs that are not there, each once.
    missing: BTreeSet<String>,
}

impl Reader<'_> {
    fn open(&mut self) -> Result<(u32, Vec<String>), Trouble> {
        let Reply::Opened { pages, form, attachments } = self.pool.open(self.path, self.format)? else {
            return Err(Trouble::machine("a worker answered something else than was asked"));
        };
        let mut notices = Vec::new();
        if form {
            notices.push("has a form; what is filled in is not part of the text".to_owned());
        }
        if attachments > 0 {
            notices.push(format!("has {attachments} attached files, which are not read"));
        }
        let most = self.pool.limits().pages;
        if pages > most {
            let message = format!("claims {pages} pages, at most {most} are read; split it");
            return Err(Trouble::content(FaultKind::TooLarge, message));
        }
        Ok((pages, notices))
    }

    fn text_layers(&mut self, pages: u32) -> Result<Vec<Leaf>, Trouble> {
        let requests: Vec<Request> = (0..pages).map(|page| Request::Text { page }).collect();
        let replies = self.pool.ask(self.path, self.format, &requests)?;
        let mut leaves = Vec::with_capacity(replies.len());
        for reply in replies {
            let mut leaf = Leaf {
                signs: Signs::default(),
                shape: None,
                fault: None,
                method: Method::None,
                route: Route::Blank,
                language: None,
                identified: None,
            };
            match reply {
                Reply::Text { shape, signs } => {
                    if !routing::before_reading(&signs).is_recognise() {
                        leaf.identified = self.identify(&shape.plain_text());
                    }
                    leaf.signs = signs;
                    leaf.shape = Some(shape);
                }
                Reply::Trouble(Trouble::Content(kind, message)) => leaf.fault = Some((kind, message)),
                Reply::Trouble(trouble) => return Err(trouble),
                _ => return Err(Trouble::machine("a worker answered something else than was asked")),
            }
            leaves.push(leaf);
        }
        Ok(leaves)
    }

    /// The language of most of the text that there is, or of a page that is read for it.
    fn language(&mut self, leaves: &[Leaf]) -> Result<Option<LanguageCode>, Trouble> {
        if let Some(stated) = self.reading.stated {
            return Ok(Some(stated));
        }
        let mut votes: BTreeMap<LanguageCode, f64> = BTreeMap::new();
        for leaf in leaves {
            if let (Some(shape), Some((code, sure))) = (&leaf.shape, leaf.identified) {
                *votes.entry(code).or_default() += sure * sure * shape.chars() as f64;
            }
        }
        let known = |code: &LanguageCode| self.reading.languages.iter().any(|language| language.code == *code);
        let best = votes.iter().filter(|(code, _)| known(code)).max_by(|left, right| left.1.total_cmp(right.1));
        let all: f64 = votes.values().sum();
        if let Some((code, votes)) = best
            && *votes > 0.3 * all
        {
            return Ok(Some(*code));
        }
        let unread = leaves
            .iter()
            .enumerate()
            .filter(|(_, leaf)| leaf.fault.is_none() && routing::before_reading(&leaf.signs).needs_engine());
        let unread: Vec<u32> = unread.map(|(index, _)| index as u32).collect();
        match unread.get(unread.len() / 2) {
            Some(page) => self.first_pass(*page),
            None => Ok(best.map(|(code, _)| *code)),
        }
    }

    /// Reads a few lines of a page with one language pack a script, and says which language they are in.
    fn first_pass(&mut self, page: u32) -> Result<Option<LanguageCode>, Trouble> {
        if matches!(self.reading.engines, Engines::None) {
            return Ok(None);
        }
        let mut tried: Vec<&str> = Vec::new();
        let mut best: Option<(f64, LanguageCode)> = None;
        for language in self.reading.languages {
            if tried.contains(&language.script.as_str()) {
                continue;
            }
            let Some(packs) = language.packs.first() else { continue };
            let request =
                Request::Recognise { page, engine: Engine::Tesseract, packs: packs.clone(), extent: Extent::Glimpse };
            let Some(shape) = self.answer(&request)? else { continue };
            tried.push(&language.script);
            let text = shape.plain_text();
            let Some((code, sure)) = (self.reading.identify)(&text) else { continue };
            let known = self.reading.languages.iter().find(|it| it.code == code);
            // Text of another script than the pack's was not read, but made up.
            if known.is_none_or(|it| it.script != language.script) {
                continue;
            }
            let score = confidence(&shape) * sure * (shape.chars() as f64).min(200.0).sqrt();
            if best.is_none_or(|(best, _)| score > best) {
                best = Some((score, code));
            }
            if confidence(&shape) > 0.85 && sure > 0.85 && shape.chars() > 80 {
                break;
            }
        }
        Ok(best.map(|(_, code)| code))
    }

    /// Decides for each page whether its text layer is used.
    fn route(&mut self, leaves: &mut [Leaf], language: Option<LanguageCode>) -> Result<(), Trouble> {
        let image_book = self.reading.rule == PageRule::Mmedc && {
            let texts: Vec<String> = leaves.iter().flat_map(|leaf| &leaf.shape).map(Shape::plain_text).collect();
            page_kind::is_image_book(&texts.concat(), leaves.len())
        };
        for (index, leaf) in leaves.iter_mut().enumerate() {
            let Some(shape) = &leaf.shape else { continue };
            if self.reading.rule == PageRule::Mmedc {
                let (route, method) = match image_book {
                    true => (Route::Recognise("mmedc_image_book"), Method::None),
                    false => (Route::Layer("mmedc_text_book"), Method::TextLayer),
                };
                (leaf.route, leaf.method, leaf.language) = (route, method, language);
                continue;
            }
            leaf.language = leaf.identified.filter(|(_, sure)| *sure >= 0.5).map(|(code, _)| code).or(language);
            leaf.route = routing::route(&leaf.signs, shape, leaf.identified, language, self.format);
            if let Route::Verify(why) = leaf.route {
                leaf.route = match self.agreement(index as u32, shape, leaf.language.or(language))? {
                    Some((agreement, sure)) if routing::disproves(agreement, sure) => Route::Recognise(why),
                    _ => Route::Layer(why),
                };
            }
            leaf.method = match leaf.route {
                Route::Layer(_) | Route::Verify(_) => Method::TextLayer,
                Route::Recognise(_) | Route::Blank => Method::None,
            };
        }
        Ok(())
    }

    /// How far a text layer says what an engine reads on a part of the page, and how sure the engine is.
    fn agreement(
        &mut self,
        page: u32,
        shape: &Shape,
        language: Option<LanguageCode>,
    ) -> Result<Option<(f64, f64)>, Trouble> {
        let Some((engine, packs)) = self.choice(language) else { return Ok(None) };
        // A sample with too little text to compare says nothing of the page; then all of it is read.
        for extent in [Extent::Sample, Extent::Page] {
            let request = Request::Recognise { page, engine, packs: packs.clone(), extent };
            let Some(read) = self.answer(&request)? else { return Ok(None) };
            if let Some(agreement) = routing::agreement(shape, &read) {
                return Ok(Some((agreement, confidence(&read))));
            }
        }
        Ok(None)
    }

    /// What a text reads like, if it is long enough to say.
    fn identify(&self, text: &str) -> Option<(LanguageCode, f64)> {
        (text.chars().count() >= 40).then(|| (self.reading.identify)(text)).flatten()
    }

    /// The engine and language packs for a language.
    fn choice(&self, language: Option<LanguageCode>) -> Option<(Engine, String)> {
        let known = language.and_then(|code| self.reading.languages.iter().find(|it| it.code == code));
        let known = known.or(self.reading.languages.first())?;
        let engine = match self.reading.engines {
            Engines::None => return None,
            Engines::Only(engine) => engine,
            Engines::Best if known.engine == Engine::PpOcr && !self.reading.pp_ocr => Engine::Tesseract,
            Engines::Best => known.engine,
        };
        Some((engine, known.packs.first().cloned().unwrap_or_default()))
    }

    /// Reads the pages that need it.
    fn recognise(&mut self, leaves: &mut [Leaf], language: Option<LanguageCode>) -> Result<(), Trouble> {
        let wanted: Vec<usize> = (0..leaves.len())
            .filter(|index| leaves[*index].route.is_recognise() && leaves[*index].fault.is_none())
            .collect();
        if wanted.is_empty() {
            return Ok(());
        }
        let Some((engine, packs)) = self.choice(language) else {
            return Ok(());
        };
        let packs = self.best_packs(language, engine, packs, wanted[wanted.len() / 2] as u32)?;
        let requests: Vec<Request> = wanted
            .iter()
            .map(|page| Request::Recognise { page: *page as u32, engine, packs: packs.clone(), extent: Extent::Page })
            .collect();
        for (index, reply) in wanted.into_iter().zip(self.answers(&requests)?) {
            let leaf = &mut leaves[index];
            match reply {
                Reply::Recognised { shape } => {
                    leaf.method = Method::Engine(engine);
                    let identified = self.identify(&shape.plain_text());
                    leaf.language = identified.filter(|(_, sure)| *sure >= 0.5).map(|(code, _)| code).or(language);
                    leaf.shape = Some(shape);
                }
                Reply::Trouble(Trouble::Content(kind, message)) => leaf.fault = Some((kind, message)),
                Reply::Trouble(Trouble::Missing(message)) => {
                    leaf.fault = Some((FaultKind::Unsupported, message));
                }
                Reply::Trouble(trouble) => return Err(trouble),
                _ => return Err(Trouble::machine("a worker answered something else than was asked")),
            }
        }
        self.read_again(leaves, language, engine)
    }

    /// Pages in another language of the book's are read once more, in that one.
    fn read_again(
        &mut self,
        leaves: &mut [Leaf],
        language: Option<LanguageCode>,
        engine: Engine,
    ) -> Result<(), Trouble> {
        if self.reading.stated.is_some() {
            return Ok(());
        }
        let others: Vec<(usize, Request, Engine)> = leaves
            .iter()
            .enumerate()
            .filter_map(|(index, leaf)| {
                let other = leaf.language.filter(|code| Some(*code) != language)?;
                let known = self.reading.languages.iter().any(|it| it.code == other);
                let (other_engine, packs) = self.choice(Some(other))?;
                let by_engine = matches!(leaf.method, Method::Engine(_));
                // One model of the second engine reads many languages.
                let differs = other_engine != engine || engine == Engine::Tesseract;
                (known && by_engine && differs).then(|| {
                    let page = index as u32;
                    (
                        index,
                        Request::Recognise { page, engine: other_engine, packs, extent: Extent::Page },
                        other_engine,
                    )
                })
            })
            .collect();
        let requests: Vec<Request> = others.iter().map(|(_, request, _)| request.clone()).collect();
        for ((index, _, engine), reply) in others.into_iter().zip(self.answers(&requests)?) {
            let leaf = &mut leaves[index];
            if let Reply::Recognised { shape } = reply
                && leaf.shape.as_ref().is_none_or(|before| confidence(&shape) > confidence(before))
            {
                leaf.method = Method::Engine(engine);
                leaf.shape = Some(shape);
            }
        }
        Ok(())
    }

    /// Of several language packs (simplified and traditional characters) the one that reads a sample best.
    fn best_packs(
        &mut self,
        language: Option<LanguageCode>,
        engine: Engine,
        first: String,
        page: u32,
    ) -> Result<String, Trouble> {
        let known = language.and_then(|code| self.reading.languages.iter().find(|it| it.code == code));
        let Some(known) = known.filter(|it| it.packs.len() > 1 && engine == Engine::Tesseract) else {
            return Ok(first);
        };
        let mut best = (0.0, first);
        for packs in &known.packs {
            let request = Request::Recognise { page, engine, packs: packs.clone(), extent: Extent::Glimpse };
            if let Some(shape) = self.answer(&request)?
                && confidence(&shape) > best.0
            {
                best = (confidence(&shape), packs.clone());
            }
        }
        Ok(best.1)
    }

    /// One answer of an engine; nothing where the page cannot be read.
    fn answer(&mut self, request: &Request) -> Result<Option<Shape>, Trouble> {
        match self.answers(std::slice::from_ref(request))?.pop() {
            Some(Reply::Recognised { shape }) => Ok(Some(shape)),
            Some(Reply::Trouble(Trouble::Missing(message))) => {
                self.missing.insert(message);
                Ok(None)
            }
            Some(Reply::Trouble(trouble @ Trouble::Machine(_))) => Err(trouble),
            _ => Ok(None),
        }
    }

    /// Answers out of the cache, and for the rest from the workers.
    fn answers(&mut self, requests: &[Request]) -> Result<Vec<Reply>, Trouble> {
        let cache = self.reading.cache;
        let known = |request: &Request| {
            let is_anew = matches!(request, Request::Recognise { page, .. } if self.reading.anew.contains(&(page + 1)));
            if is_anew { None } else { cache?.get(&self.file, request) }
        };
        let mut replies: Vec<Option<Reply>> = requests.iter().map(known).collect();
        let missing: Vec<usize> = (0..requests.len()).filter(|index| replies[*index].is_none()).collect();
        let asked: Vec<Request> = missing.iter().map(|index| requests[*index].clone()).collect();
        for (index, reply) in missing.into_iter().zip(self.pool.ask(self.path, self.format, &asked)?) {
            if let (Some(cache), Reply::Recognised { .. }) = (cache, &reply) {
                cache.put(&self.file, &requests[index], &reply);
            }
            replies[index] = Some(reply);
        }
        Ok(replies.into_iter().flatten().collect())
    }
}

/// A book whose file says what is a paragraph.
fn of_chapters(digest: Digest, chapters: epub::Chapters, reading: &Reading<'_>) -> Book {
    let count = chapters.len();
    let mut pages = Vec::with_capacity(count);
    let mut votes: BTreeMap<LanguageCode, f64> = BTreeMap::new();
    for (index, chapter) in chapters.into_iter().enumerate() {
        let (paragraphs, failed) = match chapter {
            Ok(paragraphs) => (paragraphs, None),
            Err(fault) => (Vec::new(), Some(fault)),
        };
        let text: Vec<&str> = paragraphs.iter().map(|it| it.text.as_str()).collect();
        let whole = text.join("\n");
        let identified = (reading.identify)(&whole).filter(|(_, sure)| *sure >= 0.5);
        if let Some((code, _)) = identified {
            *votes.entry(code).or_default() += whole.chars().count() as f64;
        }
        let kept_out = match reading.rule {
            PageRule::Native => page_kind::native(index, count, &text, &paragraphs, &reading.words.imprint_marks),
            PageRule::Mmedc => page_kind::mmedc(index, count),
            PageRule::All => None,
        };
        let outcome = match (failed, kept_out) {
            (Some((kind, message)), _) => PageOutcome::Failed(kind, message),
            (None, Some(kept_out)) => PageOutcome::KeptOut(kept_out),
            (None, None) => PageOutcome::Kept,
        };
        pages.push(Page {
            number: index as u32 + 1,
            doses: doses(&whole, &reading.words.units),
            paragraphs,
            method: Method::Markup,
            route: "chapter",
            language: reading.stated.or(identified.map(|(code, _)| code)),
            confidence: 1.0,
            outcome,
            shape: None,
        });
    }
    let language = votes.iter().max_by(|left, right| left.1.total_cmp(right.1)).map(|(code, _)| *code);
    Book {
        digest,
        format: BookFormat::Epub,
        language: reading.stated.or(language),
        pages,
        notices: Vec::new(),
        vocabulary: Vocabulary::default(),
    }
}

/// Mean confidence over the characters.
fn confidence(shape: &Shape) -> f64 {
    let (mut sum, mut chars) = (0.0, 0.0);
    for line in shape.lines() {
        let length = line.text.chars().count() as f64;
        sum += f64::from(line.confidence) * length;
        chars += length;
    }
    if chars > 0.0 { sum / chars } else { 0.0 }
}

/// Pages become paragraphs, and each gets its outcome.
fn assemble(
    digest: Digest,
    format: BookFormat,
    leaves: Vec<Leaf>,
    language: Option<LanguageCode>,
    notices: Vec<String>,
    reading: &Reading<'_>,
) -> Book {
    let shapes: Vec<Option<&Shape>> = leaves
        .iter()
        .map(|leaf| leaf.shape.as_ref().filter(|_| leaf.fault.is_none() && leaf.method != Method::None))
        .collect();
    let marks = furniture(&shapes);
    let manner = Manner::of(shapes.iter().flatten().copied());
    let mut vocabulary = Vocabulary::default();
    for line in shapes.iter().flatten().flat_map(|shape| shape.lines()) {
        vocabulary.add(&line.text);
    }
    let mut last: Option<Last> = None;
    let texts: Vec<Vec<Paragraph>> = shapes
        .iter()
        .zip(&marks)
        .map(|(shape, marks)| match shape {
            Some(shape) => paragraphs(shape, marks, &manner, &vocabulary, &mut last),
            None => {
                last = None;
                Vec::new()
            }
        })
        .collect();
    let count = leaves.len();
    let pages = leaves.into_iter().zip(texts).zip(marks).enumerate().map(|(index, ((leaf, paragraphs), marks))| {
        let outcome = outcome(index, count, &leaf, &paragraphs, &marks, reading);
        let text: Vec<&str> = paragraphs.iter().map(|it| it.text.as_str()).collect();
        let mut doses = doses(&text.join("\n"), &reading.words.units);
        if let (Method::Engine(_), Some(shape)) = (leaf.method, &leaf.shape) {
            doses.suspicious += shape.lines().map(|line| line.doubted_numbers).sum::<u32>();
        }
        Page {
            number: index as u32 + 1,
            method: leaf.method,
            route: leaf.route.why(),
            language: leaf.language.or(language),
            confidence: leaf
                .shape
                .as_ref()
                .filter(|_| leaf.method != Method::None)
                .map_or(0.0, |shape| layer_confidence(&leaf, shape)),
            doses,
            outcome,
            paragraphs,
            shape: leaf.shape,
        }
    });
    Book { digest, format, language, pages: pages.collect(), notices, vocabulary }
}

/// That of the engine; of a text layer the share of characters that mean something.
fn layer_confidence(leaf: &Leaf, shape: &Shape) -> f64 {
    let all = confidence(shape);
    match leaf.method {
        Method::TextLayer => all * (1.0 - f64::from(leaf.signs.undecodable) / f64::from(leaf.signs.chars.max(1))),
        _ => all,
    }
}

fn outcome(
    index: usize,
    count: usize,
    leaf: &Leaf,
    paragraphs: &[Paragraph],
    marks: &[bool],
    reading: &Reading<'_>,
) -> PageOutcome {
    if let Some((kind, message)) = &leaf.fault {
        return PageOutcome::Failed(*kind, message.clone());
    }
    if leaf.route.is_recognise() && leaf.method == Method::None {
        return PageOutcome::KeptOut(KeptOut { rule: "no_usable_text_layer", value: 0.0, limit: 0.0 });
    }
    let lines: Vec<&str> = leaf
        .shape
        .iter()
        .flat_map(|shape| shape.lines())
        .zip(marks)
        .filter(|(_, mark)| !**mark)
        .map(|(line, _)| line.text.as_str())
        .collect();
    let lines = if leaf.method == Method::None { Vec::new() } else { lines };
    let by_kind = match reading.rule {
        PageRule::Native => page_kind::native(index, count, &lines, paragraphs, &reading.words.imprint_marks),
        PageRule::Mmedc => page_kind::mmedc(index, count),
        PageRule::All => None,
    };
    if let Some(kept_out) = by_kind {
        return PageOutcome::KeptOut(kept_out);
    }
    if let (Method::Engine(_), Some(shape)) = (leaf.method, &leaf.shape) {
        let known = leaf.language.and_then(|code| reading.languages.iter().find(|it| it.code == code));
        let floor = known.map_or(0.0, |it| it.min_confidence);
        let sure = (confidence(shape) * 10_000.0).round() / 10_000.0;
        if sure < floor && reading.rule != PageRule::All {
            return PageOutcome::KeptOut(KeptOut { rule: "confidence_too_low", value: sure, limit: floor });
        }
    }
    PageOutcome::Kept
}
