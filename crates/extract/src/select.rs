//! Which part of a page is its main text.
//!
//! Each block of text gets a score: long sentences count for, links and scraps against. The main text is the smallest
//! element that holds nearly all of the score; what template names, links and structure speak against is taken out of it.

use std::collections::BTreeMap;

use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::{
    dom::Dom,
    features::{self, Features, Seen},
    learned,
    measure::{BLOCKS, Block, Measures},
    metadata::Metadata,
    page_kind::{self, PageKind},
    signals::Signals,
    tag::{HEADINGS, Tag, TagSet},
    wide,
};

/// What is kept of a page: the elements whose text is read, in order, and the nodes left out inside them.
pub(crate) struct Selection {
    pub roots: Vec<usize>,
    pub dropped: Vec<bool>,
}

/// Signals of parts that are no content wherever they stand.
const AGAINST: Signals = Signals::NAVIGATION
    .with(Signals::FOOTER)
    .with(Signals::SIDEBAR)
    .with(Signals::RELATED)
    .with(Signals::SHARE)
    .with(Signals::COMMENTS)
    .with(Signals::CONSENT)
    .with(Signals::SUBSCRIBE)
    .with(Signals::ADVERT)
    .with(Signals::POPUP)
    .with(Signals::HIDDEN);
const TAGS_AGAINST: TagSet = TagSet::of(&[Tag::NAV, Tag::FOOTER, Tag::ASIDE, Tag::MENU, Tag::DIALOG, Tag::SEARCH]);
/// Signals of small things about the content.
const SMALL_AGAINST: Signals =
    Signals::BYLINE.with(Signals::TAGS).with(Signals::META).with(Signals::CAPTION).with(Signals::WIDGET);

/// Where the rules' text is so much of all that is not frame, on a page with a date that calls itself an article, the trees are
/// not asked: most articles are read without their cost.
const SURE_SHARE: f64 = 0.85;
/// The rules' text is taken for a page that calls itself an article, if the trees expect of it so much less of F1 than of
/// what they would keep. Many a list or service calls itself an article; a date or structured data speak for it.
const MOST_LOSS: f64 = 0.04;
const MOST_LOSS_DATED: f64 = 0.15;

pub(crate) fn block_score(dom: &Dom, block: &Block) -> f64 {
    let tag = dom.tag(block.element as usize);
    let length = f64::from(block.size.text);
    let density = block.size.link_density();
    if HEADINGS.has(tag) {
        return if density > 0.5 { -5.0 } else { 2.0 };
    }
    if density >= 0.5 {
        return -(length.min(120.0) / 4.0 + 5.0);
    }
    let plain = length * (1.0 - density) * (1.0 - density);
    if length >= 80.0 || (block.ends && length >= 40.0) {
        return plain.min(1500.0) + 8.0 * f64::from(block.size.commas.min(20));
    }
    if length < 25.0 { -2.0 } else { plain * 0.3 }
}

pub(crate) struct Scores {
    /// Sum of positive scores of the blocks inside.
    pub good: Vec<f64>,
    /// Sum of all.
    pub sum: Vec<f64>,
}

impl Scores {
    /// What stands before `title` counts little.
    pub fn of(dom: &Dom, measures: &Measures, dropped: &[bool], title: usize) -> Scores {
        let mut good = vec![0.0; dom.len()];
        let mut sum = vec![0.0; dom.len()];
        for block in &measures.blocks {
            if dropped[block.first as usize] {
                continue;
            }
            let mut score = block_score(dom, block);
            if (block.first as usize) < title {
                score *= 0.3;
            }
            let element = block.element as usize;
            good[element] += score.max(0.0);
            sum[element] += score;
        }
        for node in (1..dom.len()).rev() {
            let parent = dom.parent(node);
            good[parent] += good[node];
            // What speaks against a part does not speak against its neighbours.
            let of_child: f64 = sum[node];
            sum[parent] += of_child.max(0.0);
        }
        Scores { good, sum }
    }
}

/// What all elements of one class hold together: a name that most of the text bears speaks against none of it.
struct Alike(BTreeMap<u64, f64>);

