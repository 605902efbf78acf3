//! What a keyword rule counts in one text, and the density made of it.

/// Keywords in one text.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Count {
    /// Number of different terms that occur.
    pub distinct: u64,
    /// Characters covered by terms; under the rule `mmedc` overlapping terms count each.
    pub hit_chars: u64,
    /// Characters of the text (Unicode scalar values).
    pub chars: u64,
}

impl Count {
    /// Share of the characters covered by terms, `hit_chars / chars`; 0 for an empty text. In 0..=1 under the rule
    /// `native`.
    pub fn density(&self) -> f64 {
        if self.chars == 0 { 0.0 } else { self.hit_chars as f64 / self.chars as f64 }
    }
}
