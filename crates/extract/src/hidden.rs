//! Which text of a page is not read because it is not shown, and which is read though it is not shown *yet*: folded
//! answers, panels behind tabs, parts that a script moves into place, and what a page keeps for readers without scripts.

use crate::{
    dom::Dom,
    signals::{self, SILENT},
    tag::{HEADINGS, Tag},
};

/// How a page hides its text.
pub(crate) struct Shown {
    /// Nearly all text is hidden until a script has run: nothing counts as hidden.
    all: bool,
    /// Nearly all text stands in `noscript`.
    without_scripts: bool,
}

pub(crate) fn shown(dom: &Dom) -> Shown {
    let (mut open, mut hidden, mut without_scripts) = (0, 0, 0);
    let mut node = 1;
    while node < dom.len() {
        let tag = dom.tag(node);
        if tag == Tag::TEXT {
            open += weight(dom, node);
        } else if tag == Tag::NOSCRIPT {
            without_scripts += inside(dom, node);
        } else if !SILENT.has(tag) && is_hidden(dom, node) {
            hidden += inside(dom, node);
        } else if !SILENT.has(tag) {
            node += 1;
            continue;
        }
        node = dom.end(node).max(node + 1);
    }
    Shown {
        all: hidden > 1000 && hidden > 6 * open,
        without_scripts: without_scripts > 500 && without_scripts > 2 * open,
    }
}

fn weight(dom: &Dom, node: usize) -> usize {
    let text = dom.text(node).trim();
    // Scraps are menus as often as text.
    if text.len() < 25 { text.len() / 4 } else { text.len() }
}

/// The text inside an element, elements that are never read left out.
fn inside(dom: &Dom, node: usize) -> usize {
    let mut sum = 0;
    let mut at = node + 1;
    while at < dom.end(node) {
        if dom.tag(at) == Tag::TEXT {
            sum += weight(dom, at);
        } else if SILENT.has(dom.tag(at)) {
            at = dom.end(at);
            continue;
        }
        at += 1;
    }
    sum
}

impl Shown {
    /// Whether the text of an element is not read.
    pub fn is_silent(&self, dom: &Dom, node: usize) -> bool {
        let tag = dom.tag(node);
        if SILENT.has(tag) {
            let is_page = tag == Tag::NOSCRIPT && self.without_scripts;
            // The heading of a folded part is a button that unfolds it.
            let is_heading = tag == Tag::BUTTON && HEADINGS.has(dom.tag(dom.parent(node)));
            return !is_page && !is_heading;
        }
        !self.all && is_hidden(dom, node)
    }
}

fn is_hidden(dom: &Dom, node: usize) -> bool {
    signals::is_hidden(dom, node) && !is_folded(dom, node)
}

/// Whether a hidden element is a part of the page that a reader unfolds, or that a script moves into its place.
fn is_folded(dom: &Dom, node: usize) -> bool {
    const WORDS: [&str; 11] = [
        "accordion",
        "collaps",
        "tabpanel",
        "tab-pane",
        "tab_pane",
        "tab-content",
        "faq",
        "toggle-content",
        "toggle__content",
        "answer",
        "carousel__",
    ];
    let has = |value: &str| {
        let value = value.to_ascii_lowercase();
        WORDS.iter().any(|word| value.contains(word))
    };
    // React streams the parts of a page as `<div hidden id="S:1">` at its end.
    if dom.raw_attribute(node, "id").is_some_and(|id| id.starts_with("S:") || has(id)) {
        return true;
    }
    // A part that names its heading is unfolded by it; so are dialogs, but these say what they are.
    let role = dom.raw_attribute(node, "role");
    let has_heading = role.is_none() && dom.raw_attribute(node, "aria-labelledby").is_some();
    has_heading
        || role.is_some_and(|role| matches!(role, "tabpanel" | "region"))
        || dom.raw_attribute(node, "class").is_some_and(has)
}
