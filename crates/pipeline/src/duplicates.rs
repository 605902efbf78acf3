//! The barrier: which survivors repeat which. Writes `duplicates/part-00000.parquet` and `rejected/duplicates.parquet`.
//!
//! All signatures are held in memory, about 250 bytes a document at 14 bands; the texts of documents that share a band
//! are read once, task by task, and held as shingles.

use std::{collections::BTreeMap, path::Path};

use dedup::{Decision, Shingles, Signature};
use document::{Digest, LanguageCode, Tally};
use rayon::prelude::*;
use store::{DocumentName, Entry, Histograms, Ledger, Rows, SignatureRow, Table, TableReader, TableWriter};

use crate::{
    Configuration, Error,
    fingerprint::Fingerprint,
    judge::{SIGNATURES, SURVIVORS, shingle},
};

/// The barrier's folder in the ledger.
pub(crate) const PASS: &str = "duplicates";
pub(crate) const PAIRS: &str = "duplicates/part-00000.parquet";
pub(crate) const REJECTED: &str = "rejected/duplicates.parquet";

/// The stage that a duplicate is counted under, though it is no stage of one document.
pub(crate) const STAGE: &str = "remove_duplicates";

/// The survivors of all tasks, numbered in the order of preference.
pub(crate) struct Survivors {
    pub rows: Vec<SignatureRow>,
    /// By place in the order of preference: the task's number in the plan, and the number of its first survivor.
    pub tasks: Vec<(usize, usize)>,
}

impl Survivors {
    /// Loads the signatures of all tasks. `entries` is in the order of the plan, `order` the order of preference.
    pub fn load(out: &Path, entries: &[Entry], order: &[usize]) -> Result<Survivors, Error> {
        let mut survivors = Survivors { rows: Vec::new(), tasks: Vec::new() };
        for task in order {
            survivors.tasks.push((*task, survivors.rows.len()));
            let path = out.join(&entries[*task].files[SIGNATURES].path);
            for batch in TableReader::open(&path, None)? {
                let rows = store::signatures(&batch?);
                let rows = rows.map_err(|message| store::Error::Format { path: path.clone(), message })?;
                survivors.rows.extend(rows);
            }
        }
        Ok(survivors)
    }

    /// The numbers of the survivors of the task at this place in the order of preference.
    pub fn range(&self, place: usize) -> std::ops::Range<usize> {
        let end = self.tasks.get(place + 1).map_or(self.rows.len(), |(_, first)| *first);
        self.tasks[place].1..end
    }
}

/// What the barrier decided, by number of the document.
pub(crate) struct Removed {
    /// The rule by which each removed document goes.
    pub rules: BTreeMap<usize, String>,
    /// Documents that each kept one stands for, itself included, where that is more than one.
    pub cluster_sizes: BTreeMap<usize, u64>,
}

/// The fingerprint of the barrier.
pub(crate) fn fingerprint(settings: &Option<dedup::Settings>, entries: &[Entry], order: &[usize]) -> Digest {
    let mut fingerprint = Fingerprint::of(PASS).with_json(settings);
    for task in order {
        fingerprint =
            fingerprint.with(entries[*task].files[SURVIVORS].digest).with(entries[*task].files[SIGNATURES].digest);
    }
    fingerprint.finish()
}

/// Decides over all survivors and writes the evidence.
/// # Errors
/// Fails if survivors cannot be read or the tables not be written.
pub(crate) fn run(
    configuration: &Configuration,
    out: &Path,
    entries: &[Entry],
    survivors: &Survivors,
    fingerprint: Digest,
) -> Result<Entry, Error> {
    let decision = match &configuration.duplicates {
        Some(settings) => decide(configuration, settings, out, entries, survivors)?,
        None => Decision::default(),
    };
    let min_similarity = configuration.duplicates.as_ref().map_or(1.0, |settings| settings.min_similarity);
    let named: Vec<usize> =
        decision.removals.iter().flat_map(|removal| [removal.removed as usize, removal.kept as usize]).collect();
    let names = read_names(out, entries, survivors, &named)?;

    let mut pairs = (Rows::new(Table::Duplicates), TableWriter::create(&out.join(PAIRS), Table::Duplicates, &[])?);
    let mut rejected = (Rows::new(Table::Rejected), TableWriter::create(&out.join(REJECTED), Table::Rejected, &[])?);
    let mut histograms = Histograms::default();
    for removal in &decision.removals {
        let (gone, kept) = (&names[&(removal.removed as usize)], &names[&(removal.kept as usize)]);
        let reason = document::Reason {
            stage: STAGE,
            rule: removal.kind.rule(),
            value: removal.similarity,
            limit: min_similarity,
        };
        let language = survivors.rows[removal.removed as usize].language;
        histograms.add(language, &reason);
        store::push_duplicate(&mut pairs.0, gone, kept, removal.similarity, reason.rule);
        store::push_duplicate_as_rejected(&mut rejected.0, gone, kept, language, &reason);
        pairs.1.write_full(&mut pairs.0)?;
        rejected.1.write_full(&mut rejected.0)?;
    }
    let mut files = Vec::new();
    for ((mut rows, mut writer), name) in [(pairs, PAIRS), (rejected, REJECTED)] {
        writer.write(&rows.take())?;
        files.push(writer.finish(name.to_owned())?);
    }
    let entry = Entry { task: PASS.to_owned(), fingerprint, tallies: Default::default(), histograms, files };
    Ledger::new(out).record(PASS, &entry)?;
    Ok(entry)
}

