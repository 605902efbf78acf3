//! Books: PDF files, page images and EPUB become text by the page.
//!
//! Native code runs in worker processes ([`serve`]), which a [`Pool`] starts, limits and replaces; [`read()`] puts the
//! questions and makes a [`Book`] of the answers. Everything between is pure: characters become words, words lines and
//! columns, these paragraphs, whichever engine found them.

/// Rises when a book would be read differently: it is part of the fingerprint of what is built from books.
pub const VERSION: u32 = 6;

#[cfg(feature = "ocr")]
mod apostrophes;
#[cfg(feature = "ocr")]
mod bullets;
mod cache;
mod doses;
mod epub;
mod furniture;
#[cfg(feature = "ocr")]
mod ink;
#[cfg(any(feature = "ocr", feature = "ocr-onnx"))]
mod line_size;
#[cfg(feature = "pdf")]
mod page_font;
#[cfg(feature = "pdf")]
mod page_glyphs;
mod page_kind;
mod paragraphs;
#[cfg(feature = "pdf")]
mod pdf;
mod pool;
#[cfg(feature = "ocr-onnx")]
mod pp_ocr;
mod protocol;
#[cfg_attr(not(any(feature = "ocr", feature = "ocr-onnx")), expect(dead_code, reason = "only engines prepare a page"))]
mod raster;
mod read;
#[cfg_attr(
    all(not(test), not(any(feature = "pdf", feature = "ocr", feature = "ocr-onnx"))),
    expect(dead_code, reason = "only engines and PDF give words")
)]
mod reading_order;
mod replay;
mod routing;
mod sample;
mod shape;
mod signs;
#[cfg(feature = "ocr")]
mod tesseract;
#[cfg(feature = "pdf")]
mod text_layer;
#[cfg(feature = "pdf")]
mod text_run;
mod trouble;
#[cfg_attr(
    all(not(test), not(any(feature = "pdf", feature = "ocr", feature = "ocr-onnx"))),
    expect(dead_code, reason = "only engines and PDF give words")
)]
mod words;
mod worker;

pub use cache::Cache;
pub use doses::Doses;
pub use page_kind::{KeptOut, PageRule};
pub use paragraphs::{Paragraph, Role};
pub use pool::{Limits, Pool};
pub use protocol::{BookFormat, Engine, Places, has_pp_ocr};
pub use read::{
    Book, Engines, Identify, Method, OcrLanguage, Page, PageOutcome, Reading, Words, digest_file, format_of, read,
};
pub use replay::{Difference, difference};
pub use sample::sampled;
pub use shape::{Area, Column, Line, Shape};
pub use trouble::Trouble;
pub use worker::serve;
