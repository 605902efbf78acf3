//! Tesseract, the engine that always works. Runs in a worker process only.

use std::{
    ffi::CString,
    path::{Path, PathBuf},
};

use document::FaultKind;
use tesseract::plumbing::TessBaseApi;

use super::{
    apostrophes::apostrophes,
    bullets::bullet,
    line_size,
    protocol::Extent,
    raster::Raster,
    reading_order,
    shape::{Area, Shape, Word},
    trouble::Trouble,
};

/// Fully automatic page segmentation, as on the command line; the crate's default is one uniform block.
const AUTOMATIC: &str = "3";

/// Confidence below which a page may lie on its side, and that a sample must reach to prove it.
const UNREADABLE: f32 = 0.6;
const READABLE: f32 = 0.75;

/// One API, with the language packs that were asked for last.
pub struct Tesseract {
    tessdata: Option<PathBuf>,
    loaded: Option<(String, TessBaseApi)>,
}

impl Tesseract {
    pub fn new(tessdata: Option<&Path>) -> Tesseract {
        Tesseract { tessdata: tessdata.map(Path::to_owned), loaded: None }
    }

    fn api(&mut self, packs: &str) -> Result<&mut TessBaseApi, Trouble> {
        if self.loaded.as_ref().is_none_or(|(loaded, _)| loaded != packs) {
            self.loaded = None;
            let missing = |_| {
                let packages: Vec<String> =
                    packs.split('+').map(|pack| format!("tesseract-ocr-{}", pack.replace('_', "-"))).collect();
                Trouble::Missing(format!(
                    "Tesseract has no language pack {packs}; install it (in Debian {})",
                    packages.join(" ")
                ))
            };
            let path = self.tessdata.as_ref().map(|path| c_string(&path.display().to_string())).transpose()?;
            let mut api = TessBaseApi::create();
            api.init_2(path.as_deref(), Some(&c_string(packs)?)).map_err(missing)?;
            self.loaded = Some((packs.to_owned(), api));
        }
        match &mut self.loaded {
            Some((_, api)) => Ok(api),
            None => Err(Trouble::machine("Tesseract is not loaded")),
        }
    }

    /// Reads a page. What cannot be read is tried upside down and from both sides, on a sample.
    pub fn read(&mut self, raster: Raster, packs: &str, extent: Extent) -> Result<Shape, Trouble> {
        let upright = self.read_upright(raster.clone(), packs, extent)?;
        if extent != Extent::Page || upright.chars() < 20 || confidence(&upright) >= UNREADABLE {
            return Ok(upright);
        }
        let mut best = (READABLE, 0);
        for quarters in [2, 1, 3] {
            let sample = self.read_upright(raster.turned(quarters), packs, Extent::Sample)?;
            if sample.chars() >= 20 && confidence(&sample) > best.0 {
                best = (confidence(&sample), quarters);
            }
        }
        if best.1 == 0 { Ok(upright) } else { self.read_upright(raster.turned(best.1), packs, extent) }
    }

    fn read_upright(&mut self, raster: Raster, packs: &str, extent: Extent) -> Result<Shape, Trouble> {
        let mut prepared = raster.prepared(extent);
        // It packs and unpacks the image of each line, which takes longer where the paper is not clean.
        prepared.raster = prepared.raster.levelled();
        let words = self.words(&prepared.raster, packs, AUTOMATIC, prepared.top)?;
        let mut shape = reading_order::shape(prepared.width, prepared.height, prepared.uncut(words));
        line_size::even(&mut shape);
        Ok(shape)
    }

