//! Names of elements as small numbers, so that rules compare bytes and not strings.

/// Makes one constant of each element, and the table by which names are found.
macro_rules! tags {
    ($($constant:ident $name:ident),* $(,)?) => {
        #[expect(
            non_camel_case_types,
            clippy::upper_case_acronyms,
            reason = "the names are those of HTML, as the constants write them"
        )]
        #[derive(Clone, Copy)]
        #[repr(u8)]
        enum Number { OTHER_ELEMENT, TEXT_NODE, ROOT_NODE, $($constant),* }

        impl Tag {
            $(pub(crate) const $constant: Tag = Tag(Number::$constant as u8);)*
        }

        const NAMES: &[(u128, u8, &str)] =
            &[$((pack(stringify!($name).as_bytes()), Tag::$constant.0, stringify!($name))),*];
    };
}

/// The kind of a node: a known element, an unknown one, text, or the root.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Tag(u8);

impl Tag {
    pub(crate) const OTHER: Tag = Tag(Number::OTHER_ELEMENT as u8);
    pub(crate) const TEXT: Tag = Tag(Number::TEXT_NODE as u8);
    pub(crate) const ROOT: Tag = Tag(Number::ROOT_NODE as u8);

    /// The tag of a name in any case.
    pub(crate) fn of(name: &[u8]) -> Tag {
        if name.len() > LONGEST {
            return Tag::OTHER;
        }
        let key = pack(name);
        let mut slot = slot(key);
        loop {
            match TABLE[slot] {
                (0, _) => return Tag::OTHER,
                (found, tag) if found == key => return Tag(tag),
                _ => slot = (slot + 1) % SLOTS,
            }
        }
    }

    pub(crate) fn number(self) -> usize {
        usize::from(self.0)
    }

    pub(crate) const fn set(self) -> TagSet {
        TagSet(1 << self.0)
    }
}

/// A set of tags.
#[derive(Clone, Copy)]
pub(crate) struct TagSet(u128);

impl TagSet {
    pub(crate) const fn of(tags: &[Tag]) -> TagSet {
        let (mut bits, mut index) = (0, 0);
        while index < tags.len() {
            bits |= 1 << tags[index].0;
            index += 1;
        }
        TagSet(bits)
    }

    pub(crate) const fn with(self, other: TagSet) -> TagSet {
        TagSet(self.0 | other.0)
    }

    pub(crate) fn has(self, tag: Tag) -> bool {
        self.0 >> tag.0 & 1 == 1
    }
}

const LONGEST: usize = 16;
const SLOTS: usize = 509;
const TABLE: [(u128, u8); SLOTS] = table();

const fn pack(name: &[u8]) -> u128 {
    let (mut key, mut index) = (0, 0);
    while index < name.len() {
        key = key << 8 | name[index].to_ascii_lowercase() as u128;
        index += 1;
    }
    key
}

const fn slot(key: u128) -> usize {
    let folded = (key as u64) ^ (key >> 64) as u64;
    (folded.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32) as usize % SLOTS
}

const fn table() -> [(u128, u8); SLOTS] {
    let mut table = [(0, 0); SLOTS];
    let mut index = 0;
    while index < NAMES.len() {
        let mut place = slot(NAMES[index].0);
        while table[place].0 != 0 {
            place = (place + 1) % SLOTS;
        }
        table[place] = (NAMES[index].0, NAMES[index].1);
        index += 1;
    }
    table
}

tags! {
    A a, ABBR abbr, ADDRESS address, AREA area, ARTICLE article, ASIDE aside, AUDIO audio, B b, BASE base, BIG big,
    BLOCKQUOTE blockquote, BODY body, BR br, BUTTON button, CANVAS canvas, CAPTION caption, CENTER center, CITE cite,
    CODE code, COL col, COLGROUP colgroup, DATALIST datalist, DD dd, DEL del, DETAILS details, DIALOG dialog, DIR dir,
    DIV div, DL dl, DT dt, EM em, EMBED embed, FIELDSET fieldset, FIGCAPTION figcaption, FIGURE figure, FONT font,
    FOOTER footer, FORM form, FRAME frame, FRAMESET frameset, H1 h1, H2 h2, H3 h3, H4 h4, H5 h5, H6 h6, HEAD head,
    HEADER header, HGROUP hgroup, HR hr, HTML html, I i, IFRAME iframe, IMG img, INPUT input, INS ins, LABEL label,
    LEGEND legend, LI li, LINK link, LISTING listing, MAIN main, MAP map, MARK mark, MATH math, MENU menu, META meta,
    NAV nav, NOBR nobr, NOEMBED noembed, NOFRAMES noframes, NOSCRIPT noscript, OBJECT object, OL ol, OPTGROUP optgroup,
    OPTION option, P p, PARAM param, PICTURE picture, PRE pre, Q q, RP rp, RT rt, S s, SAMP samp, SCRIPT script, SEARCH search,
    SECTION section, SELECT select, SMALL small, SOURCE source, SPAN span, STRIKE strike, STRONG strong, STYLE style,
    SUB sub, SUMMARY summary, SUP sup, SVG svg, TABLE table, TBODY tbody, TD td, TEMPLATE template, TEXTAREA textarea,
    TFOOT tfoot, TH th, THEAD thead, TIME time, TITLE title, TR tr, TRACK track, TT tt, U u, UL ul, VAR var,
    VIDEO video, WBR wbr, XMP xmp, ANNOTATION annotation,
}

pub(crate) const HEADINGS: TagSet = TagSet::of(&[Tag::H1, Tag::H2, Tag::H3, Tag::H4, Tag::H5, Tag::H6]);

/// Elements that hold text or other elements and begin a block, whatever list of the standard names them.
pub(crate) const CONTAINERS: TagSet = TagSet::of(&[
    Tag::ADDRESS,
    Tag::ARTICLE,
    Tag::ASIDE,
    Tag::BLOCKQUOTE,
    Tag::CENTER,
    Tag::DETAILS,
    Tag::DIR,
    Tag::DIV,
    Tag::DL,
    Tag::DD,
    Tag::DT,
    Tag::LI,
    Tag::FIELDSET,
    Tag::FIGCAPTION,
    Tag::FIGURE,
    Tag::FOOTER,
    Tag::FORM,
    Tag::HEADER,
    Tag::HGROUP,
    Tag::MAIN,
    Tag::MENU,
    Tag::NAV,
    Tag::OL,
    Tag::P,
    Tag::SECTION,
    Tag::SEARCH,
    Tag::SUMMARY,
    Tag::UL,
    Tag::PRE,
    Tag::LISTING,
    Tag::TABLE,
])
.with(HEADINGS);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_in_any_case_and_fit_a_set() {
        assert!(NAMES.len() + 3 <= 128);
        assert_eq!((Tag::of(b"BlockQuote"), Tag::of(b"p"), Tag::of(b"h1")), (Tag::BLOCKQUOTE, Tag::P, Tag::H1));
        assert_eq!((Tag::of(b"my-widget"), Tag::of(b""), Tag::of(&[b'p'; 99])), (Tag::OTHER, Tag::OTHER, Tag::OTHER));
        for (_, tag, name) in NAMES {
            assert_eq!(Tag::of(name.as_bytes()), Tag(*tag));
        }
    }
}
