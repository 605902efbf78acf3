//! `check_quality`: is it running text by somebody, or a menu, a list, a machine's output.
//!
//! # What it finds
//! Each rule compares one number with a limit of the language (`[quality]` in its folder); a limit that is absent is not
//! applied. Shares are in 0..=1; "chars" are Unicode scalar values. `ENTRY` lists
//! the rules; what each number is stands at the field that holds it (`Words`, `Lines`, `NGrams`).
//! # Why
//! Keywords alone keep navigation bars, product lists and word salad that happen to name diseases.
//! # Settings
//! None here: quality is a matter of the language.
//! # Reference
//! Gopher: Rae et al. 2021, arXiv:2112.11446, table A1. C4: Raffel et al. 2020, arXiv:1910.10683. FineWeb: Penedo et al.
//! 2024, arXiv:2406.17557. Where words are not separated, `chars_per_word` characters of Han or kana count as a word and
//! n-grams are of characters; FineWeb-2 (arXiv:2506.20920) explains why limits must be set for each language.

use std::{collections::BTreeSet, sync::Arc};

use document::Document;
use serde::Deserialize;
use xxhash_rust::xxh3::xxh3_64;

use crate::{
    Language,
    keywords::WordBoundaries,
    language::QualityLimits,
    stage::{Checks, Stage, StageEntry},
};

