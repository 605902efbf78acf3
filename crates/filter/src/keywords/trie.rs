//! A double-array trie over letters: finds every stored key that begins at a given place of a text.
//!
//! Terms begin where words begin (or, without word boundaries, at every character), so a trie walked from those places
//! finds all of them; the failure links of an Aho-Corasick automaton would only help terms that begin inside a word,
//! and those are not terms. Most words of a crawl leave the trie after two or three letters.
//!
//! Layout after Aoe 1989 (IEEE Trans. Softw. Eng. 15(9)): node `s` has the child for letter `c` at `base[s] + c` if
//! `check` there is `s`.

/// The number of a node; 0 is the root.
pub type Node = u32;

#[derive(Clone, Copy)]
struct Slot {
    base: u32,
    check: u32,
    /// 1 + number of the key that ends here, or 0.
    key: u32,
}

const EMPTY: Slot = Slot { base: 0, check: u32::MAX, key: 0 };

/// The trie. Keys are numbered in the order in which they were given.
pub struct Trie {
    slots: Vec<Slot>,
    /// No child lies further from its base than this, so one bounds check at the table's end is enough.
    letters: usize,
}

impl Trie {
    /// Builds the trie of `keys`, which are distinct and not empty; letters are in `1..=letters`.
    pub fn new(keys: &[Vec<u16>], letters: usize) -> Trie {
        let mut order: Vec<u32> = (0..keys.len() as u32).collect();
        order.sort_by(|a, b| keys[*a as usize].cmp(&keys[*b as usize]));
        let mut trie = Trie { slots: vec![EMPTY; letters + 1], letters };
        trie.slots[0].check = 0;
        let mut free = 1;
        // Breadth first, so that the upper levels, which every word touches, lie close together.
        let mut queue = std::collections::VecDeque::from([(0 as Node, 0usize, 0..order.len())]);
        while let Some((node, depth, range)) = queue.pop_front() {
            let mut children: Vec<(u16, std::ops::Range<usize>)> = Vec::new();
            for index in range {
                let key = &keys[order[index] as usize];
                match key.get(depth) {
                    None => trie.slots[node as usize].key = order[index] + 1,
                    Some(letter) => match children.last_mut() {
                        Some((last, keys)) if last == letter => keys.end = index + 1,
                        _ => children.push((*letter, index..index + 1)),
                    },
                }
            }
            let Some((first, _)) = children.first() else { continue };
            while trie.is_taken(free) {
                free += 1;
            }
            let mut base = free.saturating_sub(usize::from(*first)).max(1);
            while children.iter().any(|(letter, _)| trie.is_taken(base + usize::from(*letter))) {
                base += 1;
            }
            if trie.slots.len() < base + letters + 1 {
                trie.slots.resize(base + letters + 1, EMPTY);
            }
            trie.slots[node as usize].base = base as u32;
            for (letter, keys) in children {
                let child = base + usize::from(letter);
                trie.slots[child].check = node;
                queue.push_back((child as Node, depth + 1, keys));
            }
        }
        trie
    }

    /// The node under `node` by `letter`; letter 0 leads nowhere.
    #[inline]
    pub fn child(&self, node: Node, letter: u16) -> Option<Node> {
        debug_assert!(usize::from(letter) <= self.letters);
        let child = self.slots[node as usize].base + u32::from(letter);
        match self.slots.get(child as usize) {
            Some(slot) if letter != 0 && slot.check == node && child != 0 => Some(child),
            _ => None,
        }
    }

    /// The number of the key that ends at `node`.
    #[inline]
    pub fn key(&self, node: Node) -> Option<u32> {
        self.slots[node as usize].key.checked_sub(1)
    }

    fn is_taken(&self, slot: usize) -> bool {
        self.slots.get(slot).is_some_and(|slot| slot.check != u32::MAX)
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
        assert!(prefixes(&Trie::new(&[], 3), &[1, 2, 3]).is_empty());
    }

    proptest! {
        #[test]
        fn finds_exactly_the_keys_that_are_prefixes(
            keys in prop::collection::btree_set(prop::collection::vec(1u16..6, 1..5), 0..40),
            text in prop::collection::vec(0u16..6, 0..8),
        ) {
            let keys: Vec<Vec<u16>> = keys.into_iter().collect();
            let mut expected: Vec<u32> = (0..keys.len() as u32).filter(|key| text.starts_with(&keys[*key as usize])).collect();
            expected.sort_by_key(|key| keys[*key as usize].len());
            prop_assert_eq!(prefixes(&Trie::new(&keys, 5), &text), expected);
        }
    }
}