impl Alike {
    fn of(dom: &Dom, measures: &Measures, scores: &Scores) -> Alike {
        let mut alike = Alike(BTreeMap::new());
        for node in 1..dom.len() {
            if measures.signals[node].has(AGAINST)
                && scores.good[node] > 0.0
                && let Some(key) = Alike::key(dom, node)
            {
                *alike.0.entry(key).or_default() += scores.good[node];
            }
        }
        alike
    }

    fn key(dom: &Dom, node: usize) -> Option<u64> {
        dom.raw_attribute(node, "class").map(|class| xxh3_64_with_seed(class.as_bytes(), dom.tag(node).number() as u64))
    }

    fn good(&self, dom: &Dom, node: usize) -> f64 {
        Alike::key(dom, node).and_then(|key| self.0.get(&key)).copied().unwrap_or(0.0)
    }
}

/// Marks a subtree.
pub(crate) fn mark(dom: &Dom, flags: &mut [bool], node: usize) {
    flags[node..dom.end(node)].fill(true);
}

pub(crate) fn select(dom: &Dom, measures: &Measures, metadata: &Metadata) -> Selection {
    let first = Scores::of(dom, measures, &measures.silent, 0);
    let title = find_title(dom, measures, metadata, &first);
    let strict = select_by(dom, measures, metadata, &first, title, true);
    let kept = strict.size(dom, measures);
    let kind = page_kind::of(dom, measures, metadata);
    let wide = wide::select(dom, measures, &first, kind);
    let seen = Seen { strict: strict.blocks(dom, measures), wide: wide.blocks(dom, measures), kind, title };
    let is_dated = kept >= 250 && (metadata.date.is_some() || page_kind::says_article(metadata));
    let holds_most = f64::from(kept) >= SURE_SHARE * f64::from(wide.size(dom, measures));
    if kind == PageKind::Article && is_dated && holds_most {
        return strict;
    }
    let features = features::of(dom, measures, metadata, &seen);
    let judgement = learned::Judgement::of(measures, &features);
    let most = if is_dated { MOST_LOSS_DATED } else { MOST_LOSS };
    let is_article = kind == PageKind::Article && judgement.loss(&seen.strict) <= most;
    if !is_article && let Some(learned) = learned::select(dom, measures, &seen, &judgement) {
        return learned;
    }
    // Where template names leave next to nothing, they were misunderstood.
    if kept < 200 && f64::from(kept) < 0.5 * first.good[0] {
        let lenient = select_by(dom, measures, metadata, &first, title, false);
        if lenient.size(dom, measures) > 2 * kept {
            return lenient;
        }
    }
    strict
}

/// Each block's text with its numbers, as they are learned from.
pub(crate) fn numbers(dom: &Dom, measures: &Measures, metadata: &Metadata) -> (Vec<String>, Features) {
    let first = Scores::of(dom, measures, &measures.silent, 0);
    let title = find_title(dom, measures, metadata, &first);
    let kind = page_kind::of(dom, measures, metadata);
    let strict = select_by(dom, measures, metadata, &first, title, true).blocks(dom, measures);
    let wide = wide::select(dom, measures, &first, kind).blocks(dom, measures);
    let features = features::of(dom, measures, metadata, &Seen { strict, wide, kind, title });
    let text = |block: &Block| (block.first..=block.last).map(|it| dom.text(it as usize)).collect();
    (measures.blocks.iter().map(text).collect(), features)
}

impl Selection {
    /// Which blocks are kept.
    fn blocks(&self, dom: &Dom, measures: &Measures) -> Vec<bool> {
        let is_inside = |node: usize| {
            let behind = self.roots.partition_point(|root| *root <= node);
            behind > 0 && node < dom.end(self.roots[behind - 1])
        };
        measures.blocks.iter().map(|it| !self.dropped[it.first as usize] && is_inside(it.first as usize)).collect()
    }

    fn size(&self, dom: &Dom, measures: &Measures) -> u32 {
        let nodes = self.roots.iter().flat_map(|root| *root..dom.end(*root));
        nodes.filter(|node| dom.tag(*node) == Tag::TEXT && !self.dropped[*node]).map(|it| measures.sizes[it].text).sum()
    }
}

