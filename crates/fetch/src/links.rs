//! Addresses that an answer names: links of a page, entries of a sitemap (compressed too) or of a feed.

use std::{borrow::Cow, io::Read};

use source::address;

/// A sitemap unpacks to at most 50 MB (sitemaps.org, "Sitemap file requirements").
const MAX_UNPACKED: u64 = 50_000_000;

/// What an answer is a list of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Listing {
    /// Links of a page.
    Page,
    /// Pages that a sitemap or feed lists.
    Entries,
    /// Further sitemaps.
    Sitemaps,
}

/// The addresses that an answer from `base` names, in their order, and what they are.
pub(crate) fn links(base: &str, body: &[u8]) -> (Listing, Vec<String>) {
    let body = unpacked(body);
    let text = String::from_utf8_lossy(&body);
    let lower = text.to_ascii_lowercase();
    let listing = listing(&lower);
    let mut found = Vec::new();
    let mut add = |link: &str| {
        let link = htmlize::unescape(link.trim());
        let link = link.strip_prefix("<![CDATA[").and_then(|it| it.strip_suffix("]]>")).unwrap_or(&link);
        found.extend(address(Some(base), link));
    };
    for (at, _) in lower.match_indices('<') {
        let rest = &text[at + 1..];
        let name_end = rest.find(|it: char| !it.is_ascii_alphanumeric()).unwrap_or(rest.len());
        let name = &lower[at + 1..][..name_end];
        let tag_end = rest.find('>').unwrap_or(rest.len());
        let tag = &rest[name_end..tag_end];
        let content = || {
            let behind = rest.get(tag_end + 1..).unwrap_or_default();
            match behind.trim_start().strip_prefix("<![CDATA[") {
                Some(data) => data.split("]]>").next().unwrap_or_default(),
                None => behind.split('<').next().unwrap_or_default(),
            }
        };
        match (name, listing) {
            ("loc", _) => add(content()),
            // RSS has the address as content, Atom as an attribute; some relations lead to no page.
            ("link", Listing::Entries) => match attribute(tag, "href") {
                Some(link) if !attribute(tag, "rel").is_some_and(|it| matches!(it, "self" | "hub" | "edit")) => {
                    add(link);
                }
                Some(_) => {}
                None => add(content()),
            },
            ("a" | "area" | "link", Listing::Page) if !lower[at + 1..][..tag_end].contains("nofollow") => {
                let is_page = name != "link" || attribute(tag, "rel").is_some_and(|it| it.contains("next"));
                if let Some(value) = attribute(tag, "href").filter(|_| is_page) {
                    add(value);
                }
            }
            _ => {}
        }
    }
    (listing, found)
}

/// By the first element that tells.
fn listing(lower: &str) -> Listing {
    let first = lower.match_indices('<').map(|(at, _)| &lower[at + 1..]).find(|it| !it.starts_with(['?', '!']));
    let name = first.and_then(|it| it.split(|it: char| it.is_whitespace() || it == '>').next()).unwrap_or_default();
    match name {
        "sitemapindex" => Listing::Sitemaps,
        "urlset" | "rss" | "feed" | "rdf:rdf" => Listing::Entries,
        _ => Listing::Page,
    }
}

/// A body out of its gzip, as sitemaps are kept; what there is of it, where it is broken or too large.
fn unpacked(body: &[u8]) -> Cow<'_, [u8]> {
    if !body.starts_with(&[0x1f, 0x8b]) {
        return Cow::Borrowed(body);
    }
    let mut out = Vec::new();
    // What came before an error is still a list.
    let _ = flate2::read::MultiGzDecoder::new(body).take(MAX_UNPACKED).read_to_end(&mut out);
    Cow::Owned(out)
}

/// The value of an attribute, quoted or not.
fn attribute<'t>(tag: &'t str, name: &str) -> Option<&'t str> {
    let lower = tag.to_ascii_lowercase();
    let starts = lower.match_indices(name).map(|(at, _)| at);
    for at in starts.filter(|at| *at > 0 && lower.as_bytes()[at - 1].is_ascii_whitespace()) {
        let Some(value) = tag[at + name.len()..].trim_start().strip_prefix('=') else { continue };
        let value = value.trim_start();
        return match value.chars().next()? {
            quote @ ('"' | '\'') => value[1..].split(quote).next(),
            _ => value.split(|it: char| it.is_ascii_whitespace()).next(),
        };
    }
    None
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn links_of_a_page_are_found() {
        let page = "<A class=q HREF=\"c?id=1&amp;PHPSESSID=9#top\">İ</a><a href='/病'>x</a><a rel=nofollow href=/n>\
                    <a href=mailto:a@b><a data-href=/no><link rel=next href=/p2><link href=/css>";
        let expected = ["http://x.org/a/c?id=1", "http://x.org/%E7%97%85", "http://x.org/p2"];
        assert_eq!(links("http://x.org/a/b", page.as_bytes()), (Listing::Page, expected.map(str::to_owned).into()));
    }

    #[test]
    fn sitemaps_and_feeds_list_pages() {
        let of = |text: &str| links("http://x.org/feed", text.as_bytes());
        let (kind, found) =
            of("<?xml version='1.0'?>\n<!-- a --><urlset xmlns='s'><url><loc> http://x.org/a&amp;b </loc>");
        assert_eq!((kind, found), (Listing::Entries, vec!["http://x.org/a&b".to_owned()]));
        let (kind, found) = of("<sitemapindex><sitemap><loc><![CDATA[http://x.org/s.xml.gz]]></loc></sitemap>");
        assert_eq!((kind, found), (Listing::Sitemaps, vec!["http://x.org/s.xml.gz".to_owned()]));
        let (_, found) = of("<rss><channel><link>http://x.org/</link><item><link>http://x.org/病</link><guid>7</guid>");
        assert_eq!(found, ["http://x.org/", "http://x.org/%E7%97%85"]);
        let (_, found) = of("<feed><link rel=\"self\" href=\"/feed\"/><entry><link href=\"/e\"/></entry></feed>");
        assert_eq!(found, ["http://x.org/e"]);
    }

    #[test]
    fn a_compressed_sitemap_is_read_and_a_bomb_is_cut() {
        let packed = |text: &[u8]| {
            let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
            encoder.write_all(text).unwrap();
            encoder.finish().unwrap()
        };
        let (_, found) = links("http://x.org/", &packed(b"<urlset><loc>http://x.org/a</loc>"));
        assert_eq!(found, ["http://x.org/a"]);
        let bomb = [b"<urlset><loc>http://x.org/a</loc>".as_slice(), &vec![b' '; 60_000_000]].concat();
        assert_eq!(unpacked(&packed(&bomb)).len() as u64, MAX_UNPACKED);
    }
}
