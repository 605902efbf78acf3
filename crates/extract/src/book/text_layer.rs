//! The text layer of a PDF page out of its content stream, without a look at the outline of any character: what PDFium
//! does for each, and what most of its time goes to.
//!
//! Whatever is not plain is left to PDFium: a font that is drawn by instructions or written downwards, a character that
//! no table names, text from right to left, replacement texts.

use std::{
    cell::RefCell,
    fs,
    panic::{self, AssertUnwindSafe},
    path::Path,
    rc::Rc,
};

use hayro_font::{
    hayro_syntax::{
        Pdf,
        content::{TypedIter, ops::TypedInstruction},
        object::{Dict, Name, Object, ObjectIdentifier, Stream, dict::keys},
        page::{Page, Resources, Rotation},
    },
    kurbo::{Affine, Point, Rect},
};
use rustc_hash::FxHashMap;

use super::{
    page_font::{Fonts, PageFont},
    page_glyphs::{Frame, PageGlyphs},
    shape::Shape,
    signs::Signs,
    text_run::{End, Line, Runs, Written, gap},
};

/// Files that are read whole. Larger ones are scans.
const MAX_FILE_BYTES: u64 = 128 << 20;
/// Characters and operators of a page, and forms within forms.
const MAX_GLYPHS: usize = 200_000;
const MAX_OPERATORS: usize = 2_000_000;
const MAX_DEPTH: usize = 8;
/// Graphics states that are put aside.
const MAX_STATES: usize = 500;

/// A file whose text layers are read.
pub struct TextLayers {
    pdf: Pdf,
}

impl TextLayers {
    /// Opens a file, if it is one that can be read in this way and has so many pages.
    pub fn open(path: &Path, pages: u32) -> Option<TextLayers> {
        if fs::metadata(path).ok()?.len() > MAX_FILE_BYTES {
            return None;
        }
        TextLayers::of(fs::read(path).ok()?, pages)
    }

    fn of(file: Vec<u8>, pages: u32) -> Option<TextLayers> {
        let pdf = panic::catch_unwind(|| Pdf::new(file)).ok()?.ok()?;
        (pdf.pages().len() == pages as usize).then_some(TextLayers { pdf })
    }

    pub fn reader(&self) -> LayerReader<'_> {
        LayerReader { pages: self.pdf.pages(), fonts: Fonts::default(), known: FxHashMap::default() }
    }
}

/// Reads one page after another; remembers the fonts.
pub struct LayerReader<'p> {
    pages: &'p [Page<'p>],
    fonts: Fonts<'p>,
    /// Fonts by their object in the file; none, if it cannot be read here.
    known: FxHashMap<ObjectIdentifier, Option<Rc<RefCell<PageFont<'p>>>>>,
}

impl<'p> LayerReader<'p> {
    /// A page, counted from 0, in reading order, with its signs, if everything on it is plain and it is as large as
    /// `size` in points.
    pub fn page(&mut self, index: u32, size: (f32, f32)) -> Option<(Shape, Signs)> {
        // What a library cannot bear of a file, PDFium may.
        panic::catch_unwind(AssertUnwindSafe(|| self.read(index, size))).unwrap_or_default()
    }

    fn read(&mut self, index: u32, size: (f32, f32)) -> Option<(Shape, Signs)> {
        let page = self.pages.get(index as usize)?;
        let frame = frame(page);
        if (frame.width - size.0).abs() > 1.0 || (frame.height - size.1).abs() > 1.0 {
            return None;
        }
        let mut content = Content {
            reader: self,
            glyphs: PageGlyphs::new(frame, 4096),
            signs: Signs::default(),
            whole: (frame.width * frame.height).max(1.0),
            runs: Runs::default(),
            written: Vec::new(),
            end: None,
            operators: 0,
        };
        content.interpret(&written_content(page)?, page.resources(), &State::new(Affine::IDENTITY), 0)?;
        let Content { glyphs, mut signs, runs, .. } = content;
        if signs.chars == 0 {
            return None;
        }
        signs.invisible = runs.invisible * 2 > runs.texts;
        Some((glyphs.shape(), signs))
    }

