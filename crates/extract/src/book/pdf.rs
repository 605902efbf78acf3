//! PDF by PDFium: the text layer with boxes, signs of how good it is, and pages as images. Runs in a worker process only:
//! PDFium aborts on some files and is not thread-safe.

use std::{
    env,
    path::{Path, PathBuf},
};

use super::{
    page_glyphs::{Frame, PageGlyphs, Rectangle, as_printed, is_meaningless},
    protocol::Reply,
    raster::Raster,
    shape::Shape,
    signs::Signs,
    trouble::Trouble,
};
use document::FaultKind;
use pdfium_render::prelude::{
    PdfBitmapFormat, PdfDocument, PdfPage, PdfPageObject, PdfPageObjectCommon, PdfPageObjectsCommon,
    PdfPageRenderRotation, PdfPageTextRenderMode, PdfRenderConfig, Pdfium, PdfiumError, PdfiumInternalError,
};

/// Names the library's file for this process.
const VARIABLE: &str = "MEDCORPUS_PDFIUM";
/// Characters of one page; more are no page of a book.
const MAX_GLYPHS: usize = 200_000;
/// Objects of one page that are looked at for the signs.
const MAX_OBJECTS: usize = 5_000;
/// Pixels of a rendered page: A3 at 300 dpi is 17 million.
const MAX_PIXELS: f32 = 24e6;
/// Pixels an inch of the coarsest scan that can be read, and of a usual one.
const COARSEST_SCAN: f32 = 120.0;
const BOOK_SCAN: f32 = 300.0;
/// A page longer than this is a drawing or a lie.
const MAX_POINTS: f32 = 14_400.0;

/// Loads the library from the first place that has it: the flag, the environment, the project's folder, the system.
/// # Errors
/// Fails if none of them has it; the message names the places and the remedy.
pub fn load(flag: Option<&Path>, models: Option<&Path>) -> Result<Pdfium, Trouble> {
    let variable = env::var_os(VARIABLE).map(PathBuf::from);
    // What was asked for is not replaced by something else that happens to be there.
    let places = match flag.map(Path::to_owned).or(variable) {
        Some(asked) => vec![asked],
        None => project_places(models),
    };
    let found = places.iter().find(|path| path.is_file());
    let bindings = match found {
        Some(path) => Pdfium::bind_to_library(path),
        None if places.len() == 1 => {
            return Err(Trouble::machine(format!("{}: no PDFium library there", places[0].display())));
        }
        None => Pdfium::bind_to_system_library(),
    };
    bindings.map(Pdfium::new).map_err(|error| {
        let places: Vec<String> = places.iter().map(|path| path.display().to_string()).collect();
        Trouble::machine(format!(
            "PDFium cannot be loaded ({error}); looked at --pdfium, {VARIABLE}, {}, the system's libraries; run `make models`",
            places.join(", ")
        ))
    })
}

/// Among the models, and beside the program where it was built in the project.
fn project_places(models: Option<&Path>) -> Vec<PathBuf> {
    let name = Path::new("models").join("libpdfium.so");
    let among = models.map(|models| models.join("libpdfium.so"));
    let beside = env::current_exe().ok().and_then(|program| Some(program.parent()?.parent()?.parent()?.join(&name)));
    [among, beside].into_iter().flatten().collect()
}

/// Opens a file.
/// # Errors
/// Fails with what is wrong: encrypted, no PDF, no pages.
pub fn open<'p>(pdfium: &'p Pdfium, path: &Path) -> Result<(PdfDocument<'p>, Reply), Trouble> {
    let document = pdfium.load_pdf_from_file(path, None).map_err(|error| match error {
        PdfiumError::PdfiumLibraryInternalError(PdfiumInternalError::PasswordError) => {
            Trouble::content(FaultKind::Unsupported, "is encrypted and asks for a password; decrypt it first")
        }
        PdfiumError::PdfiumLibraryInternalError(PdfiumInternalError::SecurityError) => {
            Trouble::content(FaultKind::Unsupported, "is encrypted in a way that is not known; decrypt it first")
        }
        PdfiumError::IoError(error) => Trouble::machine(format!("{}: {error}", path.display())),
        error => Trouble::content(FaultKind::Damaged, format!("is no PDF that can be opened ({})", brief(&error))),
    })?;
    let pages = u32::try_from(document.pages().len()).unwrap_or(0);
    if pages == 0 {
        return Err(Trouble::content(FaultKind::MissingText, "has no pages"));
    }
    let form = document.form().is_some();
    let attachments = u32::from(document.attachments().len());
    Ok((document, Reply::Opened { pages, form, attachments }))
}

