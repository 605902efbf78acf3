//! What can go wrong with our own files.

use std::{io, path::PathBuf};

/// Trouble with a file of a build.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("{}: {error}", path.display())]
    Io { path: PathBuf, error: io::Error },
    #[error("{}: {error}", path.display())]
    Parquet { path: PathBuf, error: parquet::errors::ParquetError },
    #[error("{}: {error}", path.display())]
    Arrow { path: PathBuf, error: arrow_schema::ArrowError },
    /// A file of a build that some other version or hand has written.
    #[error("{}: {message}; delete the output folder to build again", path.display())]
    Format { path: PathBuf, message: String },
}

impl Error {
    /// For `map_err` at a call that touches `path`.
    pub(crate) fn io(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Error {
        let path = path.into();
        move |error| Error::Io { path, error }
    }

    pub(crate) fn parquet(path: impl Into<PathBuf>) -> impl FnOnce(parquet::errors::ParquetError) -> Error {
        let path = path.into();
        move |error| Error::Parquet { path, error }
    }

    pub(crate) fn arrow(path: impl Into<PathBuf>) -> impl FnOnce(arrow_schema::ArrowError) -> Error {
        let path = path.into();
        move |error| Error::Arrow { path, error }
    }
}
