//! The plan: every task of pass 1, in an order that depends on nothing but the inputs and the settings.

use std::{collections::BTreeMap, path::Path, sync::Arc};

use document::{Container, Digest, Hasher, LanguageCode};
use serde::{Deserialize, Serialize};
use source::{Input, Split};

use crate::{Configuration, Error, configuration::ConfiguredSource, fingerprint::Fingerprint};

/// One task of pass 1: consecutive splits of one source, all of the same languages.
#[derive(Debug, Clone, Serialize)]
pub struct Task {
    /// `source-00000`.
    pub id: String,
    /// Languages that its documents may be kept in.
    pub languages: Vec<LanguageCode>,
    /// Bytes of input.
    pub bytes: u64,
    /// First of its files, and how many there are.
    pub first_file: String,
    pub files: usize,
    #[serde(skip)]
    pub(crate) source: usize,
    /// Number of the input within its source, and the part of it.
    #[serde(skip)]
    pub(crate) splits: Vec<(usize, Split)>,
}

/// How many times more a byte of a book costs than a byte of text, about: fewer of them make a task.
const BOOK_COST: u64 = 64;

/// Where a task stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum TaskState {
    Done,
    Open,
}

/// All tasks of pass 1, by source in the order of the pipeline, then by file.
pub struct Plan {
    pub tasks: Vec<Task>,
    /// Files that declare a language which the pipeline does not name, by source.
    pub left_out: Vec<(String, usize)>,
}

impl Plan {
    /// Plans a build. Reads directories and footers, no documents.
    /// # Errors
    /// Fails if an input cannot be opened.
    pub fn new(configuration: &Configuration) -> Result<Plan, Error> {
        let mut tasks: Vec<Task> = Vec::new();
        for (number, source) in configuration.sources.iter().enumerate() {
            let first = tasks.len();
            for (input_number, input) in source.inputs.iter().enumerate() {
                let languages = languages_of(configuration, source, input);
                let task_bytes = match input.format {
                    source::Format::Book => configuration.task_bytes / BOOK_COST,
                    _ => configuration.task_bytes,
                };
                // Pages that go on on the next one are read together.
                let cut_at = if source.rules.is_one_document() { u64::MAX } else { task_bytes };
                for split in source::splits(input, cut_at)? {
                    // Many small files make one task; a task never mixes languages, so that a change in one language's
                    // folder touches only the tasks that may hold that language.
                    let fits = tasks[first..]
                        .last()
                        .is_some_and(|task| task.languages == languages && task.bytes + split.bytes <= task_bytes);
                    if !fits {
                        tasks.push(Task {
                            id: format!("{}-{:05}", source.description.name, tasks.len() - first),
                            languages: languages.clone(),
                            bytes: 0,
                            first_file: input.container.path.clone(),
                            files: 0,
                            source: number,
                            splits: Vec::new(),
                        });
                    }
                    let task = tasks.last_mut().expect("a task that fits, or the one just pushed");
                    task.bytes += split.bytes;
                    task.files += usize::from(task.splits.last().is_none_or(|(last, _)| *last != input_number));
                    task.splits.push((input_number, split));
                }
            }
        }
        let left_out = configuration.sources.iter().filter(|source| source.left_out > 0);
        let left_out = left_out.map(|source| (source.description.name.clone(), source.left_out)).collect();
        Ok(Plan { tasks, left_out })
    }

    /// The tasks in the order of preference among duplicates: by the rank of their source, then as planned.
    pub(crate) fn by_preference(&self, configuration: &Configuration) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.tasks.len()).collect();
        order.sort_by_key(|task| configuration.sources[self.tasks[*task].source].description.rank);
        order
    }
}

/// The languages in which documents of this input may be kept.
fn languages_of(configuration: &Configuration, source: &ConfiguredSource, input: &Input) -> Vec<LanguageCode> {
    let declared_by_path = input.declared_language;
    let possible = &source.description.languages;
    let all = configuration.languages.iter().map(|language| language.code);
    all.filter(|code| declared_by_path.is_none_or(|declared| declared == *code))
        .filter(|code| possible.is_empty() || possible.contains(code))
        .collect()
}

/// Digests of the input files, remembered in `ledger/inputs.json` by size and time of change, so that an unchanged input
/// is not read again. The time only decides whether to read: it is part of no fingerprint.
#[derive(Default, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct KnownDigests(BTreeMap<String, KnownDigest>);

#[derive(Clone, Serialize, Deserialize)]
struct KnownDigest {
    bytes: u64,
    changed_nanoseconds: u128,
    digest: Digest,
    /// What a book looks like; none, if that was not found.
    #[serde(default)]
    looks: Option<Looks>,
}

/// What a book looks like, by the version of what looked at it.
#[derive(Clone, Serialize, Deserialize)]
struct Looks {
    version: u32,
    sampled: Option<Digest>,
}

impl KnownDigests {
    pub fn load(out: &Path) -> Result<KnownDigests, Error> {
        Ok(store::read_json(&out.join("ledger/inputs.json"))?.unwrap_or_default())
    }

    pub fn save(&self, out: &Path) -> Result<(), Error> {
        Ok(store::write_json(&out.join("ledger/inputs.json"), self)?)
    }

    /// The digest that is known of a file, if the file looks unchanged.
    pub fn get(&self, input: &Input) -> Option<Digest> {
        let known = self.0.get(&key(input))?;
        (known.bytes == input.bytes && Some(known.changed_nanoseconds) == changed(input)).then_some(known.digest)
    }

