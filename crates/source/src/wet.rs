//! WET files: WARC files in which `conversion` records hold the text of web pages.
//! Format: ISO 28500:2017; commoncrawl.org/get-started, "WET format".

use std::{borrow::Cow, sync::Arc};

use document::{Container, FaultKind, Place};
use memchr::memmem;

use crate::{
    Error, Input,
    decompress::{Trouble, Window},
    fields::Record,
    json_lines::whole_file,
    split::Visit,
    stated_language, text_file,
};

/// How a record begins.
const MARK: &[u8] = b"WARC/1.";

/// The longest header. Common Crawl's have about 500 bytes; an address may have thousands.
const MAX_HEADER: usize = 64 << 10;

/// A file is read as one split, since records can only be found by following one another. Records of other types are
/// passed over and not counted. Where the bytes are no record, reading goes on at the next line that begins one, and
/// what lies between is one fault.
pub(crate) fn read(input: &Input, container: &Arc<Container>, visit: Visit<'_>) -> Result<(), Error> {
    let mut window = match Window::open(&input.path) {
        Ok(window) => window,
        Err(trouble) => return whole_file(input, trouble, visit),
    };
    loop {
        let offset = window.offset();
        let trouble = match read_record(input, container, &mut window, visit) {
            Ok(true) => continue,
            Ok(false) => return Ok(()),
            Err(Trouble::Machine(error)) => return Err(error),
            Err(trouble) => trouble,
        };
        let lost_stream = match find_next(&mut window, offset) {
            Ok(()) => false,
            Err(Trouble::Machine(error)) => return Err(error),
            // The same trouble once more, if it was the stream's; it has been found either way.
            Err(Trouble::Content(..)) => true,
        };
        if let Trouble::Content(kind, message) = trouble {
            let length = window.offset() - offset;
            visit(Err(input.fault(kind, &Place::Bytes { offset, length }, message)));
        }
        if lost_stream && !window.resume()? {
            return Ok(());
        }
    }
}

/// Reads one record and says whether there was one.
fn read_record(
    input: &Input,
    container: &Arc<Container>,
    window: &mut Window,
    visit: Visit<'_>,
) -> Result<bool, Trouble> {
    skip_newlines(window)?;
    let offset = window.offset();
    window.fill(MARK.len())?;
    if window.bytes().is_empty() {
        return window.more().map(|_| false);
    }
    if !window.bytes().starts_with(MARK) {
        return Err(damaged("no WARC record begins here"));
    }
    let header_length = header_length(window)?;
    let header = Header::parse(&window.bytes()[..header_length]);
    let Some(content_length) = header.content_length else {
        return Err(damaged("the record states no Content-Length"));
    };
    let place = Place::Bytes { offset, length: (header_length as u64).saturating_add(content_length) };
    let is_wanted = header.is_conversion;
    let limit = input.limits.document_bytes();
    if !is_wanted || content_length > limit as u64 {
        window.consume(header_length);
        pass_over(window, content_length)?;
        check_end(window)?;
        if is_wanted {
            let what = format!("a text of {content_length} bytes");
            visit(Err(input.fault(FaultKind::TooLarge, &place, input.limits.too_large(&what))));
        }
        return Ok(true);
    }
    let length = header_length + content_length as usize;
    // Four bytes more: the empty lines that end a record. They are looked at before the record is believed, since a
    // wrong length would cut the text or swallow the records behind it.
    window.fill(length + 4 + MARK.len())?;
    if window.bytes().len() < length {
        window.more()?;
        return Err(Trouble::Content(FaultKind::Truncated, "the file ends inside the record".to_owned()));
    }
    if !ends_well(&window.bytes()[length..]) {
        return Err(damaged("the record does not end where its Content-Length says"));
    }
    let content = &window.bytes()[header_length..length];
    visit(text_file::text(input, content, &place).and_then(|text| {
        let record = Record {
            text: text.into(),
            id: header.id.map(Cow::Owned),
            url: header.url.map(Cow::Owned),
            date: header.date.map(Cow::Owned),
            language: header.languages.as_deref().and_then(stated_language::only_one),
        };
        input.document(container, place, record)
    }));
    window.consume(length);
    Ok(true)
}

/// What is used of a record's header.
#[derive(Default)]
struct Header {
    is_conversion: bool,
    content_length: Option<u64>,
    id: Option<String>,
    url: Option<String>,
    date: Option<String>,
    languages: Option<String>,
}