/// PDFium's word for what is wrong, on one line.
fn brief(error: &PdfiumError) -> String {
    let text = format!("{error:?}");
    text.split_whitespace().collect::<Vec<_>>().join(" ").replace(", )", ")").replace("( ", "(")
}

/// A page of an open file, counted from 0.
pub fn page<'d>(document: &PdfDocument<'d>, index: u32) -> Result<PdfPage<'d>, Trouble> {
    let index =
        index.try_into().map_err(|_| Trouble::content(FaultKind::TooLarge, "has more pages than can be read"))?;
    document
        .pages()
        .get(index)
        .map_err(|error| Trouble::content(FaultKind::Damaged, format!("the page cannot be loaded ({})", brief(&error))))
}

/// Width and height of a page, counted from 0, in points, without loading what is on it.
pub fn size(document: &PdfDocument<'_>, index: u32) -> Option<(f32, f32)> {
    let size = document.pages().page_size(index.try_into().ok()?).ok()?;
    Some((size.width().value, size.height().value))
}

/// The text layer of a page in reading order, and its signs.
pub fn text(page: &PdfPage<'_>) -> Result<(Shape, Signs), Trouble> {
    let mut signs = signs(page);
    let text = page.text().map_err(|error| {
        Trouble::content(FaultKind::Damaged, format!("the page's text cannot be read ({})", brief(&error)))
    })?;
    let count = text.len().max(0) as usize;
    if count > MAX_GLYPHS {
        return Err(Trouble::content(
            FaultKind::TooLarge,
            format!("the page has {count} characters, at most {MAX_GLYPHS} are read"),
        ));
    }
    let mut glyphs = PageGlyphs::new(frame(page), count);
    let mut bold = false;
    let mut after_blank = true;
    let mut surrogate: Option<u32> = None;
    for character in text.chars().iter() {
        let mut value = character.unicode_value();
        // Characters beyond 16 bits come in two halves.
        match (surrogate.take(), value) {
            (_, 0xD800..=0xDBFF) => {
                surrogate = Some(value);
                continue;
            }
            (Some(high), 0xDC00..=0xDFFF) => value = 0x10000 + ((high - 0xD800) << 10) + (value - 0xDC00),
            _ => {}
        }
        let decoded = char::from_u32(value).map_or(char::REPLACEMENT_CHARACTER, as_printed);
        if decoded.is_whitespace() {
            glyphs.blank();
            after_blank = true;
            continue;
        }
        signs.chars += 1;
        if is_meaningless(decoded) {
            signs.undecodable += 1;
        }
        let Ok(bounds) = character.loose_bounds() else { continue };
        // Weight is asked for at the start of a word only, since each question costs as much as the character itself.
        if after_blank {
            bold = character.font_weight().is_some_and(|weight| i32::from(weight_of(weight)) >= 600);
        }
        after_blank = false;
        let angle = character.angle_degrees().unwrap_or(0.0);
        let rectangle = Rectangle {
            left: bounds.left().value,
            top: bounds.top().value,
            right: bounds.right().value,
            bottom: bounds.bottom().value,
        };
        glyphs.push(decoded, rectangle, angle, bold);
    }
    Ok((glyphs.shape(), signs))
}

fn weight_of(weight: pdfium_render::prelude::PdfFontWeight) -> i16 {
    use pdfium_render::prelude::PdfFontWeight as Weight;
    match weight {
        Weight::Weight100 => 100,
        Weight::Weight200 => 200,
        Weight::Weight300 => 300,
        Weight::Weight400Normal => 400,
        Weight::Weight500 => 500,
        Weight::Weight600 => 600,
        Weight::Weight700Bold => 700,
        Weight::Weight800 => 800,
        Weight::Weight900 => 900,
        Weight::Custom(value) => value.min(1_000) as i16,
    }
}

