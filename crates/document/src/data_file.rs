//! Reading the data folders: TOML text into a type, with errors that name file, line and remedy.

use serde::de::DeserializeOwned;

/// Something wrong in a file of `filters/`, `sources/` or `pipelines/`, found before any work.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file}{}: {message}", line.map(|line| format!(":{line}")).unwrap_or_default())]
pub struct DataFileError {
    /// The path as the user gave it.
    pub file: String,
    /// Counted from 1.
    pub line: Option<usize>,
    /// What is wrong and what to do: lower case, no full stop.
    pub message: String,
}

impl DataFileError {
    /// An error about a whole file.
    pub fn whole(file: impl Into<String>, message: impl Into<String>) -> DataFileError {
        DataFileError { file: file.into(), line: None, message: message.into() }
    }

    /// An error about one line, counted from 1.
    pub fn at(file: impl Into<String>, line: usize, message: impl Into<String>) -> DataFileError {
        DataFileError { file: file.into(), line: Some(line), message: message.into() }
    }
}

/// Everything that is wrong with the data files of one command, so that a user mends them in one round.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Problems(pub Vec<DataFileError>);

impl Problems {
    /// `value` if nothing is wrong.
    /// # Errors
    /// Fails with all problems if there is one.
    pub fn none_or<T>(self, value: T) -> Result<T, Problems> {
        if self.0.is_empty() { Ok(value) } else { Err(self) }
    }

    /// The value of `result`, or nothing and its problems added to these.
    pub fn collect<T>(&mut self, result: Result<T, impl Into<Problems>>) -> Option<T> {
        result.map_err(|problems| self.0.extend(problems.into().0)).ok()
    }
}

impl From<DataFileError> for Problems {
    fn from(error: DataFileError) -> Problems {
        Problems(vec![error])
    }
}

impl std::error::Error for Problems {}

impl std::fmt::Display for Problems {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let lines: Vec<String> = self.0.iter().map(DataFileError::to_string).collect();
        formatter.write_str(&lines.join("\n"))
    }
}

/// Reads TOML `text`; `file` is only used in messages.
/// # Errors
/// Fails on bad TOML, on a value of the wrong type and, where `T` denies unknown fields, on an unknown key; the message
/// then proposes the nearest known key.
pub fn parse_toml<T: DeserializeOwned>(file: &str, text: &str) -> Result<T, DataFileError> {
    toml::from_str(text).map_err(|error| {
        let line = error.span().map(|span| 1 + text[..span.start.min(text.len())].matches('\n').count());
        let message = with_suggestion(error.message());
        DataFileError { file: file.to_owned(), line, message }
    })
}

/// The candidate that a misspelt `word` most likely meant: at most a third of its letters differ.
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    candidates
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(word, candidate), candidate))
        .filter(|(distance, candidate)| *distance * 3 <= word.len().max(candidate.len()))
        .min()
        .map(|(_, candidate)| candidate)
}

/// serde's message for an unknown key lists all keys there are; the likeliest is put first.
pub fn with_suggestion(message: &str) -> String {
    let message = message.trim_end().replace('\n', " ");
    let mut quoted = message.split('`').skip(1).step_by(2);
    let unknown = message.starts_with("unknown field") || message.starts_with("unknown variant");
    let suggestion = quoted.next().filter(|_| unknown).and_then(|word| nearest(word, quoted));
    match suggestion {
        Some(candidate) => format!("{message}; did you mean `{candidate}`?"),
        None => message,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Settings {
        #[expect(dead_code, reason = "only its name is needed")]
        min_words: Option<u64>,
        #[expect(dead_code, reason = "only its name is needed")]
        max_words: Option<u64>,
    }

    #[test]
    fn an_unknown_key_is_named_with_its_line_and_the_key_that_was_meant() {
        let error = parse_toml::<Settings>("filters/fr/language.toml", "# limits\nmin_word = 3\n").unwrap_err();
        assert_eq!(
            error.to_string(),
            "filters/fr/language.toml:2: unknown field `min_word`, expected `min_words` or `max_words`; \
             did you mean `min_words`?"
        );
    }

    #[test]
    fn a_value_of_the_wrong_type_is_named_with_its_line() {
        let error = parse_toml::<Settings>("x.toml", "min_words = \"drei\"").unwrap_err();
        assert_eq!(error.to_string(), "x.toml:1: invalid type: string \"drei\", expected u64");
    }

    #[test]
    fn far_words_are_no_suggestion() {
        assert_eq!(nearest("count_keyword", ["normalize", "count_keywords"]), Some("count_keywords"));
        assert_eq!(nearest("xyz", ["normalize", "count_keywords"]), None);
    }
}
