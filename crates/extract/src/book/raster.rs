//! A page as grey pixels, and what makes it easier to read: straightening, turning, enlarging.

use std::io::Cursor;

use document::{Digest, FaultKind, Hasher};
use image::{ImageReader, Limits};

use super::{protocol::Extent, shape::Word, trouble::Trouble};

/// An image of a page, one byte a pixel, 0 black.
#[derive(Debug, Clone, PartialEq)]
pub struct Raster {
    pub width: usize,
    pub height: usize,
    pub grey: Vec<u8>,
    /// Pixels an inch, as far as anybody knows.
    pub dpi: f32,
}

/// What an engine reads of a page.
pub struct Prepared {
    pub raster: Raster,
    /// Where it begins on the page, in pixels.
    pub top: usize,
    /// Of the whole page, in points.
    pub width: f32,
    pub height: f32,
    /// Upper and lower edge of a sample, in points.
    edges: Option<[f32; 2]>,
}

impl Prepared {
    /// Words without those that an edge of a sample cuts through: half a letter is read as another one.
    pub fn uncut(&self, mut words: Vec<Word>) -> Vec<Word> {
        if let Some([upper, lower]) = self.edges {
            let margin = EDGE_PIXELS * self.raster.points();
            words.retain(|word| word.area.top > upper + margin && word.area.bottom < lower - margin);
        }
        words
    }
}

/// Where a sample may begin, in shares of the page's height, and how high it is: the middle first, since pages begin and end
/// with what is not typical of them.
const SAMPLES: [f32; 6] = [0.42, 0.28, 0.56, 0.14, 0.70, 0.02];
const SAMPLE_HEIGHT: f32 = 0.16;
/// Four lines or so: to see a language, and not more, since an engine labours on what is in another script.
const GLIMPSE_HEIGHT: f32 = 0.07;
/// A sample has this share of the text of the fullest one, at least.
const SAMPLE_FILLED: f32 = 0.5;
/// What is so near to the edge of a sample is cut by it.
const EDGE_PIXELS: f32 = 3.0;

/// Sides and memory of an image that is decoded.
const MAX_SIDE: u32 = 20_000;
const MAX_DECODED_BYTES: u64 = 400 << 20;
/// Steepest slope that is straightened, and the finest step, in degrees.
const MAX_SLOPE: f32 = 4.0;
const FINEST: f32 = 0.05;
/// What strays from paper by so many times its usual noise is no paper any more, but never more than so many grey values,
/// and what is darker than this is ink on any paper.
const NOISE: f64 = 2.5;
const MAX_NOISE: f64 = 24.0;
const LIGHTEST_INK: f64 = 150.0;
/// Slopes below this are left alone: turning blurs.
const NO_SLOPE: f32 = 0.15;

impl Raster {
    /// Reads a PNG, JPEG or TIFF; of several pages in a TIFF the first.
    /// # Errors
    /// Fails if the file is damaged, of another kind or too large.
    pub fn decode(bytes: &[u8]) -> Result<Raster, Trouble> {
        let damaged = |error: &dyn std::fmt::Display| {
            Trouble::content(FaultKind::Damaged, format!("is no image that can be read ({error})"))
        };
        let mut reader = ImageReader::new(Cursor::new(bytes)).with_guessed_format().map_err(|error| damaged(&error))?;
        let mut limits = Limits::default();
        limits.max_image_width = Some(MAX_SIDE);
        limits.max_image_height = Some(MAX_SIDE);
        limits.max_alloc = Some(MAX_DECODED_BYTES);
        reader.limits(limits);
        let grey = reader
            .decode()
            .map_err(|error| match error {
                image::ImageError::Limits(error) => {
                    Trouble::content(FaultKind::TooLarge, format!("the image is too large ({error})"))
                }
                error => damaged(&error),
            })?
            .into_luma8();
        let (width, height) = (grey.width() as usize, grey.height() as usize);
        if width < 8 || height < 8 {
            return Err(Trouble::content(FaultKind::MissingText, "the image is too small to hold text"));
        }
        // Few files say their resolution truly. A page is taken to be as wide as paper is.
        let dpi = (width.min(height) as f32 / 8.27).clamp(72.0, 600.0);
        Ok(Raster { width, height, grey: grey.into_raw(), dpi })
    }

    /// Of the pixels, their number in a row and an inch.
    pub fn digest(&self) -> Digest {
        let mut hasher = Hasher::default();
        hasher.field(&(self.width as u64).to_le_bytes());
        hasher.field(&self.dpi.to_bits().to_le_bytes());
        hasher.field(&self.grey);
        hasher.finish()
    }

    /// Whether all pixels are alike.
    pub fn is_blank(&self) -> bool {
        self.grey.windows(2).all(|pair| pair[0] == pair[1])
    }

