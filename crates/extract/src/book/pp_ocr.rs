//! PP-OCR by ONNX Runtime, the second engine: a detector finds lines of text, a recogniser reads each. Runs in a worker
//! process only.
//!
//! One model reads Chinese, Japanese and English alike. Pages are straightened before, so that lines lie along the
//! pixels and boxes need no corners: connected areas of the detector's map, widened by what its training shrank them
//! (Liao et al. 2020, arXiv:1911.08947).

use std::path::{Path, PathBuf};

use document::FaultKind;
use ort::{session::Session, value::TensorRef};

use super::{
    line_size,
    protocol::{Extent, PP_OCR_FILES},
    raster::Raster,
    reading_order,
    shape::{Area, Shape, Word, is_unspaced},
    trouble::Trouble,
};

/// Resolution at which lines are looked for.
const DETECT_DPI: f32 = 110.0;
/// The detector's map counts as text above this, and an area as a line if its mean is above that.
const TEXT: f32 = 0.3;
const LINE: f32 = 0.5;
/// How far areas are widened, as the detector was trained.
const WIDEN: f32 = 1.6;
/// Lines of one page.
const MAX_LINES: usize = 1_000;
/// Height of the lines that the recogniser reads, and the longest it gets.
const LINE_HEIGHT: usize = 48;
const MAX_LINE_WIDTH: usize = 3_200;
/// Pixels of a line for each step of the recogniser.
const STEP: f32 = 8.0;

/// The models, loaded when they are first needed.
pub struct PpOcr {
    models: Option<PathBuf>,
    loaded: Option<Models>,
}

struct Models {
    /// Lives as long as its sessions.
    _environment: ort::environment::Environment,
    detect: Session,
    recognise: Session,
    /// Characters by the recogniser's class; class 0 is none.
    characters: Vec<char>,
}

impl PpOcr {
    pub fn new(models: Option<&Path>) -> PpOcr {
        PpOcr { models: models.map(Path::to_owned), loaded: None }
    }

    fn models(&mut self) -> Result<&mut Models, Trouble> {
        if self.loaded.is_none() {
            let folder = self.models.as_deref().unwrap_or(Path::new("models"));
            self.loaded = Some(load(folder)?);
        }
        self.loaded.as_mut().ok_or_else(|| Trouble::machine("PP-OCR is not loaded"))
    }

    /// Reads a page.
    pub fn read(&mut self, raster: Raster, extent: Extent) -> Result<Shape, Trouble> {
        let models = self.models()?;
        let prepared = raster.prepared(extent);
        let points = prepared.raster.points();
        let mut words = Vec::new();
        for line in models.detect(&prepared.raster)? {
            words.extend(models.line(&prepared.raster, &line)?);
        }
        for word in &mut words {
            let area = &mut word.area;
            area.top += prepared.top as f32;
            area.bottom += prepared.top as f32;
            for length in [&mut area.left, &mut area.top, &mut area.right, &mut area.bottom, &mut word.size] {
                *length *= points;
            }
        }
        let mut shape = reading_order::shape(prepared.width, prepared.height, prepared.uncut(words));
        line_size::even(&mut shape);
        Ok(shape)
    }
}

fn load(folder: &Path) -> Result<Models, Trouble> {
    let [library, detect, recognise] = PP_OCR_FILES.map(|name| folder.join(name));
    let cannot = |what: &Path, error: &dyn std::fmt::Display| {
        Trouble::machine(format!("{}: cannot be loaded ({error}); run `make models`", what.display()))
    };
    if !library.is_file() {
        return Err(cannot(&library, &"not there"));
    }
    let environment = ort::init_from(&library).map_err(|error| cannot(&library, &error))?;
    let environment = environment.build().map_err(|error| cannot(&library, &error))?;
    let session = |path: &Path| -> Result<Session, Trouble> {
        let options = Session::builder(&environment).map_err(|error| cannot(path, &error))?;
        let options = options.with_intra_threads(1).map_err(|error| cannot(path, &error))?;
        let mut options = options.with_memory_pattern(false).map_err(|error| cannot(path, &error))?;
        options.commit_from_file(path).map_err(|error| cannot(path, &error))
    };
    let detect = session(&detect)?;
    let reader = session(&recognise)?;
    let list = reader.metadata().ok().and_then(|metadata| metadata.custom("character"));
    let list = list.ok_or_else(|| cannot(&recognise, &"the model does not list its characters"))?;
    let mut characters = vec!['\0'];
    characters.extend(list.lines().map(|line| line.chars().next().unwrap_or(' ')));
    characters.push(' ');
    Ok(Models { _environment: environment, detect, recognise: reader, characters })
}

