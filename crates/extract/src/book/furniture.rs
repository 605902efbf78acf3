//! Furniture: what is printed on every page and belongs to none, running heads and feet and page numbers.
//!
//! It is found by repetition across pages, not by looks: a line at the upper or lower end of a page whose text, digits
//! aside, comes again at the same height on other pages.

use super::shape::{Line, Shape, median};

/// Lines at each end of a page that may be furniture.
const ENDS: usize = 3;
/// Share of the page, from each edge, in which furniture stands.
const EDGE: f32 = 0.16;
/// Pages on each side among which a line must come again: titles of chapters run over few pages.
const WINDOW: usize = 12;
/// How far two lines may stand from each other, in shares of the page's height.
const SAME_HEIGHT: f32 = 0.012;
/// Share of letters in which two heads may differ: engines misread.
const SAME_TEXT: f32 = 0.34;

/// Letters from which on a line that stands alone on its page is more than a running head.
const LONG_LINE: usize = 30;

/// For each page, for each of its lines (as `Shape::lines` gives them), whether it is furniture.
pub fn furniture(pages: &[Option<&Shape>]) -> Vec<Vec<bool>> {
    let candidates: Vec<Vec<Candidate>> = pages.iter().map(|page| page.map_or(Vec::new(), candidates)).collect();
    let mut marks: Vec<Vec<bool>> =
        pages.iter().map(|page| page.map_or(Vec::new(), |page| vec![false; page.lines().count()])).collect();
    let with_text = candidates.iter().filter(|it| !it.is_empty()).count();
    for (number, page) in candidates.iter().enumerate() {
        for candidate in page {
            let from = number.saturating_sub(WINDOW);
            let around = (from..(number + WINDOW + 1).min(pages.len())).filter(|other| *other != number);
            let (mut same_text, mut same_place) = (0, 0);
            for other in around {
                let at_height = |it: &&Candidate| {
                    it.at_top == candidate.at_top && (it.height - candidate.height).abs() < SAME_HEIGHT
                };
                same_text += usize::from(candidates[other].iter().filter(at_height).any(|it| it.reads_like(candidate)));
                let alone = |it: &Candidate| it.alone && it.short;
                same_place += usize::from(candidates[other].iter().filter(at_height).any(alone));
            }
            // On the first or last pages of a short book one repetition is all there can be.
            let repeated = same_text >= 2 || (same_text == 1 && with_text <= 4);
            let repeated = repeated && (candidate.alone || candidate.outermost);
            let placed =
                candidate.alone && candidate.short && with_text >= 4 && same_place * 2 >= with_text.min(2 * WINDOW + 1);
            let numbered = candidate.is_number && candidate.alone;
            marks[number][candidate.index] |= repeated || placed || numbered;
        }
    }
    for (page, marks) in candidates.iter().zip(&mut marks) {
        // A page that holds nothing else has it for its text.
        if marks.iter().all(|mark| *mark) {
            for candidate in page.iter().filter(|candidate| candidate.key.len() > LONG_LINE) {
                marks[candidate.index] = false;
            }
        }
    }
    marks
}

/// A line near the upper or lower end of a page.
struct Candidate {
    index: usize,
    at_top: bool,
    /// Its middle, in shares of the page's height.
    height: f32,
    /// Letters, with every number as one `#`.
    key: Vec<char>,
    is_number: bool,
    /// Whether no line stands nearer to the edge.
    outermost: bool,
    /// Whether it keeps more distance to the text than the text's lines to each other.
    alone: bool,
    short: bool,
}

impl Candidate {
    fn reads_like(&self, other: &Candidate) -> bool {
        let longest = self.key.len().max(other.key.len());
        let most = (longest as f32 * SAME_TEXT) as usize;
        self.key == other.key || (longest >= 4 && distance(&self.key, &other.key, most) <= most)
    }
}

fn candidates(shape: &Shape) -> Vec<Candidate> {
    let height = shape.height.max(1.0);
    let lines: Vec<&Line> = shape.lines().collect();
    let width = lines.iter().map(|line| line.area.right).fold(0.0, f32::max)
        - lines.iter().map(|line| line.area.left).fold(f32::MAX, f32::min);
    let mut by_height: Vec<usize> = (0..lines.len()).collect();
    by_height.sort_by(|left, right| lines[*left].area.middle().total_cmp(&lines[*right].area.middle()));
    let size = median(lines.iter().map(|line| line.size).collect());
    let mut found = Vec::new();
    let ends = by_height.iter().take(ENDS).map(|index| (*index, true));
    let ends = ends.chain(by_height.iter().rev().take(ENDS).map(|index| (*index, false)));
    for (rank, (index, at_top)) in ends.enumerate() {
        let line = lines[index];
        let place = line.area.middle() / height;
        if (at_top && place > EDGE) || (!at_top && place < 1.0 - EDGE) {
            continue;
        }
        let towards_text = |other: &&Line| {
            let (line, other) = (line.area.middle(), other.area.middle());
            if at_top { other > line + 0.3 * size } else { other < line - 0.3 * size }
        };
        let gaps =
            lines.iter().copied().filter(|other| towards_text(other)).map(|other| {
                if at_top { other.area.top - line.area.bottom } else { line.area.top - other.area.bottom }
            });
        let gap = gaps.fold(f32::MAX, f32::min);
        found.push(Candidate {
            index,
            at_top,
            height: place,
            key: key(&line.text),
            is_number: is_page_number(&line.text),
            outermost: rank == 0 || rank == ENDS.min(lines.len()),
            alone: gap > 0.8 * size,
            short: line.area.width() < 0.6 * width.max(1.0),
        });
    }
    found
}

