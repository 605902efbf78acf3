//! What is known of each block of a page, as numbers: what it looks like, where it stands, what its neighbours are like, how
//! often its like occurs. `learned` decides by these numbers; none of them looks at words, so they hold in any language.

use std::collections::BTreeMap;

use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::{
    context::{self, Context},
    dom::Dom,
    measure::{Block, Measures, Size},
    metadata::Metadata,
    page_kind::PageKind,
    signals::Signals,
    tag::{HEADINGS, Tag, TagSet},
};

/// Numbers of one block.
pub(crate) const COUNT: usize = 102 + context::COUNT + 1;

/// What the rules made of the page, as far as it is asked here.
pub(crate) struct Seen {
    /// Blocks that the rules for an article keep, and those that the rules for a whole page keep.
    pub strict: Vec<bool>,
    pub wide: Vec<bool>,
    pub kind: PageKind,
    /// The heading that repeats the page's title, or the root.
    pub title: usize,
}

/// Elements around a block that are asked for one by one.
const AROUND: [TagSet; 18] = [
    Tag::MAIN.set(),
    Tag::ARTICLE.set(),
    TagSet::of(&[Tag::NAV, Tag::MENU]),
    Tag::HEADER.set(),
    Tag::FOOTER.set(),
    Tag::ASIDE.set(),
    Tag::FORM.set(),
    Tag::TABLE.set(),
    TagSet::of(&[Tag::UL, Tag::OL]),
    Tag::SECTION.set(),
    TagSet::of(&[Tag::DETAILS, Tag::SUMMARY]),
    TagSet::of(&[Tag::DL, Tag::DD, Tag::DT]),
    TagSet::of(&[Tag::PRE, Tag::CODE, Tag::LISTING]),
    Tag::BLOCKQUOTE.set(),
    TagSet::of(&[Tag::FIGURE, Tag::FIGCAPTION]),
    TagSet::of(&[Tag::LABEL, Tag::BUTTON, Tag::FIELDSET, Tag::LEGEND]),
    HEADINGS,
    Tag::A.set(),
];
/// The block's own element.
const OWN: [TagSet; 6] = [
    Tag::P.set(),
    TagSet::of(&[Tag::H1, Tag::H2]),
    TagSet::of(&[Tag::H3, Tag::H4, Tag::H5, Tag::H6]),
    Tag::LI.set(),
    TagSet::of(&[Tag::TD, Tag::TH]),
    Tag::DIV.set(),
];

/// How many blocks are alike, and what they hold together.
#[derive(Clone, Copy, Default)]
struct Group {
    number: u32,
    count: u32,
    size: Size,
    ends: u32,
    strict: u32,
}

fn number(value: u32) -> f32 {
    value as f32
}

fn share(part: u32, whole: u32) -> f32 {
    if whole == 0 { 0.0 } else { part as f32 / whole as f32 }
}

/// Groups that a block is in: those whose elements have the same names as its own, then those of its place.
pub(crate) const GROUPS: usize = 1 + context::GROUPS;

/// What is known of the blocks of a page, each by its place.
pub(crate) struct Features {
    pub rows: Vec<[f32; COUNT]>,
    /// The numbers of the groups that a block is in.
    pub groups: Vec<[u32; GROUPS]>,
}

