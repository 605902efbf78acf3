//! What a book looks like, by a few of its pages: so that a book that comes in two files is found before it is read.

use std::{collections::BTreeSet, path::Path};

use document::{Digest, Hasher};

use super::{
    pool::Pool,
    protocol::{BookFormat, Reply, Request},
    trouble::Trouble,
};

/// Pages that are looked at, evenly over the book.
const SAMPLED: u32 = 5;
/// Of these so many must show something, each something else, or the book says too little of itself.
const TELLING: usize = 3;

/// A digest of the number of pages and of some of them as they are drawn, the same for files that differ in nothing that a
/// reader sees, such as a PDF that was saved again. None for EPUB, for a file that cannot be opened, and for one whose
/// pages show too little.
/// # Errors
/// Fails if something is missing here, whatever the book.
pub fn sampled(pool: &mut Pool, path: &Path, format: BookFormat) -> Result<Option<Digest>, Trouble> {
    if format == BookFormat::Epub {
        return Ok(None);
    }
    let pages = match pool.open(path, format) {
        Ok(Reply::Opened { pages, .. }) if (1..=pool.limits().pages).contains(&pages) => pages,
        Ok(_) | Err(Trouble::Content(..)) => return Ok(None),
        Err(trouble) => return Err(trouble),
    };
    let requests: Vec<Request> = places(pages).map(|page| Request::Look { page }).collect();
    let mut hasher = Hasher::default();
    hasher.field(&pages.to_le_bytes());
    let mut telling = BTreeSet::new();
    for reply in pool.ask(path, format, &requests)? {
        match reply {
            Reply::Looked { digest } => {
                hasher.field(&digest.map_or(0, |digest| digest.0).to_le_bytes());
                telling.extend(digest);
            }
            Reply::Trouble(Trouble::Content(..)) => return Ok(None),
            Reply::Trouble(trouble) => return Err(trouble),
            _ => return Err(Trouble::machine("a worker answered something else than was asked")),
        }
    }
    Ok((telling.len() >= TELLING.min(pages as usize)).then(|| hasher.finish()))
}

/// The pages that are looked at, counted from 0.
fn places(pages: u32) -> impl Iterator<Item = u32> {
    let count = SAMPLED.min(pages);
    (0..count).map(move |number| (u64::from(pages) * u64::from(2 * number + 1) / u64::from(2 * count)) as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_are_taken_evenly_and_each_once() {
        assert_eq!(places(1).collect::<Vec<_>>(), [0]);
        assert_eq!(places(4).collect::<Vec<_>>(), [0, 1, 2, 3]);
        assert_eq!(places(100).collect::<Vec<_>>(), [10, 30, 50, 70, 90]);
    }
}