fn key(text: &str) -> Vec<char> {
    let mut key = Vec::new();
    for character in text.chars() {
        if character.is_numeric() {
            if key.last() != Some(&'#') {
                key.push('#');
            }
        } else if !character.is_whitespace() {
            key.extend(character.to_lowercase());
        }
    }
    key
}

/// `12`, `- 12 -`, `xiv`, `12/30`, `第 12 页`, `p. 12`, `Page 3 of 9`: a number with at most a little around it.
pub fn is_page_number(text: &str) -> bool {
    let text = text.trim();
    let letters: Vec<char> = text.chars().filter(|it| !it.is_whitespace() && !it.is_ascii_punctuation()).collect();
    let letters: Vec<char> = letters.into_iter().filter(|it| !matches!(it, '–' | '—' | '·' | '•' | '|')).collect();
    let digits = letters.iter().filter(|it| it.is_numeric()).count();
    let others = letters.len() - digits;
    // What follows a number and is more than a word for pages is a heading ("1 Introduction") or a line of a contents.
    let begins = letters.first().is_some_and(|it| it.is_numeric());
    let ends = letters.last().is_some_and(|it| it.is_numeric());
    let most = match (begins, ends) {
        (true, true) => 3,
        (true, false) => 2,
        _ => 6,
    };
    let roman = !letters.is_empty() && letters.len() <= 7 && letters.iter().all(|it| "ivxlIVXL".contains(*it));
    roman
        || ((1..=8).contains(&digits)
            && others <= if letters.len() > digits + 2 { 6 } else { 2 }
            && others <= most
            && text.chars().count() <= 16
            && !text.contains(['%', '=', '<', '>', '+']))
}

/// Levenshtein distance, given up above `most`.
fn distance(left: &[char], right: &[char], most: usize) -> usize {
    if left.len().abs_diff(right.len()) > most {
        return most + 1;
    }
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (above, left) in left.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = above + 1;
        for (column, right) in right.iter().enumerate() {
            let cost = diagonal + usize::from(left != right);
            diagonal = row[column + 1];
            row[column + 1] = cost.min(row[column] + 1).min(diagonal + 1);
        }
    }
    row[right.len()]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::book::shape::{Area, Column};

    fn page(lines: &[(f32, &str)]) -> Shape {
        let lines = lines.iter().map(|(top, text)| Line {
            text: (*text).to_owned(),
            area: Area { left: 50.0, top: *top, right: 50.0 + 5.0 * text.chars().count() as f32, bottom: top + 10.0 },
            size: 10.0,
            first_width: 20.0,
            bold: false,
            confidence: 1.0,
            doubted_numbers: 0,
        });
        Shape { width: 600.0, height: 800.0, columns: vec![Column { lines: lines.collect() }] }
    }

    #[test]
    fn running_heads_and_page_numbers_go_and_the_first_line_of_the_text_stays() {
        let pages: Vec<Shape> = (0..6)
            .map(|number| {
                let (head, first, foot) = (
                    format!("Кардиология {number}"),
                    format!("Строка текста номер {number} о сердце и сосудах"),
                    format!("— {} —", number + 40),
                );
                page(&[(30.0, &head), (70.0, &first), (82.0, "and so on"), (94.0, "until here"), (770.0, &foot)])
            })
            .collect();
        let marks = furniture(&pages.iter().map(Some).collect::<Vec<_>>());
        assert!(marks.iter().all(|page| page == &[true, false, false, false, true]), "{marks:?}");
    }

    #[test]
    fn numbers_of_pages_are_told_from_numbers_of_doses() {
        for text in ["12", "- 12 -", "xiv", "第 12 页", "p. 12", "Page 3 of 9", "12/30"] {
            assert!(is_page_number(text), "{text}");
        }
        for text in [
            "500 mg twice daily",
            "pH < 7",
            "35 %",
            "Aspirin",
            "5–10 mg every 4 hours",
            "1 はじめに",
            "4.2.4 連体形",
            "5 記号一覧 23",
            "",
        ] {
            assert!(!is_page_number(text), "{text}");
        }
    }
}
