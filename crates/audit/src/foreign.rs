//! Anybody's corpus: records are counted as they stand, by the language that they declare.

use std::{path::Path, sync::Arc};

use document::{Outcome, Tallies, Tally};

use crate::{Audit, Error, SourceAudit};

/// Audits files in any format that is read. Nothing is judged: what can be read is counted as kept, what cannot as
/// failed. Tokens are not counted, since a foreign corpus names no tokenizer.
/// # Errors
/// Fails if there is no file of a known format or one cannot be opened.
pub fn of_files(path: &Path) -> Result<Audit, Error> {
    let description = source::Description::anonymous(path);
    let mut sources = Vec::new();
    let mut read = 0;
    for input in source::inputs(&description, path)? {
        let mut outcomes = Tallies::default();
        let container = Arc::new(input.container.clone());
        for split in source::splits(&input, u64::MAX)? {
            source::read(&input, &container, &split, &mut |record| {
                read += 1;
                match record {
                    Ok(document) => {
                        let chars = document.text.chars().count() as u64;
                        let size = Tally { documents: 1, bytes: document.text.len() as u64, chars, tokens: 0 };
                        outcomes.add(document.declared_language, &Outcome::Kept, size);
                    }
                    Err(fault) => {
                        let size = Tally { documents: 1, ..Tally::default() };
                        outcomes.add(input.declared_language, &Outcome::Failed(fault), size);
                    }
                }
            })?;
        }
        let source = input.container.path.clone();
        sources.push(SourceAudit { source, kind: None, licence: None, licence_evidence: None, outcomes });
    }
    let counted: u64 = sources.iter().map(|source| source.outcomes.read().documents).sum();
    Ok(Audit { tokenizer: None, sources, composition: Vec::new(), conserved: counted == read })
}
