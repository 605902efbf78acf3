//! The one spelling of a page's address, by which a crawler remembers it and by which pages that go on are found again.

use url::Url;

/// Longer addresses are made by loops.
const MAX_ADDRESS_CHARS: usize = 1000;
/// A part of a path that occurs more often is a loop.
const MAX_EQUAL_PARTS: usize = 3;
/// Names of parameters that hold a session, in lower case; without them an address names the same page.
const SESSIONS: [&str; 6] = ["phpsessid", "jsessionid", "sid", "sessionid", "session_id", "aspsessionid"];

/// The address that a link means on a page with the address `base`: without fragment and session. None for what cannot be
/// fetched or is a loop.
pub fn address(base: Option<&str>, link: &str) -> Option<String> {
    let base = base.and_then(|base| Url::parse(base).ok());
    let mut url = Url::options().base_url(base.as_ref()).parse(link.trim()).ok()?;
    if !matches!(url.scheme(), "http" | "https") || !url.username().is_empty() || url.password().is_some() {
        return None;
    }
    url.set_fragment(None);
    if let Some((path, _)) = url.path().to_owned().split_once(";jsessionid=") {
        url.set_path(path);
    }
    if let Some(query) = url.query() {
        let is_session = |it: &&str| SESSIONS.contains(&it.split('=').next().unwrap_or("").to_lowercase().as_str());
        let kept: Vec<&str> = query.split('&').filter(|it| !it.is_empty() && !is_session(it)).collect();
        let kept = kept.join("&");
        url.set_query(Some(kept.as_str()).filter(|it| !it.is_empty()));
    }
    let parts: Vec<&str> = url.path().split('/').filter(|it| !it.is_empty()).collect();
    let is_loop = parts.iter().any(|part| parts.iter().filter(|it| *it == part).count() > MAX_EQUAL_PARTS);
    (url.as_str().len() <= MAX_ADDRESS_CHARS && !is_loop).then(|| url.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sessions_and_fragments_are_taken_off() {
        for (link, expected) in [
            ("c?id=1&PHPSESSID=9#top", Some("http://x.org/a/c?id=1")),
            ("/病;jsessionid=1", Some("http://x.org/%E7%97%85")),
            ("?sid=4", Some("http://x.org/a/b")),
            ("mailto:a@b", None),
            ("http://me:pw@x.org/", None),
        ] {
            assert_eq!(address(Some("http://x.org/a/b"), link).as_deref(), expected, "{link}");
        }
    }

    #[test]
    fn loops_are_no_addresses() {
        assert_eq!(address(None, "http://x.org/a/a/a/a/"), None);
        assert_eq!(address(None, &format!("http://x.org/{}", "a".repeat(1000))), None);
        assert!(address(None, "http://x.org/a/b/a/c/a").is_some());
    }
}
