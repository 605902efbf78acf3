//! Lines become paragraphs: joined across lines, columns and pages, words put together again that were cut at the end of
//! a line.
//!
//! A paragraph ends where its last line leaves room that the next word would have filled, where the next line is
//! indented, stands further away or is of another size. What language the text is in matters only for blanks; which
//! hyphens belong to a word is learnt from the book itself.

use std::collections::BTreeMap;

use super::shape::{Column, Line, Shape, is_unspaced, median};

/// What a paragraph is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    Body,
    Heading,
    /// A row of a table, cells separated by tabs.
    Row,
    /// Smaller text at the foot of a page.
    Footnote,
}

/// One paragraph of a page, or the part of it that stands there.
#[derive(Debug, Clone, PartialEq)]
pub struct Paragraph {
    pub text: String,
    pub role: Role,
    /// Whether it goes on from the last paragraph of the page before.
    pub continues: bool,
    pub confidence: f32,
}

/// Words of a book with and without hyphens, to tell which hyphens belong to them.
#[derive(Debug, Default)]
pub struct Vocabulary {
    words: BTreeMap<String, u32>,
    /// First parts of words that are written with a hyphen within a line.
    prefixes: BTreeMap<String, u32>,
    /// Hyphens within lines, and at their ends, of the plain kind and of the kind that only programs set.
    plain_inside: u32,
    soft_at_end: u32,
    /// Places within lines where ideographs and other letters or digits meet, with a blank between and without.
    blank_between: u32,
    none_between: u32,
}

impl Vocabulary {
    pub fn add(&mut self, line: &str) {
        let mut last = [' ', ' '];
        for character in line.chars() {
            if last[1] == ' ' {
                self.blank_between += u32::from(meet(last[0], character));
            } else {
                self.none_between += u32::from(meet(last[1], character));
            }
            last = [last[1], character];
        }
        let mut words = line.split_whitespace().peekable();
        while let Some(word) = words.next() {
            if words.peek().is_none() && word.ends_with(is_hyphen) {
                self.soft_at_end += u32::from(word.ends_with(['\u{2010}', '\u{AD}']));
                continue;
            }
            let word = bare(word);
            if let Some((first, _)) = word.split_once(is_hyphen) {
                self.plain_inside += u32::from(word.contains('-'));
                *self.prefixes.entry(first.to_owned()).or_default() += 1;
            }
            if !word.is_empty() {
                *self.words.entry(word).or_default() += 1;
            }
        }
    }

    fn count(&self, word: &str) -> u32 {
        self.words.get(word).copied().unwrap_or(0)
    }

    /// Joins the end of a line and the start of the next.
    pub fn join(&self, text: &mut String, next: &str) {
        let Some(last) = text.chars().next_back() else {
            text.push_str(next);
            return;
        };
        let Some(first) = next.chars().next() else { return };
        if is_unspaced(last) && is_unspaced(first) {
            text.push_str(next);
            return;
        }
        if meet(last, first) && self.none_between >= self.blank_between {
            text.push_str(next);
            return;
        }
        let before = text[..text.len() - last.len_utf8()].chars().next_back();
        // The number of a point ("4- Therapy"), which stands at the end of a line by chance.
        let is_number =
            || text.split_whitespace().next_back().is_some_and(|it| it[..it.len() - 1].chars().all(char::is_numeric));
        if last == '-' && before.is_some_and(char::is_numeric) && first.is_uppercase() && is_number() {
            text.push(' ');
            text.push_str(next);
            return;
        }
        if is_hyphen(last) && before.is_some_and(char::is_alphanumeric) && first.is_alphanumeric() {
            if !self.keeps_hyphen(text, last, next) {
                text.pop();
            } else if last != '-' {
                text.pop();
                text.push('-');
            }
            text.push_str(next);
            return;
        }
        // A compound that was cut behind its own mark ("и/или", "12–15").
        let cut = matches!(last, '/' | '–') && before.is_some_and(|it| !it.is_whitespace());
        if !cut {
            text.push(' ');
        }
        text.push_str(next);
    }

