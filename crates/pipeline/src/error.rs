//! What stops a build.

/// Why a command of this crate failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Something in the data folders is wrong; found before any work.
    #[error(transparent)]
    Configuration(#[from] document::Problems),
    #[error(transparent)]
    Source(#[from] source::Error),
    #[error(transparent)]
    Store(#[from] store::Error),
    /// Some tasks failed; all others are in the ledger.
    #[error("{} of {total} tasks failed, the others are done; mend the cause and run the same command again:\n{}",
        failed.len(), failed.join("\n"))]
    Tasks { failed: Vec<String>, total: usize },
    /// A corpus of nothing is never what was wanted.
    #[error("nothing was kept of {read} documents read: {reasons}")]
    NothingKept { read: u64, reasons: String },
    #[error("there is no task {id:?}; `medcorpus plan` lists them{}",
        nearest.as_ref().map(|it| format!(", the nearest is {it:?}")).unwrap_or_default())]
    NoSuchTask { id: String, nearest: Option<String> },
    #[error("task {needed} has to be done before {task}")]
    NotReady { task: String, needed: String },
    /// A bug: some record was counted twice or not at all.
    #[error("task {task} read {read} records but accounts for {counted}; please report this")]
    Unaccounted { task: String, read: u64, counted: u64 },
    /// The guard was told to stop.
    #[error("removing the duplicates was stopped, since it looks like a mistake; see duplicates/ for who repeats whom, \
        then set other limits, or none to stop at:\n{}",
        findings.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
    Guard { findings: Vec<store::Finding> },
    /// Documents are numbered with 32 bits.
    #[error("there are {documents} documents, and at most {} can be compared in one run", u32::MAX)]
    TooManyDocuments { documents: u64 },
    /// Reading books needs libraries, models and language packs.
    #[error("{0}")]
    Books(String),
    #[error("the threads of the build could not be started: {0}")]
    Threads(#[from] rayon::ThreadPoolBuildError),
}

impl From<document::DataFileError> for Error {
    fn from(error: document::DataFileError) -> Error {
        Error::Configuration(error.into())
    }
}

impl Error {
    /// For `map_err` at a call that touches a file of the scratch folder.
    pub(crate) fn scratch(path: &std::path::Path) -> impl FnOnce(std::io::Error) -> Error {
        let path = path.to_owned();
        move |error| store::Error::Io { path, error }.into()
    }

    /// Whether the user has to change what was asked for, before any work can be done.
    pub fn is_configuration(&self) -> bool {
        match self {
            Error::Configuration(_) | Error::NoSuchTask { .. } | Error::NotReady { .. } => true,
            Error::Source(error) => error.is_configuration(),
            _ => false,
        }
    }
}
