//! Web archives: WARC files with the answers of web servers, WET files with the text of pages, and the older ARC files.
//! Formats: ISO 28500:2017; commoncrawl.org/get-started, "WET format"; archive.org/web/researcher/ArcFileFormat.php.
//!
//! Records follow one another, so a wrong length or a lost byte would cost all that comes behind. A record is therefore
//! believed only if it ends as a record ends; where it does not, reading goes on at the next line that begins one (in a
//! broken gzip member or a frame: at the next one), and what lies between is one fault.

use std::{ops::Range, sync::Arc};

use document::{Container, Document, Fault, FaultKind, Place};
use memchr::memmem;

use crate::{
    Error, Format, Input, Split,
    decompress::{START, Trouble, Window},
    http::Broken,
    json_lines::whole_file,
    split::{self, Visit},
    text_file,
    warc_index::lengths,
    warc_record::{
        Header, MARK_LENGTH, MARKS, MAX_HEADER, Page, RecordKind, arc_header, begins_record, damaged, is_arc,
        warc_header,
    },
};

/// A page as a web server sent it.
#[derive(Debug)]
pub struct WebPage<'a> {
    pub url: Option<&'a str>,
    /// When it was fetched.
    pub date: Option<&'a str>,
    /// Without parameters, in lower case, such as `text/html`.
    pub media_type: &'a str,
    /// The charset that the server states.
    pub charset: Option<&'a str>,
    /// The response's headers.
    pub headers: &'a [(&'a str, &'a str)],
    /// Without chunks and content encodings.
    pub body: &'a [u8],
    /// `path#place`, as the document's origin has it.
    pub locator: &'a str,
}

/// What became of a page.
#[derive(Debug, Default)]
pub struct PageText {
    pub text: String,
}

