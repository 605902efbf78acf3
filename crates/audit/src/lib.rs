//! Measures any corpus and reports it.
//!
//! A corpus of ours is audited by its manifest, which [`verify`] holds against the files. Of any other corpus
//! ([`foreign`]) the records are read and counted as they stand.

mod composition;
mod error;
mod foreign;
mod verify;

pub use composition::{Audit, SourceAudit, of_build};
pub use error::Error;
pub use foreign::of_files;
pub use store::Composition;
pub use verify::{Difference, verify};
