//! `medcorpus extract`: the text of web pages and of books, one JSON object a page.

use std::{
    fs::File,
    io::{self, ErrorKind, Write},
    path::{Path, PathBuf},
};

use pipeline::ExtractedPage;

use crate::{
    arguments::ExtractArguments,
    exit::{Exit, Failure},
    extract_books, replay,
};

pub fn run(arguments: &ExtractArguments) -> Result<Exit, Failure> {
    let rules = match &arguments.source {
        Some(file) => pipeline::SiteRules::load(file)?.1,
        None => pipeline::SiteRules::default(),
    };
    let books = extract_books::books(&arguments.paths)?;
    let out: Box<dyn Write> = match &arguments.json {
        Some(path) if path != Path::new("-") => Box::new(File::create(path).map_err(|error| Failure {
            exit: Exit::Configuration,
            message: format!("{}: cannot be written ({error}); name a file in a folder that exists", path.display()),
        })?),
        // The books' text itself is asked for.
        None if arguments.books.book => Box::new(io::sink()),
        _ => Box::new(io::stdout().lock()),
    };
    let mut out = io::BufWriter::with_capacity(1 << 20, out);
    if let Some(record) = &arguments.books.replay {
        return replay::run(arguments, record, &books, &mut out);
    }
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
    let others: Vec<PathBuf> = arguments.paths.iter().filter(|path| !books.contains(path)).cloned().collect();
    pipeline::extract_pages(&others, arguments.jobs(), &rules, &mut write)?;
    let web_pages = pages + faults > 0;
    let mut read_books = 0;
    if !books.is_empty() {
        let losses;
        (read_books, losses) = extract_books::run(arguments, &books, &mut out)?;
        faults += losses;
    }
    match written.and_then(|()| out.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => {}
        result => result?,
    }
    if web_pages || books.is_empty() {
        eprintln!("{pages} pages, {with_text} with text, {faults} faults");
    }
    Ok(match (pages + read_books, faults) {
        (_, 0) => Exit::Done,
        (0, _) => Exit::Failed,
        _ => Exit::DoneWithDamage,
    })
}
