//! What is measured of a page before anything is decided: which elements are blocks, how long the texts are, and how much
//! of them is link.

use crate::{
    dom::Dom,
    hidden,
    signals::{self, Signals},
    tag::{CONTAINERS, HEADINGS, Tag, TagSet},
};

/// Elements that begin and end a line.
pub(crate) const BLOCKS: TagSet = TagSet::of(&[
    Tag::ROOT,
    Tag::BODY,
    Tag::CAPTION,
    Tag::DIALOG,
    Tag::HEAD,
    Tag::HR,
    Tag::HTML,
    Tag::LEGEND,
    Tag::OPTION,
    Tag::TBODY,
    Tag::TD,
    Tag::TFOOT,
    Tag::TH,
    Tag::THEAD,
    Tag::TR,
    Tag::XMP,
])
.with(CONTAINERS);
/// Sizes of a text. Summed over a subtree they are those of an element.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Size {
    /// Characters that are not white space; those of scripts without word boundaries count twice, since they say more.
    pub text: u32,
    /// Those inside links.
    pub link: u32,
    pub commas: u32,
    /// Ends of sentences.
    pub stops: u32,
    /// Number of links with text.
    pub links: u32,
    /// Headings, and those that are links.
    pub headings: u32,
    pub linked_headings: u32,
}

impl Size {
    pub fn add(&mut self, other: Size) {
        self.text += other.text;
        self.link += other.link;
        self.commas += other.commas;
        self.stops += other.stops;
        self.links += other.links;
        self.headings += other.headings;
        self.linked_headings += other.linked_headings;
    }

    /// Share of the text inside links, in 0..=1.
    pub fn link_density(&self) -> f64 {
        if self.text == 0 { 0.0 } else { f64::from(self.link) / f64::from(self.text) }
    }
}

/// A run of text with no block element inside it.
#[derive(Debug, Clone)]
pub(crate) struct Block {
    /// Its first and last text node.
    pub first: u32,
    pub last: u32,
    /// The block element around it.
    pub element: u32,
    pub size: Size,
    /// Whether it ends like a sentence.
    pub ends: bool,
}

pub(crate) struct Measures {
    pub signals: Vec<Signals>,
    /// Not shown, or an element whose text is not read; true of all inside, too.
    pub silent: Vec<bool>,
    pub sizes: Vec<Size>,
    pub blocks: Vec<Block>,
}

impl Measures {
    pub fn of(dom: &Dom) -> Measures {
        let shown = hidden::shown(dom);
        let count = dom.len();
        let mut signals = vec![Signals::default(); count];
        let mut silent = vec![false; count];
        // The nearest block element, the node itself included.
        let mut block_of = vec![0u32; count];
        let mut in_link = vec![false; count];
        let mut sizes = vec![Size::default(); count];
        let mut blocks: Vec<Block> = Vec::new();
        let mut boundary = true;
        for node in 0..count {
            let (tag, parent) = (dom.tag(node), dom.parent(node));
            if tag == Tag::TEXT {
                silent[node] = silent[parent];
                block_of[node] = block_of[parent];
                if silent[parent] {
                    continue;
                }
                let (mut size, ends) = measure(dom.text(node));
                if size.text == 0 {
                    continue;
                }
                if in_link[parent] {
                    size.link = size.text;
                }
                sizes[node] = size;
                match blocks.last_mut() {
                    Some(block) if !boundary && block.element == block_of[node] => {
                        block.size.add(size);
                        block.last = node as u32;
                        block.ends = ends;
                    }
                    _ => {
                        let (place, element) = (node as u32, block_of[node]);
                        blocks.push(Block { first: place, last: place, element, size, ends });
                        boundary = false;
                    }
                }
                continue;
            }
            let is_block = BLOCKS.has(tag);
            boundary |= is_block;
            in_link[node] = in_link[parent] || tag == Tag::A;
            block_of[node] = if is_block { node as u32 } else { block_of[parent] };
            silent[node] = node != 0 && (silent[parent] || shown.is_silent(dom, node));
            if !silent[node] && node != 0 {
                signals[node] = signals::of(dom, node);
            }
        }
        for node in (1..count).rev() {
            let size = sizes[node];
            let parent = dom.parent(node);
            sizes[parent].add(size);
            if dom.tag(node) == Tag::A && size.text > 0 {
                sizes[parent].links += 1;
                // A heading inside a link is one that is a link.
                if size.headings > 0 {
                    sizes[parent].linked_headings += size.headings - size.linked_headings;
                }
            }
            if HEADINGS.has(dom.tag(node)) && size.text > 0 {
                sizes[parent].headings += 1;
                sizes[parent].linked_headings += u32::from(size.link * 2 > size.text && size.links > 0);
            }
        }
        Measures { signals, silent, sizes, blocks }
    }
}

/// The size of a text, and whether it ends like a sentence.
fn measure(text: &str) -> (Size, bool) {
    let mut size = Size::default();
    let mut last = ' ';
    let mut before = ' ';
    if text.is_ascii() {
        for byte in text.bytes() {
            if byte > b' ' {
                size.text += 1;
                match byte {
                    b',' | b';' => size.commas += 1,
                    _ => {}
                }
                before = last;
                last = char::from(byte);
            } else if matches!(last, '.' | '!' | '?') {
                size.stops += 1;
                (before, last) = (last, last);
            }
        }
    } else {
        for character in text.chars() {
            if character.is_whitespace() || character < ' ' || character == '\u{200b}' {
                continue;
            }
            size.text += 1;
            match character {
                ',' | ';' | '،' => size.commas += 1,
                '、' | '\u{ff0c}' | '\u{ff1b}' => size.commas += 1,
                '.' | '!' | '?' | '…' => size.stops += 1,
                '。' | '\u{ff01}' | '\u{ff1f}' | '।' => size.stops += 1,
                '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{9fff}' | '\u{e00}'..='\u{eff}' => size.text += 1,
                _ => {}
            }
            before = last;
            last = character;
        }
    }
    let is_end = |it: char| matches!(it, '.' | '!' | '?' | '…' | '。' | '\u{ff01}' | '\u{ff1f}' | '।' | ':' | '؟');
    let is_closing = |it: char| matches!(it, '"' | '\'' | ')' | '”' | '’' | '»' | '」' | '』' | ']' | '“');
    let ends = is_end(last) || (is_closing(last) && is_end(before));
    if ends && text.is_ascii() {
        size.stops += 1;
    }
    (size, ends)
}