impl Header {
    fn parse(bytes: &[u8]) -> Header {
        let mut header = Header::default();
        for line in String::from_utf8_lossy(bytes).lines().skip(1) {
            let Some((name, value)) = line.split_once(':') else { continue };
            let value = value.trim();
            match name.trim().to_ascii_lowercase().as_str() {
                "warc-type" => header.is_conversion = value.eq_ignore_ascii_case("conversion"),
                "content-length" => header.content_length = value.parse().ok(),
                "warc-record-id" => header.id = Some(value.to_owned()),
                // Some writers of WARC 1.0 put the address in angle brackets, as its grammar had it by mistake.
                "warc-target-uri" => header.url = Some(value.trim_matches(['<', '>']).to_owned()),
                "warc-date" => header.date = Some(value.to_owned()),
                "warc-identified-content-language" => header.languages = Some(value.to_owned()),
                _ => {}
            }
        }
        header
    }
}

/// Length of the header with the empty line behind it.
fn header_length(window: &mut Window) -> Result<usize, Trouble> {
    let mut searched = 0;
    loop {
        let bytes = window.bytes();
        let ends = [memmem::find(&bytes[searched..], b"\r\n\r\n"), memmem::find(&bytes[searched..], b"\n\n")];
        match ends {
            [Some(long), short] if short.is_none_or(|short| long < short) => return Ok(searched + long + 4),
            [_, Some(short)] => return Ok(searched + short + 2),
            _ => {}
        }
        searched = bytes.len().saturating_sub(3);
        if bytes.len() > MAX_HEADER {
            return Err(damaged("the record's header has no end"));
        }
        if window.more()? == 0 {
            return Err(Trouble::Content(FaultKind::Truncated, "the file ends inside a record's header".to_owned()));
        }
    }
}

fn damaged(message: &str) -> Trouble {
    Trouble::Content(FaultKind::Damaged, message.to_owned())
}

fn skip_newlines(window: &mut Window) -> Result<(), Trouble> {
    loop {
        let newlines = window.bytes().iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
        window.consume(newlines);
        if !window.bytes().is_empty() || window.more()? == 0 {
            return Ok(());
        }
    }
}

fn pass_over(window: &mut Window, mut count: u64) -> Result<(), Trouble> {
    loop {
        let here = window.bytes().len().min(usize::try_from(count).unwrap_or(usize::MAX));
        window.consume(here);
        count -= here as u64;
        if count == 0 {
            return Ok(());
        }
        if window.more()? == 0 {
            return Err(Trouble::Content(FaultKind::Truncated, "the file ends inside the record".to_owned()));
        }
    }
}

fn check_end(window: &mut Window) -> Result<(), Trouble> {
    window.fill(4 + MARK.len())?;
    match ends_well(window.bytes()) {
        true => Ok(()),
        false => Err(damaged("the record does not end where its Content-Length says")),
    }
}

/// Whether what follows a record's content is the end of a record: two empty lines, or, from careless writers, fewer
/// and then the next record or the end of the file.
fn ends_well(behind: &[u8]) -> bool {
    if behind.starts_with(b"\r\n\r\n") {
        return true;
    }
    let behind = behind.trim_ascii_start();
    behind.is_empty() || behind.starts_with(&MARK[..behind.len().min(MARK.len())])
}

