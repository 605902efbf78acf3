//! Makes crawl-like parquet files for `make bench`, in CulturaX's columns, out of the sentences of
//! `sources/samples/passages.jsonl`: the same arguments give the same text everywhere.
//!
//! `cargo run --release --example make_crawl -- FOLDER MEGABYTES MEDICAL_SHARE` writes
//! `FOLDER/<language>_part_00000.parquet` with so many megabytes of text (10⁶ bytes of UTF-8) in each language of the
//! passages, of whose documents so great a share is made of medical sentences.

use std::{
    collections::{BTreeMap, BTreeSet},
    error::Error,
    fs,
    fs::File,
    path::{Path, PathBuf},
    sync::Arc,
};

use arrow_array::{ArrayRef, RecordBatch, StringArray};
use parquet::{
    arrow::ArrowWriter,
    basic::{Compression, ZstdLevel},
    file::properties::WriterProperties,
};
use serde::Deserialize;

#[derive(Deserialize)]
struct Passage {
    language: String,
    subject: String,
    duplicate_of: Option<String>,
    /// The language that it is really in, where `language` is declared wrongly.
    written_in: Option<String>,
    #[serde(default)]
    junk: bool,
    text: String,
}

/// Rows of a row group, as in the files of CulturaX.
const GROUP_ROWS: usize = 1000;

/// A document has this many bytes times 1 to 10, short ones more often (3.9 kB on average).
const MIN_DOCUMENT_BYTES: f64 = 1000.0;

/// Share of words (where words are not separated: of characters) that are made up. The passages have some two thousand
/// words a language and a crawl has millions; without this, caches and branch predictors would learn the text by heart.
const MADE_UP_SHARE: f64 = 0.1;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [folder, megabytes, medical_share] = arguments.as_slice() else {
        return Err("usage: make_crawl FOLDER MEGABYTES MEDICAL_SHARE".into());
    };
    let (megabytes, medical_share): (f64, f64) = (megabytes.parse()?, medical_share.parse()?);
    fs::create_dir_all(folder)?;

    let passages = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../sources/samples/passages.jsonl");
    let passages = fs::read_to_string(passages)?;
    let passages: Vec<Passage> = passages.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
    let mut languages: BTreeMap<&str, Material> = BTreeMap::new();
    let sound = |passage: &&Passage| passage.duplicate_of.is_none() && passage.written_in.is_none() && !passage.junk;
    for passage in passages.iter().filter(sound) {
        languages.entry(&passage.language).or_default().add(passage);
    }
    for (language, material) in &mut languages {
        material.finish();
        write_language(&PathBuf::from(folder), language, material, megabytes * 1e6, medical_share)?;
    }
    Ok(())
}

fn write_language(
    folder: &Path,
    language: &str,
    material: &Material,
    total_bytes: f64,
    medical_share: f64,
) -> Result<(), Box<dyn Error>> {
    let mut random = Random(language.bytes().fold(0, |seed, byte| seed << 8 | u64::from(byte)));
    let path = folder.join(format!("{language}_part_00000.parquet"));
    let part = path.with_extension("parquet.tmp");
    let mut writer: Option<ArrowWriter<File>> = None;
    let (mut bytes, mut documents) = (0, 0);
    while (bytes as f64) < total_bytes {
        let [mut texts, mut times, mut urls, mut sources] = [const { Vec::<String>::new() }; 4];
        while texts.len() < GROUP_ROWS && (bytes as f64) < total_bytes {
            let text = material.document(&mut random, medical_share);
            bytes += text.len();
            documents += 1;
            texts.push(text);
            times.push(format!(
                "{}/{:02}/{:02} {:02}:{:02}:{:02}",
                2013 + random.below(10),
                1 + random.below(12),
                1 + random.below(28),
                random.below(24),
                random.below(60),
                random.below(60)
            ));
            urls.push(format!("https://site-{}.example/{language}/{documents}", random.below(20_000)));
            sources.push(["mC4", "OSCAR-2109", "OSCAR-2301"][random.below(3)].to_owned());
        }
        let column = |values: Vec<String>| Arc::new(StringArray::from(values)) as ArrayRef;
        let batch = RecordBatch::try_from_iter([
            ("text", column(texts)),
            ("timestamp", column(times)),
            ("url", column(urls)),
            ("source", column(sources)),
        ])?;
        let writer = match &mut writer {
            Some(writer) => writer,
            none => none.insert(ArrowWriter::try_new(File::create(&part)?, batch.schema(), Some(properties()?))?),
        };
        writer.write(&batch)?;
    }
    if let Some(writer) = writer {
        writer.close()?;
        fs::rename(part, path)?;
    }
    Ok(())
}

fn properties() -> Result<WriterProperties, Box<dyn Error>> {
    Ok(WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(3)?))
        .set_max_row_group_row_count(Some(GROUP_ROWS))
        .build())
}