    fn keeps_hyphen(&self, text: &str, hyphen: char, next: &str) -> bool {
        if hyphen == '\u{AD}' {
            return false;
        }
        let start = bare(text.split_whitespace().next_back().unwrap_or_default());
        let start = start.trim_end_matches(is_hyphen);
        let end = bare(next.split_whitespace().next().unwrap_or_default());
        let joined = self.count(&format!("{start}{end}"));
        let hyphenated = self.count(&format!("{start}-{end}"));
        if joined != hyphenated {
            return hyphenated > joined;
        }
        let upper = next.chars().next().is_some_and(char::is_uppercase);
        let digit = start.chars().next_back().is_some_and(char::is_numeric);
        if (upper && !start.chars().all(char::is_uppercase)) || digit || next.starts_with(char::is_numeric) {
            return true;
        }
        // A book that marks its own breaks by another sign keeps all its plain hyphens.
        if self.soft_at_end >= 5 && self.plain_inside >= 1 {
            return hyphen == '-';
        }
        // Both halves are words of the book that go before others with a hyphen ("non-", "anti-"), or none does.
        let last_part = start.rsplit(is_hyphen).next().unwrap_or(start);
        self.prefixes.get(last_part).copied().unwrap_or(0) >= 2 && self.count(&end) > 0
    }
}

/// Whether an ideograph, a syllable or one of their marks meets a letter or digit of another script.
fn meet(left: char, right: char) -> bool {
    (is_unspaced(left) && right.is_alphanumeric() && !is_unspaced(right))
        || (is_unspaced(right) && left.is_alphanumeric() && !is_unspaced(left))
}

/// A hyphen as files write it at the end of a line.
pub fn is_hyphen(character: char) -> bool {
    matches!(character, '-' | '\u{2010}' | '\u{2011}' | '\u{AD}')
}

/// A word in lower case without the marks around it.
fn bare(word: &str) -> String {
    word.trim_matches(|it: char| !it.is_alphanumeric() && !is_hyphen(it)).to_lowercase()
}

/// What is typical of the lines of a book, or of a page where it is alone.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Manner {
    /// Height of a line of the body.
    pub size: f32,
    /// From one line to the next, in heights.
    pub leading: f32,
    /// From one line to the next, beside the leading, where something new begins.
    pub gap: f32,
    /// Whether paragraphs begin with an indentation.
    pub indented: bool,
}

impl Manner {
    pub fn of<'s>(pages: impl Iterator<Item = &'s Shape> + Clone) -> Manner {
        let columns = || pages.clone().flat_map(|page| &page.columns);
        let mut sizes: Vec<(f32, usize)> =
            columns().flat_map(|it| &it.lines).map(|line| (line.size, line.text.len())).collect();
        sizes.sort_by(|left, right| left.0.total_cmp(&right.0));
        let half = sizes.iter().map(|(_, letters)| letters).sum::<usize>() / 2;
        let mut seen = 0;
        let size = sizes.iter().find(|(_, letters)| {
            seen += letters;
            seen > half
        });
        let size = size.map_or(10.0, |(size, _)| *size).max(0.1);
        let mut steps = Vec::new();
        let (mut indented, mut begun) = (0, 0);
        for column in columns() {
            let edges = Edges::of(column, size);
            for pair in column.lines.windows(2) {
                let step = pair[1].area.bottom - pair[0].area.bottom;
                if is_like(pair[0].size, size) && is_like(pair[1].size, size) && step > 0.0 && step < 3.0 * size {
                    steps.push(step / size);
                }
                if edges.leaves_room(&pair[0], &pair[1]) && is_like(pair[1].size, size) {
                    begun += 1;
                    indented += usize::from(edges.is_indented(&pair[1], size));
                }
            }
        }
        let leading = median(steps.clone()).clamp(0.8, 2.5);
        // Lines of a text layer stand as exactly as they were set, those that were read from an image less so.
        let astray = steps.iter().map(|step| (step / leading - 1.0).abs()).filter(|it| *it < 0.2).collect();
        let gap = (1.2 + 4.0 * median(astray)).clamp(1.25, 1.45);
        Manner { size, leading, gap, indented: begun >= 3 && indented * 2 > begun }
    }
}

fn is_like(left: f32, right: f32) -> bool {
    (left - right).abs() <= 0.12 * left.max(right)
}

/// How far first lines stand to the right, in heights of the text.
const INDENTATION: std::ops::Range<f32> = 0.6..6.0;
/// Of the column's width: a line that long may go on in the next.
const READS_ON: f32 = 0.6;
/// Lines that begin so near to each other begin at the same place.
const SAME_LEFT: f32 = 0.3;

/// Where most of the lines that are asked for begin; of several places with as many, the first.
fn most_frequent_left(lines: &[Line], size: f32, is_asked: impl Fn(&Line) -> bool) -> Option<f32> {
    let mut best = (0, None);
    for line in lines.iter().filter(|line| is_asked(line)) {
        let near = |other: &&Line| (other.area.left - line.area.left).abs() < SAME_LEFT * size;
        let near = lines.iter().filter(near).count();
        if near > best.0 {
            best = (near, Some(line.area.left));
        }
    }
    best.1
}

