//! `medcorpus fetch`: a site into a web archive.

use std::{path::Path, time::Instant};

use document::DataFileError;
use fetch::{Progress, Settings, Site};

use crate::{
    arguments::FetchArguments,
    exit::{Exit, Failure},
    print::print_json,
};

/// So many pages lie between two lines of progress.
const PAGES_PER_LINE: u64 = 100;

pub fn run(arguments: &FetchArguments) -> Result<Exit, Failure> {
    let (name, site) = load(&arguments.source)?;
    let out = arguments.out.clone().unwrap_or_else(|| Path::new("raw").join(&name));
    let settings = Settings { contact: arguments.contact.clone(), allow_loopback: arguments.allow_loopback };
    let started = Instant::now();
    let mut report = |progress: &Progress| {
        if progress.requests.is_multiple_of(PAGES_PER_LINE) {
            let rate = progress.requests as f64 / started.elapsed().as_secs_f64().max(0.001);
            let Progress { pages, waiting, errors, .. } = progress;
            eprintln!("{pages} pages, {waiting} waiting, {rate:.2} requests a second, errors {errors:?}");
        }
    };
    let done = fetch::crawl(&site, &out, &settings, &mut report)
        .map_err(|error| Failure { exit: exit_of(&error), message: error.to_string() })?;
    print_json(&done)?;
    if done.pages == 0 {
        let message = format!("nothing was fetched; errors by kind: {:?}", done.errors);
        return Err(Failure { exit: Exit::Failed, message });
    }
    Ok(Exit::Done)
}

fn exit_of(error: &fetch::Error) -> Exit {
    match error {
        fetch::Error::Contact(_) => Exit::Configuration,
        fetch::Error::Folder(_) | fetch::Error::Io(_) => Exit::Failed,
    }
}

fn load(path: &Path) -> Result<(String, Site), Failure> {
    let wrong = |message: String| {
        let message = DataFileError::whole(path.display().to_string(), message).to_string();
        Failure { exit: Exit::Configuration, message }
    };
    let description = source::Description::load(path).map_err(|error| wrong(error.to_string()))?;
    let table = description.fetch.ok_or_else(|| wrong("has no table [fetch]; say there where to begin".into()))?;
    let site = serde_json::from_value(table).map_err(|error| wrong(format!("[fetch]: {error}")))?;
    Ok((description.name, site))
}