/// Makes text of a page.
pub type ToText<'t> = &'t mut dyn FnMut(&WebPage<'_>) -> Result<PageText, String>;

const WRONG_LENGTH: &str = "the record does not end where its Content-Length says";

/// The longest end of a record: two empty lines.
const END: usize = 4;

/// How much of a compressed file's content is looked at to tell whether it can be split.
const SAMPLE: u64 = 1 << 20;

/// Splits of plain files, and of those that have a gzip member or a frame for each record, which is how crawls are
/// stored; all others are one split.
pub(crate) fn splits(input: &Input, target_bytes: u64) -> Result<Vec<Split>, Error> {
    if let Some(ranges) = &input.ranges {
        return Ok(split::grouped(lengths(ranges), target_bytes));
    }
    let one = split::even(input.bytes, u64::MAX);
    if input.bytes <= target_bytes {
        return Ok(one);
    }
    let mut window = match Window::open(&input.path) {
        Ok(window) => window,
        Err(Trouble::Machine(error)) => return Err(error),
        Err(Trouble::Content(..)) => return Ok(one),
    };
    let container = Arc::new(input.container.clone());
    let is_plain = window.is_plain();
    let end = if is_plain { u64::MAX } else { SAMPLE };
    // A plain file is gone through from header to header: a line in a page may look like a record's first.
    let (mut records, mut own_members, mut starts) = (0u32, 0u32, vec![0]);
    let mut ignore = |_: Result<Document<'_>, Fault>| {};
    let mut reader = Reader {
        input,
        container: &container,
        end: u64::MAX,
        is_arc: is_arc(&mut window)?,
        only_headers: true,
        to_text: None,
        visit: &mut ignore,
    };
    reader.read_all(&mut window, &mut |window, offset| {
        records += 1;
        own_members += u32::from(window.member_at(offset).is_some_and(|(_, begins)| begins));
        if is_plain && offset - starts.last().unwrap_or(&0) >= target_bytes {
            starts.push(offset);
        }
        offset < end
    })?;
    if !is_plain {
        let can_split = records >= 2 && records == own_members;
        return Ok(if can_split { split::even(input.bytes, target_bytes) } else { one });
    }
    let ends = starts.iter().skip(1).copied().chain([input.bytes]);
    let ranges = starts.iter().zip(ends).enumerate();
    Ok(ranges
        .map(|(index, (start, end))| Split { index: index as u32, range: *start..end, bytes: end - start })
        .collect())
}

/// Records of other kinds than those with text are passed over and not counted.
pub(crate) fn read(
    input: &Input,
    container: &Arc<Container>,
    split: &Split,
    to_text: Option<ToText<'_>>,
    visit: Visit<'_>,
) -> Result<(), Error> {
    let to_text = to_text.filter(|_| input.format != Format::Wet);
    let end = split.range.end;
    if let Some(ranges) = &input.ranges {
        let reader = Reader { input, container, end, is_arc: false, only_headers: false, to_text, visit };
        return read_ranges(reader, ranges.iter().take(end as usize).skip(split.range.start as usize));
    }
    let mut window = match Window::open(&input.path) {
        Ok(window) => window,
        Err(trouble) if split.index == 0 => return whole_file(input, trouble, visit),
        Err(Trouble::Machine(error)) => return Err(error),
        // The first split has told what is wrong with the file.
        Err(Trouble::Content(..)) => return Ok(()),
    };
    let is_arc = is_arc(&mut window)?;
    if split.index > 0 {
        if window.is_plain() {
            window = Window::open_at(&input.path, split.range.start)?;
        } else if !window.move_to_member(split.range.start, &|start| begins_record(start, is_arc))? {
            return Ok(());
        }
    }
    let mut reader = Reader { input, container, end, is_arc, only_headers: false, to_text, visit };
    reader.read_all(&mut window, &mut |_, _| true)
}

/// Reads the records that begin in each range, and nothing else of the file.
fn read_ranges<'r>(mut reader: Reader<'_, '_, '_>, ranges: impl Iterator<Item = &'r Range<u64>>) -> Result<(), Error> {
    for range in ranges {
        let opened = match Window::open_range(&reader.input.path, range) {
            Ok(window) if begins_record(window.bytes(), false) => Ok((window, false)),
            Ok(window) if begins_record(window.bytes(), true) => Ok((window, true)),
            Ok(_) => Err(damaged("no record begins where the list says; is the list of the same crawl as the file?")),
            Err(trouble) => Err(trouble),
        };
        match opened {
            Ok((mut window, is_arc)) => {
                (reader.end, reader.is_arc) = (range.end, is_arc);
                reader.read_all(&mut window, &mut |_, _| true)?;
            }
            Err(Trouble::Machine(error)) => return Err(error),
            Err(Trouble::Content(kind, message)) => {
                let place = Place::Record { offset: range.start, length: range.end - range.start };
                (reader.visit)(Err(reader.input.fault(kind, &place, message)));
            }
        }
    }
    Ok(())
}

struct Reader<'r, 't, 'v> {
    input: &'r Input,
    container: &'r Arc<Container>,
    /// The first byte of the file that belongs to the next split.
    end: u64,
    is_arc: bool,
    /// Whether nothing but where records are is wanted.
    only_headers: bool,
    to_text: Option<ToText<'t>>,
    visit: Visit<'v>,
}

