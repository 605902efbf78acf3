//! Which paragraphs recur on a site: counted over all documents that stay, within a given memory.
//!
//! A record for each paragraph goes into sorted runs, by site and hash, and one more for each document tells how many a
//! site has. What is found and held is only what recurs: 32 bytes a paragraph.

use std::ops::Range;

use dedup::{Boilerplate, Cut, ParagraphReader};
use document::Digest;

use crate::{
    Error,
    matching::Space,
    preference::Order,
    sorted_runs::{Budget, Collector, SortedRuns},
};

/// Counts the paragraphs of all documents.
pub(crate) struct ParagraphCounts<'b> {
    rule: &'b Boilerplate,
    space: &'b Space,
    runs: SortedRuns<'b>,
}

impl<'b> ParagraphCounts<'b> {
    pub fn new(rule: &'b Boilerplate, space: &'b Space, budget: &'b Budget) -> Result<ParagraphCounts<'b>, Error> {
        let runs = SortedRuns::new(space.folder.join("paragraphs"), budget)?;
        Ok(ParagraphCounts { rule, space, runs })
    }

    /// Counts those of one task, whose documents are numbered from 0.
    pub fn collector(&self, task: usize) -> ParagraphCollector<'_, 'b> {
        let collector = self.runs.collector(task, self.space.of_collector());
        ParagraphCollector { rule: self.rule, reader: ParagraphReader::default(), collector }
    }

    /// The paragraphs that recur. `starts[task]` is the number of a task's first document.
    pub fn recurring(mut self, starts: &[u32], order: &Order) -> Result<Recurring<'b>, Error> {
        let mut found = Vec::new();
        let mut of_site = 0;
        let rule = self.rule;
        self.runs.merged(starts, self.space.of_merge())?.each_group(&mut |key, documents| {
            let count = documents.len() as u64;
            if key as u64 == OF_SITE {
                of_site = count;
            } else if count > 1 && count >= rule.min_documents && count as f64 >= rule.min_share * of_site as f64 {
                let first = documents.iter().copied().min_by_key(|document| order.place(*document)).unwrap_or(0);
                found.push(Found { key, first, documents: count as u32 });
            }
            Ok(())
        })?;
        Ok(Recurring { rule, found })
    }
}

/// In place of a paragraph's hash: the document itself. It sorts before all paragraphs of a site.
const OF_SITE: u64 = 0;

/// Site (32 bits of a hash) and paragraph.
fn key(site: &str, paragraph: u64) -> u128 {
    Digest::of(site.as_bytes()).0 >> 96 << 64 | u128::from(paragraph)
}

/// Counts the paragraphs of one task.
pub(crate) struct ParagraphCollector<'r, 'b> {
    rule: &'r Boilerplate,
    reader: ParagraphReader,
    collector: Collector<'r, 'b>,
}

impl ParagraphCollector<'_, '_> {
    pub fn push(&mut self, document: u32, site: &str, text: &str) -> Result<(), Error> {
        let mut result = self.collector.push(key(site, OF_SITE), document);
        self.reader.each(text, self.rule, &mut |_, hash| {
            if result.is_ok() {
                result = self.collector.push(key(site, hash), document);
            }
        });
        result
    }

    /// To be called after the task's last document.
    pub fn finish(mut self) -> Result<(), Error> {
        self.collector.flush()
    }
}

/// The paragraphs that recur, by key.
pub(crate) struct Recurring<'b> {
    rule: &'b Boilerplate,
    found: Vec<Found>,
}

struct Found {
    key: u128,
    /// The document that keeps it: the first in the order of preference.
    first: u32,
    documents: u32,
}

/// What a text has of them.
#[derive(Default)]
pub(crate) struct Cutting {
    /// What goes.
    pub cut: Cut,
    /// Paragraphs in it.
    pub paragraphs: u64,
    /// Whether the text stays whole, since too little of it would be left.
    pub is_left_whole: bool,
    /// The paragraphs that stay here and go elsewhere: their places, and how many documents have them.
    pub kept: Vec<(Range<usize>, u32)>,
}

impl Recurring<'_> {
    pub fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// What becomes of a document's text.
    pub fn cutting(&self, reader: &mut ParagraphReader, document: u32, site: &str, text: &str) -> Cutting {
        let mut cutting = Cutting::default();
        let (mut lines, mut bytes) = (Vec::new(), 0);
        let mut seen = Vec::new();
        reader.each(text, self.rule, &mut |range, hash| {
            let key = key(site, hash);
            let Ok(place) = self.found.binary_search_by_key(&key, |found| found.key) else { return };
            let found = &self.found[place];
            if found.first == document && !seen.contains(&key) {
                seen.push(key);
                cutting.kept.push((range, found.documents));
            } else {
                bytes += range.len();
                lines.push(range);
            }
        });
        cutting.is_left_whole = bytes as f64 > self.rule.max_text_share * text.len() as f64;
        if !cutting.is_left_whole {
            cutting.paragraphs = lines.len() as u64;
            cutting.cut = Cut::of_lines(text, &lines);
        }
        cutting
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_recurs_on_a_site_stays_where_it_was_first() {
        let folder = tempfile::tempdir().unwrap();
        let space = Space::new(&folder.path().join("scratch"), 64 << 20, 1).unwrap();
        let rule = Boilerplate { min_documents: 3, min_share: 0.5, min_chars: 10, max_text_share: 0.8 };
        let notice = "Ask your doctor before you take it.";
        let text = |number: usize| format!("About illness number {number}\n{notice}\nDetails of {number} are here.");
        for memory in [0, u64::MAX] {
            let budget = Budget::new(memory);
            let counts = ParagraphCounts::new(&rule, &space, &budget).unwrap();
            for task in 0..2 {
                let mut collector = counts.collector(task);
                for number in 0..3 {
                    collector.push(number, "a", &text(task * 3 + number as usize)).unwrap();
                    // Elsewhere it is too rare a share of the pages.
                    collector.push(10 + number, "b", if task == 0 { notice } else { "Another page." }).unwrap();
                    collector.push(20 + number, "b", &format!("Page {number} of another site.")).unwrap();
                }
                collector.finish().unwrap();
            }
            let recurring = counts.recurring(&[0, 100], &Order::Numbered).unwrap();
            let mut reader = ParagraphReader::default();
            let first = recurring.cutting(&mut reader, 0, "a", &text(0));
            assert!(first.cut.is_empty() && first.kept.len() == 1 && first.kept[0].1 == 6);
            let later = recurring.cutting(&mut reader, 102, "a", &text(5));
            assert_eq!(later.cut.apply(&text(5)).unwrap(), "About illness number 5\nDetails of 5 are here.");
            assert_eq!(later.paragraphs, 1);
            let alone = recurring.cutting(&mut reader, 102, "a", notice);
            assert!(alone.is_left_whole && alone.cut.is_empty());
            // A second time in the first document it goes there too.
            let twice = recurring.cutting(&mut reader, 0, "a", &format!("{}\n{notice}", text(0)));
            assert_eq!((twice.kept.len(), twice.paragraphs), (1, 1));
            assert!(recurring.cutting(&mut reader, 11, "b", &text(1)).cut.is_empty());
        }
    }
}
