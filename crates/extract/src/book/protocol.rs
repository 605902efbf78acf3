//! What the main program and its workers say to each other: one JSON value a line, a question and its answer in turn.

use std::path::PathBuf;

use document::Digest;
use serde::{Deserialize, Serialize};

use super::{shape::Shape, signs::Signs, trouble::Trouble};

/// Where a worker finds what it loads, and what it may use.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Places {
    /// PDFium's library, if one is asked for.
    pub pdfium: Option<PathBuf>,
    /// Folder with the second engine's library and models, if it is there.
    pub models: Option<PathBuf>,
    /// Folder with Tesseract's language packs, if not its own.
    pub tessdata: Option<PathBuf>,
    /// Folder that remembers what engines have read, by the page's image.
    pub cache: Option<PathBuf>,
    /// Memory that a worker may address.
    pub memory_bytes: u64,
}

/// How a file holds its pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BookFormat {
    Pdf,
    /// PNG, JPEG or TIFF: one page.
    Image,
    Epub,
}

/// An engine that reads page images.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Engine {
    Tesseract,
    PpOcr,
}

impl Engine {
    /// The name as it is written in the output.
    pub fn as_str(self) -> &'static str {
        match self {
            Engine::Tesseract => "tesseract",
            Engine::PpOcr => "pp_ocr",
        }
    }
}

/// Files that the second engine needs, in the folder of models.
pub const PP_OCR_FILES: [&str; 3] = ["libonnxruntime.so", "pp_ocr_detect.onnx", "pp_ocr_recognise.onnx"];

/// Whether the second engine can be used with what is in a folder.
pub fn has_pp_ocr(models: &std::path::Path) -> bool {
    cfg!(feature = "ocr-onnx") && PP_OCR_FILES.iter().all(|name| models.join(name).is_file())
}

/// How much of a page is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Extent {
    Page,
    /// A few lines out of its middle, to see how the page reads.
    Sample,
    /// Fewer, to see its language.
    Glimpse,
}

/// A question to a worker.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Request {
    /// Open a file; all that follow are about it.
    Open { path: PathBuf, format: BookFormat },
    /// The text layer of a page, counted from 0.
    Text { page: u32 },
    /// What a page, counted from 0, looks like.
    Look { page: u32 },
    /// Read the image of a page. `packs` are Tesseract's language packs, joined by `+`.
    Recognise { page: u32, engine: Engine, packs: String, extent: Extent },
}

/// An answer of a worker.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reply {
    Opened {
        pages: u32,
        form: bool,
        attachments: u32,
    },
    Text {
        shape: Shape,
        signs: Signs,
    },
    /// The digest of the page as it is drawn; none, if nothing is on it.
    Looked {
        digest: Option<Digest>,
    },
    Recognised {
        shape: Shape,
    },
    Trouble(Trouble),
}
