//! Numbers, units and comparison signs, and those that look misread: there a wrong character changes what a text says.

use serde::{Deserialize, Serialize};

/// Counts over one page.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Doses {
    /// Words with a digit.
    pub numbers: u32,
    /// `<`, `>`, `≤`, `≥`, `±`.
    pub comparisons: u32,
    /// Numbers followed by a unit.
    pub with_unit: u32,
    /// Of all these, those that look misread.
    pub suspicious: u32,
}

/// Units that doses and findings are given in, as the international system writes them. Languages with units or signs
/// of their own name them in their folder.
const UNITS: [&str; 35] = [
    "mg", "g", "kg", "µg", "μg", "mcg", "ng", "pg", "ml", "l", "dl", "µl", "μl", "cm", "mm", "m", "µm", "nm", "mmol",
    "µmol", "mol", "mol/l", "mmhg", "iu", "u", "meq", "°c", "%", "h", "min", "s", "hz", "kpa", "kcal", "msv",
];

/// Counts in a text. `more_units` are those of languages, in lower case. What an engine doubted is added by the caller, who knows its confidence.
pub fn doses(text: &str, more_units: &[String]) -> Doses {
    let mut doses = Doses::default();
    let mut after_number = false;
    for word in text.split_whitespace() {
        let digits = word.chars().filter(char::is_ascii_digit).count() as u32;
        doses.comparisons += word.chars().filter(|it| matches!(it, '<' | '>' | '≤' | '≥' | '±')).count() as u32;
        if digits > 0 {
            doses.numbers += 1;
            let unit: String = word.chars().skip_while(|it| !it.is_alphabetic() && !matches!(it, '%' | '°')).collect();
            doses.with_unit += u32::from(is_unit(&unit, more_units));
            doses.suspicious += u32::from(is_misread(word));
        } else if after_number {
            doses.with_unit += u32::from(is_unit(word, more_units));
            doses.suspicious += u32::from(is_misread_unit(word));
        }
        after_number = digits > 0;
    }
    doses
}

fn is_unit(word: &str, more_units: &[String]) -> bool {
    let word = word.trim_matches(|it: char| matches!(it, '.' | ',' | ';' | ':' | ')' | '(')).to_lowercase();
    let first = word.split('/').next().unwrap_or_default();
    let is_known = |unit: &str| UNITS.contains(&unit) || more_units.iter().any(|it| it == unit);
    is_known(&word) || is_known(first)
}

/// Letters that engines read for digits, between digits or before them: `1O`, `l5`, `5OO`, `2,S`; marks that no number
/// has: `1.,5`, `3|`.
fn is_misread(word: &str) -> bool {
    let characters: Vec<char> = word.chars().collect();
    let is_like_digit = |it: char| matches!(it, 'O' | 'o' | 'l' | 'I' | 'S' | 'Z' | 'B' | '|' | 'О' | 'о' | 'З' | 'б');
    let swapped = characters.windows(3).any(|it| {
        let near = |it: char| it.is_ascii_digit() || matches!(it, '.' | ',');
        is_like_digit(it[1])
            && near(it[0])
            && (near(it[2]) || is_like_digit(it[2]))
            && (it[0].is_ascii_digit() || it[2].is_ascii_digit())
    });
    let led = matches!(characters.as_slice(), [first, second, rest @ ..]
        if matches!(first, 'l' | 'I' | 'O' | '|') && second.is_ascii_digit() && !rest.iter().any(|it| it.is_alphabetic()));
    let marks = word.contains(".,") || word.contains(",.") || word.contains('|') || word.contains(",,");
    swapped || led || marks
}

/// What engines make of `mg`, `ml`, `µg`.
fn is_misread_unit(word: &str) -> bool {
    let word = word.trim_matches(|it: char| !it.is_alphanumeric());
    matches!(
        word,
        "rng" | "rnl" | "mI" | "m1" | "rn" | "mq" | "rnm" | "ug" | "pq" | "uq" | "Kg0" | "м1" | "rnol" | "mrnol"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_that_look_misread_are_counted() {
        let counts = doses(
            "Amoxicillin 5OO mg, aspirin 75 mg, pH < 7, l0 ml, 2 rng; 500мг и 0,5 мл при SpO₂ ≥ 94 %",
            &["мг".to_owned(), "мл".to_owned()],
        );
        assert_eq!(counts, Doses { numbers: 8, comparisons: 2, with_unit: 6, suspicious: 3 });
        assert_eq!(doses("B12, HbA1c, Il-6, 2019–2021, T4, 5-FU, 3.5–5.0, H1N1", &[]).suspicious, 0);
    }
}
