//! What the class, id, role and other attributes of an element say about its content.
//!
//! Names are cut into words (`entryContent`, `entry-content` and `entry_content` are all *entry content*), and words are
//! looked up: the words of page templates are much the same over the whole web, since a few dozen programs write them.

use std::sync::OnceLock;

use crate::{
    dom::Dom,
    tag::{Tag, TagSet},
};

/// A set of signals.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Signals(pub u32);

impl Signals {
    pub const NAVIGATION: Signals = Signals(1);
    pub const FOOTER: Signals = Signals(1 << 1);
    pub const SIDEBAR: Signals = Signals(1 << 2);
    pub const RELATED: Signals = Signals(1 << 3);
    pub const SHARE: Signals = Signals(1 << 4);
    pub const COMMENTS: Signals = Signals(1 << 5);
    pub const CONSENT: Signals = Signals(1 << 6);
    pub const SUBSCRIBE: Signals = Signals(1 << 7);
    pub const ADVERT: Signals = Signals(1 << 8);
    pub const BYLINE: Signals = Signals(1 << 9);
    pub const HIDDEN: Signals = Signals(1 << 10);
    pub const POPUP: Signals = Signals(1 << 11);
    pub const CAPTION: Signals = Signals(1 << 12);
    pub const TAGS: Signals = Signals(1 << 13);
    pub const HEADER: Signals = Signals(1 << 14);
    /// Words such as *article* or *post*: the thing.
    pub const THING: Signals = Signals(1 << 15);
    /// Words such as *body* or *content*: the thing's inside.
    pub const INSIDE: Signals = Signals(1 << 16);
    /// Words that alone name the text: *articlebody*, *maincontent*.
    pub const BODY: Signals = Signals(1 << 17);
    pub const LIST: Signals = Signals(1 << 18);
    pub const SUMMARY: Signals = Signals(1 << 19);
    pub const TITLE: Signals = Signals(1 << 20);
    pub const FORUM: Signals = Signals(1 << 21);
    pub const PRODUCT: Signals = Signals(1 << 22);
    pub const WIDGET: Signals = Signals(1 << 23);
    pub const IMAGE: Signals = Signals(1 << 24);
    /// Weak: common in names of things that are not content, and in those that are.
    pub const META: Signals = Signals(1 << 25);
    pub const ITEM_BODY: Signals = Signals(1 << 26);
    pub const GALLERY: Signals = Signals(1 << 27);
    /// Marked as the body of an article by structured data, not by a name that somebody chose.
    pub const MARKED: Signals = Signals(1 << 28);

    pub fn has(self, other: Signals) -> bool {
        self.0 & other.0 != 0
    }

    pub const fn with(self, other: Signals) -> Signals {
        Signals(self.0 | other.0)
    }
}

