//! The nouns that every crate shares: a document, where it came from, how it scored, and why it was rejected.
//!
//! This crate defines vocabulary and does nothing else: no input or output, no thread, no clock.
//!
//! ```
//! use document::{Outcome, Reason, Tally, Tallies};
//!
//! let mut tallies = Tallies::default();
//! let size = Tally { documents: 1, bytes: 9, chars: 9, tokens: 0 };
//! let reason = Reason { stage: "count_keywords", rule: "too_few_keywords", value: 1.0, limit: 4.0 };
//! tallies.add(None, &Outcome::Rejected(reason), size);
//! assert_eq!(tallies.read(), size);
//! assert_eq!(tallies.read(), tallies.kept() + tallies.rejected() + tallies.failed());
//! ```

mod data_file;
mod digest;
mod language;
mod origin;
mod outcome;
mod record;
mod scores;
mod tally;

pub use data_file::{DataFileError, Problems, nearest, parse_toml, with_suggestion};
pub use digest::{Digest, Hasher};
pub use language::{InvalidLanguageCode, LanguageCode};
pub use origin::{Container, Kind, Origin, Place};
pub use outcome::{Fault, FaultKind, Outcome, Reason, Verdict};
pub use record::Document;
pub use scores::Scores;
pub use tally::{OutcomeKey, Tallies, Tally};