pub const ENTRY: StageEntry = StageEntry {
    name: "check_quality",
    version: 1,
    summary: "rejects menus, lists, repetition and word salad by the Gopher, C4 and FineWeb rules",
    rules: &[
        "too_few_words",
        "too_many_words",
        "words_too_short",
        "words_too_long",
        "too_few_stop_words",
        "too_few_alphabetic_words",
        "too_many_symbols",
        "too_many_curly_brackets",
        "too_many_bullet_lines",
        "too_many_ellipsis_lines",
        "too_few_sentence_ends",
        "too_many_short_lines",
        "too_many_lines",
        "duplicate_lines",
        "duplicate_paragraphs",
        "repeated_ngram",
        "duplicate_ngrams",
        "blocked_phrase",
    ],
    file_settings: &[],
    constructor: |settings, resources| {
        let Settings {} = settings.read()?;
        let languages = resources.languages.iter().map(|language| {
            let stopwords = language.stopwords.iter().map(|word| word.to_lowercase()).collect();
            LanguageQuality { language: Arc::clone(language), stopwords }
        });
        Ok(Box::new(CheckQuality { languages: languages.collect() }))
    },
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {}

struct CheckQuality {
    languages: Vec<LanguageQuality>,
}

struct LanguageQuality {
    language: Arc<Language>,
    stopwords: BTreeSet<String>,
}

/// Words of the n-gram whose most frequent instance is looked for (Gopher: 2 to 4).
const TOP_NGRAM_WORDS: f64 = 3.0;
/// Words of the n-grams whose repetitions are added up (Gopher: 5 to 10).
const DUPLICATE_NGRAM_WORDS: f64 = 5.0;

impl Stage for CheckQuality {
    fn measures_size(&self) -> bool {
        true
    }

    fn judge(&self, document: &mut Document<'_>, checks: &mut Checks) {
        let own = self.languages.iter().find(|quality| Some(quality.language.code) == document.language);
        let Some(quality) = own else { return };
        let limits = &quality.language.settings.quality;
        let words = Words::of(&document.text, quality);
        document.scores.words = Some(words.count);
        words.check(limits, checks);
        if checks.settled() {
            return;
        }
        let lines = Lines::of(&document.text, limits.short_line_chars.unwrap_or(0));
        document.scores.duplicate_line_chars = Some(lines.duplicate_line_chars);
        lines.check(limits, words.count, checks);
        if checks.settled() {
            return;
        }
        words.check_repetition(limits, checks);
        check_phrases(&document.text, limits, checks);
    }
}

fn at_least(checks: &mut Checks, rule: &'static str, value: f64, limit: Option<f64>) {
    if let Some(limit) = limit {
        checks.at_least(rule, value, limit);
    }
}

fn at_most(checks: &mut Checks, rule: &'static str, value: f64, limit: Option<f64>) {
    if let Some(limit) = limit {
        checks.at_most(rule, value, limit);
    }
}

/// A share of `part` in `whole`; 0 of nothing is 0.
fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

/// What is counted over words.
#[derive(Default)]
struct Words {
    count: u64,
    mean_chars: f64,
    /// Different stop words that occur.
    stop_words: u64,
    /// Share of words with a letter.
    alphabetic: f64,
    /// `#` and ellipses for each word (Gopher).
    symbols_per_word: f64,
    curly_brackets_per_word: f64,
    /// Hash and length in chars of each unit of n-grams: a word, or a character where words are not separated.
    units: Vec<(u64, u64)>,
    /// Units that stand for one word.
    units_per_word: f64,
}

impl Words {
    fn of(text: &str, quality: &LanguageQuality) -> Words {
        let mut found = match quality.language.settings.word_boundaries {
            WordBoundaries::Spaces => Words::separated(text, quality),
            WordBoundaries::None => Words::run_together(text, quality),
        };
        let marks = text.matches('#').count() + text.matches('…').count() + text.matches("...").count();
        found.symbols_per_word = share(marks as u64, found.count);
        found.curly_brackets_per_word = share(text.matches(['{', '}']).count() as u64, found.count);
        found
    }

    /// Words stand between white space; their punctuation does not count.
    fn separated(text: &str, quality: &LanguageQuality) -> Words {
        let mut stop_words: BTreeSet<&str> = BTreeSet::new();
        let (mut tokens, mut with_letter, mut chars) = (0, 0, 0);
        let mut units = Vec::new();
        let mut lowered = String::new();
        for token in text.split_whitespace() {
            let word = token.trim_matches(|character: char| !character.is_alphanumeric());
            tokens += 1;
            with_letter += u64::from(word.chars().any(char::is_alphabetic));
            lowered.clear();
            lowered.extend(word.chars().flat_map(char::to_lowercase));
            let word_chars = word.chars().count() as u64;
            chars += word_chars;
            if !word.is_empty() {
                units.push((xxh3_64(lowered.as_bytes()), word_chars));
            }
            if let Some(stop_word) = quality.stopwords.get(lowered.as_str()) {
                stop_words.insert(stop_word);
            }
        }
        Words {
            count: tokens,
            mean_chars: share(chars, tokens),
            stop_words: stop_words.len() as u64,
            alphabetic: share(with_letter, tokens),
            units,
            units_per_word: 1.0,
            ..Words::default()
        }
    }

    /// A word is so many letters or digits; the alphabetic share is one of characters.
    fn run_together(text: &str, quality: &LanguageQuality) -> Words {
        let (mut visible, mut letters) = (0, 0);
        let mut units = Vec::with_capacity(text.len() / 3);
        for character in text.chars() {
            // Most characters are ideographs, for which the general test is slow.
            let letter = ('\u{4E00}'..='\u{9FFF}').contains(&character) || character.is_alphabetic();
            visible += u64::from(letter || !character.is_whitespace());
            letters += u64::from(letter);
            if letter || character.is_numeric() {
                units.push((u64::from(u32::from(character)), 1));
            }
        }
        let units_per_word = quality.language.settings.quality.chars_per_word.unwrap_or(1.0);
        let stop_words = quality.stopwords.iter().filter(|word| text.contains(word.as_str())).count();
        Words {
            count: (units.len() as f64 / units_per_word).round() as u64,
            stop_words: stop_words as u64,
            alphabetic: share(letters, visible),
            units,
            units_per_word,
            ..Words::default()
        }
    }

    fn check(&self, limits: &QualityLimits, checks: &mut Checks) {
        at_least(checks, "too_few_words", self.count as f64, limits.min_words.map(|limit| limit as f64));
        at_most(checks, "too_many_words", self.count as f64, limits.max_words.map(|limit| limit as f64));
        at_least(checks, "words_too_short", self.mean_chars, limits.min_mean_word_chars);
        at_most(checks, "words_too_long", self.mean_chars, limits.max_mean_word_chars);
        at_least(checks, "too_few_stop_words", self.stop_words as f64, limits.min_stop_words.map(|limit| limit as f64));
        at_least(checks, "too_few_alphabetic_words", self.alphabetic, limits.min_alphabetic_words);
        at_most(checks, "too_many_symbols", self.symbols_per_word, limits.max_symbols_per_word);
        at_most(checks, "too_many_curly_brackets", self.curly_brackets_per_word, limits.max_curly_brackets_per_word);
    }

    fn check_repetition(&self, limits: &QualityLimits, checks: &mut Checks) {
        if limits.max_top_ngram_chars.is_some() {
            let grams = NGrams::of(&self.units, (TOP_NGRAM_WORDS * self.units_per_word).round() as usize);
            at_most(checks, "repeated_ngram", grams.most_frequent_chars(), limits.max_top_ngram_chars);
        }
        if limits.max_duplicate_ngram_chars.is_some() {
            let grams = NGrams::of(&self.units, (DUPLICATE_NGRAM_WORDS * self.units_per_word).round() as usize);
            at_most(checks, "duplicate_ngrams", grams.repeated_chars(), limits.max_duplicate_ngram_chars);
        }
    }
}

/// The n-grams of a text, by hash.
struct NGrams<'a> {
    units: &'a [(u64, u64)],
    size: usize,
    /// Hash and first unit of each n-gram, sorted.
    grams: Vec<(u64, usize)>,
    chars: u64,
}

