//! Writing to standard output, also when nobody reads to the end.

use std::io::{self, ErrorKind, Write};

use crate::exit::{Exit, Failure};

/// Prints text. A reader that has gone away (`| head`) is no failure.
pub fn print(text: &str) -> Result<Exit, Failure> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(Exit::Done),
        result => Ok(result.map(|()| Exit::Done)?),
    }
}

/// Prints a value as indented JSON.
pub fn print_json(value: &impl serde::Serialize) -> Result<Exit, Failure> {
    let text = serde_json::to_string_pretty(value).map_err(io::Error::from)?;
    print(&(text + "\n"))
}
