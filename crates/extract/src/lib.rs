//! Turns HTML and books into plain text: the main text of a page and what it says about itself; [`book`] is a world of
//! its own, and holds all the native code there is.
//!
//! [`decode`] makes characters of bytes, [`page`] makes a [`Page`] of them. Both are pure and deterministic, and the work
//! is bounded by [`Limits`], never by a clock.
//!
//! How the main text is found: every run of text gets a score, long sentences for and links and scraps against; the
//! smallest element that holds nearly all of the score is the text (`select`). Names of classes and structured data say
//! what to leave out before (`signals`) and, where several parts compete, which one is meant. That is how an article is
//! found. On other pages (forums, shops, lists, services) each block is judged by small decision trees that were learned
//! (`features`, `context`, `neighbours`, `learned`); what the rules found is one of the things they ask.
//!
//! ```
//! let html = "<title>Angina</title><nav><a href=/>Home</a></nav><h1>Angina</h1><p>Chest pain that comes with effort \
//!             and goes with rest is called stable angina, and it is treated with nitrates.</p><footer>© Clinic</footer>";
//! let page = extract::page(html, &extract::Limits::default());
//! assert_eq!(page.metadata.title.as_deref(), Some("Angina"));
//! assert!(page.text.contains("Chest pain") && page.text.ends_with("nitrates."));
//! ```

pub mod book;
mod by_selectors;
mod context;
mod css;
mod dom;
mod encoding;
mod features;
mod hidden;
mod learned;
mod measure;
mod metadata;
mod neighbours;
mod opt_out;
mod page_kind;
mod render;
mod select;
mod signals;
mod stated;
mod tag;
mod wide;

pub use by_selectors::{PageSelectors, next_page, page_by};
pub use css::Selectors;
pub use dom::Limits;
pub use encoding::{Decoded, count_mojibake, decode};
pub use metadata::Metadata;
pub use opt_out::{forbids_training, is_opt_out};

/// Rises when the text of some page changes: it is part of the fingerprint of what is built from pages.
pub const VERSION: u32 = 3;

/// How the text of a page was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// By the selectors of its site's description.
    Selectors,
    /// By the rules for pages of any site.
    MainText,
    /// It was text already.
    Plain,
}

impl Method {
    /// The name as it is written in the output.
    pub fn as_str(self) -> &'static str {
        match self {
            Method::Selectors => "selectors",
            Method::MainText => "main_text",
            Method::Plain => "plain",
        }
    }
}

/// A page as plain text.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Page {
    #[serde(flatten)]
    pub metadata: Metadata,
    /// The main text: a line for each block, an empty line between paragraphs. Empty where there is none.
    pub text: String,
    /// Whether a limit cut the page.
    pub cut: bool,
    pub method: Method,
    /// How often the text shows UTF-8 that was read as another encoding before it came here.
    pub mojibake: u64,
}

impl Page {
    /// A page that is text already.
    pub fn plain(text: &str) -> Page {
        let mut lines = String::with_capacity(text.len());
        for line in text.lines() {
            lines.push_str(line.trim_end());
            lines.push('\n');
        }
        let text = lines.trim_matches('\n').to_owned();
        Page { metadata: Metadata::default(), mojibake: count_mojibake(&text), text, cut: false, method: Method::Plain }
    }
}

/// What `tests/bench/train_blocks.py` learns from: of each block of a page its text, the numbers by which it is judged, and
/// the numbers of the groups that it is in.
#[doc(hidden)]
pub fn blocks(html: &str) -> Vec<(String, Vec<f32>, Vec<u32>)> {
    let dom = dom::Dom::parse(html, &Limits::default());
    let metadata = metadata::read(&dom);
    let measures = measure::Measures::of(&dom);
    let (texts, features) = select::numbers(&dom, &measures, &metadata);
    let numbers = features.rows.iter().zip(&features.groups);
    texts.into_iter().zip(numbers).map(|(text, (row, groups))| (text, row.to_vec(), groups.to_vec())).collect()
}

/// Extracts the main text of a page.
pub fn page(html: &str, limits: &Limits) -> Page {
    let dom = dom::Dom::parse(html, limits);
    let metadata = metadata::read(&dom);
    let measures = measure::Measures::of(&dom);
    let selection = select::select(&dom, &measures, &metadata);
    let text = render::render(&dom, &selection);
    let text = stated::or_stated(text, &metadata);
    let mojibake = count_mojibake(&text);
    Page { metadata, text, cut: dom.is_cut, method: Method::MainText, mojibake }
}
