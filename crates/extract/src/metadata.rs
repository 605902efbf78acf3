//! What a page says about itself: title, date, author, site, language, canonical address, licence, and whether it asks
//! not to be used. Read from meta elements, links, JSON-LD and the attributes of the text, in that order of trust.

use serde::Serialize;
use serde_json::Value;

use crate::{dom::Dom, opt_out, tag::Tag};

/// What a page says about itself.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Metadata {
    pub title: Option<String>,
    pub author: Option<String>,
    /// Day of publication as `YYYY-MM-DD`, or as the page writes it where that cannot be read.
    pub date: Option<String>,
    pub site: Option<String>,
    pub description: Option<String>,
    /// What the page's `lang` attribute or its headers say: a hint.
    pub language: Option<String>,
    pub canonical: Option<String>,
    /// Addresses of licences that the page links to as its own.
    pub licences: Vec<String>,
    /// Requests not to index, archive or mine the page, each as `where: words`.
    pub opt_outs: Vec<String>,
    /// `og:type`, where stated.
    #[serde(skip)]
    pub(crate) open_graph_type: Option<String>,
    /// `@type` values of JSON-LD.
    #[serde(skip)]
    pub(crate) kinds: Vec<String>,
    /// Texts and descriptions in JSON-LD, in its order.
    #[serde(skip)]
    pub(crate) texts: Vec<String>,
    #[serde(skip)]
    pub(crate) generator: Option<String>,
    /// Titles that the page gives itself: of the window, of social media, of JSON-LD.
    #[serde(skip)]
    pub(crate) titles: Vec<String>,
}

/// JSON-LD of a page beyond this is not read.
const MAX_JSON: usize = 2 << 20;

const MAX_TEXTS: usize = 1000;
/// Where JSON-LD holds further things.
const INNER: [&str; 10] = [
    "@graph",
    "mainEntity",
    "mainEntityOfPage",
    "liveBlogUpdate",
    "acceptedAnswer",
    "suggestedAnswer",
    "comment",
    "hasPart",
    "itemListElement",
    "item",
];

pub(crate) fn read(dom: &Dom) -> Metadata {
    let mut page = Metadata::default();
    let mut window_title = None;
    let mut first_heading = None;
    let mut item = Item::default();
    let mut json_left = MAX_JSON;
    let mut meta_title = None;
    let mut meta_dates = [None, None, None];
    for node in 0..dom.len() {
        match dom.tag(node) {
            Tag::META => read_meta(dom, node, &mut page, &mut meta_title, &mut meta_dates),
            Tag::LINK => read_link(dom, node, &mut page),
            Tag::A => {
                let rel = dom.raw_attribute(node, "rel");
                if rel.is_some_and(|it| words_have(it, "license")) {
                    if let Some(address) = dom.attribute(node, "href") {
                        push_new(&mut page.licences, address.trim());
                    }
                } else if page.author.is_none() && rel.is_some_and(|it| words_have(it, "author")) {
                    page.author = clean(&dom.all_text(node)).filter(|it| it.len() < 80);
                } else if let Some(address) = dom.raw_attribute(node, "href")
                    && address.contains("creativecommons.org/")
                    && (address.contains("/licenses/") || address.contains("/publicdomain/"))
                {
                    push_new(&mut page.licences, address.trim());
                }
            }
            Tag::SCRIPT => {
                let kind = dom.raw_attribute(node, "type").unwrap_or("");
                if kind.to_ascii_lowercase().contains("ld+json") && node + 1 < dom.end(node) {
                    let text = dom.text(node + 1);
                    if text.len() <= json_left {
                        json_left -= text.len();
                        read_json(text, &mut item);
                    }
                }
            }
            Tag::TITLE if window_title.is_none() && !dom.ancestors(node).any(|it| dom.tag(it) == Tag::SVG) => {
                window_title = clean(&dom.all_text(node));
            }
            Tag::H1 if first_heading.is_none() => first_heading = clean(&dom.all_text(node)),
            Tag::HTML if page.language.is_none() => {
                page.language = ["lang", "xml:lang"].iter().find_map(|it| clean(dom.raw_attribute(node, it)?));
            }
            Tag::TIME if meta_dates[2].is_none() => {
                meta_dates[2] = dom.attribute(node, "datetime").and_then(|it| clean(&it));
            }
            Tag::TEXT => {}
            _ => {
                if let Some(property) = dom.raw_attribute(node, "itemprop") {
                    let value = || {
                        dom.attribute(node, "content")
                            .map(|it| it.into_owned())
                            .or_else(|| dom.attribute(node, "datetime").map(|it| it.into_owned()))
                    };
                    match property.trim() {
                        "datePublished" if meta_dates[1].is_none() => {
                            meta_dates[1] = clean(&value().unwrap_or_else(|| dom.all_text(node)));
                        }
                        "author" if page.author.is_none() => {
                            page.author =
                                clean(&value().unwrap_or_else(|| dom.all_text(node))).filter(|it| it.len() < 80);
                        }
                        _ => {}
                    }
                }
            }
        }
    }
    page.titles.extend([meta_title.clone(), item.title.clone(), window_title.clone()].into_iter().flatten());
    // A window's title holds the site's name before or behind the page's.
    for title in page.titles.clone() {
        let parts = title.split(['|', '–', '—', '»', '«', '·', '/']).flat_map(|it| it.split(" - ")).map(str::trim);
        page.titles.extend(parts.take(4).filter(|part| part.chars().count() >= 12).map(str::to_owned));
    }
    let from_window = window_title.map(|it| without_site(&it, page.site.as_deref()));
    page.title = meta_title.or(item.title).or(from_window).or(first_heading);
    let [first, second, third] = meta_dates;
    let date = first.or(item.date).or(second).or(third);
    page.date = date.map(|it| day(&it).unwrap_or(it));
    page.author = page.author.or(item.author);
    page.site = page.site.or(item.site);
    page.kinds = item.kinds;
    page.texts = item.texts;
    page
}

