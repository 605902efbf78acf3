//! A pipeline file with everything it names: languages, sources, stages, models. All that is wrong is found here,
//! before any work.

use std::{
    collections::BTreeMap,
    fs,
    path::{Component, Path, PathBuf},
    sync::Arc,
};

use document::{DataFileError, Digest, LanguageCode, Problems};
use filter::{Chain, Language, Resources, STAGES, StageSettings};
use source::Description;

use crate::{
    books::BookReader,
    pipeline_file::{Expectation, PipelineFile, RejectedSettings, SourceUse},
    site_rules::{PageSettings, SiteRules},
};

/// What a command line may change about a pipeline.
#[derive(Debug, Clone, Default)]
pub struct Overrides {
    pub filters: Option<PathBuf>,
    pub rule: Option<filter::keywords::KeywordRule>,
    /// Only these languages.
    pub languages: Option<Vec<LanguageCode>>,
    pub needs: Needs,
}

/// What a command needs of a pipeline beyond the languages and stages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Needs {
    /// Everything, to build.
    #[default]
    Inputs,
    /// Models and tokenizers but no sources: a text is to be explained.
    Models,
    /// Descriptions of sources, but neither their files nor models: the data folders are to be checked, perhaps on a
    /// machine that has nothing else.
    Descriptions,
}

/// A source of the build, with its files.
pub(crate) struct ConfiguredSource {
    pub description: Description,
    /// How its web pages are read.
    pub rules: SiteRules,
    pub inputs: Vec<source::Input>,
    /// Files of languages that the pipeline does not want.
    pub left_out: usize,
}

/// A stage of the build and where its settings stand.
struct StageUse {
    entry: &'static filter::StageEntry,
    line: usize,
    table: toml::Table,
}

/// A pipeline, ready to be planned.
pub struct Configuration {
    pub title: String,
    pub languages: Vec<Arc<Language>>,
    pub expectations: Vec<Expectation>,
    /// The name of the tokenizer, if tokens are counted.
    pub tokenizer: Option<String>,
    pub(crate) sources: Vec<ConfiguredSource>,
    pub(crate) duplicates: Option<dedup::Settings>,
    /// What reads books, where a source has any.
    pub(crate) books: Option<BookReader>,
    /// What is asked of web pages, whichever source they are of.
    pub(crate) pages: PageSettings,
    pub(crate) task_bytes: u64,
    pub(crate) shard_tokens: u64,
    pub(crate) rejected: RejectedSettings,
    pub(crate) token_ids: bool,
    /// The pipeline with all that it stands for, for the manifest.
    pub(crate) resolved: serde_json::Value,
    /// Of what judges, apart from the languages. It is part of every task's fingerprint, so it is made once.
    pub(crate) stages_digest: Digest,
    file: String,
    stages: Vec<StageUse>,
    files: BTreeMap<String, Vec<u8>>,
}

