//! What a first judgement of all blocks says about each of them: how likely its neighbours, its section and its like are to be
//! text. `learned` judges by these numbers a second time.

use std::collections::BTreeMap;

use crate::features::GROUPS;

/// Numbers of one block.
pub(crate) const COUNT: usize = 17 + GROUPS;
/// Blocks before and behind that are asked for one by one.
const NEAR: usize = 4;
/// Blocks before and behind that are asked for together.
const WINDOWS: [usize; 2] = [8, 30];

/// A sum of probabilities, weighted by text.
#[derive(Clone, Copy, Default)]
struct Sum {
    likely: f64,
    text: f64,
}

impl Sum {
    fn less(self, other: Sum) -> Sum {
        Sum { likely: self.likely - other.likely, text: self.text - other.text }
    }

    fn mean(self) -> f32 {
        (self.likely / self.text.max(1.0)) as f32
    }
}

/// The numbers of all blocks, by the probabilities of the first judgement, the sizes and the groups that they are in.
pub(crate) fn rows(likely: &[f64], sizes: &[f64], groups: &[[u32; GROUPS]]) -> Vec<[f32; COUNT]> {
    let count = likely.len();
    let mut before = vec![Sum::default(); count + 1];
    let mut together: BTreeMap<(usize, u32), Sum> = BTreeMap::new();
    let own = |index: usize| Sum { likely: likely[index] * sizes[index], text: sizes[index] };
    for index in 0..count {
        let (sum, it) = (before[index], own(index));
        before[index + 1] = Sum { likely: sum.likely + it.likely, text: sum.text + it.text };
        for (sort, group) in groups[index].iter().enumerate() {
            let sum = together.entry((sort, *group)).or_default();
            (sum.likely, sum.text) = (sum.likely + it.likely, sum.text + it.text);
        }
    }
    let all = before[count];
    let most = likely.iter().copied().fold(0.0, f64::max);
    let row = |index: usize| {
        let mut row = [0.0f32; COUNT];
        let mut next = 0;
        let mut push = |number: f32| {
            row[next] = number;
            next += 1;
        };
        let likely_at = |at: Option<usize>| at.and_then(|it| likely.get(it)).map_or(-1.0, |it| *it as f32);
        push(likely[index] as f32);
        (1..=NEAR).rev().for_each(|step| push(likely_at(index.checked_sub(step))));
        (1..=NEAR).for_each(|step| push(likely_at(Some(index + step))));
        for window in WINDOWS {
            push(before[index].less(before[index.saturating_sub(window)]).mean());
            push(before[(index + window + 1).min(count)].less(before[index + 1]).mean());
        }
        push(all.mean());
        push(most as f32);
        push((before[index].likely / all.likely.max(1e-9)) as f32);
        push(all.likely as f32);
        for (sort, group) in groups[index].iter().enumerate() {
            let others = together[&(sort, *group)].less(own(index));
            push(if others.text > 0.0 { others.mean() } else { -1.0 });
        }
        row
    };
    (0..count).map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_is_told_of_its_neighbours_and_its_like_but_not_of_itself() {
        let rows = rows(&[0.5, 1.0, 0.0], &[10.0, 30.0, 10.0], &[[0; GROUPS], [1; GROUPS], [0; GROUPS]]);
        let [first, second, _] = &rows[..] else { panic!("three blocks") };
        assert_eq!((first[0], first[4], first[5], first[6], first[7]), (0.5, -1.0, 1.0, 0.0, -1.0));
        assert_eq!((second[9], second[10]), (0.5, 0.0));
        assert_eq!((first[13], first[14], second[16]), (0.7, 1.0, 35.0));
        assert_eq!((first[17], second[17], rows[2][17]), (0.0, -1.0, 0.5));
    }
}
