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
}