impl Configuration {
    /// Reads a pipeline file and everything that it names.
    /// # Errors
    /// Fails with all that is wrong, each with file, line and remedy.
    pub fn load(path: &Path, overrides: &Overrides) -> Result<Configuration, Problems> {
        let file = path.display().to_string();
        let text = fs::read_to_string(path)
            .map_err(|error| DataFileError::whole(&file, format!("cannot be read: {error}")))?;
        let pipeline: PipelineFile = document::parse_toml(&file, &text)?;
        let folder = path.parent().unwrap_or(Path::new(""));
        let line_of = |start: usize| 1 + text[..start].matches('\n').count();
        let mut problems = Problems::default();

        let filters = overrides.filters.clone().unwrap_or_else(|| shown_path(folder.join(&pipeline.filters)));
        let languages = problems.collect(load_languages(&filters, &pipeline, overrides)).unwrap_or_default();
        let mut sources = Vec::new();
        // The languages that are wanted, whether or not they could be loaded: one problem is reported once.
        let wanted = overrides.languages.as_ref().unwrap_or(&pipeline.languages);
        if overrides.needs != Needs::Models
            && let Some(descriptions) = problems.collect(find_descriptions(&shown_path(folder.join(&pipeline.sources))))
        {
            for used in &pipeline.source_list {
                let line = line_of(used.span().start);
                let described =
                    problems.collect(find_description(&file, line, used.get_ref(), &descriptions, pipeline.pages));
                if let Some(described) = described
                    && overrides.needs == Needs::Inputs
                    && !wanted.is_empty()
                {
                    let root = folder.join(&used.get_ref().path);
                    sources.extend(problems.collect(find_inputs(&file, line, described, &root, wanted)));
                }
            }
        }
        let stages = problems.collect(find_stages(&file, &pipeline.stage_list, line_of)).unwrap_or_default();
        let files = match overrides.needs {
            Needs::Descriptions => BTreeMap::new(),
            Needs::Inputs | Needs::Models => problems.collect(load_files(&file, folder, &stages)).unwrap_or_default(),
        };
        problems.0.extend(check_numbers(&file, &pipeline, line_of));

        let setting = |stage: &str, key: &str| {
            stages.iter().find(|used| used.entry.name == stage).and_then(|used| used.table.get(key)).cloned()
        };
        let tokenizer =
            setting("count_tokens", "tokenizer").and_then(|name| name.as_str().map(|it| tokenizer_name(it, &files)));
        let token_ids = setting("count_tokens", "store_token_ids").and_then(|ids| ids.as_bool()).unwrap_or(false);
        // Looked up in the file, since a stage with a problem is not among `stages`.
        let is_counter = |stage: &toml::Spanned<toml::Table>| {
            stage.get_ref().get("name").and_then(|name| name.as_str()) == Some("count_tokens")
        };
        if !pipeline.stage_list.iter().any(is_counter) {
            problems.0.push(DataFileError::whole(
                &file,
                "has no stage \"count_tokens\", but shards are cut by tokens; add it",
            ));
        }
        let has_books = sources.iter().flat_map(|source| &source.inputs).any(|it| it.format == source::Format::Book);
        let books = has_books.then(|| book_reader(&file, folder, &pipeline, &languages, &files));
        let books = books.and_then(|reader| problems.collect(reader));
        let resolved = resolve(&pipeline, &languages, &sources, &stages);
        let configuration = Configuration {
            title: pipeline.title,
            languages,
            expectations: pipeline.expect,
            tokenizer,
            sources,
            duplicates: pipeline.duplicates,
            books,
            pages: pipeline.pages,
            task_bytes: pipeline.tasks.megabytes << 20,
            shard_tokens: pipeline.output.shard_tokens,
            rejected: pipeline.rejected,
            token_ids,
            resolved,
            stages_digest: digest_stages(&stages, &files),
            file,
            stages,
            files,
        };
        if problems.0.is_empty() && overrides.needs != Needs::Descriptions {
            let all: Vec<LanguageCode> = configuration.languages.iter().map(|language| language.code).collect();
            problems.collect(configuration.chain(&all));
        }
        problems.none_or(configuration)
    }

    /// The stages for documents that may be in `languages`.
    /// # Errors
    /// Fails if a stage's settings are wrong.
    pub(crate) fn chain(&self, languages: &[LanguageCode]) -> Result<Chain, Problems> {
        let languages = self.languages.iter().filter(|language| languages.contains(&language.code)).cloned().collect();
        let resources = Resources { languages, files: self.files.clone() };
        let mut problems = Problems::default();
        let mut stages = Vec::new();
        for used in &self.stages {
            let settings = StageSettings { file: &self.file, line: used.line, table: used.table.clone() };
            let stage = problems.collect((used.entry.constructor)(&settings, &resources));
            stages.extend(stage.map(|stage| (used.entry.name, stage)));
        }
        problems.none_or(Chain::new(stages))
    }

    /// The language with this code.
    pub(crate) fn language(&self, code: LanguageCode) -> Option<&Arc<Language>> {
        self.languages.iter().find(|language| language.code == code)
    }
}

/// Digest of the stages with their versions, settings and files: what judges, apart from the languages.
fn digest_stages(stages: &[StageUse], files: &BTreeMap<String, Vec<u8>>) -> Digest {
    let mut hasher = document::Hasher::default();
    for used in stages {
        hasher.field(used.entry.name.as_bytes());
        hasher.field(&used.entry.version.to_le_bytes());
        hasher.field(used.table.to_string().as_bytes());
    }
    for (name, bytes) in files {
        hasher.field(name.as_bytes());
        hasher.field(bytes);
    }
    hasher.finish()
}

