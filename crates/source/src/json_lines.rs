//! JSON lines: one object a line, its fields found by name at any depth, everything else skipped without a copy.

use std::{borrow::Cow, fmt, path::Path, sync::Arc};

use document::{Container, Fault, FaultKind, LanguageCode, Place};
use memchr::memchr;
use serde::de::{self, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::{
    Error, Fields, Input, Split,
    decompress::{Trouble, Window},
    fields::{ByRole, Record, Role, shortlist},
    split::{Visit, even},
    stated_language,
};

/// Plain files are cut into byte ranges: a split owns the lines that begin in its range. A compressed file is one
/// split, and so is one of which the first bytes say that it will be refused as a whole.
pub(crate) fn splits(input: &Input, target_bytes: u64) -> Result<Vec<Split>, Error> {
    match Window::open(&input.path) {
        Ok(window) if window.is_plain() && !is_array(&window) => Ok(even(input.bytes, target_bytes)),
        Ok(_) | Err(Trouble::Content(..)) => Ok(even(input.bytes, u64::MAX)),
        Err(Trouble::Machine(error)) => Err(error),
    }
}

pub(crate) fn read(input: &Input, container: &Arc<Container>, split: &Split, visit: Visit<'_>) -> Result<(), Error> {
    let names = Names::new(&input.fields);
    each_line(input, split, &mut |line| {
        visit(match line {
            Ok(Line { bytes, place, is_last }) => match parse(bytes, &names, is_last) {
                Ok(record) => input.document(container, place, record),
                Err((kind, message)) => Err(input.fault(kind, &place, message)),
            },
            Err(fault) => Err(fault),
        });
    })
}

/// One line that is not blank, without its line feed.
pub(crate) struct Line<'w> {
    pub bytes: &'w [u8],
    pub place: Place,
    /// Whether no line feed follows, so that the file may have been cut inside it.
    pub is_last: bool,
}