    /// Points a pixel.
    pub fn points(&self) -> f32 {
        72.0 / self.dpi.max(1.0)
    }

    /// The page straightened, and of it what is to be read.
    pub fn prepared(self, extent: Extent) -> Prepared {
        let page = self.straightened();
        let points = page.points();
        let (width, height) = (page.width as f32 * points, page.height as f32 * points);
        let row = |share: f32| (page.height as f32 * share) as usize;
        match extent {
            Extent::Page => Prepared { raster: page, top: 0, width, height, edges: None },
            Extent::Sample | Extent::Glimpse => {
                let height = if extent == Extent::Sample { SAMPLE_HEIGHT } else { GLIMPSE_HEIGHT };
                let from = page.sample_top() + (SAMPLE_HEIGHT - height) / 2.0;
                let (top, bottom) = (row(from), row(from + height));
                let edges = Some([top as f32 * points, bottom as f32 * points]);
                Prepared { raster: page.rows(top, bottom), top, width, height, edges }
            }
        }
    }

    /// Where the page's sample begins, in shares of its height: the first place that has its share of the text.
    fn sample_top(&self) -> f32 {
        let threshold = self.threshold();
        let edges = |row: usize| {
            let row = &self.grey[row * self.width..(row + 1) * self.width];
            row.windows(2).filter(|pair| (pair[0] <= threshold) != (pair[1] <= threshold)).count()
        };
        // Text goes from light to dark and back often; a picture may be dark and does not.
        let text = SAMPLES.map(|from| {
            let row = |share: f32| (self.height as f32 * share) as usize;
            (row(from)..row(from + SAMPLE_HEIGHT).min(self.height)).step_by(2).map(edges).sum::<usize>() as f32
        });
        let most = text.iter().copied().fold(0.0, f32::max);
        SAMPLES.into_iter().zip(text).find(|(_, text)| *text >= SAMPLE_FILLED * most).map_or(SAMPLES[0], |it| it.0)
    }

    /// Rows `top..bottom`.
    pub fn rows(&self, top: usize, bottom: usize) -> Raster {
        let (top, bottom) = (top.min(self.height), bottom.min(self.height));
        Raster {
            width: self.width,
            height: bottom - top,
            grey: self.grey[top * self.width..bottom * self.width].to_vec(),
            dpi: self.dpi,
        }
    }

    /// The part from (`left`, `top`) to (`right`, `bottom`).
    pub fn part(&self, left: usize, top: usize, right: usize, bottom: usize) -> Raster {
        let (right, bottom) = (right.min(self.width), bottom.min(self.height));
        let (left, top) = (left.min(right), top.min(bottom));
        let mut grey = Vec::with_capacity((right - left) * (bottom - top));
        for row in top..bottom {
            grey.extend_from_slice(&self.grey[row * self.width + left..row * self.width + right]);
        }
        Raster { width: right - left, height: bottom - top, grey, dpi: self.dpi }
    }

    /// Turned by quarters, clockwise.
    pub fn turned(&self, quarters: u8) -> Raster {
        let (width, height) = (self.width, self.height);
        let (new_width, new_height) = if quarters % 2 == 1 { (height, width) } else { (width, height) };
        let mut grey = vec![255; new_width * new_height];
        for row in 0..height {
            for column in 0..width {
                let (new_row, new_column) = match quarters % 4 {
                    1 => (column, height - 1 - row),
                    2 => (height - 1 - row, width - 1 - column),
                    3 => (width - 1 - column, row),
                    _ => (row, column),
                };
                grey[new_row * new_width + new_column] = self.grey[row * width + column];
            }
        }
        Raster { width: new_width, height: new_height, grey, dpi: self.dpi }
    }

    /// Enlarged or reduced, bilinear where enlarged and by the mean of the pixels where reduced to less than half.
    pub fn scaled(&self, factor: f32) -> Raster {
        let width = ((self.width as f32 * factor).round() as usize).max(1);
        let height = ((self.height as f32 * factor).round() as usize).max(1);
        let image = image::GrayImage::from_raw(self.width as u32, self.height as u32, self.grey.clone());
        let Some(image) = image else { return self.clone() };
        let filter =
            if factor < 1.0 { image::imageops::FilterType::Triangle } else { image::imageops::FilterType::CatmullRom };
        let scaled = image::imageops::resize(&image, width as u32, height as u32, filter);
        Raster { width, height, grey: scaled.into_raw(), dpi: self.dpi * factor }
    }

