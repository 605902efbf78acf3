//! A table of words, all inflected forms of them: finds a whole word of a text in one look.

use super::alphabet::Symbol;

/// The forms, numbered in the order in which they were given. Open addressing with linear probing.
pub struct FormTable {
    /// 1 + number of a form, or 0.
    slots: Vec<u32>,
    letters: Vec<u16>,
    /// By form: where its letters end; they begin where those of the form before end.
    ends: Vec<u32>,
}

impl FormTable {
    /// The table of `forms`, which are distinct.
    pub fn new<'f>(forms: impl ExactSizeIterator<Item = &'f [u16]>) -> FormTable {
        let slots = (2 * forms.len()).next_power_of_two().max(2);
        let mut table = FormTable { slots: vec![0; slots], letters: Vec::new(), ends: Vec::new() };
        for form in forms {
            table.letters.extend_from_slice(form);
            table.ends.push(table.letters.len() as u32);
            let mut slot = table.slot(form.iter().copied());
            while table.slots[slot] != 0 {
                slot = (slot + 1) & (table.slots.len() - 1);
            }
            table.slots[slot] = table.ends.len() as u32;
        }
        table
    }

    /// The number of the form that is `word`.
    pub fn find(&self, word: &[Symbol]) -> Option<usize> {
        let letters = || word.iter().map(|symbol| symbol.letter());
        let mut slot = self.slot(letters());
        loop {
            let number = self.slots[slot].checked_sub(1)? as usize;
            let start = number.checked_sub(1).map_or(0, |before| self.ends[before] as usize);
            if self.letters[start..self.ends[number] as usize].iter().copied().eq(letters()) {
                return Some(number);
            }
            slot = (slot + 1) & (self.slots.len() - 1);
        }
    }

    fn slot(&self, letters: impl Iterator<Item = u16>) -> usize {
        let hash = letters
            .fold(0u64, |hash, letter| (hash.rotate_left(7) ^ u64::from(letter)).wrapping_mul(0x9E37_79B9_7F4A_7C15));
        (hash >> (64 - self.slots.len().trailing_zeros())) as usize
    }
}
