//! A language: what one folder of `filters/` says, checked, with its keyword matcher built.

use std::collections::BTreeMap;

use document::{DataFileError, Digest, LanguageCode, Problems, Verdict};
use serde::Deserialize;

use crate::{
    classifier::Classifier,
    judgement::{Judgement, Parts},
    keywords::{Compounds, KeywordRule, Matcher, PLAIN_WEIGHT, WordBoundaries, WordShape},
};

/// `language.toml`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LanguageSettings {
    /// The language's own name.
    pub name: String,
    pub english_name: String,
    /// ISO 15924, such as `Latn`, `Cyrl`, `Hans`, `Jpan`.
    pub script: String,
    pub word_boundaries: WordBoundaries,
    pub keywords: KeywordSettings,
    /// Ending of a listed word = endings of its forms; see `keywords::inflection`.
    #[serde(default)]
    pub inflection: BTreeMap<String, Vec<String>>,
    /// What may be written together with the beginning of a word: articles, prepositions, conjunctions.
    #[serde(default)]
    pub proclitics: Vec<String>,
    /// Characters that writers may leave out of a word: vowel signs, nukta.
    #[serde(default)]
    pub optional_marks: String,
    /// Absent where words are not written together.
    pub compounds: Option<Compounds>,
    /// How keywords and classifier are weighed, as `medcorpus language calibrate` found it; absent until then.
    pub judgement: Option<Judgement>,
    pub identify_language: IdentifySettings,
    pub quality: QualityLimits,
    /// What MMedC published for this language, if it did; read by the import of its lists.
    pub mmedc: Option<MmedcSettings>,
    /// How page images in this language are read; without it they are not.
    pub ocr: Option<OcrSettings>,
    #[serde(default)]
    pub books: BookWords,
}

/// `[books]`: words that tell what a page or a number is, beside those that are written alike in all languages.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BookWords {
    /// Marks of an imprint, in upper case; two on a page at the front or the end of a book keep the page out.
    pub imprint_marks: Vec<String>,
    /// Units of doses and findings, in lower case.
    pub units: Vec<String>,
}

/// `[ocr]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OcrSettings {
    /// Tesseract's language packs, several at once joined by `+`; of several entries the one that reads a sample best.
    pub packs: Vec<String>,
    /// The engine that reads this language best, by measurement: `tesseract` or `pp_ocr`.
    #[serde(default)]
    pub engine: OcrEngine,
    /// Mean confidence below which a page is kept out, in 0..=1.
    #[serde(default = "default_min_confidence")]
    pub min_confidence: f64,
}

/// An engine that reads page images.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OcrEngine {
    #[default]
    Tesseract,
    PpOcr,
}

fn default_min_confidence() -> f64 {
    0.6
}

/// `[mmedc]`: facts of the published script (Qiu et al. 2024).
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MmedcSettings {
    /// With what the names of the language's lists begin in the published file.
    pub list_prefix: String,
    pub min_distinct: u64,
    pub min_density: f64,
}

/// `[keywords]`: the rule and what a text must reach.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeywordSettings {
    pub rule: KeywordRule,
    /// Different terms that a text must have.
    pub min_distinct: u64,
    /// Share of its characters that terms must cover, in 0..=1.
    pub min_density: f64,
    /// Texts of fewer characters need only `short_min_distinct` terms.
    #[serde(default)]
    pub short_chars: u64,
    #[serde(default)]
    pub short_min_distinct: u64,
    /// Characters to be matched as others: `"ё" = "е"`. Many of them stand in `fold.txt`, two characters a line.
    #[serde(default)]
    pub fold: BTreeMap<String, String>,
}

/// `[identify_language]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IdentifySettings {
    /// Below this probability the language counts as uncertain, in 0..=1.
    pub min_probability: f64,
    /// Labels of the model that mean this language; the folder's name if absent.
    pub labels: Option<Vec<String>>,
    /// Labels that the model confuses this language with, each with the scripts (ISO 15924) that no text of the other language
    /// is without: where none of their letters occurs, the label means this language.
    #[serde(default)]
    pub confused_with: BTreeMap<String, Vec<String>>,
}

