//! What stops a source from being read at all: its description, or the machine. Trouble with content is a `Fault`.

use std::{io, path::PathBuf};

/// Configuration that does not fit the files, or input and output that failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The description under `sources/` is wrong.
    #[error(transparent)]
    Description(#[from] document::DataFileError),
    /// The file vanished, may not be read, or the disk failed.
    #[error("{}: {error}", path.display())]
    Io { path: PathBuf, error: io::Error },
    /// A pattern of `files` matches nothing.
    #[error("source {name}: no file below {} matches {pattern:?}; {found}", root.display())]
    NoMatch { name: String, root: PathBuf, pattern: String, found: String },
    /// Neither the name nor the first bytes tell the format.
    #[error("{}: the format is not recognised; set `format` in the source's description to one of {known}", path.display())]
    UnknownFormat { path: PathBuf, known: String },
    /// A list of records in web archives cannot be understood; `row` is counted from 1, and 0 stands for the whole list.
    #[error("{}: row {row}: {message}; a list has columns or keys filename, offset and length", path.display())]
    Index { path: PathBuf, row: u64, message: String },
    /// A list names web archives that are not there.
    #[error(
        "{count} of the {of} archives that the list names are not below {}, the first is {first}; fetch them, or take \
         their rows out of the list",
        root.display()
    )]
    MissingArchives { root: PathBuf, first: String, count: usize, of: usize },
    /// A column that the description names does not exist.
    #[error(
        "{}: there is no column {column:?} (fields.{field}){}; the columns are: {columns}",
        path.display(),
        suggestion.as_ref().map(|it| format!("; did you mean {it:?}?")).unwrap_or_default()
    )]
    MissingColumn { path: PathBuf, field: &'static str, column: String, suggestion: Option<String>, columns: String },
    /// A column that the description names cannot hold what it should.
    #[error("{}: column {column:?} (fields.{field}) is {found}; name a column of {expected}", path.display())]
    WrongColumnType { path: PathBuf, field: &'static str, column: String, found: String, expected: &'static str },
}

impl Error {
    /// Whether a description, a path or a name is wrong, and not the machine.
    pub fn is_configuration(&self) -> bool {
        match self {
            Error::Io { error, .. } => error.kind() == io::ErrorKind::NotFound,
            _ => true,
        }
    }

    /// For `map_err` at a call that touches `path`.
    pub(crate) fn io(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Error {
        let path = path.into();
        move |error| Error::Io { path, error }
    }
}
