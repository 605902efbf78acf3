//! `medcorpus fetch`: a site into a web archive.

use std::{
    io::IsTerminal,
    path::Path,
    time::{Duration, Instant},
};

use document::DataFileError;
use fetch::{Progress, Settings, Site};
use indicatif::{ProgressBar, ProgressStyle};
use pipeline::SiteRules;

use crate::{
    arguments::FetchArguments,
    exit::{Exit, Failure},
    print::print_json,
};

/// Where standard error is no terminal, so many seconds lie between two lines of progress.
const LINE_EVERY: Duration = Duration::from_secs(10);

pub fn run(arguments: &FetchArguments) -> Result<Exit, Failure> {
    let (description, rules) = SiteRules::load(&arguments.source)?;
    let wrong = |message: String| {
        let message = DataFileError::whole(arguments.source.display().to_string(), message).to_string();
        Failure { exit: Exit::Configuration, message }
    };
    let Some(fetch) = &description.fetch else {
        return Err(wrong("has no table [fetch]; say there where to begin".into()));
    };
    let site = Site {
        name: &description.name,
        fetch,
        pages: rules.selectors(),
        one_document: description.page.as_ref().is_some_and(|it| it.one_document),
    };
    let out = arguments.out.clone().unwrap_or_else(|| Path::new("raw").join(&description.name));
    let settings = Settings {
        contact: arguments.contact.clone(),
        allow_loopback: arguments.allow_loopback,
        refresh: arguments.refresh,
        with_consent: arguments.with_consent,
    };
    let mut shown = Shown::new();
    let done = fetch::crawl(&site, &out, &settings, &mut |progress| shown.show(progress));
    shown.bar.finish_and_clear();
    let done = done.map_err(|error| match error {
        fetch::Error::Contact(_) | fetch::Error::Consent(_) => wrong(error.to_string()),
        fetch::Error::Folder(_) | fetch::Error::Io(_) => Failure { exit: Exit::Failed, message: error.to_string() },
    })?;
    print_json(&done)?;
    if done.pages == 0 {
        let message = format!("nothing was fetched; errors by kind: {:?}", done.errors);
        return Err(Failure { exit: Exit::Failed, message });
    }
    Ok(Exit::Done)
}

/// Progress on standard error: on a terminal a line that changes with each request, elsewhere one every few seconds.
struct Shown {
    bar: ProgressBar,
    started: Instant,
    last_line: Instant,
}

impl Shown {
    fn new() -> Shown {
        let bar = if std::io::stderr().is_terminal() { ProgressBar::new_spinner() } else { ProgressBar::hidden() };
        let style = ProgressStyle::with_template("{spinner} {elapsed} {wide_msg}");
        bar.set_style(style.expect("the template is sound"));
        let now = Instant::now();
        Shown { bar, started: now, last_line: now }
    }

    fn show(&mut self, progress: &Progress) {
        let line = || {
            let rate = progress.requests as f64 / self.started.elapsed().as_secs_f64().max(0.001);
            let Progress { pages, waiting, errors, archive_bytes, .. } = progress;
            let megabytes = *archive_bytes as f64 / 1e6;
            let errors: Vec<String> = errors.iter().map(|(kind, count)| format!("{count} × {kind}")).collect();
            let errors = if errors.is_empty() { "no errors".to_owned() } else { errors.join(", ") };
            format!("{pages} pages, {waiting} waiting, {megabytes:.1} MB, {rate:.2} requests a second, {errors}")
        };
        if !self.bar.is_hidden() {
            self.bar.set_message(line());
            self.bar.tick();
        } else if self.last_line.elapsed() >= LINE_EVERY {
            eprintln!("{}", line());
            self.last_line = Instant::now();
        }
    }
}