/// Words by what they say.
const WORDS: &[(Signals, &str)] = &[
    (
        Signals::NAVIGATION,
        "nav navi navbar navigation navigator subnav topnav sidenav leftnav globalnav menu menus submenu mainmenu topmenu megamenu \
         breadcrumb breadcrumbs crumb crumbs topbar toolbar pagination pager paging pagenav pagenavi skip skiplink \
         skiplinks toc sitemap hamburger offcanvas breadcrump navbox catlinks editsection jumplinks",
    ),
    (Signals::FOOTER, "footer foot pagefooter sitefooter siteinfo copyright colophon imprint legal footnav disclaimer"),
    (
        Signals::SIDEBAR,
        "sidebar sidebars rail rightrail leftrail sidecol sidecolumn aside rightcol leftcol rightbar rightcolumn complementary",
    ),
    (
        Signals::RELATED,
        "related recommend recommended recommendation recommendations recommends recirc recirculation similar \
         popular trending mostread mostpopular morefrom morenews morestories readmore readnext outbrain taboola zergnet promo \
         promos promoted promotion upnext yarpp jp-relatedposts relatedposts relatedlinks relatedcontent relatednews \
         seealso alsoread teaser teasers nextprev prevnext postnav latest revcontent mgid crosslinks suggested suggestions mostviewed",
    ),
    (
        Signals::SHARE,
        "share shares sharing sharebar sharer sharethis sharedaddy sharetools sharebuttons social socialbar socials \
         socialmedia addthis addtoany addtoany sns like likes follow followus facebook twitter whatsapp pinterest linkedin \
         socialshare bookmark tweet shariff ssba",
    ),
    (
        Signals::COMMENTS,
        "comment comments commentlist comentarios commentaires kommentare kommentar disqus respond livefyre discussion \
         viafoura coral spotim talkback pingback trackback commentform fbcomments reactions",
    ),
    (Signals::CONSENT, "cookie cookies consent gdpr ccpa cookiebar onetrust cookiebanner cmp didomi"),
    (
        Signals::SUBSCRIBE,
        "newsletter newsletters subscribe subscription subscribe subscriber signup login signin register registration \
         optin mailchimp donate donation mailinglist",
    ),
    (
        Signals::ADVERT,
        "ad ads adv advert adverts advertise advertisement advertisements advertising adsense adslot adunit adbox \
         adcontainer adwrapper dfp sponsor sponsored sponsors doubleclick googlead admz publicidad publicite reklama \
         reklam werbung anzeige anuncio adsbygoogle bannerad gpt banner banners",
    ),
    (
        Signals::BYLINE,
        "byline bylines author authors authorbox authorinfo postmeta entrymeta dateline timestamp datetime postdate \
         pubdate contributor contributors writer bio authorbio published publish articlemeta storymeta metadata postinfo \
         pubinfo postmetadata postdetails entryinfo",
    ),
    (Signals::HIDDEN, "visuallyhidden screenreader noprint printonly invisible offscreen noscript"),
    (
        Signals::POPUP,
        "modal modals popup popups overlay lightbox tooltip tooltips dropdown flyout popover dialog toast",
    ),
    (Signals::CAPTION, "caption captions figcaption imagecaption wpcaption credit credits photocredit legend cutline"),
    (
        Signals::TAGS,
        "tags taglist tagcloud tagged keywords topics posttags entrytags labels taxonomy articletags hashtags",
    ),
    (Signals::HEADER, "header masthead pageheader siteheader topheader head branding hero"),
    (
        Signals::THING,
        "article articles post entry story blog news blogpost page single recipe review hentry editorial publication",
    ),
    (
        Signals::INSIDE,
        "body content contents text txt copy main detail details paragraphs paragraph inner maincontent bodytext description fulltext markdown prose richtext wysiwyg",
    ),
    (
        Signals::BODY,
        "articlebody articlecontent articletext storybody storycontent storytext postbody postcontent entrycontent \
         contentbody bodycontent maintext newsbody newstext newscontent bodycopy articlecopy blogcontent mwcontenttext \
         mwparseroutput postentry postarticle storycopy articlemain singlecontent blogbody textbody",
    ),
    (Signals::LIST, "list grid listing listings archive results feed stream cards items tiles collection"),
    (
        Signals::SUMMARY,
        "chapeau sommario sumario bajada perex preface entradilla preamble ingress anleser summary excerpt intro lead lede standfirst dek subtitle subheadline deck abstract sapo chapo vorspann teasertext kicker",
    ),
    (Signals::TITLE, "title headline heading entrytitle posttitle"),
    (
        Signals::FORUM,
        "forum forums thread threads topic topicpost postbit message messages answer answers question questions reply replies bbs board viewtopic phpbb vbulletin discourse xenforo",
    ),
    (
        Signals::PRODUCT,
        "product products price prices sku cart addtocart basket buy shop woocommerce pdp productdetail",
    ),
    (Signals::WIDGET, "widget widgets plugin module block-widget textwidget"),
    (Signals::IMAGE, "image images img photo photos figure media thumbnail thumb picture video player thumbnails"),
    (
        Signals::GALLERY,
        "gallery galleries carousel slider slideshow swiper slick photogallery fotogallery lightgallery",
    ),
    (
        Signals::META,
        "meta info date time posted category categories cat stats count counter views edit print email rating ratings",
    ),
];

/// All words with their signals, sorted.
fn words() -> &'static [(&'static str, Signals)] {
    static WORDS_BY_NAME: OnceLock<Vec<(&str, Signals)>> = OnceLock::new();
    WORDS_BY_NAME.get_or_init(|| {
        let pairs = WORDS.iter().flat_map(|(signal, names)| names.split_ascii_whitespace().map(|name| (name, *signal)));
        let mut words: Vec<(&str, Signals)> = pairs.collect();
        words.sort_unstable_by_key(|(name, _)| *name);
        words.dedup_by(|next, kept| {
            let is_same = next.0 == kept.0;
            if is_same {
                kept.1 = kept.1.with(next.1);
            }
            is_same
        });
        words
    })
}

fn look_up(word: &[u8]) -> Option<Signals> {
    let words = words();
    words.binary_search_by(|(name, _)| name.as_bytes().cmp(word)).ok().map(|index| words[index].1)
}

