//! The words of a text in normal form, by UAX #29, without an allocation.
//!
//! Most text is made of letters that join, digits, a few marks that join them, and blanks and marks that part words. For
//! these the rules WB5 to WB13 are a small loop over a table of character classes. Where anything else turns up (combining
//! marks, Hebrew, kana, ideographs, emoji), the rest up to the next blank goes to `unicode-segmentation`. The two agree
//! on every text (property test), so which one was used never shows.

use unicode_segmentation::UnicodeSegmentation;

/// Characters below this have their class in the table: everything before the scripts of East Asia.
const TABLE_END: usize = 0x2e80;

/// What the fast rules do with a character.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Class {
    /// Joins letters and digits on either side (WB5, WB9, WB10).
    Letter,
    /// Likewise (WB8).
    Digit,
    /// `_` and its like (WB13a, WB13b).
    Connector,
    /// Joins two letters: `:` (WB6, WB7).
    LetterMark,
    /// Joins two digits: `,` `;` (WB11, WB12).
    DigitMark,
    /// Joins two letters or two digits: `.` `'` `’`.
    AnyMark,
    /// Parts words and belongs to none.
    Other,
    Blank,
    /// Not for the fast rules.
    Rare,
}

/// Cuts texts into words.
pub(crate) struct Words {
    classes: Vec<Class>,
}

impl Words {
    pub fn new() -> Words {
        let class = |code: usize| char::from_u32(code as u32).map_or(Class::Rare, class_of);
        Words { classes: (0..TABLE_END).map(class).collect() }
    }

    /// Calls `visit` with the place and length of each word of `normal`.
    pub fn each(&self, normal: &str, visit: &mut impl FnMut(usize, usize)) {
        let bytes = normal.as_bytes();
        let mut place = 0;
        while place < bytes.len() {
            let (class, length) = self.at(bytes, place);
            match class {
                Class::Letter | Class::Digit | Class::Connector => place = self.word(normal, place, visit),
                Class::Rare => place = slow(normal, place, visit),
                // A combining mark joins whatever stands before it (WB4).
                _ if self.at(bytes, place + length).0 == Class::Rare => place = slow(normal, place, visit),
                _ => place += length,
            }
        }
    }

    /// Reads the word that begins at `start` and gives the place behind it.
    fn word(&self, normal: &str, start: usize, visit: &mut impl FnMut(usize, usize)) -> usize {
        let bytes = normal.as_bytes();
        let mut place = start;
        let mut last = Class::Connector;
        let mut has_letter_or_digit = false;
        loop {
            let (class, length) = self.at(bytes, place);
            match class {
                Class::Letter | Class::Digit => {
                    has_letter_or_digit = true;
                    last = class;
                    place += length;
                }
                Class::Connector => {
                    last = class;
                    place += length;
                }
                Class::LetterMark | Class::DigitMark | Class::AnyMark => {
                    let joins = match last {
                        Class::Letter => class != Class::DigitMark,
                        Class::Digit => class != Class::LetterMark,
                        _ => false,
                    };
                    match self.at(bytes, place + length).0 {
                        Class::Rare => return slow(normal, start, visit),
                        next if joins && next == last => place += length,
                        _ => break,
                    }
                }
                Class::Rare => return slow(normal, start, visit),
                Class::Other | Class::Blank => break,
            }
        }
        if has_letter_or_digit {
            visit(start, place - start);
        }
        place
    }

    /// Class and length of the character at `place`; behind the end there is a blank.
    #[inline]
    fn at(&self, bytes: &[u8], place: usize) -> (Class, usize) {
        let Some(first) = bytes.get(place).copied() else { return (Class::Blank, 0) };
        let continued = |at: usize| usize::from(bytes.get(place + at).copied().unwrap_or(0) & 0x3f);
        match first {
            0..0x80 => (self.classes[usize::from(first)], 1),
            0x80..0xe0 => (self.classes[(usize::from(first) & 0x1f) << 6 | continued(1)], 2),
            0xe0..0xf0 => {
                let code = (usize::from(first) & 0xf) << 12 | continued(1) << 6 | continued(2);
                // Hangul syllables are letters like any others.
                let class = if (0xac00..0xd7a4).contains(&code) { Class::Letter } else { Class::Rare };
                (self.classes.get(code).copied().unwrap_or(class), 3)
            }
            _ => (Class::Rare, 4),
        }
    }
}

