//! Bytes to characters, by the rules of the Encoding Standard and of HTML: a byte order mark, the server's word, the
//! page's own, and at last the detector that Firefox uses.
//!
//! One rule is added, since a corpus has no user who would notice: where the declared encoding makes errors or control
//! characters of the bytes and another one does not, the declaration is taken for the lie that it is.

use std::borrow::Cow;

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252, X_USER_DEFINED};

/// How many bytes the standard looks at for a declaration. Pages with longer scripts before it exist, so twice that.
const PRESCAN: usize = 2048;

/// A decoded page.
#[derive(Debug, Clone)]
pub struct Decoded<'a> {
    pub text: Cow<'a, str>,
    /// The encoding's name in the Encoding Standard.
    pub encoding: &'static str,
    /// Characters that could not be decoded.
    pub replaced: u64,
}

/// Decodes a page. `header` is the charset of the Content-Type header, if there was one.
pub fn decode<'a>(bytes: &'a [u8], header: Option<&str>) -> Decoded<'a> {
    if let Some((encoding, mark)) = Encoding::for_bom(bytes) {
        return decode_with(encoding, &bytes[mark..]);
    }
    if bytes.is_ascii() && !bytes.contains(&0x1b) {
        let declared = declared(bytes, header);
        if declared.is_none_or(|it| it.is_ascii_compatible()) {
            let encoding = declared.unwrap_or(WINDOWS_1252);
            // ASCII is the same in all of them; only hz and the like would not be.
            let text = std::str::from_utf8(bytes).map_or_else(|_| String::from_utf8_lossy(bytes), Cow::Borrowed);
            return Decoded { text, encoding: encoding.name(), replaced: 0 };
        }
    }
    let Some(declared) = declared(bytes, header) else { return decode_with(detect(bytes), bytes) };
    let decoded = decode_with(declared, bytes);
    if declared != UTF_8 && std::str::from_utf8(bytes).is_ok() {
        return decode_with(UTF_8, bytes);
    }
    let wrong = wrongness(&decoded);
    if wrong * 200 > decoded.text.len() as u64 || (wrong > 0 && decoded.text.len() < 400) {
        let other = decode_with(detect(bytes), bytes);
        if wrongness(&other) * 4 < wrong {
            return other;
        }
    }
    decoded
}

fn declared(bytes: &[u8], header: Option<&str>) -> Option<&'static Encoding> {
    let by_header = header.and_then(|label| Encoding::for_label(label.trim().as_bytes()));
    by_header.or_else(|| prescan(&bytes[..bytes.len().min(PRESCAN)]))
}

fn decode_with<'a>(encoding: &'static Encoding, bytes: &'a [u8]) -> Decoded<'a> {
    let (text, has_errors) = encoding.decode_without_bom_handling(bytes);
    let replaced = if has_errors { text.matches('\u{fffd}').count() as u64 } else { 0 };
    Decoded { text, encoding: encoding.name(), replaced }
}

fn detect(bytes: &[u8]) -> &'static Encoding {
    // With an escape character, what looks like ASCII may be ISO-2022-JP.
    if !bytes.contains(&0x1b) && std::str::from_utf8(bytes).is_ok() {
        return UTF_8;
    }
    let mut detector = EncodingDetector::new(Iso2022JpDetection::Allow);
    // A quarter of a megabyte says it all.
    detector.feed(&bytes[..bytes.len().min(256 << 10)], true);
    detector.guess(None, Utf8Detection::Allow)
}

/// Characters that no page is meant to have: undecodable ones and control characters.
fn wrongness(decoded: &Decoded<'_>) -> u64 {
    let controls =
        decoded.text.chars().filter(|it| matches!(it, '\u{80}'..='\u{9f}' | '\u{e000}'..='\u{f8ff}')).count();
    decoded.replaced + controls as u64
}