impl<'a> NGrams<'a> {
    fn of(units: &'a [(u64, u64)], size: usize) -> NGrams<'a> {
        let size = size.max(1);
        let hash = |window: &[(u64, u64)]| {
            window
                .iter()
                .fold(size as u64, |hash, (unit, _)| (hash.rotate_left(5) ^ unit).wrapping_mul(0x9E37_79B9_7F4A_7C15))
        };
        let mut grams: Vec<(u64, usize)> =
            units.windows(size).enumerate().map(|(place, window)| (hash(window), place)).collect();
        grams.sort_unstable();
        NGrams { units, size, grams, chars: units.iter().map(|(_, chars)| chars).sum() }
    }

    /// Share of the characters in instances of the most frequent n-gram, if it occurs at least twice.
    fn most_frequent_chars(&self) -> f64 {
        let most = self.grams.chunk_by(|a, b| a.0 == b.0).filter(|same| same.len() > 1).map(|same| {
            let (_, place) = same[0];
            self.units[place..place + self.size].iter().map(|(_, chars)| chars).sum::<u64>() * same.len() as u64
        });
        share(most.max().unwrap_or(0), self.chars).min(1.0)
    }

    /// Share of the characters in n-grams that have occurred before.
    fn repeated_chars(&self) -> f64 {
        let mut repeated = vec![false; self.units.len()];
        for same in self.grams.chunk_by(|a, b| a.0 == b.0) {
            for (_, place) in &same[1..] {
                repeated[*place..place + self.size].fill(true);
            }
        }
        let chars = self.units.iter().zip(&repeated).filter(|(_, repeated)| **repeated).map(|((_, chars), _)| chars);
        share(chars.sum(), self.chars)
    }
}

/// What is counted over lines; blank lines do not count.
struct Lines {
    count: u64,
    bullets: f64,
    ellipses: f64,
    sentence_ends: f64,
    short: f64,
    duplicate_line_chars: f64,
    duplicate_paragraph_chars: f64,
}

impl Lines {
    fn of(text: &str, short_line_chars: u64) -> Lines {
        let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
        let count = lines.len() as u64;
        let share_of =
            |wanted: &dyn Fn(&str) -> bool| share(lines.iter().filter(|line| wanted(line)).count() as u64, count);
        let paragraphs = text.split("\n\n").map(str::trim).filter(|paragraph| !paragraph.is_empty());
        Lines {
            count,
            bullets: share_of(&|line| line.starts_with(['•', '-', '*', '‣', '▪', '●', '·', '・', '–'])),
            ellipses: share_of(&|line| line.ends_with('…') || line.ends_with("...")),
            sentence_ends: share_of(&ends_sentence),
            short: share_of(&|line| {
                line.chars().take(short_line_chars as usize + 1).count() <= short_line_chars as usize
            }),
            duplicate_line_chars: duplicate_chars(lines.iter().copied()),
            duplicate_paragraph_chars: duplicate_chars(paragraphs),
        }
    }

