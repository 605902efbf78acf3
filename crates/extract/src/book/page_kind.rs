//! What a page is for: covers, contents, indexes, reference lists and imprints are no text to learn medicine from.
//!
//! They are told by their shape, in any language: lines that end in page numbers, numbers that follow each other,
//! years in brackets. A page that is kept out says by which rule, with the value and its limit.

use serde::Serialize;

use super::paragraphs::{Paragraph, Role};

/// Why a page is kept out of the text.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct KeptOut {
    /// What was found, such as `contents`.
    pub rule: &'static str,
    pub value: f64,
    pub limit: f64,
}

/// Which pages enter the corpus.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum PageRule {
    /// By what each page looks like.
    #[default]
    Native,
    /// As MMedC's script does (Qiu et al. 2024, Nat. Commun. 15, 8384): in books from 100 pages on page p, counted from
    /// 0, is kept if p > 0.018 N + 3 and p < N − 5.
    Mmedc,
    /// Every page.
    All,
}

/// MMedC's test for books of images: alphanumerics below half of all characters, or below 200 a page.
pub fn is_image_book(text: &str, pages: usize) -> bool {
    let (mut all, mut alphanumeric) = (0usize, 0usize);
    for character in text.chars() {
        all += 1;
        alphanumeric += usize::from(character.is_alphanumeric());
    }
    (alphanumeric as f64) < 0.5 * all as f64 || alphanumeric < 200 * pages
}

/// Whether MMedC's script leaves out page `index` of `pages`.
pub fn mmedc(index: usize, pages: usize) -> Option<KeptOut> {
    if pages < 100 {
        return None;
    }
    let first = 0.018 * pages as f64 + 3.0;
    if index as f64 <= first {
        return Some(KeptOut { rule: "mmedc_front", value: index as f64, limit: first });
    }
    let last = pages as f64 - 5.0;
    (index as f64 >= last).then_some(KeptOut { rule: "mmedc_back", value: index as f64, limit: last })
}

/// Lines below which a page is too short to be judged by the shares of its lines.
const FEW_LINES: usize = 8;
/// Share of lines that end in a page number, from which on a page lists contents or is an index.
const PAGE_NUMBERS: f64 = 0.5;
/// Share of entries with a year and a name or page range, from which on a page is a list of references.
const REFERENCES: f64 = 0.6;
/// Marks of an imprint on one page.
const IMPRINT: f64 = 2.0;
/// Characters below which the first page of a book is its cover, and any page is blank.
const COVER_CHARS: f64 = 200.0;
const BLANK_CHARS: f64 = 1.0;

/// Why a page is kept out by what it looks like. `index` counts from 0; `lines` are those of the page without furniture.
/// `more_marks` are signs of an imprint in the languages at hand, in upper case.
pub fn native(
    index: usize,
    pages: usize,
    lines: &[&str],
    paragraphs: &[Paragraph],
    more_marks: &[String],
) -> Option<KeptOut> {
    let chars = lines.iter().map(|line| line.chars().filter(|it| !it.is_whitespace()).count()).sum::<usize>() as f64;
    if chars < BLANK_CHARS {
        return Some(KeptOut { rule: "blank", value: chars, limit: BLANK_CHARS });
    }
    let text: String = paragraphs.iter().map(|it| it.text.as_str()).collect::<Vec<_>>().join("\n");
    // A short document has no cover; a book has one, and an imprint behind it or at its end.
    let front = pages >= 6 && index <= 5 + pages / 50;
    let back = pages >= 6 && index + 3 >= pages;
    if pages >= 6 && index == 0 && chars < COVER_CHARS && !has_sentences(&text) {
        return Some(KeptOut { rule: "cover", value: chars, limit: COVER_CHARS });
    }
    if front || back {
        let marks = imprint_marks(&text, more_marks);
        if marks >= IMPRINT {
            return Some(KeptOut { rule: "imprint", value: marks, limit: IMPRINT });
        }
    }
    if lines.len() >= FEW_LINES {
        let (share, indexed) = page_numbers(lines);
        if share > PAGE_NUMBERS {
            let rule = if indexed { "index" } else { "contents" };
            return Some(KeptOut { rule, value: share, limit: PAGE_NUMBERS });
        }
    }
    let share = references(paragraphs);
    (share > REFERENCES).then_some(KeptOut { rule: "references", value: share, limit: REFERENCES })
}

fn has_sentences(text: &str) -> bool {
    text.chars().filter(|it| matches!(it, '.' | '。' | '!' | '?' | '！' | '？')).count() >= 3
}

/// Signs of an imprint that mean the same everywhere, and those of languages.
fn imprint_marks(text: &str, more_marks: &[String]) -> f64 {
    let upper = text.to_uppercase();
    let everywhere = ["ISBN", "ISSN", "©", "COPYRIGHT", "CIP"].iter().filter(|mark| upper.contains(**mark)).count();
    (everywhere + more_marks.iter().filter(|mark| upper.contains(mark.as_str())).count()) as f64
}

