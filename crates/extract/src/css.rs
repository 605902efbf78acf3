//! CSS selectors on the tree of a page: the engine of Servo (`selectors`), asked about our own nodes.
//!
//! The tree is the page's as it is written, so `table > tr` matches where a browser would put a `tbody` between. Work is
//! bounded: each step from node to node and each attribute that is looked at costs, and when the page's budget is spent
//! nothing matches any more.

use std::{cell::Cell, fmt};

use cssparser::ToCss;
use precomputed_hash::PrecomputedHash;
use selectors::{
    Element, OpaqueElement, SelectorList,
    attr::{AttrSelectorOperation, CaseSensitivity, NamespaceConstraint},
    bloom::BloomFilter,
    context::{MatchingContext, MatchingForInvalidation, MatchingMode, NeedsSelectorFlags, QuirksMode, SelectorCaches},
    matching::{ElementSelectorFlags, matches_selector},
    parser::{self, ParseRelative, SelectorParseErrorKind},
};
use xxhash_rust::xxh3::xxh3_64;

use crate::{dom::Dom, tag::Tag};

/// Steps that the selectors of one page may take, about: a second of work at most.
const MAX_STEPS: u64 = 50_000_000;

/// Selectors, tried in their order: the first that matches anything gives all that it matches.
#[derive(Debug, Clone, Default)]
pub struct Selectors(Vec<SelectorList<Css>>);

impl Selectors {
    /// Adds one selector; a comma joins several into one.
    /// # Errors
    /// Fails if it is no CSS selector; the message says behind what.
    pub fn push(&mut self, css: &str) -> Result<(), String> {
        let mut input = cssparser::Parser::new(css);
        let list = SelectorList::parse(&CssParser, &mut input, ParseRelative::No);
        let list = list.map_err(|error| {
            let what: String = match error.kind {
                cssparser::ParseErrorKind::Basic(kind) => format!("{kind:?}"),
                cssparser::ParseErrorKind::Custom(kind) => format!("{kind:?}"),
            };
            let read = css.get(..input.position().byte_index()).unwrap_or(css);
            format!("{css:?} is no CSS selector: {} behind {read:?}", in_words(&what))
        })?;
        self.0.push(list);
        Ok(())
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// `DanglingCombinator` as `dangling combinator`.
fn in_words(name: &str) -> String {
    let mut words = String::new();
    for letter in name.chars() {
        if letter.is_ascii_uppercase() && !words.is_empty() {
            words.push(' ');
        }
        words.push(letter.to_ascii_lowercase());
    }
    words
}

/// The elements of a page, ready to be asked.
pub(crate) struct Elements<'d> {
    dom: &'d Dom<'d>,
    /// By node: the element before and behind it below the same parent; 0 for none.
    siblings: Vec<(u32, u32)>,
    steps: Cell<u64>,
}

impl<'d> Elements<'d> {
    pub fn of(dom: &'d Dom<'d>) -> Elements<'d> {
        let mut siblings = vec![(0, 0); dom.len()];
        let mut last_child = vec![0u32; dom.len()];
        for node in (1..dom.len()).filter(|node| dom.tag(*node) != Tag::TEXT) {
            let last = std::mem::replace(&mut last_child[dom.parent(node)], node as u32);
            siblings[node].0 = last;
            siblings[last as usize].1 = node as u32;
        }
        Elements { dom, siblings, steps: Cell::new(0) }
    }

    /// What the first of the selectors that matches anything matches, in the order of the page.
    pub fn first_that_match(&self, selectors: &Selectors) -> Vec<usize> {
        selectors.0.iter().map(|it| self.that_match(it)).find(|it| !it.is_empty()).unwrap_or_default()
    }

    /// What any of the selectors matches.
    pub fn all_that_match(&self, selectors: &Selectors) -> Vec<usize> {
        selectors.0.iter().flat_map(|it| self.that_match(it)).collect()
    }

    /// Whether the budget of work was not enough, so that something that matches may be missing.
    pub fn gave_up(&self) -> bool {
        self.steps.get() > MAX_STEPS
    }

    fn that_match(&self, list: &SelectorList<Css>) -> Vec<usize> {
        let mut caches = SelectorCaches::default();
        let mut context = MatchingContext::new(
            MatchingMode::Normal,
            None,
            &mut caches,
            QuirksMode::NoQuirks,
            NeedsSelectorFlags::No,
            MatchingForInvalidation::No,
        );
        let mut matches = |node: usize| {
            let element = At { elements: self, node };
            list.slice().iter().any(|selector| matches_selector(selector, 0, None, &element, &mut context))
        };
        (1..self.dom.len()).filter(|node| self.dom.tag(*node) != Tag::TEXT && matches(*node)).collect()
    }

    /// Pays for some work; whether there was budget for it.
    fn pay(&self, steps: usize) -> bool {
        self.steps.set(self.steps.get().saturating_add(steps as u64));
        !self.gave_up()
    }
}