/// Moves to the next line that begins a record, not at `offset` itself, or to the end.
fn find_next(window: &mut Window, offset: u64) -> Result<(), Trouble> {
    if window.offset() == offset && !window.bytes().is_empty() {
        window.consume(1);
    }
    loop {
        let found = memmem::find_iter(window.bytes(), MARK).find(|at| match at.checked_sub(1) {
            Some(before) => window.bytes()[before] == b'\n',
            None => false,
        });
        if let Some(at) = found {
            window.consume(at);
            return Ok(());
        }
        let keep = window.bytes().len().min(MARK.len());
        window.consume(window.bytes().len() - keep);
        if window.more()? == 0 {
            window.consume(window.bytes().len());
            return Ok(());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{
        Description,
        decompress::tests::{file, gzip},
        inputs,
        split::tests::read_bytes,
    };

    fn record(kind: &str, text: &str, more: &str) -> Vec<u8> {
        let length = text.len();
        format!("WARC/1.0\r\nWARC-Type: {kind}\r\n{more}Content-Length: {length}\r\n\r\n{text}\r\n\r\n").into_bytes()
    }

    fn page(text: &str) -> Vec<u8> {
        record("conversion", text, "WARC-Target-URI: http://a.example/\r\n")
    }

    #[test]
    fn a_conversion_record_is_a_document_with_its_header() {
        let more = "WARC-Target-URI: http://a.example/心\r\nWARC-Date: 2020-09-06T23:23:06Z\r\n\
                    WARC-Record-ID: <urn:uuid:861c>\r\nWARC-Identified-Content-Language: jpn\r\n";
        let info = record("warcinfo", "Software-Info: x\r\n", "");
        let bytes = [info.clone(), record("conversion", "心筋\n梗塞", more)].concat();
        let file = file(&bytes);
        let mut input = inputs(&Description::anonymous(file.path()), file.path()).unwrap().remove(0);
        input.container.path = "a.wet".to_owned();
        let container = Arc::new(input.container.clone());
        let mut seen = Vec::new();
        read(&input, &container, &mut |record| {
            let document = record.unwrap();
            let language = document.declared_language.unwrap().to_string();
            seen.push((document.id.into_owned(), document.url.unwrap().into_owned(), language));
            assert_eq!((&*document.text, document.date.as_deref()), ("心筋\n梗塞", Some("2020-09-06T23:23:06Z")));
            assert_eq!(
                document.origin.locator(),
                format!("a.wet#bytes={}+{}", info.len(), bytes.len() - info.len() - 4)
            );
        })
        .unwrap();
        assert_eq!(seen, [("<urn:uuid:861c>".to_owned(), "http://a.example/心".to_owned(), "ja".to_owned())]);
    }

    #[test]
    fn damage_between_records_costs_one_fault_and_reading_goes_on() {
        let broken = page("длина").iter().map(|byte| if *byte == b'L' { b'X' } else { *byte }).collect();
        let long = String::from_utf8(page("вторая")).unwrap().replace("Length: 12", "Length: 30").into_bytes();
        let noise = b"\x00\xff garbage WARC/1.0 in a line\r\n".to_vec();
        let parts = [page("первая"), broken, page("третья"), long, page("пятая"), noise, page("шестая")];
        let (texts, faults) = read_bytes("a.wet", &parts.concat());
        assert_eq!(texts, ["первая", "третья", "пятая", "шестая"]);
        let messages: Vec<&str> = faults.iter().map(|it| it.message.as_str()).collect();
        let expected = [
            "the record states no Content-Length",
            "the record does not end where its Content-Length says",
            "no WARC record begins here",
        ];
        assert_eq!(messages, expected);
    }

    #[test]
    fn a_cut_file_delivers_what_came_before() {
        let bytes = [page("一"), page("二")].concat();
        let (texts, faults) = read_bytes("a.wet", &bytes[..bytes.len() - 6]);
        assert_eq!((texts, faults.len(), faults[0].kind), (vec!["一".to_owned()], 1, FaultKind::Truncated));
    }

    #[test]
    fn a_broken_gzip_member_costs_its_record() {
        let noise: String =
            (0..9000u32).map(|it| char::from(b'a' + (it.wrapping_mul(40_503) >> 7) as u8 % 26)).collect();
        let mut broken = gzip(&page(&noise));
        let middle = broken.len() / 2;
        broken[middle..middle + 99].fill(0xaa);
        let members = [gzip(&page("до")), broken, gzip(&page("после"))].concat();
        let (texts, faults) = read_bytes("a.warc.wet.gz", &members);
        assert_eq!(texts, ["до", "после"]);
        assert_eq!((faults.len(), faults[0].kind), (1, FaultKind::Damaged), "{faults:?}");
    }

    #[test]
    fn a_page_over_the_limit_is_passed_over() {
        let bytes = [page(&"x".repeat(11 << 20)), page("後")].concat();
        let (texts, faults) = read_bytes("a.wet", &bytes);
        assert_eq!((texts, faults.len(), faults[0].kind), (vec!["後".to_owned()], 1, FaultKind::TooLarge));
    }

    proptest::proptest! {
        #[test]
        fn no_damage_makes_it_panic_or_deliver_more(at in 0usize..300, byte: u8, cut in 0usize..300) {
            let mut bytes = [page("первая"), page("вторая"), page("третья")].concat();
            let index = at % bytes.len();
            bytes[index] = byte;
            bytes.truncate(bytes.len() - cut % 200);
            let (texts, _) = read_bytes("a.wet", &bytes);
            proptest::prop_assert!(texts.len() <= 3);
        }
    }
}
