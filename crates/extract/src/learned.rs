//! Which blocks of a page are its text, where rules written by hand do not know: sums of small decision trees, learned from
//! pages of seven sorts (articles, services, shops, lists, forums, documentation, collections). The first sum judges each
//! block by its own numbers (`features`), the second by what the first says of those around it (`neighbours`); the mean of
//! the two probabilities counts.
//!
//! `blocks.trees` and `neighbours.trees` hold the trees, a line each, in preorder: `f7 0.25` asks whether the seventh number is at most 0.25 (the
//! left branch comes next, then the right one), a bare number is a leaf. `tests/bench/train_blocks.py` makes the files.

use std::sync::OnceLock;

use crate::{
    dom::Dom,
    features::{self, Features, Seen},
    measure::Measures,
    neighbours,
    page_kind::PageKind,
    select::{Selection, mark},
    tag::Tag,
};

const FIRST: &str = include_str!("blocks.trees");
const SECOND: &str = include_str!("neighbours.trees");
/// No block that is less likely to be text than this is kept, whatever else there is.
const LEAST: f64 = 0.2;
const LEAF: u32 = u32::MAX;

struct Node {
    /// The number asked for, or [`LEAF`].
    feature: u32,
    /// Where the right branch begins.
    right: u32,
    /// The threshold, or the value of the leaf.
    value: f32,
}

struct Forest {
    nodes: Vec<Node>,
    roots: Vec<u32>,
}

impl Forest {
    /// The trees of the first judgement, and those of the second.
    fn shipped() -> &'static [Forest; 2] {
        static FORESTS: OnceLock<[Forest; 2]> = OnceLock::new();
        FORESTS.get_or_init(|| [Forest::parse(FIRST, features::COUNT), Forest::parse(SECOND, neighbours::COUNT)])
    }

    fn parse(trees: &str, count: usize) -> Forest {
        let mut forest = Forest { nodes: Vec::new(), roots: Vec::new() };
        for line in trees.lines().filter(|line| !line.starts_with('#') && !line.is_empty()) {
            forest.roots.push(forest.nodes.len() as u32);
            // Nodes whose left branch is being read, then those whose right one is.
            let mut open: Vec<usize> = Vec::new();
            let mut words = line.split_ascii_whitespace();
            while let Some(word) = words.next() {
                let value = |word: &str| word.parse::<f32>().expect("the shipped trees hold numbers");
                match word.strip_prefix('f') {
                    Some(feature) => {
                        let feature = feature.parse().expect("the shipped trees name numbers");
                        assert!((feature as usize) < count, "the shipped trees ask for numbers that exist");
                        open.push(forest.nodes.len());
                        let threshold = value(words.next().expect("a question has a threshold"));
                        forest.nodes.push(Node { feature, right: 0, value: threshold });
                    }
                    None => {
                        forest.nodes.push(Node { feature: LEAF, right: 0, value: value(word) });
                        if let Some(parent) = open.pop() {
                            forest.nodes[parent].right = forest.nodes.len() as u32;
                        }
                    }
                }
            }
        }
        forest
    }

    /// The probability that a block is text, by its numbers.
    fn probability(&self, row: &[f32]) -> f64 {
        rounded(1.0 / (1.0 + (-self.judge(row)).exp()))
    }

    /// Log-odds that a block is text.
    fn judge(&self, row: &[f32]) -> f64 {
        let mut sum = 0.0;
        for root in &self.roots {
            let mut at = *root as usize;
            loop {
                let node = &self.nodes[at];
                if node.feature == LEAF {
                    sum += f64::from(node.value);
                    break;
                }
                at = if row[node.feature as usize] <= node.value { at + 1 } else { node.right as usize };
            }
        }
        sum
    }
}

/// What the trees say of the blocks of a page.
pub(crate) struct Judgement {
    likely: Vec<f64>,
    sizes: Vec<f64>,
    /// The probability from which on blocks are kept.
    least: f64,
}

impl Judgement {
    pub fn of(measures: &Measures, features: &Features) -> Judgement {
        let [first, second] = Forest::shipped();
        let sizes: Vec<f64> = measures.blocks.iter().map(|block| f64::from(block.size.text)).collect();
        let alone: Vec<f64> = features.rows.iter().map(|row| first.probability(row)).collect();
        let rows = neighbours::rows(&alone, &sizes, &features.groups);
        let likely: Vec<f64> =
            alone.iter().zip(&rows).map(|(alone, row)| (alone + second.probability(row)) / 2.0).collect();
        let least = threshold(&likely, &sizes);
        Judgement { likely, sizes, least }
    }

    /// By how much the expected F1 of blocks that were chosen otherwise is less than that of those that are kept here.
    pub fn loss(&self, chosen: &[bool]) -> f64 {
        let own = self.expected_f1(|index| self.likely[index] >= self.least);
        own - self.expected_f1(|index| chosen[index])
    }