fn read_meta(dom: &Dom, node: usize, page: &mut Metadata, title: &mut Option<String>, dates: &mut [Option<String>; 3]) {
    let name = ["name", "property", "itemprop", "http-equiv"].iter().find_map(|it| dom.raw_attribute(node, it));
    let Some(name) = name else { return };
    let Some(content) = dom.attribute(node, "content").and_then(|it| clean(&it)) else { return };
    match name.trim().to_ascii_lowercase().as_str() {
        "og:title" => *title = Some(content),
        "twitter:title" | "dc.title" | "citation_title" | "headline" => {
            title.get_or_insert(content);
        }
        "author" | "article:author" | "dc.creator" | "citation_author" | "byl" => {
            page.author = page.author.take().or_else(|| Some(content).filter(|it| !it.starts_with("http")));
        }
        "article:published_time"
        | "datepublished"
        | "date"
        | "dc.date"
        | "dc.date.issued"
        | "citation_publication_date"
        | "citation_date"
        | "pubdate"
        | "publishdate"
        | "publish_date"
        | "sailthru.date"
        | "parsely-pub-date"
        | "dcterms.created"
        | "dcterms.date"
        | "article.published"
        | "og:published_time" => {
            dates[0].get_or_insert(content);
        }
        "og:site_name" | "application-name" => {
            page.site.get_or_insert(content);
        }
        "description" | "og:description" => {
            page.description.get_or_insert(content);
        }
        "og:type" => page.open_graph_type = Some(content.to_ascii_lowercase()),
        "og:url" => {
            page.canonical.get_or_insert(content);
        }
        "generator" => page.generator = Some(content.to_ascii_lowercase()),
        "content-language" | "og:locale" | "language" => {
            page.language.get_or_insert(content);
        }
        name if opt_out::is_about_use(name) => {
            let words = content.to_ascii_lowercase();
            if opt_out::is_opt_out(name, &words) {
                push_new(&mut page.opt_outs, &format!("meta {name}: {words}"));
            }
        }
        "dc.rights" | "dcterms.license" | "dcterms.rights" | "license" if content.starts_with("http") => {
            push_new(&mut page.licences, &content);
        }
        _ => {}
    }
}