    /// The slope of the lines of text in degrees, positive where they fall to the right.
    pub fn slope(&self) -> f32 {
        // Dark points of a picture of about 100 pixels an inch say enough.
        let step = ((self.dpi / 100.0).round() as usize).max(1);
        let threshold = i32::from(self.threshold());
        let mut points: Vec<(f32, f32)> = Vec::new();
        let (rows, columns) = (self.height / step, self.width / step);
        for row in 0..rows {
            for column in 0..columns {
                let mut sum = 0i32;
                for y in 0..step {
                    let start = (row * step + y) * self.width + column * step;
                    sum += self.grey[start..start + step].iter().map(|it| i32::from(*it)).sum::<i32>();
                }
                if sum <= threshold * (step * step) as i32 {
                    points.push((column as f32, row as f32));
                }
            }
        }
        // A page that is mostly dark is a picture.
        if points.len() < 200 || points.len() * 3 > rows * columns {
            return 0.0;
        }
        // The whole page has more points than are needed.
        let every = points.len().div_ceil(60_000);
        let points: Vec<(f32, f32)> = points.into_iter().step_by(every).collect();
        let mut best = (f64::MIN, 0.0f32);
        let (mut from, mut to, mut grain) = (-MAX_SLOPE, MAX_SLOPE, 0.4);
        while grain >= FINEST - 1e-4 {
            let steps = ((to - from) / grain).round() as i32;
            for step in 0..=steps {
                let angle = from + step as f32 * grain;
                let score = sharpness(&points, rows, columns, angle);
                if score > best.0 {
                    best = (score, angle);
                }
            }
            (from, to) = (best.1 - grain, best.1 + grain);
            grain /= 2.0;
        }
        // A slope must show: without one, all angles look alike.
        if best.0 > sharpness(&points, rows, columns, 0.0) * 1.02 { best.1 } else { 0.0 }
    }

    /// With its lines made level.
    pub fn straightened(self) -> Raster {
        let slope = self.slope();
        if slope.abs() < NO_SLOPE {
            return self;
        }
        // In 65,536ths of a pixel: a page has millions.
        const ONE: f64 = 65_536.0;
        let (sine, cosine) = f64::from(slope).to_radians().sin_cos();
        let (middle_x, middle_y) = (self.width as f64 / 2.0, self.height as f64 / 2.0);
        let (step_x, step_y) = ((cosine * ONE).round() as i64, (sine * ONE).round() as i64);
        let mut grey = vec![self.background(); self.grey.len()];
        for (row, line) in grey.chunks_exact_mut(self.width).enumerate() {
            let y = row as f64 - middle_y;
            let mut x = ((-cosine * middle_x - sine * y + middle_x) * ONE).round() as i64;
            let mut y = ((-sine * middle_x + cosine * y + middle_y) * ONE).round() as i64;
            for pixel in line {
                if let Some(value) = self.between(x, y) {
                    *pixel = value;
                }
                x += step_x;
                y += step_y;
            }
        }
        Raster { grey, ..self }
    }

    /// Between four pixels; the place is in 65,536ths of a pixel.
    fn between(&self, x: i64, y: i64) -> Option<u8> {
        let (left, top) = (usize::try_from(x >> 16).ok()?, usize::try_from(y >> 16).ok()?);
        if left + 1 >= self.width || top + 1 >= self.height {
            return None;
        }
        let (share_x, share_y) = ((x >> 8 & 0xFF) as u32, (y >> 8 & 0xFF) as u32);
        let start = top * self.width + left;
        let at = |place: usize| u32::from(self.grey[place]);
        let upper = at(start) * (256 - share_x) + at(start + 1) * share_x;
        let lower = at(start + self.width) * (256 - share_x) + at(start + self.width + 1) * share_x;
        Some(((upper * (256 - share_y) + lower * share_y + (1 << 15)) >> 16) as u8)
    }

    /// With paper as white as its noise lets it be, so that an engine need not look at the noise.
    pub fn levelled(mut self) -> Raster {
        let histogram = self.histogram();
        let paper = usize::from(self.background());
        // How far the paper strays, seen on its lighter side, where there is no ink.
        let (mut count, mut squares) = (0.0, 0.0);
        for (value, pixels) in histogram.iter().enumerate().skip(paper) {
            count += *pixels as f64;
            squares += *pixels as f64 * ((value - paper) as f64).powi(2);
        }
        let strays = (NOISE * (squares / f64::max(count, 1.0)).sqrt()).min(MAX_NOISE);
        let white = (paper as f64 - strays).max(LIGHTEST_INK);
        let levels: [u8; 256] = std::array::from_fn(|value| (value as f64 * 255.0 / white).min(255.0) as u8);
        for value in &mut self.grey {
            *value = levels[usize::from(*value)];
        }
        self
    }

    /// The most frequent light value.
    pub fn background(&self) -> u8 {
        let histogram = self.histogram();
        let most = (128..256).max_by_key(|value| histogram[*value]).unwrap_or(255);
        most as u8
    }

