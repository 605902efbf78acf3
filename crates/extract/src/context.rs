//! Where a block stands in the page, as numbers: in which of how many elements that are alike, under which heading, how
//! far from the page's own heading, and what it shares with what the page says of itself. `features` has the rest.

use std::collections::{BTreeMap, BTreeSet};

use xxhash_rust::xxh3::xxh3_64;

use crate::{
    dom::Dom,
    measure::{Block, Measures, Size},
    metadata::Metadata,
    tag::{HEADINGS, Tag},
};

/// Numbers of one block.
pub(crate) const COUNT: usize = 53;
/// Groups that a block is in.
pub(crate) const GROUPS: usize = 5;
/// So many elements that are alike are a list of things.
const LIST: u32 = 3;
/// Words beyond this are not looked at.
const MAX_WORDS: usize = 20_000;

/// Elements of one name beside each other, such as the cards of a shop or the posts of a thread.
#[derive(Clone, Copy, Default)]
struct Alike {
    count: u32,
    size: Size,
    images: u32,
}

/// What surrounds each block.
pub(crate) struct Context<'a> {
    dom: &'a Dom<'a>,
    measures: &'a Measures,
    lists: Vec<Alike>,
    /// For each element the list that it is a member of, for all that have text.
    list_of: Vec<u32>,
    place_in_list: Vec<u32>,
    /// The innermost and the outermost element around a node that is one of a list.
    inner: Vec<u32>,
    outer: Vec<u32>,
    depths: Vec<u16>,
    images: Vec<u32>,
    controls: Vec<u32>,
    /// The smallest element around a node that holds the page's heading, too.
    with_title: Vec<u32>,
    /// The first block of the page's heading.
    title_block: Option<usize>,
    title_words: BTreeSet<u64>,
    own_words: BTreeSet<u64>,
    own_triples: BTreeSet<u64>,
    page: [f32; 14],
}

