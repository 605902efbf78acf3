//! Addresses of the web in a canonical form, which two addresses of one page share.

use std::fmt::Write;

/// Parameters that say how a reader came to a page and not which page it is.
const OF_VISITS: [&str; 22] = [
    "_ga",
    "_gl",
    "_hsenc",
    "_hsmi",
    "dclid",
    "fbclid",
    "gbraid",
    "gclid",
    "gclsrc",
    "igshid",
    "jsessionid",
    "mc_cid",
    "mc_eid",
    "mkt_tok",
    "msclkid",
    "phpsessid",
    "ref_src",
    "srsltid",
    "twclid",
    "vero_id",
    "wbraid",
    "yclid",
];

/// Names of the page that a folder shows.
const OF_FOLDERS: [&str; 8] =
    ["index.html", "index.htm", "index.shtml", "index.php", "index.asp", "index.aspx", "index.jsp", "default.aspx"];

/// The canonical form of an address: without scheme, `www.`, standard port, user, fragment, session and the parameters
/// that tell how somebody came to it; host in lower case, parameters sorted, the page of a folder as the folder.
/// Nothing, if it is no address of the web.
///
/// ```
/// let canonical = |url| dedup::canonical_url(url);
/// assert_eq!(canonical("HTTP://www.Example.org:80/a/?utm_source=x#top"), canonical("https://example.org/a"));
/// assert_ne!(canonical("https://example.org/?id=1"), canonical("https://example.org/?id=2"));
/// ```
pub fn canonical_url(url: &str) -> Option<String> {
    let url = url.trim();
    let (scheme, rest) = url.split_once("://")?;
    if !scheme.eq_ignore_ascii_case("http") && !scheme.eq_ignore_ascii_case("https") {
        return None;
    }
    let (authority, rest) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    let host = authority.rsplit('@').next().unwrap_or_default().to_lowercase();
    let host = host.strip_suffix(":80").or(host.strip_suffix(":443")).unwrap_or(&host).trim_end_matches('.');
    let host = host.strip_prefix("www.").unwrap_or(host);
    if host.is_empty() {
        return None;
    }
    let (rest, fragment) = rest.split_once('#').unwrap_or((rest, ""));
    let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
    let mut canonical = host.to_owned();
    for part in path_parts(path) {
        canonical.push('/');
        push_encoded(&mut canonical, part);
    }
    let mut parameters = Vec::new();
    for parameter in query.split('&').filter(|parameter| names_the_page(parameter)) {
        let mut encoded = String::new();
        push_encoded(&mut encoded, parameter);
        parameters.push(encoded);
    }
    parameters.sort_unstable();
    for (place, parameter) in parameters.iter().enumerate() {
        canonical.push(if place == 0 { '?' } else { '&' });
        canonical.push_str(parameter);
    }
    // Pages that are put together in the browser have their address behind the `#`.
    if fragment.starts_with(['!', '/']) {
        canonical.push('#');
        push_encoded(&mut canonical, fragment);
    }
    Some(canonical)
}

/// The parts of a path that say something.
fn path_parts(path: &str) -> Vec<&str> {
    let session = path.to_ascii_lowercase().find(";jsessionid=").unwrap_or(path.len());
    let mut parts = Vec::new();
    for part in path[..session].split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    if parts.last().is_some_and(|last| OF_FOLDERS.iter().any(|name| last.eq_ignore_ascii_case(name))) {
        parts.pop();
    }
    parts
}

fn names_the_page(parameter: &str) -> bool {
    let name = parameter.split('=').next().unwrap_or_default().to_ascii_lowercase();
    !parameter.is_empty() && !name.starts_with("utm_") && !OF_VISITS.contains(&name.as_str())
}

/// Appends a part with everything but the plain characters percent-encoded, whether or not it was before.
fn push_encoded(canonical: &mut String, part: &str) {
    let bytes = part.as_bytes();
    let mut place = 0;
    while place < bytes.len() {
        let hexadecimal = |at: usize| bytes.get(at).and_then(|byte| char::from(*byte).to_digit(16));
        let (byte, was_encoded) = match (bytes[place], hexadecimal(place + 1), hexadecimal(place + 2)) {
            (b'%', Some(high), Some(low)) => {
                place += 3;
                ((high * 16 + low) as u8, true)
            }
            (byte, ..) => {
                place += 1;
                (byte, false)
            }
        };
        let is_plain = byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
        // What parts an address means another thing when it is encoded.
        if is_plain || !was_encoded && byte.is_ascii_graphic() {
            canonical.push(char::from(byte));
        } else {
            write!(canonical, "%{byte:02X}").expect("a string takes everything");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn addresses_of_one_page_have_one_form() {
        for (url, expected) in [
            ("https://www.Example.org/", "example.org"),
            ("http://user:word@example.org:8080//a/./b/../c/", "example.org:8080/a/c"),
            ("https://example.org/a/index.html?b=2&a=1&UTM_Source=z&fbclid=q", "example.org/a?a=1&b=2"),
            ("https://example.org/a;JSESSIONID=12", "example.org/a"),
            ("https://example.org/心臓?q=é#teil", "example.org/%E5%BF%83%E8%87%93?q=%C3%A9"),
            ("https://example.org/%e5%bf%83%E8%87%93?q=%c3%a9", "example.org/%E5%BF%83%E8%87%93?q=%C3%A9"),
            ("https://example.org/%7Ea%2Fb", "example.org/~a%2Fb"),
            ("https://example.org/#!/page", "example.org#!/page"),
            ("https://пример.рф/А", "пример.рф/%D0%90"),
        ] {
            assert_eq!(canonical_url(url).as_deref(), Some(expected), "{url}");
        }
        for url in ["", "urn:uuid:1", "ftp://example.org/a", "https:///a", "see example.org"] {
            assert_eq!(canonical_url(url), None, "{url}");
        }
    }

    #[test]
    fn what_names_another_page_stays() {
        let different =
            ["https://a.org/A", "https://a.org/a", "https://a.org/a?p=1", "https://a.org/a?p=2", "https://b.org/a"];
        for (place, url) in different.iter().enumerate() {
            assert!(different[..place].iter().all(|other| canonical_url(other) != canonical_url(url)), "{url}");
        }
    }

    proptest! {
        #[test]
        fn the_canonical_form_is_its_own(rest in any::<String>()) {
            if let Some(canonical) = canonical_url(&format!("https://{rest}")) {
                let again = canonical_url(&format!("https://{canonical}"));
                // A host may itself begin with `www.` or end with a port that is dropped.
                prop_assert!(again.is_none() || again.as_deref() == Some(&canonical) || again.is_some_and(|it| it.len() < canonical.len()));
            }
        }
    }
}
