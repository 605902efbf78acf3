//! The header of a record of a web archive, in the formats WARC and ARC, and which records hold a page.

use std::borrow::Cow;

use document::FaultKind;
use memchr::memmem;

use crate::{
    Error,
    decompress::{START, Trouble, Window},
    fields::Record,
    http::{Broken, Response},
    stated_language,
};

/// How a record begins: the versions of the standard, and those of its drafts (0.17, 0.18), which have the same fields.
pub(crate) const MARKS: [&[u8]; 2] = [b"WARC/1.", b"WARC/0."];
pub(crate) const MARK_LENGTH: usize = MARKS[0].len();
pub(crate) const ARC_MARK: &[u8] = b"filedesc://";

/// The longest header. Common Crawl's have about 500 bytes; an address may have thousands.
pub(crate) const MAX_HEADER: usize = 64 << 10;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum RecordKind {
    Conversion,
    Response,
    Resource,
    #[default]
    Other,
}

/// What is used of a record's header.
#[derive(Default)]
pub(crate) struct Header {
    pub(crate) kind: RecordKind,
    pub(crate) content_length: Option<u64>,
    pub(crate) content_type: Option<String>,
    pub(crate) id: Option<String>,
    pub(crate) url: Option<String>,
    pub(crate) date: Option<String>,
    pub(crate) languages: Option<String>,
}

impl Header {
    fn parse(bytes: &[u8]) -> Header {
        let mut header = Header::default();
        for line in String::from_utf8_lossy(bytes).lines().skip(1) {
            let Some((name, value)) = line.split_once(':') else { continue };
            let value = value.trim();
            let is = |wanted: &str| name.trim().eq_ignore_ascii_case(wanted);
            if is("warc-type") {
                header.kind = match value.to_ascii_lowercase().as_str() {
                    "conversion" => RecordKind::Conversion,
                    "response" => RecordKind::Response,
                    "resource" => RecordKind::Resource,
                    _ => RecordKind::Other,
                };
            } else if is("content-length") {
                header.content_length = value.parse().ok();
            } else if is("content-type") {
                header.content_type = Some(value.to_ascii_lowercase());
            } else if is("warc-record-id") {
                header.id = Some(value.to_owned());
            } else if is("warc-target-uri") {
                // Some writers of WARC 1.0 put the address in angle brackets, as its grammar had it by mistake.
                header.url = Some(value.trim_matches(['<', '>']).to_owned());
            } else if is("warc-date") {
                header.date = Some(value.to_owned());
            } else if is("warc-identified-content-language") {
                header.languages = Some(value.to_owned());
            }
        }
        header
    }

    pub(crate) fn record<'a>(&self, text: Cow<'a, str>) -> Record<'a> {
        Record {
            text,
            id: self.id.clone().map(Cow::Owned),
            url: self.url.clone().map(Cow::Owned),
            date: self.date.clone().map(Cow::Owned),
            language: self
                .languages
                .as_deref()
                .filter(|_| self.kind == RecordKind::Conversion)
                .and_then(stated_language::only_one),
            licence: None,
        }
    }
}

/// A record that holds a page with text.
pub(crate) struct Page<'a> {
    pub(crate) response: Option<Response<'a>>,
    pub(crate) media_type: String,
    pub(crate) charset: Option<&'a str>,
}