pub(crate) fn of(dom: &Dom, measures: &Measures, metadata: &Metadata, seen: &Seen) -> Features {
    let blocks = &measures.blocks;
    let around = Around::of(dom, measures);
    let page = PageNumbers::of(blocks, metadata, seen);
    let mut groups: BTreeMap<u64, Group> = BTreeMap::new();
    let mut texts: BTreeMap<u64, u32> = BTreeMap::new();
    let keys: Vec<(u64, u64, u64)> = blocks
        .iter()
        .map(|block| {
            let own = key(dom, block.element as usize);
            let pair = own.rotate_left(17) ^ key(dom, dom.parent(block.element as usize));
            (pair, own, text_key(dom, block))
        })
        .collect();
    for (index, block) in blocks.iter().enumerate() {
        let number = groups.len() as u32;
        let group = groups.entry(keys[index].0).or_insert(Group { number, ..Group::default() });
        group.count += 1;
        group.size.add(block.size);
        group.ends += u32::from(block.ends);
        group.strict += u32::from(seen.strict[index]);
        *texts.entry(keys[index].2).or_default() += 1;
    }
    let (contexts, places) = Context::of(dom, measures, metadata, seen.title).rows();
    let mut seen_texts: BTreeMap<u64, u32> = BTreeMap::new();
    let mut members = Vec::with_capacity(blocks.len());
    let mut rows = Vec::with_capacity(blocks.len());
    let mut before = 0;
    for (index, block) in blocks.iter().enumerate() {
        let mut row = Row { numbers: [0.0; COUNT], next: 0 };
        let element = block.element as usize;
        own_numbers(dom, block, &mut row);
        let (all, near) = (around.signals[element], around.near[element]);
        for bit in 0..28 {
            let nearer = f32::from((near.0 >> bit & 1) as u8);
            row.push(nearer + f32::from((all.0 >> bit & 1) as u8));
        }
        for (bit, _) in AROUND.iter().enumerate() {
            row.push(f32::from((around.tags[element] >> bit & 1) as u8));
        }
        for least in [150, 1000] {
            let holder = around.holder(measures, element, least);
            let size = measures.sizes[holder];
            row.push(size.link_density() as f32);
            row.push(number(size.text));
            row.push(share(size.text, measures.sizes[0].text));
            row.push(share(size.stops * 100, size.text));
            row.push(share(around.strict_text(seen, blocks, dom, holder), size.text.max(1)));
        }
        let group = groups[&keys[index].0];
        row.push(number(group.count));
        row.push(number(group.size.text / group.count.max(1)));
        row.push(group.size.link_density() as f32);
        row.push(share(group.ends, group.count));
        row.push(share(group.strict, group.count));
        row.push(number(texts[&keys[index].2]));
        for neighbour in [index.checked_sub(2), index.checked_sub(1), Some(index + 1), Some(index + 2)] {
            let block = neighbour.and_then(|it| blocks.get(it));
            row.push(block.map_or(-1.0, |it| number(it.size.text)));
            row.push(block.map_or(-1.0, |it| it.size.link_density() as f32));
            row.push(neighbour.and_then(|it| seen.strict.get(it)).map_or(-1.0, |it| f32::from(u8::from(*it))));
        }
        row.push(share(before, page.text));
        row.push(index as f32 / blocks.len() as f32);
        row.push(f32::from(u8::from(seen.title != 0 && (block.first as usize) > seen.title)));
        row.push(f32::from(u8::from(seen.strict[index])));
        row.push(f32::from(u8::from(seen.wide[index])));
        page.write(&mut row);
        for number in contexts[index] {
            row.push(number);
        }
        let copies = seen_texts.entry(keys[index].2).or_default();
        row.push(number(*copies));
        *copies += 1;
        before += block.size.text;
        debug_assert!(row.next == COUNT, "{} numbers", row.next);
        rows.push(row.numbers);
        let [one, two, three, four, five] = places[index];
        members.push([group.number, one, two, three, four, five]);
    }
    Features { rows, groups: members }
}

struct Row {
    numbers: [f32; COUNT],
    next: usize,
}

impl Row {
    fn push(&mut self, number: f32) {
        self.numbers[self.next] = number;
        self.next += 1;
    }
}

fn own_numbers(dom: &Dom, block: &Block, row: &mut Row) {
    let (mut digits, mut upper, mut letters, mut words, mut signs) = (0u32, 0u32, 0u32, 0u32, 0u32);
    let mut was_space = true;
    for node in block.first..=block.last {
        for byte in dom.text(node as usize).bytes() {
            let is_space = byte <= b' ';
            words += u32::from(was_space && !is_space);
            was_space = is_space;
            digits += u32::from(byte.is_ascii_digit());
            upper += u32::from(byte.is_ascii_uppercase());
            letters += u32::from(byte.is_ascii_alphabetic() || byte >= 0x80);
            signs += u32::from(matches!(byte, b'$' | b'|' | b'#' | b'@' | b'%' | b':' | b'>' | b'/'));
        }
    }
    let size = block.size;
    row.push(number(size.text));
    row.push(size.link_density() as f32);
    row.push(share(size.commas * 100, size.text));
    row.push(share(size.stops * 100, size.text));
    row.push(f32::from(u8::from(block.ends)));
    row.push(share(digits, size.text));
    row.push(share(upper, letters));
    row.push(share(signs, size.text));
    row.push(number(words));
    row.push(size.links as f32);
    let tag = dom.tag(block.element as usize);
    row.push(OWN.iter().position(|set| set.has(tag)).map_or(-1.0, |it| it as f32));
}

