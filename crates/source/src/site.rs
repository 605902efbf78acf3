//! What the description of a site says beyond that of a source: what is fetched (`[fetch]`), how its pages are read
//! (`[page]`), and saved pages that show it (`[[example]]`).

use std::fmt;

use document::LanguageCode;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::url_pattern::{complaint, matches_start};

/// `[fetch]`: where to begin, and where to stop.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fetch {
    /// Addresses to begin at.
    #[serde(default)]
    pub start: Vec<String>,
    /// Sitemaps (indexes and .gz too) and feeds (RSS, Atom), whose addresses count as starts.
    #[serde(default)]
    pub sitemaps: Vec<String>,
    /// Files that are fetched whole, into `downloads/` beside the archive.
    #[serde(default)]
    pub downloads: Vec<String>,
    /// Whole addresses that may be fetched; `*` stands for anything, `$` at the end for the end.
    #[serde(default)]
    pub allow: Vec<String>,
    /// What of these may not.
    #[serde(default)]
    pub deny: Vec<String>,
    /// Steps from a start.
    #[serde(default = "four")]
    pub max_depth: u32,
    /// Answers in one round.
    pub max_pages: u64,
    /// Of one answer.
    #[serde(default = "eight")]
    pub max_page_megabytes: u64,
    /// Of one file of `downloads`, which is held in memory while it is fetched.
    #[serde(default = "five_hundred")]
    pub max_download_megabytes: u64,
    /// Of the archive, as it is stored.
    pub max_archive_megabytes: Option<u64>,
    /// Between two requests, where robots.txt or slow answers do not ask for more.
    #[serde(default = "two")]
    pub delay_secs: f64,
    /// After so many hours robots.txt and tdmrep.json are asked for again; RFC 9309 (2.4) allows a day.
    #[serde(default = "a_day")]
    pub robots_hours: f64,
    /// Why nobody should fetch this site without asking: it has no open licence. It is not fetched before the user says
    /// that it may be.
    pub needs_consent: Option<String>,
}

fn two() -> f64 {
    2.0
}

fn a_day() -> f64 {
    24.0
}

fn four() -> u32 {
    4
}

fn eight() -> u64 {
    8
}

fn five_hundred() -> u64 {
    500
}

impl Fetch {
    /// Whether an address is wanted.
    pub fn wants(&self, url: &str) -> bool {
        let any = |patterns: &[String]| patterns.iter().any(|it| matches_start(it.as_bytes(), url.as_bytes()));
        any(&self.allow) && !any(&self.deny)
    }

    /// The key that cannot be right, and why.
    pub(crate) fn complaint(&self) -> Option<(&'static str, String)> {
        let Fetch { start, sitemaps, downloads, allow, deny, .. } = self;
        for (key, addresses) in [("start", start), ("sitemaps", sitemaps), ("downloads", downloads)] {
            if let Some(wrong) = addresses.iter().find(|it| !it.starts_with("http://") && !it.starts_with("https://")) {
                return Some((key, format!("`{key}` has {wrong:?}, which is no address that begins with http")));
            }
        }
        if start.is_empty() && sitemaps.is_empty() && downloads.is_empty() {
            return Some(("fetch", "[fetch] says nowhere to begin: name `start`, `sitemaps` or `downloads`".into()));
        }
        for (key, patterns) in [("allow", allow), ("deny", deny)] {
            if let Some(wrong) = patterns.iter().find_map(|it| complaint(it)) {
                return Some((key, format!("`{key}`: {wrong}")));
            }
        }
        if allow.is_empty() && downloads.is_empty() {
            return Some((
                "allow",
                "`allow` is empty, so nothing would be fetched; name a pattern of addresses".into(),
            ));
        }
        let sizes = [
            ("max_page_megabytes", self.max_page_megabytes),
            ("max_download_megabytes", self.max_download_megabytes),
            ("max_archive_megabytes", self.max_archive_megabytes.unwrap_or(1)),
            ("max_pages", self.max_pages),
        ];
        if let Some((key, value)) = sizes.into_iter().find(|(_, value)| !(1..=1 << 40).contains(value)) {
            return Some((key, format!("`{key}` = {value} must be above 0")));
        }
        if !(0.0..=3600.0).contains(&self.delay_secs) {
            return Some(("delay_secs", format!("`delay_secs` = {} must lie in 0..=3600", self.delay_secs)));
        }
        if !(0.0..=24.0).contains(&self.robots_hours) {
            return Some(("robots_hours", format!("`robots_hours` = {} must lie in 0..=24", self.robots_hours)));
        }
        if self.needs_consent.as_ref().is_some_and(|why| why.trim().is_empty()) {
            return Some(("needs_consent", "`needs_consent` is empty; say why the user has to ask".into()));
        }
        None
    }
}

