//! Characters with boxes become words: by their distance, not by the blanks that a file happens to hold.

use super::shape::{Area, Word, is_right_to_left, is_unspaced};

/// One character of a text layer.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Glyph {
    pub character: char,
    /// As high as the font, as wide as the character.
    pub area: Area,
    pub bold: bool,
}

/// Gap after which a new word begins, in heights of the line.
const WORD_GAP: f32 = 0.22;
/// The same between characters that are written without blanks.
const UNSPACED_GAP: f32 = 1.2;
/// How far the next character may stand behind the last one, in heights: kerning, accents, overprinting.
const BACKWARDS: f32 = 0.8;

/// Words in the order of the glyphs. Ligatures are spelt out, raised and lowered digits become superscripts and
/// subscripts (10⁹ is not 109), blanks and control characters only separate.
pub fn words(glyphs: impl IntoIterator<Item = Glyph>) -> Vec<Word> {
    let mut words: Vec<Word> = Vec::new();
    let mut open: Option<Open> = None;
    let mut blank = false;
    for glyph in glyphs {
        let character = glyph.character;
        if character.is_whitespace() || (character.is_control() && character != HYPHEN_AT_LINE_END) {
            blank = true;
            continue;
        }
        if glyph.area.height() <= 0.0 {
            continue;
        }
        let goes_on = !blank && open.as_ref().is_some_and(|open| open.takes(&glyph));
        if !goes_on {
            words.extend(open.take().map(Open::close));
            open = Some(Open::new(&glyph, blank));
        }
        if let Some(open) = &mut open {
            open.push(&glyph);
        }
        blank = false;
    }
    words.extend(open.map(Open::close));
    words
}

/// PDFium writes this for a hyphen at the end of a line.
pub const HYPHEN_AT_LINE_END: char = '\u{2}';

/// A word that is being put together.
struct Open {
    word: Word,
    /// The last character of full size, which tells what is raised.
    base: Area,
    last: Area,
}

impl Open {
    fn new(glyph: &Glyph, blank_before: bool) -> Open {
        let word = Word {
            text: String::new(),
            area: glyph.area,
            size: glyph.area.height(),
            bold: glyph.bold,
            confidence: 1.0,
            blank_before,
        };
        Open { word, base: glyph.area, last: glyph.area }
    }

    fn takes(&self, glyph: &Glyph) -> bool {
        let height = self.base.height().max(glyph.area.height());
        let shared = self.base.shared_height(&glyph.area);
        let last_character = self.word.text.chars().next_back().unwrap_or_default();
        let backwards = is_right_to_left(glyph.character) && is_right_to_left(last_character);
        let gap = if backwards { self.last.left - glyph.area.right } else { glyph.area.left - self.last.right };
        let unspaced = is_unspaced(glyph.character) && is_unspaced(last_character);
        let widest = height * if unspaced { UNSPACED_GAP } else { WORD_GAP };
        shared >= 0.35 * self.base.height().min(glyph.area.height()) && gap <= widest && gap >= -BACKWARDS * height
    }

    fn push(&mut self, glyph: &Glyph) {
        let full = self.base.height();
        let small = glyph.area.height() < 0.82 * full && !self.word.text.is_empty();
        let raised = small && glyph.area.bottom < self.base.bottom - 0.16 * full;
        let lowered = small && !raised && glyph.area.top > self.base.top + 0.2 * full;
        let shifted = match glyph.character {
            character if raised => superscript(character),
            character if lowered => subscript(character),
            _ => None,
        };
        match (shifted, glyph.character) {
            (Some(character), _) => self.word.text.push(character),
            (None, HYPHEN_AT_LINE_END) => self.word.text.push('-'),
            (None, character) => spell(character, &mut self.word.text),
        }
        if !raised && !lowered {
            self.base = glyph.area;
            self.word.size = self.word.size.max(glyph.area.height());
        }
        self.last = glyph.area;
        self.word.area = self.word.area.with(glyph.area);
    }

