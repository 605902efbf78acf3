//! `count_tokens`: how many tokens the text is for a language model.
//!
//! # What it finds
//! Nothing: it counts and rejects nothing.
//! # Why
//! Corpora are measured, mixed and cut into shards by tokens. Tokenizers differ by a third on the same text, so every
//! count names its tokenizer.
//! # Settings
//! `tokenizer`: `o200k_base` or `cl100k_base` (in the program), the path of a Hugging Face `tokenizer.json` (relative to
//! the pipeline file), or a unit that needs no vocabulary: `utf8_bytes`, `chars`, `words` (UAX #29).
//! `store_token_ids`: whether the ids go into the output as a list column.
//! # Reference
//! Sennrich et al. 2016, arXiv:1508.07909; Unicode Standard Annex #29.

use std::cell::RefCell;

use document::Document;
use serde::Deserialize;
use tokenizers::Tokenizer as HuggingFace;
use unicode_segmentation::UnicodeSegmentation;

use crate::stage::{Checks, Stage, StageEntry};

pub const ENTRY: StageEntry = StageEntry {
    name: "count_tokens",
    version: 1,
    summary: "counts the tokens, by a named tokenizer",
    rules: &[],
    file_settings: &["tokenizer"],
    constructor: |settings, resources| {
        let Settings { tokenizer, store_token_ids } = settings.read()?;
        let counter = Counter::new(&tokenizer, resources.files.get(&tokenizer).map(Vec::as_slice))
            .map_err(|message| settings.error(message))?;
        if store_token_ids && counter.encode("").is_none() {
            return Err(settings.error(format!("store_token_ids: {tokenizer:?} has no token ids; name a vocabulary")));
        }
        Ok(Box::new(CountTokens { counter, store_token_ids }))
    },
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    tokenizer: String,
    store_token_ids: bool,
}

struct CountTokens {
    counter: Counter,
    store_token_ids: bool,
}

impl Stage for CountTokens {
    fn measures_size(&self) -> bool {
        true
    }

    fn judge(&self, document: &mut Document<'_>, _: &mut Checks) {
        if self.store_token_ids {
            document.token_ids = self.counter.encode(&document.text);
            document.scores.tokens = document.token_ids.as_ref().map(|ids| ids.len() as u64);
        } else {
            document.scores.tokens = Some(self.counter.count(&document.text));
        }
    }
}

/// Something that counts units of text.
enum Counter {
    BytePair(&'static bpe_openai::Tokenizer),
    HuggingFace(Box<HuggingFace>),
    Utf8Bytes,
    Chars,
    Words,
}

/// Whether the name is a counter of the program itself, so that no file is to be read for it.
pub fn is_built_in(tokenizer: &str) -> bool {
    matches!(tokenizer, "o200k_base" | "cl100k_base" | "utf8_bytes" | "chars" | "words")
}

impl Counter {
    fn new(name: &str, file: Option<&[u8]>) -> Result<Counter, String> {
        Ok(match (name, file) {
            ("o200k_base", _) => Counter::BytePair(bpe_openai::o200k_base()),
            ("cl100k_base", _) => Counter::BytePair(bpe_openai::cl100k_base()),
            ("utf8_bytes", _) => Counter::Utf8Bytes,
            ("chars", _) => Counter::Chars,
            ("words", _) => Counter::Words,
            (_, Some(bytes)) => Counter::HuggingFace(Box::new(
                HuggingFace::from_bytes(bytes).map_err(|error| format!("{name:?} is no tokenizer.json: {error}"))?,
            )),
            (_, None) => return Err(format!("tokenizer {name:?} was not loaded")),
        })
    }

    fn count(&self, text: &str) -> u64 {
        let count = match self {
            Counter::BytePair(tokenizer) => return count_pieces(tokenizer, text),
            // Without the special tokens that a model's template would put around a text.
            Counter::HuggingFace(tokenizer) => tokenizer.encode_fast(text, false).map_or(0, |encoding| encoding.len()),
            Counter::Utf8Bytes => text.len(),
            Counter::Chars => text.chars().count(),
            Counter::Words => text.unicode_words().count(),
        };
        count as u64
    }