    /// The value that separates ink from paper best (Otsu 1979).
    pub fn threshold(&self) -> u8 {
        let histogram = self.histogram();
        let total: f64 = histogram.iter().map(|it| *it as f64).sum();
        let sum: f64 = histogram.iter().enumerate().map(|(value, count)| value as f64 * *count as f64).sum();
        let (mut below, mut sum_below) = (0.0, 0.0);
        let mut best = (0.0, 127u8);
        for (value, count) in histogram.iter().enumerate() {
            below += *count as f64;
            sum_below += value as f64 * *count as f64;
            let above = total - below;
            if below == 0.0 || above == 0.0 {
                continue;
            }
            let difference = sum_below / below - (sum - sum_below) / above;
            let between = below * above * difference * difference;
            if between > best.0 {
                best = (between, value as u8);
            }
        }
        best.1
    }

    fn histogram(&self) -> [u64; 256] {
        let mut histogram = [0; 256];
        for value in &self.grey {
            histogram[usize::from(*value)] += 1;
        }
        histogram
    }
}

/// How sharply rows of ink stand out when the page is seen along a slope: the sum of squared differences between
/// neighbouring rows.
fn sharpness(points: &[(f32, f32)], rows: usize, columns: usize, angle: f32) -> f64 {
    let tangent = angle.to_radians().tan();
    let shift = columns as f32 * tangent.abs() + 2.0;
    let mut profile = vec![0u32; rows + 2 * shift as usize + 4];
    for (x, y) in points {
        let row = (y - x * tangent + shift) as usize;
        if let Some(cell) = profile.get_mut(row) {
            *cell += 1;
        }
    }
    profile.windows(2).map(|pair| (f64::from(pair[0]) - f64::from(pair[1])).powi(2)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Dark bars of four pixels every sixteen, falling to the right by `angle` degrees.
    fn bars(angle: f32) -> Raster {
        let (width, height) = (600, 400);
        let tangent = angle.to_radians().tan();
        let ink = |x: usize, y: usize| ((y as f32 - x as f32 * tangent).rem_euclid(16.0)) < 4.0 && !x.is_multiple_of(7);
        let grey = (0..height).flat_map(|y| (0..width).map(move |x| if ink(x, y) { 20 } else { 240 })).collect();
        Raster { width, height, grey, dpi: 100.0 }
    }

    #[test]
    fn the_slope_of_lines_is_found_and_taken_away() {
        for angle in [-2.0, -0.7, 0.0, 1.2, 3.0] {
            let slope = bars(angle).slope();
            assert!((slope - angle).abs() <= 0.15, "{angle}: {slope}");
            let left = bars(angle).straightened().slope();
            assert!(left.abs() <= 0.15, "{angle}: {left} is left");
        }
    }

    #[test]
    fn the_sample_of_a_short_page_is_where_its_text_is() {
        let mut page = bars(0.0);
        assert_eq!(page.sample_top(), SAMPLES[0]);
        let (width, from) = (page.width, page.height * 2 / 5);
        page.grey[from * width..].fill(240);
        assert_eq!(page.sample_top(), 0.28, "the first of the places above");
        page.grey[from * width..].fill(10);
        assert_eq!(page.sample_top(), 0.28, "a black picture is no text");
    }

    #[test]
    fn four_quarter_turns_are_none() {
        let page = bars(1.0).part(0, 0, 50, 30);
        let turned = page.turned(1);
        assert_eq!((turned.width, turned.height), (30, 50));
        assert_eq!(turned.turned(2).turned(1), page);
    }

    #[test]
    fn noise_of_paper_goes_and_ink_stays() {
        let noise = |place: usize| [240u8, 244, 242, 246, 238, 242, 242, 240][place % 8];
        let grey = (0..10_000).map(|place| if place % 50 < 5 { 30 } else { noise(place) }).collect();
        let levelled = Raster { width: 100, height: 100, grey, dpi: 200.0 }.levelled();
        let (ink, paper): (Vec<u8>, Vec<u8>) = levelled.grey.iter().partition(|value| **value < 128);
        assert_eq!(ink.len(), 1_000);
        assert!(ink.iter().all(|value| *value < 40), "{:?}", ink.iter().max());
        assert!(paper.iter().all(|value| *value == 255), "{:?}", paper.iter().min());
        let clean = Raster { width: 2, height: 2, grey: vec![0, 255, 128, 255], dpi: 200.0 };
        assert_eq!(clean.clone().levelled(), clean);
    }

    #[test]
    fn a_damaged_image_is_a_fault() {
        let trouble = Raster::decode(b"\x89PNG\r\n\x1a\nnothing").unwrap_err();
        assert!(matches!(trouble, Trouble::Content(FaultKind::Damaged, _)), "{trouble:?}");
    }
}
