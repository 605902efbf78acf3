//! Whether a page's text layer is used or its image is read.
//!
//! Cheap signs sort out the clear cases. Where they leave a doubt (a hidden layer behind a scan, a layer that reads like
//! no language) an engine reads a few lines of the page, and the layer is used if it says the same.

use document::LanguageCode;

use super::{
    protocol::BookFormat,
    shape::{Area, Shape},
    signs::Signs,
};

/// How a page is read, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Route {
    Layer(&'static str),
    /// The layer, if an engine reads the same on a part of the page.
    Verify(&'static str),
    Recognise(&'static str),
    /// There is nothing on the page.
    Blank,
}

impl Route {
    pub fn is_recognise(self) -> bool {
        matches!(self, Route::Recognise(_))
    }

    pub fn needs_engine(self) -> bool {
        matches!(self, Route::Recognise(_) | Route::Verify(_))
    }

    pub fn why(self) -> &'static str {
        match self {
            Route::Layer(why) | Route::Verify(why) | Route::Recognise(why) => why,
            Route::Blank => "blank",
        }
    }
}

/// Share of characters that mean nothing, from which on the layer is broken, and from which on it is doubted.
const BROKEN: f32 = 0.10;
const DOUBTED: f32 = 0.005;
/// Share of the page that an image covers where the page may be a scan.
const SCAN: f32 = 0.5;
/// Characters below which a layer over a large image is a stamp or a running head.
const FEW_CHARS: u32 = 60;
/// Drawings from which on a page without text may be text in outlines.
const OUTLINES: u32 = 40;
/// Probability below which a text reads like no language.
const PLAUSIBLE: f64 = 0.5;
/// Share of trigrams from which on layer and engine say the same. A layer with one letter in fifteen wrong has about this.
const SAME: f64 = 0.82;

/// What the signs alone say.
pub fn before_reading(signs: &Signs) -> Route {
    let undecodable = signs.undecodable as f32 / signs.chars.max(1) as f32;
    match signs {
        signs if signs.chars == 0 && (signs.image_share > 0.02 || signs.drawings >= OUTLINES) => {
            Route::Recognise("no_text_layer")
        }
        signs if signs.chars == 0 => Route::Blank,
        _ if undecodable >= BROKEN => Route::Recognise("undecodable"),
        signs if signs.image_share > SCAN && signs.chars < FEW_CHARS => Route::Recognise("sparse_layer"),
        signs if signs.invisible => Route::Verify("hidden_layer"),
        signs if signs.image_share > SCAN => Route::Verify("image_behind_text"),
        _ if undecodable >= DOUBTED => Route::Verify("some_undecodable"),
        _ => Route::Layer("text_layer"),
    }
}

/// What the signs and the text say.
pub fn route(
    signs: &Signs,
    layer: &Shape,
    identified: Option<(LanguageCode, f64)>,
    language: Option<LanguageCode>,
    format: BookFormat,
) -> Route {
    let route = before_reading(signs);
    if format != BookFormat::Pdf || !matches!(route, Route::Layer(_)) {
        return route;
    }
    let doubted = identified
        .is_some_and(|(code, sure)| sure < PLAUSIBLE || (sure < 0.8 && language.is_some_and(|book| book != code)));
    if doubted && is_prose(&layer.plain_text()) { Route::Verify("implausible") } else { route }
}

/// Tables and lists read like no language either: only text that consists of letters is asked for one.
fn is_prose(text: &str) -> bool {
    let (mut letters, mut others) = (0, 0);
    for character in text.chars().filter(|it| !it.is_whitespace()) {
        if character.is_alphabetic() { letters += 1 } else { others += 1 }
    }
    letters >= 200 && letters > 3 * others
}

/// Whether a sample shows that the layer is worse than what an engine reads.
pub fn disproves(agreement: f64, engine_confidence: f64) -> bool {
    agreement < SAME && engine_confidence > 0.6 && engine_confidence > agreement - 0.2
}

/// Share of the character trigrams of a sample that the layer has at the same height of the page, and the other way
/// round: the smaller of the two. Order of columns does not matter. None where there is too little to compare.
pub fn agreement(layer: &Shape, sample: &Shape) -> Option<f64> {
    let band = Area::around(sample.lines().map(|line| &line.area))?;
    let inside = |line: &&super::shape::Line| line.area.middle() > band.top && line.area.middle() < band.bottom;
    let near = |line: &&super::shape::Line| {
        line.area.bottom > band.top - line.area.height() && line.area.top < band.bottom + line.area.height()
    };
    let read = trigrams(sample.lines().map(|line| line.text.as_str()));
    let said = trigrams(layer.lines().filter(near).map(|line| line.text.as_str()));
    let surely_said = trigrams(layer.lines().filter(inside).map(|line| line.text.as_str()));
    if read.len() < 30 {
        return None;
    }
    let found = shared(&read, &said) as f64 / read.len() as f64;
    let back =
        if surely_said.is_empty() { found } else { shared(&surely_said, &read) as f64 / surely_said.len() as f64 };
    // What the engine does not see at the edge of the sample is no fault of the layer: a little less is asked back.
    Some(found.min(back + 0.1))
}

/// Sorted trigrams of letters and digits.
fn trigrams<'t>(lines: impl Iterator<Item = &'t str>) -> Vec<[char; 3]> {
    use unicode_normalization::UnicodeNormalization;
    let mut all = Vec::new();
    for line in lines {
        let characters: Vec<char> =
            line.nfkc().filter(|it| it.is_alphanumeric()).flat_map(char::to_lowercase).collect();
        all.extend(characters.windows(3).map(|it| [it[0], it[1], it[2]]));
    }
    all.sort_unstable();
    all
}

/// Size of the intersection of two sorted multisets.
fn shared(left: &[[char; 3]], right: &[[char; 3]]) -> usize {
    let (mut at_left, mut at_right, mut shared) = (0, 0, 0);
    while at_left < left.len() && at_right < right.len() {
        match left[at_left].cmp(&right[at_right]) {
            std::cmp::Ordering::Less => at_left += 1,
            std::cmp::Ordering::Greater => at_right += 1,
            std::cmp::Ordering::Equal => {
                shared += 1;
                at_left += 1;
                at_right += 1;
            }
        }
    }
    shared
}