/// The standard's "prescan a byte stream to determine its encoding".
fn prescan(bytes: &[u8]) -> Option<&'static Encoding> {
    // The standard knows these of an XML declaration alone; no page in another encoding has them either.
    match bytes {
        [b'<', 0, b'!'..=b'~', 0, ..] => return Some(UTF_16LE),
        [0, b'<', 0, b'!'..=b'~', ..] => return Some(UTF_16BE),
        _ => {}
    }
    let mut at = 0;
    while at < bytes.len() {
        let rest = &bytes[at..];
        if rest.starts_with(b"<!--") {
            let end = memchr::memmem::find(&rest[2..], b"-->")?;
            at += 2 + end + 3;
            continue;
        }
        if at == 0 && rest.starts_with(b"<?xml") {
            let end = memchr::memchr(b'>', rest)?;
            if let Some(found) = xml_declaration(&rest[..end]) {
                return Some(found);
            }
        }
        let is_meta = rest.len() > 5
            && rest[..5].eq_ignore_ascii_case(b"<meta")
            && (rest[5].is_ascii_whitespace() || rest[5] == b'/');
        if is_meta {
            let mut reader = Attributes { bytes, at: at + 5 };
            let (mut is_pragma, mut needs_pragma, mut charset) = (false, None, None);
            let mut seen: Vec<Vec<u8>> = Vec::new();
            for (name, value) in reader.by_ref() {
                if seen.contains(&name) {
                    continue;
                }
                match &name[..] {
                    b"http-equiv" => is_pragma |= value == b"content-type",
                    b"content" if charset.is_none() => {
                        if let Some(found) = charset_of_content(&value) {
                            (charset, needs_pragma) = (Some(found), Some(true));
                        }
                    }
                    b"charset" => (charset, needs_pragma) = (Encoding::for_label(&value), Some(false)),
                    _ => {}
                }
                seen.push(name);
            }
            at = reader.at.max(at + 1);
            let is_sound = needs_pragma.is_some_and(|needs| !needs || is_pragma);
            if let (true, Some(found)) = (is_sound, charset) {
                return Some(as_page(found));
            }
            continue;
        }
        let is_tag = rest.len() > 2
            && rest[0] == b'<'
            && (rest[1].is_ascii_alphabetic() || (rest[1] == b'/' && rest[2].is_ascii_alphabetic()));
        if is_tag {
            let name = rest.iter().position(|byte| byte.is_ascii_whitespace() || *byte == b'>')?;
            let mut reader = Attributes { bytes, at: at + name };
            reader.by_ref().for_each(drop);
            at = reader.at.max(at + 1);
            continue;
        }
        if rest.starts_with(b"<!") || rest.starts_with(b"</") || rest.starts_with(b"<?") {
            at += memchr::memchr(b'>', rest)?;
        }
        at += 1;
    }
    None
}

/// A page that declares UTF-16 in bytes that could be read without it is not UTF-16.
fn as_page(encoding: &'static Encoding) -> &'static Encoding {
    match encoding {
        it if it == UTF_16BE || it == UTF_16LE => UTF_8,
        it if it == X_USER_DEFINED => WINDOWS_1252,
        it => it,
    }
}

fn xml_declaration(declaration: &[u8]) -> Option<&'static Encoding> {
    let at = memchr::memmem::find(declaration, b"encoding")? + 8;
    let rest = declaration[at..].trim_ascii_start().strip_prefix(b"=")?.trim_ascii_start();
    let (quote, rest) = rest.split_first()?;
    if !matches!(quote, b'"' | b'\'') {
        return None;
    }
    let label = &rest[..memchr::memchr(*quote, rest)?];
    Encoding::for_label(label).map(as_page)
}

/// "Extract a character encoding from a meta element."
fn charset_of_content(content: &[u8]) -> Option<&'static Encoding> {
    let mut from = 0;
    loop {
        let at = from + content[from..].windows(7).position(|it| it.eq_ignore_ascii_case(b"charset"))? + 7;
        let rest = content[at..].trim_ascii_start();
        let Some(rest) = rest.strip_prefix(b"=") else {
            from = at;
            continue;
        };
        let rest = rest.trim_ascii_start();
        let label = match rest.first()? {
            quote @ (b'"' | b'\'') => &rest[1..1 + memchr::memchr(*quote, &rest[1..])?],
            _ => {
                let end = rest.iter().position(|it| it.is_ascii_whitespace() || *it == b';').unwrap_or(rest.len());
                &rest[..end]
            }
        };
        return Encoding::for_label(label);
    }
}