/// The signals of one element: of its class, id, role and data attributes.
pub(crate) fn of(dom: &Dom, node: usize) -> Signals {
    let mut signals = Signals::default();
    for name in ["class", "id"] {
        if let Some(value) = dom.raw_attribute(node, name) {
            signals = signals.with(of_name(value));
        }
    }
    if let Some(role) = dom.raw_attribute(node, "role") {
        signals = signals.with(match role {
            "navigation" | "menu" | "menubar" | "tablist" => Signals::NAVIGATION,
            "contentinfo" => Signals::FOOTER,
            "complementary" => Signals::SIDEBAR,
            "search" | "toolbar" => Signals::NAVIGATION,
            "dialog" | "alertdialog" | "tooltip" => Signals::POPUP,
            "banner" if dom.tag(node) != Tag::BODY => Signals::HEADER,
            _ => Signals::default(),
        });
    }
    if let Some(property) = dom.raw_attribute(node, "itemprop") {
        signals = signals.with(match property.trim() {
            "articleBody" => Signals::BODY.with(Signals::MARKED),
            "author" | "datePublished" | "dateModified" | "publisher" => Signals::BYLINE,
            "text" => Signals::ITEM_BODY,
            "headline" => Signals::TITLE,
            "comment" => Signals::COMMENTS,
            _ => Signals::default(),
        });
    }
    if property_says_body(dom, node) {
        signals = signals.with(Signals::BODY).with(Signals::MARKED);
    }
    signals
}

fn property_says_body(dom: &Dom, node: usize) -> bool {
    let says =
        |name: &str, values: &[&str]| dom.raw_attribute(node, name).is_some_and(|it| values.contains(&it.trim()));
    says("property", &["articleBody", "schema:articleBody", "content:encoded"])
}

/// The signals of a class or id attribute.
fn of_name(value: &str) -> Signals {
    let mut signals = Signals::default();
    // A name longer than this is a style sheet in disguise (utility classes), which says little.
    for name in value.split_ascii_whitespace().take(24) {
        // `no-sidebar`, `has-comments`: about the page, not about the element.
        if ["no-", "has-", "with-", "without-", "is-", "js-", "hide-"].iter().any(|it| name.starts_with(it)) {
            continue;
        }
        let mut word = [0u8; 24];
        let mut whole = [0u8; 40];
        let (mut length, mut whole_length) = (0, 0);
        let mut add = |word: &[u8]| {
            if word.len() >= 2
                && let Some(found) = look_up(word)
            {
                signals = signals.with(found);
            }
        };
        let mut was_lower = false;
        for byte in name.bytes().take(80) {
            let is_separator = !byte.is_ascii_alphanumeric();
            let is_upper = byte.is_ascii_uppercase();
            if is_separator || (is_upper && was_lower) {
                add(&word[..length]);
                length = 0;
            }
            was_lower = byte.is_ascii_lowercase();
            if !is_separator {
                let lower = byte.to_ascii_lowercase();
                if length < word.len() {
                    word[length] = lower;
                    length += 1;
                }
                if whole_length < whole.len() {
                    whole[whole_length] = lower;
                    whole_length += 1;
                }
            }
        }
        add(&word[..length]);
        if whole_length > length {
            add(&whole[..whole_length]);
        }
    }
    signals
}

/// Elements whose text is never read.
pub(crate) const SILENT: TagSet = TagSet::of(&[
    Tag::SCRIPT,
    Tag::STYLE,
    Tag::NOSCRIPT,
    Tag::TEMPLATE,
    Tag::SVG,
    Tag::IFRAME,
    Tag::OBJECT,
    Tag::EMBED,
    Tag::CANVAS,
    Tag::AUDIO,
    Tag::VIDEO,
    Tag::SELECT,
    Tag::DATALIST,
    Tag::TEXTAREA,
    Tag::BUTTON,
    Tag::INPUT,
    Tag::HEAD,
    Tag::MAP,
    Tag::NOEMBED,
    Tag::NOFRAMES,
    Tag::ANNOTATION,
    Tag::META,
    Tag::LINK,
    Tag::TITLE,
    Tag::RT,
    Tag::RP,
]);

/// Whether an element is not shown.
pub(crate) fn is_hidden(dom: &Dom, node: usize) -> bool {
    if dom.raw_attribute(node, "hidden").is_some_and(|value| !value.eq_ignore_ascii_case("until-found")) {
        return true;
    }
    if dom.raw_attribute(node, "aria-hidden").is_some_and(|value| value.eq_ignore_ascii_case("true")) {
        return true;
    }
    dom.raw_attribute(node, "style").is_some_and(|style| {
        let mut squeezed = [0u8; 96];
        let mut length = 0;
        for byte in style.bytes().filter(|byte| !byte.is_ascii_whitespace()).take(squeezed.len()) {
            squeezed[length] = byte.to_ascii_lowercase();
            length += 1;
        }
        let squeezed = &squeezed[..length];
        ["display:none", "visibility:hidden", "font-size:0;", "font-size:0px"]
            .iter()
            .any(|it| memchr::memmem::find(squeezed, it.as_bytes()).is_some())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_cut_into_words() {
        for (name, expected) in [
            ("entry-content", Signals::THING.with(Signals::INSIDE).with(Signals::BODY)),
            ("articleBody", Signals::THING.with(Signals::INSIDE).with(Signals::BODY)),
            ("sidebar_right", Signals::SIDEBAR),
            ("adrenaline header2", Signals::default()),
            ("x-ad", Signals::ADVERT),
        ] {
            assert_eq!(of_name(name), expected, "{name}");
        }
    }
}
