//! What can go wrong while a language is brought in.

/// Trouble with the labels, the folder or the model; each message names the place and the remedy.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file cannot be read or written.
    #[error("{path}: {message}")]
    File { path: String, message: String },
    /// The labels do not allow what is asked of them.
    #[error("{0}")]
    Labels(String),
    /// The model could not be trained.
    #[error("the classifier cannot be trained: {0}")]
    Training(String),
    /// The language's own folder is wrong.
    #[error(transparent)]
    Folder(#[from] document::Problems),
}

impl Error {
    pub(crate) fn file(path: &std::path::Path, message: impl std::fmt::Display) -> Error {
        Error::File { path: path.display().to_string(), message: message.to_string() }
    }
}
