//! Reads web archives and makes no text of them, for `tests/bench/warc.py` and `warc_damage.py`: `read_warc FILE…` prints
//! the number of pages, their bytes without chunks and content encodings, and the number of losses; `read_warc --list
//! FILE…` the address of each page and each record with text. Each loss goes to standard error.

use std::{
    io::{Write, stdout},
    path::Path,
    sync::Arc,
};

use source::{Description, PageText, inputs, read_pages, splits};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut paths: Vec<String> = std::env::args().skip(1).collect();
    let is_list = paths.first().is_some_and(|it| it == "--list");
    paths.drain(..usize::from(is_list));
    let mut out = stdout().lock();
    let (mut pages, mut bytes, mut losses) = (0u64, 0u64, 0u64);
    for path in &paths {
        let path = Path::new(path);
        for input in inputs(&Description::anonymous(path), path)? {
            let container = Arc::new(input.container.clone());
            for split in splits(&input, u64::MAX)? {
                let mut count = |page: &source::WebPage<'_>| {
                    pages += 1;
                    bytes += page.body.len() as u64;
                    Ok(PageText::default())
                };
                let mut addresses = Vec::new();
                read_pages(&input, &container, &split, &mut count, &mut |record| match record {
                    Ok(document) if is_list => addresses.push(document.url.unwrap_or_default().into_owned()),
                    Ok(_) => {}
                    Err(fault) => {
                        losses += 1;
                        eprintln!("{}: {}", fault.place, fault.message);
                    }
                })?;
                for address in addresses {
                    writeln!(out, "{address}")?;
                }
            }
        }
    }
    if !is_list {
        writeln!(out, "{pages} pages, {bytes} bytes, {losses} losses")?;
    }
    Ok(())
}