    fn expected_f1(&self, is_kept: impl Fn(usize) -> bool) -> f64 {
        let (mut right, mut kept, mut expected) = (0.0, 0.0, 0.0);
        for (index, (likely, size)) in self.likely.iter().zip(&self.sizes).enumerate() {
            expected += likely * size;
            if is_kept(index) {
                right += likely * size;
                kept += size;
            }
        }
        2.0 * right / (kept + expected).max(1.0)
    }
}

/// The blocks of a page that are its text; none where no block looks like it.
pub(crate) fn select(dom: &Dom, measures: &Measures, seen: &Seen, judgement: &Judgement) -> Option<Selection> {
    let (likely, least) = (&judgement.likely, judgement.least);
    let mut dropped = measures.silent.clone();
    if likely.iter().all(|it| *it < least) {
        return None;
    }
    let in_table = data_tables(dom, measures);
    for (index, block) in measures.blocks.iter().enumerate() {
        // Values belong together: a table that the rules keep stays whole. The tables of shops compare other things.
        let by_rules = if seen.kind == PageKind::Catalogue { &seen.strict } else { &seen.wide };
        if likely[index] >= least || (by_rules[index] && in_table[block.first as usize]) {
            continue;
        }
        let range = block.first as usize..=block.last as usize;
        for (flag, node) in dropped[range.clone()].iter_mut().zip(range) {
            *flag |= dom.tag(node) == Tag::TEXT;
        }
    }
    Some(Selection { roots: vec![0], dropped })
}

/// Machines may differ in the last bit of an exponential, and must not differ in what they keep.
fn rounded(probability: f64) -> f64 {
    (probability * f64::from(1 << 20)).round() / f64::from(1 << 20)
}

/// Which nodes stand in a table of values: one with headings of rows or columns, hardly any links, and no table inside.
fn data_tables(dom: &Dom, measures: &Measures) -> Vec<bool> {
    let mut flags = vec![false; dom.len()];
    let (mut table, mut has_headings) = (None, false);
    for node in 0..=dom.len() {
        if let Some(open) = table
            && (node == dom.len() || node >= dom.end(open))
        {
            if has_headings && measures.sizes[open].link_density() < 0.2 {
                mark(dom, &mut flags, open);
            }
            table = None;
        }
        match (node < dom.len()).then(|| dom.tag(node)) {
            Some(Tag::TABLE) => (table, has_headings) = (Some(node), false),
            Some(Tag::TH) => has_headings = true,
            _ => {}
        }
    }
    flags
}

/// The probability from which on blocks are kept: the one that makes the expected F1 of the page the largest.
fn threshold(likely: &[f64], sizes: &[f64]) -> f64 {
    let mut order: Vec<usize> = (0..likely.len()).collect();
    order.sort_by(|one, other| likely[*other].total_cmp(&likely[*one]));
    let expected: f64 = likely.iter().zip(sizes).map(|(likely, size)| likely * size).sum();
    let (mut right, mut kept, mut best, mut least) = (0.0, 0.0, 0.0, 1.0);
    for index in order {
        right += likely[index] * sizes[index];
        kept += sizes[index];
        let f1 = 2.0 * right / (kept + expected).max(1.0);
        if f1 > best {
            (best, least) = (f1, likely[index]);
        }
    }
    least.max(LEAST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trees_are_read_in_preorder() {
        let forest = Forest::parse("# two trees\nf1 0.5 f0 2 -1 3 10\n0.25\n", 2);
        let judge = |row: [f32; 2]| forest.judge(&row);
        assert_eq!((judge([0.0, 0.0]), judge([2.5, 0.0]), judge([2.5, 0.75])), (-0.75, 3.25, 10.25));
        assert!(Forest::shipped().iter().all(|forest| forest.roots.len() > 10));
    }

    #[test]
    fn the_loss_is_small_where_few_words_differ() {
        let (likely, sizes) = (vec![0.95, 0.9, 0.1], vec![1000.0, 20.0, 900.0]);
        let judgement = Judgement { least: threshold(&likely, &sizes), likely, sizes };
        assert_eq!(judgement.loss(&[true, true, false]), 0.0);
        assert!((0.001..0.02).contains(&judgement.loss(&[true, false, false])));
        assert!(judgement.loss(&[true, true, true]) > 0.2 && judgement.loss(&[false, true, false]) > 0.8);
    }

    #[test]
    fn an_unlikely_block_is_kept_only_where_all_are_unlikely() {
        // Against a long likely text a doubtful block costs more than it brings.
        assert_eq!(threshold(&[0.95, 0.4], &[1000.0, 900.0]), 0.95);
        assert_eq!(threshold(&[0.5, 0.45], &[1000.0, 900.0]), 0.45);
        assert_eq!(threshold(&[0.01, 0.02], &[1000.0, 900.0]), LEAST);
    }
}
