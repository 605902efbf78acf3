//! Words become lines, lines columns, in the order in which a person reads them.
//!
//! A gutter is a strip that no word crosses over several lines, with text on both sides. The page is cut at its best
//! gutter into what stands above, left, right and below, and each part is cut again. What has no gutter is one column,
//! whose lines follow each other downwards. A table looks like columns, but its cells do not fill them and stand in
//! rows: there the rows are the lines.

use super::shape::{Area, Column, Line, Shape, Word, is_right_to_left, is_unspaced, median};

/// Lines that a gutter must pass on each side.
const GUTTER_LINES: usize = 3;
/// Width of a gutter, in heights of the text.
const GUTTER_WIDTH: f32 = 0.75;
/// Width of the text on each side of a gutter, in heights of the text: less is a margin of numbers or marks.
const SIDE_WIDTH: f32 = 5.0;
/// Share of a column that its lines fill on average. Rows of a table fill less.
const FILLED: f32 = 0.62;
/// A line that fills this share of its column was broken at its edge.
const FULL: f32 = 0.9;
/// Of so many lines at least …
const TEXT_LINES: usize = 8;
/// … this share is full in running text, however many short ones stand between (prescriptions, verse). Cells of a table seldom
/// reach the same edge.
const FULL_LINES: f32 = 0.3;
/// In running text beside a picture this share of the lines ends at one edge, though not the column's …
const SET_LINES: f32 = 0.5;
/// … and is so wide, in heights of the text: numbers in a table end at one edge too.
const SET_WIDTH: f32 = 10.0;
/// Lines of what stands between columns that go on below it …
const BETWEEN_LINES: usize = 12;
/// … and the share of them that have text of the columns on each side.
const BESIDE: f32 = 0.6;
/// Gap between two cells of a table row, in heights of the text.
const CELL_GAP: f32 = 2.6;
/// Confidence below which a number counts as doubted.
const DOUBT: f32 = 0.7;
/// Cuts of one page; more mean that it is no text.
const CUTS: usize = 64;

/// Puts words of a page into reading order.
pub fn shape(width: f32, height: f32, words: Vec<Word>) -> Shape {
    let right_to_left = is_mostly_right_to_left(&words);
    let mut columns = Vec::new();
    let mut cuts = CUTS;
    cut(words, right_to_left, &mut cuts, &mut columns);
    Shape { width, height, columns }
}

fn is_mostly_right_to_left(words: &[Word]) -> bool {
    let back = words.iter().filter(|word| word.text.chars().any(is_right_to_left)).count();
    back * 2 > words.len()
}

fn cut(words: Vec<Word>, right_to_left: bool, cuts: &mut usize, columns: &mut Vec<Column>) {
    if words.is_empty() {
        return;
    }
    let gutter = if *cuts > 0 { find_gutter(&words) } else { None };
    let Some(gutter) = gutter else {
        columns.push(Column { lines: lines(words, right_to_left) });
        return;
    };
    *cuts -= 1;
    // Of two that follow each other the upper one: what stands between them may belong to the columns.
    let higher: Vec<Word> = words.iter().filter(|word| word.area.middle() < gutter.top).cloned().collect();
    let gutter = find_gutter(&higher).filter(|upper| is_same(upper, &gutter)).unwrap_or(gutter);
    let (mut above, mut left, mut right, mut below) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for word in words {
        let side = match &word.area {
            area if area.middle() < gutter.top => &mut above,
            area if area.middle() > gutter.bottom => &mut below,
            area if area.centre() < gutter.centre() => &mut left,
            _ => &mut right,
        };
        side.push(word);
    }
    let mut between = Vec::new();
    if let Some(next) = find_gutter(&below) {
        below = go_on(&gutter, &next, below, &mut left, &mut right, &mut between);
    }
    let (first, second) = if right_to_left { (right, left) } else { (left, right) };
    for part in [above, first, second, between, below] {
        cut(part, right_to_left, cuts, columns);
    }
}

