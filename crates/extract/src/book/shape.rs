//! What stands where on a page: words, lines and columns, whichever engine found them.
//!
//! Lengths are points (1/72 inch), whatever the resolution of the page, and y grows downwards from the top of the page.

use serde::{Deserialize, Serialize};

/// A rectangle along the page's edges.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Area {
    pub left: f32,
    pub top: f32,
    pub right: f32,
    pub bottom: f32,
}

impl Area {
    pub fn width(&self) -> f32 {
        self.right - self.left
    }

    pub fn height(&self) -> f32 {
        self.bottom - self.top
    }

    pub fn middle(&self) -> f32 {
        (self.top + self.bottom) / 2.0
    }

    pub fn centre(&self) -> f32 {
        (self.left + self.right) / 2.0
    }

    /// The smallest area that holds both.
    pub fn with(self, other: Area) -> Area {
        Area {
            left: self.left.min(other.left),
            top: self.top.min(other.top),
            right: self.right.max(other.right),
            bottom: self.bottom.max(other.bottom),
        }
    }

    /// The height that both share.
    pub fn shared_height(&self, other: &Area) -> f32 {
        (self.bottom.min(other.bottom) - self.top.max(other.top)).max(0.0)
    }

    /// The smallest area that holds all of them.
    pub fn around<'a>(areas: impl IntoIterator<Item = &'a Area>) -> Option<Area> {
        areas.into_iter().copied().reduce(Area::with)
    }
}

/// Characters that stand together, with no blank inside.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Word {
    pub text: String,
    pub area: Area,
    /// Height of the line that the word was written in: that of the font, not of the letters at hand.
    pub size: f32,
    pub bold: bool,
    /// How sure the engine is, in 0..=1; 1 for a text layer.
    pub confidence: f32,
    /// Whether the engine saw a blank before it, where the distance alone would not tell.
    pub blank_before: bool,
}

/// Words side by side, as one text.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Line {
    pub text: String,
    pub area: Area,
    pub size: f32,
    /// Width of the first word, or of the first character where words are not separated: whether it would have fitted
    /// into the line above tells where a paragraph ends.
    pub first_width: f32,
    pub bold: bool,
    /// Mean over the characters, in 0..=1.
    pub confidence: f32,
    /// Words with digits or comparison signs that the engine doubted.
    pub doubted_numbers: u32,
}

/// Lines below each other, read from top to bottom.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Column {
    pub lines: Vec<Line>,
}

/// A page in reading order.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Shape {
    pub width: f32,
    pub height: f32,
    pub columns: Vec<Column>,
}

impl Shape {
    pub fn lines(&self) -> impl Iterator<Item = &Line> {
        self.columns.iter().flat_map(|column| &column.lines)
    }

    /// Characters of all lines.
    pub fn chars(&self) -> usize {
        self.lines().map(|line| line.text.chars().count()).sum()
    }

    /// All lines as they stand, for looking at, not for the corpus.
    pub fn plain_text(&self) -> String {
        let lines: Vec<&str> = self.lines().map(|line| line.text.as_str()).collect();
        lines.join("\n")
    }
}

/// Han, kana, bopomofo and their full-width marks: written without blanks between words.
pub fn is_unspaced(character: char) -> bool {
    matches!(character,
        '\u{2E80}'..='\u{303F}' | '\u{3040}'..='\u{30FF}' | '\u{3100}'..='\u{312F}' | '\u{31A0}'..='\u{31FF}'
        | '\u{3400}'..='\u{4DBF}' | '\u{4E00}'..='\u{9FFF}' | '\u{F900}'..='\u{FAFF}' | '\u{FE30}'..='\u{FE4F}'
        | '\u{FF00}'..='\u{FFEF}' | '\u{20000}'..='\u{3FFFF}')
}

/// Hebrew, Arabic and their neighbours: written from right to left.
pub fn is_right_to_left(character: char) -> bool {
    matches!(character, '\u{590}'..='\u{8FF}' | '\u{FB1D}'..='\u{FDFF}' | '\u{FE70}'..='\u{FEFF}')
}

/// The median; 0 of nothing.
pub fn median(mut values: Vec<f32>) -> f32 {
    if values.is_empty() {
        return 0.0;
    }
    let middle = values.len() / 2;
    *values.select_nth_unstable_by(middle, f32::total_cmp).1
}