impl IdentifySettings {
    /// Whether a label of the model means the language of this code.
    pub fn has_label(&self, code: LanguageCode, label: &str) -> bool {
        match &self.labels {
            Some(labels) => labels.iter().any(|known| known == label),
            None => code.as_str() == label,
        }
    }

    /// Whether a label means this language in this text, although it is another language's.
    pub fn is_confused_with(&self, label: &str, text: &str) -> bool {
        self.confused_with.get(label).is_some_and(|scripts| !crate::script::has_any(text, scripts))
    }
}

/// `[quality]`: a limit that is absent is not applied. Units and definitions are those of the stage `check_quality`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QualityLimits {
    /// Where words are not separated: a word for so many characters of Han or kana.
    pub chars_per_word: Option<f64>,
    pub min_words: Option<u64>,
    pub max_words: Option<u64>,
    pub min_mean_word_chars: Option<f64>,
    pub max_mean_word_chars: Option<f64>,
    pub min_stop_words: Option<u64>,
    pub min_alphabetic_words: Option<f64>,
    pub max_symbols_per_word: Option<f64>,
    pub max_bullet_lines: Option<f64>,
    pub max_ellipsis_lines: Option<f64>,
    pub min_sentence_end_lines: Option<f64>,
    pub max_short_lines: Option<f64>,
    pub short_line_chars: Option<u64>,
    pub max_lines_per_word: Option<f64>,
    pub max_duplicate_line_chars: Option<f64>,
    pub max_duplicate_paragraph_chars: Option<f64>,
    pub max_top_ngram_chars: Option<f64>,
    pub max_duplicate_ngram_chars: Option<f64>,
    pub max_curly_brackets_per_word: Option<f64>,
    #[serde(default)]
    pub blocked_phrases: Vec<String>,
}

/// One line of `keywords.txt`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Term {
    pub text: String,
    /// What kind of word it is (anatomy, disease, …), where the list says so.
    pub kind: Option<String>,
    /// How telling the term is, in hundredths: about the logarithm of how much likelier it makes a text medical.
    pub weight: u32,
    /// Which list it is from, by place in `Language::lists`.
    pub list: usize,
}

/// Where some of the terms come from: `keywords.txt`, or a file of `terms/`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TermList {
    /// The file's name within the folder.
    pub file: String,
    /// The first line, `# Source: …`, without its mark: origin and licence.
    pub source: String,
    /// Whether a line `# Weights: …` says that the weights were found on labels, so that calibration finds them anew
    /// without the origins on which it measures.
    pub is_weighed: bool,
}

/// One case of `examples.toml`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Example {
    pub text: String,
    pub verdict: ExampleVerdict,
    /// For a rejection, the rule that is expected to reject.
    pub rule: Option<String>,
    /// What the case shows.
    #[serde(rename = "why")]
    pub _why: String,
}

/// The verdict that an example expects of the keyword stage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ExampleVerdict {
    Keep,
    Reject,
}

/// The name of a language's classifier within its folder.
pub const CLASSIFIER_FILE: &str = "classifier.ftz";

/// The text of a folder's files, as read from disk.
#[derive(Debug, Clone, Default)]
pub struct FolderText {
    /// Path of the folder as the user gave it, for messages.
    pub path: String,
    pub settings: String,
    pub keywords: String,
    /// Imported lists, `terms/*.txt`, by the name of the file, sorted.
    pub more_terms: Vec<(String, String)>,
    pub stopwords: Option<String>,
    pub fold: Option<String>,
    pub examples: Option<String>,
    /// `classifier.ftz`.
    pub classifier: Option<Vec<u8>>,
}

/// A language, ready for use.
pub struct Language {
    pub code: LanguageCode,
    pub settings: LanguageSettings,
    pub terms: Vec<Term>,
    /// Where the terms come from.
    pub lists: Vec<TermList>,
    pub stopwords: Vec<String>,
    pub examples: Vec<Example>,
    pub matcher: Matcher,
    pub classifier: Option<Classifier>,
    /// Digest of the classifier's file.
    classifier_bytes: u128,
    folds: BTreeMap<char, char>,
    /// Of everything in the folder that can change a verdict; the examples cannot.
    pub digest: Digest,
}