    fn encode(&self, text: &str) -> Option<Vec<u32>> {
        match self {
            Counter::BytePair(tokenizer) => Some(tokenizer.encode(text)),
            Counter::HuggingFace(tokenizer) => {
                tokenizer.encode_fast(text, false).ok().map(|encoding| encoding.get_ids().to_vec())
            }
            Counter::Utf8Bytes | Counter::Chars | Counter::Words => None,
        }
    }
}

/// Counts of short pieces that have been seen: a place for each hash, where the newest piece stays.
#[derive(Default)]
struct PieceCounts {
    vocabulary: Option<&'static bpe_openai::Tokenizer>,
    /// A piece with its length, packed, and its tokens.
    places: Vec<(u128, u32)>,
}

/// Pieces of more bytes than fit beside their length are seldom words that come again.
const MAX_PIECE_BYTES: usize = 15;
const PLACE_BITS: u32 = 14;

thread_local! {
    static PIECES: RefCell<PieceCounts> = RefCell::default();
}

/// The tokens of a text, piece by piece: most pieces are words that came before. It gives what `Tokenizer::count` gives.
fn count_pieces(tokenizer: &'static bpe_openai::Tokenizer, text: &str) -> u64 {
    PIECES.with_borrow_mut(|known| {
        if !known.vocabulary.is_some_and(|vocabulary| std::ptr::eq(vocabulary, tokenizer)) {
            *known = PieceCounts { vocabulary: Some(tokenizer), places: vec![(0, 0); 1 << PLACE_BITS] };
        }
        tokenizer.split(text).map(|piece| u64::from(known.count(tokenizer, piece.as_bytes()))).sum()
    })
}

impl PieceCounts {
    fn count(&mut self, tokenizer: &bpe_openai::Tokenizer, piece: &[u8]) -> u32 {
        let whole = || tokenizer.bpe.count(piece) as u32;
        if piece.len() > MAX_PIECE_BYTES {
            return whole();
        }
        let mut bytes = [0; 16];
        bytes[..piece.len()].copy_from_slice(piece);
        bytes[MAX_PIECE_BYTES] = piece.len() as u8;
        let packed = u128::from_le_bytes(bytes);
        let hash = (packed as u64 ^ (packed >> 64) as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let (known, count) = &mut self.places[(hash >> (u64::BITS - PLACE_BITS)) as usize];
        if *known != packed {
            (*known, *count) = (packed, whole());
        }
        *count
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(tokenizer: &str, text: &str) -> u64 {
        Counter::new(tokenizer, None).unwrap().count(text)
    }

    #[test]
    fn units_without_a_vocabulary_are_exact() {
        assert_eq!(count("utf8_bytes", "доза"), 8);
        assert_eq!(count("chars", "доза"), 4);
        assert_eq!(count("words", "a dose of 5 mg."), 5);
    }

    #[test]
    fn vocabularies_give_the_published_counts() {
        // Token ids of "hello world" in both vocabularies, as tiktoken prints them.
        assert_eq!(Counter::new("o200k_base", None).unwrap().encode("hello world"), Some(vec![24912, 2375]));
        assert_eq!(Counter::new("cl100k_base", None).unwrap().encode("hello world"), Some(vec![15339, 1917]));
        assert_eq!(count("o200k_base", "hello world"), 2);
    }

    proptest::proptest! {
        #[test]
        fn counting_by_pieces_is_counting(text in "([a-zé]{1,6}[ ,.'\n]{1,2}|[血圧高い]{1,8}|\\PC){0,40}") {
            for tokenizer in [bpe_openai::o200k_base(), bpe_openai::cl100k_base()] {
                proptest::prop_assert_eq!(count_pieces(tokenizer, &text), tokenizer.count(text.as_str()) as u64);
            }
        }
    }

    #[test]
    fn a_tokenizer_file_counts_by_its_own_vocabulary() {
        let file = br#"{"version":"1.0","truncation":null,"padding":null,"added_tokens":[],"normalizer":null,
            "pre_tokenizer":{"type":"Whitespace"},"post_processor":null,"decoder":null,
            "model":{"type":"WordLevel","vocab":{"[UNK]":0,"dose":1},"unk_token":"[UNK]"}}"#;
        let counter = Counter::new("tokenizer.json", Some(file)).unwrap();
        assert_eq!(counter.count("dose of dose"), 3);
        assert_eq!(counter.encode("dose of"), Some(vec![1, 0]));
        assert!(Counter::new("tokenizer.json", Some(b"{}")).is_err());
    }
}