    /// What is known of how a book looks: nothing if nobody has looked, and then nothing or its digest.
    pub fn sampled(&self, input: &Input) -> Option<Option<Digest>> {
        self.get(input)?;
        let looks = self.0.get(&key(input))?.looks.as_ref()?;
        (looks.version == extract::book::VERSION).then_some(looks.sampled)
    }

    pub fn insert_sampled(&mut self, input: &Input, sampled: Option<Digest>) {
        if let Some(known) = self.0.get_mut(&key(input)) {
            known.looks = Some(Looks { version: extract::book::VERSION, sampled });
        }
    }

    pub fn insert(&mut self, input: &Input, digest: Digest) {
        if let Some(changed_nanoseconds) = changed(input) {
            let known = KnownDigest { bytes: input.bytes, changed_nanoseconds, digest, looks: None };
            self.0.insert(key(input), known);
        }
    }
}

/// The file, and what of it is read.
fn key(input: &Input) -> String {
    let path = input.path.display();
    let Some(ranges) = &input.ranges else { return path.to_string() };
    let mut hasher = Hasher::default();
    for range in ranges.iter() {
        hasher.update(&range.start.to_le_bytes());
        hasher.update(&range.end.to_le_bytes());
    }
    format!("{path}#{}", hasher.finish())
}

fn changed(input: &Input) -> Option<u128> {
    let changed = input.path.metadata().ok()?.modified().ok()?;
    changed.duration_since(std::time::UNIX_EPOCH).ok().map(|since| since.as_nanos())
}

/// The inputs of a build with their digests: what fingerprints and provenance are made of.
pub(crate) struct Containers {
    of_sources: Vec<Vec<Arc<Container>>>,
    /// By source and input, what is alike in files of the same book: how they look, or else their bytes.
    books: BTreeMap<(usize, usize), Digest>,
    /// Rank of the source, source and input of the one that stays of these.
    first: BTreeMap<Digest, (u32, usize, usize)>,
}

impl Containers {
    /// `known` has the digests of all inputs, as far as that matters.
    pub fn new(configuration: &Configuration, known: &KnownDigests) -> Containers {
        let of =
            |source: &ConfiguredSource| source.inputs.iter().map(|it| known.get(it).unwrap_or(Digest(0))).collect();
        let digests: Vec<Vec<Digest>> = configuration.sources.iter().map(of).collect();
        let of_source = |(source, digests): (&ConfiguredSource, &Vec<Digest>)| {
            let container = |(input, digest): (&Input, &Digest)| {
                Arc::new(Container { digest: Some(*digest), ..input.container.clone() })
            };
            source.inputs.iter().zip(digests).map(container).collect()
        };
        let (mut books, mut first) = (BTreeMap::new(), BTreeMap::new());
        for (place, source) in configuration.sources.iter().enumerate() {
            let inputs = source.inputs.iter().enumerate();
            for (number, input) in inputs.filter(|(_, input)| input.format == source::Format::Book) {
                let alike = known.sampled(input).flatten().unwrap_or(digests[place][number]);
                let here = (source.description.rank, place, number);
                books.insert((place, number), alike);
                first.entry(alike).and_modify(|first| *first = here.min(*first)).or_insert(here);
            }
        }
        Containers { of_sources: configuration.sources.iter().zip(&digests).map(of_source).collect(), books, first }
    }

    pub fn get(&self, source: usize, input: usize) -> &Arc<Container> {
        &self.of_sources[source][input]
    }

    /// The book that looks like this one or has its bytes and is preferred: that one is read, this one is not.
    pub fn same_book(&self, source: usize, input: usize) -> Option<&Arc<Container>> {
        let (_, first_source, first_input) = *self.first.get(self.books.get(&(source, input))?)?;
        ((first_source, first_input) != (source, input)).then(|| self.get(first_source, first_input))
    }
}

/// The fingerprint of a task of pass 1.
pub(crate) fn fingerprint(configuration: &Configuration, task: &Task, containers: &Containers) -> Digest {
    let source = &configuration.sources[task.source];
    let mut fingerprint = Fingerprint::of("judge")
        .with_json(&source.description)
        .with(configuration.stages_digest)
        .with_json(&configuration.duplicates.as_ref().map(dedup::Settings::of_signatures))
        .with_json(&configuration.rejected);
    for code in &task.languages {
        let digest = configuration.language(*code).map(|language| language.digest.to_string());
        fingerprint = fingerprint.with(code).with(digest.unwrap_or_default());
    }
    for (input, split) in &task.splits {
        let container = containers.get(task.source, *input);
        let digest = container.digest.map(|digest| digest.to_string()).unwrap_or_default();
        fingerprint = fingerprint.with(&container.path).with(digest).with(format!("{:?}", split.range));
        if source.inputs[*input].format == source::Format::Warc {
            fingerprint = fingerprint.with(extract::VERSION).with_json(&configuration.pages);
        }
        if let (source::Format::Book, Some(books)) = (source.inputs[*input].format, &configuration.books) {
            let same = containers.same_book(task.source, *input).map(|first| first.path.as_str());
            fingerprint = fingerprint.with(books.fingerprint()).with(same.unwrap_or_default());
        }
    }
    fingerprint.finish()
}
