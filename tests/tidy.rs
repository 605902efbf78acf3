//! "What must never be" of ARCHITECTURE.md, read out of the source text. Every broken rule is reported as `file:line`.
//!
//! The compiler and clippy hold some of these already (cyclic crates, `unwrap`, hash order); what they cannot say, or
//! what somebody could switch off in one place, is said here.

use std::{collections::BTreeSet, fs, ops::Range, path::Path, process::Command};

use crate::support::{files, root};

/// Rows of the picture in ARCHITECTURE.md: a crate may depend on crates of lower rows only. `audit` stands above
/// `pipeline`, since it may run its passes through it.
const ROWS: [&[&str]; 5] = [
    &["document"],
    &["filter", "dedup", "extract", "source", "store"],
    &["pipeline", "onboard"],
    &["audit", "fetch"],
    &["medcorpus"],
];

/// Crates that only one of ours may depend on.
const RESERVED: [(&str, &str, &str); 14] = [
    ("rayon", "pipeline", "parallelism"),
    ("clap", "medcorpus", "arguments"),
    ("indicatif", "medcorpus", "progress on a terminal"),
    ("comfy-table", "medcorpus", "tables for people"),
    ("pdfium-render", "extract", "native code"),
    ("hayro-syntax", "extract", "PDF"),
    ("hayro-font", "extract", "PDF"),
    ("tesseract", "extract", "native code"),
    ("leptess", "extract", "native code"),
    ("ort", "extract", "native code"),
    ("libc", "extract", "native code"),
    ("reqwest", "fetch", "sockets"),
    ("ureq", "fetch", "sockets"),
    ("hyper", "fetch", "sockets"),
];

/// Modules of `std` that let the world in or out.
const WORLD: [&str; 7] = ["fs", "net", "process", "thread", "env", "time", "io"];

#[test]
fn crates_depend_downwards_only() {
    let mut broken = Vec::new();
    let row_of = |name: &str| ROWS.iter().position(|row| row.contains(&name));
    for manifest in manifests() {
        let Some(own) = row_of(&manifest.name) else {
            broken.push(format!("{}:1: crate {} has no row in tests/tidy.rs", manifest.path, manifest.name));
            continue;
        };
        for (name, line) in &manifest.dependencies {
            if row_of(name).is_some_and(|row| row >= own) {
                broken.push(format!(
                    "{}:{line}: {} depends on {name}, which is not below it",
                    manifest.path, manifest.name
                ));
            }
        }
    }
    assert_tidy(&broken);
}

#[test]
fn builds_and_audits_are_offline() {
    let online = ["fetch", "reqwest", "ureq", "hyper", "curl", "tokio"];
    let mut broken = Vec::new();
    for manifest in manifests().iter().filter(|it| ["pipeline", "audit"].contains(&it.name.as_str())) {
        let named = manifest.dependencies.iter().filter(|(name, _)| online.contains(&name.as_str()));
        broken
            .extend(named.map(|(name, line)| format!("{}:{line}: {} depends on {name}", manifest.path, manifest.name)));
    }
    for source in sources(&["document", "filter", "dedup", "store", "pipeline", "audit"]) {
        broken.extend(source.uses_of_std(&["net"]));
    }
    assert_tidy(&broken);
}

#[test]
fn each_ability_has_one_home() {
    let mut broken = Vec::new();
    for manifest in manifests() {
        for (name, line) in &manifest.dependencies {
            let reserved = RESERVED.iter().find(|(reserved, home, _)| reserved == name && *home != manifest.name);
            if let Some((_, home, ability)) = reserved {
                broken.push(format!("{}:{line}: {name}: {ability} belongs to crate {home}", manifest.path));
            }
            if name.ends_with("-sys") && manifest.name != "extract" {
                broken.push(format!("{}:{line}: {name}: native code belongs to crate extract", manifest.path));
            }
        }
    }
    let printing = ["println!", "print!", "eprintln!", "eprint!", "dbg!", "stdout()", "stderr()"];
    for source in sources(&[]).iter().filter(|source| !source.path.starts_with("crates/medcorpus/")) {
        broken.extend(source.finds(&printing, "only crate medcorpus prints"));
        broken.extend(source.finds(&["process::exit"], "only crate medcorpus ends the program"));
    }
    for source in sources(&[]).iter().filter(|source| !source.path.starts_with("crates/pipeline/")) {
        broken.extend(source.finds(&["thread::spawn", "thread::scope"], "only crate pipeline runs things in parallel"));
    }
    assert_tidy(&broken);
}

