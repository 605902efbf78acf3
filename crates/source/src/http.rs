//! HTTP responses as they lie in web archives: header, chunks, content encodings.
//!
//! Archives disagree with their headers: Common Crawl stores bodies dechunked and decompressed and keeps the headers, so
//! a body that does not look as its header says is taken as it is.

use std::{borrow::Cow, io::Read};

use memchr::memmem;

/// A response, as far as its text is wanted.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Response<'a> {
    pub status: u16,
    pub headers: Vec<(&'a str, &'a str)>,
    body: &'a [u8],
}

/// Why a body could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Broken {
    /// It unpacks to more than this many bytes.
    TooLarge(usize),
    /// The name of the encoding that it does not follow.
    Damaged(&'static str),
}

/// The longest header of a response.
const MAX_HEADER: usize = 256 << 10;

impl<'a> Response<'a> {
    /// None if the bytes do not begin with the header of a response.
    pub fn parse(content: &'a [u8]) -> Option<Response<'a>> {
        if !content.starts_with(b"HTTP/") && !content.starts_with(b"ICY ") {
            return None;
        }
        let start = &content[..content.len().min(MAX_HEADER)];
        let (header, body_at) = match (memmem::find(start, b"\r\n\r\n"), memmem::find(start, b"\n\n")) {
            (Some(long), short) if short.is_none_or(|short| long < short) => (&start[..long], long + 4),
            (_, Some(short)) => (&start[..short], short + 2),
            _ => (start, start.len()),
        };
        let mut lines = header.split(|byte| *byte == b'\n').map(|line| line.trim_ascii());
        let status = std::str::from_utf8(lines.next()?).ok()?.split_ascii_whitespace().nth(1)?.parse().ok()?;
        let headers = lines.take(1000).filter_map(|line| {
            let (name, value) = std::str::from_utf8(line).ok()?.split_once(':')?;
            Some((name.trim(), value.trim()))
        });
        Some(Response { status, headers: headers.collect(), body: &content[body_at..] })
    }

    /// The first header of this name.
    pub fn header(&self, name: &str) -> Option<&'a str> {
        self.headers.iter().find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| *value)
    }

    /// The body without chunks and content encodings, of at most `limit` bytes.
    pub fn body(&self, limit: usize) -> Result<Cow<'a, [u8]>, Broken> {
        let mut body = Cow::Borrowed(self.body);
        let is_chunked = self.header("transfer-encoding").is_some_and(|it| it.to_ascii_lowercase().contains("chunked"));
        if is_chunked && let Some(whole) = dechunk(self.body) {
            body = Cow::Owned(whole);
        }
        let encodings: Vec<String> = self
            .headers
            .iter()
            .filter(|(name, _)| name.eq_ignore_ascii_case("content-encoding"))
            .flat_map(|(_, value)| value.split(',').map(|it| it.trim().to_ascii_lowercase()))
            .collect();
        // The last one was applied last. Nobody applies more than three in earnest.
        for encoding in encodings.iter().rev().take(3) {
            body = unpack(body, encoding, limit)?;
        }
        if body.len() > limit {
            return Err(Broken::TooLarge(limit));
        }
        Ok(body)
    }
}

/// The body of a chunked message; what there is of it, where it ends too early. None if it is not chunked at all.
fn dechunk(body: &[u8]) -> Option<Vec<u8>> {
    let mut whole = Vec::with_capacity(body.len());
    let mut rest = body;
    loop {
        let end = memchr::memchr(b'\n', &rest[..rest.len().min(4096)]);
        let line = end.map(|end| rest[..end].trim_ascii());
        let size = line.and_then(|line| {
            let digits = line.split(|byte| *byte == b';').next()?.trim_ascii();
            usize::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
        });
        let (Some(end), Some(size)) = (end, size) else {
            return (!whole.is_empty()).then_some(whole);
        };
        rest = &rest[end + 1..];
        if size == 0 {
            return Some(whole);
        }
        let here = size.min(rest.len());
        whole.extend_from_slice(&rest[..here]);
        rest = &rest[here..];
        rest = rest.strip_prefix(b"\r").unwrap_or(rest);
        rest = rest.strip_prefix(b"\n").unwrap_or(rest);
        if rest.is_empty() {
            return Some(whole);
        }
    }
}

