//! ZIP archives of text files, as MMedC is released: a member is a document, its folder names the language.

use std::{
    fs::File,
    io::{BufReader, Read},
    sync::Arc,
};

use document::{Container, FaultKind, LanguageCode, Place};
use zip::{ZipArchive, result::ZipError};

use crate::{
    Error, Input, Split,
    decompress::{Compression, Trouble, lfs_pointer},
    fields::Record,
    json_lines::whole_file,
    pattern,
    split::{Visit, grouped},
    text_file,
};

type Archive = ZipArchive<BufReader<File>>;

/// Neighbours in the archive's directory, grouped by their compressed sizes.
pub(crate) fn splits(input: &Input, target_bytes: u64) -> Result<Vec<Split>, Error> {
    match open(input) {
        Ok(archive) => {
            let size = |index| archive.by_index_data(index).map_or(0, |member| member.compressed_size());
            Ok(grouped((0..archive.len()).map(size), target_bytes))
        }
        Err(Trouble::Content(..)) => Ok(grouped([input.bytes].into_iter(), u64::MAX)),
        Err(Trouble::Machine(error)) => Err(error),
    }
}

pub(crate) fn read(input: &Input, container: &Arc<Container>, split: &Split, visit: Visit<'_>) -> Result<(), Error> {
    let mut archive = match open(input) {
        Ok(archive) => archive,
        Err(trouble) => return whole_file(input, trouble, visit),
    };
    let mut bytes = Vec::new();
    let end = usize::try_from(split.range.end).unwrap_or(usize::MAX).min(archive.len());
    for index in usize::try_from(split.range.start).unwrap_or(usize::MAX)..end {
        let name = match archive.name_for_index(index) {
            Some(Ok(name)) => name.into_owned(),
            _ => format!("member {index}, whose name cannot be read"),
        };
        let Some(language) = wanted(input, &name) else { continue };
        let place = Place::Member(name);
        match inflate(input, &mut archive, index, &mut bytes) {
            Ok(()) if bytes.is_empty() => {}
            Ok(()) => visit(text_file::text(input, &bytes, &place).and_then(|text| {
                let record = Record { text: text.into(), language, ..Record::default() };
                input.document(container, place, record)
            })),
            Err(Trouble::Content(kind, message)) => visit(Err(input.fault(kind, &place, message))),
            Err(Trouble::Machine(error)) => return Err(error),
        }
    }
    Ok(())
}

/// Whether a member is read, and then the language that its path declares.
fn wanted(input: &Input, name: &str) -> Option<Option<LanguageCode>> {
    match &input.members {
        Some(glob) => pattern::matches(glob, name),
        None => (name.ends_with(".txt") || name.ends_with(".md")).then_some(None),
    }
}

/// Inflates a member into `bytes`, at most one byte more than a document may have, whatever size it claims.
fn inflate(input: &Input, archive: &mut Archive, index: usize, bytes: &mut Vec<u8>) -> Result<(), Trouble> {
    bytes.clear();
    let mut member = archive.by_index(index).map_err(|error| trouble(input, error))?;
    if member.enclosed_name().is_none() {
        let message = "the member's name leads out of the archive, so the archive is not to be trusted; it is not read";
        return Err(Trouble::Content(FaultKind::Unsupported, message.to_owned()));
    }
    let most = input.limits.document_bytes() as u64 + 1;
    (&mut member).take(most).read_to_end(bytes).map_err(|error| trouble(input, ZipError::Io(error)))?;
    Ok(())
}

fn open(input: &Input) -> Result<Archive, Trouble> {
    let machine = |error| Trouble::Machine(Error::io(&input.path)(error));
    let file = File::open(&input.path).map_err(machine)?;
    let mut start = Vec::new();
    (&file).take(24).read_to_end(&mut start).map_err(machine)?;
    if start.starts_with(b"version https://git-lfs") {
        return Err(lfs_pointer());
    }
    if Compression::of(&start) != Compression::None {
        let message = "the archive is compressed once more; decompress it".to_owned();
        return Err(Trouble::Content(FaultKind::Unsupported, message));
    }
    ZipArchive::new(BufReader::new(file)).map_err(|error| trouble(input, error))
}