    fn font(&mut self, dict: &Dict<'p>) -> Option<Rc<RefCell<PageFont<'p>>>> {
        // A font that is written into the resources themselves has no number to know it by.
        let load = || Some(Rc::new(RefCell::new(self.fonts.load(dict)?)));
        let Some(id) = dict.obj_id() else { return load() };
        if let Some(known) = self.known.get(&id) {
            return known.clone();
        }
        let font = load();
        self.known.insert(id, font.clone());
        font
    }
}

/// What operators change and `q` and `Q` put aside and bring back.
#[derive(Clone)]
struct State<'p> {
    /// From the coordinates of the content to the page's.
    place: Affine,
    font: Option<Rc<RefCell<PageFont<'p>>>>,
    size: f64,
    between_chars: f64,
    between_words: f64,
    stretch: f64,
    leading: f64,
    rise: f64,
    invisible: bool,
}

impl State<'_> {
    fn new(place: Affine) -> Self {
        State {
            place,
            font: None,
            size: 1.0,
            between_chars: 0.0,
            between_words: 0.0,
            stretch: 1.0,
            leading: 0.0,
            rise: 0.0,
            invisible: false,
        }
    }
}

/// A page that is being read.
struct Content<'r, 'p> {
    reader: &'r mut LayerReader<'p>,
    glyphs: PageGlyphs,
    signs: Signs,
    /// Area of the page in square points.
    whole: f32,
    runs: Runs,
    /// The text that is being written; kept for its memory.
    written: Vec<Written>,
    end: Option<End>,
    operators: usize,
}

