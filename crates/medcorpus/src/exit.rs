//! The exit codes, in one table.

use std::{fmt, process::ExitCode};

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    Done = 0,
    DoneWithDamage = 1,
    Configuration = 2,
    Differs = 3,
    Failed = 4,
}

/// The table, for `--help`.
pub const TABLE: &str = "Exit codes:
  0  done
  1  done, but some tasks or records failed (they are listed)
  2  configuration or usage is wrong; nothing was done
  3  an audit, a check or the guard of duplicates found something
  4  failed: nothing that can be used came out";

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(exit as u8)
    }
}

/// A message for standard error, and the exit code that goes with it.
#[derive(Debug)]
pub struct Failure {
    pub exit: Exit,
    pub message: String,
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.message)
    }
}

impl From<document::Problems> for Failure {
    fn from(problems: document::Problems) -> Failure {
        Failure { exit: Exit::Configuration, message: problems.to_string() }
    }
}

impl From<pipeline::Error> for Failure {
    fn from(error: pipeline::Error) -> Failure {
        let exit = match &error {
            error if error.is_configuration() => Exit::Configuration,
            pipeline::Error::Tasks { .. } => Exit::DoneWithDamage,
            pipeline::Error::Guard { .. } => Exit::Differs,
            _ => Exit::Failed,
        };
        Failure { exit, message: error.to_string() }
    }
}

impl From<audit::Error> for Failure {
    fn from(error: audit::Error) -> Failure {
        let exit = if error.is_configuration() { Exit::Configuration } else { Exit::Failed };
        Failure { exit, message: error.to_string() }
    }
}

impl From<onboard::Error> for Failure {
    fn from(error: onboard::Error) -> Failure {
        Failure { exit: Exit::Configuration, message: error.to_string() }
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Failure {
        Failure { exit: Exit::Failed, message: format!("cannot write: {error}") }
    }
}