/// `[page]`: how a page of this site is read. Selectors are tried in their order; the first that matches anything gives all
/// that it matches. Nothing here is needed to fetch but `next`, so other selectors ask the site for nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PageRules {
    /// The text.
    pub body: Vec<CssText>,
    pub title: Vec<CssText>,
    /// The day of publication or of the last change.
    pub date: Vec<CssText>,
    /// What is no text wherever it stands; all of them count.
    pub remove: Vec<CssText>,
    /// The link to the page that goes on. It is followed without a step of depth.
    pub next: Vec<CssText>,
    /// Whether the pages that `next` leads to are one document with the first.
    pub one_document: bool,
    /// What becomes of a page on which `body` matches nothing.
    pub unmatched: Unmatched,
    pub language: Vec<LanguageRule>,
    pub licence: Vec<LicenceRule>,
}

/// What becomes of a page on which no selector of `body` matches.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Unmatched {
    /// The rules for pages of any site find its text, and `page_method` says so.
    #[default]
    Extract,
    /// It is rejected: it is no page of the kind that is wanted.
    Reject,
}

/// `[[page.language]]`: the language of the pages whose addresses match; the first that matches decides.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LanguageRule {
    pub url: String,
    pub language: LanguageCode,
}

/// `[[page.licence]]`: the licence of the pages whose addresses match; the first that matches decides, and the source's
/// own holds for all others.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LicenceRule {
    pub url: String,
    pub licence: String,
    /// Where it is stated.
    pub evidence: String,
}

impl PageRules {
    /// The language that the address of a page declares.
    pub fn language_of(&self, url: &str) -> Option<LanguageCode> {
        let rule = self.language.iter().find(|it| matches_start(it.url.as_bytes(), url.as_bytes()));
        rule.map(|it| it.language)
    }

    /// The place of the licence that holds for a page, if it is another than its source's.
    pub fn licence_of(&self, url: &str) -> Option<usize> {
        self.licence.iter().position(|it| matches_start(it.url.as_bytes(), url.as_bytes()))
    }

    /// Every selector, to be told its line.
    pub(crate) fn selectors_mut(&mut self) -> impl Iterator<Item = &mut CssText> {
        let lists = [&mut self.body, &mut self.title, &mut self.date, &mut self.remove, &mut self.next];
        lists.into_iter().flatten()
    }

    /// The key that cannot be right, and why. Whether the selectors are CSS is for the one to say who reads pages.
    pub(crate) fn complaint(&self) -> Option<(&'static str, String)> {
        let patterns = self.language.iter().map(|it| &it.url).chain(self.licence.iter().map(|it| &it.url));
        if let Some(wrong) = patterns.into_iter().find_map(|it| complaint(it)) {
            return Some(("url", format!("`url`: {wrong}")));
        }
        if self.licence.iter().any(|it| it.licence.trim().is_empty() || it.evidence.trim().is_empty()) {
            return Some((
                "evidence",
                "[[page.licence]] needs `licence` and `evidence`, the page that states it".into(),
            ));
        }
        if self.one_document && self.next.is_empty() {
            return Some(("one_document", "`one_document` needs `next`, the link to the page that goes on".into()));
        }
        if self.unmatched == Unmatched::Reject && self.body.is_empty() {
            return Some(("unmatched", "`unmatched` needs `body`, a selector that can match".into()));
        }
        None
    }
}

/// A CSS selector as it is written, and where.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct CssText {
    pub text: String,
    /// Line of the description, counted from 1.
    pub line: usize,
    pub(crate) start: usize,
}

impl fmt::Debug for CssText {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:?}", self.text)
    }
}

impl Serialize for CssText {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

impl<'de> Deserialize<'de> for CssText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<CssText, D::Error> {
        let spanned = toml::Spanned::<String>::deserialize(deserializer)?;
        let start = spanned.span().start;
        Ok(CssText { text: spanned.into_inner(), line: 0, start })
    }
}

/// `[[example]]`: a saved page, which lies in the folder beside the description that has its name, and what must come out.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Example {
    /// Name in that folder.
    pub file: toml::Spanned<String>,
    /// The address that the page would have.
    pub url: String,
    /// What the text must contain.
    #[serde(default)]
    pub contains: Vec<String>,
    /// What it must not.
    #[serde(default)]
    pub lacks: Vec<String>,
    pub title: Option<String>,
    pub date: Option<String>,
    pub language: Option<LanguageCode>,
    pub licence: Option<String>,
    /// Where the page goes on, as a whole address.
    pub next: Option<String>,
    /// The rule by which the page is rejected, if it is to be.
    pub rejected: Option<String>,
    #[serde(skip)]
    pub line: usize,
}
