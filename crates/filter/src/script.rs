//! Which languages a text could be in, judged by its script: the cheapest look that there is.

use unicode_script::{Script, UnicodeScript};

/// The Unicode scripts that an ISO 15924 code stands for; `Jpan` is three of them. None for an unknown code.
pub fn scripts_of(code: &str) -> Option<Vec<Script>> {
    Some(match code {
        "Jpan" => vec![Script::Han, Script::Hiragana, Script::Katakana],
        "Kore" => vec![Script::Hangul, Script::Han],
        "Hans" | "Hant" => vec![Script::Han],
        code => vec![Script::from_short_name(code)?],
    })
}

/// Whether a letter of any of these scripts (ISO 15924) occurs in `text`.
pub fn has_any(text: &str, codes: &[String]) -> bool {
    let scripts: Vec<Script> = codes.iter().filter_map(|code| scripts_of(code)).flatten().collect();
    text.chars().any(|character| character.is_alphabetic() && scripts.contains(&character.script()))
}

/// Whether the script with this ISO 15924 code is written from right to left.
pub fn is_right_to_left(code: &str) -> bool {
    matches!(code, "Arab" | "Hebr" | "Syrc" | "Thaa" | "Nkoo" | "Adlm")
}

/// Letters of a text by script, counted in its first part.
pub struct ScriptCounts {
    /// In order of first occurrence; a text has few scripts.
    counts: Vec<(Script, u32)>,
    letters: u32,
}

impl ScriptCounts {
    /// Counts the scripts of the first `chars` characters of `text`.
    pub fn of(text: &str, chars: usize) -> ScriptCounts {
        let mut found = ScriptCounts { counts: Vec::new(), letters: 0 };
        for character in text.chars().take(chars).filter(|character| character.is_alphabetic()) {
            let script = if character.is_ascii() { Script::Latin } else { character.script() };
            found.letters += 1;
            match found.counts.iter_mut().find(|(known, _)| *known == script) {
                Some((_, count)) => *count += 1,
                None => found.counts.push((script, 1)),
            }
        }
        found
    }

    /// Share of the letters that belong to any of `scripts`, in 0..=1; 0 where there are no letters.
    pub fn share(&self, scripts: &[Script]) -> f64 {
        let own: u32 = self.counts.iter().filter(|(script, _)| scripts.contains(script)).map(|(_, count)| count).sum();
        if self.letters == 0 { 0.0 } else { f64::from(own) / f64::from(self.letters) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn japanese_is_three_scripts_and_punctuation_is_none() {
        let share = |code: &str, text: &str| ScriptCounts::of(text, 100).share(&scripts_of(code).unwrap());
        assert_eq!(share("Jpan", "心臓のカテ、123"), 1.0);
        assert_eq!(share("Hans", "心脏 MR"), 0.5);
        assert_eq!(share("Cyrl", "сердце"), 1.0);
        assert_eq!(share("Latn", "…"), 0.0);
        assert!(scripts_of("Latin").is_none());
    }
}