#[test]
fn the_nouns_do_nothing() {
    let broken: Vec<String> = sources(&["document"]).iter().flat_map(|source| source.uses_of_std(&WORLD)).collect();
    assert_tidy(&broken);
}

#[test]
fn filter_and_dedup_are_pure_but_for_the_module_that_loads_filters() {
    let random = ["rand", "fastrand", "getrandom", "rand_core", "uuid", "chrono", "time"];
    let mut broken = Vec::new();
    for source in sources(&["filter", "dedup"]).iter().filter(|source| source.path != "crates/filter/src/load.rs") {
        broken.extend(source.uses_of_std(&WORLD));
        broken.extend(source.finds(&["RandomState", "DefaultHasher"], "a seeded hasher differs in every process"));
    }
    for manifest in manifests().iter().filter(|it| ["filter", "dedup"].contains(&it.name.as_str())) {
        let named = manifest.dependencies.iter().filter(|(name, _)| random.contains(&name.as_str()));
        broken
            .extend(named.map(|(name, line)| format!("{}:{line}: {name}: no clock, no random number", manifest.path)));
    }
    assert_tidy(&broken);
}

#[test]
fn no_language_is_named_in_the_program() {
    let mut codes: BTreeSet<String> =
        ["ar", "de", "hi", "it", "ko", "nl", "pl", "pt", "tr", "uk", "vi"].map(str::to_owned).into();
    codes.extend(folders_of("filters"));
    let table = fs::read_to_string(root().join("sources/iso639.txt")).unwrap();
    let three_letters = table.lines().filter_map(|line| line.split_once(' ')).filter(|(_, two)| codes.contains(*two));
    let three_letters: Vec<String> = three_letters.map(|(three, _)| three.to_owned()).collect();
    codes.extend(three_letters);
    let mut broken = Vec::new();
    for source in sources(&[]) {
        for (place, literal) in source.literals() {
            let primary = literal.split(['-', '_']).next().unwrap_or_default();
            if codes.contains(primary) && literal.len() <= primary.len() + 5 {
                broken.push(
                    source.at(place, &format!("\"{literal}\" is a language code; a language is a folder of filters/")),
                );
            }
        }
    }
    assert_tidy(&broken);
}

#[test]
fn a_stage_names_no_other_stage() {
    let folder = "crates/filter/src/stages/";
    let stages: Vec<Source> = sources(&["filter"]).into_iter().filter(|it| it.path.starts_with(folder)).collect();
    let names: Vec<String> = stages.iter().map(|it| it.stem()).filter(|name| name != "mod").collect();
    assert!(names.len() >= 5, "{names:?}");
    let mut broken = Vec::new();
    for stage in stages.iter().filter(|it| it.stem() != "mod") {
        for (place, literal) in stage.literals() {
            if names.contains(&literal.to_owned()) && literal != stage.stem() {
                broken.push(stage.at(place, &format!("names stage {literal:?}; order belongs to pipelines/")));
            }
        }
        for name in names.iter().filter(|name| **name != stage.stem()) {
            broken.extend(stage.finds(&[&format!("{name}::")], "uses another stage; order belongs to pipelines/"));
        }
    }
    assert_tidy(&broken);
}

