//! Bullets that an engine took for another mark, told by their ink.
//!
//! Tesseract's language packs hardly know the marks `·` and `•`: it writes `:`, `-`, `+`, `*`, `e` or `°` for them, and a list of
//! side effects becomes a row of colons. A mark that stands alone is therefore looked at again: one filled dot at the
//! height of a hyphen is a bullet, whatever it was called.

use super::{ink::spots, raster::Raster};

/// What bullets are read as, standing alone.
const READ_AS: [&str; 21] =
    [":", "-", "+", "*", "°", "e", "o", "¢", "©", "®", "»", "«", "=", "~", "_", "'", "’", ".", "»,", "¤", "⁃"];
/// Diameter of a bullet and of a middle dot, in heights of the line.
const BULLET: f32 = 0.45;
const DOT: f32 = 0.22;
/// Height of its centre above the base line, in heights of the line.
const CENTRE: std::ops::Range<f32> = 0.15..0.55;
/// Width by height.
const ROUND: std::ops::Range<f32> = 0.6..1.67;
/// Share of its rectangle that ink fills; a disc fills .79.
const FILLED: f32 = 0.6;

/// A rectangle of pixels: left, top, right, bottom.
pub type Box = [usize; 4];

/// The mark that stands where an engine read `text`, if it is a bullet. `base` is the row on which the letters of the line
/// stand, `height` that of the line; ink is darker than `threshold`.
pub fn bullet(
    raster: &Raster,
    text: &str,
    place: Box,
    base: usize,
    height: usize,
    threshold: u8,
) -> Option<&'static str> {
    if !READ_AS.contains(&text) || height < 8 {
        return None;
    }
    // An engine that takes a dot for a colon may put the box too low or too high.
    let [left, _, right, _] = place;
    let top = base.saturating_sub(height);
    let part = raster.part(left.saturating_sub(1), top, right + 1, base + height / 4);
    let [spot] = &spots(&part, threshold)[..] else { return None };
    let (wide, high) = (spot.width() as f32, spot.height() as f32);
    let size = wide.max(high) / height as f32;
    let centre = base as f32 - (top as f32 + (spot.top + spot.bottom) as f32 / 2.0);
    let solid = spot.pixels.len() as f32 >= FILLED * wide * high && spot.is_dark_inside(&part, threshold);
    let fits = ROUND.contains(&(wide / high)) && size <= BULLET && CENTRE.contains(&(centre / height as f32));
    (fits && solid).then_some(if size < DOT { "·" } else { "•" })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A line of 30 pixels that stands on row 35, with discs at these (column, row, diameter).
    fn line(discs: &[(f32, f32, f32)]) -> Raster {
        let (width, height) = (40, 50);
        let ink = |x: usize, y: usize| {
            discs.iter().any(|(column, row, diameter)| {
                (x as f32 - column).powi(2) + (y as f32 - row).powi(2) <= (diameter / 2.0).powi(2)
            })
        };
        let grey = (0..height).flat_map(|y| (0..width).map(move |x| if ink(x, y) { 20 } else { 240 })).collect();
        Raster { width, height, grey, dpi: 200.0 }
    }

    fn read(discs: &[(f32, f32, f32)], text: &str) -> Option<&'static str> {
        bullet(&line(discs), text, [10, 10, 30, 36], 35, 30, 128)
    }

    #[test]
    fn a_dot_at_the_height_of_a_hyphen_is_a_bullet_whatever_it_was_read_as() {
        assert_eq!(read(&[(20.0, 25.0, 4.5)], ":"), Some("·"));
        assert_eq!(read(&[(20.0, 25.0, 4.5)], "-"), Some("·"));
        assert_eq!(read(&[(20.0, 25.0, 10.0)], "e"), Some("•"));
    }

    #[test]
    fn other_marks_stay_what_they_are() {
        assert_eq!(read(&[(20.0, 22.0, 4.5), (20.0, 32.0, 4.5)], ":"), None, "two dots");
        assert_eq!(read(&[(20.0, 33.0, 4.5)], "."), None, "a full stop stands on the line");
        assert_eq!(read(&[(16.0, 25.0, 4.5), (19.0, 25.0, 4.5), (22.0, 25.0, 4.5)], "-"), None, "a hyphen is long");
        assert_eq!(read(&[(20.0, 25.0, 20.0)], "o"), None, "a letter is large");
        assert_eq!(read(&[(20.0, 25.0, 4.5)], "de"), None, "a word");
    }
}
