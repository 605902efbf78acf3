//! A digest of bytes: XXH3 with 128 bits, written as 32 hexadecimal digits.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize, de};
use xxhash_rust::xxh3::{Xxh3, xxh3_128};

/// XXH3-128 of some bytes. It tells changed content from unchanged and equal texts from different ones; it is not a
/// defence against somebody who forges files.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest(pub u128);

impl Digest {
    /// The digest of `bytes`.
    pub fn of(bytes: &[u8]) -> Digest {
        Digest(xxh3_128(bytes))
    }
}

/// Takes bytes piece by piece, for what does not fit in memory.
#[derive(Default)]
pub struct Hasher(Xxh3);

impl Hasher {
    /// Adds the bytes of one piece; where pieces end does not change the digest.
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// Adds one field of a record: its length and then its bytes, so that `("ab", "c")` and `("a", "bc")` differ.
    pub fn field(&mut self, bytes: &[u8]) {
        self.0.update(&(bytes.len() as u64).to_le_bytes());
        self.0.update(bytes);
    }

    /// The digest of all bytes so far.
    pub fn finish(&self) -> Digest {
        Digest(self.0.digest128())
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:032x}", self.0)
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

impl FromStr for Digest {
    type Err = std::num::ParseIntError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        u128::from_str_radix(text, 16).map(Digest)
    }
}

impl Serialize for Digest {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_give_the_digest_of_the_whole_and_fields_do_not_run_together() {
        let mut pieces = Hasher::default();
        pieces.update("心筋".as_bytes());
        pieces.update("梗塞".as_bytes());
        assert_eq!(pieces.finish(), Digest::of("心筋梗塞".as_bytes()));

        let fields = |list: [&str; 2]| {
            let mut hasher = Hasher::default();
            list.iter().for_each(|field| hasher.field(field.as_bytes()));
            hasher.finish()
        };
        assert_ne!(fields(["ab", "c"]), fields(["a", "bc"]));
    }

    #[test]
    fn a_digest_survives_being_written() {
        let digest = Digest::of(b"tibia");
        assert_eq!(digest.to_string().len(), 32);
        assert_eq!(digest.to_string().parse(), Ok(digest));
    }
}
