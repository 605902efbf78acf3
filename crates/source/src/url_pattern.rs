//! Patterns of addresses: `*` stands for anything, a `$` at the end for the end, and what follows a pattern is free.

/// Whether a pattern matches the start of a text. Each part between stars is looked for once, at its first place, so the
/// work is linear in the text for each part and never exponential. robots.txt has the same patterns (RFC 9309, 2.2.3).
pub fn matches_start(pattern: &[u8], text: &[u8]) -> bool {
    let (pattern, to_end) = match pattern.strip_suffix(b"$") {
        Some(pattern) => (pattern, true),
        None => (pattern, false),
    };
    let mut parts = pattern.split(|it| *it == b'*');
    let Some(mut rest) = text.strip_prefix(parts.next().unwrap_or_default()) else { return false };
    let mut parts = parts.peekable();
    if parts.peek().is_none() {
        return !to_end || rest.is_empty();
    }
    while let Some(part) = parts.next() {
        if part.is_empty() {
            if parts.peek().is_none() {
                return true;
            }
            continue;
        }
        if to_end && parts.peek().is_none() {
            return rest.ends_with(part);
        }
        let Some(at) = memchr::memmem::find(rest, part) else { return false };
        rest = &rest[at + part.len()..];
    }
    true
}

/// What is wrong with a pattern of whole addresses.
pub(crate) fn complaint(pattern: &str) -> Option<String> {
    let begins_well = ["http://", "https://", "*"].iter().any(|start| pattern.starts_with(start));
    (!begins_well).then(|| format!("{pattern:?} must begin as a whole address does (https://…), or with *"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_from_the_start_and_leave_the_rest_free() {
        for (pattern, text, expected) in [
            ("https://a.org/", "https://a.org/病", true),
            ("https://a.org/*.html$", "https://a.org/x/y.html", true),
            ("https://a.org/*.html$", "https://a.org/x.html?p=2", false),
            ("*/print/", "https://a.org/print/1", true),
            ("*", "", true),
            ("https://a.org/$", "https://a.org/x", false),
        ] {
            assert_eq!(matches_start(pattern.as_bytes(), text.as_bytes()), expected, "{pattern} {text}");
        }
        assert!(complaint("/a").is_some() && complaint("*.html").is_none());
    }
}