impl Language {
    /// Reads and checks a folder's text. `changed` may adjust the keyword settings (`--rule`, a pipeline's thresholds).
    /// # Errors
    /// Fails with everything that is wrong in any of the files, each with its line.
    pub fn parse(
        code: LanguageCode,
        folder: &FolderText,
        change: impl FnOnce(&mut KeywordSettings),
    ) -> Result<Language, Problems> {
        let mut problems = Problems::default();
        let file = |name: &str| format!("{}/{name}", folder.path);
        let settings_file = file("language.toml");
        let mut settings: LanguageSettings = document::parse_toml(&settings_file, &folder.settings)?;
        change(&mut settings.keywords);

        problems.0.extend(check_settings(&settings_file, &folder.settings, &settings));
        let (terms, lists) = problems.collect(parse_lists(folder, &file, &settings)).unwrap_or_default();
        let stopwords =
            folder.stopwords.as_deref().map_or(Ok(Vec::new()), |text| parse_words(&file("stopwords.txt"), text));
        let stopwords = problems.collect(stopwords).unwrap_or_default();
        let examples =
            folder.examples.as_deref().map_or(Ok(Vec::new()), |text| parse_examples(&file("examples.toml"), text));
        let examples = problems.collect(examples).unwrap_or_default();
        let folds = problems.collect(parse_folds(&settings_file, &file("fold.txt"), &settings, folder.fold.as_deref()));
        let folds = folds.unwrap_or_default();

        let classifier = folder.classifier.as_deref().map(|bytes| {
            Classifier::load(bytes, settings.word_boundaries)
                .map_err(|message| DataFileError::whole(file(CLASSIFIER_FILE), message))
        });
        let classifier = problems.collect(classifier.transpose()).flatten();
        if settings.judgement.as_ref().is_some_and(|it| it.classifier.is_some()) && folder.classifier.is_none() {
            let message = format!(
                "[judgement] weighs a classifier, but there is no {CLASSIFIER_FILE}; train one, or calibrate without it"
            );
            problems.0.push(DataFileError::whole(&settings_file, message));
        }
        problems.none_or(())?;

        let keywords = &settings.keywords;
        let mut digest = document::Hasher::default();
        for text in [Some(&folder.settings), Some(&folder.keywords), folder.stopwords.as_ref(), folder.fold.as_ref()] {
            digest.field(text.map_or(b"".as_slice(), |text| text.as_bytes()));
        }
        for (name, text) in &folder.more_terms {
            digest.field(name.as_bytes());
            digest.field(text.as_bytes());
        }
        digest.field(folder.classifier.as_deref().unwrap_or_default());
        digest.field(format!("{keywords:?}").as_bytes());
        let list: Vec<(&str, u32)> = terms.iter().map(|term| (term.text.as_str(), term.weight)).collect();
        let shape = WordShape {
            boundaries: settings.word_boundaries,
            folds: folds.clone(),
            inflection: settings.inflection.clone(),
            proclitics: settings.proclitics.clone(),
            optional_marks: settings.optional_marks.clone(),
            compounds: settings.compounds.clone(),
        };
        let matcher = Matcher::new(keywords.rule, &list, &shape);
        Ok(Language {
            code,
            settings,
            terms,
            lists,
            stopwords,
            examples,
            matcher,
            classifier,
            classifier_bytes: Digest::of(folder.classifier.as_deref().unwrap_or_default()).0,
            folds,
            digest: digest.finish(),
        })
    }

    /// The calibrated probability that a text is about medicine, in 0..=1; before calibration one half of what the keywords'
    /// density says, so that texts with keywords come before those without.
    pub fn probability(&self, text: &str) -> f64 {
        match &self.settings.judgement {
            Some(judgement) => {
                let classifier = self.classifier.as_ref().filter(|_| judgement.classifier.is_some());
                judgement.judge(&Parts::of(text, self.settings.word_boundaries, &self.matcher, classifier)).probability
            }
            None => self.matcher.count(text).density().min(0.1) * 5.0,
        }
    }

