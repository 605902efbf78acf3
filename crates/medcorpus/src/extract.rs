//! `medcorpus extract`: the main text of web pages, one JSON object a page.

use std::{
    fs::File,
    io::{self, ErrorKind, Write},
};

use pipeline::ExtractedPage;

use crate::{
    arguments::ExtractArguments,
    exit::{Exit, Failure},
};

pub fn run(arguments: &ExtractArguments) -> Result<Exit, Failure> {
    let out: Box<dyn Write> = match &arguments.json {
        Some(path) => Box::new(File::create(path).map_err(|error| Failure {
            exit: Exit::Configuration,
            message: format!("{}: cannot be written ({error}); name a file in a folder that exists", path.display()),
        })?),
        None => Box::new(io::stdout().lock()),
    };
    let mut out = io::BufWriter::with_capacity(1 << 20, out);
    let (mut pages, mut with_text, mut faults) = (0u64, 0u64, 0u64);
    let mut written: io::Result<()> = Ok(());
    let mut write = |page: Result<ExtractedPage, document::Fault>| match page {
        Ok(page) => {
            pages += 1;
            with_text += u64::from(!page.page.text.is_empty());
            if written.is_ok() {
                written =
                    serde_json::to_writer(&mut out, &page).map_err(io::Error::from).and_then(|()| out.write_all(b"\n"));
            }
        }
        Err(fault) => {
            faults += 1;
            eprintln!("{}: {}: {}", fault.place, fault.kind.as_str(), fault.message);
        }
    };
    pipeline::extract_pages(&arguments.paths, arguments.jobs(), &mut write)?;
    match written.and_then(|()| out.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => {}
        result => result?,
    }
    eprintln!("{pages} pages, {with_text} with text, {faults} faults");
    Ok(match (pages, faults) {
        (_, 0) => Exit::Done,
        (0, _) => Exit::Failed,
        _ => Exit::DoneWithDamage,
    })
}
