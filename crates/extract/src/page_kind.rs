//! What sort of page it is: most hold one text, some hold many parts of equal weight.

use crate::{
    dom::Dom,
    measure::Measures,
    metadata::Metadata,
    signals::Signals,
    tag::{Tag, TagSet},
};

/// The sorts that are treated differently.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PageKind {
    /// Says of itself that it is an article.
    Article,
    /// Posts of several people, each of them content.
    Forum,
    /// A thing for sale, or a collection of things.
    Catalogue,
    /// Says nothing of itself: an article, a service's page of many sections, documentation, a list.
    Unknown,
}

const FORUM_PROGRAMS: [&str; 10] =
    ["phpbb", "vbulletin", "discourse", "xenforo", "smf", "mybb", "invision", "flarum", "vanilla", "bbpress"];

pub(crate) fn of(dom: &Dom, measures: &Measures, metadata: &Metadata) -> PageKind {
    let says = |wanted: &[&str]| metadata.kinds.iter().any(|kind| wanted.contains(&kind.as_str()));
    let by_forum_program =
        metadata.generator.as_deref().is_some_and(|it| FORUM_PROGRAMS.iter().any(|name| it.contains(name)));
    if says(&["DiscussionForumPosting", "QAPage"]) || by_forum_program {
        return PageKind::Forum;
    }
    let type_is = |wanted: &str| metadata.open_graph_type.as_deref().is_some_and(|it| it.contains(wanted));
    if type_is("article") || says_article(metadata) {
        return PageKind::Article;
    }
    if type_is("product") || says(&["Product", "ProductGroup", "CollectionPage", "ItemList", "SearchResultsPage"]) {
        return PageKind::Catalogue;
    }
    if has_posts(dom, measures) {
        return PageKind::Forum;
    }
    PageKind::Unknown
}

/// Whether structured data calls the page an article.
pub(crate) fn says_article(metadata: &Metadata) -> bool {
    metadata.kinds.iter().any(|kind| kind.ends_with("Article") || kind.ends_with("Posting"))
}

/// Whether several elements of one class that the template calls posts of a thread hold text.
fn has_posts(dom: &Dom, measures: &Measures) -> bool {
    const UNITS: TagSet = TagSet::of(&[Tag::DIV, Tag::LI, Tag::ARTICLE, Tag::SECTION, Tag::TABLE, Tag::TR]);
    let calls_itself_forum = (0..dom.len())
        .take(400)
        .any(|node| matches!(dom.tag(node), Tag::BODY | Tag::HTML) && measures.signals[node].has(Signals::FORUM));
    let mut posts = 0;
    let mut node = 0;
    while node < dom.len() {
        let is_post = UNITS.has(dom.tag(node))
            && !measures.silent[node]
            && measures.signals[node].has(Signals::FORUM)
            && (60..20_000).contains(&measures.sizes[node].text)
            && measures.sizes[node].link_density() < 0.4;
        // Comments below an article are called posts and replies, too.
        let is_comments = measures.signals[node].has(Signals::COMMENTS);
        if is_post || is_comments {
            posts += u32::from(is_post && !is_comments);
            node = dom.end(node);
        } else {
            node += 1;
        }
    }
    posts >= 4 || (calls_itself_forum && posts >= 2)
}
