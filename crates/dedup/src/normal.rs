//! The normal form of a text: what two texts must share to be equal, and what words are taken from.

/// A text in lower case with each run of white space as one blank, none at either end.
///
/// Lower case is that of each character alone (Unicode's simple and special lower-casing without context), but for the
/// final sigma of Greek, which becomes the other one: whether it is final depends on where the word is cut.
#[derive(Debug, Default)]
pub(crate) struct Normal {
    bytes: Vec<u8>,
}

impl Normal {
    /// Takes the normal form of `text`, reusing the room of the last one.
    pub fn set(&mut self, text: &str) {
        self.bytes.clear();
        // No character grows by more than half when it is lower-cased, so this is nearly always enough.
        self.bytes.reserve(text.len() + text.len() / 8 + 8);
        let input = text.as_bytes();
        let mut place = 0;
        while place < input.len() {
            let byte = input[place];
            if byte < 0x80 {
                let folded = ASCII[usize::from(byte)];
                if folded != b' ' || self.bytes.last().is_some_and(|last| *last != b' ') {
                    self.bytes.push(folded);
                }
                place += 1;
            } else if (0xe3..0xea).contains(&byte) && input[place + 1..place + 3] != [0x80, 0x80] {
                // U+3000 to U+9FFF but for the ideographic blank: no case and no white space.
                self.bytes.extend_from_slice(&input[place..place + 3]);
                place += 3;
            } else {
                let character = text[place..].chars().next().expect("a character begins here");
                self.push(character);
                place += character.len_utf8();
            }
        }
        if self.bytes.last() == Some(&b' ') {
            self.bytes.pop();
        }
    }

    /// Takes the normal form of `text` and calls `name_like` with the place in it of each upper-case letter that does
    /// not begin a sentence or line.
    pub fn set_with_capitals(&mut self, text: &str, name_like: &mut dyn FnMut(usize)) {
        self.bytes.clear();
        let mut begins = true;
        for character in text.chars() {
            if character.is_whitespace() {
                begins |= matches!(character, '\n' | '\r' | '\u{2028}' | '\u{2029}');
            } else if character.is_alphanumeric() {
                if character.is_uppercase() && !begins {
                    name_like(self.bytes.len());
                }
                begins = false;
            } else {
                begins |= matches!(character, '.' | '!' | '?' | ':' | ';' | '…' | '¿' | '¡' | '•' | '。');
            }
            self.push(character);
        }
        if self.bytes.last() == Some(&b' ') {
            self.bytes.pop();
        }
    }

    fn push(&mut self, character: char) {
        if character.is_whitespace() {
            if self.bytes.last().is_some_and(|last| *last != b' ') {
                self.bytes.push(b' ');
            }
            return;
        }
        let mut buffer = [0; 4];
        for lower in character.to_lowercase() {
            let lower = if lower == 'ς' { 'σ' } else { lower };
            self.bytes.extend_from_slice(lower.encode_utf8(&mut buffer).as_bytes());
        }
    }

    /// The normal form that was set last.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.bytes).expect("whole characters were copied")
    }
}

/// ASCII in lower case, white space as blanks.
const ASCII: [u8; 128] = {
    let mut table = [0; 128];
    let mut byte = 0;
    while byte < 128 {
        table[byte] = match byte as u8 {
            b'\t' | b'\n' | 0x0b | 0x0c | b'\r' => b' ',
            other => other.to_ascii_lowercase(),
        };
        byte += 1;
    }
    table
};

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn normal(text: &str) -> String {
        let mut normal = Normal::default();
        normal.set(text);
        normal.as_str().to_owned()
    }

    #[test]
    fn case_and_white_space_are_folded() {
        assert_eq!(normal("\u{3000} Take\t ONE\n\ntablet\u{a0}"), "take one tablet");
        assert_eq!(normal("ПРИМИТЕ　１ ＴＡＢ"), "примите １ ｔａｂ");
        assert_eq!(normal("ΟΔΟΣ οδος"), "οδοσ οδοσ");
        assert_eq!(normal("心筋 梗塞"), "心筋 梗塞");
    }

    #[test]
    fn capitals_that_begin_nothing_are_noted() {
        let (mut normal, mut found) = (Normal::default(), Vec::new());
        normal.set_with_capitals("Take Aspirin. Then\nRest, as Dr Weiß said", &mut |place| found.push(place));
        let names: Vec<&str> = found.iter().map(|place| &normal.as_str()[*place..*place + 2]).collect();
        assert_eq!(names, ["as", "dr", "we"]);
    }

    proptest! {
        #[test]
        fn it_is_lower_case_split_at_white_space(text in any::<String>()) {
            let lowered: String = text.chars().flat_map(char::to_lowercase).collect();
            let expected: Vec<&str> = lowered.split_whitespace().collect();
            prop_assert_eq!(normal(&text), expected.join(" ").replace('ς', "σ"));
            let mut other = Normal::default();
            other.set_with_capitals(&text, &mut |_| ());
            prop_assert_eq!(other.as_str(), normal(&text));
        }
    }
}
