//! The guard against wiping out: what looks like a mistake rather than like duplicates.

use std::{cmp::Reverse, collections::BTreeMap};

use dedup::Guard;
use document::LanguageCode;
use store::Finding;

/// What was read of each source and language, and how much of it goes.
pub(crate) type Losses = BTreeMap<(String, LanguageCode), Loss>;

/// Documents.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Loss {
    pub read: u64,
    pub removed: u64,
}

/// A kept document that stands for others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ClusterShape {
    pub kept: u32,
    /// With the kept one.
    pub documents: u64,
    /// Different sources of the removed ones, the kept one's with them.
    pub sources: u64,
}

/// Clusters that are listed, the largest first.
const LISTED: usize = 100;

/// The shapes of all clusters, by kept document. A pair is the kept document and the source of one that it stands for or
/// its own.
pub(crate) fn shapes(members: &mut [(u32, u32)]) -> Vec<ClusterShape> {
    members.sort_unstable();
    let shape = |same: &[(u32, u32)]| ClusterShape {
        kept: same[0].0,
        documents: same.len() as u64,
        sources: same.chunk_by(|a, b| a.1 == b.1).count() as u64,
    };
    members.chunk_by(|a, b| a.0 == b.0).map(shape).collect()
}

/// What the guard finds. `name` tells the id of a kept document.
pub(crate) fn findings<E>(
    guard: &Guard,
    losses: &Losses,
    clusters: &[ClusterShape],
    mut name: impl FnMut(u32) -> Result<String, E>,
) -> Result<Vec<Finding>, E> {
    let mut findings = Vec::new();
    for ((source, language), loss) in losses {
        let share = loss.removed as f64 / loss.read.max(1) as f64;
        if loss.read >= guard.min_documents && share > guard.max_removed_share {
            findings.push(Finding {
                rule: "max_removed_share".to_owned(),
                subject: format!("source {source}, language {language}"),
                value: share,
                limit: guard.max_removed_share,
                documents: loss.removed,
            });
        }
    }
    type Size = fn(&ClusterShape) -> u64;
    let of_clusters: [(&str, Size, u64); 2] = [
        ("max_cluster", |it| it.documents, guard.max_cluster),
        ("max_cluster_sources", |it| it.sources, guard.max_cluster_sources),
    ];
    for (rule, size, limit) in of_clusters {
        let mut found: Vec<&ClusterShape> = clusters.iter().filter(|cluster| size(cluster) > limit).collect();
        found.sort_by_key(|cluster| (Reverse(size(cluster)), cluster.kept));
        for cluster in found.into_iter().take(LISTED) {
            findings.push(Finding {
                rule: rule.to_owned(),
                subject: format!("cluster of {}", name(cluster.kept)?),
                value: size(cluster) as f64,
                limit: limit as f64,
                documents: cluster.documents - 1,
            });
        }
    }
    Ok(findings)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_that_vanish_and_clusters_that_swallow_are_found() {
        let guard = Guard { max_cluster: 3, max_cluster_sources: 2, ..Guard::default() };
        let code = |text| LanguageCode::parse(text).unwrap();
        let losses = Losses::from([
            (("a".to_owned(), code("fr")), Loss { read: 200, removed: 190 }),
            (("a".to_owned(), code("ja")), Loss { read: 200, removed: 180 }),
            (("b".to_owned(), code("fr")), Loss { read: 50, removed: 50 }),
        ]);
        let mut members = vec![(7, 0), (1, 0), (7, 1), (7, 0), (7, 0), (1, 1), (1, 2)];
        let shapes = shapes(&mut members);
        assert_eq!(shapes[0], ClusterShape { kept: 1, documents: 3, sources: 3 });
        let found = findings(&guard, &losses, &shapes, |kept| Ok::<_, ()>(format!("d{kept}"))).unwrap();
        let of = |finding: &Finding| format!("{} {} {}", finding.rule, finding.subject, finding.value);
        assert_eq!(
            found.iter().map(of).collect::<Vec<_>>(),
            [
                "max_removed_share source a, language fr 0.95",
                "max_cluster cluster of d7 4",
                "max_cluster_sources cluster of d1 3"
            ]
        );
    }
}