    /// Whether its script is written from right to left.
    pub fn is_right_to_left(&self) -> bool {
        crate::script::is_right_to_left(&self.settings.script)
    }

    /// How its words are built.
    pub fn shape(&self) -> WordShape {
        WordShape {
            boundaries: self.settings.word_boundaries,
            folds: self.folds.clone(),
            inflection: self.settings.inflection.clone(),
            proclitics: self.settings.proclitics.clone(),
            optional_marks: self.settings.optional_marks.clone(),
            compounds: self.settings.compounds.clone(),
        }
    }

    /// Digest of what a calibration measured: terms with weights, the shape of words, the classifier.
    pub fn calibrated_digest(&self) -> String {
        let mut hasher = document::Hasher::default();
        for term in &self.terms {
            hasher.field(term.text.as_bytes());
            hasher.field(&term.weight.to_le_bytes());
        }
        hasher.field(format!("{:?}", self.shape()).as_bytes());
        hasher.field(&self.classifier_bytes.to_le_bytes());
        format!("{:.16}", hasher.finish().to_string())
    }

    /// What is wrong with the folder's own examples: each that the keywords judge otherwise than it says.
    pub fn failing_examples(&self) -> Vec<String> {
        let failing = |example: &Example| {
            let verdict = match crate::stages::count_keywords::judge_in(self, &example.text) {
                Verdict::Keep => crate::stages::classify::judge_in(self, &example.text),
                rejected => rejected,
            };
            let rule = match verdict {
                Verdict::Keep => None,
                Verdict::Reject(reason) => Some(reason.rule),
            };
            (rule != example.rule.as_deref()).then(|| {
                let count = self.matcher.count(&example.text);
                let say = |rule: Option<&str>| rule.map_or("kept".to_owned(), |rule| format!("rejected by {rule}"));
                let start: String = example.text.chars().take(40).collect();
                format!(
                    "example \"{start}…\" should be {} and is {} ({} different terms, density {:.4} of {} characters)",
                    say(example.rule.as_deref()),
                    say(rule),
                    count.distinct,
                    count.density(),
                    count.chars
                )
            })
        };
        self.examples.iter().filter_map(failing).collect()
    }
}

fn check_settings(file: &str, text: &str, settings: &LanguageSettings) -> Vec<DataFileError> {
    let mut problems = Vec::new();
    let line_of = |key: &str| text.lines().position(|line| line.trim_start().starts_with(key)).map(|index| index + 1);
    let mut wrong = |key: &str, message: String| {
        problems.push(DataFileError { file: file.to_owned(), line: line_of(key), message });
    };
    for (key, share) in [
        ("min_density", Some(settings.keywords.min_density)),
        ("min_probability", Some(settings.identify_language.min_probability)),
        ("min_alphabetic_words", settings.quality.min_alphabetic_words),
        ("max_bullet_lines", settings.quality.max_bullet_lines),
        ("max_ellipsis_lines", settings.quality.max_ellipsis_lines),
        ("min_sentence_end_lines", settings.quality.min_sentence_end_lines),
        ("max_short_lines", settings.quality.max_short_lines),
        ("max_duplicate_line_chars", settings.quality.max_duplicate_line_chars),
        ("max_duplicate_paragraph_chars", settings.quality.max_duplicate_paragraph_chars),
        ("max_top_ngram_chars", settings.quality.max_top_ngram_chars),
        ("max_duplicate_ngram_chars", settings.quality.max_duplicate_ngram_chars),
    ] {
        if share.is_some_and(|share| !(0.0..=1.0).contains(&share)) {
            wrong(key, format!("{key} is a share and must lie in 0..=1"));
        }
    }
    if crate::script::scripts_of(&settings.script).is_none() {
        wrong("script", format!("script {:?} is not known; write an ISO 15924 code such as \"Latn\"", settings.script));
    }
    for script in settings.identify_language.confused_with.values().flatten() {
        if crate::script::scripts_of(script).is_none() {
            let message = format!("script {script:?} is not known; write ISO 15924 codes such as \"Hira\"");
            wrong("confused_with", message);
        }
    }
    if settings.quality.max_short_lines.is_some() != settings.quality.short_line_chars.is_some() {
        wrong("max_short_lines", "max_short_lines and short_line_chars go together".to_owned());
    }
    if settings.quality.chars_per_word.is_some_and(|chars| chars <= 0.0) {
        wrong("chars_per_word", "chars_per_word must be above 0".to_owned());
    }
    for (ending, forms) in &settings.inflection {
        if !forms.contains(ending) {
            wrong(
                &format!("\"{ending}\""),
                format!("the forms of ending \"{ending}\" lack \"{ending}\" itself; add it"),
            );
        }
    }
    problems
}

