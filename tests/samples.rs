//! The packed samples hold exactly the passages they are packed from.

use std::{collections::BTreeMap, sync::Arc};

use source::Description;

use crate::support::{Passage, ids_in_build, passages, root};

/// Id, text, address, date and declared language of each document.
type Documents = BTreeMap<String, [String; 4]>;

fn packed(pack: &str) -> Documents {
    let folder = root().join("sources/samples");
    let description = Description::load(&folder.join(format!("sample_{pack}.toml"))).unwrap();
    let mut documents = Documents::new();
    for input in source::inputs(&description, &folder.join(pack)).unwrap() {
        let container = Arc::new(input.container.clone());
        for split in source::splits(&input, u64::MAX).unwrap() {
            source::read(&input, &container, &split, &mut |record| {
                let document = record.unwrap();
                let optional = |text: Option<String>| text.unwrap_or_default();
                let row = [
                    document.text.to_string(),
                    optional(document.url.map(|url| url.to_string())),
                    optional(document.date.map(|date| date.to_string())),
                    optional(document.declared_language.map(|language| language.to_string())),
                ];
                assert!(documents.insert(document.id.to_string(), row).is_none(), "{} occurs twice", document.id);
            })
            .unwrap();
        }
    }
    documents
}

#[test]
fn the_containers_hold_exactly_the_passages() {
    let ids = ids_in_build();
    for pack in ["crawl", "archive", "web"] {
        let written = |passage: Passage| {
            // No record of the WET file states its language.
            let language = if pack == "web" { String::new() } else { passage.language };
            (ids[&passage.id].clone(), [passage.text, passage.url, passage.date, language])
        };
        let of_pack = passages().into_iter().filter(|passage| passage.pack == pack);
        let expected: Documents = of_pack.map(written).collect();
        let found = packed(pack);
        assert!(expected.len() > 40, "{pack}: {}", expected.len());
        let differing: Vec<&String> = expected.keys().filter(|id| expected.get(*id) != found.get(*id)).collect();
        assert!(
            differing.is_empty() && found.len() == expected.len(),
            "{pack}: {differing:?} differ; run `cargo run -p source --example pack_samples` after editing the passages"
        );
    }
}

#[test]
fn every_language_has_both_subjects_duplicates_junk_and_a_foreign_passage() {
    let mut seen: BTreeMap<String, [usize; 5]> = BTreeMap::new();
    for passage in passages() {
        let counts = seen.entry(passage.language.clone()).or_default();
        let kinds = [
            passage.subject == "medical",
            passage.subject == "other",
            passage.duplicate_of.is_some(),
            passage.junk,
            passage.written_in.is_some(),
        ];
        counts.iter_mut().zip(kinds).for_each(|(count, is)| *count += usize::from(is));
    }
    for (language, counts) in &seen {
        assert!(counts.iter().zip([12, 10, 4, 1, 1]).all(|(count, least)| *count >= least), "{language}: {counts:?}");
    }
    assert_eq!(seen.len(), 6);
}
