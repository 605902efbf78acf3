//! What stops an audit.

/// Why an audit could not be made. What it *finds* is no error.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Source(#[from] source::Error),
    #[error(transparent)]
    Store(#[from] store::Error),
    #[error("{path}: there is no manifest.json; this is no finished build: run the build again, or audit the files")]
    NoManifest { path: String },
}

impl Error {
    /// Whether the user named something that is not there or is no corpus.
    pub fn is_configuration(&self) -> bool {
        match self {
            Error::Source(error) => error.is_configuration(),
            Error::Store(_) => false,
            Error::NoManifest { .. } => true,
        }
    }
}
