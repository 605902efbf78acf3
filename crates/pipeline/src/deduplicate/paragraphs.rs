//! Two more readings, where paragraphs that recur are to be cut out of the texts that stay: one counts them, the other
//! finds them.

use dedup::{Boilerplate, ParagraphReader, site_of};
use document::Document;
use serde::Serialize;
use store::{DocumentName, FileRecord, Table};

use super::{CutCount, Run, Task, copy::Gone, pairs::Pairs};
use crate::{
    Error,
    boilerplate::{ParagraphCounts, Recurring},
    by_document::ByDocument,
    preference::Order,
    sorted_runs::Budget,
};

/// What was found to be cut out.
pub(super) struct Cuts {
    /// By document, as `Cut` writes it.
    pub cuts: ByDocument,
    pub count: CutCount,
    pub files: Vec<FileRecord>,
}

/// A paragraph that recurs and stays in one document.
struct KeptParagraph {
    site: String,
    paragraph: String,
    documents: u32,
    kept: DocumentName,
}

/// What a task has of them.
#[derive(Default)]
struct Found {
    count: CutCount,
    kept: Vec<KeptParagraph>,
}

/// A line of `boilerplate/part-00000.jsonl`.
#[derive(Serialize)]
struct BoilerplateLine<'a> {
    site: &'a str,
    paragraph: &'a str,
    documents: u32,
    kept: &'a str,
    kept_locator: &'a str,
}

impl Run<'_> {
    /// Finds what is to be cut out of the documents that are not gone.
    pub(super) fn find_boilerplate(
        &self,
        rule: &Boilerplate,
        (tasks, starts): (&[Task], &[u32]),
        order: &Order,
        gone: &Gone<'_>,
        budget: &Budget,
    ) -> Result<Cuts, Error> {
        let bytes: u64 = self.files.iter().map(|file| file.input.bytes).sum();
        let counts = ParagraphCounts::new(rule, self.space, budget)?;
        self.step("count paragraphs", bytes, tasks, &|number, task| {
            let mut collector = counts.collector(number);
            let start = starts[number];
            self.each_kept(start, task, gone, &mut |document, record| {
                let site = site_of(record.url.as_deref(), &record.origin.container.source);
                collector.push(document - start, &site, &record.text)
            })?;
            collector.finish()
        })?;
        let recurring = counts.recurring(starts, order)?;
        let mut cuts = ByDocument::create(self.space.folder.join("cuts"))?;
        let found = self.step("find boilerplate", bytes, tasks, &|number, task| {
            self.find_cuts(starts[number], task, gone, &recurring, &cuts)
        })?;
        cuts.sort();
        let mut pairs = Pairs::create(&self.job.out, "boilerplate", Table::Boilerplate)?;
        let mut count = CutCount::default();
        for of_task in found {
            count.add(&of_task.count);
            for KeptParagraph { site, paragraph, documents, kept } in of_task.kept {
                store::push_boilerplate(&mut pairs.rows, &site, &paragraph, u64::from(documents), &kept);
                let (kept, kept_locator) = (&kept.id, &kept.locator);
                pairs.add(&BoilerplateLine { site: &site, paragraph: &paragraph, documents, kept, kept_locator })?;
            }
        }
        Ok(Cuts { cuts, count, files: pairs.finish()? })
    }

    fn find_cuts(
        &self,
        start: u32,
        task: &Task,
        gone: &Gone<'_>,
        recurring: &Recurring<'_>,
        cuts: &ByDocument,
    ) -> Result<Found, Error> {
        let mut found = Found::default();
        let mut reader = ParagraphReader::default();
        let mut writer = cuts.writer();
        self.each_kept(start, task, gone, &mut |document, record| {
            let site = site_of(record.url.as_deref(), &record.origin.container.source);
            let cutting = recurring.cutting(&mut reader, document, &site, &record.text);
            for (range, documents) in cutting.kept {
                let kept = DocumentName {
                    number: u64::from(document),
                    id: record.id.to_string(),
                    source: record.origin.container.source.clone(),
                    locator: record.origin.locator(),
                };
                let (site, paragraph) = (site.to_string(), record.text[range].to_owned());
                found.kept.push(KeptParagraph { site, paragraph, documents, kept });
                found.count.recurring += 1;
            }
            found.count.left_whole += u64::from(cutting.is_left_whole);
            if cutting.cut.is_empty() {
                return Ok(());
            }
            found.count.documents += 1;
            found.count.paragraphs += cutting.paragraphs;
            found.count.text_bytes += cutting.cut.bytes() as u64;
            writer.push(document, |bytes| bytes.extend(cutting.cut.to_string().as_bytes()))
        })?;
        writer.finish()?;
        Ok(found)
    }

    /// Reads the documents of a task that stay, with their numbers.
    pub(super) fn each_kept(
        &self,
        start: u32,
        task: &Task,
        gone: &Gone<'_>,
        visit: &mut dyn FnMut(u32, &Document<'_>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let mut rows = gone.rows(start);
        let mut document = start;
        for part in task {
            self.read(*part, &mut |record| {
                let stays = rows.next().is_some();
                document += 1;
                match record {
                    Ok(record) if stays => visit(document - 1, &record),
                    _ => Ok(()),
                }
            })?;
            self.job.progress.advance(self.files[part.0].splits[part.1].bytes, 0, 0);
        }
        Ok(())
    }
}

impl CutCount {
    fn add(&mut self, other: &CutCount) {
        let CutCount { recurring, documents, paragraphs, text_bytes, left_whole } = other;
        self.recurring += recurring;
        self.documents += documents;
        self.paragraphs += paragraphs;
        self.text_bytes += text_bytes;
        self.left_whole += left_whole;
    }
}
