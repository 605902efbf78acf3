//! Writes the kept part of a page as plain text: a line for each block, an empty line between paragraphs.
//!
//! Lists get dashes, the cells of a table row stand in one line, superscript and subscript digits stay what they are
//! (10⁹/L is not 109/L), white space is folded except in preformatted text.

use crate::{
    dom::Dom,
    measure::BLOCKS,
    select::Selection,
    tag::{HEADINGS, Tag, TagSet},
};

/// Blocks with an empty line around them.
const PARAGRAPHS: TagSet = TagSet::of(&[
    Tag::P,
    Tag::UL,
    Tag::OL,
    Tag::DL,
    Tag::TABLE,
    Tag::PRE,
    Tag::BLOCKQUOTE,
    Tag::FIGURE,
    Tag::HR,
    Tag::SECTION,
    Tag::ARTICLE,
])
.with(HEADINGS);

pub(crate) fn render(dom: &Dom, selection: &Selection) -> String {
    let mut writer = Writer { out: String::new(), pending: Break::None, cell: false, space: false };
    for root in &selection.roots {
        writer.pending = writer.pending.max(Break::Paragraph);
        walk(dom, selection, *root, &mut writer);
    }
    writer.out
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Break {
    None,
    Line,
    Paragraph,
}

struct Writer {
    out: String,
    pending: Break,
    /// The next text begins a further cell of a row.
    cell: bool,
    space: bool,
}

impl Writer {
    fn flush(&mut self) {
        if self.out.is_empty() {
            (self.pending, self.cell, self.space) = (Break::None, false, false);
            return;
        }
        if self.pending > Break::None {
            while self.out.ends_with([' ', '\n']) {
                self.out.pop();
            }
            self.out.push_str(if self.pending == Break::Paragraph { "\n\n" } else { "\n" });
            (self.pending, self.cell, self.space) = (Break::None, false, false);
        }
        if self.cell {
            self.out.push_str(" | ");
            (self.cell, self.space) = (false, false);
        }
        if self.space {
            if !self.out.ends_with([' ', '\n']) {
                self.out.push(' ');
            }
            self.space = false;
        }
    }

    fn text(&mut self, text: &str, is_preformatted: bool) {
        for character in text.chars() {
            let is_space = character.is_whitespace() || (character < ' ') || character == '\u{feff}';
            if is_space {
                if is_preformatted && character == '\n' {
                    self.pending = self.pending.max(Break::Line);
                } else {
                    self.space = true;
                }
            } else if matches!(character, '\u{200b}' | '\u{ad}' | '\u{7f}'..='\u{9f}' | '\u{200e}' | '\u{200f}') {
            } else {
                self.flush();
                self.out.push(character);
            }
        }
    }
}

fn walk(dom: &Dom, selection: &Selection, root: usize, writer: &mut Writer) {
    // The open elements: their end, and what closing them does.
    let mut open: Vec<(usize, Tag)> = Vec::new();
    let mut preformatted = 0usize;
    let mut table_depth = 0usize;
    let mut node = root;
    let end = dom.end(root);
    loop {
        while let Some((close_at, tag)) = open.last().copied() {
            if node < close_at {
                break;
            }
            open.pop();
            match tag {
                Tag::PRE | Tag::LISTING => preformatted -= 1,
                Tag::TABLE => table_depth -= 1,
                _ => {}
            }
            close(tag, writer);
        }
        if node >= end {
            break;
        }
        if selection.dropped[node] && node != root {
            let tag = dom.tag(node);
            if BLOCKS.has(tag) {
                writer.pending = writer.pending.max(Break::Line);
            } else if !matches!(tag, Tag::TEXT | Tag::RT | Tag::RP | Tag::SCRIPT | Tag::STYLE) {
                writer.space = true;
            }
            node = dom.end(node);
            continue;
        }
        let tag = dom.tag(node);
        match tag {
            Tag::TEXT => writer.text(dom.text(node), preformatted > 0),
            Tag::BR => writer.pending = writer.pending.max(Break::Line),
            Tag::SUP | Tag::SUB => {
                if let Some(script) = scripted(dom, node, tag == Tag::SUP) {
                    writer.flush();
                    writer.out.push_str(&script);
                    node = dom.end(node);
                    continue;
                }
            }
            Tag::TD | Tag::TH => {
                let is_first = !writer.out.ends_with('\n') && writer.pending == Break::None && !writer.out.is_empty();
                writer.cell = is_first;
            }
            _ => {
                if BLOCKS.has(tag) {
                    let wanted = if PARAGRAPHS.has(tag) { Break::Paragraph } else { Break::Line };
                    let inside_cell = table_depth > 0 && matches!(tag, Tag::P | Tag::DIV | Tag::SECTION);
                    if inside_cell && writer.cell {
                        // The first block of a cell stands in the row.
                    } else {
                        writer.pending = writer.pending.max(wanted);
                    }
                }
                if tag == Tag::LI {
                    writer.flush();
                }
            }
        }
        match tag {
            Tag::PRE | Tag::LISTING => preformatted += 1,
            Tag::TABLE => table_depth += 1,
            _ => {}
        }
        if tag != Tag::TEXT {
            open.push((dom.end(node), tag));
        }
        node += 1;
    }
}

fn close(tag: Tag, writer: &mut Writer) {
    if matches!(tag, Tag::TD | Tag::TH) || !BLOCKS.has(tag) {
        return;
    }
    let wanted = if PARAGRAPHS.has(tag) { Break::Paragraph } else { Break::Line };
    writer.pending = writer.pending.max(wanted);
}

/// A superscript or subscript as characters of its own, where all of it has such ones.
fn scripted(dom: &Dom, node: usize, is_super: bool) -> Option<String> {
    let text = dom.all_text(node);
    let text = text.trim();
    if text.is_empty() || text.chars().count() > 6 {
        return None;
    }
    let is_link = dom.inside(node).any(|it| dom.tag(it) == Tag::A);
    if is_link {
        return None;
    }
    let digits: Vec<char> =
        if is_super { "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻" } else { "₀₁₂₃₄₅₆₇₈₉₊₋" }.chars().collect();
    text.chars()
        .map(|it| match it {
            '0'..='9' => Some(digits[it as usize - '0' as usize]),
            '+' => Some(digits[10]),
            '-' | '−' | '–' => Some(digits[11]),
            _ => None,
        })
        .collect()
}