/// The lines of a word list that are not comments, with their numbers.
fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines().enumerate().map(|(index, line)| (index + 1, line)).filter(|(_, line)| !line.starts_with('#'))
}

fn check_source_line(file: &str, text: &str) -> Option<DataFileError> {
    let missing = !text.starts_with("# Source: ");
    missing.then(|| DataFileError::at(file, 1, "the first line must say \"# Source: …\", where the words come from"))
}

fn parse_words(file: &str, text: &str) -> Result<Vec<String>, Problems> {
    let problems = Problems(check_source_line(file, text).into_iter().collect());
    problems.none_or(lines(text).filter(|(_, line)| !line.is_empty()).map(|(_, line)| line.to_owned()).collect())
}

/// `keywords.txt` and the imported lists. A term that stands in several is the first one's.
fn parse_lists(
    folder: &FolderText,
    file: &dyn Fn(&str) -> String,
    settings: &LanguageSettings,
) -> Result<(Vec<Term>, Vec<TermList>), Problems> {
    let mut problems = Problems::default();
    let own = ("keywords.txt".to_owned(), folder.keywords.clone());
    let imported = folder.more_terms.iter().map(|(name, text)| (format!("terms/{name}"), text.clone()));
    let (mut terms, mut lists): (Vec<Term>, Vec<TermList>) = Default::default();
    let mut known = std::collections::BTreeSet::new();
    for (name, text) in std::iter::once(own).chain(imported) {
        let found = problems.collect(parse_terms(&file(&name), &text, lists.len(), settings)).unwrap_or_default();
        let native = settings.keywords.rule == KeywordRule::Native;
        terms.extend(found.into_iter().filter(|term| !native || known.insert(folded_key(&term.text))));
        let first_line = text.lines().next().unwrap_or_default();
        let is_weighed = text.lines().any(|line| line.starts_with("# Weights: "));
        lists.push(TermList { file: name, source: first_line.trim_start_matches("# Source: ").to_owned(), is_weighed });
    }
    let letters: std::collections::BTreeSet<char> = terms.iter().flat_map(|term| term.text.chars()).collect();
    if letters.len() > crate::keywords::MAX_LETTERS {
        let message =
            format!("have {} different characters, at most {} fit", letters.len(), crate::keywords::MAX_LETTERS);
        problems.0.push(DataFileError::whole(format!("{}: the terms", folder.path), message));
    }
    problems.none_or((terms, lists))
}

/// The largest weight that a term may have: e to the 10th, 22,000 times as likely.
const MAX_WEIGHT: f64 = 10.0;