/// Whether two gutters are one that something interrupts.
fn is_same(upper: &Area, lower: &Area) -> bool {
    lower.left < upper.right && lower.right > upper.left
}

/// Where columns go on beside and below something that stands between them, such as the caption of a picture that they
/// run around: what is theirs of the words below goes to them, what stands between by itself; the rest comes back. `next` is
/// the gutter below it.
fn go_on(
    gutter: &Area,
    next: &Area,
    below: Vec<Word>,
    left: &mut Vec<Word>,
    right: &mut Vec<Word>,
    between: &mut Vec<Word>,
) -> Vec<Word> {
    let size = median(below.iter().map(|word| word.size).collect());
    let beside: Vec<&Word> = below.iter().filter(|word| word.area.middle() < next.top).collect();
    let rows = rows(&beside);
    if !is_same(gutter, next) || rows.is_empty() || rows.len() > BETWEEN_LINES {
        return below;
    }
    // What stands between, row by row: words that belong together and reach over the gutter.
    let mut middles: Vec<Area> = Vec::new();
    let (mut at_left, mut at_right) = (0, 0);
    for row in &rows {
        let mut areas: Vec<Area> =
            beside.iter().map(|word| word.area).filter(|it| (row.top..row.bottom).contains(&it.middle())).collect();
        areas.sort_by(|one, other| one.left.total_cmp(&other.left));
        let mut groups: Vec<Area> = Vec::new();
        for area in areas {
            match groups.last_mut() {
                Some(group) if area.left - group.right < size => *group = group.with(area),
                _ => groups.push(area),
            }
        }
        at_left += usize::from(groups.iter().any(|group| group.right <= gutter.left));
        at_right += usize::from(groups.iter().any(|group| group.left >= gutter.right));
        middles.extend(groups.into_iter().filter(|group| group.right > gutter.left && group.left < gutter.right));
    }
    // A heading over both columns has no text at its sides.
    let enough = (BESIDE * rows.len() as f32).max(1.0);
    if middles.is_empty() || (at_left as f32) < enough || (at_right as f32) < enough {
        return below;
    }
    let mut rest = Vec::new();
    for word in below {
        let area = word.area;
        let is_between = |middle: &Area| {
            (middle.top..middle.bottom).contains(&area.middle()) && area.left < middle.right && area.right > middle.left
        };
        let side = match () {
            () if area.middle() > next.bottom => &mut rest,
            () if area.middle() < next.top && middles.iter().any(is_between) => &mut *between,
            () if area.centre() < gutter.centre() => &mut *left,
            () => &mut *right,
        };
        side.push(word);
    }
    rest
}

/// The strip that cuts off most, if there is one.
fn find_gutter(words: &[Word]) -> Option<Area> {
    if words.len() < 4 * GUTTER_LINES {
        return None;
    }
    let size = median(words.iter().map(|word| word.size).collect());
    let bounds = Area::around(words.iter().map(|word| &word.area))?;
    let margin = SIDE_WIDTH * size;
    let strip = GUTTER_WIDTH * size;
    if size <= 0.0 || bounds.width() < 2.0 * margin + strip || bounds.width() > 1e5 {
        return None;
    }
    // Words from top to bottom, so that those that cross a strip come in order.
    let mut by_top: Vec<&Word> = words.iter().collect();
    by_top.sort_by(|left, right| left.area.top.total_cmp(&right.area.top));
    let mut candidates: Vec<Area> = Vec::new();
    let step = (strip / 2.0).max(bounds.width() / 400.0);
    let mut left = bounds.left + margin - strip;
    while left + strip <= bounds.right - margin + strip {
        let free = longest_free(&by_top, left, left + strip, &bounds);
        if free.height() >= GUTTER_LINES as f32 * size {
            candidates.push(free);
        }
        left += step;
    }
    // The longest first; of equally long ones the leftmost, so that three columns are read in order.
    candidates.sort_by(|left, right| right.height().total_cmp(&left.height()).then(left.left.total_cmp(&right.left)));
    candidates.into_iter().take(12).find_map(|free| check(words, free, size))
}

