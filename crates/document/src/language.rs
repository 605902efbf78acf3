//! A language code: BCP 47, checked once where it enters, copied freely afterwards.

use std::{borrow::Borrow, fmt, str::FromStr};

use serde::{Deserialize, Serialize, de};

/// The longest code that is accepted, in bytes: `zh-Hant-TW` has ten.
const MAX_BYTES: usize = 11;

/// A BCP 47 language code such as `fr`, `yue`, `zh-Hant` or `es-419`: a primary subtag of two or three lower-case letters,
/// then at most a script (four letters) and a region (two letters or three digits).
///
/// It is not an enumeration: which languages there are is decided by the folders under `filters/`.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct LanguageCode {
    bytes: [u8; MAX_BYTES],
    length: u8,
}

/// What `LanguageCode::parse` says of a string that is not a language code.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a language code; write a BCP 47 code such as \"fr\" or \"zh-Hant\"")]
pub struct InvalidLanguageCode(pub String);

impl LanguageCode {
    /// BCP 47's own code for text whose language nobody has determined.
    pub const UNDETERMINED: LanguageCode = LanguageCode { bytes: *b"und\0\0\0\0\0\0\0\0", length: 3 };

    /// Reads a code.
    /// # Errors
    /// Fails on anything that is not of the form described at the type.
    pub fn parse(code: &str) -> Result<LanguageCode, InvalidLanguageCode> {
        let mut subtags = code.split('-').peekable();
        let letters = |tag: &str| tag.bytes().all(|byte| byte.is_ascii_alphabetic());
        let is_primary = |tag: &str| (2..=3).contains(&tag.len()) && tag.bytes().all(|byte| byte.is_ascii_lowercase());
        let is_script = |tag: &str| tag.len() == 4 && letters(tag);
        let is_region = |tag: &str| match tag.len() {
            2 => letters(tag),
            3 => tag.bytes().all(|byte| byte.is_ascii_digit()),
            _ => false,
        };
        let has_primary = subtags.next().is_some_and(is_primary);
        subtags.next_if(|tag| is_script(tag));
        subtags.next_if(|tag| is_region(tag));
        if !has_primary || subtags.next().is_some() || code.len() > MAX_BYTES {
            return Err(InvalidLanguageCode(code.to_owned()));
        }
        let mut bytes = [0; MAX_BYTES];
        bytes[..code.len()].copy_from_slice(code.as_bytes());
        Ok(LanguageCode { bytes, length: code.len() as u8 })
    }

    /// The code as it was written.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.bytes[..usize::from(self.length)]).expect("parse accepts ASCII only")
    }
}

impl FromStr for LanguageCode {
    type Err = InvalidLanguageCode;
    fn from_str(code: &str) -> Result<Self, Self::Err> {
        LanguageCode::parse(code)
    }
}

impl PartialOrd for LanguageCode {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for LanguageCode {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.as_str().cmp(other.as_str())
    }
}

impl Borrow<str> for LanguageCode {
    fn borrow(&self) -> &str {
        self.as_str()
    }
}

impl fmt::Display for LanguageCode {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.as_str())
    }
}

impl fmt::Debug for LanguageCode {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl Serialize for LanguageCode {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for LanguageCode {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let code = String::deserialize(deserializer)?;
        LanguageCode::parse(&code).map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_of_the_standard_are_read_and_others_are_not() {
        for code in ["fr", "yue", "zh-Hant", "zh-Hant-TW", "es-419"] {
            assert_eq!(LanguageCode::parse(code).map(|it| it.to_string()), Ok(code.to_owned()));
        }
        for code in ["", "f", "FR", "french", "fr_FR", "fr-", "日本", "zh-Hant-TW-x", "fr-00000", "fr-00000-of"] {
            assert_eq!(LanguageCode::parse(code), Err(InvalidLanguageCode(code.to_owned())));
        }
    }

    #[test]
    fn codes_sort_as_their_text() {
        let mut codes = ["zh", "en", "zh-Hant", "fr"].map(|code| LanguageCode::parse(code).unwrap());
        codes.sort();
        assert_eq!(codes.map(|code| code.to_string()), ["en", "fr", "zh", "zh-Hant"]);
    }
}
