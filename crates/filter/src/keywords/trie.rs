//! A trie over letters: finds every stored key that begins at a given place of a text.
//!
//! Terms begin where words begin (or, without word boundaries, at every character), so a trie walked from those places
//! finds all of them; the failure links of an Aho-Corasick automaton would only help terms that begin inside a word,
//! and those are not terms.
//!
//! Nodes are numbered level by level, so the children of a node lie side by side, sorted by letter, and a node is three
//! numbers. It is built in one pass over the sorted keys. A double array (Aoe 1989) answers faster but took seconds to
//! build for 27,000 terms, and the prefix filter leaves few places to ask about.

use std::ops::Range;

/// The number of a node; 0 is the root.
pub type Node = u32;

/// The trie. Keys are numbered in the order in which they were given.
pub struct Trie {
    /// By node: the letter that leads to it.
    letters: Vec<u16>,
    /// By node: its first child; the children end where those of the next node begin.
    children: Vec<Node>,
    /// By node: 1 + number of the key that ends there, or 0.
    keys: Vec<u32>,
}

impl Trie {
    /// Builds the trie of `keys`, which are distinct and not empty.
    pub fn new(keys: &[Vec<u16>]) -> Trie {
        let mut order: Vec<u32> = (0..keys.len() as u32).collect();
        order.sort_by(|a, b| keys[*a as usize].cmp(&keys[*b as usize]));
        let mut trie = Trie { letters: vec![0], children: Vec::new(), keys: Vec::new() };
        // The keys below each node of one level: a range of `order`.
        let mut level: Vec<Range<usize>> = std::iter::once(0..keys.len()).collect();
        let mut depth = 0;
        while !level.is_empty() {
            let mut next: Vec<Range<usize>> = Vec::new();
            for range in level {
                trie.children.push(trie.letters.len() as Node);
                let first = range.clone().next().map(|index| order[index]);
                let ends_here = first.filter(|key| keys[*key as usize].len() == depth);
                trie.keys.push(ends_here.map_or(0, |key| key + 1));
                let below = &order[range.start + usize::from(ends_here.is_some())..range.end];
                let mut start = range.end - below.len();
                for same in below.chunk_by(|a, b| keys[*a as usize][depth] == keys[*b as usize][depth]) {
                    trie.letters.push(keys[same[0] as usize][depth]);
                    next.push(start..start + same.len());
                    start += same.len();
                }
            }
            level = next;
            depth += 1;
        }
        trie.children.push(trie.letters.len() as Node);
        trie
    }

    /// The node under `node` by `letter`.
    #[inline]
    pub fn child(&self, node: Node, letter: u16) -> Option<Node> {
        let first = self.children[node as usize];
        let siblings = &self.letters[first as usize..self.children[node as usize + 1] as usize];
        siblings.binary_search(&letter).ok().map(|place| first + place as Node)
    }

    /// The number of the key that ends at `node`.
    #[inline]
    pub fn key(&self, node: Node) -> Option<u32> {
        self.keys[node as usize].checked_sub(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn prefixes(trie: &Trie, text: &[u16]) -> Vec<u32> {
        let (mut node, mut found) = (0, Vec::new());
        for letter in text {
            let Some(next) = trie.child(node, *letter) else { break };
            node = next;
            found.extend(trie.key(node));
        }
        found
    }

    #[test]
    fn an_empty_trie_finds_nothing() {
        assert!(prefixes(&Trie::new(&[]), &[1, 2, 3]).is_empty());
    }

    proptest! {
        #[test]
        fn finds_exactly_the_keys_that_are_prefixes(
            keys in prop::collection::btree_set(prop::collection::vec(1u16..6, 1..5), 0..40),
            text in prop::collection::vec(0u16..6, 0..8),
        ) {
            let keys: Vec<Vec<u16>> = keys.into_iter().rev().collect();
            let mut expected: Vec<u32> = (0..keys.len() as u32).filter(|key| text.starts_with(&keys[*key as usize])).collect();
            expected.sort_by_key(|key| keys[*key as usize].len());
            prop_assert_eq!(prefixes(&Trie::new(&keys), &text), expected);
        }
    }
}