/// The highest part of a strip that no word reaches into.
fn longest_free(by_top: &[&Word], left: f32, right: f32, bounds: &Area) -> Area {
    let mut best = Area { left, right, top: bounds.top, bottom: bounds.top };
    let mut top = bounds.top;
    for word in by_top.iter().filter(|word| word.area.left < right && word.area.right > left) {
        if word.area.top - top > best.height() {
            best = Area { left, right, top, bottom: word.area.top };
        }
        top = top.max(word.area.bottom);
    }
    if bounds.bottom - top > best.height() {
        best = Area { left, right, top, bottom: bounds.bottom };
    }
    best
}

/// Whether a free strip separates columns; it comes back as wide as it is.
fn check(words: &[Word], free: Area, size: f32) -> Option<Area> {
    let within = |word: &&Word| word.area.middle() >= free.top && word.area.middle() <= free.bottom;
    let (left, right): (Vec<&Word>, Vec<&Word>) =
        words.iter().filter(within).partition(|word| word.area.centre() < free.centre());
    let left_area = Area::around(left.iter().map(|word| &word.area))?;
    let right_area = Area::around(right.iter().map(|word| &word.area))?;
    if left_area.width() < SIDE_WIDTH * size || right_area.width() < SIDE_WIDTH * size {
        return None;
    }
    let (left_rows, right_rows) = (rows(&left), rows(&right));
    if left_rows.len() < GUTTER_LINES || right_rows.len() < GUTTER_LINES {
        return None;
    }
    let aligned =
        right_rows.iter().filter(|row| left_rows.iter().any(|left| (left.bottom - row.bottom).abs() < 0.2 * size));
    let aligned = aligned.count() as f32 / right_rows.len() as f32;
    let is_text =
        is_running_text(&left_rows, left_area.width(), size) && is_running_text(&right_rows, right_area.width(), size);
    if aligned > 0.7 && !is_text {
        return None;
    }
    Some(Area { left: left_area.right.min(free.left), right: right_area.left.max(free.right), ..free })
}

/// Whether rows in a column of this width are lines of text rather than cells of a table.
fn is_running_text(rows: &[Area], width: f32, size: f32) -> bool {
    let filled = |row: &Area| row.width() / width.max(1.0);
    let mean = rows.iter().map(filled).sum::<f32>() / rows.len() as f32;
    let full = rows.iter().filter(|row| filled(row) >= FULL).count() as f32 / rows.len() as f32;
    let ends_like = |row: &&Area| {
        let is_set = |other: &&Area| other.width() >= SET_WIDTH * size && (other.right - row.right).abs() < 0.5 * size;
        rows.iter().filter(is_set).count() as f32 >= SET_LINES * rows.len() as f32
    };
    mean >= FILLED || rows.len() >= TEXT_LINES && (full >= FULL_LINES || rows.iter().any(|row| ends_like(&row)))
}

/// The areas of the lines that words stand in.
fn rows(words: &[&Word]) -> Vec<Area> {
    let mut sorted: Vec<&Area> = words.iter().map(|word| &word.area).collect();
    sorted.sort_by(|left, right| left.middle().total_cmp(&right.middle()));
    let mut rows: Vec<Area> = Vec::new();
    for area in sorted {
        match rows.last_mut() {
            Some(row) if row.shared_height(area) > 0.5 * row.height().min(area.height()) => *row = row.with(*area),
            _ => rows.push(*area),
        }
    }
    rows
}

