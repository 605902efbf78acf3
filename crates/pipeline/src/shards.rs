//! Pass 2: survivors that repeat nothing, by language in the order of the plan, cut by tokens into
//! `corpus/LANGUAGE/part-00000.parquet`.

use std::{collections::BTreeMap, ops::Range, path::Path};

use arrow_array::BooleanArray;
use arrow_select::filter::filter_record_batch;
use document::{Digest, Hasher, LanguageCode};
use store::{Entry, Histograms, Ledger, Table, TableReader, TableWriter};

use crate::{
    Configuration, Error,
    cuts::{self, Cuts},
    duplicates::{self, Removed, Survivors},
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

/// The rows of one shard that come from one task: those of the shard's language that are not removed, within a range.
struct Piece {
    task: usize,
    /// Number of the task's first survivor.
    first: usize,
    rows: Range<usize>,
    /// Of the table of what is cut out of the task's survivors, if there is one.
    cuts: Option<Digest>,
    /// Of the rows and their cluster sizes.
    digest: Digest,
}

/// A shard of a language on the way.
#[derive(Default)]
struct Open {
    shards: Vec<Shard>,
    tokens: u64,
    rows: Hasher,
}

impl Open {
    /// Ends the piece that was begun last.
    fn end_piece(&mut self) {
        let rows = std::mem::take(&mut self.rows);
        if let Some(piece) = self.shards.last_mut().and_then(|shard| shard.pieces.last_mut()) {
            piece.digest = rows.finish();
        }
    }
}

/// Cuts the corpus into shards: a shard ends with the document that brings it to `shard_tokens`.
pub(crate) fn cut(
    configuration: &Configuration,
    out: &Path,
    entries: &[Entry],
    barrier: &Entry,
    survivors: &Survivors,
    removed: &Removed,
) -> Result<Vec<Shard>, Error> {
    let mut in_plan_order =
        survivors.tasks.iter().enumerate().map(|(place, (task, _))| (*task, place)).collect::<Vec<_>>();
    in_plan_order.sort_unstable();
    let mut languages: BTreeMap<LanguageCode, Open> = BTreeMap::new();
    for (task, place) in in_plan_order {
        let first = survivors.tasks[place].1;
        let cuts = Cuts::load(out, barrier, task)?;
        let mut gone = removed.within(survivors.range(place)).iter().peekable();
        let mut row = 0;
        duplicates::each_size(out, &entries[task], &mut |language, size| {
            let own = row;
            row += 1;
            if gone.next_if(|(document, _)| *document as usize == first + own).is_some() {
                return;
            }
            let size = cuts.size(own, size);
            let open = languages.entry(language).or_default();
            if open.shards.is_empty() || open.tokens >= configuration.shard_tokens {
                open.end_piece();
                let path = format!("corpus/{language}/part-{:05}.parquet", open.shards.len());
                open.shards.push(Shard { language, path, pieces: Vec::new(), documents: 0, bytes: 0 });
                open.tokens = 0;
            }
            if open.shards.last().and_then(|shard| shard.pieces.last()).is_none_or(|piece| piece.task != task) {
                open.end_piece();
                let shard = open.shards.last_mut().expect("a shard was begun");
                shard.pieces.push(Piece { task, first, rows: own..own, cuts: cuts.digest, digest: Digest(0) });
            }
            open.tokens += size.tokens;
            let shard = open.shards.last_mut().expect("a shard was begun");
            shard.documents += 1;
            shard.bytes += size.bytes;
            shard.pieces.last_mut().expect("a piece was begun").rows.end = own + 1;
            open.rows.update(&(own as u64).to_le_bytes());
            open.rows.update(&removed.cluster_size(first + own).to_le_bytes());
        })?;
    }
    let mut shards = Vec::new();
    for language in &configuration.languages {
        if let Some(mut open) = languages.remove(&language.code) {
            open.end_piece();
            shards.append(&mut open.shards);
        }
    }
    Ok(shards)
}

/// The fingerprint of a shard: its name, and exactly which rows of which files it has.
pub(crate) fn fingerprint(configuration: &Configuration, shard: &Shard, entries: &[Entry]) -> Digest {
    let mut fingerprint = Fingerprint::of(PASS).with(&shard.path).with_json(&configuration.tokenizer);
    for piece in &shard.pieces {
        fingerprint = fingerprint.with(entries[piece.task].files[SURVIVORS].digest).with(piece.digest);
        if let Some(cuts) = piece.cuts {
            fingerprint = fingerprint.with(cuts);
        }
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
    (survivors, removed): (&Survivors, &Removed),
    fingerprint: Digest,
) -> Result<Entry, Error> {
    let table = Table::Documents { token_ids: configuration.token_ids };
    let metadata =
        [("language", shard.language.to_string()), ("tokenizer", configuration.tokenizer.clone().unwrap_or_default())];
    let mut writer = TableWriter::create(&out.join(&shard.path), table, &metadata)?;
    for piece in &shard.pieces {
        let path = out.join(&entries[piece.task].files[SURVIVORS].path);
        let wanted = |row: usize| {
            let number = piece.first + row;
            piece.rows.contains(&row) && survivors.language(number) == shard.language && !removed.has(number)
        };
        let mut first = 0;
        let cuts = match piece.cuts {
            Some(_) => cuts::table(out, piece.task)?,
            None => None,
        };
        let wrong = |error| store::Error::Arrow { path: path.clone(), error };
        for batch in TableReader::open(&path, None)? {
            let mut batch = batch?;
            if let Some(cuts) = &cuts {
                batch = store::with_cuts(&batch, first as u64, cuts, &cuts::apply).map_err(wrong)?;
            }
            let (mut mask, mut sizes) = (Vec::with_capacity(batch.num_rows()), Vec::new());
            for row in first..first + batch.num_rows() {
                let is_wanted = wanted(row);
                mask.push(is_wanted);
                sizes.extend(is_wanted.then(|| removed.cluster_size(piece.first + row)));
            }
            first += batch.num_rows();
            if !sizes.is_empty() {
                let rows = filter_record_batch(&batch, &BooleanArray::from(mask)).map_err(wrong)?;
                writer.write(&store::with_cluster_sizes(&rows, sizes).map_err(wrong)?)?;
            }
            if first >= piece.rows.end {
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