fn load_languages(
    filters: &Path,
    pipeline: &PipelineFile,
    overrides: &Overrides,
) -> Result<Vec<Arc<Language>>, Problems> {
    let mut problems = Problems::default();
    let codes = overrides.languages.as_ref().unwrap_or(&pipeline.languages);
    let mut languages: Vec<Arc<Language>> = Vec::new();
    for code in codes {
        let language = filter::load_language(filters, *code, |settings| {
            if let Some(change) = pipeline.keywords.get(code) {
                change.apply(settings);
            }
            settings.rule = overrides.rule.unwrap_or(settings.rule);
        });
        languages.extend(problems.collect(language).map(Arc::new));
    }
    problems.none_or(languages)
}

/// Every description below `sources/`, by name.
fn find_descriptions(folder: &Path) -> Result<BTreeMap<String, PathBuf>, DataFileError> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        let cannot = |error| DataFileError::whole(folder.display().to_string(), format!("cannot be listed: {error}"));
        for entry in fs::read_dir(&folder).map_err(cannot)? {
            let path = entry.map_err(cannot)?.path();
            let stem = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "toml")
                && let Some(other) = found.insert(stem, path.clone())
            {
                let message =
                    format!("has the name of {}; every document's id begins with it, so rename one", other.display());
                return Err(DataFileError::whole(path.display().to_string(), message));
            }
        }
    }
    Ok(found)
}

fn find_description(
    file: &str,
    line: usize,
    used: &SourceUse,
    descriptions: &BTreeMap<String, PathBuf>,
    settings: PageSettings,
) -> Result<(Description, SiteRules), Problems> {
    let Some(path) = descriptions.get(&used.name) else {
        let nearest = document::nearest(&used.name, descriptions.keys().map(String::as_str));
        let suggestion = nearest.map(|name| format!("; did you mean {name:?}?")).unwrap_or_default();
        let message = format!("there is no source {:?} below sources/{suggestion}", used.name);
        return Err(DataFileError::at(file, line, message).into());
    };
    let description = Description::load(path).map_err(|error| at_line(file, line, error))?;
    let rules = SiteRules::new(&description, path, settings)?;
    Ok((description, rules))
}

/// A problem of a source's description stands in that file; any other stands where the pipeline names the source.
fn at_line(file: &str, line: usize, error: source::Error) -> DataFileError {
    match error {
        source::Error::Description(error) => error,
        other => DataFileError::at(file, line, other.to_string()),
    }
}

/// The path in its plain form, where that is the same place (behind a link it need not be).
fn shown_path(path: PathBuf) -> PathBuf {
    let plain = plain_path(&path);
    let same = plain.canonicalize().is_ok_and(|plain| path.canonicalize().is_ok_and(|path| path == plain));
    if same { plain } else { path }
}

/// `a/../b` as `b`, for messages.
fn plain_path(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        let can_go_up = plain.components().next_back().is_some_and(|last| matches!(last, Component::Normal(_)));
        match part {
            Component::ParentDir if can_go_up => drop(plain.pop()),
            part => plain.push(part),
        }
    }
    plain
}

fn find_inputs(
    file: &str,
    line: usize,
    (description, rules): (Description, SiteRules),
    root: &Path,
    languages: &[LanguageCode],
) -> Result<ConfiguredSource, DataFileError> {
    if !root.exists() {
        let home = description.home.as_ref().map(|home| format!(" from {home}")).unwrap_or_default();
        let message = format!(
            "the files of source {:?} are expected in {}, which is not there; fetch them{home}, or take this [[source]] out",
            description.name,
            plain_path(root).display()
        );
        return Err(DataFileError::at(file, line, message));
    }
    let mut inputs = source::inputs(&description, root).map_err(|error| at_line(file, line, error))?;
    let all = inputs.len();
    inputs.retain(|input| input.declared_language.is_none_or(|code| languages.contains(&code)));
    for input in &inputs {
        source::check(input).map_err(|error| at_line(file, line, error))?;
    }
    if inputs.is_empty() {
        let message = format!(
            "all {all} files of source {:?} are of languages that the pipeline does not name",
            description.name
        );
        return Err(DataFileError::at(file, line, message));
    }
    let left_out = all - inputs.len();
    Ok(ConfiguredSource { description, rules, inputs, left_out })
}