    fn check(&self, limits: &QualityLimits, words: u64, checks: &mut Checks) {
        at_most(checks, "too_many_bullet_lines", self.bullets, limits.max_bullet_lines);
        at_most(checks, "too_many_ellipsis_lines", self.ellipses, limits.max_ellipsis_lines);
        at_least(checks, "too_few_sentence_ends", self.sentence_ends, limits.min_sentence_end_lines);
        at_most(checks, "too_many_short_lines", self.short, limits.max_short_lines);
        at_most(checks, "too_many_lines", share(self.count, words), limits.max_lines_per_word);
        at_most(checks, "duplicate_lines", self.duplicate_line_chars, limits.max_duplicate_line_chars);
        at_most(checks, "duplicate_paragraphs", self.duplicate_paragraph_chars, limits.max_duplicate_paragraph_chars);
    }
}

/// Whether a line ends as sentences do, in any script; a closing quote or bracket may follow.
fn ends_sentence(line: &str) -> bool {
    line.trim_end_matches(['"', '\'', '”', '’', '»', '」', '』', ')', '）', ']'])
        .ends_with(['.', '!', '?', '…', ':', ';', '。', '！', '？', '．', '；', '：', '؟', '۔', '।', '॥'])
}

/// Share of the characters that lie in a piece which has occurred before.
fn duplicate_chars<'a>(pieces: impl Iterator<Item = &'a str>) -> f64 {
    let mut hashed: Vec<(u64, u64)> =
        pieces.map(|piece| (xxh3_64(piece.as_bytes()), piece.chars().count() as u64)).collect();
    hashed.sort_unstable();
    let duplicate = hashed.windows(2).filter(|pair| pair[0].0 == pair[1].0).map(|pair| pair[1].1).sum();
    share(duplicate, hashed.iter().map(|(_, chars)| chars).sum())
}

