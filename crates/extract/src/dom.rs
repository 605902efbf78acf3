//! A page as a tree in one array, in the order of the page: a node's descendants are the nodes behind it up to its `end`.
//! Every pass of the extractor is therefore a loop over a slice, without recursion, and costs what the page has nodes.
//!
//! The parser follows the tokenizer of the HTML standard and the parts of its tree construction that move text: implied
//! end tags, scopes, raw text, tables, void elements. It does not clone formatting elements that are closed in the wrong
//! order and does not move text out of tables, since neither changes what the text says. html5ever was set aside: it
//! parses some 60 MB a second, this 300 and more, and pages of 200 kB make that the whole cost of an extraction.
//!
//! Work is bounded by [`Limits`]: bytes are cut before parsing, nodes stop it, elements deeper than the limit become
//! siblings.

use std::{borrow::Cow, ops::Range};

use memchr::{memchr, memchr2, memmem};

use crate::tag::{CONTAINERS, HEADINGS, Tag, TagSet};

/// What one page may cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of HTML that are read; the rest is cut off.
    pub bytes: usize,
    /// Elements and pieces of text; parsing ends there.
    pub nodes: usize,
    /// Elements inside each other; deeper ones count as siblings.
    pub depth: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits { bytes: 16 << 20, nodes: 500_000, depth: 400 }
    }
}

#[derive(Debug, Clone)]
pub(crate) struct Node {
    pub tag: Tag,
    is_decoded: bool,
    pub parent: u32,
    /// Number of the first node that is not a descendant.
    pub end: u32,
    /// Text: its bytes in the page, or in `decoded`. Elements: their attributes.
    from: u32,
    to: u32,
    /// Where an element's name begins in the page.
    name_at: u32,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Attribute {
    name: (u32, u32),
    value: (u32, u32),
}

pub(crate) struct Dom<'a> {
    html: &'a str,
    decoded: String,
    pub nodes: Vec<Node>,
    attributes: Vec<Attribute>,
    /// Whether a limit cut the page.
    pub is_cut: bool,
}

impl<'a> Dom<'a> {
    pub fn parse(html: &'a str, limits: &Limits) -> Dom<'a> {
        // Positions are 32 bits wide.
        let mut most = limits.bytes.min(u32::MAX as usize / 2).min(html.len());
        while !html.is_char_boundary(most) {
            most -= 1;
        }
        let dom = Dom {
            html: &html[..most],
            decoded: String::new(),
            nodes: Vec::with_capacity(most / 24 + 16),
            attributes: Vec::with_capacity(most / 48 + 16),
            is_cut: most < html.len(),
        };
        let mut parser =
            Parser { dom, limits: *limits, stack: Vec::new(), too_deep: 0, open: [0; 128], has_body: false };
        parser.push(Tag::ROOT, 0, 0..0);
        parser.run();
        parser.pop_to(0);
        parser.dom
    }

    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    pub fn tag(&self, node: usize) -> Tag {
        self.nodes[node].tag
    }

    pub fn parent(&self, node: usize) -> usize {
        self.nodes[node].parent as usize
    }

    pub fn end(&self, node: usize) -> usize {
        self.nodes[node].end as usize
    }

    /// The descendants, in the order of the page.
    pub fn inside(&self, node: usize) -> Range<usize> {
        node + 1..self.end(node)
    }

    pub fn children(&self, node: usize) -> impl Iterator<Item = usize> {
        let end = self.end(node);
        let mut next = node + 1;
        std::iter::from_fn(move || {
            let child = (next < end).then_some(next)?;
            next = self.end(child);
            Some(child)
        })
    }

    /// The parent, its parent and so on, up to the root.
    pub fn ancestors(&self, node: usize) -> impl Iterator<Item = usize> {
        let mut next = node;
        std::iter::from_fn(move || {
            let parent = self.parent(next);
            (next != 0).then(|| {
                next = parent;
                parent
            })
        })
    }

    /// The text of a text node, character references decoded; empty for elements.
    pub fn text(&self, node: usize) -> &str {
        let it = &self.nodes[node];
        if it.tag != Tag::TEXT {
            return "";
        }
        let range = it.from as usize..it.to as usize;
        if it.is_decoded { &self.decoded[range] } else { &self.html[range] }
    }

    /// The name of an element as the page writes it.
    pub fn name(&self, node: usize) -> &str {
        let it = &self.nodes[node];
        if it.tag == Tag::TEXT || it.tag == Tag::ROOT {
            return "";
        }
        let rest = &self.html.as_bytes()[it.name_at as usize..];
        let length = rest.iter().position(|byte| ends_name(*byte)).unwrap_or(rest.len());
        &self.html[it.name_at as usize..it.name_at as usize + length]
    }

    /// An attribute as the page writes it, its name in lower case; empty for one without a value.
    pub fn raw_attribute(&self, node: usize, name: &str) -> Option<&str> {
        let it = &self.nodes[node];
        if it.tag == Tag::TEXT {
            return None;
        }
        let found = self.attributes[it.from as usize..it.to as usize].iter().find(|attribute| {
            let (start, end) = attribute.name;
            (end - start) as usize == name.len()
                && self.html.as_bytes()[start as usize..end as usize].eq_ignore_ascii_case(name.as_bytes())
        })?;
        Some(&self.html[found.value.0 as usize..found.value.1 as usize])
    }

    pub fn attribute(&self, node: usize, name: &str) -> Option<Cow<'_, str>> {
        self.raw_attribute(node, name).map(|value| match memchr(b'&', value.as_bytes()) {
            Some(_) => htmlize::unescape_attribute(value),
            None => Cow::Borrowed(value),
        })
    }

