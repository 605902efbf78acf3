//! Texts that a PDF page writes one after another: where each lies, what separates it from the one before, and whether it
//! is the same again.

use hayro_font::kurbo::{Affine, Point, Rect};

use super::{
    page_font::{Character, PageFont},
    page_glyphs::Rectangle,
};

/// A text that is written again so near, in shares of its size, is the same text made bold.
const OVERPRINT: f64 = 0.12;
/// How far aside of a line a text may stand that goes on in it, in sizes.
const SAME_LINE: f64 = 0.5;

/// Texts that were written, to tell those that are written over themselves.
#[derive(Default)]
pub struct Runs {
    pub texts: u32,
    pub invisible: u32,
    last: [Option<(u64, Point)>; 4],
}

impl Runs {
    /// Whether the same text was just written at the same place.
    pub fn repeats(&mut self, text: u64, at: Point, size: f64) -> bool {
        let same = |last: &(u64, Point)| last.0 == text && (last.1 - at).hypot() < OVERPRINT * size;
        let repeats = self.last.iter().flatten().any(same);
        self.last.rotate_right(1);
        self.last[0] = Some((text, at));
        repeats
    }
}

/// A line that text is written along.
pub struct Line {
    pub place: Affine,
    above: f64,
    below: f64,
    pub clockwise: f32,
    pub bold: bool,
}

impl Line {
    /// `place` goes from the text's coordinates to the page's; `rise` is in those of the text.
    pub fn new(place: Affine, size: f64, stretch: f64, rise: f64, font: &PageFont<'_>) -> Line {
        let [across, climb, ..] = place.as_coeffs();
        let way = size.signum() * stretch.signum();
        Line {
            place,
            above: font.above * size + rise,
            below: font.below * size + rise,
            clockwise: (-climb * way).atan2(across * way).to_degrees() as f32,
            bold: font.bold,
        }
    }

    /// The area from `from` to `to` along the line. Letters that lean are as wide as upright ones.
    pub fn rectangle(&self, from: f64, to: f64) -> Rectangle {
        let [across, climb, lean, up, x, y] = self.place.as_coeffs();
        let (lean, up) = if across.abs() >= climb.abs() { (0.0, up) } else { (lean, 0.0) };
        let (left, right) = (x + across * from, x + across * to);
        let (lower, upper) = (y + climb * from, y + climb * to);
        let (mut area, first) =
            (Rect::from_points((left, lower), (right, upper)), (lean * self.below, up * self.below));
        let second = (lean * self.above, up * self.above);
        area = Rect::new(
            area.x0 + first.0.min(second.0),
            area.y0 + first.1.min(second.1),
            area.x1 + first.0.max(second.0),
            area.y1 + first.1.max(second.1),
        );
        Rectangle { left: area.x0 as f32, top: area.y1 as f32, right: area.x1 as f32, bottom: area.y0 as f32 }
    }
}

/// A character of a text, from where to where it reaches along the line.
pub struct Written {
    pub character: Character,
    pub from: f64,
    pub to: f64,
    /// Whether so much is left free before it, within its text, that a blank is meant.
    pub apart: bool,
}

/// Free space from which on a blank is meant, in thousandths of the size, by the width of the character behind it: what
/// PDFium takes.
pub fn gap(advance: f64, [narrow, usual, wide]: [f64; 3]) -> f64 {
    match advance {
        it if it < narrow => it / 2.0,
        it if it < usual => it / 4.0,
        it if it < wide => it / 5.0,
        it => it / 6.0,
    }
}

/// Where a text ended.
pub struct End {
    pub at: Point,
    pub line: Line,
    pub size: f64,
    /// Of its last character.
    pub advance: f64,
    pub characters: usize,
}

impl End {
    /// Whether a text that goes on in this line begins so far behind it that a blank is meant. Words may also be written
    /// over each other's ends, as programs do that put invisible words behind a scan.
    pub fn is_apart(&self, from: Point, text: &[Written]) -> bool {
        let Some(first) = text.first() else { return false };
        let step = from - self.at;
        let [across, climb, ..] = self.line.place.as_coeffs();
        let length = across.hypot(climb);
        if length == 0.0 || self.size == 0.0 {
            return false;
        }
        let along = (step.x * across + step.y * climb) / length / self.size;
        let aside = (step.y * across - step.x * climb) / length / self.size;
        let words = self.characters > 1 && text.len() > 1;
        let free = if words { along.abs() } else { along };
        aside.abs() < SAME_LINE
            && free * 1000.0 >= gap(self.advance.max(first.character.advance), [400.0, 700.0, 800.0])
    }
}