impl Reader<'_, '_, '_> {
    /// Reads records to the end of the split; `on_record` is told where each began and says whether to go on.
    fn read_all(&mut self, window: &mut Window, on_record: &mut dyn FnMut(&Window, u64) -> bool) -> Result<(), Error> {
        loop {
            let skipped = skip_newlines(window);
            if self.next_split_begins(window)? {
                return Ok(());
            }
            let offset = window.offset();
            match skipped.and_then(|()| self.read_record(window)) {
                Ok(true) if on_record(window, offset) => {}
                Ok(_) => return Ok(()),
                Err(Trouble::Machine(error)) => return Err(error),
                Err(Trouble::Content(kind, message)) => {
                    if !self.find_next_record(window, offset, kind, message)? {
                        return Ok(());
                    }
                }
            }
        }
    }

    /// Whether the window is where the next split begins: at its first byte, or, in compressed files, at the first member
    /// at or behind that byte that begins a record. The next split looks for the same.
    fn next_split_begins(&self, window: &Window) -> Result<bool, Error> {
        if window.is_plain() {
            return Ok(window.offset() >= self.end);
        }
        let member = match window.bytes() {
            // A member that breaks before anything comes out of it.
            [] => window.current_member(),
            _ => window.member_at(window.offset()).filter(|(_, begins)| *begins).map(|(member, _)| member),
        };
        member.map_or(Ok(false), |member| self.is_start_of_split(window, member))
    }

    fn is_start_of_split(&self, window: &Window, member: u64) -> Result<bool, Error> {
        Ok(member >= self.end && begins_record(&window.start_of_member(member)?, self.is_arc))
    }

    /// Behind trouble with the record at `offset`: moves to the next one, reports what was lost and says whether to go on.
    fn find_next_record(
        &mut self,
        window: &mut Window,
        offset: u64,
        kind: FaultKind,
        message: String,
    ) -> Result<bool, Error> {
        let is_arc = self.is_arc;
        let (first, broken) = (window.member_at(offset), window.current_member());
        let bytes_from = window.place_of_bytes(offset, 0);
        if window.is_plain() && window.offset() > offset {
            window.seek(offset).or_else(Trouble::machine)?;
        }
        let lost_stream = match find_next(window, offset, is_arc) {
            Ok(()) => false,
            Err(Trouble::Machine(error)) => return Err(error),
            // The same trouble once more, if it was the stream's; it has been found either way.
            Err(Trouble::Content(..)) => true,
        };
        if let (true, Some(broken)) = (lost_stream, broken)
            && self.is_start_of_split(window, broken)?
        {
            return Ok(false);
        }
        let length = window.offset() - offset;
        let mut goes_on = !lost_stream;
        while !goes_on && window.resume()? {
            goes_on = match find_here_or_next(window, is_arc) {
                Ok(()) => true,
                Err(Trouble::Machine(error)) => return Err(error),
                Err(Trouble::Content(..)) => false,
            };
        }
        // What a broken member would have held nobody knows: it is named by where it lies in the file.
        let place = match (broken, first, window.member_at(window.offset())) {
            (Some(offset), ..) if lost_stream => {
                let next = window.current_member().filter(|_| goes_on).unwrap_or(self.input.bytes);
                Place::Record { offset, length: next.saturating_sub(offset) }
            }
            (_, Some((offset, true)), Some((next, true))) if next > offset => {
                Place::Record { offset, length: next - offset }
            }
            _ => match bytes_from {
                Place::Inside { record, offset, .. } => Place::Inside { record, offset, length },
                _ => Place::Bytes { offset, length },
            },
        };
        if !self.only_headers {
            (self.visit)(Err(self.input.fault(kind, &place, message)));
        }
        Ok(goes_on)
    }

    /// Reads the record at the window's start and says whether there was one.
    fn read_record(&mut self, window: &mut Window) -> Result<bool, Trouble> {
        let offset = window.offset();
        window.fill(MARK_LENGTH)?;
        if window.bytes().is_empty() {
            return window.more().map(|_| false);
        }
        let (header_length, header) = if self.is_arc { arc_header(window)? } else { warc_header(window)? };
        let Some(content_length) = header.content_length else {
            return Err(damaged("the record states no Content-Length"));
        };
        let limits = &self.input.limits;
        let limit = match header.kind {
            _ if self.only_headers => None,
            RecordKind::Conversion => Some(limits.document_bytes()),
            RecordKind::Response | RecordKind::Resource if self.to_text.is_some() => Some(limits.line_bytes()),
            _ => None,
        };
        let whole = content_length.saturating_add(header_length as u64);
        // What has been passed over cannot be searched for records once its length turns out to be wrong, but where the
        // file can be read again.
        let kept = limit.or((!window.is_plain()).then(|| limits.line_bytes()));
        if kept.is_none_or(|kept| content_length > kept as u64) {
            // What a large response holds is told by its header.
            let start = header_length + content_length.min(MAX_HEADER as u64) as usize;
            let is_wanted = limit.is_some() && {
                window.fill(start)?;
                let content = &window.bytes()[header_length.min(window.bytes().len())..start.min(window.bytes().len())];
                header.kind == RecordKind::Conversion || Page::of(&header, content).is_some()
            };
            window.consume(header_length);
            self.pass_over(window, content_length)?;
            self.check_end(window)?;
            if is_wanted {
                let place = place_of(window, offset, whole);
                let what = format!("a record of {content_length} bytes");
                (self.visit)(Err(self.input.fault(FaultKind::TooLarge, &place, limits.too_large(&what))));
            }
            return Ok(true);
        }
        let length = header_length + content_length as usize;
        // Its end is looked at before the record is believed, since a
        // wrong length would cut the text or swallow the records behind it.
        window.fill(length + END + MARK_LENGTH)?;
        if window.bytes().len() < length {
            window.more()?;
            return Err(Trouble::Content(FaultKind::Truncated, "the file ends inside the record".to_owned()));
        }
        if window.broken_member().is_some_and(|broken| {
            window.bytes().len() <= length + END && window.member_at(offset).is_some_and(|(member, _)| member == broken)
        }) {
            // All bytes are there, and their checksum says that some of them are wrong.
            window.more()?;
        }
        let behind = &window.bytes()[length..];
        if !self.ends_well(&behind[..behind.len().min(END + MARK_LENGTH)]) {
            return Err(damaged(WRONG_LENGTH));
        }
        let place = place_of(window, offset, whole);
        if limit.is_some() {
            self.take(&header, &window.bytes()[header_length..length], place);
        }
        window.consume(length);
        Ok(true)
    }

    fn take(&mut self, header: &Header, content: &[u8], place: Place) {
        if header.kind == RecordKind::Conversion {
            let record = text_file::text(self.input, content, &place)
                .and_then(|text| self.input.document(self.container, place, header.record(text.into())));
            (self.visit)(record);
            return;
        }
        let (Some(page), Some(to_text)) = (Page::of(header, content), &mut self.to_text) else { return };
        // A page of which the archive keeps a part alone is no page.
        let body = match page.body(content, self.input.limits.line_bytes()) {
            Ok(body) => body,
            Err(broken) => {
                let fault = match broken {
                    Broken::TooLarge(_) => {
                        let message = self.input.limits.too_large("the unpacked body");
                        self.input.fault(FaultKind::TooLarge, &place, message)
                    }
                    Broken::Damaged(encoding) => {
                        self.input.fault(FaultKind::Damaged, &place, format!("the body is no {encoding} data"))
                    }
                };
                (self.visit)(Err(fault));
                return;
            }
        };
        let locator = format!("{}#{place}", self.container.path);
        let page = WebPage {
            url: header.url.as_deref(),
            date: header.date.as_deref(),
            media_type: &page.media_type,
            charset: page.charset,
            headers: page.response.as_ref().map_or(&[], |it| &it.headers[..]),
            body: &body,
            locator: &locator,
        };
        let record = match to_text(&page) {
            Ok(page) => self.input.document(self.container, place, header.record(page.text.into())),
            Err(message) => Err(self.input.fault(FaultKind::Damaged, &place, message)),
        };
        (self.visit)(record);
    }

    /// Moves behind a record's content, but not over a member that begins a record: then the length was wrong.
    fn pass_over(&self, window: &mut Window, mut count: u64) -> Result<(), Trouble> {
        loop {
            let bytes = window.bytes();
            if window.member_at(window.offset()).is_some_and(|(_, begins)| begins) && begins_record(bytes, self.is_arc)
            {
                return Err(damaged(WRONG_LENGTH));
            }
            let here = window.until_next_member().min(bytes.len() as u64).min(count);
            window.consume(here as usize);
            count -= here;
            if count > 0 && window.bytes().is_empty() && window.is_plain() {
                let before = window.offset();
                window.seek(before.saturating_add(count))?;
                count -= window.offset() - before;
            }
            if count == 0 {
                return Ok(());
            }
            if window.bytes().is_empty() && window.more()? == 0 {
                return Err(Trouble::Content(FaultKind::Truncated, "the file ends inside the record".to_owned()));
            }
        }
    }

    fn check_end(&self, window: &mut Window) -> Result<(), Trouble> {
        window.fill(END + MARK_LENGTH)?;
        match self.ends_well(&window.bytes()[..window.bytes().len().min(END + MARK_LENGTH)]) {
            true => Ok(()),
            false => Err(damaged(WRONG_LENGTH)),
        }
    }

    /// Whether what follows a record's content is the end of a record: two empty lines, or, from careless writers, fewer
    /// and then the next record or the end of the file.
    fn ends_well(&self, behind: &[u8]) -> bool {
        if behind.starts_with(b"\r\n\r\n") {
            return true;
        }
        if self.is_arc {
            return behind.is_empty()
                || behind.starts_with(b"\n")
                || behind.starts_with(b"\r\n")
                || behind.starts_with(b"http");
        }
        let behind = behind.trim_ascii_start();
        MARKS.iter().any(|mark| behind.starts_with(&mark[..behind.len().min(MARK_LENGTH)]))
    }
}