/// One element of a page.
#[derive(Clone)]
struct At<'e, 'd> {
    elements: &'e Elements<'d>,
    node: usize,
}

impl fmt::Debug for At<'_, '_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "<{}> {}", self.elements.dom.name(self.node), self.node)
    }
}

impl At<'_, '_> {
    fn to(&self, node: usize) -> Option<Self> {
        (node != 0 && self.elements.pay(1)).then_some(At { elements: self.elements, node })
    }

    /// Whether the attribute is there and its value, character references decoded, is as wanted.
    fn has(&self, name: &str, is_wanted: impl Fn(&str) -> bool) -> bool {
        let value = self.elements.dom.attribute(self.node, name);
        value.is_some_and(|value| self.elements.pay(1 + value.len() / 16) && is_wanted(&value))
    }
}

impl Element for At<'_, '_> {
    type Impl = Css;

    fn opaque(&self) -> OpaqueElement {
        OpaqueElement::new(&self.elements.dom.nodes[self.node])
    }

    fn parent_element(&self) -> Option<Self> {
        self.to(self.elements.dom.parent(self.node))
    }

    fn prev_sibling_element(&self) -> Option<Self> {
        self.to(self.elements.siblings[self.node].0 as usize)
    }

    fn next_sibling_element(&self) -> Option<Self> {
        self.to(self.elements.siblings[self.node].1 as usize)
    }

    fn first_element_child(&self) -> Option<Self> {
        let dom = self.elements.dom;
        dom.children(self.node).find(|child| dom.tag(*child) != Tag::TEXT).and_then(|child| self.to(child))
    }

    fn is_html_element_in_html_document(&self) -> bool {
        true
    }

    fn has_local_name(&self, name: &Name) -> bool {
        self.elements.dom.name(self.node).eq_ignore_ascii_case(&name.text)
    }

    fn has_namespace(&self, _: &Name) -> bool {
        true
    }

    fn is_same_type(&self, other: &Self) -> bool {
        self.elements.dom.name(self.node).eq_ignore_ascii_case(other.elements.dom.name(other.node))
    }

    fn attr_matches(
        &self,
        _: &NamespaceConstraint<&Name>,
        name: &Name,
        operation: &AttrSelectorOperation<&Value>,
    ) -> bool {
        self.has(&name.text, |value| operation.eval_str(value))
    }

    fn has_id(&self, id: &Name, case: CaseSensitivity) -> bool {
        self.has("id", |value| case.eq(value.trim().as_bytes(), id.text.as_bytes()))
    }

    fn has_class(&self, name: &Name, case: CaseSensitivity) -> bool {
        self.has("class", |value| value.split_ascii_whitespace().any(|it| case.eq(it.as_bytes(), name.text.as_bytes())))
    }

    fn is_empty(&self) -> bool {
        self.elements.dom.inside(self.node).is_empty()
    }

    fn is_root(&self) -> bool {
        self.elements.dom.parent(self.node) == 0
    }

    fn is_link(&self) -> bool {
        matches!(self.elements.dom.tag(self.node), Tag::A | Tag::AREA) && self.has("href", |_| true)
    }

    // Nothing of what follows occurs in a page that lies still: shadow trees, states, pseudo-elements.

    fn parent_node_is_shadow_root(&self) -> bool {
        false
    }

    fn containing_shadow_host(&self) -> Option<Self> {
        None
    }

    fn is_pseudo_element(&self) -> bool {
        false
    }

    fn match_non_ts_pseudo_class(&self, state: &Never, _: &mut MatchingContext<'_, Css>) -> bool {
        match *state {}
    }

    fn match_pseudo_element(&self, pseudo: &Never, _: &mut MatchingContext<'_, Css>) -> bool {
        match *pseudo {}
    }

    fn apply_selector_flags(&self, _: ElementSelectorFlags) {}

    fn is_html_slot_element(&self) -> bool {
        false
    }

    fn has_custom_state(&self, _: &Name) -> bool {
        false
    }

    fn imported_part(&self, _: &Name) -> Option<Name> {
        None
    }

    fn is_part(&self, _: &Name) -> bool {
        false
    }

    fn add_element_unique_hashes(&self, _: &mut BloomFilter) -> bool {
        false
    }
}

/// The kind of selectors that we read: all of CSS but states and pseudo-elements, which a stored page has not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Css;

impl parser::SelectorImpl for Css {
    type ExtraMatchingData<'a> = ();
    type AttrValue = Value;
    type Identifier = Name;
    type LocalName = Name;
    type NamespaceUrl = Name;
    type NamespacePrefix = Name;
    type BorrowedNamespaceUrl = Name;
    type BorrowedLocalName = Name;
    type NonTSPseudoClass = Never;
    type PseudoElement = Never;
}

struct CssParser;

impl<'i> parser::Parser<'i> for CssParser {
    type Impl = Css;
    type Error = SelectorParseErrorKind;

    fn parse_is_and_where(&self) -> bool {
        true
    }