fn read_link(dom: &Dom, node: usize, page: &mut Metadata) {
    let (Some(rel), Some(address)) = (dom.raw_attribute(node, "rel"), dom.attribute(node, "href")) else { return };
    let address = address.trim();
    if address.is_empty() {
        return;
    }
    if words_have(rel, "canonical") {
        page.canonical = Some(address.to_owned());
    } else if words_have(rel, "license") {
        push_new(&mut page.licences, address);
    }
}

fn push_new(list: &mut Vec<String>, value: &str) {
    if !value.is_empty() && list.len() < 20 && !list.iter().any(|it| it == value) {
        list.push(value.to_owned());
    }
}

fn words_have(words: &str, word: &str) -> bool {
    words.split_ascii_whitespace().any(|it| it.eq_ignore_ascii_case(word))
}

/// White space folded; none if nothing is left.
pub(crate) fn clean(text: &str) -> Option<String> {
    let mut out = String::with_capacity(text.len().min(400));
    for word in text.split_whitespace() {
        if !out.is_empty() {
            out.push(' ');
        }
        out.push_str(word);
        if out.len() > 20_000 {
            break;
        }
    }
    (!out.is_empty()).then_some(out)
}

/// A window's title without the site's name, which stands behind the last separator.
fn without_site(title: &str, site: Option<&str>) -> String {
    for separator in [" | ", " – ", " — ", " - ", " :: ", " » ", " « ", " · "] {
        if let Some((before, after)) = title.rsplit_once(separator) {
            let is_site = site.is_some_and(|site| site.eq_ignore_ascii_case(after.trim()));
            if is_site || (before.chars().count() >= 15 && after.chars().count() * 2 < before.chars().count() + 12) {
                return before.trim().to_owned();
            }
        }
    }
    title.to_owned()
}

/// What JSON-LD says.
#[derive(Default)]
struct Item {
    title: Option<String>,
    author: Option<String>,
    date: Option<String>,
    site: Option<String>,
    texts: Vec<String>,
    kinds: Vec<String>,
}

fn read_json(text: &str, item: &mut Item) {
    let text = text.trim().trim_start_matches("<!--").trim_end_matches("-->").trim_end_matches(';');
    // Line ends inside strings are wrong and common.
    let value = serde_json::from_str::<Value>(text).or_else(|_| {
        let flat: String = text.chars().map(|it| if it < ' ' { ' ' } else { it }).collect();
        serde_json::from_str::<Value>(&flat)
    });
    if let Ok(value) = value {
        visit_json(&value, item, 0);
    }
}

fn visit_json(value: &Value, item: &mut Item, depth: usize) {
    if depth > 5 {
        return;
    }
    match value {
        Value::Array(values) => values.iter().take(100).for_each(|it| visit_json(it, item, depth + 1)),
        Value::Object(object) => {
            let kinds: Vec<&str> = match object.get("@type") {
                Some(Value::String(kind)) => vec![kind],
                Some(Value::Array(kinds)) => kinds.iter().filter_map(Value::as_str).collect(),
                _ => Vec::new(),
            };
            for kind in &kinds {
                push_new(&mut item.kinds, kind);
            }
            let text = |key: &str| object.get(key).and_then(Value::as_str).and_then(clean);
            let is_page = kinds.iter().any(|it| {
                it.ends_with("Article") || it.ends_with("Posting") || it.ends_with("WebPage") || *it == "Report"
            });
            if is_page {
                let name = |value: &Value| match value {
                    Value::String(name) => clean(name),
                    Value::Object(it) => it.get("name").and_then(Value::as_str).and_then(clean),
                    Value::Array(all) => all.first().and_then(|it| match it {
                        Value::String(name) => clean(name),
                        it => it.get("name").and_then(Value::as_str).and_then(clean),
                    }),
                    _ => None,
                };
                item.title = item.title.take().or_else(|| text("headline"));
                item.date = item.date.take().or_else(|| text("datePublished"));
                item.author = item.author.take().or_else(|| object.get("author").and_then(name));
                item.site = item.site.take().or_else(|| object.get("publisher").and_then(name));
            }
            for key in ["articleBody", "text", "description"] {
                if let Some(text) = object.get(key).and_then(Value::as_str)
                    && text.len() >= 20
                    && item.texts.len() < MAX_TEXTS
                {
                    item.texts.push(text.to_owned());
                }
            }
            for key in INNER {
                if let Some(inner) = object.get(key) {
                    visit_json(inner, item, depth + 1);
                }
            }
        }
        _ => {}
    }
}

