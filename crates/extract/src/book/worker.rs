//! A worker process: answers questions about one file after another, and may die of it.
//!
//! It has a cap on its memory, so that a page that inflates without end ends the worker and nothing else.

use std::{
    fs,
    io::{self, BufRead, Write},
    path::Path,
};

use document::FaultKind;

use super::{
    cache::Cache,
    protocol::{BookFormat, Extent, Places, Reply, Request},
    raster::Raster,
    shape::Shape,
    trouble::Trouble,
};

/// Enough to tell pages from one another.
#[cfg(feature = "pdf")]
const LOOK_DPI: f32 = 72.0;

/// Answers until the questions end. The first line is [`Places`].
/// # Errors
/// Fails if the other side is gone or says something that is not understood.
pub fn serve(questions: &mut dyn BufRead, answers: &mut dyn Write) -> io::Result<()> {
    let mut line = String::new();
    questions.read_line(&mut line)?;
    let places: Places = serde_json::from_str(&line).map_err(io::Error::other)?;
    limit_memory(places.memory_bytes)?;
    let mut engines = Engines::new(&places);
    #[cfg(feature = "pdf")]
    let pdfium = super::pdf::load(places.pdfium.as_deref(), places.models.as_deref());
    let mut pending = next(questions)?;
    while let Some(request) = pending {
        let Request::Open { path, format } = request else {
            answer(answers, &Reply::Trouble(Trouble::machine("a worker was asked before a file was opened")))?;
            pending = next(questions)?;
            continue;
        };
        pending = match format {
            #[cfg(feature = "pdf")]
            BookFormat::Pdf => match &pdfium {
                Ok(pdfium) => serve_pdf(pdfium, &path, &mut engines, questions, answers)?,
                Err(trouble) => refuse(trouble.clone(), questions, answers)?,
            },
            #[cfg(not(feature = "pdf"))]
            BookFormat::Pdf => {
                refuse(Trouble::machine("this program was built without the feature pdf"), questions, answers)?
            }
            BookFormat::Image => serve_image(&path, &mut engines, questions, answers)?,
            BookFormat::Epub => {
                refuse(Trouble::machine("EPUB has no pages that a worker could read"), questions, answers)?
            }
        };
    }
    Ok(())
}

fn limit_memory(bytes: u64) -> io::Result<()> {
    if bytes > 0 {
        let limit = rustix::process::Rlimit { current: Some(bytes), maximum: Some(bytes) };
        rustix::process::setrlimit(rustix::process::Resource::As, limit)?;
    }
    Ok(())
}

fn next(questions: &mut dyn BufRead) -> io::Result<Option<Request>> {
    let mut line = String::new();
    if questions.read_line(&mut line)? == 0 {
        return Ok(None);
    }
    serde_json::from_str(&line).map(Some).map_err(io::Error::other)
}

fn answer(answers: &mut dyn Write, reply: &Reply) -> io::Result<()> {
    let mut bytes = serde_json::to_vec(reply).map_err(io::Error::other)?;
    bytes.push(b'\n');
    answers.write_all(&bytes)?;
    answers.flush()
}

/// Answers every question about a file that cannot be opened with the reason.
fn refuse(trouble: Trouble, questions: &mut dyn BufRead, answers: &mut dyn Write) -> io::Result<Option<Request>> {
    loop {
        answer(answers, &Reply::Trouble(trouble.clone()))?;
        match next(questions)? {
            Some(Request::Open { path, format }) => return Ok(Some(Request::Open { path, format })),
            Some(_) => {}
            None => return Ok(None),
        }
    }
}

/// Answers questions about one PDF; gives back the question that opens another file.
#[cfg(feature = "pdf")]
fn serve_pdf(
    pdfium: &pdfium_render::prelude::Pdfium,
    path: &Path,
    engines: &mut Engines,
    questions: &mut dyn BufRead,
    answers: &mut dyn Write,
) -> io::Result<Option<Request>> {
    use super::{pdf, text_layer::TextLayers};
    let (document, opened) = match pdf::open(pdfium, path) {
        Ok(opened) => opened,
        Err(trouble) => return refuse(trouble, questions, answers),
    };
    answer(answers, &opened)?;
    let layers = match opened {
        Reply::Opened { pages, .. } => TextLayers::open(path, pages),
        _ => None,
    };
    let mut layers = layers.as_ref().map(TextLayers::reader);
    // PDFium forgets a font when no open page uses it: with the page before kept open, each font is loaded once.
    let mut before = None;
    while let Some(request) = next(questions)? {
        let reply = match &request {
            Request::Open { .. } => return Ok(Some(request)),
            Request::Text { page: index } => {
                let plain = pdf::size(&document, *index).and_then(|size| layers.as_mut()?.page(*index, size));
                let text = plain.map_or_else(
                    || {
                        let page = pdf::page(&document, *index)?;
                        let text = pdf::text(&page);
                        drop(before.replace(page));
                        text
                    },
                    Ok,
                );
                text.map(|(shape, signs)| Reply::Text { shape, signs })
            }
            Request::Look { page } => {
                pdf::page(&document, *page).and_then(|page| pdf::render(&page, LOOK_DPI)).map(|raster| looked(&raster))
            }
            Request::Recognise { page, extent, .. } => pdf::page(&document, *page)
                .and_then(|page| pdf::render(&page, pdf::resolution(&page)))
                .and_then(|raster| engines.recognise(raster, &request, *extent)),
        };
        answer(answers, &reply.unwrap_or_else(Reply::Trouble))?;
    }
    Ok(None)
}

