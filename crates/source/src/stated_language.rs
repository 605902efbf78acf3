//! The language that a record, a path or a header states, in whatever code its author used.

use std::sync::LazyLock;

use document::LanguageCode;

/// Three letters to two, sorted by the three.
static TWO_LETTERS: LazyLock<Vec<(&str, &str)>> = LazyLock::new(|| {
    let table = include_str!("../../../sources/iso639.txt");
    let mut pairs: Vec<_> =
        table.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.split_once(' ')).collect();
    pairs.sort_unstable();
    pairs
});

/// Reads a code as web corpora write it: BCP 47, or ISO 639 with or without a script behind `_`.
/// Three letters become two where there are two; a script or region survives only in BCP 47 with two letters, since
/// that is what the folders of `filters/` are called by. `None` for anything else and for "undetermined".
pub(crate) fn parse(stated: &str) -> Option<LanguageCode> {
    let stated = stated.trim();
    let (primary, rest) = stated.split_at(stated.find(['-', '_']).unwrap_or(stated.len()));
    if !(2..=3).contains(&primary.len()) {
        return None;
    }
    let primary = primary.to_ascii_lowercase();
    let code = match TWO_LETTERS.binary_search_by_key(&primary.as_str(), |pair| pair.0) {
        Ok(index) => LanguageCode::parse(TWO_LETTERS[index].1),
        Err(_) if primary.len() == 2 && rest.starts_with('-') => {
            LanguageCode::parse(&format!("{primary}{rest}")).or_else(|_| LanguageCode::parse(&primary))
        }
        Err(_) => LanguageCode::parse(&primary),
    };
    code.ok().filter(|code| *code != LanguageCode::UNDETERMINED)
}

/// The language of a comma-separated list, if it names exactly one.
pub(crate) fn only_one(list: &str) -> Option<LanguageCode> {
    let mut stated = list.split(',').filter(|it| !it.trim().is_empty());
    stated.next().filter(|_| stated.next().is_none()).and_then(parse)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(stated: &str) -> Option<String> {
        parse(stated).map(|code| code.to_string())
    }

    #[test]
    fn codes_of_all_corpora_become_the_names_of_our_folders() {
        for (stated, expected) in [
            ("fr", "fr"),
            ("FR", "fr"),
            ("fra_Latn", "fr"),
            ("fre", "fr"),
            ("zho", "zh"),
            ("cmn_Hani", "zh"),
            ("zh-Hant", "zh-Hant"),
            ("pt_BR", "pt"),
            ("yue", "yue"),
            ("arb_Arab", "ar"),
        ] {
            assert_eq!(code(stated).as_deref(), Some(expected), "{stated}");
        }
    }

    #[test]
    fn what_is_no_code_is_no_language() {
        for stated in ["", "x", "français", "日本語", "und", "english", "123", "--", "_"] {
            assert_eq!(code(stated), None, "{stated}");
        }
    }

    #[test]
    fn a_list_is_a_hint_only_if_it_names_one() {
        assert_eq!(only_one("jpn").map(|it| it.to_string()), Some("ja".to_owned()));
        assert_eq!(only_one("jpn,eng"), None);
        assert_eq!(only_one(""), None);
    }
}
