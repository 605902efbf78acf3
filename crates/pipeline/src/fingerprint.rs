//! Fingerprints: a digest of everything that the result of a piece of work depends on, and of nothing else.

use document::{Digest, Hasher};

/// Rises when the engine itself would make other bytes of the same inputs and settings.
const ENGINE_VERSION: u32 = 1;

/// Collects what a piece of work depends on.
pub(crate) struct Fingerprint(Hasher);

impl Fingerprint {
    /// Begins the fingerprint of a piece of work of this kind.
    pub fn of(kind: &str) -> Fingerprint {
        let mut hasher = Hasher::default();
        hasher.field(kind.as_bytes());
        hasher.field(&ENGINE_VERSION.to_le_bytes());
        Fingerprint(hasher)
    }

    /// Adds something that is text, or that has a text form which tells it from all others.
    pub fn with(mut self, value: impl ToString) -> Fingerprint {
        self.0.field(value.to_string().as_bytes());
        self
    }

    /// Adds something by its JSON form.
    pub fn with_json(self, value: &impl serde::Serialize) -> Fingerprint {
        self.with(serde_json::to_string(value).expect("settings have text keys and finite numbers"))
    }

    /// The fingerprint.
    pub fn finish(self) -> Digest {
        self.0.finish()
    }
}
