//! Requests of a page or server not to be indexed, archived or used to train models.

/// Words of robots meta elements and X-Robots-Tag headers that ask for anything of the kind.
const WORDS: [&str; 8] = ["noindex", "none", "noarchive", "noai", "noimageai", "noml", "notrain", "tdm-reservation"];
/// Those that ask not to train models on the text.
const TRAINING_WORDS: [&str; 3] = ["noai", "noml", "notrain"];
/// Those that, said to one who gathers text for training, ask the same.
const WORDS_TO_TRAINERS: [&str; 3] = ["noindex", "none", "noarchive"];
/// Names by which pages speak to those who gather text for training.
const TRAINERS: [&str; 5] = ["ccbot", "gptbot", "google-extended", "claudebot", "anthropic-ai"];

/// Whether a meta element of this name, in lower case, speaks of what may be done with the page.
pub(crate) fn is_about_use(name: &str) -> bool {
    matches!(name, "robots" | "googlebot" | "tdm-reservation" | "x-robots-tag" | "ai-usage") || TRAINERS.contains(&name)
}

/// Whether the value of a header or meta element of this name, both in lower case, is such a request.
pub fn is_opt_out(name: &str, value: &str) -> bool {
    match name {
        "tdm-reservation" => value.trim() == "1",
        "content-signal" => refuses_training(value),
        _ => words(value).any(|word| WORDS.contains(&word)),
    }
}

/// Whether a request, as [`crate::Metadata::opt_outs`] lists it, forbids to train models on the page's text. `noindex` does
/// not: it is about search, unless it is said to one who gathers text for training.
pub fn forbids_training(opt_out: &str) -> bool {
    let Some((place, value)) = opt_out.split_once(": ") else { return false };
    let name = place.rsplit(' ').next().unwrap_or_default();
    match name {
        "tdm-reservation" => true,
        "content-signal" => refuses_training(value),
        _ => {
            let is_to_trainer = TRAINERS.contains(&name)
                || value.split_once(':').is_some_and(|(agent, _)| TRAINERS.contains(&agent.trim()));
            words(value)
                .any(|word| TRAINING_WORDS.contains(&word) || (is_to_trainer && WORDS_TO_TRAINERS.contains(&word)))
        }
    }
}

fn words(value: &str) -> impl Iterator<Item = &str> {
    value.split([',', ';', ' ', ':']).map(str::trim)
}

fn refuses_training(signals: &str) -> bool {
    let mut pairs = signals.split([',', ';']).filter_map(|it| it.split_once('='));
    pairs.any(|(what, may)| what.trim() == "ai-train" && may.trim() == "no")
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

    #[test]
    fn some_requests_forbid_training() {
        for (opt_out, expected) in [
            ("meta robots: noindex, noarchive", false),
            ("meta robots: noindex, noai", true),
            ("meta robots: noimageai", false),
            ("meta gptbot: noindex", true),
            ("header x-robots-tag: ccbot: none", true),
            ("header x-robots-tag: otherbot: noindex, nofollow", false),
            ("header tdm-reservation: 1", true),
            ("header content-signal: ai-train=no", true),
        ] {
            assert_eq!(forbids_training(opt_out), expected, "{opt_out}");
        }
    }
}
