//! Pass 2: survivors that repeat nothing, by language in the order of the plan, cut by tokens into
//! `corpus/LANGUAGE/part-00000.parquet`.

use std::path::Path;

use arrow_array::BooleanArray;
use arrow_select::filter::filter_record_batch;
use document::{Digest, LanguageCode};
use store::{Entry, Histograms, Ledger, Table, TableReader, TableWriter};

use crate::{
    Configuration, Error,
    duplicates::{Removed, Survivors},
    fingerprint::Fingerprint,
    judge::SURVIVORS,
};

/// The pass's folder in the ledger.
pub(crate) const PASS: &str = "shards";

/// One shard to be written.
pub(crate) struct Shard {
    pub language: LanguageCode,
    /// Path below the output folder.
    pub path: String,
    /// Its rows: task by task, in the order of the plan.
    pieces: Vec<Piece>,
    pub documents: u64,
    pub bytes: u64,
}

/// The rows of one shard that come from one task.
struct Piece {
    task: usize,
    /// Row in the task's survivors, and cluster size.
    rows: Vec<(usize, u64)>,
}

/// Cuts the corpus into shards: a shard ends with the document that brings it to `shard_tokens`.
pub(crate) fn cut(configuration: &Configuration, survivors: &Survivors, removed: &Removed) -> Vec<Shard> {
    let mut in_plan_order =
        survivors.tasks.iter().enumerate().map(|(place, (task, _))| (*task, place)).collect::<Vec<_>>();
    in_plan_order.sort_unstable();
    let mut shards: Vec<Shard> = Vec::new();
    for language in configuration.languages.iter().map(|language| language.code) {
        let (mut number, mut tokens) = (0, configuration.shard_tokens);
        for (task, place) in &in_plan_order {
            let first = survivors.tasks[*place].1;
            for document in survivors.range(*place) {
                let (own_language, size) = survivors.rows[document];
                if own_language != language || removed.rules.contains_key(&document) {
                    continue;
                }
                if tokens >= configuration.shard_tokens {
                    let path = format!("corpus/{language}/part-{number:05}.parquet");
                    shards.push(Shard { language, path, pieces: Vec::new(), documents: 0, bytes: 0 });
                    (number, tokens) = (number + 1, 0);
                }
                tokens += size.tokens;
                let shard = shards.last_mut().expect("a shard was begun");
                shard.documents += 1;
                shard.bytes += size.bytes;
                if shard.pieces.last().is_none_or(|piece| piece.task != *task) {
                    shard.pieces.push(Piece { task: *task, rows: Vec::new() });
                }
                let cluster_size = removed.cluster_sizes.get(&document).copied().unwrap_or(1);
                let piece = shard.pieces.last_mut().expect("a piece was begun");
                piece.rows.push((document - first, cluster_size));
            }
        }
    }
    shards
}

/// The fingerprint of a shard: its name, and exactly which rows of which files it has.
pub(crate) fn fingerprint(configuration: &Configuration, shard: &Shard, entries: &[Entry]) -> Digest {
    let mut fingerprint = Fingerprint::of(PASS).with(&shard.path).with_json(&configuration.tokenizer);
    for piece in &shard.pieces {
        fingerprint = fingerprint.with(entries[piece.task].files[SURVIVORS].digest).with_json(&piece.rows);
    }
    fingerprint.finish()
}

/// Writes one shard and records it.
/// # Errors
/// Fails if survivors cannot be read or the shard not be written.
pub(crate) fn run(
    configuration: &Configuration,
    out: &Path,
    shard: &Shard,
    entries: &[Entry],
    fingerprint: Digest,
) -> Result<Entry, Error> {
    let table = Table::Documents { token_ids: configuration.token_ids };
    let metadata =
        [("language", shard.language.to_string()), ("tokenizer", configuration.tokenizer.clone().unwrap_or_default())];
    let mut writer = TableWriter::create(&out.join(&shard.path), table, &metadata)?;
    for piece in &shard.pieces {
        let path = out.join(&entries[piece.task].files[SURVIVORS].path);
        let mut wanted = piece.rows.iter().copied().peekable();
        let mut first = 0;
        for batch in TableReader::open(&path, None)? {
            let batch = batch?;
            let (mut mask, mut sizes) = (Vec::with_capacity(batch.num_rows()), Vec::new());
            for row in first..first + batch.num_rows() {
                let found = wanted.next_if(|(wanted, _)| *wanted == row);
                mask.push(found.is_some());
                sizes.extend(found.map(|(_, size)| size));
            }
            first += batch.num_rows();
            if !sizes.is_empty() {
                let wrong = |error| store::Error::Arrow { path: path.clone(), error };
                let rows = filter_record_batch(&batch, &BooleanArray::from(mask)).map_err(wrong)?;
                writer.write(&store::with_cluster_sizes(&rows, sizes).map_err(wrong)?)?;
            }
            if wanted.peek().is_none() {
                break;
            }
        }
    }
    let files = vec![writer.finish(shard.path.clone())?];
    let (task, tallies, histograms) = (shard.path.clone(), Default::default(), Histograms::default());
    let entry = Entry { task, fingerprint, tallies, histograms, files };
    Ledger::new(out).record(PASS, &entry)?;
    Ok(entry)
}
