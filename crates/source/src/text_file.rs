//! Text files: a file is a document.

use std::{path::Path, sync::Arc};

use document::{Container, FaultKind, Place};

use crate::{
    Error, Input,
    decompress::{Trouble, Window},
    fields::Record,
    json_lines::whole_file,
    split::Visit,
};

/// An empty file is no document. A file over the limit is not read to its end, however far it would inflate.
pub(crate) fn read(input: &Input, container: &Arc<Container>, visit: Visit<'_>) -> Result<(), Error> {
    let window = Window::open(&input.path).and_then(|mut window| {
        while window.bytes().len() <= input.limits.document_bytes() && window.more()? > 0 {}
        Ok(window)
    });
    let window = match window {
        Ok(window) => window,
        Err(trouble @ (Trouble::Machine(_) | Trouble::Content(..))) => return whole_file(input, trouble, visit),
    };
    if !window.bytes().is_empty() {
        visit(text(input, window.bytes(), &Place::Whole).and_then(|text| {
            let record = Record { text: text.into(), ..Record::default() };
            input.document(container, Place::Whole, record)
        }));
    }
    Ok(())
}

/// The bytes of a file after decompression, of at most `limit`; what lies behind is cut off.
/// # Errors
/// Fails with a message if the file cannot be opened or its compression is broken before the first byte.
pub fn read_whole(path: &Path, limit: usize) -> Result<Vec<u8>, String> {
    let told = |trouble| match trouble {
        Trouble::Machine(error) => error.to_string(),
        Trouble::Content(_, message) => message,
    };
    let mut window = Window::open_any(path).map_err(told)?;
    loop {
        match window.more() {
            Ok(0) => break,
            Ok(_) if window.bytes().len() >= limit => break,
            Ok(_) => {}
            Err(trouble) if window.bytes().is_empty() => return Err(told(trouble)),
            Err(_) => break,
        }
    }
    Ok(window.bytes()[..window.bytes().len().min(limit)].to_owned())
}

/// The bytes of a document as text, without a byte order mark; at most one byte more than the limit is looked at.
pub(crate) fn text<'b>(input: &Input, bytes: &'b [u8], place: &Place) -> Result<&'b str, document::Fault> {
    if bytes.len() > input.limits.document_bytes() {
        return Err(input.fault(FaultKind::TooLarge, place, input.limits.too_large("the text")));
    }
    let text = simdutf8::compat::from_utf8(bytes).map_err(|error| {
        let at = error.valid_up_to();
        let message = format!("byte {at} is not UTF-8; convert the file to UTF-8, as with `iconv -t UTF-8`");
        input.fault(FaultKind::InvalidUtf8, place, message)
    })?;
    Ok(text.strip_prefix('\u{feff}').unwrap_or(text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        decompress::tests::gzip,
        split::tests::{read_bytes, read_in_splits},
    };

    #[test]
    fn a_file_is_a_document_without_its_byte_order_mark() {
        for (name, bytes) in [
            ("a.txt", "\u{feff}心筋\0梗塞\n".as_bytes().to_vec()),
            ("a.md.gz", gzip("\u{feff}心筋\0梗塞\n".as_bytes())),
            ("a.txt.zst", zstd::encode_all("心筋\0梗塞\n".as_bytes(), 1).unwrap()),
        ] {
            assert_eq!(read_bytes(name, &bytes), (vec!["心筋\0梗塞\n".to_owned()], vec![]), "{name}");
        }
        assert_eq!(read_bytes("a.txt", b""), (vec![], vec![]));
    }

    #[test]
    fn other_encodings_are_told_with_the_place_and_a_remedy() {
        let (texts, faults) = read_bytes("a.txt", b"Herz \xe4");
        assert!(texts.is_empty());
        let expected = "a.txt: invalid_utf8: byte 5 is not UTF-8; convert the file to UTF-8, as with `iconv -t UTF-8`";
        assert_eq!(faults[0].to_string(), expected);
    }

    #[test]
    fn a_bomb_is_not_inflated_to_its_end() {
        let (_, faults) = read_in_splits("a.txt.gz", &gzip(&vec![0; 200 << 20]), 1);
        assert_eq!((faults.len(), faults[0].kind), (1, FaultKind::TooLarge));
        assert!(faults[0].message.contains("10 MiB"), "{}", faults[0]);
    }

    #[test]
    fn a_cut_file_is_a_fault() {
        let whole = gzip("текст".repeat(1000).as_bytes());
        assert_eq!(read_bytes("a.txt.gz", &whole[..whole.len() - 9]).1[0].kind, FaultKind::Truncated);
    }
}
