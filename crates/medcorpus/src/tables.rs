//! Tables for people, and the same for programs.

use std::collections::{BTreeMap, BTreeSet};

use audit::{Audit, Difference};
use comfy_table::{Cell, CellAlignment, LineStyle, Table, TableStyle};
use document::{Kind, OutcomeKey, Tally};
use filter::STAGES;
use pipeline::{Deduplicated, Expectation, Explanation, Plan, TaskState};
use serde_json::{Value, json};

/// A table with a heading above each column; numbers stand to the right.
fn table(headings: &[&str], numbers_from: usize) -> Table {
    let mut table = Table::new();
    let line = LineStyle::none().fill('─').junction('─');
    table.load_style(TableStyle::new().header_separator(line).bottom_border(line)).set_header(headings);
    for (index, column) in table.column_iter_mut().enumerate() {
        if index >= numbers_from {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table
}

fn with_title(title: &str, table: &Table) -> String {
    format!("{title}\n{table}\n\n")
}

/// 1234567 as `1,234,567`.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let groups: Vec<&str> =
        digits.as_bytes().rchunks(3).rev().filter_map(|group| std::str::from_utf8(group).ok()).collect();
    groups.join(",")
}

fn share(part: u64, whole: u64) -> String {
    if whole == 0 { "–".to_owned() } else { format!("{:.1} %", 100.0 * part as f64 / whole as f64) }
}

const KINDS: [Kind; 4] = [Kind::Crawl, Kind::Book, Kind::Site, Kind::Corpus];

/// What became of the documents of `dedup`.
pub fn deduplicated(found: &Deduplicated) -> String {
    let mut table = table(&["outcome", "documents", "share", "megabytes of text"], 1);
    let mut row = |name: &str, count: &pipeline::Count| {
        let megabytes = format!("{:.3}", count.text_bytes as f64 / 1e6);
        let of_read = share(count.documents, found.read.documents);
        table.add_row([name.to_owned(), grouped(count.documents), of_read, megabytes]);
    };
    row("kept", &found.kept);
    found.removed.iter().for_each(|(kind, count)| row(&format!("removed as {kind}"), count));
    if found.failed > 0 {
        row("failed", &pipeline::Count { documents: found.failed, text_bytes: 0 });
    }
    row("read", &found.read);
    with_title("Documents", &table)
}

/// Tokens by language and kind of source, as Qiu et al. 2024 print them; beside each the expected number, if there is one.
pub fn composition(audit: &Audit, expectations: &[Expectation]) -> String {
    let unit = audit.tokenizer.as_deref().map_or("characters".to_owned(), |name| format!("tokens ({name})"));
    let amount = |size: &Tally| if audit.tokenizer.is_some() { size.tokens } else { size.chars };
    let mut headings = vec!["language", "documents"];
    headings.extend(KINDS.map(Kind::as_str));
    headings.extend(["all", "share"]);
    let mut table = table(&headings, 1);
    let total: u64 = audit.composition.iter().map(|cell| amount(&cell.size)).sum();
    let languages: BTreeSet<_> = audit
        .composition
        .iter()
        .map(|cell| cell.language)
        .chain(expectations.iter().map(|expected| expected.language))
        .collect();
    let row = |name: String, cells: &[&audit::Composition], expected: &[&Expectation]| {
        let documents: u64 = cells.iter().map(|cell| cell.size.documents).sum();
        let all: u64 = cells.iter().map(|cell| amount(&cell.size)).sum();
        let beside = |built: u64, expected: Vec<u64>| match expected.is_empty() {
            true => grouped(built),
            false => format!("{} of {}", grouped(built), grouped(expected.iter().sum())),
        };
        let mut row = vec![name, grouped(documents)];
        for kind in KINDS {
            let built = cells.iter().filter(|cell| cell.kind == kind).map(|cell| amount(&cell.size)).sum();
            row.push(beside(built, expected.iter().filter(|it| it.kind == kind).map(|it| it.tokens).collect()));
        }
        row.push(beside(all, expected.iter().map(|it| it.tokens).collect()));
        row.push(share(all, total));
        row
    };
    for language in languages {
        let cells: Vec<_> = audit.composition.iter().filter(|cell| cell.language == language).collect();
        let expected: Vec<_> = expectations.iter().filter(|expected| expected.language == language).collect();
        table.add_row(row(language.to_string(), &cells, &expected));
    }
    table.add_row(row(
        "all".to_owned(),
        &audit.composition.iter().collect::<Vec<_>>(),
        &expectations.iter().collect::<Vec<_>>(),
    ));
    with_title(&format!("Composition: {unit} kept, by language and kind of source"), &table)
}

/// What became of everything that was read, by source and language.
pub fn outcomes(audit: &Audit) -> String {
    let mut table = table(
        &["source", "language", "read", "kept", "rejected", "failed", "kept share", "MB kept", "characters", "tokens"],
        2,
    );
    let mut all = Tally::default();
    let mut sums = [0; 4];
    for source in &audit.sources {
        for language in source.outcomes.languages() {
            let own = source.outcomes.of(language);
            let kept = own.kept();
            let counts = [own.read(), kept, own.rejected(), own.failed()].map(|size| size.documents);
            sums.iter_mut().zip(counts).for_each(|(sum, count)| *sum += count);
            all += kept;
            table.add_row(outcome_row(source.source.clone(), language.to_string(), counts, kept));
        }
    }
    table.add_row(outcome_row("all".to_owned(), String::new(), sums, all));
    with_title("Outcomes: documents read = kept + rejected + failed", &table)
}

fn outcome_row(source: String, language: String, counts: [u64; 4], kept: Tally) -> Vec<String> {
    let mut row = vec![source, language];
    row.extend(counts.map(grouped));
    row.push(share(counts[1], counts[0]));
    row.push(format!("{:.3}", kept.bytes as f64 / 1e6));
    row.extend([kept.chars, kept.tokens].map(grouped));
    row
}

/// Why documents were rejected or failed, most frequent first.
pub fn reasons(audit: &Audit) -> String {
    let mut reasons: BTreeMap<(String, String), Tally> = BTreeMap::new();
    for source in &audit.sources {
        for (_, outcome, size) in source.outcomes.cells() {
            let (stage, rule) = match outcome {
                OutcomeKey::Kept => continue,
                OutcomeKey::Rejected { stage, rule } => (stage.clone(), rule.clone()),
                OutcomeKey::Failed { kind } => ("read".to_owned(), kind.clone()),
            };
            *reasons.entry((stage, rule)).or_default() += size;
        }
    }
    if reasons.is_empty() {
        return String::new();
    }
    let mut reasons: Vec<_> = reasons.into_iter().collect();
    reasons.sort_by_key(|(_, size)| std::cmp::Reverse(size.documents));
    let total: u64 = reasons.iter().map(|(_, size)| size.documents).sum();
    let mut table = table(&["stage", "rule", "documents", "share", "MB"], 2);
    for ((stage, rule), size) in reasons {
        let megabytes = format!("{:.3}", size.bytes as f64 / 1e6);
        table.add_row([stage, rule, grouped(size.documents), share(size.documents, total), megabytes]);
    }
    with_title("Reasons: why documents were not kept", &table)
}

/// Every number of an explanation beside its limit.
pub fn checks(explanation: &Explanation) -> String {
    let mut table = table(&["stage", "rule", "value", "limit", ""], 2);
    let number = |value: f64| if value.fract() == 0.0 { format!("{value}") } else { format!("{value:.4}") };
    for report in &explanation.stages {
        for check in &report.checks {
            let mark = if check.passed { "ok" } else { "rejects" };
            table.add_row([report.stage, check.rule, &number(check.value), &number(check.limit), mark]);
        }
        if report.checks.is_empty() && report.stage == "count_tokens" {
            let tokens = explanation.scores.tokens.map(|tokens| tokens.to_string()).unwrap_or_default();
            table.add_row([report.stage, "tokens", &tokens, "", ""]);
        }
    }
    if explanation.stages.is_empty() { String::new() } else { format!("{table}\n") }
}

/// The tasks of a plan.
pub fn plan(title: &str, plan: &Plan, states: &[TaskState], duplicates: &[Vec<String>]) -> String {
    let mut table = table(&["task", "first file", "languages", "state", "files", "MB"], 4);
    let (mut bytes, mut open) = (0, 0);
    for (task, state) in plan.tasks.iter().zip(states) {
        bytes += task.bytes;
        open += if *state == TaskState::Open { task.bytes } else { 0 };
        let languages: Vec<String> = task.languages.iter().map(ToString::to_string).collect();
        table.add_row(vec![
            Cell::new(&task.id),
            Cell::new(&task.first_file),
            Cell::new(languages.join(" ")),
            Cell::new(if *state == TaskState::Done { "done" } else { "open" }),
            Cell::new(grouped(task.files as u64)),
            Cell::new(format!("{:.3}", task.bytes as f64 / 1e6)),
        ]);
    }
    let mut text = with_title(title, &table);
    let megabytes = |bytes: u64| format!("{:.3} MB", bytes as f64 / 1e6);
    text += &format!(
        "{} tasks, {} of input, {} of it open; then duplicates, then corpus\n",
        plan.tasks.len(),
        megabytes(bytes),
        megabytes(open)
    );
    for (source, files) in &plan.left_out {
        text += &format!("{source}: {files} files of other languages are left out\n");
    }
    for group in duplicates {
        text += &format!("the same bytes: {}\n", group.join(", "));
    }
    text
}

/// The plan for programs.
pub fn plan_json(plan: &Plan, states: &[TaskState], duplicates: &[Vec<String>]) -> Value {
    let mut tasks: Vec<Value> = Vec::new();
    for (task, state) in plan.tasks.iter().zip(states) {
        let mut value = json!(task);
        value["state"] = json!(state);
        tasks.push(value);
    }
    json!({
        "tasks": tasks,
        "then": ["duplicates", "corpus"],
        "left_out": plan.left_out.iter().map(|(source, files)| json!({ "source": source, "files": files })).collect::<Vec<_>>(),
        "duplicate_inputs": duplicates,
    })
}

/// The table of stages.
pub fn stages() -> String {
    let mut table = table(&["stage", "version", "what it does", "rules"], 9);
    for entry in STAGES {
        let version = entry.version.to_string();
        table.add_row([entry.name, &version, entry.summary, &entry.rules.join("\n")]);
    }
    format!("{table}\n")
}

/// The stages for programs.
pub fn stages_json() -> Value {
    let stage = |entry: &filter::StageEntry| json!({ "name": entry.name, "version": entry.version, "summary": entry.summary, "rules": entry.rules });
    STAGES.iter().map(stage).collect()
}

/// What `verify` found.
pub fn differences(files: usize, differences: &[Difference]) -> String {
    if differences.is_empty() {
        return format!("{files} files checked: digests, rows and counts are as the manifest says\n");
    }
    let mut table = table(&["what", "the manifest says", "found"], 9);
    for difference in differences {
        table.add_row([&difference.what, &difference.expected, &difference.found]);
    }
    let title =
        format!("{} differences in {files} files; delete the files that differ and build again", differences.len());
    with_title(&title, &table)
}

/// Mined terms with their evidence.
pub fn mined(terms: &onboard::Mined) -> String {
    let mut table = table(&["term", "log-odds", "z", "medical", "other", "weight"], 1);
    for term in terms {
        table.add_row([
            term.text.clone(),
            format!("{:.2}", term.log_odds),
            format!("{:.1}", term.z),
            term.documents[0].to_string(),
            term.documents[1].to_string(),
            term.weight.to_string(),
        ]);
    }
    format!("{table}\n")
}

/// Weighed terms, the least telling first.
pub fn weights(terms: &[filter::Term]) -> String {
    let mut terms: Vec<&filter::Term> = terms.iter().collect();
    terms.sort_by_key(|term| term.weight);
    let mut table = table(&["term", "kind", "weight"], 2);
    for term in terms {
        let weight = (f64::from(term.weight) / 100.0).to_string();
        table.add_row([term.text.as_str(), term.kind.as_deref().unwrap_or_default(), &weight]);
    }
    format!("{table}\n")
}

/// What a calibration found.
pub fn calibration(code: document::LanguageCode, wanted: onboard::Wanted, found: &onboard::Calibration) -> String {
    let share = |share: &onboard::Share| format!("{:.3} ({:.3} to {:.3})", share.value, share.low, share.high);
    let mut text = String::new();
    for curve in &found.curves {
        let mut table = table(&["threshold", "recall", "false positives", "precision", "F1 at one half"], 0);
        let chosen = curve.chosen.iter().map(|point| (point, "*"));
        let mut points: Vec<(&onboard::CurvePoint, &str)> =
            curve.points.iter().map(|point| (point, "")).chain(chosen).collect();
        points.sort_by(|(a, _), (b, _)| a.threshold.total_cmp(&b.threshold));
        for (point, mark) in points {
            table.add_row([
                format!("{mark}{:.3}", point.threshold),
                share(&point.recall),
                share(&point.false_positives),
                share(&point.precision),
                format!("{:.3}", point.f1),
            ]);
        }
        let title = format!(
            "{code} by {} (* reaches a precision of {} at a prevalence of {})",
            curve.of, wanted.precision, wanted.prevalence
        );
        text += &with_title(&title, &table);
        text.push('\n');
    }
    let mut table = table(&["origin", "label", "documents", "kept", "share"], 2);
    for row in &found.origins {
        let kept = format!("{:.1} %", 100.0 * row.kept as f64 / row.documents as f64);
        let label = if row.medical { "medical" } else { "other" };
        table.add_row([row.origin.as_str(), label, &grouped(row.documents as u64), &grouped(row.kept as u64), &kept]);
    }
    text += &with_title("Left out one origin at a time: what is kept of each", &table);
    let chosen = &found.chosen;
    text += &format!(
        "\nF1 {:.3} at one half, precision {}, recall {}\n",
        chosen.f1,
        share(&chosen.precision),
        share(&chosen.recall)
    );
    text
}

/// The card of a classifier.
pub fn card(language: &filter::Language, files: &[std::path::PathBuf], card: &onboard::Card) -> String {
    let code = language.code;
    let names: Vec<String> =
        files.iter().map(|file| file.file_name().unwrap_or_default().to_string_lossy().into_owned()).collect();
    let mut text = format!(
        "# The classifier of {} ({code})\n\nA fastText model (softmax, quantised, {} bytes) with the labels `medical` and `other`, \
         made by `medcorpus language train {code} --labels {}`. It was shown windows of these origins, and {} windows of `other` \
         documents a second time that it first took for medicine. How well it does stands in `language.toml`, \
         `[judgement.evidence]`.\n\n| origin | label | windows |\n| --- | --- | ---: |\n",
        language.settings.english_name,
        grouped(card.bytes as u64),
        names.join(" "),
        card.hard_negatives
    );
    for (origin, medical, windows) in &card.origins {
        text += &format!("| {origin} | {} | {windows} |\n", if *medical { "medical" } else { "other" });
    }
    text
}