#[test]
fn the_schema_is_written_in_one_file() {
    let home = "crates/store/src/schema.rs";
    let mut broken = Vec::new();
    for source in sources(&[]).iter().filter(|source| source.path != home) {
        let making = ["Schema::new", "SchemaBuilder", "Field::new", "RecordBatch::try_from_iter"];
        broken.extend(source.finds(&making, &format!("our tables are described in {home}")));
        if !source.path.starts_with("crates/store/") {
            broken.extend(source.finds(&["ArrowWriter", "SerializedFileWriter"], "only crate store writes tables"));
        }
    }
    let snapshots = files(&root().join("crates/store/src/snapshots"));
    if !snapshots.iter().any(|path| path.display().to_string().contains("schema")) {
        broken.push(format!("{home}:1: the text form of the schema has no snapshot"));
    }
    assert_tidy(&broken);
}

#[test]
fn no_hash_order_reaches_an_output() {
    let lints = fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let mut broken = Vec::new();
    for lint in ["iter_over_hash_type", "disallowed_methods", "disallowed_types", "unwrap_used", "allow_attributes"] {
        if !lints.contains(&format!("{lint} = \"deny\"")) {
            broken.push(format!("Cargo.toml:1: lint {lint} is not denied"));
        }
    }
    let disallowed = fs::read_to_string(root().join("clippy.toml")).unwrap();
    for path in ["std::time::SystemTime::now", "std::thread::available_parallelism", "std::hash::RandomState"] {
        if !disallowed.lines().any(|line| line.contains(path) && line.contains("reason = ")) {
            broken.push(format!("clippy.toml:1: {path} is not disallowed with a reason"));
        }
    }
    for manifest in manifests() {
        if !manifest.text.contains("[lints]\nworkspace = true") {
            broken.push(format!("{}:1: does not take the workspace's lints", manifest.path));
        }
    }
    for source in sources(&[]) {
        broken.extend(
            source.finds(&["HashMap", "HashSet"], "use a BTreeMap or a sorted Vec, whose order is the same everywhere"),
        );
    }
    assert_tidy(&broken);
}

#[test]
fn sources_keep_the_house_style() {
    let mut broken = Vec::new();
    for source in sources(&[]) {
        broken.extend(source.finds(&[".unwrap()"], "say why it cannot fail: expect(\"…\")"));
        broken.extend(source.finds(&["unsafe ", "extern \"C\""], "native code belongs to crate extract"));
    }
    let to_do = ["TO", "DO"].concat();
    for path in tracked().iter().filter(|path| path.ends_with(".rs")) {
        let text = fs::read_to_string(root().join(path)).unwrap();
        if !text.starts_with("//! ") {
            broken.push(format!("{path}:1: the first line says what the file is for: //! …"));
        }
        for (number, line) in text.lines().enumerate() {
            let wrong = |what: &str| format!("{path}:{}: {what}", number + 1);
            if line.contains(&to_do) {
                broken.push(wrong("an open task belongs to an issue, with the condition that closes it"));
            }
            if line.trim_start().starts_with("#[allow(") || line.trim_start().starts_with("#![allow(") {
                broken.push(wrong("write #[expect(lint, reason = \"…\")]"));
            }
        }
    }
    assert_tidy(&broken);
}

#[test]
fn tracked_files_name_no_place_of_one_machine() {
    // Parts of names of hosts, since the whole ones may not stand here either.
    let hosts = ["index.crates", "static.crates", "pypi.", "pythonhosted", "npmjs", "artifactory", "localhost:"];
    let mut broken = Vec::new();
    for path in tracked() {
        let Ok(text) = fs::read_to_string(root().join(&path)) else { continue };
        // This file has to write the names that it looks for.
        if path == "tests/tidy.rs" {
            continue;
        }
        for (number, line) in text.lines().enumerate() {
            let mut wrong = |what: String| broken.push(format!("{path}:{}: {what}", number + 1));
            if let Some(folder) = absolute_path(line) {
                wrong(format!("{folder} is a place of one machine"));
            }
            if let Some(host) = hosts.iter().find(|host| line.contains(*host)) {
                wrong(format!("{host}: registries are reached through their ordinary clients"));
            }
            if path == "Cargo.lock"
                && let Some(from) = line.strip_prefix("source = ")
                && from != "\"registry+https://github.com/rust-lang/crates.io-index\""
            {
                wrong(format!("{from} is not the public registry"));
            }
        }
    }
    assert_tidy(&broken);
}