/// What the elements around each element say.
struct Around {
    signals: Vec<Signals>,
    /// Those of the element and its parent.
    near: Vec<Signals>,
    tags: Vec<u32>,
    parents: Vec<u32>,
}

impl Around {
    fn of(dom: &Dom, measures: &Measures) -> Around {
        let mut around = Around {
            signals: vec![Signals::default(); dom.len()],
            near: vec![Signals::default(); dom.len()],
            tags: vec![0; dom.len()],
            parents: (0..dom.len()).map(|node| dom.parent(node) as u32).collect(),
        };
        for node in 1..dom.len() {
            let (parent, tag) = (dom.parent(node), dom.tag(node));
            if tag == Tag::TEXT {
                continue;
            }
            let is_page = matches!(tag, Tag::HTML | Tag::BODY);
            let own = if is_page { Signals::default() } else { measures.signals[node] };
            around.signals[node] = around.signals[parent].with(own);
            around.near[node] = if is_page { own } else { measures.signals[parent].with(own) };
            let set = AROUND.iter().enumerate().fold(0, |set, (bit, tags)| set | u32::from(tags.has(tag)) << bit);
            around.tags[node] = around.tags[parent] | set;
        }
        around
    }

    /// The smallest element around a block that holds so much text.
    fn holder(&self, measures: &Measures, element: usize, least: u32) -> usize {
        let mut node = element;
        while node != 0 && measures.sizes[node].text < least {
            node = self.parents[node] as usize;
        }
        node
    }

    fn strict_text(&self, seen: &Seen, blocks: &[Block], dom: &Dom, node: usize) -> u32 {
        let from = blocks.partition_point(|block| (block.first as usize) < node);
        let to = blocks.partition_point(|block| (block.first as usize) < dom.end(node));
        (from..to.min(from + 64)).filter(|it| seen.strict[*it]).map(|it| blocks[it].size.text).sum()
    }
}

/// What is the same for all blocks of a page.
struct PageNumbers {
    text: u32,
    numbers: [f32; 12],
}

impl PageNumbers {
    fn of(blocks: &[Block], metadata: &Metadata, seen: &Seen) -> PageNumbers {
        let mut all = Size::default();
        let (mut strict, mut wide, mut long, mut strict_link) = (0, 0, 0, 0);
        for (index, block) in blocks.iter().enumerate() {
            all.add(block.size);
            strict += if seen.strict[index] { block.size.text } else { 0 };
            strict_link += if seen.strict[index] { block.size.link } else { 0 };
            wide += if seen.wide[index] { block.size.text } else { 0 };
            long += if block.size.text >= 80 && block.ends { block.size.text } else { 0 };
        }
        let kind = match seen.kind {
            PageKind::Article => 0.0,
            PageKind::Unknown => 1.0,
            PageKind::Forum => 2.0,
            PageKind::Catalogue => 3.0,
        };
        let is = |flag: bool| f32::from(u8::from(flag));
        let numbers = [
            number(all.text),
            all.link_density() as f32,
            number(blocks.len() as u32),
            share(strict, all.text),
            share(strict, wide),
            number(strict),
            share(long, all.text),
            share(strict_link, strict),
            kind,
            is(seen.title != 0),
            is(metadata.date.is_some()) + is(metadata.author.is_some()),
            share(all.headings, blocks.len() as u32),
        ];
        PageNumbers { text: all.text.max(1), numbers }
    }

    fn write(&self, row: &mut Row) {
        for number in self.numbers {
            row.push(number);
        }
    }
}

fn key(dom: &Dom, node: usize) -> u64 {
    let class = dom.raw_attribute(node, "class").unwrap_or("");
    xxh3_64_with_seed(class.as_bytes(), dom.tag(node).number() as u64)
}

fn text_key(dom: &Dom, block: &Block) -> u64 {
    (block.first..=block.last).fold(0, |key, node| xxh3_64_with_seed(dom.text(node as usize).trim().as_bytes(), key))
}
