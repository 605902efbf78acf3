//! EPUB: a ZIP archive of chapters in XHTML, in the order of its spine. A chapter is a page here.

use std::{
    fs,
    io::{BufReader, Read, Seek},
    path::Path,
};

use document::FaultKind;
use quick_xml::{Reader, events::Event};
use zip::ZipArchive;

use super::{
    paragraphs::{Paragraph, Role},
    trouble::Trouble,
};

/// Bytes of one member after decompression, and of all together.
const MAX_MEMBER_BYTES: u64 = 32 << 20;
const MAX_BOOK_BYTES: u64 = 512 << 20;
/// Chapters of one book.
const MAX_CHAPTERS: usize = 20_000;

/// The chapters of a book: their paragraphs, or what is wrong with each.
pub type Chapters = Vec<Result<Vec<Paragraph>, (FaultKind, String)>>;

/// Reads all chapters.
/// # Errors
/// Fails if the file is no EPUB or is encrypted.
pub fn read(path: &Path) -> Result<Chapters, Trouble> {
    let damaged = |what: &str| Trouble::content(FaultKind::Damaged, format!("is no EPUB that can be read ({what})"));
    let file = fs::File::open(path).map_err(|error| Trouble::machine(format!("{}: {error}", path.display())))?;
    let mut archive = ZipArchive::new(BufReader::new(file)).map_err(|error| damaged(&error.to_string()))?;
    if archive.by_name("META-INF/encryption.xml").is_ok() && archive.by_name("META-INF/rights.xml").is_ok() {
        return Err(Trouble::content(FaultKind::Unsupported, "is encrypted (DRM); it cannot be read"));
    }
    let mut left = MAX_BOOK_BYTES;
    let container =
        member(&mut archive, "META-INF/container.xml", &mut left).map_err(|(_, message)| damaged(&message))?;
    let package = attribute_of(&container, "rootfile", "full-path").into_iter().next();
    let package = package.ok_or_else(|| damaged("META-INF/container.xml names no package"))?;
    let text = member(&mut archive, &package, &mut left).map_err(|(_, message)| damaged(&message))?;
    let folder = package.rsplit_once('/').map_or("", |(folder, _)| folder);
    let members = spine(&text);
    if members.is_empty() {
        return Err(Trouble::content(FaultKind::MissingText, "has no chapters"));
    }
    if members.len() > MAX_CHAPTERS {
        let message = format!("has {} chapters, at most {MAX_CHAPTERS} are read", members.len());
        return Err(Trouble::content(FaultKind::TooLarge, message));
    }
    Ok(members
        .iter()
        .map(|name| member(&mut archive, &resolve(folder, name), &mut left).map(|text| paragraphs(&text)))
        .collect())
}

/// The text of a member.
fn member<R: Read + Seek>(
    archive: &mut ZipArchive<R>,
    name: &str,
    left: &mut u64,
) -> Result<String, (FaultKind, String)> {
    let mut file = archive.by_name(name).map_err(|error| (FaultKind::Damaged, format!("{name}: {error}")))?;
    let most = MAX_MEMBER_BYTES.min(*left);
    let mut bytes = Vec::new();
    let read = (&mut file).take(most + 1).read_to_end(&mut bytes);
    read.map_err(|error| (FaultKind::Damaged, format!("{name}: {error}")))?;
    if bytes.len() as u64 > most {
        return Err((FaultKind::TooLarge, format!("{name}: has more than {most} bytes")));
    }
    *left -= bytes.len() as u64;
    String::from_utf8(bytes).map_err(|error| (FaultKind::InvalidUtf8, format!("{name}: {error}")))
}

