//! What a keyword rule counts in one text, and the numbers made of it.

use std::ops::Range;

/// Characters of a segment: about a sentence. A power of two, so that the segment of a character is a shift.
const SEGMENT_CHARS: usize = 128;

/// Of a segment at most half counts in `telling_density`: running text about medicine rarely has more. In hundredths of
/// characters.
const MAX_SEGMENT_COVER: u64 = SEGMENT_CHARS as u64 / 2 * 100;

/// Characters of a stretch in the sense of `densest_stretch`.
pub const STRETCH_CHARS: usize = 2048;

/// What a term weighs that the list gives no weight, in hundredths.
pub const PLAIN_WEIGHT: u32 = 100;

/// From this weight on, in hundredths, a term's characters count in full in `telling_density`.
const FULL_WEIGHT: u32 = 300;

/// Keywords in one text.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Count {
    /// Number of different terms that occur.
    pub distinct: u64,
    /// Sum of the weights of these terms, in hundredths; 0 under the rule `mmedc`, which has none.
    pub weight: u64,
    /// Characters covered by terms; under the rule `mmedc` overlapping terms count each.
    pub hit_chars: u64,
    /// Characters of the text (Unicode scalar values).
    pub chars: u64,
    /// Like `hit_chars`, but by how telling each term is, and of each segment of 128 characters at most half: a list of
    /// terms at the end of a page gains little by its length. In hundredths of characters; 0 under the rule `mmedc`.
    pub telling_chars: u64,
    /// Segments of 128 characters in which a term begins; 0 under the rule `mmedc`.
    pub hit_segments: u64,
    /// The most characters that terms cover in one stretch of 2,048 characters; 0 under the rule `mmedc`.
    pub densest_stretch: u64,
}

impl Count {
    /// Share of the characters covered by terms, `hit_chars / chars`; 0 for an empty text. In 0..=1 under the rule
    /// `native`.
    pub fn density(&self) -> f64 {
        share(self.hit_chars, self.chars)
    }

    /// Share of the characters covered by terms, each as far as it is telling and no segment for more than half; in 0..=0.5.
    pub fn telling_density(&self) -> f64 {
        share(self.telling_chars, 100 * self.chars)
    }

    /// Share of the segments in which a term begins, in 0..=1: near 1 where a text speaks of medicine throughout, near 0
    /// where it has all its terms in one place.
    pub fn spread(&self) -> f64 {
        share(self.hit_segments, self.chars.div_ceil(SEGMENT_CHARS as u64))
    }

    /// The density of the text or of its densest stretch, whichever is higher: a section on medicine in a long page is seen.
    pub fn highest_density(&self) -> f64 {
        self.density().max(share(self.densest_stretch, self.chars.min(STRETCH_CHARS as u64)))
    }
}

fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

/// Adds up hits, whose starts ascend.
#[derive(Default)]
pub struct Sums {
    /// Where the union of the hits so far ends.
    covered_to: usize,
    hit_chars: usize,
    telling_chars: u64,
    hit_segments: usize,
    densest_stretch: usize,
    /// The running segment and stretch: number, and what of it is covered.
    segment: (usize, u64),
    stretch: (usize, usize),
}

impl Sums {
    /// A term of this weight, in hundredths, at these characters. What it adds to the union of all hits counts where the term begins.
    #[inline]
    pub fn add(&mut self, chars: Range<usize>, weight: u32) {
        let added = chars.end.saturating_sub(chars.start.max(self.covered_to));
        self.covered_to = self.covered_to.max(chars.end);
        self.hit_chars += added;
        if chars.start / SEGMENT_CHARS != self.segment.0 || self.hit_segments == 0 {
            self.end_segment();
            self.segment.0 = chars.start / SEGMENT_CHARS;
            self.hit_segments += 1;
        }
        if chars.start / STRETCH_CHARS != self.stretch.0 {
            self.end_stretch();
            self.stretch.0 = chars.start / STRETCH_CHARS;
        }
        self.segment.1 += added as u64 * u64::from(weight.min(FULL_WEIGHT)) * 100 / u64::from(FULL_WEIGHT);
        self.stretch.1 += added;
    }

    fn end_segment(&mut self) {
        self.telling_chars += self.segment.1.min(MAX_SEGMENT_COVER);
        self.segment.1 = 0;
    }

    fn end_stretch(&mut self) {
        self.densest_stretch = self.densest_stretch.max(self.stretch.1);
        self.stretch.1 = 0;
    }

    /// The count of a text of `chars` characters with `distinct` terms that together weigh `weight`.
    pub fn finish(mut self, chars: usize, distinct: usize, weight: u64) -> Count {
        self.end_segment();
        self.end_stretch();
        Count {
            distinct: distinct as u64,
            weight,
            hit_chars: self.hit_chars as u64,
            chars: chars as u64,
            telling_chars: self.telling_chars,
            hit_segments: self.hit_segments as u64,
            densest_stretch: self.densest_stretch as u64,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(hits: &[Range<usize>], chars: usize) -> Count {
        let mut sums = Sums::default();
        hits.iter().for_each(|hit| sums.add(hit.clone(), FULL_WEIGHT));
        sums.finish(chars, 1, 0)
    }

    #[test]
    fn overlapping_hits_count_once() {
        assert_eq!(count(&[0..4, 2..6, 2..3], 10).hit_chars, 6);
    }

    #[test]
    fn terms_in_one_place_have_little_spread_and_a_capped_density() {
        let list: Vec<Range<usize>> = (0..12).map(|place| place * 10..place * 10 + 9).collect();
        let stuffed = count(&list, 1280);
        assert_eq!((stuffed.spread(), stuffed.telling_chars, stuffed.hit_chars), (0.1, 6400, 108));
        let spread: Vec<Range<usize>> = (0..10).map(|place| place * 128..place * 128 + 9).collect();
        assert_eq!((count(&spread, 1280).spread(), count(&spread, 1280).telling_chars), (1.0, 9000));
    }

    #[test]
    fn the_densest_stretch_of_a_long_text_is_remembered() {
        let hits: Vec<Range<usize>> = (0..20).map(|place| 4096 + place * 100..4096 + place * 100 + 50).collect();
        let long = count(&hits, 100_000);
        assert_eq!(long.density(), 0.01);
        assert_eq!(long.highest_density(), 1000.0 / 2048.0);
    }

    #[test]
    fn an_empty_text_has_no_density_and_no_spread() {
        let empty = count(&[], 0);
        assert_eq!((empty.density(), empty.spread(), empty.highest_density()), (0.0, 0.0, 0.0));
    }
}
