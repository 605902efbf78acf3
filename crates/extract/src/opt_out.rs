//! Requests of a page or server not to be indexed, archived or used to train models.

/// Words of robots meta elements and X-Robots-Tag headers that ask so.
const WORDS: [&str; 8] = ["noindex", "none", "noarchive", "noai", "noimageai", "noml", "notrain", "tdm-reservation"];

/// Whether the value of a header or meta element of this name, both in lower case, is such a request.
pub fn is_opt_out(name: &str, value: &str) -> bool {
    let mut words = value.split([',', ';', ' ', ':']).map(str::trim);
    match name {
        "tdm-reservation" => value.trim() == "1",
        "content-signal" => value
            .split([',', ';'])
            .any(|it| it.split_once('=').is_some_and(|(what, may)| what.trim() == "ai-train" && may.trim() == "no")),
        _ => words.any(|word| WORDS.contains(&word)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_told_from_permissions() {
        assert!(is_opt_out("robots", "max-snippet:50, noai"));
        assert!(is_opt_out("tdm-reservation", "1") && !is_opt_out("tdm-reservation", "0"));
        assert!(
            is_opt_out("content-signal", "search=yes, ai-train=no") && !is_opt_out("content-signal", "ai-train=yes")
        );
        assert!(!is_opt_out("robots", "index, follow, max-image-preview:large"));
    }
}
