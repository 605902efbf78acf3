//! Finds exact and near duplicates, and proves each pair.
//!
//! 1. [`Signer::sign`] makes of each text a digest of its normal form and the hashes of its MinHash bands.
//! 2. [`decide`] lets equal digests and shared bands *propose* pairs, verifies each by the Jaccard similarity of the
//!    shingles, and removes a document only in favour of one that is itself kept. There are no chains: if a is like b and
//!    b like c, but a not like c, then a and c both stay.
//!
//! Documents are numbered in the order of preference (source rank, then the order of the plan); of duplicates the lowest
//! number stays. The result depends on the numbers and the texts alone, never on the order of arrival.

mod decide;
mod shingles;
mod signature;

pub use decide::{Decision, DuplicateKind, Removal, candidates, decide};
pub use shingles::{Shingle, Shingles};
pub use signature::{Settings, Signature, Signer};