impl<'p> Content<'_, 'p> {
    /// Goes through a content stream that [`END`] follows. None, if something in it is not plain.
    fn interpret(&mut self, content: &[u8], resources: &Resources<'p>, from: &State<'p>, depth: usize) -> Option<()> {
        use TypedInstruction as Op;
        let mut state = from.clone();
        let mut aside: Vec<State<'p>> = Vec::new();
        let mut line = Affine::IDENTITY;
        let mut text = Affine::IDENTITY;
        let mut operators = TypedIter::new(content);
        while let Some(operator) = operators.next() {
            self.operators += 1;
            if self.operators > MAX_OPERATORS {
                return None;
            }
            match operator {
                Op::SaveState(_) if aside.len() < MAX_STATES => aside.push(state.clone()),
                Op::SaveState(_) => return None,
                Op::RestoreState(_) => state = aside.pop().unwrap_or(state),
                Op::Transform(it) => {
                    state.place *= Affine::new([it.0, it.1, it.2, it.3, it.4, it.5].map(|it| it.as_f64()));
                }
                Op::BeginText(_) => (line, text) = (Affine::IDENTITY, Affine::IDENTITY),
                Op::SetTextMatrix(it) => {
                    line = Affine::new([it.0, it.1, it.2, it.3, it.4, it.5].map(|it| it.as_f64()));
                    text = line;
                }
                Op::NextLine(it) => {
                    line *= Affine::translate((it.0.as_f64(), it.1.as_f64()));
                    text = line;
                }
                Op::NextLineAndSetLeading(it) => {
                    state.leading = -it.1.as_f64();
                    line *= Affine::translate((it.0.as_f64(), it.1.as_f64()));
                    text = line;
                }
                Op::NextLineUsingLeading(_) => {
                    line *= Affine::translate((0.0, -state.leading));
                    text = line;
                }
                Op::CharacterSpacing(it) => state.between_chars = it.0.as_f64(),
                Op::WordSpacing(it) => state.between_words = it.0.as_f64(),
                Op::HorizontalScaling(it) => state.stretch = it.0.as_f64() / 100.0,
                Op::TextLeading(it) => state.leading = it.0.as_f64(),
                Op::TextRise(it) => state.rise = it.0.as_f64(),
                Op::TextRenderingMode(it) => state.invisible = matches!(it.0.as_i64(), 3 | 7),
                Op::TextFont(it) => {
                    state.size = it.1.as_f64();
                    state.font = resources.get_font(it.0).and_then(|dict| self.reader.font(&dict));
                }
                Op::ShowText(it) => self.show(&state, &mut text, [Object::String(it.0.clone())])?,
                Op::ShowTexts(it) => self.show(&state, &mut text, it.0.iter::<Object<'_>>())?,
                Op::NextLineAndShowText(it) => {
                    line *= Affine::translate((0.0, -state.leading));
                    text = line;
                    self.show(&state, &mut text, [Object::String(it.0.clone())])?;
                }
                Op::ShowTextWithParameters(it) => {
                    (state.between_words, state.between_chars) = (it.0.as_f64(), it.1.as_f64());
                    line *= Affine::translate((0.0, -state.leading));
                    text = line;
                    self.show(&state, &mut text, [Object::String(it.2.clone())])?;
                }
                Op::SetGraphicsState(it)
                    if resources.get_ext_g_state(it.0).is_some_and(|state| state.contains_key(keys::FONT)) =>
                {
                    return None;
                }
                Op::BeginMarkedContentWithProperties(it) => {
                    let named = it.1.clone().into_name();
                    let properties = match named {
                        Some(name) => resources.properties.get::<Dict<'_>>(name),
                        None => it.1.clone().into_dict(),
                    };
                    if properties.is_some_and(|it| it.contains_key(keys::ACTUAL_TEXT)) {
                        return None;
                    }
                }
                Op::XObject(it) => {
                    let Some(object) = resources.get_x_object(it.0) else { continue };
                    self.signs.objects += 1;
                    match object.dict().get::<Name<'_>>(keys::SUBTYPE).as_deref() {
                        Some(b"Image") => self.image(&state, object.dict()),
                        Some(b"Form") => self.form(&object, &state, resources, depth)?,
                        _ => {}
                    }
                }
                Op::InlineImage(it) => {
                    self.signs.objects += 1;
                    self.image(&state, it.0.dict());
                }
                Op::FillPathEvenOdd(_)
                | Op::FillPathNonZero(_)
                | Op::FillPathNonZeroCompatibility(_)
                | Op::FillAndStrokeEvenOdd(_)
                | Op::FillAndStrokeNonZero(_)
                | Op::CloseAndStrokePath(_)
                | Op::CloseFillAndStrokeEvenOdd(_)
                | Op::CloseFillAndStrokeNonZero(_)
                | Op::StrokePath(_)
                | Op::Shading(_) => {
                    self.signs.objects += 1;
                    self.signs.drawings += 1;
                }
                Op::MarkedContentPoint(it) if it.0.as_str() == END_NAME => return Some(()),
                _ => {}
            }
        }
        // The reader stopped at something that it did not understand.
        None
    }

    fn form(&mut self, form: &Stream<'p>, state: &State<'p>, resources: &Resources<'p>, depth: usize) -> Option<()> {
        if depth >= MAX_DEPTH {
            return None;
        }
        self.signs.drawings += 1;
        let dict = form.dict();
        let content = [&form.decoded_data().ok()?, END].concat();
        let own = dict.get::<Dict<'_>>(keys::RESOURCES).map(Resources::new);
        let matrix = dict.get::<[f64; 6]>(keys::MATRIX).map_or(Affine::IDENTITY, Affine::new);
        let state = State { place: state.place * matrix, ..state.clone() };
        self.interpret(&content, own.as_ref().unwrap_or(resources), &state, depth + 1)
    }

    /// The largest image tells whether the page is a scan.
    fn image(&mut self, state: &State<'p>, dict: &Dict<'_>) {
        let bounds = state.place.transform_rect_bbox(Rect::new(0.0, 0.0, 1.0, 1.0));
        let pixels =
            |long: &[u8], short: &[u8]| dict.get::<u32>(long).or_else(|| dict.get::<u32>(short)).unwrap_or(0) as f32;
        let (width, height) = (pixels(keys::WIDTH, b"W"), pixels(keys::HEIGHT, b"H"));
        self.signs.see_image(bounds.width() as f32, bounds.height() as f32, width, height, self.whole);
    }

    /// Puts a text where the matrices say, and goes on behind it.
    fn show<'o>(
        &mut self,
        state: &State<'p>,
        text: &mut Affine,
        parts: impl IntoIterator<Item = Object<'o>>,
    ) -> Option<()> {
        let mut font = state.font.as_ref()?.borrow_mut();
        self.runs.texts += 1;
        self.runs.invisible += u32::from(state.invisible);
        self.signs.objects += 1;
        let mut written = std::mem::take(&mut self.written);
        written.clear();
        let (mut at, mut spelling) = (0.0, 0u64);
        let mut moved = 0.0;
        for part in parts {
            match part {
                Object::Number(by) => {
                    moved -= by.as_f64();
                    at -= by.as_f64() / 1000.0 * state.size * state.stretch;
                }
                Object::String(bytes) => {
                    let bytes = bytes.as_bytes();
                    let mut from = 0;
                    while from < bytes.len() {
                        let (code, length) = font.font.read_code(bytes, from);
                        from += length;
                        let character = font.character(code)?;
                        let advance = character.advance / 1000.0 * state.size;
                        spelling = (spelling ^ u64::from(code)).wrapping_mul(0x0000_0100_0000_01B3);
                        let apart = !written.is_empty() && moved >= gap(character.advance, [300.0, 500.0, 700.0]);
                        moved = 0.0;
                        written.push(Written { character, from: at, to: at + advance * state.stretch, apart });
                        let between =
                            state.between_chars + if code == 32 && length == 1 { state.between_words } else { 0.0 };
                        at += (advance + between) * state.stretch;
                    }
                }
                _ => {}
            }
        }
        let place = state.place * *text;
        let size = state.size.abs() * place.determinant().abs().sqrt();
        if !self.runs.repeats(spelling, place * Point::new(0.0, state.rise), size) {
            let line = Line::new(place, state.size, state.stretch, state.rise, &font);
            if let Some(first) = written.first()
                && self.end.as_ref().is_some_and(|end| end.is_apart(place * Point::new(first.from, 0.0), &written))
            {
                self.glyphs.blank();
            }
            self.put(&written, &line);
            if let Some(last) = written.last() {
                let (at, advance) = (place * Point::new(last.to, 0.0), last.character.advance);
                self.end = Some(End { at, line, size, advance, characters: written.len() });
            }
        }
        self.written = written;
        *text *= Affine::translate((at, 0.0));
        (self.signs.chars as usize <= MAX_GLYPHS).then_some(())
    }

    fn put(&mut self, written: &[Written], line: &Line) {
        for Written { character, from, to, apart } in written {
            if *apart {
                self.glyphs.blank();
            }
            let texts = character.text();
            let width = (to - from) / texts.len() as f64;
            for (index, text) in texts.iter().enumerate() {
                if text.is_whitespace() {
                    self.glyphs.blank();
                    continue;
                }
                self.signs.chars += 1;
                let from = from + width * index as f64;
                self.glyphs.push(*text, line.rectangle(from, from + width), line.clockwise, line.bold);
            }
        }
    }
}