#[test]
fn the_reader_of_source_text_tells_code_from_comments_literals_and_tests() {
    let text = "//! \"fr\"\nuse std::{fs, collections::BTreeMap, io::{self, Read}};\nfn f<'a>(x: &'a str) -> char {\n\
                // println!(\"ja\")\n    let s = r#\"zh \" \"#; let t = \"a\\\"b\"; /* unwrap() /* nested */ */ 'x'\n}\n\
                #[cfg(test)]\nmod tests {\n    const CODE: &str = \"ru\";\n}\n";
    let source = Source::new("x.rs".to_owned(), text);
    let literals: Vec<(usize, &str)> = source.literals().map(|(place, it)| (source.line(place), it)).collect();
    assert_eq!(literals, [(5, "zh \" "), (5, "a\\\"b")]);
    assert_eq!(source.uses_of_std(&["fs", "io", "Read"]), ["x.rs:2: uses std::fs", "x.rs:2: uses std::io"]);
    assert!(source.finds(&["println!", "unwrap()", "tests"], "").is_empty());
    assert_eq!(source.finds(&["BTreeMap"], "no"), ["x.rs:2: BTreeMap: no"]);
    assert_eq!(absolute_path("see https://x.example/home/page and work/x"), None);
    assert_eq!(absolute_path("cd /home/x"), Some("/home"));
}

#[track_caller]
fn assert_tidy(broken: &[String]) {
    assert!(broken.is_empty(), "{} places break a rule of ARCHITECTURE.md:\n{}", broken.len(), broken.join("\n"));
}

/// A folder of a user or of one machine's set-up, where a path begins with it.
fn absolute_path(line: &str) -> Option<&'static str> {
    ["/root", "/home", "/tmp", "/work", "/Users", "/mnt"].into_iter().find(|folder| {
        line.match_indices(folder).any(|(place, _)| {
            let begins =
                line[..place].chars().next_back().is_none_or(|it| it.is_whitespace() || "\"'`=([,<>:".contains(it));
            let ends = line[place + folder.len()..].chars().next().is_none_or(|it| !it.is_alphanumeric() && it != '_');
            begins && ends
        })
    })
}

fn folders_of(folder: &str) -> Vec<String> {
    let entries = fs::read_dir(root().join(folder)).unwrap().map(|entry| entry.unwrap().path());
    entries.filter(|path| path.is_dir()).map(|path| path.file_name().unwrap().to_string_lossy().into_owned()).collect()
}

/// Files that git tracks or would, or without git every file outside the folders of products.
fn tracked() -> Vec<String> {
    let listed = Command::new("git")
        .args(["ls-files", "--cached", "--others", "--exclude-standard"])
        .current_dir(root())
        .output()
        .ok()
        .filter(|output| output.status.success() && !output.stdout.is_empty());
    let mut paths: Vec<String> = match listed {
        Some(output) => String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect(),
        None => {
            let products = [".git/", "target/", "build/", "models/", "raw/", "filters-mmedc/"];
            let all = files(&root()).into_iter().map(|path| relative(&path));
            all.filter(|path| !products.iter().any(|folder| path.starts_with(folder))).collect()
        }
    };
    paths.retain(|path| root().join(path).is_file());
    assert!(paths.len() > 100, "{} files found", paths.len());
    paths
}

fn relative(path: &Path) -> String {
    path.strip_prefix(root()).unwrap().display().to_string()
}

/// `crates/*/Cargo.toml`, with the dependencies of the crate itself, not those of its tests.
struct Manifest {
    path: String,
    name: String,
    text: String,
    dependencies: Vec<(String, usize)>,
}

