//! The second reading: the evidence of what shares a band or an address.

use dedup::{Comparer, Evidence};

use super::{Run, Task};
use crate::{
    Error,
    matching::{EvidenceStore, Name, Proposed},
};

impl Run<'_> {
    pub(super) fn take_evidence(
        &self,
        start: u32,
        task: &Task,
        proposed: &Proposed<'_>,
        store: &EvidenceStore,
    ) -> Result<(), Error> {
        let mut writer = store.writer();
        let mut comparer = Comparer::default();
        let mut document = start;
        for part in task {
            self.read(*part, &mut |record| {
                if let Ok(record) = record
                    && proposed.involved.has(document)
                {
                    let evidence = match proposed.compared.has(document) {
                        true => comparer.evidence(&record.text, self.shingle(&record.text)),
                        false => Evidence::default(),
                    };
                    let language = record.counted_language();
                    let name = Name {
                        id: record.id.into_owned(),
                        source: record.origin.container.source.clone(),
                        locator: record.origin.locator(),
                        language,
                        text_bytes: record.text.len() as u64,
                    };
                    writer.push(document, &name, &evidence)?;
                }
                document += 1;
                Ok(())
            })?;
            self.job.progress.advance(self.files[part.0].splits[part.1].bytes, 0, 0);
        }
        writer.finish()
    }
}