/// Hands over each line of a split, or the fault that stands in its place: one for each record that `read` would visit.
pub(crate) fn each_line(
    input: &Input,
    split: &Split,
    visit: &mut dyn FnMut(Result<Line<'_>, Fault>),
) -> Result<(), Error> {
    let mut window = if split.range.start == 0 {
        match Window::open(&input.path) {
            Ok(window) => window,
            Err(Trouble::Machine(error)) => return Err(error),
            Err(Trouble::Content(kind, message)) => {
                visit(Err(input.fault(kind, &Place::Whole, message)));
                return Ok(());
            }
        }
    } else {
        behind_next_newline(&input.path, split.range.start - 1)?
    };
    if split.range.start == 0 && is_array(&window) {
        let message = "the file is one JSON array and not JSON lines; convert it, as with `jq -c '.[]'`";
        visit(Err(input.fault(FaultKind::Unsupported, &Place::Whole, message)));
        return Ok(());
    }
    let end = if window.is_plain() { split.range.end } else { u64::MAX };
    let limit = input.limits.line_bytes();
    while window.offset() < end {
        let offset = window.offset();
        match next_line(&mut window, limit) {
            Ok(Next::Whole { length, ending }) => {
                let bytes = &window.bytes()[..length];
                if !bytes.trim_ascii().is_empty() {
                    let place = Place::Bytes { offset, length: length as u64 };
                    visit(Ok(Line { bytes, place, is_last: ending == 0 }));
                }
                window.consume(length + ending);
            }
            Ok(Next::TooLong { length }) => {
                let what = format!("a line of {length} bytes (four times the length of a document is allowed)");
                let place = Place::Bytes { offset, length };
                visit(Err(input.fault(FaultKind::TooLarge, &place, input.limits.too_large(&what))));
            }
            Ok(Next::End) => break,
            Err(Trouble::Machine(error)) => return Err(error),
            Err(Trouble::Content(kind, message)) => {
                let length = window.offset() + window.bytes().len() as u64 - offset;
                visit(Err(input.fault(kind, &Place::Bytes { offset, length }, message)));
                if !window.resume()? {
                    break;
                }
            }
        }
    }
    Ok(())
}

/// One fault for a file that is refused as a whole.
pub(crate) fn whole_file(input: &Input, trouble: Trouble, visit: Visit<'_>) -> Result<(), Error> {
    match trouble {
        Trouble::Machine(error) => Err(error),
        Trouble::Content(kind, message) => {
            visit(Err(input.fault(kind, &Place::Whole, message)));
            Ok(())
        }
    }
}

fn is_array(window: &Window) -> bool {
    window.bytes().trim_ascii_start().starts_with(b"[")
}

/// What `next_line` found. It leaves a line at the window's start; a line that is too long has been consumed.
enum Next {
    Whole { length: usize, ending: usize },
    TooLong { length: u64 },
    End,
}

fn next_line(window: &mut Window, limit: usize) -> Result<Next, Trouble> {
    let mut searched = 0;
    loop {
        if let Some(found) = memchr(b'\n', &window.bytes()[searched..]) {
            return Ok(Next::Whole { length: searched + found, ending: 1 });
        }
        searched = window.bytes().len();
        if searched > limit {
            break;
        }
        if window.more()? == 0 {
            return Ok(if searched == 0 { Next::End } else { Next::Whole { length: searched, ending: 0 } });
        }
    }
    let start = window.offset();
    loop {
        if let Some(found) = memchr(b'\n', window.bytes()) {
            window.consume(found);
            let length = window.offset() - start;
            window.consume(1);
            return Ok(Next::TooLong { length });
        }
        window.consume(window.bytes().len());
        if window.more()? == 0 {
            return Ok(Next::TooLong { length: window.offset() - start });
        }
    }
}

fn behind_next_newline(path: &Path, offset: u64) -> Result<Window, Error> {
    let mut window = Window::open_at(path, offset)?;
    loop {
        match memchr(b'\n', window.bytes()) {
            Some(found) => {
                window.consume(found + 1);
                return Ok(window);
            }
            None => window.consume(window.bytes().len()),
        }
        match window.more() {
            Ok(0) => return Ok(window),
            Ok(_) => {}
            Err(Trouble::Machine(error)) => return Err(error),
            Err(Trouble::Content(_, message)) => unreachable!("plain bytes have no format to break: {message}"),
        }
    }
}

/// The names that are looked for, as a tree of keys.
pub(crate) struct Names {
    keys: Vec<Key>,
    text: String,
}

struct Key {
    name: String,
    /// The role and how likely the name is: 0 before 1.
    role: Option<(Role, usize)>,
    below: Vec<Key>,
}

impl Names {
    pub(crate) fn new(fields: &Fields) -> Names {
        let mut keys = Vec::new();
        for role in Role::ALL {
            for (rank, name) in fields.candidates(role).into_iter().enumerate() {
                insert(&mut keys, name, (role, rank));
                if let Some((first, rest)) = name.split_once('.') {
                    insert_below(&mut keys, first, rest, (role, rank));
                }
            }
        }
        let text = shortlist(fields.candidates(Role::Text), usize::MAX);
        Names { keys, text }
    }
}

fn insert<'k>(keys: &'k mut Vec<Key>, name: &str, role: (Role, usize)) -> &'k mut Key {
    let key = key(keys, name);
    key.role.get_or_insert(role);
    key
}

fn insert_below(keys: &mut Vec<Key>, first: &str, rest: &str, role: (Role, usize)) {
    let below = &mut key(keys, first).below;
    match rest.split_once('.') {
        Some((first, rest)) => insert_below(below, first, rest, role),
        None => {
            insert(below, rest, role);
        }
    }
}

fn key<'k>(keys: &'k mut Vec<Key>, name: &str) -> &'k mut Key {
    let index = keys.iter().position(|key| key.name == name).unwrap_or_else(|| {
        keys.push(Key { name: name.to_owned(), role: None, below: Vec::new() });
        keys.len() - 1
    });
    &mut keys[index]
}

/// Reads one line. `last` says that no newline follows, so that the file may have been cut inside it.
pub(crate) fn parse<'a>(line: &'a [u8], names: &Names, last: bool) -> Result<Record<'a>, (FaultKind, String)> {
    let line = simdutf8::compat::from_utf8(line).map_err(|error| {
        let message = format!("byte {} of the line is not UTF-8; convert the file to UTF-8", error.valid_up_to());
        (FaultKind::InvalidUtf8, message)
    })?;
    let mut found = Found::default();
    let mut deserializer = serde_json::Deserializer::from_str(line);
    let result = Object { keys: &names.keys, found: &mut found }.deserialize(&mut deserializer);
    if let Err(error) = result.and_then(|()| deserializer.end()) {
        let (kind, remedy) = match error.is_eof() && last {
            true => (FaultKind::Truncated, "; the file may have been cut here"),
            false => (FaultKind::Damaged, ""),
        };
        // serde_json counts lines too, but there is only one.
        let message = error.to_string().replace("at line 1 column", "at byte");
        return Err((kind, format!("not a JSON object: {message}{remedy}")));
    }
    let [text, id, url, date, language, licence] = found.values.map(|value| value.map(|(_, value)| value));
    let text = match text {
        Some(Value::Text(text)) => text,
        Some(Value::Number(_)) => return Err((FaultKind::MissingText, "the text is a number, not a string".into())),
        Some(Value::Other(what)) => return Err((FaultKind::MissingText, format!("the text is {what}, not a string"))),
        None => {
            let message = format!("no text in {}; the fields are: {}", names.text, field_names(line));
            return Err((FaultKind::MissingText, message));
        }
    };
    let language: Option<LanguageCode> = language.and_then(Value::into_text).and_then(|it| stated_language::parse(&it));
    let [id, url, date, licence] = [id, url, date, licence].map(|value| value.and_then(Value::into_text));
    Ok(Record { text, id, url, date, language, licence })
}