    /// All text inside a node, as it stands, scripts and styles left out.
    pub fn all_text(&self, node: usize) -> String {
        let mut text = String::new();
        let mut at = node;
        while at < self.end(node) {
            let tag = self.tag(at);
            if RAW.has(tag) && at != node {
                at = self.end(at);
                continue;
            }
            text.push_str(self.text(at));
            at += 1;
        }
        text
    }
}

const RAW: TagSet = TagSet::of(&[Tag::SCRIPT, Tag::STYLE, Tag::XMP, Tag::IFRAME, Tag::NOEMBED, Tag::NOFRAMES]);
const ESCAPABLE_RAW: TagSet = TagSet::of(&[Tag::TEXTAREA, Tag::TITLE]);
const VOID: TagSet = TagSet::of(&[
    Tag::AREA,
    Tag::BASE,
    Tag::BR,
    Tag::COL,
    Tag::EMBED,
    Tag::FRAME,
    Tag::HR,
    Tag::IMG,
    Tag::INPUT,
    Tag::LINK,
    Tag::META,
    Tag::PARAM,
    Tag::SOURCE,
    Tag::TRACK,
    Tag::WBR,
]);
const CLOSES_P: TagSet = TagSet::of(&[Tag::DIALOG, Tag::HR, Tag::XMP]).with(CONTAINERS);
/// The standard's "special" elements, as far as they are known here.
const SPECIAL: TagSet = TagSet::of(&[
    Tag::BODY,
    Tag::BUTTON,
    Tag::CAPTION,
    Tag::HEAD,
    Tag::HTML,
    Tag::NOSCRIPT,
    Tag::OBJECT,
    Tag::SELECT,
    Tag::TBODY,
    Tag::TD,
    Tag::TEMPLATE,
    Tag::TFOOT,
    Tag::TH,
    Tag::THEAD,
    Tag::TR,
    Tag::ROOT,
])
.with(CONTAINERS);
const FORMATTING: TagSet = TagSet::of(&[
    Tag::A,
    Tag::B,
    Tag::BIG,
    Tag::CODE,
    Tag::EM,
    Tag::FONT,
    Tag::I,
    Tag::NOBR,
    Tag::S,
    Tag::SMALL,
    Tag::STRIKE,
    Tag::STRONG,
    Tag::TT,
    Tag::U,
]);
const SCOPE_ENDS: TagSet =
    TagSet::of(&[Tag::TD, Tag::TH, Tag::TABLE, Tag::CAPTION, Tag::TEMPLATE, Tag::OBJECT, Tag::HTML, Tag::ROOT]);
