//! `medcorpus extract --replay`: whether the pages of books still give the text that was once taken from them.

use std::{
    collections::BTreeMap,
    fs,
    io::{self, BufRead, Write},
    path::{Path, PathBuf},
};

use extract::book::{Book, Difference, PageOutcome, Trouble, difference, format_of};
use serde::{Deserialize, Serialize};

use crate::{
    arguments::ExtractArguments,
    exit::{Exit, Failure},
    extract_books::{reader, wrong},
};

/// What is on record: a page as `extract` writes it, or a row of a corpus.
#[derive(Deserialize)]
struct Record {
    text: String,
    /// Digest of the book's file; a page has it as `digest`, a row of a corpus as `container_digest`.
    #[serde(alias = "container_digest")]
    digest: Option<String>,
    page: Option<u32>,
    /// `path#page=3` or `path#pages=3-9`.
    locator: Option<String>,
}

/// The pages that a record holds.
#[derive(Clone, Copy)]
struct Pages {
    first: u32,
    last: u32,
    /// Whether it is a page on its own, not the kept text of a book.
    is_page: bool,
}

impl Record {
    fn pages(&self) -> Option<Pages> {
        if let Some(page) = self.page {
            return Some(Pages { first: page, last: page, is_page: true });
        }
        let (_, place) = self.locator.as_deref()?.rsplit_once('#')?;
        let (_, numbers) = place.split_once('=').filter(|(kind, _)| matches!(*kind, "page" | "pages"))?;
        let (first, last) = numbers.split_once('-').unwrap_or((numbers, numbers));
        Some(Pages { first: first.parse().ok()?, last: last.parse().ok()?, is_page: false })
    }
}

/// One line of the output.
#[derive(Serialize)]
struct Answer<'a> {
    file: &'a str,
    first_page: u32,
    last_page: u32,
    same: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    difference: Option<Difference>,
    /// Why nothing could be compared.
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<String>,
}

/// Reads the pages on record again, each from its image where an engine has read it, and compares.
pub fn run(
    arguments: &ExtractArguments,
    record: &Path,
    files: &[PathBuf],
    out: &mut dyn Write,
) -> Result<Exit, Failure> {
    let records = load(record)?;
    let mut by_digest: BTreeMap<String, &PathBuf> = BTreeMap::new();
    for file in files {
        let digest = extract::book::digest_file(file).map_err(|error| wrong(format!("{}: {error}", file.display())))?;
        by_digest.entry(digest.to_string()).or_insert(file);
    }
    let reader = reader(&arguments.books)?;
    let mut pool = reader.forgetful_pool(arguments.jobs());
    let mut books: BTreeMap<&str, Vec<(&Record, Pages)>> = BTreeMap::new();
    for (number, record_line) in &records {
        let place = || format!("{}:{number}", record.display());
        let digest = record_line.digest.as_deref();
        let digest = digest.ok_or_else(|| wrong(format!("{}: has no digest of a book's file", place())))?;
        let pages = record_line.pages().ok_or_else(|| wrong(format!("{}: names no page of a book", place())))?;
        books.entry(digest).or_default().push((record_line, pages));
    }
    let mut differs = false;
    for (digest, wanted) in books {
        let path = by_digest.get(digest);
        let file = path.map_or(digest.to_owned(), |path| path.display().to_string());
        let book = match path {
            None => Err("none of the files has this digest: it was changed, or is not among them".to_owned()),
            Some(path) => {
                let mut anew: Vec<u32> = wanted.iter().flat_map(|(_, pages)| pages.first..=pages.last).collect();
                anew.sort_unstable();
                anew.dedup();
                let format = format_of(path).ok_or_else(|| wrong(format!("{}: is no book", path.display())))?;
                match reader.read_anew(&mut pool, path, format, &anew) {
                    Ok(book) => Ok(book),
                    Err(Trouble::Content(_, message)) => Err(message),
                    Err(Trouble::Missing(message) | Trouble::Machine(message)) => return Err(wrong(message)),
                }
            }
        };
        for (recorded, pages) in wanted {
            let answer = answer(&file, recorded, pages, &book);
            differs |= !answer.same;
            serde_json::to_writer(&mut *out, &answer).map_err(io::Error::from)?;
            out.write_all(b"\n")?;
        }
    }
    out.flush()?;
    Ok(if differs { Exit::Differs } else { Exit::Done })
}

fn answer<'a>(file: &'a str, recorded: &Record, pages: Pages, book: &Result<Book, String>) -> Answer<'a> {
    let derived = book.as_ref().map_err(String::clone).and_then(|book| match pages.is_page {
        false => Ok(book.text()),
        true => {
            let page = book.pages.iter().find(|page| page.number == pages.first);
            let page = page.ok_or_else(|| format!("the book has no page {}", pages.first))?;
            match &page.outcome {
                PageOutcome::Failed(_, message) => Err(message.clone()),
                _ => Ok(page.text()),
            }
        }
    });
    let (difference, message) = match derived {
        Ok(derived) => (difference(&recorded.text, &derived), None),
        Err(message) => (None, Some(message)),
    };
    Answer {
        file,
        first_page: pages.first,
        last_page: pages.last,
        same: difference.is_none() && message.is_none(),
        difference,
        message,
    }
}

/// The records with their lines, counted from 1. A line that tells of a file or page that failed has no text to compare.
fn load(path: &Path) -> Result<Vec<(usize, Record)>, Failure> {
    let cannot = |error: io::Error| wrong(format!("{}: {error}", path.display()));
    let mut records = Vec::new();
    for (index, line) in io::BufReader::new(fs::File::open(path).map_err(cannot)?).lines().enumerate() {
        let line = line.map_err(cannot)?;
        let value: serde_json::Value = serde_json::from_str(&line)
            .map_err(|error| wrong(format!("{}:{}: is no JSON ({error})", path.display(), index + 1)))?;
        if value.get("fault").is_some() {
            continue;
        }
        let record = serde_json::from_value(value)
            .map_err(|error| wrong(format!("{}:{}: is no record of a page ({error})", path.display(), index + 1)))?;
        records.push((index + 1, record));
    }
    Ok(records)
}