    fn parse_has(&self) -> bool {
        true
    }

    // A wrong selector inside `:is()` would match nothing, and nobody would hear of it.
    fn allow_forgiving_selectors(&self) -> bool {
        false
    }
}

/// What no selector of ours has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Never {}

impl parser::NonTSPseudoClass for Never {
    fn is_active_or_hover(&self) -> bool {
        match *self {}
    }

    fn is_user_action_state(&self) -> bool {
        match *self {}
    }
}

impl parser::PseudoElement for Never {}

impl ToCss for Never {
    fn to_css<W: fmt::Write>(&self, _: &mut W) -> fmt::Result {
        match *self {}
    }
}

/// A name in a selector, with its hash.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Name {
    text: Box<str>,
    hash: u32,
}

impl From<&str> for Name {
    fn from(text: &str) -> Name {
        Name { text: text.into(), hash: xxh3_64(text.as_bytes()) as u32 }
    }
}

impl PrecomputedHash for Name {
    fn precomputed_hash(&self) -> u32 {
        self.hash
    }
}

impl ToCss for Name {
    fn to_css<W: fmt::Write>(&self, out: &mut W) -> fmt::Result {
        cssparser::serialize_identifier(&self.text, out)
    }
}

/// A value in a selector.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Value(Box<str>);

impl From<&str> for Value {
    fn from(text: &str) -> Value {
        Value(text.into())
    }
}

impl AsRef<str> for Value {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl ToCss for Value {
    fn to_css<W: fmt::Write>(&self, out: &mut W) -> fmt::Result {
        cssparser::serialize_string(&self.0, out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dom::Limits;

    fn selectors(all: &[&str]) -> Selectors {
        let mut selectors = Selectors::default();
        all.iter().for_each(|css| selectors.push(css).unwrap());
        selectors
    }

    /// The ids of what matches.
    #[track_caller]
    fn check(css: &str, html: &str, expected: &str) {
        let dom = Dom::parse(html, &Limits::default());
        let elements = Elements::of(&dom);
        let found = elements.first_that_match(&selectors(&[css]));
        let ids: Vec<&str> = found.iter().filter_map(|node| dom.raw_attribute(*node, "id")).collect();
        assert_eq!(ids.join(" "), expected, "{css}");
    }

    #[test]
    fn selectors_match_as_in_a_browser() {
        let html = "<!doctype html><html id=r><body><DIV id=a class='Text 病 x'><p id=b lang=ja>一<p id=c>二<b id=d></b></div>\
                    <ul id=u><li id=e><li id=f data-x='a&amp;b'><li id=g></ul><a id=h href=/next rel='nofollow next'>n</a></body>";
        for (css, expected) in [
            ("div", "a"),
            ("div.Text.病 > p", "b c"),
            ("div.text", ""),
            ("#c, #b", "b c"),
            ("p + p", "c"),
            ("p ~ p b", "d"),
            ("li:nth-child(2)", "f"),
            ("li:last-child", "g"),
            ("li:not(:first-child)", "f g"),
            ("[data-x='a&b']", "f"),
            ("a[rel~=next]", "h"),
            ("a[href^='/ne' i]", "h"),
            ("div:has(b)", "a"),
            (":is(ul, div) > :first-child", "b e"),
            ("[lang|=ja]", "b"),
            ("b:empty", "d"),
            (":root", "r"),
            ("a:any-link", ""),
        ] {
            if css == "a:any-link" {
                assert!(Selectors::default().push(css).unwrap_err().contains("unsupported pseudo class"));
            } else {
                check(css, html, expected);
            }
        }
    }

    #[test]
    fn the_first_selector_that_matches_anything_decides() {
        let dom = Dom::parse("<p>a<i>b</i><i>c</i>", &Limits::default());
        let elements = Elements::of(&dom);
        assert_eq!(elements.first_that_match(&selectors(&["main", "i", "p"])).len(), 2);
        assert_eq!(elements.all_that_match(&selectors(&["main", "i", "p"])).len(), 3);
    }

    #[test]
    fn wrong_selectors_are_named_with_their_place() {
        for (css, expected) in [
            ("div >", "dangling combinator"),
            ("", "empty selector"),
            ("p::first-line", "unsupported pseudo class or element"),
            ("a[href=]", "behind \"a["),
            (":is(p, ..)", "class needs ident"),
        ] {
            let message = Selectors::default().push(css).unwrap_err();
            assert!(message.contains(expected), "{message}");
        }
    }

    #[test]
    fn a_page_that_would_cost_too_much_matches_nothing_more() {
        // Every element would look at all before it.
        let html = "<i></i>".repeat(100_000);
        let dom = Dom::parse(&html, &Limits::default());
        let elements = Elements::of(&dom);
        assert!(elements.first_that_match(&selectors(&["b ~ i"])).is_empty());
        assert!(elements.gave_up());
        assert!(elements.first_that_match(&selectors(&["i + i"])).is_empty());
    }
}