/// A path in the archive as seen from a folder, with `%20` and the like decoded.
fn resolve(folder: &str, name: &str) -> String {
    let name = name.split('#').next().unwrap_or_default();
    let mut bytes = Vec::new();
    let mut rest = name.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let escaped = (*first == b'%').then(|| after.get(..2)).flatten();
        match escaped.and_then(|it| std::str::from_utf8(it).ok()).and_then(|it| u8::from_str_radix(it, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = &after[2..];
            }
            None => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    let name = String::from_utf8_lossy(&bytes).into_owned();
    let mut parts: Vec<&str> = folder.split('/').filter(|it| !it.is_empty()).collect();
    for part in name.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    parts.join("/")
}

/// Values of an attribute of all elements of a name, prefixes aside.
fn attribute_of(text: &str, element: &str, attribute: &str) -> Vec<String> {
    let mut reader = Reader::from_str(text);
    reader.config_mut().check_end_names = false;
    let mut values = Vec::new();
    loop {
        match reader.read_event() {
            Ok(Event::Start(start) | Event::Empty(start)) if start.local_name().as_ref() == element => {
                values.extend(value(&start, attribute));
            }
            Ok(Event::Eof) | Err(_) => return values,
            Ok(_) => {}
        }
    }
}

fn value(start: &quick_xml::events::BytesStart<'_>, name: &str) -> Option<String> {
    let attribute = start.attributes().flatten().find(|it| it.key.local_name().as_ref() == name)?;
    Some(attribute.value.replace("&amp;", "&"))
}

/// Members that the spine names, in its order; navigation and what is marked as not linear are left out.
fn spine(package: &str) -> Vec<String> {
    let mut reader = Reader::from_str(package);
    reader.config_mut().check_end_names = false;
    let mut items: Vec<(String, String)> = Vec::new();
    let mut order = Vec::new();
    loop {
        match reader.read_event() {
            Ok(Event::Start(start) | Event::Empty(start)) => match start.local_name().as_ref() {
                "item" if !value(&start, "properties").is_some_and(|it| it.split(' ').any(|it| it == "nav")) => {
                    items.extend(value(&start, "id").zip(value(&start, "href")));
                }
                "itemref" if value(&start, "linear").as_deref() != Some("no") => order.extend(value(&start, "idref")),
                _ => {}
            },
            Ok(Event::Eof) | Err(_) => break,
            Ok(_) => {}
        }
    }
    let href = |id: &String| items.iter().find(|(known, _)| known == id).map(|(_, href)| href.clone());
    order.iter().filter_map(href).collect()
}

/// Paragraphs of a chapter: block elements end them, table cells become tabs, scripts and styles go.
fn paragraphs(text: &str) -> Vec<Paragraph> {
    let mut reader = Reader::from_str(text);
    let config = reader.config_mut();
    config.check_end_names = false;
    config.allow_unmatched_ends = true;
    let mut done: Vec<Paragraph> = Vec::new();
    let mut open = String::new();
    let mut role = Role::Body;
    let mut hidden = 0usize;
    let close = |open: &mut String, role: Role, done: &mut Vec<Paragraph>| {
        let text = match role {
            Role::Row => open.trim().to_owned(),
            _ => open.split_whitespace().collect::<Vec<_>>().join(" "),
        };
        if !text.is_empty() {
            done.push(Paragraph { text, role, continues: false, confidence: 1.0 });
        }
        open.clear();
    };
    loop {
        match reader.read_event() {
            Ok(Event::Start(start)) => match start.local_name().as_ref() {
                "head" | "script" | "style" | "svg" | "nav" => hidden += 1,
                "td" | "th" if !open.trim().is_empty() => open.push('\t'),
                "td" | "th" => {}
                name if is_block(name) => {
                    close(&mut open, role, &mut done);
                    role = role_of(name);
                }
                _ => {}
            },
            Ok(Event::Empty(start)) if start.local_name().as_ref() == "br" => open.push('\n'),
            Ok(Event::End(end)) => match end.local_name().as_ref() {
                "head" | "script" | "style" | "svg" | "nav" => hidden = hidden.saturating_sub(1),
                name if is_block(name) => {
                    close(&mut open, role, &mut done);
                    role = Role::Body;
                }
                _ => {}
            },
            Ok(Event::Text(text)) if hidden == 0 => open.push_str(&text),
            Ok(Event::CData(text)) if hidden == 0 => open.push_str(&text),
            Ok(Event::GeneralRef(name)) if hidden == 0 => open.push_str(&entity(&name)),
            Ok(Event::Eof) => break,
            // What follows a mistake in the markup cannot be told from text.
            Err(_) => break,
            Ok(_) => {}
        }
    }
    close(&mut open, role, &mut done);
    done
}

fn is_block(name: &str) -> bool {
    is_row(name)
        || matches!(
            name,
            "p" | "div"
                | "h1"
                | "h2"
                | "h3"
                | "h4"
                | "h5"
                | "h6"
                | "li"
                | "ul"
                | "ol"
                | "dl"
                | "dt"
                | "dd"
                | "table"
                | "section"
                | "article"
                | "blockquote"
                | "pre"
                | "figure"
                | "figcaption"
                | "caption"
                | "body"
                | "aside"
                | "header"
                | "footer"
                | "hr"
        )
}

/// A table row; spelt by its letters, since the word is a language's code as well.
fn is_row(name: &str) -> bool {
    name.as_bytes() == [b't', b'r']
}

fn role_of(name: &str) -> Role {
    match name {
        "h1" | "h2" | "h3" | "h4" | "h5" | "h6" => Role::Heading,
        name if is_row(name) => Role::Row,
        "aside" => Role::Footnote,
        _ => Role::Body,
    }
}

/// The character that a reference means; an unknown name stays as it is written.
fn entity(name: &str) -> String {
    let number = name.strip_prefix('#').and_then(|number| match number.strip_prefix(['x', 'X']) {
        Some(hexadecimal) => u32::from_str_radix(hexadecimal, 16).ok(),
        None => number.parse().ok(),
    });
    if let Some(character) = number.and_then(char::from_u32) {
        return character.to_string();
    }
    match name {
        "amp" => "&",
        "lt" => "<",
        "gt" => ">",
        "quot" => "\"",
        "apos" => "'",
        "nbsp" => "\u{a0}",
        "shy" => "",
        "ndash" => "–",
        "mdash" => "—",
        "hellip" => "…",
        "lsquo" => "‘",
        "rsquo" => "’",
        "ldquo" => "“",
        "rdquo" => "”",
        "laquo" => "«",
        "raquo" => "»",
        "deg" => "°",
        "plusmn" => "±",
        "micro" => "µ",
        "times" => "×",
        "le" => "≤",
        "ge" => "≥",
        "alpha" => "α",
        "beta" => "β",
        "gamma" => "γ",
        "eacute" => "é",
        "egrave" => "è",
        "agrave" => "à",
        "ntilde" => "ñ",
        "oacute" => "ó",
        "iacute" => "í",
        "aacute" => "á",
        "uacute" => "ú",
        _ => return format!("&{name};"),
    }
    .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_become_paragraphs_and_cells_tabs() {
        let chapter = "<html><head><title>x</title><style>p{}</style></head><body><h1>Кровь</h1><p>Гемоглобин\n  &lt; 70&#160;г/л \
            <i>тяжёлая</i> анемия.</p><table><tr><td>Fe</td><td>5 мг</td></tr></table><script>no()</script></body></html>";
        let found: Vec<(String, Role)> = paragraphs(chapter).into_iter().map(|it| (it.text, it.role)).collect();
        assert_eq!(
            found,
            [
                ("Кровь".to_owned(), Role::Heading),
                ("Гемоглобин < 70 г/л тяжёлая анемия.".to_owned(), Role::Body),
                ("Fe\t5 мг".to_owned(), Role::Row),
            ]
        );
    }

    #[test]
    fn the_spine_gives_the_order_and_paths_are_resolved() {
        let package = "<package><manifest><item id='b' href='two.xhtml'/><item id='n' href='nav.xhtml' properties='nav'/>\
            <item id='a' href='../one%20.xhtml'/></manifest><spine><itemref idref='a'/><itemref idref='n'/><itemref idref='b'/>\
            </spine></package>";
        let order: Vec<String> = spine(package).iter().map(|name| resolve("OEBPS/text", name)).collect();
        assert_eq!(order, ["OEBPS/one .xhtml", "OEBPS/text/two.xhtml"]);
    }
}