impl<'a> Context<'a> {
    pub fn of(dom: &'a Dom<'a>, measures: &'a Measures, metadata: &Metadata, title: usize) -> Context<'a> {
        let count = dom.len();
        let mut images = vec![0u32; count];
        let mut controls = vec![0u32; count];
        for node in (1..count).rev() {
            let tag = dom.tag(node);
            images[node] += u32::from(matches!(tag, Tag::IMG | Tag::PICTURE | Tag::VIDEO));
            controls[node] += u32::from(matches!(tag, Tag::INPUT | Tag::BUTTON | Tag::SELECT | Tag::TEXTAREA));
            let parent = dom.parent(node);
            images[parent] += images[node];
            controls[parent] += controls[node];
        }
        let heading = (title != 0)
            .then_some(title)
            .or_else(|| (0..count).find(|node| dom.tag(*node) == Tag::H1 && measures.sizes[*node].text > 0));
        let mut context = Context {
            dom,
            measures,
            lists: vec![Alike::default()],
            list_of: vec![0; count],
            place_in_list: vec![0; count],
            inner: vec![0; count],
            outer: vec![0; count],
            depths: vec![0; count],
            images,
            controls,
            with_title: vec![0; count],
            title_block: heading.map(|it| measures.blocks.partition_point(|block| (block.first as usize) < it)),
            title_words: BTreeSet::new(),
            own_words: BTreeSet::new(),
            own_triples: BTreeSet::new(),
            page: [0.0; 14],
        };
        context.find_lists();
        let heading = heading.unwrap_or(0);
        for node in 1..count {
            let parent = dom.parent(node);
            context.depths[node] = context.depths[parent] + 1;
            let is_one = context.lists[context.list_of[node] as usize].count >= LIST;
            context.inner[node] = if is_one { node as u32 } else { context.inner[parent] };
            let outer = context.outer[parent];
            context.outer[node] = if outer == 0 && is_one { node as u32 } else { outer };
            let holds_title = node <= heading && heading < dom.end(node);
            context.with_title[node] = if holds_title { node as u32 } else { context.with_title[parent] };
        }
        let titles = metadata.titles.iter().map(String::as_str);
        for_words(titles, |word, _| {
            context.title_words.insert(word);
        });
        let texts = metadata.description.iter().chain(&metadata.texts).map(String::as_str);
        let (words, triples) = (&mut context.own_words, &mut context.own_triples);
        for_words(texts, |word, triple| {
            words.insert(word);
            triples.extend(triple);
        });
        context.page = context.page_numbers(metadata);
        context
    }

    fn find_lists(&mut self) {
        let (dom, measures) = (self.dom, self.measures);
        let mut numbers: BTreeMap<(u32, u64), u32> = BTreeMap::new();
        for node in 1..dom.len() {
            let tag = dom.tag(node);
            if tag == Tag::TEXT || measures.sizes[node].text == 0 {
                continue;
            }
            let class = dom.raw_attribute(node, "class").unwrap_or("");
            // Utility classes differ at their end from one to the next (`first`, `odd`, `post-17`).
            let class = class.split_ascii_whitespace().next().unwrap_or("");
            let class = class.trim_end_matches(|it: char| it.is_ascii_digit());
            let key = xxh3_64(class.as_bytes()).rotate_left(8) ^ tag.number() as u64;
            let number = *numbers.entry((dom.parent(node) as u32, key)).or_insert(self.lists.len() as u32);
            if number as usize == self.lists.len() {
                self.lists.push(Alike::default());
            }
            let list = &mut self.lists[number as usize];
            list.count += 1;
            list.size.add(measures.sizes[node]);
            list.images += self.images[node];
            self.list_of[node] = number;
            self.place_in_list[node] = list.count;
        }
    }

    fn page_numbers(&self, metadata: &Metadata) -> [f32; 14] {
        let (dom, measures) = (self.dom, self.measures);
        let all = measures.sizes[0].text.max(1);
        let mut headings = 0;
        let (mut prices, mut listed) = (0, 0);
        for block in &measures.blocks {
            prices += u32::from(has_price(dom, block));
            listed += if self.outer[block.element as usize] != 0 { block.size.text } else { 0 };
        }
        let (mut articles, mut paragraphs) = (0, 0);
        for node in 1..dom.len() {
            match dom.tag(node) {
                Tag::H1 => headings += 1,
                Tag::ARTICLE => articles += 1,
                Tag::P => paragraphs += u32::from(measures.sizes[node].text >= 80),
                _ => {}
            }
        }
        let largest = self.lists.iter().filter(|it| it.count >= LIST).max_by_key(|it| it.size.text);
        let kind = |name: &str| flag(metadata.kinds.iter().any(|it| it == name));
        let address = metadata.canonical.as_deref().unwrap_or("");
        let path = address.split_once("://").map_or(address, |(_, rest)| rest);
        let path = path.split_once('/').map_or("", |(_, path)| path);
        let steps = path.split('/').filter(|it| !it.is_empty()).count();
        [
            number(headings),
            share(prices * 100, all),
            share(listed, all),
            number(articles),
            number(paragraphs),
            share(self.images[0] * 100, all),
            share(self.controls[0] * 100, all),
            largest.map_or(0.0, |it| share(it.size.text, all)),
            largest.map_or(0.0, |it| number(it.count)),
            if address.is_empty() { -1.0 } else { number(steps as u32) },
            number(path.len() as u32),
            kind("Product")
                + kind("ProductGroup")
                + 2.0 * kind("FAQPage")
                + 4.0 * kind("ItemList")
                + 8.0 * kind("WebSite"),
            open_graph(metadata),
            self.title_block.map_or(-1.0, |it| it as f32 / measures.blocks.len().max(1) as f32),
        ]
    }

    /// Which groups each block is in: the inner list, the outer list, the member of the inner one, the section, the parent.
    fn groups(&self, index: usize, sections: &Sections) -> [u32; GROUPS] {
        let element = self.measures.blocks[index].element as usize;
        let (inner, outer) = (self.inner[element], self.outer[element]);
        let parent = self.dom.parent(element) as u32;
        [self.list_of[inner as usize], self.list_of[outer as usize], inner, sections.of[index], parent]
    }

    /// The numbers of all blocks, and the groups that they are in.
    pub fn rows(&self) -> (Vec<[f32; COUNT]>, Vec<[u32; GROUPS]>) {
        let blocks = &self.measures.blocks;
        let mut before = Vec::with_capacity(blocks.len() + 1);
        let mut sum = 0;
        for block in blocks {
            before.push(sum);
            sum += block.size.text;
        }
        before.push(sum);
        let sections = Sections::of(self.dom, blocks, self.title_block.unwrap_or(0));
        let numbers = |index| (self.row(index, &before, &sections), self.groups(index, &sections));
        (0..blocks.len()).map(numbers).unzip()
    }

    fn row(&self, index: usize, before: &[u32], sections: &Sections) -> [f32; COUNT] {
        let (dom, measures) = (self.dom, self.measures);
        let blocks = &measures.blocks;
        let element = blocks[index].element as usize;
        let all = measures.sizes[0].text.max(1);
        let mut row = [0.0; COUNT];
        let mut next = 0;
        let mut push = |number: f32| {
            row[next] = number;
            next += 1;
        };
        for unit in [self.inner[element] as usize, self.outer[element] as usize] {
            let list = self.lists[self.list_of[unit] as usize];
            let size = measures.sizes[unit];
            push(number(list.count));
            push(if unit == 0 { -1.0 } else { number(size.text) });
            push(if unit == 0 { -1.0 } else { share(list.size.text, all) });
            push(list.size.link_density() as f32);
            push(share(list.size.stops * 100, list.size.text));
            push(share(list.images, list.count));
            push(share(list.size.linked_headings, list.count));
            push(number(self.place_in_list[unit]));
        }
        push(f32::from(self.depths[element]));
        let near = dom.parent(element);
        push(number(self.images[element].min(99)));
        push(number(self.images[near].min(99)));
        push(number(self.controls[near].min(99)));
        push(flag(has_price(dom, &blocks[index])));
        // The page's heading.
        let from_title = self.title_block.map_or(0, |it| index as i64 - it as i64);
        push(if self.title_block.is_none() { -999.0 } else { from_title.clamp(-400, 400) as f32 });
        let text_from_title =
            self.title_block.map_or(0, |it| i64::from(before[index]) - i64::from(before[it.min(blocks.len())]));
        push(text_from_title.clamp(-20_000, 20_000) as f32);
        let shared = self.with_title[element] as usize;
        push(share(measures.sizes[shared].text, all));
        push(f32::from(self.depths[element].saturating_sub(self.depths[shared])));
        // The section.
        let section = sections.of[index] as usize;
        let it = &sections.all[section];
        push(number(it.level));
        push((index - it.first) as f32);
        push(number(before[index] - before[it.first]));
        push(number(it.size.text));
        push(it.size.link_density() as f32);
        push(share(it.size.stops * 100, it.size.text));
        push(number(it.heading));
        push(it.since_title as f32);
        push(sections.all.get(section + 1).map_or(-1.0, |it| number(it.size.text)));
        push(section.checked_sub(1).map_or(-1.0, |it| number(sections.all[it].size.text)));
        // What the page says of itself.
        let (mut words, mut in_title, mut in_own, mut triples, mut own_triples) = (0, 0, 0, 0, 0);
        let texts = (blocks[index].first..=blocks[index].last).map(|node| dom.text(node as usize));
        for_words(texts, |word, triple| {
            words += 1;
            in_title += u32::from(self.title_words.contains(&word));
            in_own += u32::from(self.own_words.contains(&word));
            if let Some(triple) = triple {
                triples += 1;
                own_triples += u32::from(self.own_triples.contains(&triple));
            }
        });
        push(share(in_title, words));
        push(number(in_title));
        push(share(in_own, words));
        push(share(own_triples, triples));
        for number in self.page {
            push(number);
        }
        debug_assert!(next == COUNT, "{next} numbers");
        row
    }
}

/// The text from one heading to the next.
struct Section {
    first: usize,
    /// 1 to 6, 0 for what stands before the first heading.
    level: u32,
    /// Size of the heading's text.
    heading: u32,
    size: Size,
    /// Headings since that of the page.
    since_title: i32,
}

struct Sections {
    all: Vec<Section>,
    of: Vec<u32>,
}

impl Sections {
    fn of(dom: &Dom, blocks: &[Block], title: usize) -> Sections {
        let mut sections = Sections { all: Vec::new(), of: Vec::with_capacity(blocks.len()) };
        let mut title_section = 0;
        let mut was_heading = false;
        for (index, block) in blocks.iter().enumerate() {
            let level = level(dom, block.element as usize);
            if sections.all.is_empty() || (level > 0 && !was_heading) {
                let heading = if level > 0 { block.size.text } else { 0 };
                sections.all.push(Section { first: index, level, heading, size: Size::default(), since_title: 0 });
            }
            was_heading = level > 0;
            let number = sections.all.len() - 1;
            sections.all[number].size.add(block.size);
            sections.of.push(number as u32);
            if index == title {
                title_section = number;
            }
        }
        for (number, section) in sections.all.iter_mut().enumerate() {
            section.since_title = (number as i32 - title_section as i32).clamp(-50, 50);
        }
        sections
    }
}

/// The level of the heading that an element is, or stands in.
fn level(dom: &Dom, element: usize) -> u32 {
    let own = [element, dom.parent(element)].into_iter().map(|it| dom.tag(it)).find(|tag| HEADINGS.has(*tag));
    own.map_or(0, |tag| (tag.number() - Tag::H1.number()) as u32 + 1)
}

fn has_price(dom: &Dom, block: &Block) -> bool {
    let is_sign = |it: char| matches!(it, '$' | '€' | '£' | '¥' | '₽' | '₹' | '￥' | '₩');
    block.size.text < 60
        && (block.first..=block.last).any(|node| {
            let text = dom.text(node as usize);
            text.contains(is_sign) && text.bytes().any(|it| it.is_ascii_digit())
        })
}

/// Calls for the hash of each word, with that of the last three words where there are three.
fn for_words<'t>(texts: impl Iterator<Item = &'t str>, mut call: impl FnMut(u64, Option<u64>)) {
    let (mut last, mut count) = ([0u64; 2], 0);
    let mut word = String::new();
    for text in texts {
        for part in text.split(|it: char| !it.is_alphanumeric()).filter(|it| !it.is_empty()) {
            if count == MAX_WORDS {
                return;
            }
            word.clear();
            if part.is_ascii() {
                word.push_str(part);
                word.make_ascii_lowercase();
            } else {
                word.extend(part.chars().flat_map(char::to_lowercase));
            }
            let hash = xxh3_64(word.as_bytes());
            count += 1;
            let triple = last[0].rotate_left(20) ^ last[1].rotate_left(10) ^ hash;
            call(hash, (count > 2).then_some(triple));
            last = [last[1], hash];
        }
    }
}