/// What the documents of one language are made of.
#[derive(Default)]
struct Material {
    medical: Vec<String>,
    other: Vec<String>,
    /// What stands between sentences: a blank, or nothing where words are not separated.
    joint: &'static str,
    /// What made-up words are made of: words, or single characters where words are not separated.
    words: Vec<String>,
}

impl Material {
    fn add(&mut self, passage: &Passage) {
        let sentences = sentences(&passage.text).map(str::to_owned);
        let medical = passage.subject == "medical";
        if medical { &mut self.medical } else { &mut self.other }.extend(sentences);
    }

    fn finish(&mut self) {
        let text = self.other.concat();
        let spaces = text.chars().filter(|character| character.is_whitespace()).count();
        self.joint = if spaces * 20 > text.chars().count() { " " } else { "" };
        let units = self.other.iter().flat_map(|sentence| units(sentence, self.joint));
        let words: BTreeSet<&str> = units.filter(|unit| is_replaceable(unit, self.joint)).collect();
        self.words = words.into_iter().map(str::to_owned).collect();
    }

    /// Sentences in a random order, none twice before all have been used.
    fn document(&self, random: &mut Random, medical_share: f64) -> String {
        let pool = if random.share() < medical_share { &self.medical } else { &self.other };
        let length = (MIN_DOCUMENT_BYTES * 10f64.powf(random.share())) as usize;
        let mut order: Vec<usize> = (0..pool.len()).collect();
        let mut text = String::with_capacity(length + 1000);
        let mut paragraph_left = 0;
        for place in (0..pool.len()).cycle() {
            order.swap(place, place + random.below(pool.len() - place));
            if !text.is_empty() {
                text.push_str(if paragraph_left == 0 { "\n" } else { self.joint });
            }
            if paragraph_left == 0 {
                paragraph_left = 3 + random.below(5);
            }
            paragraph_left -= 1;
            self.say(&pool[order[place]], random, &mut text);
            if text.len() >= length {
                break;
            }
        }
        text
    }

    /// Appends a sentence with some of its words made up.
    fn say(&self, sentence: &str, random: &mut Random, text: &mut String) {
        for unit in units(sentence, self.joint) {
            if !is_replaceable(unit, self.joint) || random.share() >= MADE_UP_SHARE {
                text.push_str(unit);
            } else if self.joint.is_empty() {
                text.push_str(random.choose(&self.words));
            } else {
                let (head, _) = halves(random.choose(&self.words));
                let (_, tail) = halves(random.choose(&self.words));
                text.extend([head, tail]);
            }
        }
    }
}

/// A text cut behind the marks that end sentences, and at line ends.
fn sentences(text: &str) -> impl Iterator<Item = &str> {
    let ends = |character: char| ['.', '!', '?', '\n'].contains(&character);
    let ends_anywhere = |character: char| ['。', '！', '？'].contains(&character);
    let mut rest = text;
    std::iter::from_fn(move || {
        let mut characters = rest.char_indices().peekable();
        let mut end = rest.len();
        while let Some((place, character)) = characters.next() {
            let before_space = characters.peek().is_none_or(|(_, next)| next.is_whitespace());
            if ends_anywhere(character) || ends(character) && before_space {
                end = place + character.len_utf8();
                break;
            }
        }
        let (sentence, after) = rest.split_at(end);
        rest = after;
        (!sentence.is_empty()).then(|| sentence.trim())
    })
    .filter(|sentence| sentence.chars().count() >= 8)
}

/// A sentence cut into words and what is between them, or into characters where words are not separated.
fn units<'a>(sentence: &'a str, joint: &str) -> impl Iterator<Item = &'a str> {
    let spaced = !joint.is_empty();
    let mut rest = sentence;
    std::iter::from_fn(move || {
        let first = rest.chars().next()?;
        let end = match rest.find(|character: char| character.is_alphabetic() != first.is_alphabetic()) {
            _ if !spaced => first.len_utf8(),
            end => end.unwrap_or(rest.len()),
        };
        let (unit, after) = rest.split_at(end);
        rest = after;
        Some(unit)
    })
}

fn is_replaceable(unit: &str, joint: &str) -> bool {
    unit.chars().all(char::is_alphabetic) && (joint.is_empty() || unit.chars().count() >= 4)
}

fn halves(word: &str) -> (&str, &str) {
    let middle = word.char_indices().nth(word.chars().count() / 2).map_or(word.len(), |(place, _)| place);
    word.split_at(middle)
}

/// splitmix64 (Steele, Lea, Flood 2014): eight lines instead of a crate, and the same numbers for ever.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }

    /// In 0..1.
    fn share(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// In 0..limit; `limit` is not 0.
    fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit as u64) as usize
    }

    fn choose<'a>(&mut self, items: &'a [String]) -> &'a str {
        &items[self.below(items.len())]
    }
}