/// Written behind a content stream, to see that it was read to its end.
const END: &[u8] = b"\n/MedcorpusEnd MP\n";
const END_NAME: &str = "MedcorpusEnd";

/// All of a page's content, and [`END`].
fn written_content(page: &Page<'_>) -> Option<Vec<u8>> {
    let parts = match page.raw().get::<Object<'_>>(keys::CONTENTS)? {
        Object::Array(parts) => parts.iter::<Object<'_>>().collect(),
        whole => vec![whole],
    };
    let mut content = Vec::new();
    for part in parts {
        content.extend_from_slice(&part.into_stream()?.decoded_data().ok()?);
        content.push(b'\n');
    }
    content.extend_from_slice(END);
    Some(content)
}

/// How a page lies, as a reader sees it.
fn frame(page: &Page<'_>) -> Frame {
    let bounds = page.intersected_crop_box();
    let (width, height) = page.render_dimensions();
    let quarters = match page.rotation() {
        Rotation::None => 0,
        Rotation::Horizontal => 1,
        Rotation::Flipped => 2,
        Rotation::FlippedHorizontal => 3,
    };
    Frame { left: bounds.x0 as f32, bottom: bounds.y0 as f32, width, height, quarters }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A PDF of one page, 400 by 200 points, in Helvetica.
    fn file(content: &str, font: &str) -> Vec<u8> {
        let objects = [
            "<< /Type /Catalog /Pages 2 0 R >>".to_owned(),
            "<< /Type /Pages /Count 1 /Kids [4 0 R] >>".to_owned(),
            font.to_owned(),
            "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 400 200] /Contents 5 0 R /Resources << /Font << /F 3 0 R >> >> >>"
                .to_owned(),
            format!("<< /Length {} >>\nstream\n{content}\nendstream", content.len()),
        ];
        let mut file = String::from("%PDF-1.7\n");
        let mut places = String::new();
        for (index, object) in objects.iter().enumerate() {
            places += &format!("{:010} 00000 n \n", file.len());
            file += &format!("{} 0 obj\n{object}\nendobj\n", index + 1);
        }
        let table = file.len();
        let count = objects.len() + 1;
        file += &format!("xref\n0 {count}\n0000000000 65535 f \n{places}");
        file += &format!("trailer\n<< /Size {count} /Root 1 0 R >>\nstartxref\n{table}\n%%EOF\n");
        file.into_bytes()
    }

    const HELVETICA: &str = "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>";

    fn layer(content: &str, font: &str) -> Option<(Shape, Signs)> {
        TextLayers::of(file(content, font), 1)?.reader().page(0, (400.0, 200.0))
    }

    fn text(content: &str) -> String {
        layer(content, HELVETICA).expect("a plain page").0.plain_text()
    }

    #[test]
    fn words_are_told_by_blanks_and_by_the_space_between() {
        assert_eq!(text("BT /F 10 Tf 20 150 Td (a dose) Tj ET"), "a dose");
        assert_eq!(text("BT /F 10 Tf 20 150 Td [(a) -250 (do) 20 (se)] TJ ET"), "a dose");
        assert_eq!(text("BT /F 10 Tf 20 150 Td (a) Tj 8.4 0 Td (dose) Tj ET"), "a dose");
        assert_eq!(text("BT /F 10 Tf 20 150 Td (a) Tj 5.6 0 Td (dose) Tj ET"), "adose");
    }

    #[test]
    fn raised_digits_stay_raised() {
        assert_eq!(text("BT /F 10 Tf 20 150 Td (10) Tj /F 6 Tf 4 Ts (9) Tj /F 10 Tf 0 Ts (/L) Tj ET"), "10⁹/L");
    }

    #[test]
    fn what_is_written_over_itself_is_read_once() {
        let twice = "BT /F 10 Tf 20 150 Td (5 mg) Tj ET BT /F 10 Tf 20.3 150 Td (5 mg) Tj ET";
        assert_eq!(text(twice), "5 mg");
        assert_eq!(text("BT /F 10 Tf 20 150 Td (5 mg) Tj ET BT /F 10 Tf 20 120 Td (5 mg) Tj ET"), "5 mg\n5 mg");
    }

    #[test]
    fn matrices_and_line_moves_say_where_a_text_stands() {
        let (shape, _) =
            layer("q 2 0 0 2 10 20 cm BT /F 10 Tf 14 TL 5 60 Td (one) Tj (two) ' ET Q", HELVETICA).unwrap();
        let lines: Vec<_> = shape.lines().map(|line| (line.text.as_str(), line.area.left)).collect();
        assert_eq!(lines, [("one", 20.0), ("two", 20.0)]);
        let steps: Vec<f32> = shape.lines().map(|line| line.area.bottom).collect();
        assert!((steps[1] - steps[0] - 28.0).abs() < 0.01, "{steps:?}");
    }

    #[test]
    fn a_page_on_its_side_is_read_from_that_side() {
        assert_eq!(text("BT /F 10 Tf 0 1 -1 0 100 20 Tm (upwards along the edge) Tj ET"), "upwards along the edge");
    }

    #[test]
    fn invisible_text_is_a_sign() {
        assert!(layer("BT /F 10 Tf 3 Tr 20 150 Td (read by a machine) Tj ET", HELVETICA).unwrap().1.invisible);
        assert!(!layer("BT /F 10 Tf 20 150 Td (set by a person) Tj ET", HELVETICA).unwrap().1.invisible);
    }

    #[test]
    fn what_is_not_plain_is_left_to_pdfium() {
        let type3 = "<< /Type /Font /Subtype /Type3 /FontBBox [0 0 1 1] /FontMatrix [1 0 0 1 0 0] /CharProcs << >> \
                     /Encoding << /Differences [65 /A] >> /FirstChar 65 /LastChar 65 /Widths [1] >>";
        assert!(layer("BT /F 10 Tf 20 150 Td (A) Tj ET", type3).is_none());
        assert!(layer("BT /F 10 Tf 20 150 Td (\\001) Tj ET", HELVETICA).is_none(), "a code without a meaning");
        assert!(layer("BT /G 10 Tf 20 150 Td (A) Tj ET", HELVETICA).is_none(), "a font that is not there");
        assert!(layer("/Span << /ActualText (B) >> BDC BT /F 10 Tf 20 150 Td (A) Tj ET EMC", HELVETICA).is_none());
        assert!(layer("0 0 100 100 re f", HELVETICA).is_none(), "a page without text");
        assert!(
            layer("BT /F 10 Tf (A) Tj ET 1 re BT (B) Tj ET", HELVETICA).is_none(),
            "content that is not understood"
        );
        assert!(layer("BT /F 10 Tf (A) Tj ET (B", HELVETICA).is_none(), "content that is cut off");
        assert!(TextLayers::of(file("", HELVETICA), 2).is_none(), "pages that PDFium counts otherwise");
        assert!(TextLayers::of(b"%PDF-1.7\nno more".to_vec(), 1).is_none());
    }

    #[test]
    fn it_reads_what_pdfium_reads() {
        use super::super::pdf;
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let Ok(pdfium) = pdf::load(None, Some(&root.join("models"))) else {
            eprintln!("skipped: PDFium is not there; run `make models`");
            return;
        };
        let path = root.join("sources/samples/books/asthma.pdf");
        let (document, _) = pdf::open(&pdfium, &path).unwrap();
        let pages = document.pages().len() as u32;
        let layers = TextLayers::open(&path, pages).unwrap();
        let mut reader = layers.reader();
        for index in 0..pages {
            let (shape, signs) = reader.page(index, pdf::size(&document, index).unwrap()).expect("a plain page");
            let page = pdf::page(&document, index).unwrap();
            let (by_pdfium, its_signs) = pdf::text(&page).unwrap();
            assert_eq!(shape.plain_text(), by_pdfium.plain_text(), "page {index}");
            assert_eq!((signs.chars, signs.invisible), (its_signs.chars, its_signs.invisible), "page {index}");
        }
    }
}
