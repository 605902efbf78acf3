//! Runs the program on the project's own data folders or on a copy of them, and reads back what it wrote.

use std::{
    collections::BTreeMap,
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use arrow_array::{Array, cast::AsArray, types::Float64Type, types::UInt64Type};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde::Deserialize;
use serde_json::Value;
use tempfile::TempDir;

/// Longer than any command here takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(300);

/// The repository's root.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// The project's collection of real, damaged and hostile files, if this machine has it.
pub fn shared_data() -> Option<PathBuf> {
    let beside = root().join("../shared/data");
    let folder = std::env::var_os("MEDCORPUS_TEST_DATA").map_or(beside, PathBuf::from);
    if !folder.is_dir() {
        println!("skipped: {} is absent; set MEDCORPUS_TEST_DATA to the data collection", folder.display());
        return None;
    }
    Some(folder.canonicalize().unwrap())
}

/// The language model is fetched, not kept in git.
pub fn need_model() {
    let model = root().join("models/lid.176.ftz");
    assert!(model.is_file(), "models/lid.176.ftz is missing; run `make models`, which fetches it once");
}

pub fn need_model_in(folder: &Path) {
    need_model();
    fs::create_dir_all(folder.join("models")).unwrap();
    fs::copy(root().join("models/lid.176.ftz"), folder.join("models/lid.176.ftz")).unwrap();
}

/// What a command did.
pub struct Ran {
    /// None if it was killed.
    pub code: Option<i32>,
    pub stdout: Vec<u8>,
    pub stderr: String,
    pub elapsed: Duration,
    /// Largest resident memory that was seen; 0 where the system does not tell.
    pub peak_bytes: u64,
}

impl Ran {
    /// This, if it ended with `code`.
    #[track_caller]
    pub fn ended(self, code: i32) -> Ran {
        assert!(!self.stderr.contains("panicked"), "{}", self.stderr);
        assert_eq!(self.code, Some(code), "{}\n{}", self.text(), self.stderr);
        self
    }

    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.stdout).expect("standard output is UTF-8")
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(self.text()).unwrap()
    }

    pub fn json_lines(&self) -> Vec<Value> {
        self.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

/// A command of the program, to be run in `folder`.
pub fn command(folder: &Path, arguments: &[impl AsRef<OsStr>]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_medcorpus"));
    command.current_dir(folder).args(arguments).stdin(Stdio::null()).env_remove("RUST_BACKTRACE");
    command
}

/// Runs the program in `folder` until it ends or `patience` does.
pub fn run_within(folder: &Path, arguments: &[impl AsRef<OsStr>], patience: Duration) -> Ran {
    let files = tempfile::tempdir().unwrap();
    let (stdout, stderr) = (files.path().join("stdout"), files.path().join("stderr"));
    let started = Instant::now();
    let mut child = command(folder, arguments)
        .stdout(fs::File::create(&stdout).unwrap())
        .stderr(fs::File::create(&stderr).unwrap())
        .spawn()
        .unwrap();
    let mut peak_bytes = 0;
    let code = loop {
        peak_bytes = peak_bytes.max(resident_peak(&child));
        match child.try_wait().unwrap() {
            Some(status) => break status.code(),
            None if started.elapsed() > patience => {
                child.kill().unwrap();
                child.wait().unwrap();
                break None;
            }
            None => std::thread::sleep(Duration::from_millis(3)),
        }
    };
    let stderr = String::from_utf8(fs::read(&stderr).unwrap()).expect("standard error is UTF-8");
    Ran { code, stdout: fs::read(&stdout).unwrap(), stderr, elapsed: started.elapsed(), peak_bytes }
}

/// `VmHWM` of a running process: the most memory that it had resident so far.
fn resident_peak(child: &Child) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or_default();
    let kilobytes: u64 = line.trim().trim_end_matches(" kB").parse().unwrap_or(0);
    kilobytes << 10
}

/// Runs the program in the repository.
pub fn medcorpus(arguments: &[impl AsRef<OsStr>]) -> Ran {
    run_within(&root(), arguments, PATIENCE)
}

/// A copy of the data folders, to be changed and built in.
pub struct Workspace {
    folder: TempDir,
}

impl Workspace {
    /// With the language model.
    pub fn new() -> Workspace {
        let workspace = Workspace::without_model();
        need_model_in(workspace.folder.path());
        workspace
    }

    pub fn without_model() -> Workspace {
        let folder = tempfile::tempdir().unwrap();
        for name in ["filters", "sources", "pipelines"] {
            copy_folder(&root().join(name), &folder.path().join(name));
        }
        Workspace { folder }
    }

    pub fn path(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }

    pub fn write(&self, path: &str, bytes: impl AsRef<[u8]>) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }

    /// Replaces the first occurrence of `from`, which must be there.
    #[track_caller]
    pub fn edit(&self, path: &str, from: &str, to: &str) {
        let text = fs::read_to_string(self.path(path)).unwrap();
        assert!(text.contains(from), "{path} does not contain {from:?}");
        self.write(path, text.replacen(from, to, 1));
    }

    pub fn run(&self, arguments: &[impl AsRef<OsStr>]) -> Ran {
        run_within(self.folder.path(), arguments, PATIENCE)
    }

    /// Builds the sample pipeline, as it stands here, into `out`.
    pub fn build(&self, out: &str, jobs: u32) -> Ran {
        self.run(&["build", "pipelines/sample.toml", "--out", out, "--jobs", &jobs.to_string()])
    }

    /// Starts such a build and kills it after a while. Whether it was still running.
    pub fn kill_build(&self, out: &str, jobs: u32, after: Duration) -> bool {
        self.kill(&["build", "pipelines/sample.toml", "--out", out, "--jobs", &jobs.to_string()], after)
    }

    /// Starts the program and kills it after a while. Whether it was still running.
    pub fn kill(&self, arguments: &[&str], after: Duration) -> bool {
        let mut child =
            command(self.folder.path(), arguments).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        std::thread::sleep(after);
        let running = child.try_wait().unwrap().is_none();
        // On Unix this is SIGKILL, which nothing can catch or clean up after.
        child.kill().unwrap();
        child.wait().unwrap();
        running
    }
}

