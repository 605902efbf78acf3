//! The end of the barrier: which paragraphs of the survivors that stay recur on a site, and what the survivors are without
//! them. Writes `boilerplate/` and `work/cuts/`.

use std::{collections::BTreeMap, path::Path, sync::Arc};

use arrow_array::RecordBatch;
use arrow_select::concat::concat_batches;
use dedup::{Boilerplate, Cut, ParagraphReader, site_of};
use document::{Container, Digest, Document, Kind, LanguageCode, Origin, Place, Scores, Tally};
use filter::Chain;
use rayon::prelude::*;
use store::{DocumentName, Entry, FileRecord, Rows, Table, TableReader, TableWriter};

use crate::{
    Build, Error,
    boilerplate::{ParagraphCounts, Recurring},
    duplicates::{Survivors, each_size},
    judge::SURVIVORS,
    matching::Space,
    preference::Order,
};

/// The paragraphs that recur, each with the document in which it stays.
const PARAGRAPHS: &str = "boilerplate/part-00000.parquet";

/// Below it is a table for each task, by its number in the plan.
pub(crate) const FOLDER: &str = "work/cuts/";

fn name(task: usize) -> String {
    format!("{FOLDER}{task:06}.parquet")
}

/// Finds what is to be cut out of the survivors that are not `gone` (ascending), and gives the files with it.
pub(crate) fn run(
    build: &Build<'_>,
    rule: &Boilerplate,
    entries: &[Entry],
    survivors: &Survivors,
    (gone, order): (&[u32], &Order),
    space: &Space,
) -> Result<Vec<FileRecord>, Error> {
    let places = 0..survivors.tasks.len();
    let budget = space.budget();
    let counts = ParagraphCounts::new(rule, space, &budget)?;
    let finder = Finder { build, entries, survivors, gone };
    places.clone().into_par_iter().try_for_each(|place| {
        let mut collector = counts.collector(place);
        let first = survivors.tasks[place].1;
        finder.each(place, &mut |survivor| {
            collector.push((survivor.number - first) as u32, &survivor.site(), survivor.text)
        })?;
        collector.finish()
    })?;
    let starts: Vec<u32> = survivors.tasks.iter().map(|(_, first)| *first as u32).collect();
    let recurring = counts.recurring(&starts, order)?;
    let languages: Vec<LanguageCode> = build.configuration.languages.iter().map(|language| language.code).collect();
    // Its models cost time to load, and mostly nothing recurs in a small corpus.
    let chain = (!recurring.is_empty()).then(|| build.configuration.chain(&languages)).transpose()?;
    let found: Result<Vec<(Rows, FileRecord)>, Error> =
        places.into_par_iter().map(|place| finder.find(place, &recurring, chain.as_ref())).collect();
    let mut writer = TableWriter::create(&build.out.join(PARAGRAPHS), Table::Boilerplate, &[])?;
    let mut files = Vec::new();
    for (mut rows, file) in found? {
        writer.write(&rows.take())?;
        files.push(file);
    }
    files.push(writer.finish(PARAGRAPHS.to_owned())?);
    Ok(files)
}

struct Finder<'a> {
    build: &'a Build<'a>,
    entries: &'a [Entry],
    survivors: &'a Survivors,
    gone: &'a [u32],
}

/// A survivor that stays.
struct Survivor<'a> {
    number: usize,
    text: &'a str,
    id: &'a str,
    url: &'a str,
    source: &'a str,
    locator: &'a str,
}

impl Survivor<'_> {
    fn site(&self) -> std::borrow::Cow<'_, str> {
        site_of(Some(self.url), self.source)
    }
}