impl Models {
    /// Areas of lines, in pixels of the image.
    fn detect(&mut self, raster: &Raster) -> Result<Vec<Area>, Trouble> {
        let failed = |error: ort::Error| Trouble::content(FaultKind::Damaged, format!("the detector fails ({error})"));
        let factor = (DETECT_DPI / raster.dpi.max(1.0)).min(1.0);
        let small = raster.scaled(factor);
        // Sides of the detector's input are multiples of 32: the rest is paper.
        let (width, height) = (small.width.next_multiple_of(32), small.height.next_multiple_of(32));
        let mut input = vec![1.0f32; 3 * width * height];
        for row in 0..small.height {
            for column in 0..small.width {
                let value = f32::from(small.grey[row * small.width + column]) / 127.5 - 1.0;
                for channel in 0..3 {
                    input[(channel * height + row) * width + column] = value;
                }
            }
        }
        let input = TensorRef::from_array_view(([1usize, 3, height, width], input.as_slice())).map_err(failed)?;
        let outputs = self.detect.run(ort::inputs![input]).map_err(failed)?;
        let (_, map) = outputs[0].try_extract_tensor::<f32>().map_err(failed)?;
        if map.len() != width * height {
            return Err(Trouble::machine("the detector gives a map of another size than its input"));
        }
        let scale_x = raster.width as f32 / small.width as f32;
        let scale_y = raster.height as f32 / small.height as f32;
        Ok(areas(map, width, height)
            .into_iter()
            .map(|area| Area {
                left: (area.left * scale_x).max(0.0),
                top: (area.top * scale_y).max(0.0),
                right: (area.right * scale_x).min(raster.width as f32),
                bottom: (area.bottom * scale_y).min(raster.height as f32),
            })
            .filter(|area| area.width() >= 4.0 && area.height() >= 4.0)
            .collect())
    }

    /// The words of one line: what blanks separate.
    fn line(&mut self, raster: &Raster, area: &Area) -> Result<Vec<Word>, Trouble> {
        let failed =
            |error: ort::Error| Trouble::content(FaultKind::Damaged, format!("the recogniser fails ({error})"));
        let part =
            raster.part(area.left as usize, area.top as usize, area.right.ceil() as usize, area.bottom.ceil() as usize);
        if part.width < 2 || part.height < 2 {
            return Ok(Vec::new());
        }
        let factor = LINE_HEIGHT as f32 / part.height as f32;
        let width = ((part.width as f32 * factor).ceil() as usize).clamp(LINE_HEIGHT, MAX_LINE_WIDTH);
        let used = ((part.width as f32 * factor).ceil() as usize).min(width);
        let line = resized(&part, used, LINE_HEIGHT);
        let mut input = vec![0.0f32; 3 * LINE_HEIGHT * width];
        for row in 0..LINE_HEIGHT {
            for column in 0..used {
                let value = f32::from(line[row * used + column]) / 127.5 - 1.0;
                for channel in 0..3 {
                    input[(channel * LINE_HEIGHT + row) * width + column] = value;
                }
            }
        }
        let input = TensorRef::from_array_view(([1usize, 3, LINE_HEIGHT, width], input.as_slice())).map_err(failed)?;
        let outputs = self.recognise.run(ort::inputs![input]).map_err(failed)?;
        let (_, scores) = outputs[0].try_extract_tensor::<f32>().map_err(failed)?;
        let read = decode(scores, &self.characters);
        Ok(split(&read, area, used as f32 / STEP))
    }
}

fn resized(part: &Raster, width: usize, height: usize) -> Vec<u8> {
    let image = image::GrayImage::from_raw(part.width as u32, part.height as u32, part.grey.clone());
    let Some(image) = image else { return vec![255; width * height] };
    image::imageops::resize(&image, width as u32, height as u32, image::imageops::FilterType::Triangle).into_raw()
}

/// A character that was read: which, at which step, how surely.
type Read = (char, usize, f32);

/// The best class of each step; the same class in a row is one character.
fn decode(scores: &[f32], characters: &[char]) -> Vec<Read> {
    let mut read: Vec<Read> = Vec::new();
    let mut last = 0;
    for (step, scores) in scores.chunks_exact(characters.len()).enumerate() {
        let best = scores.iter().enumerate().max_by(|left, right| left.1.total_cmp(right.1));
        let Some((class, score)) = best else { continue };
        if class != 0 && class != last {
            read.push((characters[class], step, *score));
        }
        last = class;
    }
    read
}