pub fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy_folder(&path, &target);
        } else {
            fs::copy(&path, &target).unwrap();
        }
    }
}

/// All files below a folder, in order; none if it is absent.
pub fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).into_iter().flatten() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

/// Everything of a build that must not depend on how it was run: bytes by path.
pub fn product(out: &Path) -> BTreeMap<String, Vec<u8>> {
    let folders = ["corpus", "rejected", "duplicates"].iter().flat_map(|name| files(&out.join(name)));
    let paths = folders.chain([out.join("manifest.json")]);
    let name = |path: &Path| path.strip_prefix(out).unwrap().display().to_string();
    paths.map(|path| (name(&path), fs::read(&path).unwrap_or_default())).collect()
}

#[track_caller]
pub fn assert_same(expected: &BTreeMap<String, Vec<u8>>, found: &BTreeMap<String, Vec<u8>>, what: &str) {
    let differing: Vec<&String> = expected
        .keys()
        .chain(found.keys().filter(|name| !expected.contains_key(*name)))
        .filter(|name| expected.get(*name) != found.get(*name))
        .collect();
    assert!(differing.is_empty(), "{what}: other bytes in {differing:?}");
    assert!(expected.len() > 3, "{what}: there is hardly anything to compare");
}

/// A row of one of our tables; a null is absent.
pub type Row = BTreeMap<String, Value>;

/// The rows of a parquet file.
pub fn rows(path: &Path) -> Vec<Row> {
    let reader = ParquetRecordBatchReaderBuilder::try_new(fs::File::open(path).unwrap()).unwrap().build().unwrap();
    let mut rows = Vec::new();
    for batch in reader {
        let batch = batch.unwrap();
        let schema = batch.schema();
        for row in 0..batch.num_rows() {
            let cell = |column: usize| -> Option<(String, Value)> {
                let array = batch.column(column);
                let value = if array.is_null(row) {
                    return None;
                } else if let Some(texts) = array.as_string_opt::<i32>() {
                    texts.value(row).into()
                } else if let Some(texts) = array.as_string_opt::<i64>() {
                    texts.value(row).into()
                } else if let Some(numbers) = array.as_primitive_opt::<UInt64Type>() {
                    numbers.value(row).into()
                } else if let Some(numbers) = array.as_primitive_opt::<Float64Type>() {
                    numbers.value(row).into()
                } else {
                    return None;
                };
                Some((schema.field(column).name().clone(), value))
            };
            rows.push((0..batch.num_columns()).filter_map(cell).collect());
        }
    }
    rows
}

/// The rows of all parquet files below a folder.
pub fn all_rows(folder: &Path) -> Vec<Row> {
    files(folder)
        .iter()
        .filter(|path| path.extension().is_some_and(|it| it == "parquet"))
        .flat_map(|it| rows(it))
        .collect()
}

/// The text in a column, empty where it is null.
pub fn text<'a>(row: &'a Row, column: &str) -> &'a str {
    row.get(column).and_then(Value::as_str).unwrap_or_default()
}

/// One line of `sources/samples/passages.jsonl`.
#[derive(Debug, Clone, Deserialize)]
pub struct Passage {
    pub id: String,
    pub language: String,
    pub subject: String,
    pub pack: String,
    pub url: String,
    pub date: String,
    pub duplicate_of: Option<String>,
    #[serde(default)]
    pub junk: bool,
    pub written_in: Option<String>,
    pub text: String,
}

pub fn passages() -> Vec<Passage> {
    let text = fs::read_to_string(root().join("sources/samples/passages.jsonl")).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The id that each passage has in a build, by its own id: the containers of the crawl have no ids.
pub fn ids_in_build() -> BTreeMap<String, String> {
    let mut rows: BTreeMap<String, usize> = BTreeMap::new();
    let mut id = |passage: &Passage| match passage.pack.as_str() {
        "crawl" => {
            let row = rows.entry(passage.language.clone()).or_default();
            *row += 1;
            format!("sample_crawl:{}_part_00000.parquet#row={}", passage.language, *row - 1)
        }
        "web" => format!("<urn:sample:{}>", passage.id),
        _ => passage.id.clone(),
    };
    passages().iter().map(|passage| (passage.id.clone(), id(passage))).collect()
}

/// The lines of a gzip file.
pub fn gzip_lines(path: &Path) -> Vec<String> {
    let reader = flate2::read::MultiGzDecoder::new(fs::File::open(path).unwrap());
    std::io::BufRead::lines(std::io::BufReader::new(reader)).map(Result::unwrap).collect()
}

/// Numbers in 0..1 that look random and are the same in every run (splitmix64).
pub struct Moments {
    pub state: u64,
}

impl Iterator for Moments {
    type Item = f64;

    fn next(&mut self) -> Option<f64> {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        Some(((mixed ^ (mixed >> 31)) >> 11) as f64 / (1u64 << 53) as f64)
    }
}
