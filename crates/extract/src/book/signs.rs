//! How good a text layer looks, before anybody reads it.

use serde::{Deserialize, Serialize};

/// What a page's text layer looks like.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Signs {
    /// Characters that are no blanks.
    pub chars: u32,
    /// Of these, characters that mean nothing: U+FFFD, private use, control codes.
    pub undecodable: u32,
    /// Whether most of the text is written in the invisible mode, as OCR programs do.
    pub invisible: bool,
    /// Share of the page that its largest image covers, in 0..=1.
    pub image_share: f32,
    /// Pixels an inch of that image; 0 without one.
    pub image_dpi: f32,
    /// Paths and shadings: what a page consists of whose letters were turned into outlines.
    pub drawings: u32,
    pub objects: u32,
}

impl Signs {
    /// Those of a file that is nothing but the image of a page.
    pub fn of_image() -> Signs {
        Signs { image_share: 1.0, objects: 1, ..Signs::default() }
    }

    /// Notes an image that covers `width` by `height` points of a page of `whole` square points, if it is the largest so
    /// far; `across` and `down` are its pixels.
    pub fn see_image(&mut self, width: f32, height: f32, across: f32, down: f32, whole: f32) {
        let share = (width * height / whole).clamp(0.0, 1.0);
        if share > self.image_share {
            self.image_share = share;
            // An image that was turned on the page has its sides exchanged.
            let upright = (across / down.max(1.0) > 1.0) == (width / height.max(1.0) > 1.0);
            self.image_dpi = if upright { across } else { down } * 72.0 / width.max(1.0);
        }
    }
}