/// Share of lines that end in page numbers; whether they are many numbers a line, as in an index.
fn page_numbers(lines: &[&str]) -> (f64, bool) {
    let mut ending = 0;
    let mut several = 0;
    let mut leaders = 0;
    let mut last_number = 0;
    let mut rising = 0;
    for line in lines {
        let trimmed = line.trim_end();
        let text = trimmed.trim_end_matches(|it: char| {
            it.is_numeric() || matches!(it, ',' | ' ' | '\u{a0}' | '–' | '-' | '、' | '，')
        });
        let tail = &trimmed[text.len()..];
        let numbers: Vec<u32> = tail.split(|it: char| !it.is_ascii_digit()).filter_map(|it| it.parse().ok()).collect();
        let begins_with_letters = text.chars().filter(|it| it.is_alphabetic()).count() >= 2;
        // A number glued to a unit or a word is no page number, nor is a year at the end of a sentence.
        let set_apart = tail.starts_with([' ', ',', '\u{a0}']) || text.ends_with(['.', '…', '·', '\t', '⋯', '‥', '—']);
        if numbers.is_empty() || !begins_with_letters || !set_apart || numbers.iter().any(|it| *it > 5_000) {
            continue;
        }
        ending += 1;
        several += usize::from(numbers.len() > 1);
        leaders += usize::from(
            text.ends_with("..")
                || text.ends_with('…')
                || text.ends_with("· ·")
                || text.ends_with(". .")
                || text.ends_with('\t'),
        );
        rising += usize::from(numbers[0] >= last_number);
        last_number = numbers[0];
    }
    // Contents have leaders or rise; an index neither, but a good many of its lines have several numbers.
    let share = ending as f64 / lines.len().max(1) as f64;
    let contents = leaders * 2 > ending || rising * 10 > ending * 8;
    let indexed = !contents && several * 5 > ending;
    (if contents || indexed { share } else { 0.0 }, indexed)
}

/// Share of characters in paragraphs that look like references: a year, and names with initials or a range of pages.
fn references(paragraphs: &[Paragraph]) -> f64 {
    let (mut all, mut cited, mut entries) = (0, 0, 0);
    for paragraph in paragraphs.iter().filter(|it| it.role != Role::Heading) {
        let chars = paragraph.text.chars().count();
        all += chars;
        if chars < 600 && is_reference(&paragraph.text) {
            cited += chars;
            entries += 1;
        }
    }
    if entries < 4 { 0.0 } else { cited as f64 / all.max(1) as f64 }
}

fn is_reference(text: &str) -> bool {
    let words: Vec<&str> = text.split_whitespace().collect();
    let digits = |it: &str| it.chars().filter(char::is_ascii_digit).count();
    let year = words.iter().any(|word| {
        let number: String = word.chars().filter(char::is_ascii_digit).collect();
        number.len() >= 4
            && number.get(..4).and_then(|it| it.parse::<u32>().ok()).is_some_and(|it| (1850..=2035).contains(&it))
    });
    let range = words.iter().any(|word| {
        word.split(['-', '–', '—', ':'])
            .filter(|part| digits(part) >= 1 && part.chars().all(|it| !it.is_alphabetic()))
            .count()
            >= 2
    });
    let initials = words
        .iter()
        .filter(|word| {
            let bare: Vec<char> = word.chars().filter(|it| it.is_alphabetic()).collect();
            (1..=3).contains(&bare.len()) && bare.iter().all(|it| it.is_uppercase())
        })
        .count();
    let identifier = ["doi", "DOI", "PMID", "http"].iter().any(|it| text.contains(it));
    let journal = text.contains("[J]") || text.contains("[M]") || text.contains("et al");
    year && (usize::from(range) + usize::from(initials >= 2) + usize::from(identifier) + usize::from(journal) >= 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(text: &str) -> Paragraph {
        Paragraph { text: text.to_owned(), role: Role::Body, continues: false, confidence: 1.0 }
    }

    fn rule(index: usize, lines: &[&str]) -> Option<&'static str> {
        let paragraphs: Vec<Paragraph> = lines.iter().map(|line| body(line)).collect();
        native(index, 200, lines, &paragraphs, &["УДК".to_owned()]).map(|it| it.rule)
    }

    #[test]
    fn contents_and_indexes_are_told_apart() {
        let contents = [
            "Предисловие . . . . . 5",
            "1. Анатомия сердца . . . . . 9",
            "2. Физиология . . . . . 21",
            "3. Аритмии . . . . . 40",
            "4. Пороки . . . . . 77",
            "5. Инфаркт . . . . . 102",
            "6. Лечение . . . . . 130",
            "Литература . . . . . 160",
        ];
        assert_eq!(rule(4, &contents), Some("contents"));
        let index = [
            "abscess, 12, 45, 301",
            "acidosis, 77",
            "anaemia, 4, 19–22",
            "angina, 201, 233",
            "apnoea, 9",
            "asthma, 88, 90, 97",
            "ataxia, 15",
            "atrophy, 140, 151",
        ];
        assert_eq!(rule(190, &index), Some("index"));
    }

    #[test]
    fn reference_lists_and_imprints_are_kept_out_and_doses_are_not() {
        let reference = "Martín JA, Pérez B. Uso de la amiodarona en adultos. Rev Esp Cardiol. 2011;64:201-9.";
        assert_eq!(rule(100, &[reference; 5]), Some("references"));
        assert_eq!(rule(3, &["ISBN 978-3-16-148410-0", "© 2020 Verlag"]), Some("imprint"));
        let doses = [
            "Amoxicillin is given at 500 mg",
            "three times daily for 7 days, or 875",
            "mg twice daily in severe infection.",
            "Children get 25",
            "mg per kg and day. Renal failure asks",
            "for less: at a clearance below 30",
            "ml per minute 250 mg twice",
            "daily are enough in most cases.",
        ];
        assert_eq!(rule(100, &doses), None);
    }

    #[test]
    fn the_published_rule_keeps_the_published_pages() {
        assert_eq!(mmedc(0, 99), None);
        assert!(mmedc(4, 100).is_some(), "4 is not above 4.8");
        assert!(mmedc(5, 100).is_none() && mmedc(94, 100).is_none() && mmedc(95, 100).is_some());
        assert!(is_image_book("", 3) && !is_image_book(&"слово".repeat(200), 3));
    }
}
