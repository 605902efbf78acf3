//! Connected ink in a part of a page, to look again at marks that engines confuse.

use super::raster::Raster;

/// Pixels of a spot; fewer are dust.
const MIN_PIXELS: usize = 6;

/// Connected ink.
pub struct Spot {
    pub left: usize,
    pub top: usize,
    pub right: usize,
    pub bottom: usize,
    /// Column and row of each pixel.
    pub pixels: Vec<(usize, usize)>,
}

impl Spot {
    pub fn width(&self) -> usize {
        self.right - self.left + 1
    }

    pub fn height(&self) -> usize {
        self.bottom - self.top + 1
    }

    pub fn is_dark_inside(&self, part: &Raster, threshold: u8) -> bool {
        let (column, row) = ((self.left + self.right) / 2, (self.top + self.bottom) / 2);
        part.grey[row * part.width + column] <= threshold
    }
}

/// The spots of an image that are more than dust, by their first pixels. Ink is no lighter than `threshold`.
pub fn spots(part: &Raster, threshold: u8) -> Vec<Spot> {
    let (width, height) = (part.width, part.height);
    let mut seen = vec![false; part.grey.len()];
    let mut spots = Vec::new();
    for start in 0..seen.len() {
        if seen[start] || part.grey[start] > threshold {
            continue;
        }
        seen[start] = true;
        let mut spot = Spot { left: width, top: height, right: 0, bottom: 0, pixels: Vec::new() };
        let mut stack = vec![start];
        while let Some(at) = stack.pop() {
            let (row, column) = (at / width, at % width);
            (spot.left, spot.right) = (spot.left.min(column), spot.right.max(column));
            (spot.top, spot.bottom) = (spot.top.min(row), spot.bottom.max(row));
            spot.pixels.push((column, row));
            for near_row in row.saturating_sub(1)..=(row + 1).min(height - 1) {
                for near_column in column.saturating_sub(1)..=(column + 1).min(width - 1) {
                    let near = near_row * width + near_column;
                    if !seen[near] && part.grey[near] <= threshold {
                        seen[near] = true;
                        stack.push(near);
                    }
                }
            }
        }
        if spot.pixels.len() >= MIN_PIXELS {
            spots.push(spot);
        }
    }
    spots
}