const TABLE_SCOPE_ENDS: TagSet = TagSet::of(&[Tag::TABLE, Tag::TEMPLATE, Tag::HTML, Tag::ROOT]);
const TABLE_PARTS: TagSet =
    TagSet::of(&[Tag::TBODY, Tag::THEAD, Tag::TFOOT, Tag::TR, Tag::TD, Tag::TH, Tag::CAPTION, Tag::COLGROUP, Tag::COL]);
const TABLE_BODIES: TagSet = TagSet::of(&[Tag::TABLE, Tag::TBODY, Tag::THEAD, Tag::TFOOT]);
const HEAD_CONTENT: TagSet =
    TagSet::of(&[Tag::META, Tag::LINK, Tag::TITLE, Tag::SCRIPT, Tag::STYLE, Tag::BASE, Tag::NOSCRIPT, Tag::TEMPLATE]);

struct Parser<'a> {
    dom: Dom<'a>,
    limits: Limits,
    /// Open elements, with whether one has been closed while others inside it stayed open.
    stack: Vec<(u32, bool)>,
    /// How many elements beyond the limit of depth are open.
    too_deep: usize,
    /// How many elements of each tag are open, so that most searches of the stack need not begin.
    open: [u32; 128],
    has_body: bool,
}

fn ends_name(byte: u8) -> bool {
    byte.is_ascii_whitespace() || byte == b'/' || byte == b'>'
}