fn decide(
    configuration: &Configuration,
    settings: &dedup::Settings,
    out: &Path,
    entries: &[Entry],
    survivors: &Survivors,
) -> Result<Decision, Error> {
    let signatures: Vec<Signature> =
        survivors.rows.iter().map(|row| Signature { exact: row.exact, bands: row.bands.clone() }).collect();
    let candidates: Vec<usize> = dedup::candidates(&signatures).into_iter().map(|number| number as usize).collect();
    let boundaries: BTreeMap<LanguageCode, _> =
        configuration.languages.iter().map(|language| (language.code, language.settings.word_boundaries)).collect();

    let shingles_of_task = |place: usize| -> Result<Vec<(usize, Shingles)>, Error> {
        let range = survivors.range(place);
        let wanted = wanted_in(&candidates, &range);
        let mut found = Vec::new();
        each_row(out, &entries[survivors.tasks[place].0], wanted, range.start, &["text"], &mut |number, [text]| {
            let language = survivors.rows[number].language;
            found.push((number, Shingles::of(text, shingle(settings, boundaries.get(&language).copied()))));
        })?;
        Ok(found)
    };
    let found: Result<Vec<_>, Error> = (0..survivors.tasks.len()).into_par_iter().map(shingles_of_task).collect();
    // Candidates ascend, and so do the tasks' numbers, so the lists laid end to end are in the order of the candidates.
    let shingles: Vec<Shingles> = found?.into_iter().flatten().map(|(_, shingles)| shingles).collect();
    let shingles_of = |number: u32| {
        let place = candidates.binary_search(&(number as usize)).expect("decide asks for candidates only");
        &shingles[place]
    };
    Ok(dedup::decide(&signatures, settings.min_similarity, &shingles_of))
}

/// Those of the ascending `numbers` that lie in `range`.
fn wanted_in<'a>(numbers: &'a [usize], range: &std::ops::Range<usize>) -> &'a [usize] {
    let start = numbers.partition_point(|number| *number < range.start);
    let end = numbers.partition_point(|number| *number < range.end);
    &numbers[start..end]
}

/// Reads columns of the wanted survivors of one task, in order. `first` is the number of the task's first survivor.
fn each_row<const N: usize>(
    out: &Path,
    entry: &Entry,
    wanted: &[usize],
    first: usize,
    columns: &[&str; N],
    visit: &mut dyn FnMut(usize, [&str; N]),
) -> Result<(), Error> {
    let (Some(last), mut wanted) = (wanted.last(), wanted.iter().peekable()) else { return Ok(()) };
    let path = out.join(&entry.files[SURVIVORS].path);
    let mut number = first;
    for batch in TableReader::open(&path, Some(columns))? {
        let batch = batch?;
        let wrong = |message| store::Error::Format { path: path.clone(), message };
        let mut cells = Vec::new();
        for column in columns {
            cells.push(store::strings(&batch, column).map_err(wrong)?.collect::<Vec<_>>());
        }
        while let Some(row) = wanted.next_if(|wanted| **wanted < number + batch.num_rows()) {
            visit(*row, std::array::from_fn(|column| cells[column][*row - number]));
        }
        number += batch.num_rows();
        if number > *last {
            break;
        }
    }
    Ok(())
}

fn read_names(
    out: &Path,
    entries: &[Entry],
    survivors: &Survivors,
    numbers: &[usize],
) -> Result<BTreeMap<usize, DocumentName>, Error> {
    let mut numbers = numbers.to_vec();
    numbers.sort_unstable();
    numbers.dedup();
    let mut names = BTreeMap::new();
    for (place, (task, first)) in survivors.tasks.iter().enumerate() {
        let wanted = wanted_in(&numbers, &survivors.range(place));
        each_row(out, &entries[*task], wanted, *first, &["id", "source", "locator"], &mut |number, cells| {
            let [id, source, locator] = cells.map(str::to_owned);
            names.insert(number, DocumentName { number: number as u64, id, source, locator });
        })?;
    }
    Ok(names)
}

/// Reads back what the barrier decided.
pub(crate) fn load(out: &Path) -> Result<Removed, Error> {
    let path = out.join(PAIRS);
    let mut removed = Removed { rules: BTreeMap::new(), cluster_sizes: BTreeMap::new() };
    for batch in TableReader::open(&path, None)? {
        let pairs = store::duplicates(&batch?);
        for (gone, kept, rule) in pairs.map_err(|message| store::Error::Format { path: path.clone(), message })? {
            removed.rules.insert(gone as usize, rule);
            *removed.cluster_sizes.entry(kept as usize).or_insert(1) += 1;
        }
    }
    Ok(removed)
}

/// How much of each task was removed, by language and rule.
pub(crate) fn removed_tallies(
    survivors: &Survivors,
    removed: &Removed,
) -> BTreeMap<usize, Vec<(LanguageCode, String, Tally)>> {
    let mut tallies: BTreeMap<usize, Vec<(LanguageCode, String, Tally)>> = BTreeMap::new();
    for (number, rule) in &removed.rules {
        let place = survivors.tasks.partition_point(|(_, first)| first <= number) - 1;
        // Tasks without survivors share their first number with the next task; the last of them has the document.
        let row = &survivors.rows[*number];
        tallies.entry(survivors.tasks[place].0).or_default().push((row.language, rule.clone(), row.size));
    }
    tallies
}