    /// Words of an image with one page segmentation mode; `top` is where the image begins on its page, in pixels.
    fn words(&mut self, raster: &Raster, packs: &str, mode: &str, top: usize) -> Result<Vec<Word>, Trouble> {
        let api = self.api(packs)?;
        let failed = |what: &str| Trouble::content(FaultKind::Damaged, format!("Tesseract cannot {what} the page"));
        api.set_variable(&c_string("tessedit_pageseg_mode")?, &c_string(mode)?).map_err(|_| failed("segment"))?;
        let (width, height) = (raster.width as i32, raster.height as i32);
        api.set_image(&raster.grey, width, height, 1, width).map_err(|_| failed("take"))?;
        api.set_source_resolution(raster.dpi.round().clamp(70.0, 600.0) as i32);
        api.recognize().map_err(|_| failed("read"))?;
        let table = api.get_tsv_text(0).map_err(|_| failed("write out"))?;
        Ok(words(&table.as_ref().to_string_lossy(), raster, top))
    }
}

fn confidence(shape: &Shape) -> f32 {
    let chars = |line: &super::shape::Line| line.text.chars().count() as f32;
    let all: f32 = shape.lines().map(chars).sum();
    shape.lines().map(|line| line.confidence * chars(line)).sum::<f32>() / all.max(1.0)
}

fn c_string(text: &str) -> Result<CString, Trouble> {
    CString::new(text).map_err(|_| Trouble::machine(format!("{text:?} cannot be handed to Tesseract")))
}

/// A row of Tesseract's table: a word with its pixels in the image.
struct Row<'t> {
    text: &'t str,
    place: [usize; 4],
    confidence: f32,
}

/// The words of Tesseract's table. `top` is where the image begins on its page, in pixels.
fn words(table: &str, raster: &Raster, top: usize) -> Vec<Word> {
    let threshold = raster.threshold();
    let mut words = Vec::new();
    let mut line: (Option<[usize; 4]>, Vec<Row<'_>>) = (None, Vec::new());
    for row in table.lines() {
        let cells: Vec<&str> = row.splitn(12, '\t').collect();
        let [level, _, _, _, _, _, left, row_top, width, height, confidence, text] = cells[..] else { continue };
        let number = |cell: &str| cell.parse::<usize>().unwrap_or(0);
        let (left, row_top) = (number(left), number(row_top));
        let place = [left, row_top, left + number(width), row_top + number(height)];
        match level {
            "4" => {
                close(&mut line, raster, threshold, top, &mut words);
                line.0 = Some(place);
            }
            "5" if !text.trim().is_empty() => {
                let confidence = confidence.parse::<f32>().unwrap_or(0.0);
                line.1.push(Row { text: text.trim(), place, confidence: (confidence / 100.0).clamp(0.0, 1.0) });
            }
            _ => {}
        }
    }
    close(&mut line, raster, threshold, top, &mut words);
    words
}

/// Adds the words of a line. The area of each is as high as the line, so that lines can be told.
fn close(
    line: &mut (Option<[usize; 4]>, Vec<Row<'_>>),
    raster: &Raster,
    threshold: u8,
    top: usize,
    words: &mut Vec<Word>,
) {
    let (Some([_, line_top, _, line_bottom]), rows) = (line.0.take(), std::mem::take(&mut line.1)) else { return };
    // A third of the words, at least, has no letter that goes below the line.
    let mut bottoms: Vec<usize> = rows.iter().map(|row| row.place[3]).filter(|it| *it > line_top).collect();
    bottoms.sort_unstable();
    let base = bottoms.get(bottoms.len() / 3).copied().unwrap_or(line_bottom);
    let points = raster.points();
    let all: String = rows.iter().map(|row| row.text).collect();
    let size = line_size::of_ink((line_bottom - line_top) as f32 * points, &all);
    for Row { text, place, confidence } in rows {
        let height = line_bottom - line_top;
        let mark = bullet(raster, text, place, base, height, threshold).map(str::to_owned);
        let mark = mark.or_else(|| apostrophes(raster, text, place, base, height, threshold));
        let length = |pixels: usize| pixels as f32 * points;
        let area = Area {
            left: length(place[0]),
            top: length(line_top + top),
            right: length(place[2]),
            bottom: length(line_bottom + top),
        };
        let text = mark.unwrap_or_else(|| text.to_owned());
        words.push(Word { text, area, size, bold: false, confidence, blank_before: true });
    }
}