/// The heading that repeats the page's title, if most of the page's text stands behind it; else the root.
fn find_title(dom: &Dom, measures: &Measures, metadata: &Metadata, scores: &Scores) -> usize {
    let titles: Vec<String> = metadata.titles.iter().map(|it| letters(it)).collect();
    let heading = |wanted: fn(Tag) -> bool| {
        (0..dom.len()).find(|node| {
            wanted(dom.tag(*node)) && !measures.silent[*node] && is_one_of(&titles, &letters(&dom.all_text(*node)))
        })
    };
    let found = heading(|tag| tag == Tag::H1).or_else(|| heading(|tag| HEADINGS.has(tag)));
    let Some(found) = found else { return 0 };
    let behind: f64 = measures
        .blocks
        .iter()
        .filter(|block| block.first as usize > found && !measures.silent[block.first as usize])
        .map(|block| block_score(dom, block).max(0.0))
        .sum();
    if behind >= 0.4 * scores.good[0] { found } else { 0 }
}

fn select_by(
    dom: &Dom,
    measures: &Measures,
    metadata: &Metadata,
    first: &Scores,
    title: usize,
    is_strict: bool,
) -> Selection {
    let total = first.good[0].max(1.0);
    let mut dropped = measures.silent.clone();
    let alike = Alike::of(dom, measures, first);
    let mut node = 1;
    while node < dom.len() {
        let holds_title = title != 0 && (node..dom.end(node)).contains(&title) && dom.tag(node) != Tag::HEADER;
        if !dropped[node]
            && dom.tag(node) != Tag::TEXT
            && !holds_title
            && is_boilerplate(dom, measures, first, &alike, node, total, is_strict)
        {
            mark(dom, &mut dropped, node);
        }
        node = if dropped[node] { dom.end(node).max(node + 1) } else { node + 1 };
    }
    let scores = Scores::of(dom, measures, &dropped, title);
    let page = Page { dom, measures, scores: &scores, metadata, title };
    let root = page.find_root(&dropped);
    let roots = page.with_neighbours(root, &dropped);
    let text: u32 = roots.iter().map(|root| measures.sizes[*root].text).sum();
    if is_strict {
        for root in &roots {
            page.prune(*root, text, &mut dropped);
        }
    }
    page.trim(&roots, &mut dropped);
    Selection { roots, dropped }
}

fn is_boilerplate(
    dom: &Dom,
    measures: &Measures,
    scores: &Scores,
    alike: &Alike,
    node: usize,
    total: f64,
    is_strict: bool,
) -> bool {
    let (tag, signals, size) = (dom.tag(node), measures.signals[node], measures.sizes[node]);
    if matches!(tag, Tag::HTML | Tag::BODY | Tag::MAIN | Tag::ROOT | Tag::BLOCKQUOTE) || size.text == 0 {
        return false;
    }
    let share = scores.good[node] / total;
    if !is_strict {
        return TAGS_AGAINST.has(tag) && share < 0.4 || signals.has(Signals::CONSENT.with(Signals::POPUP));
    }
    if signals.has(Signals::COMMENTS) && !signals.has(Signals::BODY) && BLOCKS.has(tag) {
        return share < 0.8;
    }
    if TAGS_AGAINST.has(tag) {
        return share < 0.4;
    }
    if tag == Tag::HEADER {
        // The header of an article may hold its lead; that of the page holds the site's name.
        let is_inner = dom
            .ancestors(node)
            .any(|it| matches!(dom.tag(it), Tag::ARTICLE | Tag::MAIN) || measures.signals[it].has(Signals::BODY));
        return !is_inner && share < 0.2;
    }
    let is_teasers = size.linked_headings >= 3
        && size.linked_headings * 10 >= size.headings * 8
        && size.text / size.linked_headings < 400;
    if is_teasers && BLOCKS.has(tag) && share < 0.75 {
        return true;
    }
    let is_positive = signals.has(Signals::BODY) || (signals.has(Signals::THING) && signals.has(Signals::INSIDE));
    if signals.has(AGAINST) {
        // A quotation embedded from elsewhere is content.
        let holds_quotation =
            dom.inside(node).any(|it| dom.tag(it) == Tag::BLOCKQUOTE && 2 * measures.sizes[it].text > size.text);
        if holds_quotation {
            return false;
        }
        let limit = if is_positive { 0.1 } else { 0.35 };
        return share < limit && alike.good(dom, node) / total < 0.5;
    }
    false
}