/// Cuts from `start` up to the next blank by the whole of UAX #29, and gives the place of that blank.
#[cold]
fn slow(normal: &str, start: usize, visit: &mut impl FnMut(usize, usize)) -> usize {
    let rest = &normal[start..];
    let end = rest.char_indices().skip(1).find(|(_, character)| *character == ' ');
    let rest = end.map_or(rest, |(end, _)| &rest[..end]);
    for (place, word) in rest.unicode_word_indices() {
        visit(start + place, word.len());
    }
    start + rest.len()
}

/// The class of a character, asked of `unicode-segmentation` itself, so that the two cannot differ by version.
fn class_of(character: char) -> Class {
    match character {
        ' ' => return Class::Blank,
        ':' => return Class::LetterMark,
        ',' | ';' => return Class::DigitMark,
        '.' | '\'' | '‘' | '’' => return Class::AnyMark,
        '_' => return Class::Connector,
        // Hebrew has rules of its own for quotation marks (WB7a to WB7c).
        '\u{590}'..='\u{5ff}' => return Class::Rare,
        _ => {}
    }
    let one_word = |text: &str| text.split_word_bounds().count() == 1;
    let between = |side: &str, mark: &str| one_word(&format!("{side}{mark}{character}{mark}{side}"));
    // A letter is told by the mark that joins letters only, a digit by the one that joins digits only.
    if character.is_alphanumeric() && between("a", ":") && !between("1", ",") {
        Class::Letter
    } else if character.is_alphanumeric() && between("1", ",") && !between("a", ":") {
        Class::Digit
    } else if !character.is_alphanumeric()
        && ["a", "1", "_", ":", ".", ","].iter().all(|side| {
            let text = format!("{side}{character}{side}");
            text.split_word_bounds().count() == 3
        })
    {
        Class::Other
    } else {
        Class::Rare
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn words(text: &str) -> Vec<&str> {
        let mut found = Vec::new();
        Words::new().each(text, &mut |start, length| found.push(&text[start..start + length]));
        found
    }

    #[test]
    fn common_text_takes_the_fast_rules() {
        let classes = Words::new();
        let class = |character: char| classes.classes[character as usize];
        for letter in ['a', 'é', 'ж', 'ω', 'ß', 'ñ', 'ع', 'ا', 'ա', 'क'] {
            assert_eq!(class(letter), Class::Letter, "{letter}");
        }
        for (character, expected) in [
            ('7', Class::Digit),
            ('٣', Class::Digit),
            ('«', Class::Other),
            ('—', Class::Other),
            ('…', Class::Other),
            ('"', Class::Other),
            ('-', Class::Other),
            ('(', Class::Other),
            ('\u{301}', Class::Rare),
            ('\u{5d0}', Class::Rare),
            ('\u{200d}', Class::Rare),
        ] {
            assert_eq!(class(character), expected, "{character:?}");
        }
    }

    #[test]
    fn marks_join_as_the_standard_says() {
        assert_eq!(
            words("l'eau d’orge 0,5 mg a.b. 3.5, x:y 1:2"),
            ["l'eau", "d’orge", "0,5", "mg", "a.b", "3.5", "x:y", "1", "2"]
        );
        assert_eq!(words("препарат_1 __ …"), ["препарат_1"]);
        assert_eq!(words("a.\u{308}b c"), ["a.\u{308}b", "c"]);
        assert_eq!(words("心筋 アスピリン"), ["心", "筋", "アスピリン"]);
    }

    proptest! {
        #[test]
        fn the_words_are_those_of_the_standard(
            text in "([a-c1-3éжωß가 ]|[.,:;'’_·\"-]|[\u{300}\u{ad}\u{200d}\u{2060}א\u{5f4}ع٣क\u{93e}ก]|[心アｱー々〇。]|[😀🇫🇷ªˆ№½]){0,24}",
        ) {
            // As in every normal form, blanks stand alone and at neither end.
            let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
            let expected: Vec<&str> = text.unicode_words().collect();
            prop_assert_eq!(words(&text), expected);
        }

        #[test]
        fn so_they_are_of_any_text(text in any::<String>()) {
            let mut normal = crate::normal::Normal::default();
            normal.set(&text);
            let expected: Vec<&str> = normal.as_str().unicode_words().collect();
            prop_assert_eq!(words(normal.as_str()), expected);
        }
    }
}