impl Parser<'_> {
    fn run(&mut self) {
        let html = self.dom.html;
        let bytes = html.as_bytes();
        let (mut at, mut text_from) = (0, 0);
        while let Some(found) = memchr(b'<', &bytes[at..]) {
            let mark = at + found;
            let next = bytes.get(mark + 1).copied().unwrap_or(0);
            let is_end = next == b'/';
            let opens = match next {
                b'/' => bytes.get(mark + 2).is_some_and(|byte| *byte != b' '),
                _ => next.is_ascii_alphabetic() || next == b'!' || next == b'?',
            };
            if !opens {
                at = mark + 1;
                continue;
            }
            self.text(text_from, mark, true);
            if self.dom.nodes.len() >= self.limits.nodes {
                self.dom.is_cut = true;
                return;
            }
            let name_at = mark + 1 + usize::from(is_end);
            at = if !bytes[name_at].is_ascii_alphabetic() {
                end_of_comment(bytes, mark)
            } else if is_end {
                let (name_end, end) = self.end_tag_bounds(name_at);
                self.end_element(Tag::of(&bytes[name_at..name_end]), name_at as u32, &html[name_at..name_end]);
                end
            } else {
                self.start_tag(name_at)
            };
            text_from = at;
        }
        self.text(text_from, bytes.len(), true);
    }

    fn end_tag_bounds(&self, name_at: usize) -> (usize, usize) {
        let bytes = self.dom.html.as_bytes();
        let rest = &bytes[name_at..];
        let length = rest.iter().position(|byte| ends_name(*byte)).unwrap_or(rest.len());
        let name_end = name_at + length;
        (name_end, memchr(b'>', &bytes[name_end..]).map_or(bytes.len(), |it| name_end + it + 1))
    }

    /// Reads a tag from its name on, with the raw text that belongs to it, and says where reading goes on.
    fn start_tag(&mut self, name_at: usize) -> usize {
        let bytes = self.dom.html.as_bytes();
        let length = bytes[name_at..].iter().position(|byte| ends_name(*byte)).unwrap_or(bytes.len() - name_at);
        let tag = Tag::of(&bytes[name_at..name_at + length]);
        let first_attribute = self.dom.attributes.len();
        let Some((mut at, closes_itself)) = self.attributes(name_at + length) else {
            // The page ends inside the tag, so it is none.
            self.dom.attributes.truncate(first_attribute);
            return bytes.len();
        };
        let attributes = first_attribute as u32..self.dom.attributes.len() as u32;
        let is_open = self.start_element(tag, name_at as u32, attributes, closes_itself);
        if RAW.has(tag) || ESCAPABLE_RAW.has(tag) {
            let name = &self.dom.html[name_at..name_at + length];
            let (mut content_end, mut end) = end_of_raw(bytes, at, name.as_bytes(), tag == Tag::SCRIPT);
            // What stands in `noscript` is no markup to a browser with scripts: `<iframe …/>` in it ends with it.
            if self.is_open(Tag::NOSCRIPT) && matches!(tag, Tag::IFRAME | Tag::NOEMBED | Tag::NOFRAMES | Tag::XMP) {
                let inside = &bytes[at..content_end];
                let ends = ["</noscript", "</NOSCRIPT"].map(|it| memmem::find(inside, it.as_bytes()));
                if let Some(length) = ends.into_iter().flatten().min() {
                    (content_end, end) = (at + length, at + length);
                }
            }
            if is_open {
                self.text(at, content_end, ESCAPABLE_RAW.has(tag));
                let depth = self.stack.len() - 1;
                self.pop_to(depth);
            }
            at = end;
        }
        at
    }

    /// Reads attributes up to the end of the tag; none if the page ends before it.
    fn attributes(&mut self, mut at: usize) -> Option<(usize, bool)> {
        let bytes = self.dom.html.as_bytes();
        loop {
            let byte = *bytes.get(at)?;
            match byte {
                b'>' => return Some((at + 1, bytes[at - 1] == b'/')),
                b'/' | b' ' | b'\t' | b'\n' | b'\r' | 12 => at += 1,
                _ => {
                    let start = at;
                    at += 1;
                    while !matches!(*bytes.get(at)?, b'=' | b'>' | b'/' | b' ' | b'\t' | b'\n' | b'\r' | 12) {
                        at += 1;
                    }
                    let name = (start as u32, at as u32);
                    let mut after = at;
                    while bytes.get(after)?.is_ascii_whitespace() {
                        after += 1;
                    }
                    let mut value = (at as u32, at as u32);
                    if bytes[after] == b'=' {
                        at = after + 1;
                        while bytes.get(at)?.is_ascii_whitespace() {
                            at += 1;
                        }
                        match bytes[at] {
                            quote @ (b'"' | b'\'') => {
                                let length = memchr(quote, &bytes[at + 1..])?;
                                value = (at as u32 + 1, (at + 1 + length) as u32);
                                at += length + 2;
                            }
                            _ => {
                                let from = at;
                                while !(bytes.get(at)?.is_ascii_whitespace() || bytes[at] == b'>') {
                                    at += 1;
                                }
                                value = (from as u32, at as u32);
                            }
                        }
                    }
                    self.dom.attributes.push(Attribute { name, value });
                }
            }
        }
    }

    fn text(&mut self, from: usize, to: usize, decode: bool) {
        if from >= to {
            return;
        }
        let parent = self.stack.last().map_or(0, |(node, _)| *node);
        let html = self.dom.html;
        let (mut range, mut is_decoded) = ((from as u32, to as u32), false);
        if decode && memchr(b'&', &html.as_bytes()[from..to]).is_some() {
            let start = self.dom.decoded.len() as u32;
            self.dom.decoded.push_str(&htmlize::unescape(&html[from..to]));
            (range, is_decoded) = ((start, self.dom.decoded.len() as u32), true);
        }
        let end = self.dom.nodes.len() as u32 + 1;
        let (from, to) = range;
        self.dom.nodes.push(Node { tag: Tag::TEXT, is_decoded, parent, end, from, to, name_at: 0 });
    }

    fn append(&mut self, tag: Tag, name_at: u32, attributes: Range<u32>) -> u32 {
        let node = self.dom.nodes.len() as u32;
        let parent = self.stack.last().map_or(0, |(node, _)| *node);
        let (from, to) = (attributes.start, attributes.end);
        self.dom.nodes.push(Node { tag, is_decoded: false, parent, end: node + 1, from, to, name_at });
        node
    }

    fn push(&mut self, tag: Tag, name_at: u32, attributes: Range<u32>) -> bool {
        let node = self.append(tag, name_at, attributes);
        if self.stack.len() > self.limits.depth {
            self.too_deep += 1;
            return false;
        }
        self.stack.push((node, false));
        self.open[tag.number()] += 1;
        true
    }

    /// Closes elements until `depth` are open, and those below that have been closed before.
    fn pop_to(&mut self, depth: usize) {
        while self.stack.len() > depth || self.stack.last().is_some_and(|(_, is_closed)| *is_closed) {
            let Some((node, is_closed)) = self.stack.pop() else { return };
            let end = self.dom.nodes.len() as u32;
            let it = &mut self.dom.nodes[node as usize];
            it.end = end;
            if !is_closed {
                self.open[it.tag.number()] -= 1;
            }
        }
    }

    fn top(&self) -> Tag {
        self.stack.last().map_or(Tag::ROOT, |(node, _)| self.dom.tag(*node as usize))
    }

    fn is_open(&self, tag: Tag) -> bool {
        self.open[tag.number()] > 0
    }

    /// The place in the stack of the innermost open element among `wanted`, not looking beyond one of `barriers`.
    fn find(&self, wanted: TagSet, barriers: TagSet) -> Option<usize> {
        for (place, (node, is_closed)) in self.stack.iter().enumerate().rev() {
            let tag = self.dom.tag(*node as usize);
            if wanted.has(tag) && !is_closed {
                return Some(place);
            }
            if barriers.has(tag) {
                return None;
            }
        }
        None
    }

    fn close(&mut self, wanted: TagSet, barriers: TagSet) {
        if let Some(place) = self.find(wanted, barriers) {
            self.pop_to(place);
        }
    }

    /// Closes elements until one of `context` is the innermost one, if there is such a one in this table.
    fn clear_to(&mut self, context: TagSet) -> bool {
        let place = self.find(context, TABLE_SCOPE_ENDS);
        if let Some(place) = place {
            self.pop_to(place + 1);
        }
        place.is_some()
    }

    /// Adds an element and says whether it is open now.
    fn start_element(&mut self, tag: Tag, name_at: u32, attributes: Range<u32>, closes_itself: bool) -> bool {
        if self.is_open(Tag::HEAD) && !HEAD_CONTENT.has(tag) && !self.is_open(Tag::TEMPLATE) {
            self.close(Tag::HEAD.set(), Tag::ROOT.set());
        }
        match tag {
            Tag::HTML if self.dom.nodes.len() > 1 && self.is_open(Tag::HTML) => return false,
            Tag::HEAD if self.is_open(Tag::HEAD) || self.has_body => return false,
            Tag::BODY if self.has_body => return false,
            Tag::BODY => self.has_body = true,
            Tag::FORM if self.is_open(Tag::FORM) => return false,
            Tag::LI => {
                let passable = [Tag::ADDRESS, Tag::DIV, Tag::P];
                self.close_item(Tag::LI.set(), TagSet::of(&passable));
            }
            Tag::DD | Tag::DT => {
                let passable = [Tag::ADDRESS, Tag::DIV, Tag::P];
                self.close_item(TagSet::of(&[Tag::DD, Tag::DT]), TagSet::of(&passable));
            }
            Tag::OPTION | Tag::OPTGROUP if self.top() == Tag::OPTION => self.pop_to(self.stack.len() - 1),
            Tag::BUTTON if self.is_open(Tag::BUTTON) => self.close(Tag::BUTTON.set(), SCOPE_ENDS),
            Tag::A if self.is_open(Tag::A) => self.end_formatting(Tag::A),
            Tag::TD | Tag::TH if !self.clear_to(Tag::TR.set()) && !self.clear_to(TABLE_BODIES) => return false,
            Tag::TR if !self.clear_to(TABLE_BODIES) => return false,
            Tag::TBODY | Tag::THEAD | Tag::TFOOT | Tag::CAPTION | Tag::COLGROUP if !self.clear_to(Tag::TABLE.set()) => {
                return false;
            }
            _ => {}
        }
        if CLOSES_P.has(tag) && self.is_open(Tag::P) {
            self.close(Tag::P.set(), SCOPE_ENDS.with(Tag::BUTTON.set()));
        }
        if HEADINGS.has(tag) && HEADINGS.has(self.top()) {
            self.pop_to(self.stack.len() - 1);
        }
        let is_foreign = closes_itself && (self.is_open(Tag::SVG) || self.is_open(Tag::MATH) || tag == Tag::SVG);
        if VOID.has(tag) || is_foreign {
            self.append(tag, name_at, attributes);
            return false;
        }
        self.push(tag, name_at, attributes)
    }

    /// Closes an open item of the same list.
    fn close_item(&mut self, items: TagSet, passable: TagSet) {
        for (place, (node, is_closed)) in self.stack.iter().enumerate().rev() {
            let tag = self.dom.tag(*node as usize);
            if items.has(tag) && !is_closed {
                self.pop_to(place);
                return;
            }
            if SPECIAL.has(tag) && !passable.has(tag) {
                return;
            }
        }
    }

    fn end_element(&mut self, tag: Tag, name_at: u32, name: &str) {
        if self.too_deep > 0 && !VOID.has(tag) {
            self.too_deep -= 1;
            return;
        }
        match tag {
            Tag::HTML | Tag::BODY => {}
            Tag::BR => {
                self.append(Tag::BR, name_at, 0..0);
            }
            Tag::OTHER => {
                for (place, (node, is_closed)) in self.stack.iter().enumerate().rev() {
                    let open = self.dom.tag(*node as usize);
                    if open == Tag::OTHER && !is_closed && self.dom.name(*node as usize).eq_ignore_ascii_case(name) {
                        self.pop_to(place);
                        return;
                    }
                    if SCOPE_ENDS.has(open) {
                        return;
                    }
                }
            }
            _ if !self.is_open(tag) && !HEADINGS.has(tag) => {}
            _ if FORMATTING.has(tag) => self.end_formatting(tag),
            _ if HEADINGS.has(tag) => self.close(HEADINGS, SCOPE_ENDS),
            _ if TABLE_PARTS.has(tag) || tag == Tag::TABLE => self.close(tag.set(), TABLE_SCOPE_ENDS),
            Tag::LI => self.close(tag.set(), SCOPE_ENDS.with(TagSet::of(&[Tag::UL, Tag::OL]))),
            Tag::P => self.close(tag.set(), SCOPE_ENDS.with(Tag::BUTTON.set())),
            _ if SPECIAL.has(tag) => self.close(tag.set(), SCOPE_ENDS),
            _ => self.close(tag.set(), SPECIAL),
        }
    }

    /// Where blocks stay open inside the element, it is only marked: what follows belongs to the blocks.
    fn end_formatting(&mut self, tag: Tag) {
        let Some(place) = self.find(tag.set(), SCOPE_ENDS) else { return };
        let blocks = self.stack[place..].iter().any(|(node, _)| SPECIAL.has(self.dom.tag(*node as usize)));
        if blocks {
            self.stack[place].1 = true;
            self.open[tag.number()] -= 1;
        } else {
            self.pop_to(place);
        }
    }
}