struct Page<'a> {
    dom: &'a Dom<'a>,
    measures: &'a Measures,
    scores: &'a Scores,
    metadata: &'a Metadata,
    title: usize,
}

impl Page<'_> {
    /// Whether an element's names say that it is the text's container.
    fn is_named(&self, node: usize) -> bool {
        let signals = self.measures.signals[node];
        signals.has(Signals::BODY) || (signals.has(Signals::THING) && signals.has(Signals::INSIDE))
    }

    /// Descends from the root for as long as one child holds nearly all of the score.
    fn find_root(&self, dropped: &[bool]) -> usize {
        let (dom, scores) = (self.dom, self.scores);
        let mut current = 0;
        loop {
            let best = dom
                .children(current)
                .filter(|child| !dropped[*child] && dom.tag(*child) != Tag::TEXT)
                .max_by(|one, other| scores.sum[*one].total_cmp(&scores.sum[*other]));
            let Some(child) = best else { break };
            if scores.good[child] <= 0.0 || scores.sum[child] < 0.72 * scores.sum[current].max(1.0) {
                break;
            }
            // An element that is the only block of its parent is not a container of its own.
            if matches!(dom.tag(child), Tag::P | Tag::LI | Tag::TD | Tag::UL | Tag::OL | Tag::BLOCKQUOTE)
                || !BLOCKS.has(dom.tag(child)) && scores.good[child] < 200.0
            {
                break;
            }
            let holds_title = |node: usize| self.title != 0 && (node..dom.end(node)).contains(&self.title);
            // The article that bears the page's title goes before a larger neighbour, such as a list of others.
            let own = dom.children(current).find(|it| {
                holds_title(*it)
                    && !dropped[*it]
                    && (dom.tag(*it) == Tag::ARTICLE || self.measures.signals[*it].has(Signals::BODY))
                    && scores.good[*it] >= 250.0
            });
            current = own.unwrap_or(child);
        }
        if let Some(unit) = self.titled_unit(current, dropped) {
            current = unit;
        }
        let mut marked = (0..dom.len()).filter(|node| {
            self.measures.signals[*node].has(Signals::MARKED) && !dropped[*node] && scores.good[*node] >= 100.0
        });
        if let (Some(node), None) = (marked.next(), marked.next())
            && scores.good[node] >= 0.3 * scores.good[current]
        {
            return node;
        }
        // A container that names itself is believed where it holds most of what was found.
        let mut named = current;
        for node in dom.inside(current) {
            if !dropped[node]
                && self.is_named(node)
                && dom.tag(node) != Tag::P
                && scores.good[node] >= 0.65 * scores.good[named]
            {
                named = node;
            }
        }
        named
    }

    /// Where several articles stand on a page: the one whose heading is the page's title.
    fn titled_unit(&self, root: usize, dropped: &[bool]) -> Option<usize> {
        let dom = self.dom;
        let mut units = Vec::new();
        let mut node = root + 1;
        while node < dom.end(root) {
            let is_unit = dom.tag(node) == Tag::ARTICLE && self.scores.good[node] >= 150.0;
            if dropped[node] || is_unit {
                if is_unit && !dropped[node] {
                    units.push(node);
                }
                node = dom.end(node).max(node + 1);
            } else {
                node += 1;
            }
        }
        if units.len() < 2 {
            return None;
        }
        units.into_iter().find(|unit| {
            dom.inside(*unit).any(|node| HEADINGS.has(dom.tag(node)) && self.is_title(&dom.all_text(node)))
        })
    }

    fn is_title(&self, text: &str) -> bool {
        let titles: Vec<String> = self.metadata.titles.iter().map(|it| letters(it)).collect();
        is_one_of(&titles, &letters(text))
    }

    /// The root and those beside it that belong to the text: leads above it, further parts below it.
    fn with_neighbours(&self, root: usize, dropped: &[bool]) -> Vec<usize> {
        let dom = self.dom;
        let mut roots = vec![root];
        let mut inner = root;
        for level in 0..5 {
            if inner == 0 || matches!(dom.tag(inner), Tag::BODY | Tag::HTML | Tag::ROOT) {
                break;
            }
            let outer = dom.parent(inner);
            for child in dom.children(outer) {
                if child != inner && !dropped[child] && self.belongs(child, root, child < root, level) {
                    roots.push(child);
                }
            }
            inner = outer;
        }
        roots.sort_unstable();
        roots
    }

    fn belongs(&self, node: usize, root: usize, is_above: bool, level: usize) -> bool {
        let (dom, size) = (self.dom, self.measures.sizes[node]);
        let tag = dom.tag(node);
        if tag == Tag::TEXT || size.link_density() > 0.25 || size.text < 50 {
            return false;
        }
        // A long heading or a long sentence between the title and the text is its lead.
        let may_lead = HEADINGS.has(tag)
            || matches!(tag, Tag::HEADER | Tag::HGROUP)
            || (self.title != 0 && self.title < dom.end(node) && BLOCKS.has(tag));
        if is_above && may_lead && size.text < 900 && size.link_density() < 0.2 {
            let is_lead = |block: &Block| {
                let heading = HEADINGS.has(dom.tag(block.element as usize));
                block.size.text >= 60
                    && (block.ends || heading)
                    && !(heading && self.is_title(&dom.all_text(block.element as usize)))
            };
            let from = self.measures.blocks.partition_point(|block| (block.first as usize) < node);
            let inside = |block: &&Block| (block.first as usize) < dom.end(node);
            return self.measures.blocks[from..].iter().take_while(inside).any(is_lead);
        }
        if self.scores.sum[node] <= 30.0 {
            return false;
        }
        if matches!(tag, Tag::P | Tag::BLOCKQUOTE) {
            return size.stops > 0 && (size.text >= 80 || is_above) && size.link_density() < 0.2 && level < 2;
        }
        let class = |node| dom.raw_attribute(node, "class").filter(|it| !it.is_empty());
        let is_alike = tag == dom.tag(root) && class(node).is_some() && class(node) == class(root);
        if is_alike {
            return true;
        }
        let share = self.scores.sum[node] / self.scores.sum[root].max(1.0);
        let is_summary = self.measures.signals[node].has(Signals::SUMMARY) && is_above && size.text < 1500;
        is_summary
            || (share >= if size.link_density() < 0.05 { 0.15 } else { 0.25 }
                && level < 3
                && size.link_density() < 0.15)
    }

    fn prune(&self, root: usize, text: u32, dropped: &mut [bool]) {
        let dom = self.dom;
        let mut node = root + 1;
        while node < dom.end(root) {
            if !dropped[node] && dom.tag(node) != Tag::TEXT && self.is_debris(node, text) {
                mark(dom, dropped, node);
            }
            node = if dropped[node] { dom.end(node).max(node + 1) } else { node + 1 };
        }
    }

    fn is_debris(&self, node: usize, text: u32) -> bool {
        let dom = self.dom;
        let (tag, signals, size) = (self.dom.tag(node), self.measures.signals[node], self.measures.sizes[node]);
        let share = f64::from(size.text) / f64::from(text.max(1));
        if size.text == 0 || tag == Tag::BLOCKQUOTE {
            return false;
        }
        let density = size.link_density();
        let is_box = matches!(
            tag,
            Tag::UL
                | Tag::OL
                | Tag::DIV
                | Tag::SECTION
                | Tag::TABLE
                | Tag::DL
                | Tag::FIELDSET
                | Tag::FORM
                | Tag::ARTICLE
        );
        if is_box && density > 0.6 && share < 0.5 {
            return true;
        }
        if tag == Tag::FIGCAPTION {
            return true;
        }
        if signals.has(Signals::GALLERY) && share < 0.3 {
            return true;
        }
        if signals.has(SMALL_AGAINST) && share < 0.2 && size.text < 300 {
            return self.scores.good[node] < 150.0 || signals.has(Signals::CAPTION);
        }
        if tag == Tag::FORM && share < 0.2 {
            return true;
        }
        // "Read also: another article", between the paragraphs.
        let is_pointer = density > 0.5 && size.links == 1 && size.text < 250 && {
            let label = dom.inside(node).find(|it| self.measures.sizes[*it].text > 0 && dom.tag(*it) == Tag::TEXT);
            label.is_some_and(|it| self.measures.sizes[it].link == 0 && dom.text(it).trim_end().ends_with(':'))
        };
        let is_line = matches!(tag, Tag::P | Tag::H2 | Tag::H3 | Tag::H4 | Tag::DIV);
        (is_line && is_pointer) || (tag == Tag::P && density > 0.8 && size.text > 15)
    }

    /// Takes away what stands before the first and behind the last real text, titles, and headings of what was dropped.
    fn trim(&self, roots: &[usize], dropped: &mut [bool]) {
        let dom = self.dom;
        let is_inside = |block: &Block| {
            let first = block.first as usize;
            let behind = roots.partition_point(|root| *root <= first);
            behind > 0 && first < dom.end(roots[behind - 1])
        };
        let blocks: Vec<&Block> = self.measures.blocks.iter().filter(|block| is_inside(block)).collect();
        let is_kept = |block: &Block, dropped: &[bool]| !dropped[block.first as usize];
        let is_real = |block: &Block| block_score(dom, block) >= 40.0;
        let drop = |block: &Block, dropped: &mut [bool]| {
            for node in block.first..=block.last {
                if dom.tag(node as usize) == Tag::TEXT {
                    dropped[node as usize] = true;
                }
            }
        };
        let tag_of = |block: &Block| dom.tag(block.element as usize);
        for block in blocks.iter().filter(|it| HEADINGS.has(tag_of(it))) {
            if is_kept(block, dropped) && self.is_title(&dom.all_text(block.element as usize)) {
                drop(block, dropped);
            }
        }
        let is_salutation = |block: &Block| {
            tag_of(block) == Tag::P && dom.text(block.last as usize).trim_end().ends_with([',', '\u{ff0c}'])
        };
        for block in &blocks {
            if !is_kept(block, dropped) {
                continue;
            }
            if is_real(block) {
                break;
            }
            let is_scrap = !HEADINGS.has(tag_of(block))
                && block.size.text < 100
                && !block.ends
                && !is_listed(tag_of(block))
                && !is_salutation(block);
            if is_scrap || tag_of(block) == Tag::H1 {
                drop(block, dropped);
            }
        }
        for block in blocks.iter().rev() {
            if !is_kept(block, dropped) {
                continue;
            }
            if is_real(block) || is_listed(tag_of(block)) && block.size.link_density() < 0.5 {
                break;
            }
            if HEADINGS.has(tag_of(block)) || block.size.link_density() > 0.3 || (block.size.text < 60 && !block.ends) {
                drop(block, dropped);
            }
        }
        let mut heading: Option<&Block> = None;
        let mut is_lost = false;
        for block in &blocks {
            if !is_kept(block, dropped) {
                is_lost |= block.size.text > 10;
                continue;
            }
            let is_heading = HEADINGS.has(tag_of(block));
            if is_heading
                && is_lost
                && let Some(heading) = heading
            {
                drop(heading, dropped);
            }
            heading = is_heading.then_some(*block);
            is_lost = false;
        }
    }
}

fn is_listed(tag: Tag) -> bool {
    matches!(tag, Tag::LI | Tag::TD | Tag::TH | Tag::DD | Tag::DT | Tag::PRE)
}

/// The letters and digits of a text in lower case.
fn letters(text: &str) -> String {
    text.chars().filter(|it| it.is_alphanumeric()).flat_map(char::to_lowercase).take(300).collect()
}

/// Whether a heading is one of the titles that the page gives itself; all as `letters` has them.
fn is_one_of(titles: &[String], text: &str) -> bool {
    text.len() >= 8
        && titles.iter().any(|title| {
            title == text
                || (title.starts_with(text) && text.len() * 10 >= title.len() * 5)
                || (text.starts_with(title.as_str()) && title.len() * 10 >= text.len() * 7 && title.len() >= 15)
        })
}
