//! Boilerplate: paragraphs that recur on the pages of a site, and texts without them.

use std::{borrow::Cow, fmt, ops::Range, str::FromStr};

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

use crate::{canonical_url, normal::Normal};

/// Which paragraphs are boilerplate (`[duplicates.boilerplate]` of a pipeline).
///
/// A paragraph is a line of a text. One that recurs stays in the first document that has it, so nothing that was said
/// once is lost: a disclaimer, a cookie notice, and also the sentence on inheritance that a site of genetics repeats.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Boilerplate {
    /// Documents of one site, after duplicates have gone, in which a paragraph must occur.
    pub min_documents: u64,
    /// Share of the site's documents in which it must occur, in 0..=1.
    pub min_share: f64,
    /// Characters of the shortest paragraph that counts, so that headings stay; one of a script that does not part words
    /// (from U+2E80 on) counts as three.
    pub min_chars: u64,
    /// A text of which a larger share of its bytes would go stays whole, in 0..=1: what little is left of it says nothing.
    pub max_text_share: f64,
}

impl Default for Boilerplate {
    fn default() -> Boilerplate {
        Boilerplate { min_documents: 10, min_share: 0.1, min_chars: 40, max_text_share: 0.8 }
    }
}

/// The site of a document: the host of its address, else its source.
pub fn site_of<'a>(url: Option<&str>, source: &'a str) -> Cow<'a, str> {
    let canonical = url.and_then(canonical_url);
    let host = canonical.as_deref().map(|url| url.split(['/', '?', '#']).next().unwrap_or_default().to_owned());
    host.map_or(Cow::Borrowed(source), Cow::Owned)
}

/// Reads texts as paragraphs, reusing its room.
#[derive(Debug, Default)]
pub struct ParagraphReader {
    normal: Normal,
}

/// From here on Unicode has the scripts of East Asia.
const EAST_ASIAN: char = '\u{2e80}';

impl ParagraphReader {
    /// Calls `visit` with the place and the hash of each paragraph that is long enough to count. Paragraphs that are equal
    /// in normal form (lower case, white space as single blanks) have one hash, which is never 0.
    pub fn each(&mut self, text: &str, rule: &Boilerplate, visit: &mut dyn FnMut(Range<usize>, u64)) {
        let mut start = 0;
        for line in text.split('\n') {
            let range = start..start + line.len();
            start = range.end + 1;
            // No script has more than one character a byte, nor counts a byte for more than one.
            if (line.len() as u64) < rule.min_chars {
                continue;
            }
            let chars: u64 = line.chars().map(|character| if character >= EAST_ASIAN { 3 } else { 1 }).sum();
            if chars >= rule.min_chars {
                self.normal.set(line);
                visit(range, xxh3_64(self.normal.as_str().as_bytes()).max(1));
            }
        }
    }
}

/// What is cut out of a text: ranges of bytes, ascending, apart from each other. It is also the map from the new text to
/// the old one.
///
/// ```
/// let text = "Asthma\nAsk your doctor.\n\nIt is a disease.";
/// let cut = dedup::Cut::of_lines(text, &[7..23]);
/// assert_eq!((cut.to_string().as_str(), cut.apply(text).as_deref()), ("6+17", Some("Asthma\n\nIt is a disease.")));
/// assert_eq!(cut.place_before(8), 25);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Cut(Vec<Range<usize>>);

impl Cut {
    /// Cuts lines (without their line feeds, ascending) out of a text, with so many line feeds that the larger of the gaps
    /// around them stays.
    pub fn of_lines(text: &str, lines: &[Range<usize>]) -> Cut {
        let bytes = text.as_bytes();
        let feeds_before = |place: usize| bytes[..place].iter().rev().take_while(|byte| **byte == b'\n').count();
        let feeds_after = |place: usize| bytes[place..].iter().take_while(|byte| **byte == b'\n').count();
        let mut blocks: Vec<Range<usize>> = Vec::new();
        for line in lines {
            match blocks.last_mut() {
                Some(last) if last.end + feeds_after(last.end) == line.start => last.end = line.end,
                _ => blocks.push(line.clone()),
            }
        }
        for block in &mut blocks {
            let (before, after) = (feeds_before(block.start), feeds_after(block.end));
            let (is_first, is_last) = (block.start == before, block.end + after == bytes.len());
            if is_last || (!is_first && before < after) {
                block.start -= before;
            }
            if is_first || is_last || before >= after {
                block.end += after;
            }
        }
        Cut(blocks)
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Bytes that go.
    pub fn bytes(&self) -> usize {
        self.0.iter().map(Range::len).sum()
    }

    /// The text without them; nothing if this is no cut of it.
    pub fn apply(&self, text: &str) -> Option<String> {
        let mut rest = String::with_capacity(text.len());
        let mut end = 0;
        for range in &self.0 {
            rest.push_str(text.get(end..range.start)?);
            end = range.end;
        }
        rest.push_str(text.get(end..)?);
        Some(rest)
    }

    /// The place that a place of the new text had before.
    pub fn place_before(&self, place: usize) -> usize {
        self.0.iter().fold(place, |place, range| if range.start <= place { place + range.len() } else { place })
    }
}

/// As `start+length start+length …`, in bytes of the text before.
impl fmt::Display for Cut {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, range) in self.0.iter().enumerate() {
            let blank = if number == 0 { "" } else { " " };
            write!(formatter, "{blank}{}+{}", range.start, range.len())?;
        }
        Ok(())
    }
}