/// Terms one a line: `term`, `term<TAB>kind` or `term<TAB>kind<TAB>weight`.
fn parse_terms(file: &str, text: &str, list: usize, settings: &LanguageSettings) -> Result<Vec<Term>, Problems> {
    let mut problems = Problems(check_source_line(file, text).into_iter().collect());
    let native = settings.keywords.rule == KeywordRule::Native;
    let nfc = icu_normalizer::ComposingNormalizer::new_nfc();
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    let mut terms: Vec<Term> = Vec::new();
    for (number, line) in lines(text) {
        let mut fields = line.split('\t');
        let term = fields.next().unwrap_or_default();
        let kind = fields.next().map(str::trim).filter(|kind| !kind.is_empty()).map(str::to_owned);
        let weight = fields.next().map(|weight| weight.trim().parse().unwrap_or(f64::NAN));
        let message = if term.is_empty() {
            Some("empty term; remove the line".to_owned())
        } else if fields.next().is_some() {
            Some("has more than term, kind and weight; write these three, with tabs between".to_owned())
        } else if weight.is_some_and(|weight| !(0.0..=MAX_WEIGHT).contains(&weight)) {
            Some(format!("the weight of \"{term}\" is no number in 0..={MAX_WEIGHT}; mend or remove it"))
        } else if native && term.trim() != term {
            Some(format!("term {term:?} has blanks around it; remove them"))
        } else if native && !nfc.is_normalized(term) {
            Some(format!("term \"{term}\" is not in NFC; write \"{}\"", nfc.normalize(term)))
        } else if native && let Some(stop) = unmatchable(term, settings.word_boundaries) {
            Some(format!("term \"{term}\" has {stop:?}, which ends a word; write the term without it"))
        } else if native && let Some(first) = seen.insert(folded_key(term), number) {
            Some(format!("term \"{term}\" occurs twice (first on line {first}); remove one"))
        } else if native && terms.last().is_some_and(|last| last.text.as_str() > term) {
            Some(format!("term \"{term}\" is out of order; sort the list by code point (LC_ALL=C sort)"))
        } else {
            None
        };
        problems.0.extend(message.map(|message| DataFileError::at(file, number, message)));
        let weight = weight.map_or(PLAIN_WEIGHT, |weight: f64| (weight * f64::from(PLAIN_WEIGHT)).round() as u32);
        terms.push(Term { text: term.to_owned(), kind, weight, list });
    }
    if terms.is_empty() {
        problems.0.push(DataFileError::whole(file, "has no terms; write one a line"));
    }
    problems.none_or(terms)
}

/// Terms that differ only in case are the same, unless one of them is written in capitals.
fn folded_key(term: &str) -> String {
    if crate::keywords::is_capitals(term) { term.to_owned() } else { term.to_lowercase() }
}

/// A character at which the matcher would end a word, so that the term could never be found.
fn unmatchable(term: &str, boundaries: WordBoundaries) -> Option<char> {
    let marks = icu_normalizer::properties::CanonicalCombiningClassMap::new();
    term.chars().find(|character| {
        boundaries == WordBoundaries::Spaces
            && !character.is_alphanumeric()
            && marks.get_u8(*character) == 0
            && !crate::keywords::joins(*character)
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ExamplesFile {
    example: Vec<Example>,
}

fn parse_examples(file: &str, text: &str) -> Result<Vec<Example>, Problems> {
    let examples: ExamplesFile = document::parse_toml(file, text)?;
    let unexplained = |example: &Example| (example.verdict == ExampleVerdict::Reject) != example.rule.is_some();
    if examples.example.iter().any(unexplained) {
        let message = "an example with verdict \"reject\" names its rule, one with \"keep\" has none";
        return Err(DataFileError::whole(file, message).into());
    }
    Ok(examples.example)
}

fn parse_folds(
    settings_file: &str,
    fold_file: &str,
    settings: &LanguageSettings,
    text: Option<&str>,
) -> Result<BTreeMap<char, char>, Problems> {
    let mut problems = Problems::default();
    let mut folds = BTreeMap::new();
    let mut add = |from: &str, to: &str, error: DataFileError| {
        let mut characters = from.chars().zip(to.chars());
        match (characters.next(), from.chars().count(), to.chars().count()) {
            (Some((from, to)), 1, 1) => drop(folds.insert(from, to)),
            _ => problems.0.push(error),
        }
    };
    for (from, to) in &settings.keywords.fold {
        add(
            from,
            to,
            DataFileError::whole(settings_file, format!("fold \"{from}\" = \"{to}\": both must be one character")),
        );
    }
    for (number, line) in text.into_iter().flat_map(lines) {
        let (from, to) = line.split_once(' ').unwrap_or_default();
        add(from, to, DataFileError::at(fold_file, number, "write two characters separated by a blank"));
    }
    problems.none_or(folds)
}
