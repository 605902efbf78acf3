//! Reads web archives and makes no text of them, for `tests/bench/warc.py`: `read_warc FILE…` prints the number of pages,
//! their bytes without chunks and content encodings, and the number of losses; each loss goes to standard error.

use std::{path::Path, sync::Arc};

use source::{Description, PageText, inputs, read_pages, splits};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (mut pages, mut bytes, mut losses) = (0u64, 0u64, 0u64);
    for path in std::env::args().skip(1) {
        let path = Path::new(&path);
        for input in inputs(&Description::anonymous(path), path)? {
            let container = Arc::new(input.container.clone());
            for split in splits(&input, u64::MAX)? {
                let mut count = |page: &source::WebPage<'_>| {
                    pages += 1;
                    bytes += page.body.len() as u64;
                    Ok(PageText::default())
                };
                read_pages(&input, &container, &split, &mut count, &mut |record| {
                    if let Err(fault) = record {
                        losses += 1;
                        eprintln!("{}: {}", fault.place, fault.message);
                    }
                })?;
            }
        }
    }
    println!("{pages} pages, {bytes} bytes, {losses} losses");
    Ok(())
}