fn trouble(input: &Input, error: ZipError) -> Trouble {
    match error {
        ZipError::Io(error) if error.raw_os_error().is_some() => Trouble::Machine(Error::io(&input.path)(error)),
        ZipError::UnsupportedArchive(what) => {
            let message = format!("not readable ({what}); write the archive again, deflated and without a password");
            Trouble::Content(FaultKind::Unsupported, message)
        }
        error => Trouble::Content(FaultKind::Damaged, format!("not readable as ZIP: {error}; fetch the file again")),
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Cursor, Write};

    use zip::{CompressionMethod, ZipWriter, write::SimpleFileOptions};

    use super::*;
    use crate::{
        Description,
        split::tests::{read_bytes, read_in_splits, read_with},
    };

    fn zip(members: &[(&str, &[u8])]) -> Vec<u8> {
        let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
        for (name, bytes) in members {
            let options = SimpleFileOptions::default().compression_method(CompressionMethod::Deflated);
            writer.start_file(*name, options).unwrap();
            writer.write_all(bytes).unwrap();
        }
        writer.finish().unwrap().into_inner()
    }

    #[test]
    fn members_are_documents_and_their_folders_languages() {
        let folder = tempfile::tempdir().unwrap();
        let bytes = zip(&[
            ("MMedC/ja/心.txt", "心筋".as_bytes()),
            ("MMedC/ru/a.txt", "сердце".as_bytes()),
            ("MMedC/README.txt", b"no"),
            ("MMedC/ru/a.pdf", b"no"),
        ]);
        std::fs::write(folder.path().join("MMedC.zip"), bytes).unwrap();
        let description = "title = \"M\"\nkind = \"corpus\"\nlicence = \"x\"\nlicence_evidence = \"y\"\nrank = 1\n\
                           files = [\"*.zip!/MMedC/{language}/*.txt\"]";
        let description = Description::parse("sources/m.toml", "m", description).unwrap();
        let input = crate::inputs(&description, folder.path()).unwrap().remove(0);
        let container = Arc::new(input.container.clone());
        let mut seen = Vec::new();
        read(&input, &container, &splits(&input, u64::MAX).unwrap()[0], &mut |record| {
            let document = record.unwrap();
            seen.push((document.id.into_owned(), document.declared_language.unwrap().to_string()));
        })
        .unwrap();
        let expected = [("m:MMedC.zip#member=MMedC/ja/心.txt", "ja"), ("m:MMedC.zip#member=MMedC/ru/a.txt", "ru")];
        assert_eq!(seen, expected.map(|(id, language)| (id.to_owned(), language.to_owned())));
        assert_eq!(read_with(&description, folder.path(), 1).0, ["心筋", "сердце"]);
    }

    #[test]
    fn splits_of_any_size_deliver_the_same_members() {
        let names: Vec<String> = (0..30).map(|it| format!("{it}.txt")).collect();
        let members: Vec<(&str, &[u8])> = names.iter().map(|it| (it.as_str(), it.as_bytes())).collect();
        let bytes = zip(&members);
        for target in [1, 20, 100, u64::MAX] {
            assert_eq!(read_in_splits("a.zip", &bytes, target).0, names);
        }
    }

    #[test]
    fn bombs_encodings_and_damage_cost_their_member() {
        let mut bytes = zip(&[
            ("1.txt", &vec![b'x'; 30 << 20]),
            ("2.txt", b"\xff\xfe"),
            ("../3.txt", b"out"),
            ("4.txt", "цела".as_bytes()),
            ("5.txt", "сломана, сломана, сломана".as_bytes()),
        ]);
        let at = memchr::memmem::rfind(&bytes[..bytes.len() - 300], b"5.txt").unwrap() + 8;
        bytes[at] ^= 0x55;
        let (texts, faults) = read_bytes("a.zip", &bytes);
        assert_eq!(texts, ["цела"]);
        let kinds: Vec<(FaultKind, &str)> = faults.iter().map(|it| (it.kind, it.place.as_str())).collect();
        let expected = [
            (FaultKind::TooLarge, "a.zip#member=1.txt"),
            (FaultKind::InvalidUtf8, "a.zip#member=2.txt"),
            (FaultKind::Unsupported, "a.zip#member=../3.txt"),
            (FaultKind::Damaged, "a.zip#member=5.txt"),
        ];
        assert_eq!(kinds, expected);
    }

    #[test]
    fn an_encrypted_member_is_a_fault_with_a_remedy() {
        let mut bytes = zip(&[("a.txt", "x".as_bytes())]);
        let directory = memchr::memmem::find(&bytes, b"PK\x01\x02").unwrap();
        bytes[directory + 8] |= 1;
        bytes[6] |= 1;
        let (texts, faults) = read_bytes("a.zip", &bytes);
        assert!(texts.is_empty() && faults[0].kind == FaultKind::Unsupported, "{faults:?}");
        assert!(faults[0].message.contains("without a password"), "{}", faults[0]);
    }

    #[test]
    fn a_file_that_is_no_archive_is_one_fault() {
        for bytes in [&b""[..], b"PK\x03\x04", "не архив".as_bytes()] {
            let (texts, faults) = read_bytes("a.zip", bytes);
            assert_eq!((texts.len(), faults.len(), faults[0].kind), (0, 1, FaultKind::Damaged));
        }
    }
}