/// Where a comment, a document type or a processing instruction that begins at `mark` ends.
fn end_of_comment(bytes: &[u8], mark: usize) -> usize {
    let rest = &bytes[mark..];
    let found = if rest.starts_with(b"<!--") {
        if rest[4..].starts_with(b">") {
            return mark + 5;
        }
        if rest[4..].starts_with(b"->") {
            return mark + 6;
        }
        let mut from = 4;
        loop {
            match memmem::find(&rest[from..], b"--") {
                None => break None,
                Some(at) if rest[from + at + 2..].starts_with(b">") => break Some(from + at + 3),
                Some(at) if rest[from + at + 2..].starts_with(b"!>") => break Some(from + at + 4),
                Some(at) => from += at + 1,
            }
        }
    } else if rest.starts_with(b"<![CDATA[") {
        // Only inside SVG and MathML a section; elsewhere a comment up to the next `>`. Scripts' wrappers are raw text.
        memchr(b'>', rest).map(|at| at + 1)
    } else {
        memchr(b'>', rest).map(|at| at + 1)
    };
    found.map_or(bytes.len(), |it| mark + it)
}

/// Where raw text ends, and where its end tag does. Scripts may hold `</script>` inside `<!-- <script>`.
fn end_of_raw(bytes: &[u8], from: usize, name: &[u8], is_script: bool) -> (usize, usize) {
    let (mut at, mut seen) = (from, from);
    let (mut in_comment, mut in_inner_script) = (false, false);
    while let Some(found) = memchr2(b'<', b'>', &bytes[at..]) {
        let mark = at + found;
        at = mark + 1;
        let rest = &bytes[at..];
        if bytes[mark] == b'>' {
            if in_comment && bytes[seen..mark].ends_with(b"--") {
                (in_comment, in_inner_script) = (false, false);
            }
            continue;
        }
        let is_named = |rest: &[u8]| {
            rest.get(..name.len()).is_some_and(|it| it.eq_ignore_ascii_case(name))
                && rest.get(name.len()).is_none_or(|byte| ends_name(*byte))
        };
        if rest.first() == Some(&b'/') && is_named(&rest[1..]) {
            if in_inner_script {
                in_inner_script = false;
                continue;
            }
            let behind = at + 1 + name.len();
            let end = memchr(b'>', &bytes[behind.min(bytes.len())..]).map_or(bytes.len(), |it| behind + it + 1);
            return (mark, end);
        }
        if is_script && rest.starts_with(b"!--") {
            (in_comment, seen) = (true, mark + 4);
        } else if in_comment && is_named(rest) {
            in_inner_script = true;
        }
    }
    // A script without an end, perhaps since it only looked like a comment: the first plain end tag is better than
    // losing the page.
    if in_comment {
        return end_of_raw(bytes, from, name, false);
    }
    (bytes.len(), bytes.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The tree as nested names: `p(text b(text))`.
    fn tree(html: &str) -> String {
        fn write(dom: &Dom, node: usize, out: &mut String) {
            for child in dom.children(node) {
                if !out.is_empty() && !out.ends_with('(') {
                    out.push(' ');
                }
                match dom.tag(child) {
                    Tag::TEXT => out.push_str(&format!("'{}'", dom.text(child))),
                    _ => {
                        out.push_str(&dom.name(child).to_ascii_lowercase());
                        if dom.end(child) > child + 1 {
                            out.push('(');
                            write(dom, child, out);
                            out.push(')');
                        }
                    }
                }
            }
        }
        let dom = Dom::parse(html, &Limits::default());
        let mut out = String::new();
        write(&dom, 0, &mut out);
        out
    }

    #[test]
    fn end_tags_are_implied_as_the_standard_has_it() {
        for (html, expected) in [
            ("<p>a<p>b<div>c</div>", "p('a') p('b') div('c')"),
            ("<ul><li>a<li>b<ul><li>c</ul><li>d</ul>", "ul(li('a') li('b' ul(li('c'))) li('d'))"),
            ("<table><tr><td>a<td>b<tr><td>c</table>d", "table(tr(td('a') td('b')) tr(td('c'))) 'd'"),
            ("<table><td><table><tr><td>x</table>y</table>z", "table(td(table(tr(td('x'))) 'y')) 'z'"),
            ("<dl><dt>a<dd>b<dt>c</dl>", "dl(dt('a') dd('b') dt('c'))"),
            ("<div><span>a</div>b", "div(span('a')) 'b'"),
            ("<b><p>a</b>b</p>c", "b(p('a' 'b')) 'c'"),
            ("<p>a</div>b</p>", "p('a' 'b')"),
            ("<h1>a<h2>b</h1>c", "h1('a') h2('b') 'c'"),
            ("<head><title>a<b></title><p>x", "head(title('a<b>')) p('x')"),
            ("<a href=1>a<a href=2>b</a>", "a('a') a('b')"),
            ("<my-x>a<p>b</my-x>c", "my-x('a' p('b')) 'c'"),
            ("a<br/>b</br>c<hr>", "'a' br 'b' br 'c' hr"),
            ("<td>a", "'a'"),
        ] {
            assert_eq!(tree(html), expected, "{html}");
        }
    }

    #[test]
    fn what_is_no_tag_is_text_and_what_is_no_text_is_none() {
        for (html, expected) in [
            ("p < 0.05 <3 a<!-- x --><!-->b<!doctype html><?php x ?>c", "'p < 0.05 <3 a' 'b' 'c'"),
            (
                "<script>if (a<b) '</p>' <!-- <script> </script> --></script>x",
                "script('if (a<b) '</p>' <!-- <script> </script> -->') 'x'",
            ),
            ("<style>a<b</style>&lt;p&gt; &alpha; &#945; &#x3b1; &ampx &notit;", "style('a<b') '<p> α α α &x ¬it;'"),
            ("<noscript><iframe src=x /></noscript>y", "noscript(iframe) 'y'"),
            ("<textarea>a<b>&amp;</textarea>", "textarea('a<b>&')"),
            ("a<p title=\"x>y\" b='<' c=d/e f>z", "'a' p('z')"),
            ("a<p title=\"never closed", "'a'"),
            ("<svg><path d=1/><title>t</title></svg>x", "svg(path title('t')) 'x'"),
        ] {
            assert_eq!(tree(html), expected, "{html}");
        }
    }

    #[test]
    fn attributes_are_found_in_any_case_and_decoded() {
        let dom = Dom::parse("<a HREF='?a=1&amp;b=2' class=x y title = \"t\" href=no>", &Limits::default());
        assert_eq!(dom.attribute(1, "href").as_deref(), Some("?a=1&b=2"));
        assert_eq!((dom.raw_attribute(1, "class"), dom.raw_attribute(1, "y")), (Some("x"), Some("")));
        assert_eq!((dom.raw_attribute(1, "title"), dom.raw_attribute(1, "none")), (Some("t"), None));
    }

    #[test]
    fn limits_cut_and_keep_what_came_before() {
        let limits = Limits { bytes: 1 << 20, nodes: 100, depth: 5 };
        let html = "<div>a".repeat(1000);
        let dom = Dom::parse(&html, &limits);
        assert!(dom.is_cut && dom.len() <= 102, "{}", dom.len());
        assert_eq!(dom.ancestors(dom.len() - 1).count(), 6);
        let deep = "<div>".repeat(20) + "x" + &"</div>".repeat(20) + "<p>y";
        let dom = Dom::parse(&deep, &limits);
        assert_eq!(dom.parent(dom.len() - 2), 0);
        let dom = Dom::parse("<p>心筋梗塞", &Limits { bytes: 7, ..limits });
        assert_eq!((dom.text(2), dom.is_cut), ("心", true));
    }
}