/// Where the lines of a column begin and end.
struct Edges {
    left: f32,
    right: f32,
    /// How far short lines may stay behind the right edge without ending a paragraph.
    slack: f32,
}

impl Edges {
    fn of(column: &Column, size: f32) -> Edges {
        let mut rights: Vec<f32> = column.lines.iter().map(|line| line.area.right).collect();
        rights.sort_by(f32::total_cmp);
        // One line may stick out; more make the edge.
        let right = match rights.len() {
            0 => 0.0,
            count if count >= 8 => rights[count - 1 - count / 12],
            count => rights[count - 1],
        };
        let most = most_frequent_left(&column.lines, size, |_| true).unwrap_or(0.0);
        let mut edges = Edges { left: most, right, slack: 0.35 * size };
        // Most lines begin at the same place. Where paragraphs are shorter than two lines, that is the place of first
        // lines, and the edge is further left: there lines go on that had no room, while a heading or a point of a list
        // that stands out begins after a line that had.
        let hanging = |line: &Line| edges.hangs(line, size) && line.area.left > most - INDENTATION.end * size;
        if let Some(left) = most_frequent_left(&column.lines, size, hanging) {
            let pairs = column.lines.windows(2).filter(|pair| (pair[1].area.left - left).abs() < SAME_LEFT * size);
            let (mut all, mut go_on) = (0, 0);
            for pair in pairs {
                all += 1;
                go_on += usize::from(!edges.leaves_room(&pair[0], &pair[1]));
            }
            if go_on * 2 > all {
                edges.left = left;
            }
        }
        edges
    }

    /// Whether the first word of `next` would have fitted into `line`.
    fn leaves_room(&self, line: &Line, next: &Line) -> bool {
        let blank = 0.25 * line.size;
        let wide = if next.text.starts_with(is_unspaced) { 2.6 * next.first_width } else { next.first_width + blank };
        line.area.right + wide + self.slack < self.right
    }

    /// Whether a line reads on in the next though that one's first word would have fitted: lines are not always filled, as
    /// where they were set by the number of their letters or beside something wide that stands out. A list of short
    /// points is told by its short lines.
    fn reads_on(&self, line: &Line, next: &Line) -> bool {
        let (Some(last), Some(first)) = (line.text.chars().next_back(), next.text.chars().next()) else { return false };
        let is_long = line.area.right - self.left > READS_ON * (self.right - self.left);
        let within = first.is_lowercase() || (is_ideographic(last) && is_ideographic(first));
        is_long && within && !ends_sentence(&line.text)
    }

    fn is_indented(&self, line: &Line, size: f32) -> bool {
        let by = (line.area.left - self.left) / size;
        INDENTATION.contains(&by)
    }

    /// Whether as little as its first character would have fitted into `line`: enough to tell where indentation says
    /// that a paragraph begins.
    fn leaves_a_little(&self, line: &Line, next: &Line) -> bool {
        line.area.right + 1.3 * next.first_width < self.right
    }

    fn hangs(&self, line: &Line, size: f32) -> bool {
        line.area.left < self.left - INDENTATION.start * size
    }
}

/// Paragraphs of a page. `is_furniture` marks the lines that are left out, in the order of `Shape::lines`; `last` is how
/// the page before ended, and becomes how this one ends.
pub fn paragraphs(
    shape: &Shape,
    is_furniture: &[bool],
    manner: &Manner,
    vocabulary: &Vocabulary,
    last: &mut Option<Last>,
) -> Vec<Paragraph> {
    let mut index = 0;
    let mut pieces: Vec<Piece> = Vec::new();
    let mut before: Option<Last> = last.take();
    let mut on_this_page = false;
    for column in &shape.columns {
        let mut kept = Column::default();
        for line in &column.lines {
            if !is_furniture.get(index).copied().unwrap_or(false) && !line.text.trim().is_empty() {
                kept.lines.push(line.clone());
            }
            index += 1;
        }
        if kept.lines.is_empty() {
            continue;
        }
        let edges = Edges::of(&kept, manner.size);
        let rows = table_rows(&kept.lines);
        for (number, line) in kept.lines.iter().enumerate() {
            let small = line.size < 0.9 * manner.size;
            let low = line.area.top > 0.6 * shape.height;
            let large = line.size > 1.15 * manner.size;
            let role = match () {
                () if rows[number] => Role::Row,
                () if large => Role::Heading,
                () if small
                    && low
                    && (is_noted(&line.text) || pieces.last().is_some_and(|it| it.role == Role::Footnote)) =>
                {
                    Role::Footnote
                }
                () => Role::Body,
            };
            let joins = match (&before, number) {
                (None, _) => false,
                (Some(last), 0) => last.goes_on_in(line, &edges, role, manner),
                (Some(last), _) => !breaks(&kept.lines[number - 1], line, &edges, last.role, role, manner),
            };
            match pieces.last_mut() {
                Some(piece) if joins && piece.role == role => piece.push(line, vocabulary),
                _ => pieces.push(Piece::new(line, role, joins && !on_this_page)),
            }
            if role == Role::Footnote {
                continue;
            }
            on_this_page = true;
            let next_room = edges.right - line.area.right;
            before = Some(Last {
                role,
                size: line.size,
                room: next_room,
                ends: ends_sentence(&line.text),
                hyphen: line.text.ends_with(is_hyphen),
            });
        }
    }
    *last = before;
    pieces.into_iter().map(Piece::finish).collect()
}

