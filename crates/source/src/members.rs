//! The members of a JSON object as they stand in a line, for whoever changes the text and leaves the rest as it is.

use std::ops::Range;

use crate::{Fields, fields::Role};

/// A member: its name and its value as they are written, the name without its quotation marks.
struct Member {
    name: Range<usize>,
    value: Range<usize>,
}

impl Member {
    /// Whether this is its name as it is read: a `t` may be written `\u0074`.
    fn is_called(&self, line: &str, name: &str) -> bool {
        let written = &line[self.name.clone()];
        let read = || serde_json::from_str::<String>(&line[self.name.start - 1..=self.name.end]);
        written == name || written.contains('\\') && read().is_ok_and(|read| read == name)
    }
}

/// The line of a record with another text, and without the member `without`, if it has one. `edit` is given the text. All
/// other bytes stay. Nothing, if the line is no object with a text in a member of a usual name, or `edit` gives nothing.
pub fn with_text(line: &str, without: &str, edit: impl FnOnce(&str) -> Option<String>) -> Option<String> {
    let mut members = members(line)?;
    let fields = Fields::default();
    let named = |name: &str| {
        let is_it = |member: &&Member| member.is_called(line, name) && line[member.value.clone()].starts_with('"');
        members.iter().find(is_it)
    };
    let text = fields.candidates(Role::Text).into_iter().find_map(named)?.value.clone();
    let old: String = serde_json::from_str(&line[text.clone()]).ok()?;
    let new = serde_json::to_string(&edit(&old)?).ok()?;
    members.retain(|member| !member.is_called(line, without));
    let mut edited = String::with_capacity(line.len());
    for (number, member) in members.iter().enumerate() {
        edited.push(if number == 0 { '{' } else { ',' });
        if member.value == text {
            edited.push_str(&line[member.name.start - 1..member.value.start]);
            edited.push_str(&new);
        } else {
            edited.push_str(&line[member.name.start - 1..member.value.end]);
        }
    }
    edited.push('}');
    Some(edited)
}

/// The members of an object that is known to be sound JSON.
fn members(line: &str) -> Option<Vec<Member>> {
    let bytes = line.as_bytes();
    let blank = |mut place: usize| {
        while bytes.get(place).is_some_and(|byte| b" \t\r\n".contains(byte)) {
            place += 1;
        }
        place
    };
    let mut place = blank(0);
    if bytes.get(place) != Some(&b'{') {
        return None;
    }
    let mut members = Vec::new();
    loop {
        place = blank(place + 1);
        if bytes.get(place) == Some(&b'}') && members.is_empty() {
            return Some(members);
        }
        let name = place + 1..string_end(bytes, place)? - 1;
        place = blank(name.end + 1);
        if bytes.get(place) != Some(&b':') {
            return None;
        }
        let start = blank(place + 1);
        let mut depth = 0usize;
        place = start;
        let end = loop {
            match bytes.get(place)? {
                b'"' => {
                    place = string_end(bytes, place)?;
                    continue;
                }
                b'{' | b'[' => depth += 1,
                b'}' | b',' if depth == 0 => break place,
                b'}' | b']' => depth = depth.checked_sub(1)?,
                _ => {}
            }
            place += 1;
        };
        let value = start..start + line[start..end].trim_ascii_end().len();
        members.push(Member { name, value });
        if bytes[end] == b'}' {
            return Some(members);
        }
        place = end;
    }
}

/// The place behind the string that begins at `place`.
fn string_end(bytes: &[u8], place: usize) -> Option<usize> {
    if bytes.get(place) != Some(&b'"') {
        return None;
    }
    let mut place = place + 1;
    loop {
        match bytes.get(place)? {
            b'"' => return Some(place + 1),
            b'\\' => place += 2,
            _ => place += 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn only_the_text_changes() {
        let line = r#" {"id": 1.50, "a":{"text":"no"} , "text" :"one\n\"two\" é", "cut":[1,{"b":2}],"z":"\\" }"#;
        let edited = with_text(line, "cut", |text| Some(text.replace("\n\"two\"", ""))).unwrap();
        assert_eq!(edited, r#"{"id": 1.50,"a":{"text":"no"},"text" :"one é","z":"\\"}"#);
        assert_eq!(
            with_text(r#"{"text":null,"content":"a"}"#, "", |_| Some("b".into())).unwrap(),
            r#"{"text":null,"content":"b"}"#
        );
        let escaped = with_text(r#"{"t\u0065xt":"a"}"#, "", |_| Some("b".into()));
        assert_eq!(escaped.as_deref(), Some(r#"{"t\u0065xt":"b"}"#));
        for line in ["{}", "[1]", r#"{"a":{"text":"b"}}"#, r#"{"text":1}"#] {
            assert_eq!(with_text(line, "", |_| Some(String::new())), None, "{line}");
        }
    }

    proptest! {
        #[test]
        fn every_object_keeps_its_other_members(text in any::<String>(), other in any::<String>(), name in "[a-z\"\\\\]{1,5}x") {
            let value = serde_json::json!({ &name: [&other, {"text": &other}], "text": &text, "n": -1.5e3 });
            let line = value.to_string();
            let edited = with_text(&line, "none", |old| (old == text).then(|| "new".to_owned())).unwrap();
            let mut expected = value;
            expected["text"] = "new".into();
            prop_assert_eq!(serde_json::from_str::<serde_json::Value>(&edited).unwrap(), expected);
        }
    }
}
