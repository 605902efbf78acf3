//! A file that is one book: its text is made elsewhere, by whoever can read such files.

use std::{borrow::Cow, sync::Arc};

use document::{Container, Document, Fault, FaultKind, LanguageCode, Place};

use crate::{Input, fields::Record};

/// The document of a book whose text was made out of these pages.
/// # Errors
/// Fails with a fault if the text is longer than the source's description allows.
pub fn book<'a>(
    input: &Input,
    container: &Arc<Container>,
    pages: Place,
    text: &'a str,
    language: Option<LanguageCode>,
) -> Result<Document<'a>, Fault> {
    // Which pages are kept may change with the program; the book stays the same document.
    let id = Some(Cow::Owned(format!("{}:{}", container.source, container.path)));
    input.document(container, pages, Record { id, text: text.into(), language, ..Record::default() })
}

/// What is wrong with a book, or with a page of it.
pub fn book_fault(input: &Input, page: Option<u32>, kind: FaultKind, message: &str) -> Fault {
    let place = page.map_or(Place::Whole, |page| Place::Pages { first: page, last: page });
    input.fault(kind, &place, message)
}