/// How the page lies, as a reader sees it.
fn frame(page: &PdfPage<'_>) -> Frame {
    let quarters = match page.rotation() {
        Ok(PdfPageRenderRotation::Degrees90) => 1,
        Ok(PdfPageRenderRotation::Degrees180) => 2,
        Ok(PdfPageRenderRotation::Degrees270) => 3,
        _ => 0,
    };
    let bounds = page.boundaries().bounding().map(|bounding| bounding.bounds);
    let (left, bottom) = bounds.map_or((0.0, 0.0), |bounds| (bounds.left().value, bounds.bottom().value));
    Frame { left, bottom, width: page.width().value, height: page.height().value, quarters }
}

/// Images, outlines and invisible text.
fn signs(page: &PdfPage<'_>) -> Signs {
    let mut signs = Signs::default();
    let whole = (page.width().value * page.height().value).max(1.0);
    let objects = page.objects();
    signs.objects = objects.len() as u32;
    let mut texts = 0u32;
    let mut invisible = 0u32;
    for index in 0..objects.len().min(MAX_OBJECTS) {
        let Ok(object) = objects.get(index) else { continue };
        match &object {
            PdfPageObject::Image(image) => {
                let Ok(bounds) = image.bounds() else { continue };
                let (across, down) = (image.width().unwrap_or(0) as f32, image.height().unwrap_or(0) as f32);
                signs.see_image(bounds.width().value, bounds.height().value, across, down, whole);
            }
            PdfPageObject::Text(text) => {
                texts += 1;
                invisible += u32::from(matches!(
                    text.render_mode(),
                    PdfPageTextRenderMode::Invisible | PdfPageTextRenderMode::InvisibleClipping
                ));
            }
            PdfPageObject::Path(_) | PdfPageObject::Shading(_) | PdfPageObject::XObjectForm(_) => signs.drawings += 1,
            PdfPageObject::Unsupported(_) => {}
        }
    }
    signs.invisible = invisible * 2 > texts;
    signs
}

/// The resolution to draw a page at: that of its scan, so that no pixel is made up, or what books are scanned at. An image
/// that is coarser than any scan is a background, before which text is written.
pub fn resolution(page: &PdfPage<'_>) -> f32 {
    let signs = signs(page);
    if signs.image_share > 0.5 && signs.image_dpi >= COARSEST_SCAN { signs.image_dpi.min(400.0) } else { BOOK_SCAN }
}

/// The page as an image. At `dpi`, or fewer where the page would become too large.
pub fn render(page: &PdfPage<'_>, dpi: f32) -> Result<Raster, Trouble> {
    let (width, height) = (page.width().value, page.height().value);
    if !(width > 1.0 && height > 1.0 && width < MAX_POINTS && height < MAX_POINTS) {
        return Err(Trouble::content(
            FaultKind::TooLarge,
            format!("a page of {width} by {height} points is not drawn"),
        ));
    }
    let pixels = width * height * (dpi / 72.0) * (dpi / 72.0);
    let dpi = if pixels > MAX_PIXELS { dpi * (MAX_PIXELS / pixels).sqrt() } else { dpi };
    // Rows of a grey bitmap are padded to four bytes.
    let target = ((width * dpi / 72.0).round() as i32).max(8);
    let config = PdfRenderConfig::new()
        .set_format(PdfBitmapFormat::BGRx)
        .set_target_width(target)
        .render_annotations(false)
        .render_form_data(false)
        .use_lcd_text_rendering(false);
    let bitmap = page.render_with_config(&config).map_err(|error| {
        Trouble::content(FaultKind::Damaged, format!("the page cannot be drawn ({})", brief(&error)))
    })?;
    let bytes = bitmap.as_raw_bytes();
    let (width, height) = (bitmap.width().max(0) as usize, bitmap.height().max(0) as usize);
    if width * height == 0 || bytes.len() != width * height * 4 {
        return Err(Trouble::content(FaultKind::Damaged, "the page was drawn in a way that is not understood"));
    }
    let grey = bytes
        .chunks_exact(4)
        .map(|pixel| {
            let (blue, green, red) = (u32::from(pixel[0]), u32::from(pixel[1]), u32::from(pixel[2]));
            ((red * 299 + green * 587 + blue * 114 + 500) / 1000) as u8
        })
        .collect();
    Ok(Raster { width, height, grey, dpi })
}