fn serve_image(
    path: &Path,
    engines: &mut Engines,
    questions: &mut dyn BufRead,
    answers: &mut dyn Write,
) -> io::Result<Option<Request>> {
    let raster = fs::read(path)
        .map_err(|error| Trouble::machine(format!("{}: {error}", path.display())))
        .and_then(|bytes| Raster::decode(&bytes));
    let raster = match raster {
        Ok(raster) => raster,
        Err(trouble) => return refuse(trouble, questions, answers),
    };
    answer(answers, &Reply::Opened { pages: 1, form: false, attachments: 0 })?;
    while let Some(request) = next(questions)? {
        let reply = match &request {
            Request::Open { .. } => return Ok(Some(request)),
            Request::Text { .. } => Ok(Reply::Text { shape: Shape::default(), signs: super::signs::Signs::of_image() }),
            Request::Look { .. } => Ok(looked(&raster)),
            Request::Recognise { extent, .. } => engines.recognise(raster.clone(), &request, *extent),
        };
        answer(answers, &reply.unwrap_or_else(Reply::Trouble))?;
    }
    Ok(None)
}

fn looked(raster: &Raster) -> Reply {
    Reply::Looked { digest: (!raster.is_blank()).then(|| raster.digest()) }
}

/// The engines of one worker, each loaded when it is first needed.
struct Engines {
    cache: Option<Cache>,
    #[cfg(feature = "ocr")]
    tesseract: super::tesseract::Tesseract,
    #[cfg(feature = "ocr-onnx")]
    pp_ocr: super::pp_ocr::PpOcr,
}

impl Engines {
    fn new(places: &Places) -> Engines {
        Engines {
            cache: places.cache.clone().map(Cache::new),
            #[cfg(feature = "ocr")]
            tesseract: super::tesseract::Tesseract::new(places.tessdata.as_deref()),
            #[cfg(feature = "ocr-onnx")]
            pp_ocr: super::pp_ocr::PpOcr::new(places.models.as_deref()),
        }
    }

    /// Reads a page's image, unless the same pixels were read before: a book that was saved again, or scanned into two
    /// collections, is not read twice.
    fn recognise(&mut self, raster: Raster, request: &Request, extent: Extent) -> Result<Reply, Trouble> {
        let Request::Recognise { engine, packs, .. } = request else {
            return Err(Trouble::content(FaultKind::Unsupported, "nothing to read"));
        };
        let content = raster.digest().to_string();
        let question = Request::Recognise { page: 0, engine: *engine, packs: packs.clone(), extent };
        if let Some(reply) = self.cache.as_ref().and_then(|cache| cache.get(&content, &question)) {
            return Ok(reply);
        }
        let reply = self.read(raster, request, extent)?;
        if let Some(cache) = &self.cache {
            cache.put(&content, &question, &reply);
        }
        Ok(reply)
    }

    fn read(&mut self, raster: Raster, request: &Request, extent: Extent) -> Result<Reply, Trouble> {
        let Request::Recognise { engine, packs, .. } = request else {
            return Err(Trouble::content(FaultKind::Unsupported, "nothing to read"));
        };
        let _ = (&raster, engine, packs, extent);
        #[cfg(feature = "ocr")]
        if *engine == super::protocol::Engine::Tesseract {
            return self.tesseract.read(raster, packs, extent).map(|shape| Reply::Recognised { shape });
        }
        #[cfg(feature = "ocr-onnx")]
        if *engine == super::protocol::Engine::PpOcr {
            return self.pp_ocr.read(raster, extent).map(|shape| Reply::Recognised { shape });
        }
        Err(Trouble::machine(format!("this program was built without the engine {}", engine.as_str())))
    }
}