    fn close(self) -> Word {
        self.word
    }
}

/// Writes a character, a ligature as its letters.
pub fn spell(character: char, text: &mut String) {
    match character {
        '\u{FB00}' => text.push_str("ff"),
        '\u{FB01}' => text.push_str("fi"),
        '\u{FB02}' => text.push_str("fl"),
        '\u{FB03}' => text.push_str("ffi"),
        '\u{FB04}' => text.push_str("ffl"),
        '\u{FB05}' | '\u{FB06}' => text.push_str("st"),
        // Radicals that fonts of Chinese and Japanese PDFs give for the characters they are drawn as.
        character => text.push(radical(character)),
    }
}

/// The ideograph that is meant by a Kangxi radical.
fn radical(character: char) -> char {
    use unicode_normalization::UnicodeNormalization;
    if matches!(character, '\u{2F00}'..='\u{2FD5}') { character.nfkc().next().unwrap_or(character) } else { character }
}

fn superscript(character: char) -> Option<char> {
    Some(match character {
        '0' => '⁰',
        '1' => '¹',
        '2' => '²',
        '3' => '³',
        '4'..='9' => char::from_u32('⁴' as u32 + (character as u32 - '4' as u32))?,
        '+' => '⁺',
        '-' | '−' | '–' => '⁻',
        '(' => '⁽',
        ')' => '⁾',
        _ => return None,
    })
}

fn subscript(character: char) -> Option<char> {
    Some(match character {
        '0'..='9' => char::from_u32('₀' as u32 + (character as u32 - '0' as u32))?,
        '+' => '₊',
        '-' | '−' | '–' => '₋',
        '(' => '₍',
        ')' => '₎',
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A line of 10 point text at (0, 0), six points a character; `^` raises the next character, `_` lowers it.
    fn line(text: &str) -> Vec<Glyph> {
        let mut glyphs = Vec::new();
        let mut shift = ' ';
        for character in text.chars() {
            if character == '^' || character == '_' {
                shift = character;
                continue;
            }
            let left = glyphs.len() as f32 * 6.0;
            let (top, bottom) = match shift {
                '^' => (-1.0, 5.5),
                '_' => (5.0, 11.5),
                _ => (0.0, 10.0),
            };
            let width = if is_unspaced(character) { 10.0 } else { 6.0 };
            glyphs.push(Glyph { character, area: Area { left, top, right: left + width, bottom }, bold: false });
            shift = ' ';
        }
        glyphs
    }

    fn texts(glyphs: Vec<Glyph>) -> Vec<String> {
        words(glyphs).into_iter().map(|word| word.text).collect()
    }

    #[test]
    fn raised_digits_are_not_read_as_more_digits() {
        assert_eq!(texts(line("10^9/L")), ["10⁹/L"]);
        assert_eq!(texts(line("CO_2 SpO_2")), ["CO₂", "SpO₂"]);
        assert_eq!(texts(line("см^3")), ["см³"]);
    }

    #[test]
    fn words_are_told_by_distance_where_the_file_has_no_blanks() {
        let mut glyphs = line("возрастдозы");
        for glyph in &mut glyphs[7..] {
            glyph.area.left += 4.0;
            glyph.area.right += 4.0;
        }
        assert_eq!(texts(glyphs), ["возраст", "дозы"]);
    }

    #[test]
    fn ligatures_and_radicals_are_spelt_out() {
        assert_eq!(texts(line("e\u{FB03}cacy \u{2F2D}")), ["efficacy", "山"]);
    }

    #[test]
    fn another_line_is_another_word() {
        let mut glyphs = line("心筋");
        glyphs.extend(line("梗塞").into_iter().map(|mut glyph| {
            glyph.area.top += 14.0;
            glyph.area.bottom += 14.0;
            glyph
        }));
        assert_eq!(texts(glyphs), ["心筋", "梗塞"]);
    }
}