/// Lines of one column, from top to bottom.
fn lines(mut words: Vec<Word>, right_to_left: bool) -> Vec<Line> {
    words.sort_by(|left, right| left.area.middle().total_cmp(&right.area.middle()));
    let mut lines: Vec<(Area, Vec<Word>)> = Vec::new();
    for word in words {
        // A raised word may come before the words of its line: the last three lines are looked at.
        let fitting = lines.iter_mut().rev().take(3).find(|(band, _)| {
            band.shared_height(&word.area) > 0.5 * band.height().min(word.area.height())
                && (band.middle() - word.area.middle()).abs() < 0.6 * band.height().max(word.area.height())
        });
        match fitting {
            // The band stays that of the highest word: it must not grow into the next line.
            Some((band, line)) => {
                if word.area.height() > band.height() {
                    *band = word.area;
                }
                line.push(word);
            }
            None => lines.push((word.area, vec![word])),
        }
    }
    lines.sort_by(|left, right| left.0.middle().total_cmp(&right.0.middle()));
    lines.into_iter().map(|(_, words)| line(words, right_to_left)).collect()
}

/// One line out of its words.
pub fn line(mut words: Vec<Word>, right_to_left: bool) -> Line {
    words.sort_by(|left, right| left.area.left.total_cmp(&right.area.left));
    if right_to_left {
        words.reverse();
    }
    let area = Area::around(words.iter().map(|word| &word.area)).unwrap_or_default();
    let mut weighted: Vec<(f32, usize)> = words.iter().map(|word| (word.size, word.text.len())).collect();
    weighted.sort_by(|left, right| left.0.total_cmp(&right.0));
    let half = weighted.iter().map(|(_, letters)| letters).sum::<usize>() / 2;
    let mut seen = 0;
    let size = weighted.iter().find(|(_, letters)| {
        seen += letters;
        seen > half
    });
    let size = size.or(weighted.last()).map_or(area.height(), |(size, _)| *size);
    let bold = words.iter().filter(|word| word.bold).map(|word| word.text.len()).sum::<usize>() * 2
        > words.iter().map(|word| word.text.len()).sum::<usize>();
    let first_width = words.first().map_or(0.0, |word| match word.text.chars().next() {
        Some(first) if is_unspaced(first) => word.area.width() / word.text.chars().count() as f32,
        _ => word.area.width(),
    });
    let chars = |word: &Word| word.text.chars().count() as f32;
    let all: f32 = words.iter().map(chars).sum();
    let confidence = words.iter().map(|word| word.confidence * chars(word)).sum::<f32>() / all.max(1.0);
    let mut text = String::new();
    let mut last: Option<&Word> = None;
    for word in &words {
        if let Some(last) = last {
            let gap = if right_to_left { last.area.left - word.area.right } else { word.area.left - last.area.right };
            let touching = text.chars().next_back().is_some_and(is_unspaced) && word.text.starts_with(is_unspaced);
            if gap > CELL_GAP * size {
                text.push('\t');
            } else if touching {
                // A blank that was set between ideographs is an accident of the program that made the page.
            } else if word.blank_before || gap > 0.12 * size {
                text.push(' ');
            }
        }
        text.push_str(&word.text);
        last = Some(word);
    }
    let doubted = |word: &&Word| {
        word.confidence < DOUBT
            && word.text.contains(|it: char| it.is_ascii_digit() || matches!(it, '<' | '>' | '≤' | '≥' | '±'))
    };
    let doubted_numbers = words.iter().filter(doubted).count() as u32;
    Line { text, area, size, first_width, bold, confidence, doubted_numbers }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Words of ten point text; `left` in points, `row` in lines of twelve points.
    fn row(words: &mut Vec<Word>, left: f32, row: f32, text: &str) {
        let mut left = left;
        for text in text.split(' ') {
            let width: f32 = text.chars().map(|character| if is_unspaced(character) { 10.0 } else { 5.0 }).sum();
            let area = Area { left, top: row * 12.0, right: left + width, bottom: row * 12.0 + 10.0 };
            words.push(Word {
                text: text.to_owned(),
                area,
                size: 10.0,
                bold: false,
                confidence: 1.0,
                blank_before: true,
            });
            left += width + 3.0;
        }
    }

    fn read(words: Vec<Word>) -> Vec<String> {
        shape(600.0, 800.0, words).columns.into_iter().flat_map(|it| it.lines).map(|line| line.text).collect()
    }

    #[test]
    fn columns_are_read_one_after_the_other_below_a_heading_that_spans_them() {
        let mut words = Vec::new();
        row(&mut words, 40.0, 0.0, "Diseases of the heart and of the great vessels in adults");
        for line in 2..8 {
            row(&mut words, 0.0, line as f32, &format!("left column line {line} with words"));
            row(&mut words, 180.0, line as f32 + 0.3, &format!("right column line {line} with words"));
        }
        row(&mut words, 20.0, 9.0, "a sentence below both columns that is as wide as the page is");
        let lines = read(words);
        assert_eq!(lines[0], "Diseases of the heart and of the great vessels in adults");
        assert_eq!(lines[1], "left column line 2 with words");
        assert_eq!(lines[7], "right column line 2 with words");
        assert_eq!(lines[13], "a sentence below both columns that is as wide as the page is");
    }

    #[test]
    fn columns_go_on_beside_and_below_a_caption_that_stands_between_them() {
        let mut words = Vec::new();
        for line in 0..16 {
            let beside = (6..9).contains(&line);
            let (left, right) = match beside {
                true => (format!("left {line} beside"), 240.0),
                false => (format!("left line {line} of the first column"), 180.0),
            };
            row(&mut words, 0.0, line as f32, &left);
            row(&mut words, right, line as f32 + 0.1, &format!("right line {line} has words"));
            if beside {
                row(&mut words, 130.0, line as f32, &format!("caption no {line}"));
            }
        }
        let lines = read(words);
        assert!(lines[..16].iter().all(|line| line.starts_with("left")), "{lines:?}");
        assert!(lines[16..32].iter().all(|line| line.starts_with("right")), "{lines:?}");
        assert_eq!(lines[32..], ["caption no 6", "caption no 7", "caption no 8"]);
    }

    #[test]
    fn columns_on_one_grid_are_read_apart_although_most_of_their_lines_are_short() {
        let mut words = Vec::new();
        let lines = ["白芷五钱紫川朴陈皮甘草苍术各二", "香三分", "两"];
        for line in 0..12 {
            row(&mut words, 0.0, line as f32, lines[line % 3]);
            row(&mut words, 180.0, line as f32, lines[(line + 1) % 3]);
        }
        let read = read(words);
        assert_eq!(read.len(), 24);
        assert_eq!(read[..3], lines);
    }

    #[test]
    fn rows_of_a_table_stay_rows() {
        let mut words = Vec::new();
        for (index, (drug, dose)) in
            [("амоксициллин", "500 мг"), ("аспирин", "75 мг"), ("варфарин", "5 мг"), ("йод", "1 мг")].iter().enumerate()
        {
            row(&mut words, 0.0, index as f32, drug);
            row(&mut words, 200.0, index as f32, dose);
        }
        assert_eq!(read(words), ["амоксициллин\t500 мг", "аспирин\t75 мг", "варфарин\t5 мг", "йод\t1 мг"]);
    }

    #[test]
    fn ideographs_get_no_blanks_and_latin_words_keep_theirs() {
        let mut words = Vec::new();
        row(&mut words, 0.0, 0.0, "心筋 梗塞 は ACS の 一種");
        assert_eq!(read(words), ["心筋梗塞は ACS の一種"]);
    }

    #[test]
    fn a_single_column_is_not_cut_at_the_blanks_between_its_words() {
        let mut words = Vec::new();
        for line in 0..12 {
            row(&mut words, 0.0, line as f32, "seven words stand here in one line of equal length each time");
        }
        assert_eq!(read(words).len(), 12);
    }
}