/// Words with their share of the line's area.
fn split(read: &[Read], area: &Area, steps: f32) -> Vec<Word> {
    let place = |step: f32| area.left + area.width() * (step / steps.max(1.0)).clamp(0.0, 1.0);
    let mut words: Vec<Word> = Vec::new();
    for piece in read.split(|(character, ..)| *character == ' ') {
        let (Some(first), Some(last)) = (piece.first(), piece.last()) else { continue };
        let text: String = piece.iter().map(|(character, ..)| *character).collect();
        let confidence = piece.iter().map(|(.., score)| score).sum::<f32>() / piece.len() as f32;
        let half = if text.starts_with(is_unspaced) { 2.0 } else { 1.0 };
        let left = place(first.1 as f32 - half);
        let right = place(last.1 as f32 + 1.0 + half).max(left + 1.0);
        words.push(Word {
            text,
            area: Area { left, right, ..*area },
            size: area.height(),
            bold: false,
            confidence: confidence.clamp(0.0, 1.0),
            blank_before: true,
        });
    }
    // The ends of the line are known better than by the steps, less what the area was widened by: else lines of two
    // columns meet in the gutter.
    let margin = (0.25 * area.height()).min(area.width() / 4.0);
    if let Some(first) = words.first_mut() {
        first.area.left = area.left + margin;
    }
    if let Some(last) = words.last_mut() {
        last.area.right = area.right - margin;
    }
    words
}

/// Connected areas of the map that are text, widened.
fn areas(map: &[f32], width: usize, height: usize) -> Vec<Area> {
    let mut seen = vec![false; map.len()];
    let mut areas = Vec::new();
    let mut stack = Vec::new();
    for start in 0..map.len() {
        if seen[start] || map[start] <= TEXT {
            continue;
        }
        let (mut left, mut right, mut top, mut bottom) = (width, 0, height, 0);
        let (mut sum, mut count) = (0.0f64, 0u32);
        seen[start] = true;
        stack.push(start);
        while let Some(at) = stack.pop() {
            let (row, column) = (at / width, at % width);
            (left, right) = (left.min(column), right.max(column));
            (top, bottom) = (top.min(row), bottom.max(row));
            sum += f64::from(map[at]);
            count += 1;
            let neighbours = [
                (column > 0).then(|| at - 1),
                (column + 1 < width).then(|| at + 1),
                (row > 0).then(|| at - width),
                (row + 1 < height).then(|| at + width),
            ];
            for near in neighbours.into_iter().flatten() {
                if !seen[near] && map[near] > TEXT {
                    seen[near] = true;
                    stack.push(near);
                }
            }
        }
        let (wide, high) = ((right - left + 1) as f32, (bottom - top + 1) as f32);
        if wide.min(high) < 3.0 || (sum / f64::from(count)) < f64::from(LINE) {
            continue;
        }
        let by = wide * high * WIDEN / (2.0 * (wide + high));
        areas.push(Area {
            left: left as f32 - by,
            right: (right + 1) as f32 + by,
            top: top as f32 - by,
            bottom: (bottom + 1) as f32 + by,
        });
        if areas.len() == MAX_LINES {
            break;
        }
    }
    areas
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_become_characters_and_blanks_separate_words() {
        let characters = ['\0', '心', 'A', ' '];
        let steps = [0, 1, 1, 0, 1, 3, 2, 2, 0];
        let scores: Vec<f32> =
            steps.iter().flat_map(|step| (0..4).map(move |class| if class == *step { 0.9 } else { 0.03 })).collect();
        let read = decode(&scores, &characters);
        assert_eq!(read.iter().map(|it| it.0).collect::<String>(), "心心 A");
        let area = Area { left: 10.0, top: 0.0, right: 100.0, bottom: 20.0 };
        let words = split(&read, &area, 9.0);
        assert_eq!(words.iter().map(|word| word.text.as_str()).collect::<Vec<_>>(), ["心心", "A"]);
        assert!(words[0].area.right < words[1].area.right);
    }

    #[test]
    fn connected_areas_are_widened_and_faint_ones_left_out() {
        let (width, height) = (40, 20);
        let mut map = vec![0.0; width * height];
        for row in 5..9 {
            for column in 4..30 {
                map[row * width + column] = 0.9;
            }
        }
        for column in 4..30 {
            for row in 14..18 {
                map[row * width + column] = 0.35;
            }
        }
        let areas = areas(&map, width, height);
        assert_eq!(areas.len(), 1);
        assert!(areas[0].top < 4.0 && areas[0].bottom > 10.0, "{areas:?}");
    }
}