fn unpack<'a>(body: Cow<'a, [u8]>, encoding: &str, limit: usize) -> Result<Cow<'a, [u8]>, Broken> {
    let is_markup = body.trim_ascii_start().first() == Some(&b'<');
    let unpacked = match encoding {
        "gzip" | "x-gzip" if body.starts_with(&[0x1f, 0x8b]) => {
            read_all(flate2::read::MultiGzDecoder::new(&body[..]), limit, "gzip")
        }
        "deflate" if !is_markup && !body.is_empty() => {
            match read_all(flate2::read::ZlibDecoder::new(&body[..]), limit, "deflate") {
                Err(Broken::Damaged(_)) => read_all(flate2::read::DeflateDecoder::new(&body[..]), limit, "deflate"),
                result => result,
            }
        }
        "zstd" if body.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]) => match zstd::stream::read::Decoder::new(&body[..]) {
            Ok(decoder) => read_all(decoder, limit, "zstd"),
            Err(_) => Err(Broken::Damaged("zstd")),
        },
        "br" if !is_markup && !body.is_empty() => {
            match read_all(brotli_decompressor::Decompressor::new(&body[..], 64 << 10), limit, "brotli") {
                // Brotli has no mark by which to know it; text that was unpacked before looks like text.
                Err(Broken::Damaged(_)) if body.len() > 8 && std::str::from_utf8(&body).is_ok() => return Ok(body),
                result => result,
            }
        }
        _ => return Ok(body),
    };
    unpacked.map(Cow::Owned)
}

/// All that comes out, and what came before an error, if that was anything.
fn read_all(reader: impl Read, limit: usize, encoding: &'static str) -> Result<Vec<u8>, Broken> {
    let mut out = Vec::new();
    let result = reader.take(limit as u64 + 1).read_to_end(&mut out);
    if out.len() > limit {
        return Err(Broken::TooLarge(limit));
    }
    match result {
        Err(_) if out.is_empty() => Err(Broken::Damaged(encoding)),
        _ => Ok(out),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decompress::tests::gzip;

    fn body(headers: &str, body: &[u8]) -> Result<Vec<u8>, Broken> {
        let content = [format!("HTTP/1.1 200 OK\r\n{headers}\r\n").as_bytes(), body].concat();
        Response::parse(&content).unwrap().body(1000).map(Cow::into_owned)
    }

    #[test]
    fn a_response_has_a_status_headers_and_a_body() {
        let response = Response::parse(b"HTTP/1.0 404 Not Found\nContent-Type: text/html\nX\n\nnone").unwrap();
        assert_eq!((response.status, response.header("content-type")), (404, Some("text/html")));
        assert_eq!(&*response.body(9).unwrap(), b"none");
        assert_eq!(response.body(3), Err(Broken::TooLarge(3)));
        assert!(Response::parse(b"<html>").is_none() && Response::parse(b"HTTP/").is_none());
    }

    #[test]
    fn bodies_are_unpacked_where_they_are_packed() {
        let text = "心筋梗塞".as_bytes();
        let chunked = [b"6;x=y\r\n", &text[..6], b"\r\n6\r\n", &text[6..], b"\r\n0\r\n\r\n"].concat();
        assert_eq!(body("Transfer-Encoding: chunked\r\n", &chunked).unwrap(), text);
        assert_eq!(body("Transfer-Encoding: chunked\r\n", text).unwrap(), text);
        assert_eq!(body("Content-Encoding: gzip\r\n", &gzip(text)).unwrap(), text);
        assert_eq!(body("Content-Encoding: gzip\r\n", text).unwrap(), text);
        assert_eq!(body("Content-Encoding: br\r\n", text).unwrap(), text);
        assert_eq!(body("Content-Encoding: zstd\r\n", &zstd::encode_all(text, 1).unwrap()).unwrap(), text);
        let both = [b"8\r\n", &gzip(text)[..8], b"\r\n", b"fff\r\n", &gzip(text)[8..]].concat();
        assert_eq!(body("Content-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n", &both).unwrap(), text);
    }

    #[test]
    fn a_bomb_is_stopped_by_the_limit() {
        let bomb = gzip(&vec![b'x'; 1 << 20]);
        assert_eq!(body("Content-Encoding: gzip\r\n", &bomb), Err(Broken::TooLarge(1000)));
        assert_eq!(body("Content-Encoding: gzip\r\n", b"\x1f\x8bnone"), Err(Broken::Damaged("gzip")));
    }
}