impl<'a> Page<'a> {
    /// None for images, redirects, errors, robots.txt and whatever else has no main text.
    pub(crate) fn of(header: &Header, content: &'a [u8]) -> Option<Page<'a>> {
        let is_web = header.url.as_deref().is_some_and(|url| {
            url.get(..4).is_some_and(|it| it.eq_ignore_ascii_case("http")) || header.kind == RecordKind::Resource
        });
        if !is_web || header.url.as_deref().is_some_and(|url| url.ends_with("/robots.txt")) {
            return None;
        }
        let (response, stated) = match header.kind {
            RecordKind::Response => {
                let response = Response::parse(content)?;
                if response.status != 200 {
                    return None;
                }
                let stated = response.header("content-type");
                (Some(response), stated)
            }
            _ => (None, None),
        };
        let resource_type = header.content_type.as_deref().filter(|_| response.is_none());
        let media_type = stated.or(resource_type).unwrap_or("");
        let media_type = media_type.split(';').next().unwrap_or("").trim().to_ascii_lowercase();
        let is_text = matches!(media_type.as_str(), "text/html" | "application/xhtml+xml" | "text/plain" | "");
        if !is_text {
            return None;
        }
        let charset = stated.and_then(|stated| {
            let (_, value) = stated
                .split(';')
                .skip(1)
                .filter_map(|it| it.split_once('='))
                .find(|(name, _)| name.trim().eq_ignore_ascii_case("charset"))?;
            Some(value.trim().trim_matches(['"', '\'']))
        });
        Some(Page { response, media_type, charset })
    }

    pub(crate) fn body(&self, content: &'a [u8], limit: usize) -> Result<Cow<'a, [u8]>, Broken> {
        match &self.response {
            Some(response) => response.body(limit),
            None => Ok(Cow::Borrowed(content)),
        }
    }
}

/// Whether a record of the file's format begins with these bytes.
pub(crate) fn begins_record(bytes: &[u8], is_arc: bool) -> bool {
    match is_arc {
        true => memchr::memchr(b'\n', bytes).is_some_and(|end| arc_line(&bytes[..end]).is_some()),
        false => MARKS.iter().any(|mark| bytes.starts_with(mark)),
    }
}

/// Whether a file is in the older format; cut ones lack the record about the file.
pub(crate) fn is_arc(window: &mut Window) -> Result<bool, Error> {
    window.fill(START).or_else(Trouble::machine)?;
    let bytes = window.bytes();
    Ok(bytes.starts_with(ARC_MARK) || !bytes.starts_with(b"WARC/") && begins_record(bytes, true))
}

pub(crate) fn warc_header(window: &mut Window) -> Result<(usize, Header), Trouble> {
    if !begins_record(window.bytes(), false) {
        return Err(damaged("no WARC record begins here"));
    }
    let length = header_length(window)?;
    Ok((length, Header::parse(&window.bytes()[..length])))
}

/// The line that begins a record of an ARC file: address, host, date, media type and, at the end, length.
pub(crate) fn arc_header(window: &mut Window) -> Result<(usize, Header), Trouble> {
    loop {
        let bytes = window.bytes();
        if let Some(end) = memchr::memchr(b'\n', bytes) {
            let header = arc_line(&bytes[..end]).ok_or_else(|| damaged("no ARC record begins here"))?;
            return Ok((end + 1, header));
        }
        if bytes.len() > MAX_HEADER {
            return Err(damaged("the record's header has no end"));
        }
        if window.more()? == 0 {
            return Err(Trouble::Content(FaultKind::Truncated, "the file ends inside a record's header".to_owned()));
        }
    }
}

pub(crate) fn arc_line(line: &[u8]) -> Option<Header> {
    let line = std::str::from_utf8(line).ok()?.trim_end();
    let words: Vec<&str> = line.split(' ').collect();
    let (url, length) = (*words.first()?, words.last()?.parse().ok()?);
    if words.len() < 5 || !url.contains(':') {
        return None;
    }
    // Some addresses hold spaces, so fields are counted from the end: host, date, type, length, or, in the second
    // version, seven more behind the type.
    let date = words.iter().rev().find(|it| it.len() == 14 && it.bytes().all(|byte| byte.is_ascii_digit()))?;
    let date =
        format!("{}-{}-{}T{}:{}:{}Z", &date[..4], &date[4..6], &date[6..8], &date[8..10], &date[10..12], &date[12..]);
    let kind = if url.starts_with("http") { RecordKind::Response } else { RecordKind::Other };
    Some(Header {
        kind,
        content_length: Some(length),
        url: Some(url.to_owned()),
        date: Some(date),
        ..Header::default()
    })
}

/// Length of the header with the empty line behind it.
pub(crate) fn header_length(window: &mut Window) -> Result<usize, Trouble> {
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

pub(crate) fn damaged(message: &str) -> Trouble {
    Trouble::Content(FaultKind::Damaged, message.to_owned())
}