/// The bytes of the file where a record has gzip members of its own, else those of what comes out of it.
fn place_of(window: &Window, offset: u64, length: u64) -> Place {
    match window.stored_range(offset, length, END as u64) {
        Some((offset, length)) => Place::Record { offset, length },
        None => window.place_of_bytes(offset, length),
    }
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

/// Moves to the next line that begins a record, not at `offset` itself, or to the end.
fn find_next(window: &mut Window, offset: u64, is_arc: bool) -> Result<(), Trouble> {
    window.fill(1)?;
    if window.offset() == offset && !window.bytes().is_empty() {
        window.consume(1);
    }
    let mark = if is_arc { b"http".as_slice() } else { b"WARC/" };
    loop {
        let bytes = window.bytes();
        let found = memmem::find_iter(bytes, mark).find(|at| {
            let begins_line = at.checked_sub(1).is_some_and(|before| bytes[before] == b'\n')
                || window.member_at(window.offset() + *at as u64).is_some_and(|(_, begins)| begins);
            begins_line && begins_record(&bytes[*at..], is_arc)
        });
        if let Some(at) = found {
            window.consume(at);
            return Ok(());
        }
        let keep = window.bytes().len().min(if is_arc { 4096 } else { MARK_LENGTH });
        window.consume(window.bytes().len() - keep);
        if window.more()? == 0 {
            window.consume(window.bytes().len());
            return Ok(());
        }
    }
}

/// Moves to the next line that begins a record, which may be where the window is, or to the end.
fn find_here_or_next(window: &mut Window, is_arc: bool) -> Result<(), Trouble> {
    window.fill(if is_arc { START } else { MARK_LENGTH })?;
    match begins_record(window.bytes(), is_arc) {
        true => Ok(()),
        false => find_next(window, window.offset(), is_arc),
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
        let split = splits(&input, u64::MAX).unwrap().remove(0);
        read(&input, &container, &split, None, &mut |record| {
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

    /// Addresses of the pages, and faults, of a file read in splits of `target` bytes.
    fn read_web(name: &str, bytes: &[u8], target: u64) -> (Vec<String>, Vec<String>) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        let input = inputs(&Description::anonymous(&path), &path).unwrap().remove(0);
        let container = Arc::new(input.container.clone());
        let (mut seen, mut faults) = (Vec::new(), Vec::new());
        for split in splits(&input, target).unwrap() {
            let mut to_text = |page: &WebPage<'_>| {
                let body = String::from_utf8_lossy(page.body).into_owned();
                Ok(PageText { text: format!("{} {body}", page.media_type) })
            };
            read(&input, &container, &split, Some(&mut to_text), &mut |record| match record {
                Ok(document) => seen.push(format!("{} {}", document.origin.place, document.text)),
                Err(fault) => faults.push(format!("{}: {}", fault.place, fault.message)),
            })
            .unwrap();
        }
        (seen, faults)
    }

    fn answer(number: usize) -> Vec<u8> {
        let text = format!("HTTP/1.1 200 OK\r\nContent-Type: Text/HTML; charset=utf-8\r\n\r\n<p>心筋 {number}");
        record("response", &text, &format!("WARC-Target-URI: http://a.example/{number}\r\n"))
    }

    #[test]
    fn answers_are_pages_with_the_range_of_their_member_and_splits_share_them_out() {
        let members: Vec<Vec<u8>> = (0..40).map(|number| gzip(&answer(number))).collect();
        let bytes = members.concat();
        let mut offset = 0;
        let expected: Vec<String> = members
            .iter()
            .enumerate()
            .map(|(number, member)| {
                let place = format!("record={offset}+{} text/html <p>心筋 {number}", member.len());
                offset += member.len();
                place
            })
            .collect();
        for target in [u64::MAX, 3000, 1000, 100] {
            let (seen, faults) = read_web("a.warc.gz", &bytes, target);
            assert_eq!((&seen, faults.len()), (&expected, 0), "{target}");
        }
        let (plain, _) = read_web("a.warc", &(0..40).flat_map(answer).collect::<Vec<u8>>(), 100);
        assert_eq!((plain.len(), plain[0].starts_with("bytes=0+")), (40, true));
        let (one_member, _) = read_web("b.warc.gz", &gzip(&(0..40).flat_map(answer).collect::<Vec<u8>>()), 100);
        assert_eq!(one_member, plain);
    }

    #[test]
    fn a_wrong_checksum_costs_its_record_and_is_named_by_its_range() {
        let mut members: Vec<Vec<u8>> = (0..5).map(|number| gzip(&answer(number))).collect();
        let checksum = members[2].len() - 6;
        members[2][checksum] ^= 1;
        let before = members[0].len() + members[1].len();
        let (seen, faults) = read_web("a.warc.gz", &members.concat(), u64::MAX);
        assert_eq!((seen.len(), faults.len()), (4, 1), "{faults:?}");
        let range = format!("a.warc.gz#record={before}+{}: ", members[2].len());
        assert!(faults[0].starts_with(&range) && faults[0].contains("is damaged"), "{faults:?}");
        let (seen, faults) =
            read_web("a.warc.gz", &[members[0].clone(), vec![7; 900], members[1].clone()].concat(), u64::MAX);
        assert_eq!((seen.len(), faults.len()), (2, 1), "{faults:?}");
    }

    #[test]
    fn redirects_images_and_requests_are_passed_over() {
        let other = |kind: &str, text: &str| record(kind, text, "WARC-Target-URI: http://a.example/\r\n");
        let parts = [
            other("request", "GET / HTTP/1.1\r\n\r\n"),
            other("response", "HTTP/1.1 301 Moved\r\nContent-Type: text/html\r\n\r\n<p>moved"),
            other("response", "HTTP/1.1 200 OK\r\nContent-Type: image/png\r\n\r\n\u{89}PNG"),
            record(
                "response",
                "HTTP/1.1 200 OK\r\n\r\nUser-agent: *",
                "WARC-Target-URI: http://a.example/robots.txt\r\n",
            ),
            other("revisit", "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n"),
            record("resource", "<p>心", "WARC-Target-URI: file:///a.html\r\nContent-Type: text/html\r\n"),
        ];
        let (seen, faults) = read_web("a.warc", &parts.concat(), u64::MAX);
        assert_eq!((seen.len(), faults.len()), (1, 0), "{seen:?} {faults:?}");
        assert!(seen[0].ends_with("text/html <p>心"), "{seen:?}");
    }

    #[test]
    fn records_of_the_older_format_are_read_and_found_again() {
        let page = |number: usize, extra: usize| {
            let body = format!("HTTP/1.0 200 OK\r\nContent-Type: text/html\r\n\r\n<p>сердце {number}");
            let length = body.len() + extra;
            format!("http://a.example/{number} 127.0.0.1 20240305100000 text/html {length}\n{body}\n")
        };
        let version = "1 0 Example\nURL IP-address Archive-date Content-type Archive-length\n";
        let first = format!("filedesc://a.arc 0.0.0.0 20240305100000 text/plain {}\n{version}\n", version.len());
        let bytes = [first.clone(), page(0, 0), page(1, 0), page(2, 0)].concat();
        let (seen, faults) = read_web("a.arc", bytes.as_bytes(), u64::MAX);
        assert_eq!((seen.len(), faults.len()), (3, 0), "{seen:?} {faults:?}");
        let bytes = [first, page(0, 0), page(1, 9), page(2, 0)].concat();
        let (seen, faults) = read_web("a.arc", bytes.as_bytes(), u64::MAX);
        assert_eq!((seen.len(), faults.len()), (2, 1), "{seen:?} {faults:?}");
    }

    #[test]
    fn a_dictionary_in_front_of_zstd_frames_is_used() {
        let samples: Vec<Vec<u8>> = (0..200).map(answer).collect();
        let dictionary = zstd::dict::from_samples(&samples, 4000).unwrap();
        let mut bytes = [0x5d, 0x2a, 0x4d, 0x18].to_vec();
        bytes.extend((dictionary.len() as u32).to_le_bytes());
        bytes.extend(&dictionary);
        for number in 0..3 {
            bytes.extend(
                zstd::bulk::Compressor::with_dictionary(3, &dictionary).unwrap().compress(&answer(number)).unwrap(),
            );
        }
        let (seen, faults) = read_web("a.warc.zst", &bytes, u64::MAX);
        assert_eq!((seen.len(), faults.len()), (3, 0), "{faults:?}");
    }

    fn frame(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = zstd::stream::Encoder::new(Vec::new(), 3).unwrap();
        encoder.include_checksum(true).unwrap();
        std::io::Write::write_all(&mut encoder, bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn lz4_frame(bytes: &[u8]) -> Vec<u8> {
        let checked = lz4_flex::frame::FrameInfo::new().content_checksum(true);
        let mut encoder = lz4_flex::frame::FrameEncoder::with_frame_info(checked, Vec::new());
        std::io::Write::write_all(&mut encoder, bytes).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn a_broken_lz4_frame_costs_its_record_and_a_cut_one_is_told() {
        let mut frames: Vec<Vec<u8>> = (0..4).map(|number| lz4_frame(&answer(number))).collect();
        let checksum = frames[1].len() - 1;
        frames[1][checksum] ^= 1;
        let bytes = frames.concat();
        // In the middle of a block, at its end, and before the checksum.
        for cut in [20, 8, 4] {
            let (seen, faults) = read_web("a.warc.lz4", &bytes[..bytes.len() - cut], u64::MAX);
            let places: Vec<&str> = seen.iter().filter_map(|it| it.split(' ').next()).collect();
            let (first, third) = (frames[0].len(), frames[0].len() + frames[1].len());
            assert_eq!(
                places,
                [format!("record=0+{first}"), format!("record={third}+{}", frames[2].len())],
                "{faults:?}"
            );
            assert!(faults[0].contains(&format!("record={first}+{}: ", frames[1].len())), "{faults:?}");
            assert!(faults.len() == 2 && faults[1].contains("ends too early"), "{faults:?}");
        }
    }

    #[test]
    fn a_broken_zstd_frame_costs_its_record_and_is_named_by_its_range() {
        let mut frames: Vec<Vec<u8>> = (0..6).map(|number| frame(&answer(number))).collect();
        let checksum = frames[1].len() - 2;
        frames[1][checksum] ^= 1;
        // The block's header: its type becomes one that is not in use.
        frames[3][6..9].fill(0xff);
        let start = |number: usize| frames[..number].iter().map(Vec::len).sum::<usize>();
        let (seen, faults) = read_web("a.warc.zst", &frames.concat(), u64::MAX);
        let expected: Vec<String> = [0, 2, 4, 5]
            .into_iter()
            .map(|it| format!("record={}+{} text/html <p>心筋 {it}", start(it), frames[it].len()))
            .collect();
        assert_eq!(seen, expected, "{faults:?}");
        for (fault, number) in faults.iter().zip([1, 3]) {
            let range = format!("a.warc.zst#record={}+{}: ", start(number), frames[number].len());
            assert!(fault.starts_with(&range) && fault.contains("is damaged ("), "{fault}");
        }
        assert_eq!(faults.len(), 2);
        let bytes = frames.concat();
        let (seen, faults) = read_web("a.warc.zst", &bytes[..bytes.len() - 9], u64::MAX);
        assert_eq!((seen.len(), faults.len()), (3, 3), "{faults:?}");
        assert!(faults[2].contains(&format!("record={}+{}: ", start(5), frames[5].len() - 9)), "{faults:?}");
        assert!(faults[2].contains("ends too early"), "{faults:?}");
    }

    #[test]
    fn a_wrong_length_of_a_record_without_text_costs_no_other() {
        let wrong = String::from_utf8(record("request", "GET / HTTP/1.1", "")).unwrap();
        for length in ["300", "99000000", "18446744073709551615"] {
            let wrong = wrong.replace("Length: 14", &format!("Length: {length}")).into_bytes();
            let parts = [answer(0), wrong, answer(1), answer(2)];
            let single = parts.concat();
            let members: Vec<u8> = parts.iter().flat_map(|it| gzip(it)).collect();
            for (name, bytes) in [("a.warc", single.clone()), ("a.warc.gz", members)] {
                let (seen, faults) = read_web(name, &bytes, u64::MAX);
                assert_eq!((seen.len(), faults.len()), (3, 1), "{name} {length} {seen:?} {faults:?}");
            }
        }
    }

    #[test]
    fn a_file_in_the_older_format_without_its_first_record_is_read() {
        let body = "HTTP/1.0 200 OK\r\nContent-Type: text/html\r\n\r\n<p>心";
        let length = body.len();
        let record = format!("http://a.example/ 127.0.0.1 20240305100000 text/html {length}\n{body}\n");
        let (seen, faults) = read_web("a.arc", format!("{record}{record}garbage\n").as_bytes(), u64::MAX);
        assert_eq!((seen.len(), faults.len()), (2, 1), "{seen:?} {faults:?}");
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
    fn records_of_the_drafts_are_read_and_found_again() {
        let draft = |text: &str| [b"WARC/0.18".as_slice(), &page(text)[8..]].concat();
        let noise = b"WARC/ is no record\r\nWARC/2.0 neither\r\n".to_vec();
        let (texts, faults) = read_bytes("a.wet", &[draft("первая"), draft("二"), noise, draft("третья")].concat());
        assert_eq!(
            (texts, faults.len()),
            (vec!["первая".to_owned(), "二".to_owned(), "третья".to_owned()], 1),
            "{faults:?}"
        );
    }

    #[test]
    fn several_records_in_a_gzip_member_are_read() {
        let two = |number: usize| gzip(&[answer(number), answer(number + 1)].concat());
        let (seen, faults) = read_web("a.warc.gz", &[two(0), two(2), two(4)].concat(), 100);
        assert_eq!((seen.len(), faults.len()), (6, 0), "{seen:?} {faults:?}");
        let mut broken = [two(0), two(2), two(4)];
        let checksum = broken[1].len() - 6;
        broken[1][checksum] ^= 1;
        let (seen, faults) = read_web("a.warc.gz", &broken.concat(), u64::MAX);
        assert!(seen.len() >= 4 && faults.len() == 1, "{seen:?} {faults:?}");
    }

    #[test]
    fn a_record_that_shares_its_member_is_named_by_the_member() {
        let members = [gzip(&answer(0)), gzip(&[answer(1), answer(2)].concat())];
        let (seen, _) = read_web("a.warc.gz", &members.concat(), u64::MAX);
        let places: Vec<&str> = seen.iter().filter_map(|it| it.split(' ').next()).collect();
        let (member, length) = (members[0].len(), answer(1).len());
        let expected = [
            format!("record=0+{member}"),
            format!("record={member}/0+{}", length - 4),
            format!("record={member}/{length}+{}", length - 4),
        ];
        assert_eq!(places, expected);
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
        #![proptest_config(proptest::prelude::ProptestConfig::with_cases(64))]

        #[test]
        fn splits_of_any_size_deliver_the_same_records_and_faults(
            damage in proptest::collection::vec((0usize..20_000, 0usize..40, proptest::prelude::any::<u8>()), 0..4),
            cut in 0usize..40,
            target in 100u64..3000,
        ) {
            let noise = |number: usize| -> String {
                (0..number * 37 % 900).map(|it| char::from(b'a' + ((it * it * 40_503) >> 7) as u8 % 26)).collect()
            };
            let records: Vec<Vec<u8>> = (0..24)
                .map(|number| match number % 3 {
                    0 => record("request", &noise(number), ""),
                    _ => answer(number),
                })
                .collect();
            for name in ["a.warc", "a.warc.gz", "a.warc.zst", "a.warc.lz4"] {
                let store = |it: &Vec<u8>| match name {
                    "a.warc.gz" => gzip(it),
                    "a.warc.zst" => frame(it),
                    "a.warc.lz4" => lz4_frame(it),
                    _ => it.clone(),
                };
                let mut bytes: Vec<u8> = records.iter().flat_map(store).collect();
                for (at, length, byte) in &damage {
                    let start = at % bytes.len();
                    let end = (start + length).min(bytes.len());
                    bytes[start..end].fill(*byte);
                }
                bytes.truncate(bytes.len() - cut);
                let whole = read_web(name, &bytes, u64::MAX);
                proptest::prop_assert_eq!(read_web(name, &bytes, target), whole, "{} {}", name, target);
            }
        }
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