fn manifests() -> Vec<Manifest> {
    let manifest = |folder: String| {
        let path = format!("crates/{folder}/Cargo.toml");
        let text = fs::read_to_string(root().join(&path)).unwrap();
        let table: toml::Table = text.parse().unwrap();
        let tables = ["dependencies", "build-dependencies"].iter().filter_map(|name| table.get(*name)?.as_table());
        let line = |name: &str| 1 + text.lines().position(|line| line.starts_with(name)).unwrap_or(0);
        let dependencies = tables.flat_map(|table| table.keys()).map(|name| (name.clone(), line(name))).collect();
        let name = table["package"]["name"].as_str().unwrap().to_owned();
        Manifest { path, name, dependencies, text }
    };
    let manifests: Vec<Manifest> = folders_of("crates").into_iter().map(manifest).collect();
    assert!(manifests.len() >= 8);
    manifests
}

/// A file of `crates/*/src` without its tests.
struct Source {
    path: String,
    text: String,
    /// The text with comments, literals and tests blanked; every byte stands where it stood.
    code: String,
    literals: Vec<Range<usize>>,
}

/// The sources of these crates, or of all.
fn sources(crates: &[&str]) -> Vec<Source> {
    let folders = folders_of("crates").into_iter().filter(|name| crates.is_empty() || crates.contains(&name.as_str()));
    let paths = folders.flat_map(|name| files(&root().join("crates").join(name).join("src")));
    let of_rust = paths.filter(|path| path.extension().is_some_and(|extension| extension == "rs"));
    of_rust.map(|path| Source::new(relative(&path), &fs::read_to_string(path).unwrap())).collect()
}

impl Source {
    fn new(path: String, text: &str) -> Source {
        let (mut code, mut literals) = blank(text);
        for tests in test_items(&code) {
            literals.retain(|literal| !tests.contains(&literal.start));
            let blanks: String =
                code[tests.clone()].bytes().map(|byte| if byte == b'\n' { '\n' } else { ' ' }).collect();
            code.replace_range(tests, &blanks);
        }
        Source { path, text: text.to_owned(), code, literals }
    }

    fn stem(&self) -> String {
        Path::new(&self.path).file_stem().unwrap().to_string_lossy().into_owned()
    }

    fn literals(&self) -> impl Iterator<Item = (usize, &str)> {
        self.literals.iter().map(|range| (range.start, &self.text[range.clone()]))
    }

    fn line(&self, place: usize) -> usize {
        1 + self.text[..place].matches('\n').count()
    }

    fn at(&self, place: usize, what: &str) -> String {
        format!("{}:{}: {what}", self.path, self.line(place))
    }

    /// Where any of these pieces of code stands alone (not at the end of a longer name).
    fn finds(&self, pieces: &[&str], why: &str) -> Vec<String> {
        let in_name = |character: char| character.is_alphanumeric() || character == '_';
        let piece = |piece: &str| -> Vec<String> {
            let whole = |place: &usize| {
                let before = self.code[..*place].chars().next_back();
                !(piece.starts_with(in_name) && before.is_some_and(in_name))
            };
            let places = self.code.match_indices(piece).map(|(place, _)| place).filter(whole);
            places.map(|place| self.at(place, &format!("{piece}: {why}"))).collect()
        };
        pieces.iter().flat_map(|it| piece(it)).collect()
    }

    /// Uses of these modules of `std`, written out or in a group.
    fn uses_of_std(&self, modules: &[&str]) -> Vec<String> {
        let mut found = Vec::new();
        for (place, _) in self.code.match_indices("std::") {
            let rest = &self.code[place + "std::".len()..];
            let named: Vec<String> = match rest.strip_prefix('{') {
                Some(group) => first_names(group),
                None => vec![rest.chars().take_while(|it| it.is_alphanumeric() || *it == '_').collect()],
            };
            let wanted = named.iter().filter(|name| modules.contains(&name.as_str()));
            found.extend(wanted.map(|name| self.at(place, &format!("uses std::{name}"))));
        }
        found
    }
}

