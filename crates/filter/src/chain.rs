//! The stages of a build in their order, and how a document passes through them.

use document::{Document, Verdict};
use serde::Serialize;

use crate::stage::{Check, Checks, Stage};

/// Stages in the order of a pipeline.
///
/// A stage may change the document's language. What earlier stages said was then said of another language, so they judge
/// again, once, under the new one.
pub struct Chain {
    stages: Vec<(&'static str, Box<dyn Stage>)>,
}

/// What one stage measured.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StageReport {
    pub stage: &'static str,
    pub checks: Vec<Check>,
}

impl Chain {
    /// A chain of named stages.
    pub fn new(stages: Vec<(&'static str, Box<dyn Stage>)>) -> Chain {
        Chain { stages }
    }

    /// Passes the document through the stages until one rejects it.
    pub fn judge(&self, document: &mut Document<'_>) -> Verdict {
        let mut judged_again = false;
        let judge = |(name, stage): &(&'static str, Box<dyn Stage>), document: &mut Document<'_>| {
            let mut checks = Checks::brief(name);
            stage.judge(document, &mut checks);
            checks.verdict()
        };
        for (place, stage) in self.stages.iter().enumerate() {
            let before = document.language;
            let mut verdict = judge(stage, document);
            if before.is_some() && document.language != before && !judged_again {
                judged_again = true;
                let earlier = self.stages[..place].iter().map(|stage| judge(stage, document));
                verdict = first_rejection(verdict, earlier);
            }
            if verdict != Verdict::Keep {
                return verdict;
            }
        }
        Verdict::Keep
    }

    /// Takes the scores again that say how much text there is, whatever the stages think of it.
    pub fn measure(&self, document: &mut Document<'_>) {
        for (name, stage) in self.stages.iter().filter(|(_, stage)| stage.measures_size()) {
            stage.judge(document, &mut Checks::brief(name));
        }
    }

    /// Passes the document through all stages, also those after a rejection, and reports every number. The verdict is the
    /// one of `judge`; what is measured after it is measured under the language that the document then had. With
    /// `pinned`, the language given is kept whatever a stage finds.
    pub fn explain(&self, document: &mut Document<'_>, pinned: bool) -> (Verdict, Vec<StageReport>) {
        let mut reports: Vec<StageReport> = Vec::new();
        let mut verdict = Verdict::Keep;
        let mut judged_again = pinned;
        let mut explain = |(name, stage): &(&'static str, Box<dyn Stage>), document: &mut Document<'_>| {
            let mut checks = Checks::complete(name);
            stage.judge(document, &mut checks);
            let said = checks.verdict();
            let report = StageReport { stage: name, checks: checks.into_all() };
            // A stage that judges again replaces what it said before.
            match reports.iter_mut().find(|known| known.stage == *name) {
                Some(known) => *known = report,
                None => reports.push(report),
            }
            said
        };
        for (place, stage) in self.stages.iter().enumerate() {
            let before = document.language;
            let said = explain(stage, document);
            let settled = verdict != Verdict::Keep;
            verdict = first_rejection(verdict, [said]);
            if before.is_some() && document.language != before {
                if settled || judged_again {
                    document.language = before;
                    continue;
                }
                judged_again = true;
                for stage in &self.stages[..place] {
                    verdict = first_rejection(verdict, [explain(stage, document)]);
                }
            }
        }
        (verdict, reports)
    }
}

/// `verdict` if it rejects, else the first of `others` that does.
fn first_rejection(verdict: Verdict, others: impl IntoIterator<Item = Verdict>) -> Verdict {
    std::iter::once(verdict).chain(others).find(|verdict| *verdict != Verdict::Keep).unwrap_or(Verdict::Keep)
}