/// "Get an attribute" of the prescan.
struct Attributes<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Iterator for Attributes<'_> {
    type Item = (Vec<u8>, Vec<u8>);

    fn next(&mut self) -> Option<(Vec<u8>, Vec<u8>)> {
        let skip = |reader: &mut Self, also: u8| {
            while reader.bytes.get(reader.at).is_some_and(|it| it.is_ascii_whitespace() || *it == also) {
                reader.at += 1;
            }
        };
        skip(self, b'/');
        if *self.bytes.get(self.at)? == b'>' {
            self.at += 1;
            return None;
        }
        let (mut name, mut value) = (Vec::new(), Vec::new());
        loop {
            let byte = *self.bytes.get(self.at)?;
            if byte == b'=' && !name.is_empty() {
                break;
            }
            if byte.is_ascii_whitespace() {
                skip(self, b' ');
                if *self.bytes.get(self.at)? != b'=' {
                    return Some((name, value));
                }
                break;
            }
            if byte == b'/' || byte == b'>' {
                return Some((name, value));
            }
            name.push(byte.to_ascii_lowercase());
            self.at += 1;
        }
        self.at += 1;
        skip(self, b' ');
        match *self.bytes.get(self.at)? {
            quote @ (b'"' | b'\'') => {
                let length = memchr::memchr(quote, &self.bytes[self.at + 1..])?;
                value.extend(self.bytes[self.at + 1..self.at + 1 + length].to_ascii_lowercase());
                self.at += length + 2;
            }
            _ => {
                while self.bytes.get(self.at).is_some_and(|it| !it.is_ascii_whitespace() && *it != b'>') {
                    value.push(self.bytes[self.at].to_ascii_lowercase());
                    self.at += 1;
                }
            }
        }
        Some((name, value))
    }
}

/// How often a text shows UTF-8 that was once read as a single-byte encoding (`Ã©` for `é`, `â€™` for `’`, `Ð¡` for `С`).
pub fn count_mojibake(text: &str) -> u64 {
    let mut count = 0;
    let mut characters = text.chars();
    while let Some(lead) = characters.next() {
        let follows = match lead {
            'Ã' | 'Â' | 'Ð' | 'Ñ' | 'Å' | 'Ä' | 'Î' | 'Ï' => 1,
            'â' | 'ã' | 'å' | 'æ' | 'ç' | 'è' | 'é' | 'ä' => 2,
            _ => continue,
        };
        let mut ahead = characters.clone();
        if (0..follows).all(|_| ahead.next().is_some_and(is_continuation)) {
            count += 1;
            characters = ahead.clone();
        }
    }
    count
}

/// What windows-1252 makes of the bytes 0x80 to 0xbf. Those that may stand behind a letter in French, such as `»`, are
/// left out where one byte follows only in capital letters, which is rare enough.
fn is_continuation(character: char) -> bool {
    matches!(character, '\u{80}'..='\u{bf}') || "€‚ƒ„…†‡ˆ‰Š‹ŒŽ‘’“”•–—˜™š›œžŸ".contains(character)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_is_mark_header_page_detector() {
        let page = b"<meta charset=windows-1251>\xcf\xf0\xe8\xe2\xe5\xf2";
        assert_eq!(decode(page, None).encoding, "windows-1251");
        assert!(decode(page, None).text.ends_with("Привет"));
        assert_eq!(decode("\u{feff}<meta charset=big5>心".as_bytes(), Some("koi8-r")).encoding, "UTF-8");
        let japanese = encoding_rs::SHIFT_JIS.encode("心筋梗塞の症状と治療について説明します。").0;
        assert_eq!(decode(&japanese, None).encoding, "Shift_JIS");
        let escaped = encoding_rs::ISO_2022_JP.encode("心筋梗塞の症状と治療について説明します。").0;
        assert_eq!(decode(&escaped, None).encoding, "ISO-2022-JP");
        assert_eq!(decode(&japanese, Some("shift_jis")).text, "心筋梗塞の症状と治療について説明します。");
        assert_eq!(
            decode(b"<meta http-equiv=x content='text/html; charset=koi8-r'>\xe9", None).encoding,
            "windows-1252"
        );
        assert_eq!(decode(b"<meta charset=utf-16>abc", None).encoding, "UTF-8");
        let page = "<!doctype html><p>Сердце 心";
        let low_first: Vec<u8> = page.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let high_first: Vec<u8> = page.encode_utf16().flat_map(u16::to_be_bytes).collect();
        assert_eq!((&decode(&low_first, None).text[..], &decode(&high_first, None).text[..]), (page, page));
    }

    #[test]
    fn a_lie_is_found_out() {
        let text = "<meta charset=iso-8859-1><p>Sténose de l’artère – 心筋";
        assert_eq!(decode(text.as_bytes(), None).encoding, "UTF-8");
        let japanese =
            encoding_rs::SHIFT_JIS.encode("<meta charset=iso-8859-1><p>心筋梗塞の症状と治療について説明します。").0;
        assert!(decode(&japanese, None).text.ends_with("説明します。"));
    }

    #[test]
    fn what_was_decoded_wrongly_before_is_counted() {
        assert_eq!(count_mojibake("stÃ©nose de lâ€™artÃ¨re"), 3);
        assert_eq!(count_mojibake("Ð¡ÐµÑ€Ð´Ñ†Ðµ"), 6);
        assert_eq!(count_mojibake("sténose de l’artère, Âge, « Ça va »"), 0);
    }
}