/// What the fields of one record hold: for each role the likeliest name's value.
#[derive(Default)]
struct Found<'a> {
    values: ByRole<Option<(usize, Value<'a>)>>,
}

enum Value<'a> {
    Text(Cow<'a, str>),
    Number(String),
    /// Something else, in words.
    Other(&'static str),
}

impl<'a> Value<'a> {
    fn into_text(self) -> Option<Cow<'a, str>> {
        match self {
            Value::Text(text) => Some(text),
            Value::Number(digits) => Some(Cow::Owned(digits)),
            Value::Other(_) => None,
        }
    }
}

impl<'a> Found<'a> {
    fn put(&mut self, key: &Key, value: Value<'a>) {
        let Some((role, rank)) = key.role else { return };
        let slot = &mut self.values[role as usize];
        // A string under a less likely name is better than none under the likeliest.
        let badness = |rank: usize, value: &Value<'_>| (matches!(value, Value::Other(_)), rank);
        if slot.as_ref().is_none_or(|(old_rank, old)| badness(rank, &value) < badness(*old_rank, old)) {
            *slot = Some((rank, value));
        }
    }
}

/// An object whose `keys` are looked for. All others are skipped; serde_json does that without recursion, so a line of
/// a million brackets costs no stack.
struct Object<'n, 'f, 'a> {
    keys: &'n [Key],
    found: &'f mut Found<'a>,
}

impl<'de> DeserializeSeed<'de> for Object<'_, '_, 'de> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Object<'_, '_, 'de> {
    type Value = ();
    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key_seed(KnownKey(self.keys))? {
            match key {
                Some(key) => map.next_value_seed(Cell { key, found: self.found })?,
                None => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(())
    }
}

/// Compares a key while it still stands in the line.
struct KnownKey<'n>(&'n [Key]);

impl<'de, 'n> DeserializeSeed<'de> for KnownKey<'n> {
    type Value = Option<&'n Key>;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de, 'n> Visitor<'de> for KnownKey<'n> {
    type Value = Option<&'n Key>;
    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a key")
    }
    fn visit_str<E: de::Error>(self, name: &str) -> Result<Self::Value, E> {
        Ok(self.0.iter().find(|key| key.name == name))
    }
}

/// The value of a known key.
struct Cell<'n, 'f, 'a> {
    key: &'n Key,
    found: &'f mut Found<'a>,
}

impl<'a> Cell<'_, '_, 'a> {
    fn put<E>(self, value: Value<'a>) -> Result<(), E> {
        self.found.put(self.key, value);
        Ok(())
    }
}

impl<'de> DeserializeSeed<'de> for Cell<'_, '_, 'de> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Cell<'_, '_, 'de> {
    type Value = ();
    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a value")
    }
    fn visit_borrowed_str<E: de::Error>(self, text: &'de str) -> Result<(), E> {
        self.put(Value::Text(Cow::Borrowed(text)))
    }
    fn visit_str<E: de::Error>(self, text: &str) -> Result<(), E> {
        self.put(Value::Text(Cow::Owned(text.to_owned())))
    }
    fn visit_i64<E: de::Error>(self, number: i64) -> Result<(), E> {
        self.put(Value::Number(number.to_string()))
    }
    fn visit_u64<E: de::Error>(self, number: u64) -> Result<(), E> {
        self.put(Value::Number(number.to_string()))
    }
    fn visit_f64<E: de::Error>(self, number: f64) -> Result<(), E> {
        self.put(Value::Number(number.to_string()))
    }
    fn visit_bool<E: de::Error>(self, _: bool) -> Result<(), E> {
        self.put(Value::Other("true or false"))
    }
    fn visit_unit<E: de::Error>(self) -> Result<(), E> {
        self.put(Value::Other("null"))
    }

    /// A list stands for its first entry: HPLT lists languages by their share of the text.
    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        let role = self.key.role.map(|(role, _)| role);
        if role == Some(Role::Text) {
            self.found.put(self.key, Value::Other("a list"));
        } else {
            list.next_element_seed(self)?;
        }
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<(), A::Error> {
        self.found.put(self.key, Value::Other("an object"));
        Object { keys: &self.key.below, found: self.found }.visit_map(map)
    }
}

