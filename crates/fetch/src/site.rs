//! The table `[fetch]` of a source's description: what of a site is fetched, and how slowly.

use serde::Deserialize;
use url::Url;

use crate::robots;

/// Where to begin, and where to stop.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Site {
    /// Addresses to begin at.
    pub start: Vec<String>,
    /// Sitemaps, whose addresses count as starts.
    #[serde(default)]
    pub sitemaps: Vec<String>,
    /// Whole addresses that may be fetched; `*` stands for anything, `$` at the end for the end.
    pub allow: Vec<String>,
    /// What of these may not.
    #[serde(default)]
    pub deny: Vec<String>,
    /// Steps from a start.
    #[serde(default = "four")]
    pub max_depth: u32,
    pub max_pages: u64,
    #[serde(default = "eight")]
    pub max_page_megabytes: u64,
    /// Between two requests, where robots.txt or slow answers do not ask for more.
    #[serde(default = "two")]
    pub delay_secs: f64,
}

fn two() -> f64 {
    2.0
}

fn four() -> u32 {
    4
}

fn eight() -> u64 {
    8
}

/// Longer addresses are made by loops.
const MAX_ADDRESS_CHARS: usize = 1000;
/// A part of a path that occurs more often is a loop.
const MAX_EQUAL_PARTS: usize = 3;
/// Names of parameters that hold a session, in lower case; without them an address names the same page.
const SESSIONS: [&str; 6] = ["phpsessid", "jsessionid", "sid", "sessionid", "session_id", "aspsessionid"];

impl Site {
    /// Whether an address is wanted.
    pub fn wants(&self, url: &str) -> bool {
        let any = |patterns: &[String]| patterns.iter().any(|it| robots::matches(it.as_bytes(), url.as_bytes()));
        any(&self.allow) && !any(&self.deny)
    }

    /// The one spelling of an address under which it is remembered; none for what cannot be fetched or is a loop.
    pub fn address(base: Option<&Url>, link: &str) -> Option<Url> {
        let options = Url::options();
        let mut url = options.base_url(base).parse(link.trim()).ok()?;
        if !matches!(url.scheme(), "http" | "https") || !url.username().is_empty() || url.password().is_some() {
            return None;
        }
        url.set_fragment(None);
        if let Some((path, _)) = url.path().to_owned().split_once(";jsessionid=") {
            url.set_path(path);
        }
        if let Some(query) = url.query() {
            let is_session = |it: &&str| SESSIONS.contains(&it.split('=').next().unwrap_or("").to_lowercase().as_str());
            let kept: Vec<&str> = query.split('&').filter(|it| !it.is_empty() && !is_session(it)).collect();
            let kept = kept.join("&");
            url.set_query(Some(kept.as_str()).filter(|it| !it.is_empty()));
        }
        let parts: Vec<&str> = url.path().split('/').filter(|it| !it.is_empty()).collect();
        let is_loop = parts.iter().any(|part| parts.iter().filter(|it| *it == part).count() > MAX_EQUAL_PARTS);
        (url.as_str().len() <= MAX_ADDRESS_CHARS && !is_loop).then_some(url)
    }
}

/// Addresses that a page links to, or that a sitemap or feed lists, in their order.
pub(crate) fn links(base: &Url, text: &str) -> Vec<String> {
    let lower = text.to_ascii_lowercase();
    let mut found = Vec::new();
    let mut add = |link: &str| {
        let link = htmlize::unescape(link);
        found.extend(Site::address(Some(base), &link).map(String::from));
    };
    for (at, _) in lower.match_indices('<') {
        let rest = &text[at + 1..];
        let name_end = rest.find(|it: char| !it.is_ascii_alphanumeric()).unwrap_or(rest.len());
        match &lower[at + 1..][..name_end] {
            "loc" => {
                if let Some((_, link)) = rest.split_once('>') {
                    add(link.split('<').next().unwrap_or_default());
                }
            }
            "a" | "area" | "link" => {
                let tag_end = rest.find('>').unwrap_or(rest.len());
                let tag = &rest[name_end..tag_end];
                if lower[at + 1..][..tag_end].contains("nofollow") {
                    continue;
                }
                if let Some(value) = attribute(tag, "href") {
                    let is_page = name_end == 1 || attribute(tag, "rel").is_some_and(|it| it.contains("next"));
                    if is_page || &lower[at + 1..][..name_end] == "area" {
                        add(value);
                    }
                }
            }
            _ => {}
        }
    }
    found
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
    use super::*;

    #[test]
    fn links_are_found_and_sessions_taken_off() {
        let base = Url::parse("http://x.org/a/b").unwrap();
        let page = "<A class=q HREF=\"c?id=1&amp;PHPSESSID=9#top\">İ</a><a href='/病'>x</a><a rel=nofollow href=/n>\
                    <a href=mailto:a@b><a data-href=/no><loc>http://x.org/d</loc><link rel=next href=/p2><link href=/css>";
        let expected = ["http://x.org/a/c?id=1", "http://x.org/%E7%97%85", "http://x.org/d", "http://x.org/p2"];
        assert_eq!(links(&base, page), expected);
    }

    #[test]
    fn loops_are_no_addresses() {
        assert_eq!(Site::address(None, "http://x.org/a/a/a/a/"), None);
        assert_eq!(Site::address(None, &format!("http://x.org/{}", "a".repeat(1000))), None);
        assert!(Site::address(None, "http://x.org/a/b/a/c/a").is_some());
    }
}