/// The first name of each path in a group of imports: `fs` and `io` of `fs, io::{self, Read}}`.
fn first_names(group: &str) -> Vec<String> {
    let (mut depth, mut names, mut name) = (0, Vec::new(), String::new());
    for character in group.chars() {
        match character {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => names.push(std::mem::take(&mut name)),
            _ if depth == 0 => name.push(character),
            _ => {}
        }
    }
    names.push(name);
    names.iter().map(|path| path.trim().split("::").next().unwrap_or_default().to_owned()).collect()
}

/// Blanks comments and literals, and says where the text of string literals stands.
fn blank(text: &str) -> (String, Vec<Range<usize>>) {
    let bytes = text.as_bytes();
    let mut code = bytes.to_vec();
    let mut literals = Vec::new();
    let in_name = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    let find = |from: usize, what: &str| text[from..].find(what).map_or(text.len(), |place| from + place);
    let mut wipe =
        |range: Range<usize>| code[range].iter_mut().filter(|byte| **byte != b'\n').for_each(|byte| *byte = b' ');
    let mut place = 0;
    while place < bytes.len() {
        let rest = &bytes[place..];
        let begins_name = place == 0 || !in_name(bytes[place - 1]) || b"bc".contains(&bytes[place - 1]);
        let hashes = rest.iter().skip(1).take_while(|byte| **byte == b'#').count();
        let end;
        if rest.starts_with(b"//") {
            end = find(place, "\n");
            wipe(place..end);
        } else if rest.starts_with(b"/*") {
            let (mut depth, mut at) = (1, place + 2);
            while depth > 0 && at < bytes.len() {
                let (opens, closes) = (bytes[at..].starts_with(b"/*"), bytes[at..].starts_with(b"*/"));
                depth = depth + usize::from(opens) - usize::from(closes);
                at += 1 + usize::from(opens || closes);
            }
            end = at;
            wipe(place..end);
        } else if rest[0] == b'r' && begins_name && rest.get(1 + hashes) == Some(&b'"') {
            let start = place + 2 + hashes;
            let close = find(start, &format!("\"{}", "#".repeat(hashes)));
            literals.push(start..close);
            wipe(start..close);
            end = close + 1 + hashes;
        } else if rest[0] == b'"' {
            let mut at = place + 1;
            while at < bytes.len() && bytes[at] != b'"' {
                at += 1 + usize::from(bytes[at] == b'\\');
            }
            literals.push(place + 1..at);
            wipe(place + 1..at);
            end = at + 1;
        } else if rest[0] == b'\'' && (rest.get(1) == Some(&b'\\') || is_character(&text[place + 1..])) {
            let characters = if rest.get(1) == Some(&b'\\') { 2 } else { 1 };
            let content: usize = text[place + 1..].chars().take(characters).map(char::len_utf8).sum();
            end = (find(place + 1 + content, "'") + 1).min(bytes.len());
            wipe(place..end);
        } else {
            end = place + 1;
        }
        place = end;
    }
    (String::from_utf8(code).unwrap(), literals)
}

/// Whether a quote before this begins a character and not a lifetime.
fn is_character(rest: &str) -> bool {
    let mut characters = rest.chars();
    characters.next().is_some_and(|it| it != '\'') && characters.next() == Some('\'')
}

/// The items of blanked code that are compiled for tests only.
fn test_items(code: &str) -> Vec<Range<usize>> {
    let mut items = Vec::new();
    for (start, mark) in code.match_indices("#[cfg(test)]") {
        let mut depth = 0;
        for (place, byte) in code.bytes().enumerate().skip(start + mark.len()) {
            match byte {
                b'{' => depth += 1,
                b'}' => depth -= 1,
                _ => {}
            }
            if (byte == b';' || byte == b'}') && depth == 0 {
                items.push(start..place + 1);
                break;
            }
        }
    }
    items
}
