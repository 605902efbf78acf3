//! The text of a page that has no single one: all of it but for what frames it. Services, shops, lists and forums are like
//! this; what would be debris in an article is their content.

use crate::{
    dom::Dom,
    measure::{BLOCKS, Measures},
    page_kind::PageKind,
    select::{Scores, Selection, mark},
    signals::Signals,
    tag::{Tag, TagSet},
};

/// What frames a page whatever it holds.
const FRAME: Signals = Signals::NAVIGATION
    .with(Signals::FOOTER)
    .with(Signals::SIDEBAR)
    .with(Signals::SHARE)
    .with(Signals::CONSENT)
    .with(Signals::SUBSCRIBE)
    .with(Signals::ADVERT)
    .with(Signals::POPUP)
    .with(Signals::HIDDEN);
const FRAME_TAGS: TagSet = TagSet::of(&[Tag::NAV, Tag::FOOTER, Tag::ASIDE, Tag::MENU, Tag::DIALOG, Tag::SEARCH]);

pub(crate) fn select(dom: &Dom, measures: &Measures, first: &Scores, kind: PageKind) -> Selection {
    let total = f64::from(measures.sizes[0].text.max(1));
    let mut dropped = measures.silent.clone();
    let mut node = 1;
    while node < dom.len() {
        if !dropped[node] && dom.tag(node) != Tag::TEXT && is_frame(dom, measures, node, total, kind) {
            mark(dom, &mut dropped, node);
        }
        node = if dropped[node] { dom.end(node).max(node + 1) } else { node + 1 };
    }
    let whole = find_main(dom, measures, first, &dropped);
    Selection { roots: vec![whole], dropped }
}

fn is_frame(dom: &Dom, measures: &Measures, node: usize, total: f64, kind: PageKind) -> bool {
    let (tag, signals, size) = (dom.tag(node), measures.signals[node], measures.sizes[node]);
    if matches!(tag, Tag::HTML | Tag::BODY | Tag::MAIN | Tag::ROOT | Tag::BLOCKQUOTE) || size.text == 0 {
        return false;
    }
    let share = f64::from(size.text) / total;
    if FRAME_TAGS.has(tag) {
        return share < 0.5;
    }
    if tag == Tag::HEADER {
        return share < 0.3 && !dom.ancestors(node).any(|it| matches!(dom.tag(it), Tag::ARTICLE | Tag::MAIN));
    }
    if signals.has(FRAME) && BLOCKS.has(tag) {
        return share < 0.3;
    }
    if signals.has(Signals::COMMENTS.with(Signals::RELATED)) && BLOCKS.has(tag) && kind != PageKind::Forum {
        return share < 0.3;
    }
    // A menu or a cloud of words that no name gives away.
    let is_list = matches!(tag, Tag::UL | Tag::OL | Tag::DIV | Tag::TABLE);
    is_list && size.links >= 6 && size.link_density() > 0.9 && size.text / size.links < 12 && share < 0.3
}

/// The element that is marked as the page's main one, else the smallest that holds nearly all that is left.
fn find_main(dom: &Dom, measures: &Measures, first: &Scores, dropped: &[bool]) -> usize {
    let is_main = |node: usize| dom.tag(node) == Tag::MAIN || dom.raw_attribute(node, "role") == Some("main");
    let mut mains = (0..dom.len()).filter(|node| !dropped[*node] && is_main(*node));
    if let (Some(main), None) = (mains.next(), mains.next())
        && first.good[main] >= 0.5 * first.good[0]
    {
        return main;
    }
    let mut left = vec![0u64; dom.len()];
    for node in (1..dom.len()).rev() {
        if dom.tag(node) == Tag::TEXT && !dropped[node] {
            left[node] = u64::from(measures.sizes[node].text);
        }
        left[dom.parent(node)] += left[node];
    }
    let mut current = 0;
    while let Some(child) = dom
        .children(current)
        .find(|child| BLOCKS.has(dom.tag(*child)) && left[*child] * 100 >= left[current] * 92 && left[*child] > 0)
    {
        current = child;
    }
    current
}
