//! Signatures as datatrove makes them (`MinhashDedupSignature` with its default settings), for those who have an index of
//! that kind, such as FineWeb's, and want to join it.
//!
//! The hash is xxh64 of five words joined by blanks; permutation i of the 14 × 8 maps it to `(hash · aᵢ + bᵢ) mod 2⁶¹ − 1`,
//! where product and sum wrap around at 2⁶⁴, as they do in numpy. The aᵢ and bᵢ are drawn by MT19937 from seed 1.
//!
//! Words are cut at blanks after the same simplification of the text (lower case, numbers as 0, no punctuation, no
//! diacritics). datatrove asks a tokenizer of the language there, which cuts some words again ("cannot", "0mg") and, for
//! languages without blanks, all of them: for those its signatures cannot be had without that tokenizer.
//!
//! From: datatrove's `pipeline/dedup/minhash.py` and `utils/text.py`; Matsumoto and Nishimura 1998 (MT19937).

use icu_normalizer::DecomposingNormalizerBorrowed;
use icu_properties::{CodePointMapData, CodePointMapDataBorrowed, props::GeneralCategory};
use xxhash_rust::xxh64::xxh64;

/// Buckets of a signature, and values of a bucket.
pub const BUCKETS: usize = 14;
pub const BUCKET_VALUES: usize = 8;

const WORDS: usize = 5;
const VALUES: usize = BUCKETS * BUCKET_VALUES;
const MODULUS: u64 = (1 << 61) - 1;

/// A signature: bucket by bucket.
pub type DatatroveSignature = [[u64; BUCKET_VALUES]; BUCKETS];

/// Makes them, reusing its room.
pub struct DatatroveSigner {
    factors: [u64; VALUES],
    summands: [u64; VALUES],
    categories: CodePointMapDataBorrowed<'static, GeneralCategory>,
    simple: String,
}

impl Default for DatatroveSigner {
    fn default() -> DatatroveSigner {
        let mut random = MersenneTwister::new(1);
        // As numpy's `RandomState.randint` draws 64-bit numbers below a limit: 61 bits, again where they are too large.
        let mut below = |least: u64, end: u64| loop {
            let drawn = random.next_u64() & MODULUS;
            if drawn < end - least {
                return drawn + least;
            }
        };
        let factors = std::array::from_fn(|_| below(1, MODULUS));
        let summands = std::array::from_fn(|_| below(0, MODULUS));
        DatatroveSigner { factors, summands, categories: CodePointMapData::new(), simple: String::new() }
    }
}

impl DatatroveSigner {
    /// The signature of a text; nothing, if it has fewer than five words.
    pub fn sign(&mut self, text: &str) -> Option<DatatroveSignature> {
        self.simplify(text);
        // Where each word begins and ends. Words are parted by one blank, so five of them are one piece of the text.
        let mut words: Vec<(usize, usize)> = Vec::new();
        let mut start = 0;
        for word in self.simple.split(' ').filter(|word| !word.is_empty()) {
            words.push((start, start + word.len()));
            start += word.len() + 1;
        }
        let mut least = [u64::MAX; VALUES];
        for shingle in words.windows(WORDS) {
            let (first, last) = (shingle[0], shingle[WORDS - 1]);
            let hash = xxh64(&self.simple.as_bytes()[first.0..last.1], 0);
            for ((least, factor), summand) in least.iter_mut().zip(&self.factors).zip(&self.summands) {
                *least = (*least).min(hash.wrapping_mul(*factor).wrapping_add(*summand) % MODULUS);
            }
        }
        let bucket = |bucket: usize| std::array::from_fn(|value| least[bucket * BUCKET_VALUES + value]);
        (words.len() >= WORDS).then(|| std::array::from_fn(bucket))
    }

    /// Puts the simplified text into `simple`: words parted by one blank.
    fn simplify(&mut self, text: &str) {
        let numbers = without_numbers(&text.to_lowercase());
        let mut blank = false;
        let mut spaced = String::with_capacity(numbers.len());
        for character in numbers.chars() {
            if character.is_whitespace() || is_punctuation(character) {
                blank = true;
                continue;
            }
            if std::mem::take(&mut blank) && !spaced.is_empty() {
                spaced.push(' ');
            }
            spaced.push(character);
        }
        let decomposed = DecomposingNormalizerBorrowed::new_nfd().normalize(&spaced);
        let is_mark = |character: &char| self.categories.get(*character) == GeneralCategory::NonspacingMark;
        self.simple.clear();
        self.simple.extend(decomposed.chars().filter(|character| !is_mark(character)));
        // A word of marks alone is gone, and its blanks would be two.
        if self.simple.contains("  ") || self.simple.starts_with(' ') || self.simple.ends_with(' ') {
            self.simple = self.simple.split(' ').filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ");
        }
    }
}