/// The last line of a column, as the next column sees it. Footnotes do not count: the text above them goes on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Last {
    role: Role,
    size: f32,
    room: f32,
    ends: bool,
    hyphen: bool,
}

impl Last {
    /// Whether the paragraph goes on in the first line of the next column.
    fn goes_on_in(&self, line: &Line, edges: &Edges, role: Role, manner: &Manner) -> bool {
        if self.role != role || role == Role::Row || role == Role::Footnote || !is_like(self.size, line.size) {
            return false;
        }
        if self.hyphen {
            return true;
        }
        let full = self.room < line.first_width.max(0.5 * line.size) + 0.6 * line.size;
        if !full || is_marked(&line.text) {
            return false;
        }
        match manner.indented {
            true => !edges.is_indented(line, manner.size),
            false => !self.ends,
        }
    }
}

/// Whether a new paragraph begins with `line`.
fn breaks(above: &Line, line: &Line, edges: &Edges, role_above: Role, role: Role, manner: &Manner) -> bool {
    if role != role_above || role == Role::Row {
        return true;
    }
    if !is_like(above.size, line.size) {
        return true;
    }
    let size = manner.size.max(line.size);
    let step = line.area.bottom - above.area.bottom;
    let usual = manner.leading * line.size.max(manner.size);
    if step > manner.gap * usual {
        return true;
    }
    if role == Role::Heading {
        return false;
    }
    if above.text.ends_with(is_hyphen) && line.text.starts_with(char::is_lowercase) {
        return false;
    }
    if above.bold != line.bold && (ends_sentence(&above.text) || edges.leaves_room(above, line)) {
        return true;
    }
    if is_marked(&line.text) && (ends_sentence(&above.text) || edges.leaves_room(above, line)) {
        return true;
    }
    if edges.hangs(line, size) || (edges.is_indented(line, size) && !edges.is_indented(above, size)) {
        return true;
    }
    if manner.indented && edges.is_indented(line, size) && edges.leaves_a_little(above, line) {
        return true;
    }
    edges.leaves_room(above, line) && !edges.reads_on(above, line)
}

/// Rows of a table: lines with cells, next to others with cells.
fn table_rows(lines: &[Line]) -> Vec<bool> {
    let cells = |line: &Line| line.text.matches('\t').count();
    (0..lines.len())
        .map(|index| {
            let near = [index.wrapping_sub(1), index + 1];
            cells(&lines[index]) > 0 && near.iter().any(|near| lines.get(*near).is_some_and(|line| cells(line) > 0))
        })
        .collect()
}

/// Whether a line begins as a point of a list does.
fn is_marked(text: &str) -> bool {
    let mut characters = text.chars();
    match characters.next() {
        Some('•' | '●' | '▪' | '■' | '◦' | '‣' | '·' | '–' | '—' | '*' | '►' | '✓') => true,
        Some('(' | '（') => {
            let inside: String = characters.take_while(|it| !matches!(it, ')' | '）')).collect();
            !inside.is_empty() && inside.chars().count() <= 3 && inside.chars().all(char::is_alphanumeric)
        }
        Some(first) if first.is_numeric() => {
            let rest = text.trim_start_matches(char::is_numeric);
            rest.starts_with([')', '）', '、', '．'])
                || (rest.starts_with('.') && rest[1..].starts_with(char::is_whitespace))
        }
        Some('①'..='⑳') => true,
        _ => false,
    }
}

