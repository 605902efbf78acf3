//! A font of a PDF page: what its codes stand for and how wide they are.

use std::sync::Arc;

use hayro_font::{
    CMapResolverFn, Font, FontCache, FontGlyph, FontQuery, FontResolverFn,
    hayro_cmap::{self, BfString},
    hayro_syntax::object::{Array, Dict, Name, dict::keys},
};
use rustc_hash::FxHashMap;

use super::{
    page_glyphs::{as_printed, is_meaningless},
    shape::is_right_to_left,
    words::HYPHEN_AT_LINE_END,
};

/// Weight of a font from which on it is bold.
const BOLD: f32 = 600.0;
/// Ascent and descent of a font that does not say its own, in thousandths.
const USUAL_FONT: (f32, f32) = (750.0, -250.0);

/// The fonts of a file, each loaded once.
pub struct Fonts<'p> {
    cache: FontCache<'p>,
    programs: FontResolverFn,
    cmaps: CMapResolverFn,
}

impl Default for Fonts<'_> {
    fn default() -> Self {
        Fonts {
            cache: FontCache::new(),
            programs: Arc::new(|query| match query {
                FontQuery::Standard(font) => Some(font.get_font_data()),
                FontQuery::Fallback(query) => Some(query.pick_standard_font().get_font_data()),
            }),
            cmaps: Arc::new(hayro_cmap::load_embedded),
        }
    }
}

impl<'p> Fonts<'p> {
    /// A font; none, if it is not plain.
    pub fn load(&self, dict: &Dict<'p>) -> Option<PageFont<'p>> {
        if dict.get::<Name<'_>>(keys::SUBTYPE)?.as_str() == "Type3" {
            return None;
        }
        let font = self.cache.font(dict, &self.programs, &self.cmaps)?;
        if !font.is_horizontal() {
            return None;
        }
        let inner = dict.get::<Array<'_>>(keys::DESCENDANT_FONTS).and_then(|fonts| fonts.iter::<Dict<'_>>().next());
        let descriptor = inner.as_ref().unwrap_or(dict).get::<Dict<'_>>(keys::FONT_DESC).unwrap_or_default();
        let number = |key: &[u8]| descriptor.get::<f32>(key).filter(|it| it.is_finite());
        let ascent = number(keys::ASCENT).unwrap_or(0.0);
        let descent = -number(keys::DESCENT).unwrap_or(0.0).abs();
        let (ascent, descent) = if ascent > descent { (ascent, descent) } else { USUAL_FONT };
        // How PDFium tells the weight from the width of stems.
        let stem = number(b"StemV").unwrap_or(0.0);
        let weight = if stem < 140.0 { stem * 5.0 } else { stem * 4.0 + 140.0 };
        Some(PageFont {
            font,
            above: f64::from(ascent) / 1000.0,
            below: f64::from(descent) / 1000.0,
            bold: weight >= BOLD,
            characters: FxHashMap::default(),
        })
    }
}

/// A font, and what is known of its characters.
pub struct PageFont<'p> {
    pub font: Font<'p>,
    /// Where a letter ends above and below the line it stands on, in sizes.
    pub above: f64,
    pub below: f64,
    pub bold: bool,
    characters: FxHashMap<u32, Option<Character>>,
}

/// What a code of a font stands for.
#[derive(Debug, Clone, Copy)]
pub struct Character {
    /// Most are one; a ligature may be several.
    text: [char; 3],
    length: u8,
    /// In thousandths of the size.
    pub advance: f64,
}

impl Character {
    pub fn text(&self) -> &[char] {
        &self.text[..usize::from(self.length)]
    }
}

impl PageFont<'_> {
    /// None, if nothing says what it is.
    pub fn character(&mut self, code: u32) -> Option<Character> {
        if let Some(known) = self.characters.get(&code) {
            return *known;
        }
        let character = self.decode(code);
        self.characters.insert(code, character);
        character
    }

    fn decode(&self, code: u32) -> Option<Character> {
        let FontGlyph::Outline(glyph) = self.font.glyph(self.font.map_code(code), code) else { return None };
        let mut character = Character { text: ['\0'; 3], length: 0, advance: self.font.code_advance(code).x };
        let mut add = |text: char| {
            // A soft hyphen that is drawn is one at the end of a line.
            let text = if text == '\u{AD}' { HYPHEN_AT_LINE_END } else { as_printed(text) };
            *character.text.get_mut(usize::from(character.length))? = text;
            character.length += 1;
            (text.is_whitespace() || !is_meaningless(text) && !is_right_to_left(text)).then_some(())
        };
        match glyph.as_unicode()? {
            BfString::Char(text) => add(text)?,
            BfString::String(texts) => texts.chars().try_for_each(add)?,
        }
        (character.length > 0 && character.advance.is_finite()).then_some(character)
    }
}