/// The keys of a line that is known to be an object, at most eight.
fn field_names(line: &str) -> String {
    let names: Result<std::collections::BTreeMap<Cow<'_, str>, IgnoredAny>, _> = serde_json::from_str(line);
    shortlist(names.iter().flatten().map(|(name, _)| &**name), 8)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        decompress::tests::gzip,
        split::tests::{read_bytes, read_in_splits},
    };

    fn record(line: &str) -> Result<Record<'_>, (FaultKind, String)> {
        parse(line.as_bytes(), &Names::new(&Fields::default()), false)
    }

    fn summary(line: &str) -> String {
        let Record { text, id, url, date, language, .. } = record(line).unwrap();
        let language = language.map(|it| it.to_string());
        [Some(text), id, url, date, language.map(Cow::Owned)].map(Option::unwrap_or_default).join("|")
    }

    #[test]
    fn the_fields_of_known_corpora_are_found() {
        for (line, expected) in [
            // OSCAR 22.01 and 23.01
            (
                r#"{"content":"Тест","warc_headers":{"warc-record-id":"<urn:uuid:1>","warc-date":"2022-01-20T19:46:17Z",
                   "content-length":9,"warc-target-uri":"http://a.example/"},
                   "metadata":{"identification":{"label":"ru","prob":0.9},"annotation":null,"sentence_identifications":[]}}"#,
                "Тест|<urn:uuid:1>|http://a.example/|2022-01-20T19:46:17Z|ru",
            ),
            // dolma
            (
                r#"{"id":"7","text":"t","source":"cc","added":"2023-04-11","created":"2019-02-18","metadata":{"url":"http://b.example/"}}"#,
                "t|7|http://b.example/|2019-02-18|",
            ),
            // HPLT 1 and 2
            (r#"{"id":1,"document_lang":"fr","text":"t","url":"http://c.example/"}"#, "t|1|http://c.example/||"),
            (
                r#"{"f":"x","u":"http://d.example/","ts":"2018-06-22T13:27:26Z","lang":["fra_Latn","eng_Latn"],"prob":[0.9],"text":"t"}"#,
                "t||http://d.example/|2018-06-22T13:27:26Z|fr",
            ),
            // cc_net
            (
                r#"{"url":"http://e.example/","date_download":"2019-09-20","digest":"sha1:X","raw_content":"高血圧","language":"ja"}"#,
                "高血圧||http://e.example/|2019-09-20|ja",
            ),
            // CulturaX
            (
                r#"{"text":"t\u00e9","timestamp":"2020/11/23 18:53:17","url":"http://f.example/","source":"mC4"}"#,
                "té||http://f.example/|2020/11/23 18:53:17|",
            ),
        ] {
            assert_eq!(summary(&line.replace('\n', " ")), expected);
        }
    }

    #[test]
    fn a_text_without_escapes_is_borrowed_from_the_line() {
        assert!(matches!(record(r#"{"text":"心筋"}"#).unwrap().text, Cow::Borrowed("心筋")));
    }

    #[test]
    fn a_source_may_name_fields_inside_fields() {
        let fields = Fields { text: Some("doc.body.本文".into()), id: Some("meta.id".into()), ..Fields::default() };
        let names = Names::new(&fields);
        let line = r#"{"text":"no","meta.id":"dotted","doc":{"body":{"本文":"yes"}}}"#;
        let found = parse(line.as_bytes(), &names, false).unwrap();
        assert_eq!((&*found.text, found.id.as_deref()), ("yes", Some("dotted")));
    }

    #[test]
    fn faults_say_what_was_found() {
        for (line, kind, expected) in [
            (r#"{"a":1,"b":[],"c":{}}"#, FaultKind::MissingText, "the fields are: a, b, c"),
            (r#"{"text":null}"#, FaultKind::MissingText, "the text is null, not a string"),
            (r#"{"text":["x"]}"#, FaultKind::MissingText, "the text is a list"),
            (r#"{"text":7}"#, FaultKind::MissingText, "the text is a number"),
            (r#"{"text":"unterminated"#, FaultKind::Damaged, "EOF while parsing a string"),
            (r#"{"text":"a"} {"text":"b"}"#, FaultKind::Damaged, "trailing characters"),
            (r#""text""#, FaultKind::Damaged, "expected an object"),
        ] {
            let (found, message) = record(line).unwrap_err();
            assert!(found == kind && message.contains(expected), "{line}: {message}");
        }
        let (kind, message) = parse(b"{\"text\":\"\xe5\xbf\"}", &Names::new(&Fields::default()), false).unwrap_err();
        assert_eq!((kind, message.contains("byte 9 ")), (FaultKind::InvalidUtf8, true), "{message}");
    }

    #[test]
    fn nesting_of_any_depth_costs_no_stack() {
        let deep = |open: &str, close: &str| {
            format!("{{\"x\":{}1{},\"text\":\"t\"}}", open.repeat(200_000), close.repeat(200_000))
        };
        assert_eq!(summary(&deep("[", "]")), "t||||");
        assert_eq!(summary(&deep("{\"a\":", "}")), "t||||");
        // Inside a field that is looked for, serde_json stops at a depth of 128.
        let line = format!("{{\"lang\":{}{},\"text\":\"t\"}}", "[".repeat(200_000), "]".repeat(200_000));
        assert!(record(&line).unwrap_err().1.contains("recursion limit"));
    }

    #[test]
    fn blank_lines_are_not_records_and_bad_ones_cost_themselves() {
        let lines = "\u{feff}{\"text\":\"一\"}\r\n\n  \n{\"text\":\n{\"text\":\"二\"}";
        let (texts, faults) = read_bytes("a.jsonl", lines.as_bytes());
        assert_eq!(texts, ["一", "二"]);
        assert_eq!(faults.len(), 1);
        assert_eq!((faults[0].kind, faults[0].place.as_str()), (FaultKind::Damaged, "a.jsonl#bytes=23+8"));
    }

    #[test]
    fn a_line_over_the_limit_is_one_fault_and_is_not_stored() {
        let long = format!("{{\"text\":\"{}\"}}", "x".repeat(41 << 20));
        let (texts, faults) =
            read_bytes("a.jsonl", format!("{{\"text\":\"a\"}}\n{long}\n{{\"text\":\"b\"}}\n").as_bytes());
        assert_eq!(texts, ["a", "b"]);
        assert_eq!((faults.len(), faults[0].kind), (1, FaultKind::TooLarge));
        assert!(faults[0].message.contains("max_document_megabytes"), "{}", faults[0]);
    }

    #[test]
    fn a_text_over_the_limit_in_a_shorter_line_is_a_fault() {
        let (texts, faults) = read_bytes("a.jsonl", format!("{{\"text\":\"{}\"}}", "x".repeat(11 << 20)).as_bytes());
        assert_eq!((texts.len(), faults[0].kind), (0, FaultKind::TooLarge));
    }

    #[test]
    fn compressed_lines_before_a_cut_are_delivered() {
        let lines: String =
            (0..50_000).map(|it| format!("{{\"text\":\"пациент {}\"}}\n", it * 7919 % 10_007)).collect();
        let whole = gzip(lines.as_bytes());
        let (texts, faults) = read_bytes("a.jsonl.gz", &whole[..whole.len() / 2]);
        assert!(texts.len() > 10_000, "{}", texts.len());
        assert_eq!((faults.len(), faults[0].kind), (1, FaultKind::Truncated));
        assert_eq!(read_bytes("a.jsonl.gz", &whole).0.len(), 50_000);
    }

    #[test]
    fn an_array_is_refused_once_whatever_the_split() {
        let file = format!("[\n{}]", "{\"text\":\"a\"},\n".repeat(500));
        let (texts, faults) = read_in_splits("a.json", file.as_bytes(), 100);
        assert!(texts.is_empty() && faults.len() == 1 && faults[0].message.contains("jq"), "{faults:?}");
    }

    proptest::proptest! {
        #[test]
        fn splits_of_any_size_deliver_the_same_records(
            lines in proptest::collection::vec("(|\r| |x|\\{\"text\":\"[a-zб-я心\n]{0,9}\"\\})", 0..40),
            target in 1u64..200,
            newline in proptest::bool::ANY,
        ) {
            let mut file = lines.join("\n");
            file.push_str(if newline { "\n" } else { "" });
            proptest::prop_assert_eq!(
                read_in_splits("a.jsonl", file.as_bytes(), target),
                read_in_splits("a.jsonl", file.as_bytes(), u64::MAX)
            );
        }
    }
}