/// Whether a line begins as a footnote does: with a number or a sign that text above refers to.
fn is_noted(text: &str) -> bool {
    text.starts_with(|it: char| it.is_numeric() || matches!(it, '*' | '†' | '‡' | '§' | '¹' | '²' | '³'))
}

fn ends_sentence(text: &str) -> bool {
    let text = text.trim_end_matches(['"', '\'', '»', '”', '’', ')', '）', '」', '』', '】']);
    text.ends_with(['.', '!', '?', ':', ';', '…', '。', '！', '？', '：', '；'])
}

/// A character of a word, and not a mark.
fn is_ideographic(character: char) -> bool {
    is_unspaced(character) && character.is_alphanumeric()
}

struct Piece {
    text: String,
    role: Role,
    confidence: f32,
    chars: f32,
    continues: bool,
}

impl Piece {
    fn new(line: &Line, role: Role, continues: bool) -> Piece {
        let mut piece = Piece { text: line.text.clone(), role, confidence: 0.0, chars: 0.0, continues };
        piece.weigh(line);
        piece
    }

    fn push(&mut self, line: &Line, vocabulary: &Vocabulary) {
        vocabulary.join(&mut self.text, &line.text);
        self.weigh(line);
    }

    fn weigh(&mut self, line: &Line) {
        let chars = line.text.chars().count() as f32;
        self.confidence += line.confidence * chars;
        self.chars += chars;
    }

    fn finish(self) -> Paragraph {
        let text = match self.role {
            Role::Row => self.text,
            _ => self.text.split_whitespace().collect::<Vec<_>>().join(" "),
        };
        let confidence = self.confidence / self.chars.max(1.0);
        Paragraph { text, role: self.role, continues: self.continues, confidence }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::book::shape::Area;

    /// Lines of ten point text on a page of 400 points, each with the place where it begins; ideographs are ten points wide,
    /// others five.
    fn read(lines: &[(f32, &str)]) -> Vec<String> {
        let width = |it: char| if is_unspaced(it) { 10.0 } else { 5.0 };
        let lines = lines.iter().enumerate().map(|(row, (left, text))| {
            let top = 100.0 + 14.0 * row as f32;
            let first = match text.chars().next() {
                Some(first) if is_unspaced(first) => 10.0,
                _ => text.split(' ').next().unwrap_or_default().chars().map(width).sum(),
            };
            let right = left + text.chars().map(width).sum::<f32>();
            Line {
                text: (*text).to_owned(),
                area: Area { left: *left, top, right, bottom: top + 10.0 },
                size: 10.0,
                first_width: first,
                bold: false,
                confidence: 1.0,
                doubted_numbers: 0,
            }
        });
        let shape = Shape { width: 400.0, height: 600.0, columns: vec![Column { lines: lines.collect() }] };
        let manner = Manner::of(std::iter::once(&shape));
        let found = paragraphs(&shape, &[], &manner, &Vocabulary::default(), &mut None);
        found.into_iter().map(|paragraph| paragraph.text).collect()
    }

    #[test]
    fn where_most_lines_are_first_lines_those_further_left_go_on() {
        let full = "心".repeat(20);
        let indented = "肺".repeat(19);
        let lines = [
            (60.0, "疹原"),
            (60.0, "阳部多而阴"),
            (60.0, &indented),
            (50.0, &full),
            (50.0, "而逐渐缓解。"),
            (60.0, "血压有什么表现？"),
            (60.0, "高血压有什么表现？"),
            (60.0, &indented),
            (50.0, "互相配合。"),
            (60.0, "肝病都可以吃药。"),
        ];
        let whole = format!("{indented}{full}而逐渐缓解。");
        let last = format!("{indented}互相配合。");
        let expected =
            ["疹原", "阳部多而阴", &whole, "血压有什么表现？", "高血压有什么表现？", &last, "肝病都可以吃药。"];
        assert_eq!(read(&lines), expected);
    }

    #[test]
    fn points_of_a_list_stand_out_to_the_left_of_their_lines() {
        let lines = [
            (50.0, "one begins here and is as wide as the column"),
            (60.0, "and goes on here, up to the same right edge"),
            (60.0, "and ends."),
            (50.0, "two begins here and is as wide as the column"),
            (60.0, "and goes on here, up to the same right edge"),
            (60.0, "and ends as well."),
        ];
        let read = read(&lines);
        assert_eq!(read.len(), 2, "{read:?}");
        assert!(read[1].starts_with("two begins") && read[1].ends_with("as well."), "{read:?}");
    }
}