fn open_graph(metadata: &Metadata) -> f32 {
    match metadata.open_graph_type.as_deref() {
        None => 0.0,
        Some("website") => 1.0,
        Some("article") => 2.0,
        Some(kind) if kind.contains("product") => 3.0,
        Some(_) => 4.0,
    }
}

fn flag(it: bool) -> f32 {
    f32::from(u8::from(it))
}

fn number(value: u32) -> f32 {
    value as f32
}

fn share(part: u32, whole: u32) -> f32 {
    if whole == 0 { 0.0 } else { part as f32 / whole as f32 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{dom::Limits, metadata};

    /// The numbers of a block by its text, and the groups that it is in.
    struct Rows {
        texts: Vec<String>,
        rows: Vec<[f32; COUNT]>,
        groups: Vec<[u32; GROUPS]>,
    }

    impl Rows {
        fn of(html: &str) -> Rows {
            let dom = Dom::parse(html, &Limits::default());
            let (metadata, measures) = (metadata::read(&dom), Measures::of(&dom));
            let (rows, groups) = Context::of(&dom, &measures, &metadata, 0).rows();
            let text = |block: &Block| (block.first..=block.last).map(|node| dom.text(node as usize)).collect();
            Rows { texts: measures.blocks.iter().map(text).collect(), rows, groups }
        }

        fn at(&self, text: &str) -> usize {
            self.texts
                .iter()
                .position(|it| it == text)
                .unwrap_or_else(|| panic!("{text}: no block of {:?}", self.texts))
        }

        /// The numbers `from..from + N` of a block.
        fn row<const N: usize>(&self, text: &str, from: usize) -> [f32; N] {
            self.rows[self.at(text)][from..from + N].try_into().unwrap()
        }

        fn groups(&self, text: &str) -> [u32; GROUPS] {
            self.groups[self.at(text)]
        }
    }

    const SHOP: &str = "<title>Blood pressure monitors</title><body><h1>Monitors</h1><div class=grid>\
        <div class='card first'><img src=a><p>Arm cuff</p><p>€ 39</p></div>\
        <div class='card'><img src=b><p>Wrist cuff</p><p>€ 25</p></div>\
        <div class='card last'><img src=c><p>Finger clip</p><p>€ 20</p></div></div>\
        <div class=help><p>Ask us.</p></div>";

    #[test]
    fn members_of_a_list_know_their_list_and_place() {
        let page = Rows::of(SHOP);
        // Members, text of the own one, share of the page, links, sentences, images and linked headings each, place.
        let listed = 10.0 + 12.0 + 13.0;
        let all = "Monitors".len() as f32 + listed + "Askus.".len() as f32;
        let [count, text, share, links, stops, images, linked, place] = page.row("Wrist cuff", 0);
        assert_eq!((count, text, links, stops, images, linked, place), (3.0, 12.0, 0.0, 0.0, 1.0, 0.0, 2.0));
        assert!((share - listed / all).abs() < 1e-6, "{share} of {all}");
        assert_eq!(page.row::<1>("Finger clip", 7), [3.0]);
        assert_eq!(page.row::<3>("Ask us.", 0), [0.0, -1.0, -1.0]);
    }

    #[test]
    fn only_short_texts_with_a_sign_and_a_digit_are_prices() {
        let page = Rows::of(SHOP);
        assert_eq!([page.row("€ 25", 20), page.row("Arm cuff", 20), page.row("Ask us.", 20)], [[1.0], [0.0], [0.0]]);
        let long = format!("It costs € 25, {}", "which is what we were asked to pay for it, ".repeat(3));
        let page = Rows::of(&format!("<p>{long}</p><p>€ soon</p>"));
        assert_eq!(page.rows.iter().map(|row| row[20]).collect::<Vec<_>>(), [0.0, 0.0]);
    }

    #[test]
    fn two_alike_are_no_list_and_other_classes_are_not_alike() {
        let page = Rows::of(
            "<div><p class=a>One</p><p class=a>Two</p><p class=b>Three</p><p class=b4>Four</p><p class=b17>Five</p></div>",
        );
        // The inner and the outer list of the third to fifth are the same: digits at the end of a class do not count.
        assert_eq!(
            (page.row::<1>("One", 1), page.row::<1>("Three", 0), page.row::<1>("Five", 7)),
            ([-1.0], [3.0], [3.0])
        );
        assert_eq!(page.row::<8>("Four", 0), page.row::<8>("Four", 8));
    }

    #[test]
    fn a_block_is_measured_from_the_pages_heading() {
        let page = Rows::of("<p>Before</p><div><h1>Asthma</h1><p>After it</p></div>");
        // Blocks, text, share of the smallest element around both, and steps up to that.
        assert_eq!(page.row("Before", 21), [-1.0, -6.0, 1.0, 1.0]);
        assert_eq!(page.row("After it", 21), [1.0, 6.0, 13.0 / 19.0, 1.0]);
        assert_eq!(Rows::of("<p>No heading</p>").row("No heading", 21), [-999.0, 0.0]);
    }

    #[test]
    fn a_section_runs_from_heading_to_heading() {
        let page = Rows::of(
            "<p>Lead.</p><h1>Asthma</h1><h2>Causes</h2><p>Pollen.</p><p><a href=/m>Mites</a></p><h3>Dose</h3><p>One.</p>",
        );
        // Level, blocks and text since its heading, its text, links, sentences a hundred characters, heading, place, then
        // the text of the next section and of the last. Headings in a row are one.
        assert_eq!(page.row("Lead.", 25), [0.0, 0.0, 0.0, 5.0, 0.0, 20.0, 0.0, -1.0, 24.0, -1.0]);
        assert_eq!(page.row("Mites", 25), [1.0, 3.0, 19.0, 24.0, 5.0 / 24.0, 100.0 / 24.0, 6.0, 0.0, 8.0, 5.0]);
        assert_eq!(page.row("One.", 25), [3.0, 1.0, 4.0, 8.0, 0.0, 12.5, 4.0, 1.0, -1.0, 24.0]);
        let [causes, pollen, dose] = ["Causes", "Pollen.", "Dose"].map(|text| page.groups(text)[3]);
        assert!(causes == pollen && pollen != dose);
    }

    #[test]
    fn words_are_compared_with_what_the_page_says_of_itself() {
        let page = Rows::of(
            "<title>Asthma in children</title><meta name=description content='Inhaled steroids prevent attacks.'>\
             <p>ASTHMA in adults</p><p>Inhaled steroids prevent most</p>",
        );
        // Share and number of the title's words, share of the description's words and of its runs of three.
        let [share, count, own, runs] = page.row("ASTHMA in adults", 35);
        assert_eq!((share, count, own, runs), (2.0 / 3.0, 2.0, 0.0, 0.0));
        assert_eq!(page.row("Inhaled steroids prevent most", 35), [0.0, 0.0, 0.75, 0.5]);
    }

    #[test]
    fn the_page_is_described_to_all_its_blocks() {
        let html = "<link rel=canonical href=https://shop.example.org/a/b/c><meta property=og:type content=website>\
            <h1>Cuffs</h1><article><p>Short.</p></article><article><input><p>An arm cuff of soft cloth that closes by \
            itself and is read without glasses, even in the dark, by those who live alone.</p></article>";
        let page = Rows::of(html);
        let numbers = page.row::<14>("Cuffs", 39);
        assert_eq!(page.row::<14>("Short.", 39), numbers);
        // Headings, articles, paragraphs of some length; steps and length of the address; Open Graph; place of the heading.
        assert_eq!((numbers[0], numbers[3], numbers[4]), (1.0, 2.0, 1.0));
        assert_eq!((numbers[9], numbers[10], numbers[12], numbers[13]), (3.0, 5.0, 1.0, 0.0));
        assert!(numbers[6] > 0.0 && numbers[5] == 0.0);
    }
}
