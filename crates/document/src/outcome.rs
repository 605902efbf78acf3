//! What can become of a document: kept, rejected for a reason, or failed by a fault. There is no fourth.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Why a stage rejects a document: which rule, and the value that met the limit.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Reason {
    /// Name of the stage, as in `medcorpus stages`.
    pub stage: &'static str,
    /// The pattern that was found, such as `too_few_keywords`.
    pub rule: &'static str,
    /// What was measured, in the unit of the rule.
    pub value: f64,
    /// What would have been allowed, in the same unit.
    pub limit: f64,
}

/// What one stage says of one document.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Verdict {
    Keep,
    Reject(Reason),
}

/// What is wrong with a record that could not be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FaultKind {
    /// The bytes do not follow their own format.
    Damaged,
    /// The file ends inside a record.
    Truncated,
    /// The text is not valid UTF-8.
    InvalidUtf8,
    /// The record has no text: the field is absent, null or of another type.
    MissingText,
    /// A limit on bytes stopped the reading.
    TooLarge,
    /// The container is of a kind that is not read (encrypted, compressed twice).
    Unsupported,
}

impl FaultKind {
    /// The name as it is written in the output.
    pub fn as_str(self) -> &'static str {
        match self {
            FaultKind::Damaged => "damaged",
            FaultKind::Truncated => "truncated",
            FaultKind::InvalidUtf8 => "invalid_utf8",
            FaultKind::MissingText => "missing_text",
            FaultKind::TooLarge => "too_large",
            FaultKind::Unsupported => "unsupported",
        }
    }
}

/// Trouble with one record of an input: it costs that record and nothing else.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fault {
    pub kind: FaultKind,
    /// `path#place`, as `Origin::locator` writes it.
    pub place: String,
    /// What was found and what can be done about it: lower case, no full stop.
    pub message: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}: {}", self.place, self.kind.as_str(), self.message)
    }
}

/// What became of one record.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    Kept,
    Rejected(Reason),
    Failed(Fault),
}