impl Finder<'_> {
    /// Visits the survivors of the task at this place in the order of preference that stay.
    fn each(&self, place: usize, visit: &mut dyn FnMut(&Survivor<'_>) -> Result<(), Error>) -> Result<(), Error> {
        let (task, mut number) = self.survivors.tasks[place];
        let path = self.build.out.join(&self.entries[task].files[SURVIVORS].path);
        for batch in TableReader::open(&path, Some(&["text", "id", "url", "source", "locator"]))? {
            let batch = batch?;
            let wrong = |message| store::Error::Format { path: path.clone(), message };
            let column = |name: &'static str| store::strings(&batch, name).map_err(wrong);
            let rows = column("text")?.zip(column("id")?.zip(column("url")?));
            for ((text, (id, url)), (source, locator)) in rows.zip(column("source")?.zip(column("locator")?)) {
                if self.gone.binary_search(&(number as u32)).is_err() {
                    visit(&Survivor { number, text, id, url, source, locator })?;
                }
                number += 1;
            }
        }
        Ok(())
    }

    /// Writes the cuts of a task, and gives the paragraphs that stay in it.
    fn find(
        &self,
        place: usize,
        recurring: &Recurring<'_>,
        chain: Option<&Chain>,
    ) -> Result<(Rows, FileRecord), Error> {
        let (task, first) = self.survivors.tasks[place];
        let table = Table::Cuts { token_ids: self.build.configuration.token_ids };
        let name = name(task);
        let mut cuts = Rows::new(table);
        let mut writer = TableWriter::create(&self.build.out.join(&name), table, &[])?;
        let mut kept = Rows::new(Table::Boilerplate);
        let mut reader = ParagraphReader::default();
        let container = Arc::new(without_origin());
        self.each(place, &mut |survivor| {
            let site = survivor.site();
            let cutting = recurring.cutting(&mut reader, survivor.number as u32, &site, survivor.text);
            for (range, documents) in cutting.kept {
                let [id, source, locator] = [survivor.id, survivor.source, survivor.locator].map(str::to_owned);
                let name = DocumentName { number: survivor.number as u64, id, source, locator };
                store::push_boilerplate(&mut kept, &site, &survivor.text[range], u64::from(documents), &name);
            }
            let Some(text) = (!cutting.cut.is_empty()).then(|| cutting.cut.apply(survivor.text)).flatten() else {
                return Ok(());
            };
            let mut after = Document {
                id: survivor.id.into(),
                text: text.into(),
                text_as_read: None,
                url: None,
                date: None,
                declared_language: None,
                language: Some(self.survivors.language(survivor.number)),
                origin: Origin { container: container.clone(), place: Place::Whole },
                scores: Scores::default(),
                token_ids: None,
            };
            if let Some(chain) = chain {
                chain.measure(&mut after);
            }
            store::push_cut(&mut cuts, (survivor.number - first) as u64, &cutting.cut.to_string(), &after);
            Ok(writer.write_full(&mut cuts)?)
        })?;
        writer.write(&cuts.take())?;
        Ok((kept, writer.finish(name)?))
    }
}

/// A text is measured without an origin.
fn without_origin() -> Container {
    Container {
        source: String::new(),
        kind: Kind::Corpus,
        licence: String::new(),
        licence_evidence: String::new(),
        path: String::new(),
        digest: None,
    }
}

/// What is cut out of the survivors of one task of the plan.
#[derive(Default)]
pub(crate) struct Cuts {
    /// By row of the task: the size after the cut.
    sizes: Vec<(u64, Tally)>,
    /// Of the file.
    pub digest: Option<Digest>,
}

impl Cuts {
    /// The cuts of a task, of which there are none where the barrier has no file of them.
    pub fn load(out: &Path, barrier: &Entry, task: usize) -> Result<Cuts, Error> {
        let name = name(task);
        let Some(file) = barrier.files.iter().find(|file| file.path == name) else { return Ok(Cuts::default()) };
        let path = out.join(&name);
        let mut sizes = Vec::new();
        for batch in TableReader::open(&path, Some(&["row", "bytes", "char_count", "token_count"]))? {
            let wrong = |message| store::Error::Format { path: path.clone(), message };
            sizes.extend(store::sizes_after_cut(&batch?).map_err(wrong)?);
        }
        Ok(Cuts { sizes, digest: Some(file.digest) })
    }

    /// The size of a survivor after the cut; its own, where nothing is cut out.
    pub fn size(&self, row: usize, before: Tally) -> Tally {
        let found = self.sizes.binary_search_by_key(&(row as u64), |(row, _)| *row);
        found.map_or(before, |place| self.sizes[place].1)
    }

    /// By language: the documents that lose some of their text, and how much.
    pub fn lost(&self, out: &Path, entry: &Entry) -> Result<BTreeMap<LanguageCode, Tally>, Error> {
        let mut lost: BTreeMap<LanguageCode, Tally> = BTreeMap::new();
        let mut cut = self.sizes.iter().peekable();
        let mut row = 0;
        if !self.sizes.is_empty() {
            each_size(out, entry, &mut |language, before| {
                if let Some((_, after)) = cut.next_if(|(cut, _)| *cut == row) {
                    *lost.entry(language).or_default() += Tally {
                        documents: 1,
                        bytes: before.bytes - after.bytes,
                        chars: before.chars - after.chars,
                        tokens: before.tokens.saturating_sub(after.tokens),
                    };
                }
                row += 1;
            })?;
        }
        Ok(lost)
    }
}

/// The table of the cuts of a task, if it has any.
pub(crate) fn table(out: &Path, task: usize) -> Result<Option<RecordBatch>, Error> {
    let path = out.join(name(task));
    if !path.exists() {
        return Ok(None);
    }
    let batches: Result<Vec<RecordBatch>, store::Error> = TableReader::open(&path, None)?.collect();
    let batches = batches?;
    let Some(first) = batches.first() else { return Ok(None) };
    let wrong = |error| store::Error::Arrow { path: path.clone(), error };
    Ok(Some(concat_batches(&first.schema(), &batches).map_err(wrong)?))
}

/// A text without what is named, for `store::with_cuts`.
pub(crate) fn apply(text: &str, cut: &str) -> Result<String, String> {
    let fits = || format!("the cut {cut:?} is none of a text of {} bytes", text.len());
    cut.parse::<Cut>()?.apply(text).ok_or_else(fits)
}