/// The reader of books that a pipeline asks for. The model that tells languages is that of the stages, if there is one.
fn book_reader(
    file: &str,
    folder: &Path,
    pipeline: &PipelineFile,
    languages: &[Arc<Language>],
    files: &BTreeMap<String, Vec<u8>>,
) -> Result<BookReader, DataFileError> {
    let Some(books) = &pipeline.books else {
        let message =
            "a source has books (PDF, EPUB, page images), but there is no [books]; add it, with models = \"../models\"";
        return Err(DataFileError::whole(file, message));
    };
    let settings: Vec<_> = languages.iter().map(|language| (language.code, language.settings.clone())).collect();
    let model = files.iter().find(|(name, _)| name.ends_with(".ftz")).map(|(_, bytes)| bytes.as_slice());
    BookReader::new(books.settings(folder), &settings, model).map_err(|message| DataFileError::whole(file, message))
}

fn find_stages(
    file: &str,
    list: &[toml::Spanned<toml::Table>],
    line_of: impl Fn(usize) -> usize,
) -> Result<Vec<StageUse>, Problems> {
    let mut problems = Problems::default();
    let mut stages: Vec<StageUse> = Vec::new();
    for spanned in list {
        let line = line_of(spanned.span().start);
        let mut table = spanned.get_ref().clone();
        let name = table.remove("name").and_then(|name| name.as_str().map(str::to_owned)).unwrap_or_default();
        match STAGES.iter().find(|entry| entry.name == name) {
            Some(entry) if stages.iter().any(|used| used.entry.name == name) => {
                problems.0.push(DataFileError::at(
                    file,
                    line,
                    format!("stage {:?} occurs twice; remove one", entry.name),
                ));
            }
            Some(entry) => stages.push(StageUse { entry, line, table }),
            None => {
                let names: Vec<&str> = STAGES.iter().map(|entry| entry.name).collect();
                let nearest = document::nearest(&name, names.iter().copied());
                let suggestion = nearest.map(|name| format!("; did you mean {name:?}?")).unwrap_or_default();
                let message = format!("there is no stage {name:?}{suggestion} (the stages are {})", names.join(", "));
                problems.0.push(DataFileError::at(file, line, message));
            }
        }
    }
    problems.none_or(stages)
}

/// Reads the files that stages name, by the name that the pipeline gives them.
fn load_files(file: &str, folder: &Path, stages: &[StageUse]) -> Result<BTreeMap<String, Vec<u8>>, Problems> {
    let mut problems = Problems::default();
    let mut files = BTreeMap::new();
    for used in stages {
        for key in used.entry.file_settings {
            let Some(name) = used.table.get(*key).and_then(|name| name.as_str()) else { continue };
            if filter::is_built_in_tokenizer(name) {
                continue;
            }
            let path = folder.join(name);
            let bytes = fs::read(&path).map_err(|error| {
                let message = format!(
                    "{key} {} cannot be read: {error}; `make models` fetches what the program needs",
                    path.display()
                );
                DataFileError::at(file, used.line, message)
            });
            files.extend(problems.collect(bytes).map(|bytes| (name.to_owned(), bytes)));
        }
    }
    problems.none_or(files)
}