fn check_phrases(text: &str, limits: &QualityLimits, checks: &mut Checks) {
    if limits.blocked_phrases.is_empty() {
        return;
    }
    let lowered = text.to_lowercase();
    let found = limits.blocked_phrases.iter().filter(|phrase| lowered.contains(&phrase.to_lowercase())).count();
    checks.at_most("blocked_phrase", found as f64, 0.0);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::language::{FolderText, Language};
    use document::LanguageCode;

    /// Rules that a text of a language with these limits breaks.
    fn broken(word_boundaries: &str, limits: &str, text: &str) -> Vec<(&'static str, f64)> {
        let settings = format!(
            "name = 'x'\nenglish_name = 'x'\nscript = 'Latn'\nword_boundaries = '{word_boundaries}'\n\
             [keywords]\nrule = 'native'\nmin_distinct = 1\nmin_density = 0.0\n\
             [identify_language]\nmin_probability = 0.0\n[quality]\n{limits}"
        );
        let folder = FolderText {
            settings,
            keywords: "# Source: test\nx\n".into(),
            stopwords: Some("# Source: test\nder\nund\n的\n了\n".into()),
            ..FolderText::default()
        };
        let language = Language::parse(LanguageCode::parse("de").unwrap(), &folder, |_| {}).unwrap();
        let language = Arc::new(language);
        let stopwords = language.stopwords.iter().cloned().collect();
        let quality = LanguageQuality { language, stopwords };
        let limits = &quality.language.settings.quality;
        let words = Words::of(text, &quality);
        let mut checks = Checks::complete("check_quality");
        words.check(limits, &mut checks);
        Lines::of(text, limits.short_line_chars.unwrap_or(0)).check(limits, words.count, &mut checks);
        words.check_repetition(limits, &mut checks);
        check_phrases(text, limits, &mut checks);
        checks.into_all().into_iter().filter(|check| !check.passed).map(|check| (check.rule, check.value)).collect()
    }

    #[test]
    fn a_limit_that_is_absent_is_not_applied() {
        assert_eq!(broken("spaces", "", "x"), []);
    }

    #[test]
    fn words_are_counted_as_the_language_has_them() {
        assert_eq!(broken("spaces", "min_words = 4", "der Arzt kommt"), [("too_few_words", 3.0)]);
        assert_eq!(broken("none", "min_words = 4\nchars_per_word = 2.0", "医生来了，好。"), [("too_few_words", 3.0)]);
        assert_eq!(broken("spaces", "min_stop_words = 2", "der Arzt, der kommt"), [("too_few_stop_words", 1.0)]);
        assert_eq!(
            broken("none", "min_stop_words = 2\nchars_per_word = 2.0", "医生来了"),
            [("too_few_stop_words", 1.0)]
        );
        assert_eq!(broken("spaces", "min_alphabetic_words = 0.6", "5 mg | 10"), [("too_few_alphabetic_words", 0.25)]);
    }

    #[test]
    fn menus_and_lists_are_told_by_their_lines() {
        let menu = "Home\nShop\nKontakt\nDer Arzt hat heute leider keine Zeit.";
        assert_eq!(
            broken("spaces", "max_short_lines = 0.5\nshort_line_chars = 10", menu),
            [("too_many_short_lines", 0.75)]
        );
        assert_eq!(broken("spaces", "min_sentence_end_lines = 0.3", menu), [("too_few_sentence_ends", 0.25)]);
        assert_eq!(broken("spaces", "max_bullet_lines = 0.5", "- a\n• b\nc"), [("too_many_bullet_lines", 2.0 / 3.0)]);
        assert_eq!(broken("spaces", "min_sentence_end_lines = 1.0", "他说：“好。”\nGut.)"), []);
    }

    #[test]
    fn repetition_is_told_by_lines_paragraphs_and_ngrams() {
        assert_eq!(
            broken("spaces", "max_duplicate_line_chars = 0.3", "abc\nabc\nde"),
            [("duplicate_lines", 3.0 / 8.0)]
        );
        assert_eq!(
            broken("spaces", "max_duplicate_paragraph_chars = 0.3", "ab\n\nab"),
            [("duplicate_paragraphs", 0.5)]
        );
        let chant = "a b c a b c a b c x";
        assert_eq!(broken("spaces", "max_top_ngram_chars = 0.5", chant), [("repeated_ngram", 0.9)]);
        let salad = "eins zwei drei vier fünf und eins zwei drei vier fünf";
        let [(rule, value)] = broken("spaces", "max_duplicate_ngram_chars = 0.1", salad)[..] else {
            panic!("one rule")
        };
        assert_eq!((rule, (value * 100.0).round()), ("duplicate_ngrams", 47.0));
    }

    #[test]
    fn blocked_phrases_are_found_in_any_case() {
        assert_eq!(
            broken("spaces", "blocked_phrases = ['lorem ipsum']", "Lorem Ipsum dolor"),
            [("blocked_phrase", 1.0)]
        );
    }
}
