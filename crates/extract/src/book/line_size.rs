//! The size of lines that were read from an image: that of their font, where only the ink of the letters at hand is seen.

use super::shape::{Shape, median};

/// Lines whose sizes differ by less than this share from the page's are of the page's size.
const EVEN: f32 = 0.18;

/// Share of a font's line, from the top of `l` to the foot of `p`, that stands above its base line.
const RISE: f32 = 0.76;

/// The height of a font's line of which a text shows so much ink. Shares are those of Times and Arial, about.
pub fn of_ink(height: f32, text: &str) -> f32 {
    let above = text.chars().map(above).fold(0.5, f32::max);
    let below = text.chars().map(below).fold(0.0, f32::max);
    height / (above + below)
}

/// How far a character stands up from the base line.
fn above(letter: char) -> f32 {
    match letter {
        '\u{C0}'..='\u{DE}' | 'Й' | 'Ё' => 0.94,
        't' | 'i' => 0.7,
        'b' | 'd' | 'f' | 'h' | 'k' | 'l' | 'j' | 'ß' | 'б' | 'ф' | 'й' | 'ё' | '(' | ')' | '[' | ']' | '/' => {
            RISE
        }
        '!' | '?' | '%' | '"' | '\'' | '’' | '“' | '”' | '\u{DF}'..='\u{17F}' => RISE,
        letter if letter.is_uppercase() || letter.is_numeric() || letter >= '\u{2E80}' => RISE,
        _ => 0.5,
    }
}

/// How far it reaches below.
fn below(letter: char) -> f32 {
    match letter {
        'g' | 'j' | 'p' | 'q' | 'y' | 'р' | 'у' | 'ф' | '(' | ')' | '[' | ']' | '/' => 1.0 - RISE,
        'µ' | 'β' | 'γ' | 'μ' | 'ρ' | 'φ' => 1.0 - RISE,
        ',' | ';' | 'Q' | 'ç' | 'ц' | 'щ' | 'д' | 'Ц' | 'Щ' | 'Д' => 0.14,
        letter if letter >= '\u{2E80}' => 1.0 - RISE,
        _ => 0.0,
    }
}

/// Makes lines that are about as high as most text of a page just as high.
pub fn even(shape: &mut Shape) {
    let usual = median(shape.lines().flat_map(|line| std::iter::repeat_n(line.size, line.text.len())).collect());
    for line in shape.columns.iter_mut().flat_map(|column| &mut column.lines) {
        if (line.size - usual).abs() < EVEN * usual {
            line.size = usual;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_font_has_the_same_size_whatever_is_written() {
        // Ink of a font of 20 pixels, by its letters.
        for (ink, text) in [
            (20.0, "gland"),
            (15.0, "AMOXICILLIN 250"),
            (10.0, "сенсоа"),
            (15.0, "рак"),
            (18.0, "Dose, une"),
            (20.0, "心筋"),
        ] {
            let size = of_ink(ink, text);
            assert!((19.0..=21.0).contains(&size), "{text}: {size}");
        }
    }
}
