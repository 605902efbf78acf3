//! Finds exact and near duplicates, and proves each pair.
//!
//! 1. [`Signer`] makes of each text a digest of its normal form and the hashes of the bands of its sketch.
//! 2. Equal digests are exact copies. Documents that share a band or an address ([`canonical_url`]) are *proposed* to each
//!    other ([`propose`]).
//! 3. [`Comparer`] makes [`Evidence`] of the texts that were proposed, and computes the Jaccard similarity of two.
//! 4. [`Decider`] removes a document only in favour of one that is itself kept and that it was compared with. There are no
//!    chains: if a is like b and b like c, but a not like c, then a and c both stay. Nor does it remove what is merely
//!    the same template filled in with other names and numbers, unless asked to.
//!
//! Apart from that, [`Boilerplate`] says which paragraphs recur on a site, and [`Cut`] what a text is without them.
//!
//! Documents are numbered in the order of preference; of duplicates the lowest number stays. The result depends on the
//! numbers and the texts alone, never on the order of arrival. Whoever calls keeps bands and evidence, in memory or on disk.

mod boilerplate;
mod datatrove;
mod decide;
mod evidence;
mod normal;
mod shingles;
mod signature;
mod sketch;
mod url;
mod words;

pub use boilerplate::{Boilerplate, Cut, ParagraphReader, site_of};
pub use datatrove::{BUCKET_VALUES, BUCKETS, DatatroveSignature, DatatroveSigner};
pub use decide::{Decider, DuplicateKind, Proposal, Refusal, RefusalReason, Removal, propose};
pub use evidence::{Comparer, Comparison, Evidence};
pub use shingles::Shingle;
pub use signature::{Criterion, Guard, Settings, Signature, Signer, Templates, URL_MIN_SIMILARITY, UrlRule};
pub use url::canonical_url;
