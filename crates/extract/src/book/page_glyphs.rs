//! The characters of a text layer as they lie on a page, whichever way it is turned, and the side that they are read from.

use super::{
    reading_order,
    shape::{Area, Shape},
    words::{Glyph, words},
};

/// A rectangle of the page's own coordinates, in points; y grows upwards.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rectangle {
    pub left: f32,
    pub top: f32,
    pub right: f32,
    pub bottom: f32,
}

/// How the page's own coordinates lie under what a reader sees.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Frame {
    pub left: f32,
    pub bottom: f32,
    /// As seen.
    pub width: f32,
    pub height: f32,
    /// Quarter turns clockwise from the page's own coordinates to what is seen.
    pub quarters: i32,
}

impl Frame {
    fn area(&self, rectangle: Rectangle) -> Area {
        let (left, right) = (rectangle.left - self.left, rectangle.right - self.left);
        let (top, bottom) = (rectangle.top - self.bottom, rectangle.bottom - self.bottom);
        match self.quarters {
            1 => Area { left: bottom, right: top, top: left, bottom: right },
            2 => Area { left: self.width - right, right: self.width - left, top: bottom, bottom: top },
            3 => Area {
                left: self.width - top,
                right: self.width - bottom,
                top: self.height - right,
                bottom: self.height - left,
            },
            _ => Area { left, right, top: self.height - top, bottom: self.height - bottom },
        }
    }
}

/// The characters of a page, by the quarter turn that they stand at.
pub struct PageGlyphs {
    frame: Frame,
    upright: Vec<Glyph>,
    turned: [Vec<Glyph>; 3],
}

impl PageGlyphs {
    pub fn new(frame: Frame, characters: usize) -> PageGlyphs {
        PageGlyphs { frame, upright: Vec::with_capacity(characters), turned: Default::default() }
    }

    pub fn blank(&mut self) {
        self.upright.push(Glyph { character: ' ', area: Area::default(), bold: false });
    }

    /// A character that stands at an angle, clockwise in degrees, to the page's own coordinates. One that lies nowhere
    /// is left out.
    pub fn push(&mut self, character: char, rectangle: Rectangle, clockwise: f32, bold: bool) {
        let area = self.frame.area(rectangle);
        if ![area.left, area.top, area.right, area.bottom].into_iter().all(f32::is_finite) {
            return;
        }
        let glyph = Glyph { character, area, bold };
        match ((clockwise / 90.0).round() as i32 + self.frame.quarters).rem_euclid(4) {
            0 => self.upright.push(glyph),
            quarter => self.turned[quarter as usize - 1].push(glyph),
        }
    }

    /// The page in reading order. A page whose text stands on its side is read from that side; single turned words (a
    /// note along the margin) are left out.
    pub fn shape(mut self) -> Shape {
        let upright = self.upright.iter().filter(|glyph| glyph.character != ' ').count();
        let most = self.turned.iter_mut().enumerate().max_by_key(|(_, glyphs)| glyphs.len());
        let (mut width, mut height) = (self.frame.width, self.frame.height);
        let mut glyphs = self.upright;
        if let Some((index, others)) = most
            && others.len() > upright
        {
            let quarter = index as i32 + 1;
            glyphs = std::mem::take(others);
            for glyph in &mut glyphs {
                glyph.area = turn(glyph.area, quarter, width, height);
            }
            if quarter % 2 == 1 {
                (width, height) = (height, width);
            }
        }
        reading_order::shape(width, height, words(glyphs))
    }
}

/// An area of a page that is turned so that text at `quarter` becomes upright.
fn turn(area: Area, quarter: i32, width: f32, height: f32) -> Area {
    match quarter {
        // Text that runs downwards: turn the page counter-clockwise.
        1 => Area { left: area.top, right: area.bottom, top: width - area.right, bottom: width - area.left },
        2 => Area {
            left: width - area.right,
            right: width - area.left,
            top: height - area.bottom,
            bottom: height - area.top,
        },
        _ => Area { left: height - area.bottom, right: height - area.top, top: area.left, bottom: area.right },
    }
}

/// What is meant where programs put codes of windows-1252 or of the font Symbol in place of characters.
pub fn as_printed(character: char) -> char {
    match character {
        '\u{80}'..='\u{9F}' => {
            let byte = [character as u32 as u8];
            let (meant, _) = encoding_rs::WINDOWS_1252.decode_without_bom_handling(&byte);
            meant.chars().next().unwrap_or(character)
        }
        '\u{F0B7}' => '•',
        other => other,
    }
}

/// Whether a character says nothing: U+FFFD and what is no character, private use, control codes.
pub fn is_meaningless(character: char) -> bool {
    matches!(character, '\u{FFFD}'..='\u{FFFF}' | '\u{E000}'..='\u{F8FF}' | '\u{F0000}'..='\u{10FFFF}')
        || (character.is_control() && character != '\u{2}')
}