/// The text with each number, of digits of any script and at most one decimal separator, as 0.
fn without_numbers(text: &str) -> String {
    let is_digit = |character: char| character.is_numeric() && is_decimal(character);
    let mut simple = String::with_capacity(text.len());
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        if !is_digit(character) {
            simple.push(character);
            continue;
        }
        simple.push('0');
        while characters.next_if(|next| is_digit(*next)).is_some() {}
        let mut ahead = characters.clone();
        let separated = ahead.next().is_some_and(|next| ".,،٫⎖⎗⎘".contains(next));
        if separated && ahead.next_if(|next| is_digit(*next)).is_some() {
            while ahead.next_if(|next| is_digit(*next)).is_some() {}
            characters = ahead;
        }
    }
    simple
}

/// Whether a character is a decimal digit (general category Nd).
fn is_decimal(character: char) -> bool {
    character.is_ascii_digit()
        || CodePointMapData::<GeneralCategory>::new().get(character) == GeneralCategory::DecimalNumber
}

/// The characters that datatrove turns into blanks.
fn is_punctuation(character: char) -> bool {
    const SIGNS: &str = "!/—”:％１〈&(、━\\【#%「」，】；+^]~“《„';’{|∶´[=-`*．（–？！：$～«〉,><》)?）。…@_.\"}►»";
    matches!(character, '\0'..='\u{1f}' | '\u{7f}'..='\u{9f}') || SIGNS.contains(character)
}

/// The generator MT19937.
struct MersenneTwister {
    state: [u32; 624],
    next: usize,
}

impl MersenneTwister {
    fn new(seed: u32) -> MersenneTwister {
        let mut state = [seed; 624];
        for place in 1..624 {
            let before = state[place - 1];
            state[place] = (before ^ before >> 30).wrapping_mul(1_812_433_253).wrapping_add(place as u32);
        }
        MersenneTwister { state, next: 624 }
    }

    fn next_u32(&mut self) -> u32 {
        if self.next == 624 {
            for place in 0..624 {
                let joined = self.state[place] & 0x8000_0000 | self.state[(place + 1) % 624] & 0x7fff_ffff;
                let twisted = joined >> 1 ^ if joined & 1 == 1 { 0x9908_b0df } else { 0 };
                self.state[place] = self.state[(place + 397) % 624] ^ twisted;
            }
            self.next = 0;
        }
        let mut drawn = self.state[self.next];
        self.next += 1;
        drawn ^= drawn >> 11;
        drawn ^= drawn << 7 & 0x9d2c_5680;
        drawn ^= drawn << 15 & 0xefc6_0000;
        drawn ^ drawn >> 18
    }

    fn next_u64(&mut self) -> u64 {
        u64::from(self.next_u32()) << 32 | u64::from(self.next_u32())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signatures_are_those_of_datatrove() {
        // The numbers are those of datatrove's own formulas with numpy 2, xxhash and the words of `simplify_text`.
        let mut signer = DatatroveSigner::default();
        assert_eq!(signer.factors[..3], [775_169_054_918_279_404, 1_758_426_461_858_698_313, 2_109_959_069_025_162]);
        assert_eq!(signer.summands[VALUES - 2..], [110_622_250_926_641_691, 1_097_409_548_522_419_201]);
        for (text, simple, first, last, all) in [
            (
                "Take 1.5 mg of Aspirin® twice a day — no more than 3,000 mg; it’s the dose for adults (Überdosis: ½).",
                "take 0 mg of aspirin® twice a day no more than 0 mg it s the dose for adults uberdosis ½",
                [68_418_533_079_221_606, 18_151_856_665_208_218],
                [52_986_481_517_020_934, 132_015_825_664_763_072],
                679_895_058_084_831_743,
            ),
            (
                "Пациенту назначили 2,5 мг препарата. Ёлка и ЙОД: как принимать? Три раза в день, ΟΔΟΣ ١٢٫٥.",
                "пациенту назначили 0 мг препарата елка и иод как принимать три раза в день οδος 0",
                [404_209_117_058_047_105, 15_828_715_875_391_138],
                [129_903_980_145_722_453, 194_287_543_666_277_754],
                649_041_959_373_200_550,
            ),
        ] {
            let signature = signer.sign(text).unwrap();
            assert_eq!(signer.simple, simple);
            assert_eq!((signature[0][..2].to_vec(), signature[13][6..].to_vec()), (first.to_vec(), last.to_vec()));
            assert_eq!(signature.as_flattened().iter().fold(0, |all, value| all ^ value), all);
        }
        assert_eq!(signer.sign("four words, not five"), None);
    }

    #[test]
    fn a_word_of_marks_leaves_no_blank() {
        let mut signer = DatatroveSigner::default();
        signer.simplify(" \u{301}  a \u{301}\u{302} b 1,2.3 v1.2 ..");
        assert_eq!(signer.simple, "a b 0 0 v0");
    }
}
