//! The text of a page whose site has a description: selectors say what it is.

use crate::{
    Limits, Method, Page, count_mojibake,
    css::{Elements, Selectors},
    dom::Dom,
    measure::Measures,
    metadata::{self, clean, day},
    render,
    select::{self, Selection, mark},
    signals::SILENT,
};

/// What the description of a site says of its pages.
#[derive(Debug, Clone, Default)]
pub struct PageSelectors {
    /// The text: all that the first selector matches which matches anything.
    pub body: Selectors,
    pub title: Selectors,
    pub date: Selectors,
    /// What is no text wherever it stands.
    pub remove: Selectors,
    /// The link to the page that goes on.
    pub next: Selectors,
}

/// The address that a page goes on at, as the page writes it.
pub fn next_page(html: &str, selectors: &PageSelectors, limits: &Limits) -> Option<String> {
    if selectors.next.is_empty() {
        return None;
    }
    let dom = Dom::parse(html, limits);
    next_of(&dom, &Elements::of(&dom), selectors)
}

fn next_of(dom: &Dom, elements: &Elements<'_>, selectors: &PageSelectors) -> Option<String> {
    let links = elements.first_that_match(&selectors.next);
    links.into_iter().find_map(|node| clean(&dom.attribute(node, "href")?))
}

/// Extracts a page by selectors. Where none of `body` matches, or they match too late for the bound on work, the text is
/// the one that [`crate::page`] finds, less what is to be removed, and the page's method says so. The second value is the
/// address that the page goes on at.
pub fn page_by(html: &str, selectors: &PageSelectors, limits: &Limits) -> (Page, Option<String>) {
    let dom = Dom::parse(html, limits);
    let elements = Elements::of(&dom);
    let mut metadata = metadata::read(&dom);
    let value = |node: &usize, attributes: &[&str]| {
        let stated = attributes.iter().find_map(|name| clean(&dom.attribute(*node, name)?));
        stated.or_else(|| clean(&dom.all_text(*node)))
    };
    let titles = elements.first_that_match(&selectors.title);
    metadata.title = titles.iter().find_map(|node| value(node, &["content"])).or(metadata.title);
    let dates = elements.first_that_match(&selectors.date);
    let date = dates.iter().find_map(|node| value(node, &["datetime", "content"]));
    // "Last changed: 2024/5/2"
    let digits = |date: &str| date.find(|it: char| it.is_ascii_digit()).unwrap_or(0);
    metadata.date = date.map(|date| day(&date[digits(&date)..]).unwrap_or(date)).or(metadata.date);
    let next = next_of(&dom, &elements, selectors);
    let removed = elements.all_that_match(&selectors.remove);
    let body = elements.first_that_match(&selectors.body);
    let (mut selection, method) = if body.is_empty() || elements.gave_up() {
        let measures = Measures::of(&dom);
        (select::select(&dom, &measures, &metadata), Method::MainText)
    } else {
        let mut dropped = vec![false; dom.len()];
        for node in 1..dom.len() {
            dropped[node] = dropped[dom.parent(node)] || SILENT.has(dom.tag(node));
        }
        // What lies inside another match is there already.
        let mut end = 0;
        let mut roots = body;
        roots.retain(|node| {
            let is_outside = *node >= end;
            end = end.max(dom.end(*node));
            is_outside
        });
        (Selection { roots, dropped }, Method::Selectors)
    };
    for node in removed {
        mark(&dom, &mut selection.dropped, node);
    }
    let dropped = &selection.dropped;
    selection.roots.retain(|root| !dropped[*root]);
    let text = render::render(&dom, &selection);
    let is_cut = dom.is_cut || elements.gave_up();
    (Page { metadata, mojibake: count_mojibake(&text), text, cut: is_cut, method }, next)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn selectors(body: &[&str], remove: &[&str]) -> PageSelectors {
        let list = |all: &[&str]| {
            let mut list = Selectors::default();
            all.iter().for_each(|css| list.push(css).unwrap());
            list
        };
        PageSelectors {
            body: list(body),
            remove: list(remove),
            title: list(&["h2", "meta[name=t]"]),
            date: list(&["time", ".date"]),
            next: list(&["a.next"]),
        }
    }

    const HTML: &str = "<html><head><title>Site</title><meta name=t content=Angine></head><body><nav>Accueil</nav>\
        <div class=text><p>Douleur <b>thoracique</b>.<span class=ad>Pub</span></p><script>x</script></div>\
        <aside>10<sup>9</sup>/L</aside><div class=text><div class=text>5 &lt; 7</div></div><p class=date>le 2023年5月1日</p>\
        <a class=next href='?p=2&amp;x'>2</a></body></html>";

    #[test]
    fn the_text_is_what_the_selectors_match() {
        let (page, next) = page_by(HTML, &selectors(&["main", ".text", "p"], &[".ad"]), &Limits::default());
        assert_eq!((page.text.as_str(), page.method), ("Douleur thoracique.\n\n5 < 7", Method::Selectors));
        assert_eq!(
            (page.metadata.title.as_deref(), page.metadata.date.as_deref()),
            (Some("Angine"), Some("2023-05-01"))
        );
        assert_eq!(next.as_deref(), Some("?p=2&x"));
        assert_eq!(next_page(HTML, &selectors(&[], &[]), &Limits::default()).as_deref(), Some("?p=2&x"));
    }

    #[test]
    fn a_page_without_the_body_is_read_by_the_general_rules_and_says_so() {
        let sentence = "La fièvre dure trois jours, et le médecin prescrit du repos et de l'eau au patient. ";
        let html = format!("<div id=a><p>{}</p><p class=ad>{sentence}</p></div>", sentence.repeat(4));
        let (page, _) = page_by(&html, &selectors(&["main"], &[".ad"]), &Limits::default());
        assert_eq!((page.text.as_str(), page.method), (sentence.repeat(4).trim(), Method::MainText));
    }

    #[test]
    fn a_body_that_is_removed_is_empty() {
        let (page, _) = page_by(HTML, &selectors(&[".text"], &["div"]), &Limits::default());
        assert_eq!((page.text.as_str(), page.method), ("", Method::Selectors));
    }
}
