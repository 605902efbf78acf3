//! What can go wrong with a book: its content, which costs a page or the book, or the machine, which ends the work.

use document::FaultKind;
use serde::{Deserialize, Serialize};

/// Why something could not be read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Trouble {
    /// A fault of the file or of a page of it.
    Content(FaultKind, String),
    /// A language pack is missing here: pages in that language cannot be read, others can.
    Missing(String),
    /// Something is missing or does not work here, whatever the file.
    Machine(String),
}

impl Trouble {
    pub fn content(kind: FaultKind, message: impl Into<String>) -> Trouble {
        Trouble::Content(kind, message.into())
    }

    pub fn machine(message: impl Into<String>) -> Trouble {
        Trouble::Machine(message.into())
    }

    /// What was found and what can be done about it.
    pub fn message(&self) -> &str {
        match self {
            Trouble::Content(_, message) | Trouble::Missing(message) | Trouble::Machine(message) => message,
        }
    }
}