/// The day of a date in one of the common notations that begin with the year.
pub(crate) fn day(text: &str) -> Option<String> {
    let digits: Vec<&str> = text.split(|it: char| !it.is_ascii_digit()).filter(|it| !it.is_empty()).take(3).collect();
    let [year, month, day] = digits[..] else {
        // 20240131
        return match digits[..] {
            [all, ..] if all.len() >= 8 && text.starts_with(all) => check_day(&all[..4], &all[4..6], &all[6..8]),
            _ => None,
        };
    };
    if year.len() >= 8 && text.starts_with(year) {
        return check_day(&year[..4], &year[4..6], &year[6..8]);
    }
    (year.len() == 4 && text.starts_with(year)).then(|| check_day(year, month, day))?
}

fn check_day(year: &str, month: &str, day: &str) -> Option<String> {
    let (month, day): (u32, u32) = (month.parse().ok()?, day.parse().ok()?);
    ((1..=12).contains(&month) && (1..=31).contains(&day)).then(|| format!("{year}-{month:02}-{day:02}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dom::Limits;

    fn read_html(html: &str) -> Metadata {
        read(&Dom::parse(html, &Limits::default()))
    }

    #[test]
    fn a_page_says_what_it_is() {
        let page = read_html(
            "<html lang=fr-CH><head><title>Infarctus du myocarde | Exemple</title><meta property=og:site_name content=Exemple>\
             <meta name=robots content='noindex, NOAI'><meta name=ClaudeBot content=none><link rel=canonical href=https://a.example/i>\
             <link rel=license href=https://creativecommons.org/licenses/by/4.0/>\
             <script type='application/ld+json'>{\"@graph\":[{\"@type\":\"NewsArticle\",\"headline\":\"Infarctus\",\
             \"datePublished\":\"2024-02-29T08:00:00Z\",\"author\":[{\"name\":\"A. B.\"}]}]}</script></head><h1>x</h1>",
        );
        assert_eq!((page.title.as_deref(), page.site.as_deref()), (Some("Infarctus"), Some("Exemple")));
        assert_eq!((page.author.as_deref(), page.date.as_deref()), (Some("A. B."), Some("2024-02-29")));
        assert_eq!((page.language.as_deref(), page.canonical.as_deref()), (Some("fr-CH"), Some("https://a.example/i")));
        assert_eq!(page.licences, ["https://creativecommons.org/licenses/by/4.0/"]);
        assert_eq!(page.opt_outs, ["meta robots: noindex, noai", "meta claudebot: none"]);
    }

    #[test]
    fn the_site_is_cut_from_the_title_of_the_window() {
        for (title, expected) in [
            ("Was ist ein Herzinfarkt? - Klinik", "Was ist ein Herzinfarkt?"),
            ("心筋梗塞の症状と治療について知る | 病院", "心筋梗塞の症状と治療について知る"),
            ("COVID-19 - a review", "COVID-19 - a review"),
        ] {
            let page = read_html(&format!("<title>{title}</title>"));
            assert_eq!(page.title.as_deref(), Some(expected));
        }
    }

    #[test]
    fn days_are_read_where_the_year_comes_first() {
        for (text, expected) in [
            ("2020-09-06T23:23:06Z", Some("2020-09-06")),
            ("2020/9/6", Some("2020-09-06")),
            ("20200906", Some("2020-09-06")),
            ("6.9.2020", None),
            ("2020-13-40", None),
        ] {
            assert_eq!(day(text).as_deref(), expected, "{text}");
        }
    }
}