fn check_numbers(file: &str, pipeline: &PipelineFile, line_of: impl Fn(usize) -> usize) -> Vec<DataFileError> {
    let mut problems = Vec::new();
    let mut demand = |sound: bool, message: &str| {
        if !sound {
            problems.push(DataFileError::whole(file, message));
        }
    };
    demand(!pipeline.languages.is_empty(), "languages is empty; name at least one folder of filters/");
    demand(
        (1..=MAX_TASK_MEGABYTES).contains(&pipeline.tasks.megabytes),
        &format!("tasks.megabytes must lie in 1..={MAX_TASK_MEGABYTES}"),
    );
    demand(pipeline.output.shard_tokens > 0, "output.shard_tokens must be above 0");
    demand(
        (0.0..=1.0).contains(&pipeline.rejected.sample_share),
        "rejected.sample_share is a share and must lie in 0..=1",
    );
    if let Some(duplicates) = &pipeline.duplicates {
        let hashes = duplicates.bands.saturating_mul(duplicates.rows);
        demand(
            (1..=MAX_SIGNATURE_HASHES).contains(&hashes),
            &format!(
                "duplicates.bands and duplicates.rows must be above 0, and their product at most {MAX_SIGNATURE_HASHES}"
            ),
        );
        let shingle = 1..=MAX_SHINGLE;
        demand(
            shingle.contains(&duplicates.shingle_words) && shingle.contains(&duplicates.shingle_chars),
            &format!("duplicates.shingle_words and duplicates.shingle_chars must lie in 1..={MAX_SHINGLE}"),
        );
        demand((0.0..=1.0).contains(&duplicates.min_similarity), "duplicates.min_similarity must lie in 0..=1");
        demand(
            (0.0..=1.0).contains(&duplicates.guard.max_removed_share),
            "duplicates.guard.max_removed_share is a share and must lie in 0..=1",
        );
        if let Some(rule) = &duplicates.boilerplate {
            let share = 0.0..=1.0;
            demand(
                share.contains(&rule.min_share) && share.contains(&rule.max_text_share),
                "duplicates.boilerplate.min_share and max_text_share are shares and must lie in 0..=1",
            );
            demand(
                rule.min_documents > 1,
                "duplicates.boilerplate.min_documents must be above 1: what stands once recurs nowhere",
            );
        }
        demand(
            !duplicates.prefer.contains(&dedup::Criterion::Licence) || !duplicates.licences.is_empty(),
            "duplicates.prefer names \"licence\", but duplicates.licences is empty; list them, the most wanted first",
        );
    }
    let languages = &pipeline.languages;
    // Shards and tasks are named by language and source, so one that is named twice would overwrite itself.
    for (place, code) in languages.iter().enumerate() {
        demand(!languages[..place].contains(code), &format!("language \"{code}\" occurs twice; remove one"));
    }
    for code in pipeline.keywords.keys().filter(|code| !languages.contains(code)) {
        problems.push(DataFileError::whole(
            file,
            format!("has [keywords.{code}], but {code} is not among its languages; remove it or add the language"),
        ));
    }
    let sources = &pipeline.source_list;
    for (place, used) in sources.iter().enumerate() {
        let name = &used.get_ref().name;
        if sources[..place].iter().any(|earlier| earlier.get_ref().name == *name) {
            let message = format!("source {name:?} occurs twice; remove one, or give its other files a description");
            problems.push(DataFileError::at(file, line_of(used.span().start), message));
        }
    }
    problems
}

/// A task of 1 TiB; whoever wants one task an input has it with much less.
const MAX_TASK_MEGABYTES: u64 = 1 << 20;

/// MinHash values of a document; the largest signatures in the literature have 9,000 (450 bands of 20 rows).
const MAX_SIGNATURE_HASHES: usize = 100_000;

/// Words or characters of a shingle: beyond this nothing but equal texts would share one.
const MAX_SHINGLE: usize = 1000;

/// What token counts are said to be of. A file is known by its name and the first half of its digest, since its path says
/// nothing to anybody else.
fn tokenizer_name(setting: &str, files: &BTreeMap<String, Vec<u8>>) -> String {
    let Some(bytes) = files.get(setting) else { return setting.to_owned() };
    let file = Path::new(setting).file_name().unwrap_or_default().to_string_lossy();
    format!("{file}@{:.16}", Digest::of(bytes).to_string())
}

/// The pipeline with everything that it stands for, without any path of the machine.
fn resolve(
    pipeline: &PipelineFile,
    languages: &[Arc<Language>],
    sources: &[ConfiguredSource],
    stages: &[StageUse],
) -> serde_json::Value {
    let keywords: BTreeMap<&str, serde_json::Value> = languages
        .iter()
        .map(|language| {
            let keywords = &language.settings.keywords;
            let value = serde_json::json!({
                "rule": keywords.rule,
                "terms": language.terms.len(),
                "min_distinct": keywords.min_distinct,
                "min_density": keywords.min_density,
                "short_chars": keywords.short_chars,
                "short_min_distinct": keywords.short_min_distinct,
                "judgement": language.settings.judgement,
                "lists": language.lists.iter().map(|list| [&list.file, &list.source]).collect::<Vec<_>>(),
            });
            (language.code.as_str(), value)
        })
        .collect();
    let stages: Vec<serde_json::Value> = stages
        .iter()
        .map(|used| serde_json::json!({ "name": used.entry.name, "version": used.entry.version, "settings": used.table }))
        .collect();
    let sources: Vec<&Description> = sources.iter().map(|source| &source.description).collect();
    serde_json::json!({
        "title": pipeline.title,
        "languages": pipeline.languages,
        "keywords": keywords,
        "sources": sources,
        "stages": stages,
        "duplicates": pipeline.duplicates,
        "books": pipeline.books.as_ref().map(|books| serde_json::json!({ "ocr": books.ocr, "rule": books.rule })),
        "pages": pipeline.pages,
        "task_megabytes": pipeline.tasks.megabytes,
        "shard_tokens": pipeline.output.shard_tokens,
        "rejected": pipeline.rejected,
    })
}
