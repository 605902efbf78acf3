//! How a build tells how far it is, without knowing who listens.

/// Listens to a build. Called from many threads.
pub trait Progress: Sync {
    /// A step begins that will read so many bytes.
    fn begin(&self, step: &str, total_bytes: u64);
    /// Some of it is done: bytes of input, documents read and of these kept.
    fn advance(&self, bytes: u64, read: u64, kept: u64);
    /// The step is over.
    fn end(&self);
}

/// Listens to nothing.
pub struct Silent;

impl Progress for Silent {
    fn begin(&self, _: &str, _: u64) {}
    fn advance(&self, _: u64, _: u64, _: u64) {}
    fn end(&self) {}
}