impl FromStr for Cut {
    type Err = String;

    fn from_str(text: &str) -> Result<Cut, String> {
        let wrong = || format!("{text:?} is no list of `start+length`, ascending and apart from each other");
        let mut cut = Cut::default();
        for part in text.split(' ').filter(|part| !part.is_empty()) {
            let (start, length) = part.split_once('+').ok_or_else(wrong)?;
            let start: usize = start.parse().map_err(|_| wrong())?;
            let end = length.parse().ok().and_then(|length| start.checked_add(length)).ok_or_else(wrong)?;
            if end == start || cut.0.last().is_some_and(|last| start < last.end) {
                return Err(wrong());
            }
            cut.0.push(start..end);
        }
        Ok(cut)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_site_is_a_host_or_a_source() {
        assert_eq!(site_of(Some("https://www.Clinic.example/a?b=1"), "s"), "clinic.example");
        assert_eq!(site_of(Some("leaflet 7"), "s"), "s");
        assert_eq!(site_of(None, "s"), "s");
    }

    #[test]
    fn paragraphs_are_lines_that_are_long_enough() {
        let rule = Boilerplate { min_chars: 12, ..Boilerplate::default() };
        let mut found = Vec::new();
        let text = "Causes\nAsk  YOUR doctor.\n\nask your doctor.\n喘息の原因\n原因は";
        ParagraphReader::default().each(text, &rule, &mut |range, hash| found.push((&text[range], hash)));
        assert_eq!(
            found.iter().map(|it| it.0).collect::<Vec<_>>(),
            ["Ask  YOUR doctor.", "ask your doctor.", "喘息の原因"]
        );
        assert_eq!(found[0].1, found[1].1);
    }

    #[test]
    fn the_larger_gap_around_a_cut_stays() {
        for (text, expected) in [
            ("a\nX\nb", "a\nb"),
            ("a\n\nX\nb", "a\n\nb"),
            ("a\nX\n\nb", "a\n\nb"),
            ("a\n\nX\n\nb", "a\n\nb"),
            ("X\n\na", "a"),
            ("a\n\nX\n", "a"),
            ("a\nX\nX\n\nX\nb", "a\nb"),
            ("X", ""),
        ] {
            let lines: Vec<_> = text.match_indices('X').map(|(place, _)| place..place + 1).collect();
            assert_eq!(Cut::of_lines(text, &lines).apply(text).unwrap(), expected, "{text:?}");
        }
    }

    #[test]
    fn what_is_no_cut_is_refused() {
        for wrong in ["3", "3+", "+3", "3+0", "3+2 4+1", "a+b", "3+18446744073709551615"] {
            assert!(wrong.parse::<Cut>().is_err(), "{wrong}");
        }
        assert_eq!("4+2".parse::<Cut>().unwrap().apply("心筋"), None);
    }

    proptest! {
        #[test]
        fn the_other_lines_stay_in_their_order(lines in proptest::collection::vec("(é|b| ){0,3}", 0..12), cut in any::<u16>()) {
            let text = lines.join("\n");
            let (mut start, mut gone, mut kept) = (0, Vec::new(), Vec::new());
            for (number, line) in lines.iter().enumerate() {
                if !line.is_empty() && cut >> number & 1 == 1 {
                    gone.push(start..start + line.len());
                } else if !line.is_empty() {
                    kept.push(line.as_str());
                }
                start += line.len() + 1;
            }
            let cut = Cut::of_lines(&text, &gone);
            let rest = cut.apply(&text).unwrap();
            prop_assert_eq!(rest.split('\n').filter(|line| !line.is_empty()).collect::<Vec<_>>(), kept);
            prop_assert_eq!(text.len() - rest.len(), cut.bytes());
            prop_assert_eq!(cut.to_string().parse::<Cut>().unwrap(), cut.clone());
            for (place, character) in rest.char_indices() {
                prop_assert!(text[cut.place_before(place)..].starts_with(character));
            }
        }
    }
}
