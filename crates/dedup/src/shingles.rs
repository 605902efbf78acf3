//! Shingles: a text as the set of its overlapping runs of words, or of characters where words are not separated.

use std::sync::LazyLock;

use xxhash_rust::xxh3::xxh3_64;

use crate::{normal::Normal, words::Words};

/// What a shingle is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shingle {
    /// So many words (UAX #29), lower-cased.
    Words(usize),
    /// So many characters without white space, lower-cased. Short ones make unrelated long texts look alike: at 10,000
    /// characters of Chinese, pairs of character 2-grams reach a Jaccard similarity of .21, 5-grams of .055.
    Chars(usize),
}

/// How much of a text is looked at to tell its script, in bytes.
const SCRIPT_SAMPLE: usize = 8 << 10;

impl Shingle {
    /// What suits a text of which nobody knows the language: characters, if a fair share of its letters belongs to scripts
    /// that do not part words (Han, kana, Thai, Lao, Khmer, Burmese, Tibetan), else words.
    ///
    /// A letter of theirs says as much as three of other scripts, so a quarter is a fair share. The start of the text is
    /// looked at, by bytes: in UTF-8 the first byte of a letter tells these scripts well enough.
    pub fn by_script(text: &str, words: usize, chars: usize) -> Shingle {
        let start = &text.as_bytes()[..text.len().min(SCRIPT_SAMPLE)];
        let (mut unparted, mut parted) = (0usize, 0usize);
        for (place, byte) in start.iter().enumerate() {
            match byte {
                b'a'..=b'z' | b'A'..=b'Z' | 0xc3..=0xdf => parted += 1,
                // Of E1, Burmese (80 to 82), Khmer (9E, 9F) and Khmer symbols; of E0, Thai to Tibetan (B8 to BF).
                0xe0 | 0xe1 => match (byte, start.get(place + 1)) {
                    (0xe0, Some(0xb8..=0xbf)) | (0xe1, Some(0x80..=0x82 | 0x9e | 0x9f)) => unparted += 1,
                    _ => parted += 1,
                },
                0xe3..=0xe9 | 0xf0 => unparted += 1,
                0xea..=0xed => parted += 1,
                _ => {}
            }
        }
        if unparted > 0 && unparted * 3 >= parted { Shingle::Chars(chars) } else { Shingle::Words(words) }
    }

    pub(crate) fn size(self) -> usize {
        match self {
            Shingle::Words(size) | Shingle::Chars(size) => size.max(1),
        }
    }
}

/// The table of character classes, made once.
pub(crate) static WORDS: LazyLock<Words> = LazyLock::new(Words::new);

/// Multiplier of the rolling hash: odd, without a pattern.
const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

/// Reads texts as shingles, reusing its room.
#[derive(Debug, Default)]
pub(crate) struct Shingler {
    pub normal: Normal,
    units: Vec<u64>,
    hashes: Vec<u64>,
}

impl Shingler {
    /// The hashes of the shingles of `text`, in its order, with repetitions; its normal form is in `normal` afterwards.
    /// A text shorter than one shingle is one shingle, so no text that has a word (or a character) is without any.
    pub fn read(&mut self, text: &str, shingle: Shingle) -> &[u64] {
        self.normal.set(text);
        self.units.clear();
        let normal = self.normal.as_str();
        match shingle {
            Shingle::Words(_) => {
                let bytes = normal.as_bytes();
                WORDS.each(normal, &mut |start, length| self.units.push(xxh3_64(&bytes[start..start + length])));
            }
            Shingle::Chars(_) => {
                let characters = normal.chars().filter(|character| *character != ' ');
                self.units.extend(characters.map(|character| u64::from(u32::from(character))));
            }
        }
        self.hashes.clear();
        let hashes = &mut self.hashes;
        each_shingle(self.units.iter().copied(), shingle.size(), &mut |hash| hashes.push(hash));
        &self.hashes
    }
}

/// Calls `visit` with the hash of each run of `size` units, or of all units where there are fewer.
///
/// The hash is a polynomial of the units in a fixed multiplier, modulo 2^64, and then mixed: two multiplications a unit,
/// whatever the size.
pub(crate) fn each_shingle(
    units: impl ExactSizeIterator<Item = u64> + Clone,
    size: usize,
    visit: &mut impl FnMut(u64),
) {
    let highest = STEP.wrapping_pow(size as u32 - 1);
    let mut leaving = units.clone();
    let count = units.len();
    let mut sum = 0u64;
    for (place, unit) in units.enumerate() {
        if place >= size {
            let gone = leaving.next().expect("it is behind");
            sum = sum.wrapping_sub(gone.wrapping_mul(highest));
        }
        sum = sum.wrapping_mul(STEP).wrapping_add(unit);
        if place + 1 >= size {
            visit(mixed(sum));
        }
    }
    if (1..size).contains(&count) {
        visit(mixed(sum ^ (count as u64) << 56));
    }
}

/// The finalizer of MurmurHash3: every bit of the result depends on every bit of `x`.
pub(crate) fn mixed(mut x: u64) -> u64 {
    x ^= x >> 33;
    x = x.wrapping_mul(0xff51_afd7_ed55_8ccd);
    x ^= x >> 33;
    x = x.wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    x ^ x >> 33
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(text: &str, shingle: Shingle) -> usize {
        Shingler::default().read(text, shingle).len()
    }

    #[test]
    fn shingles_overlap_by_all_but_one_unit() {
        assert_eq!(count("Принимать по одной таблетке два раза в день", Shingle::Words(5)), 4);
        assert_eq!(count("心筋 梗塞 である", Shingle::Chars(5)), 3);
    }

    #[test]
    fn a_text_shorter_than_a_shingle_is_one_shingle() {
        assert_eq!(count("take twice", Shingle::Words(5)), 1);
        assert_eq!(count("…", Shingle::Words(5)), 0);
        let of = |text| Shingler::default().read(text, Shingle::Words(5)).to_vec();
        assert_eq!(of("take twice"), of("Take twice."));
        assert_ne!(of("take twice"), of("take once"));
    }

    #[test]
    fn the_script_tells_what_suits() {
        for (text, expected) in [
            ("Сердце — мышечный орган", Shingle::Words(5)),
            ("心筋梗塞（myocardial infarction）の治療", Shingle::Chars(4)),
            ("โรคหัวใจ", Shingle::Chars(4)),
            ("심근경색증의 치료", Shingle::Words(5)),
            ("हृदय रोग", Shingle::Words(5)),
            ("The kanji 心 means heart or mind", Shingle::Words(5)),
            ("", Shingle::Words(5)),
        ] {
            assert_eq!(Shingle::by_script(text, 5, 4), expected, "{text}");
        }
    }

    #[test]
    fn a_run_has_one_hash_wherever_it_stands() {
        let of = |text| Shingler::default().read(text, Shingle::Words(3)).to_vec();
        let (a, b) = (of("a b c d e"), of("x y b c d"));
        assert_eq!(a[1], b[2]);
        assert_eq!(a.iter().filter(|hash| b.contains(hash)).count(), 1);
    }
}
