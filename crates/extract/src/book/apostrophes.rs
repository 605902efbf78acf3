//! Apostrophes as they are printed: Tesseract's language packs write `'` for every `’`.
//!
//! The mark is looked at again: it stands high, with no ink below it, and a typographic one leans, since its tail goes down
//! to the left, while a straight one does not. A mark that is not found, or that touches a letter, stays as it was read.

use super::{
    ink::{Spot, spots},
    raster::Raster,
};

const STRAIGHT: char = '\'';
const CURLY: char = '’';
/// How far the upper half stands to the right of the lower one, in heights of the mark, from which on it leans. Measured
/// on glyphs of 25 to 40 pixels, sharp and blurred: upright straight ones reach .06 in sans and DejaVu's serif, .10 at most;
/// typographic ones have .10 to .25 there on average. Those of Noto Serif hardly lean when they are blurred and stay
/// straight; straight ones in italics lean and become typographic.
const LEANS: f64 = 0.075;
/// Part of the line's height above the base line in which the mark ends, and the highest and widest it may be.
const ENDS_ABOVE: f32 = 0.3;
const MAX_HEIGHT: f32 = 0.45;
const MAX_WIDTH: f32 = 0.25;

/// The word with its apostrophes as they are printed, if they differ from what was read. `place` is the word's rectangle (left,
/// top, right, bottom in pixels), `base` the row on which the letters of the line stand, `height` that of the line.
pub fn apostrophes(
    raster: &Raster,
    text: &str,
    place: [usize; 4],
    base: usize,
    height: usize,
    threshold: u8,
) -> Option<String> {
    let read = text.chars().filter(|it| matches!(*it, STRAIGHT | CURLY)).count();
    if read == 0 || height < 8 {
        return None;
    }
    let [left, _, right, _] = place;
    let top = base.saturating_sub(height);
    let part = raster.part(left, top, right, base);
    let all = spots(&part, threshold);
    let scale = height as f32;
    let lowest = (base - top) as f32 - ENDS_ABOVE * scale;
    let is_mark = |spot: &&Spot| {
        let stands_high = (spot.bottom as f32) < lowest;
        let is_small = spot.height() as f32 <= MAX_HEIGHT * scale && spot.width() as f32 <= MAX_WIDTH * scale;
        stands_high && is_small && spot.height() >= spot.width() && !has_ink_below(spot, &all)
    };
    let mut marks: Vec<&Spot> = all.iter().filter(is_mark).collect();
    if marks.len() != read {
        return None;
    }
    marks.sort_by_key(|mark| mark.left);
    let mut marks = marks.into_iter();
    let printed: String = text
        .chars()
        .map(|character| match character {
            STRAIGHT | CURLY if marks.next().is_some_and(leans) => CURLY,
            CURLY => STRAIGHT,
            character => character,
        })
        .collect();
    (printed != text).then_some(printed)
}

/// Accents and the dots of letters have a letter below them.
fn has_ink_below(mark: &Spot, all: &[Spot]) -> bool {
    let middle = (mark.left + mark.right) / 2;
    all.iter().any(|other| other.left <= middle && other.right >= middle && other.bottom > mark.bottom)
}

fn leans(mark: &Spot) -> bool {
    let middle = mark.top + mark.height() / 2;
    let mean = |upper: bool| {
        let columns: Vec<usize> =
            mark.pixels.iter().filter(|(_, row)| (*row < middle) == upper).map(|(column, _)| *column).collect();
        columns.iter().sum::<usize>() as f64 / columns.len().max(1) as f64
    };
    (mean(true) - mean(false)) / mark.height() as f64 >= LEANS
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A line of 30 pixels that stands on row 35: two letters and a mark between them, whose rows begin at these columns.
    fn word(mark: &[usize]) -> Raster {
        let (width, height) = (40, 50);
        let mut grey = vec![240u8; width * height];
        for row in 15..35 {
            for column in (5..10).chain(25..30) {
                grey[row * width + column] = 20;
            }
        }
        for (row, from) in mark.iter().enumerate() {
            grey[(10 + row) * width + from..(10 + row) * width + from + 3].fill(20);
        }
        Raster { width, height, grey, dpi: 200.0 }
    }

    fn read(text: &str, mark: &[usize]) -> Option<String> {
        apostrophes(&word(mark), text, [4, 10, 31, 36], 35, 30, 128)
    }

    #[test]
    fn a_mark_that_leans_is_a_typographic_apostrophe() {
        let (straight, leaning) = ([16; 8], [18, 18, 18, 17, 17, 16, 16, 15]);
        assert_eq!(read("l'l", &leaning).as_deref(), Some("l’l"));
        assert_eq!(read("l'l", &straight), None);
        assert_eq!(read("l’l", &straight).as_deref(), Some("l'l"));
        assert_eq!(read("l’l", &leaning), None);
    }

    #[test]
    fn what_is_not_found_stays_as_it_was_read() {
        assert_eq!(read("l'l", &[]), None, "no mark");
        assert_eq!(read("l'l’l", &[16; 8]), None, "two were read, one is there");
        assert_eq!(read("ll", &[18, 17, 16, 15]), None, "none was read");
    }
}
