//! Evidence: what proves or refutes that two texts repeat each other, small enough to be kept for every candidate.
//!
//! It is the text as a row of units: 32 bits a word (a hash, and whether it looks like a number or a name), or 16 bits a
//! character where words are not separated. That is two thirds of an English or Chinese text, a third of a Russian one. The
//! similarity of two texts is computed from all their shingles, not estimated.

use xxhash_rust::xxh3::xxh3_64;

use crate::{
    Shingle,
    shingles::{Shingler, WORDS, each_shingle},
};

/// What a unit looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Look {
    Plain = 0,
    /// A word that begins with a capital inside a sentence; a Latin letter or katakana among ideographs.
    Name = 1,
    /// It has a digit.
    Number = 2,
}

const LOOKS: [Look; 4] = [Look::Plain, Look::Name, Look::Number, Look::Plain];

/// The evidence of one text.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Evidence {
    units: Units,
    /// Different shingles.
    shingles: u32,
    size: u32,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Units {
    /// Hash of the word in the upper 30 bits, look in the lower two.
    Words(Vec<u32>),
    /// UTF-16.
    Chars(Vec<u16>),
}

impl Default for Units {
    fn default() -> Units {
        Units::Words(Vec::new())
    }
}

impl Units {
    fn len(&self) -> usize {
        match self {
            Units::Words(words) => words.len(),
            Units::Chars(characters) => characters.len(),
        }
    }

    /// The unit's identity, without its look.
    fn identity(&self, place: usize) -> u32 {
        match self {
            Units::Words(words) => words[place] >> 2,
            Units::Chars(characters) => u32::from(characters[place]),
        }
    }

    fn look(&self, place: usize) -> Look {
        match self {
            Units::Words(words) => LOOKS[(words[place] & 3) as usize],
            Units::Chars(characters) => match char::from_u32(u32::from(characters[place])) {
                Some(character) if character.is_numeric() && !is_ideograph(character) => Look::Number,
                Some('a'..='z' | 'ａ'..='ｚ' | '\u{3a1}'..='\u{52f}' | 'ァ'..='ヺ' | 'ー') => Look::Name,
                _ => Look::Plain,
            },
        }
    }
}

fn is_ideograph(character: char) -> bool {
    ('\u{3400}'..='\u{9fff}').contains(&character)
}

/// Makes and compares evidence, reusing its room.
#[derive(Debug, Default)]
pub struct Comparer {
    shingler: Shingler,
    capitals: Vec<usize>,
    /// The text under judgement: its shingles, found by hash.
    table: Table,
}

/// What the comparison of two texts says.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Comparison {
    /// Jaccard similarity of the shingles: shared / all, in 0..=1.
    pub similarity: f64,
    /// Whether what differs is mostly numbers and names, so that both are one template filled in twice. Only looked
    /// into where the similarity reaches the one asked for.
    pub is_template: bool,
}

impl Comparer {
    /// The evidence of `text`.
    pub fn evidence(&mut self, text: &str, shingle: Shingle) -> Evidence {
        let normal = &mut self.shingler.normal;
        let units = match shingle {
            Shingle::Words(_) => {
                self.capitals.clear();
                normal.set_with_capitals(text, &mut |place| self.capitals.push(place));
                let (normal, mut capitals) = (normal.as_str(), self.capitals.iter().copied().peekable());
                let mut words = Vec::new();
                WORDS.each(normal, &mut |start, length| {
                    let word = &normal.as_bytes()[start..start + length];
                    while capitals.next_if(|capital| *capital < start).is_some() {}
                    let look = if has_digit(&normal[start..start + length]) {
                        Look::Number
                    } else if capitals.peek() == Some(&start) {
                        Look::Name
                    } else {
                        Look::Plain
                    };
                    words.push((xxh3_64(word) >> 34 << 2) as u32 | look as u32);
                });
                Units::Words(words)
            }
            Shingle::Chars(_) => {
                normal.set(text);
                Units::Chars(normal.as_str().encode_utf16().filter(|unit| *unit != u16::from(b' ')).collect())
            }
        };
        let mut evidence = Evidence { units, shingles: 0, size: shingle.size() as u32 };
        self.table.clear(evidence.units.len());
        let table = &mut self.table;
        evidence.each_shingle(&mut |hash| table.insert(hash));
        evidence.shingles = self.table.len;
        evidence
    }

    /// Takes a text under judgement, for `compare`.
    pub fn judge(&mut self, evidence: &Evidence) {
        self.table.clear(evidence.units.len());
        let table = &mut self.table;
        evidence.each_shingle(&mut |hash| table.insert(hash));
    }

    /// Compares `other` with `judged`, which `judge` was given last.
    pub fn compare(&mut self, judged: &Evidence, other: &Evidence, min_similarity: f64) -> Comparison {
        // Words of one and characters of the other have no shingle in common but by chance.
        if std::mem::discriminant(&judged.units) != std::mem::discriminant(&other.units) {
            return Comparison { similarity: 0.0, is_template: false };
        }
        let most = judged.shingles.min(other.shingles);
        let least_all = judged.shingles.max(other.shingles);
        // Sets of too different sizes cannot be similar, whatever they hold.
        let mut shared = 0u64;
        if most > 0 && f64::from(most) >= min_similarity * f64::from(least_all) {
            self.table.begin_marking();
            let table = &mut self.table;
            other.each_shingle(&mut |hash| shared += u64::from(table.mark(hash)));
        }
        let all = u64::from(judged.shingles) + u64::from(other.shingles) - shared;
        let similarity = if all == 0 { 0.0 } else { shared as f64 / all as f64 };
        let is_template = similarity >= min_similarity && is_template(judged, other);
        Comparison { similarity, is_template }
    }
}

fn has_digit(word: &str) -> bool {
    word.chars().any(char::is_numeric)
}

impl Evidence {
    fn each_shingle(&self, visit: &mut impl FnMut(u64)) {
        let size = self.size as usize;
        match &self.units {
            Units::Words(words) => each_shingle(words.iter().map(|word| u64::from(word >> 2)), size, visit),
            Units::Chars(characters) => each_shingle(characters.iter().map(|it| u64::from(*it)), size, visit),
        }
    }

    /// Appends the evidence in bytes.
    pub fn write(&self, bytes: &mut Vec<u8>) {
        let kind = u8::from(matches!(self.units, Units::Chars(_)));
        bytes.push(kind);
        for number in [self.size, self.shingles, self.units.len() as u32] {
            bytes.extend(number.to_le_bytes());
        }
        match &self.units {
            Units::Words(words) => bytes.extend(words.iter().flat_map(|word| word.to_le_bytes())),
            Units::Chars(characters) => bytes.extend(characters.iter().flat_map(|it| it.to_le_bytes())),
        }
    }

    /// Reads what `write` wrote; nothing if the bytes are not that.
    pub fn read(bytes: &[u8]) -> Option<Evidence> {
        let (kind, rest) = bytes.split_first()?;
        let (head, rest) = rest.split_at_checked(12)?;
        let number = |place: usize| head[place..place + 4].try_into().ok().map(u32::from_le_bytes);
        let (size, shingles, count) = (number(0)?, number(4)?, number(8)? as usize);
        let units = if *kind == 0 {
            Units::Words(rest.as_chunks::<4>().0.iter().map(|word| u32::from_le_bytes(*word)).collect())
        } else {
            Units::Chars(rest.as_chunks::<2>().0.iter().map(|it| u16::from_le_bytes(*it)).collect())
        };
        (units.len() == count && size > 0).then_some(Evidence { units, shingles, size })
    }
}

/// Whether two similar texts are one template filled in twice.
///
/// What stands in one of them more often than in the other is its excess. A unit of the excess is explained
/// - as a number, if it has a digit;
/// - as a name, if it begins with a capital inside a sentence, unless the text capitalises more than a fifth of its words
///   (headlines; languages that capitalise nouns);
/// - as a renaming, if it stands at least twice in one text and hardly in the other: a drug or a disease is named again
///   and again, and each time by the other name, while an editor or a faulty copy changes a word here and a word there.
///
/// Both texts must have an excess, or one merely has more text; and of each excess at least the half must be explained.
/// Words that were changed by chance (faulty copies, synonyms) explain a tenth to a quarter.
fn is_template(a: &Evidence, b: &Evidence) -> bool {
    let (ours, theirs) = (Census::of(&a.units), Census::of(&b.units));
    let (mut of_a, mut of_b) = (Excess::default(), Excess::default());
    let (mut i, mut j) = (0, 0);
    let none = |identity: u32| Counted { identity, count: 0, look: Look::Plain };
    loop {
        let (left, right) = match (ours.units.get(i), theirs.units.get(j)) {
            (None, None) => break,
            (Some(left), Some(right)) if left.identity == right.identity => {
                (i, j) = (i + 1, j + 1);
                (*left, *right)
            }
            (Some(left), right) if right.is_none_or(|right| left.identity < right.identity) => {
                i += 1;
                (*left, none(left.identity))
            }
            (_, Some(right)) => {
                j += 1;
                (none(right.identity), *right)
            }
            (Some(left), None) => {
                i += 1;
                (*left, none(left.identity))
            }
        };
        of_a.add(left, right.count, ours.names_are_rare);
        of_b.add(right, left.count, theirs.names_are_rare);
    }
    // A renaming has two sides.
    let renamed = of_a.renamed > 0 && of_b.renamed > 0;
    [of_a, of_b].iter().all(|excess| {
        let explained = excess.looks + if renamed { excess.renamed } else { 0 };
        explained > 0 && 2 * explained >= excess.all
    })
}

#[derive(Debug, Default)]
struct Excess {
    all: u32,
    /// Explained by how it looks.
    looks: u32,
    /// Explained as a renaming, and not by its look.
    renamed: u32,
}

impl Excess {
    fn add(&mut self, unit: Counted, elsewhere: u32, names_are_rare: bool) {
        let excess = unit.count.saturating_sub(elsewhere);
        self.all += excess;
        if unit.look == Look::Number || unit.look == Look::Name && names_are_rare {
            self.looks += excess;
        } else if excess >= 2 && elsewhere * 4 <= excess {
            self.renamed += excess;
        }
    }
}

#[derive(Debug, Clone, Copy)]
struct Counted {
    identity: u32,
    count: u32,
    look: Look,
}

/// How often each unit of a text stands in it, by identity.
struct Census {
    units: Vec<Counted>,
    names_are_rare: bool,
}

impl Census {
    fn of(units: &Units) -> Census {
        let mut all: Vec<(u32, Look)> = (0..units.len()).map(|it| (units.identity(it), units.look(it))).collect();
        let names = all.iter().filter(|(_, look)| *look == Look::Name).count();
        let names_are_rare = matches!(units, Units::Chars(_)) || names * 5 <= all.len();
        all.sort_unstable();
        let counted = |same: &[(u32, Look)]| Counted {
            identity: same[0].0,
            count: same.len() as u32,
            look: same.last().map_or(Look::Plain, |last| last.1),
        };
        Census { units: all.chunk_by(|a, b| a.0 == b.0).map(counted).collect(), names_are_rare }
    }
}

/// A set of hashes, of which each can be marked once a round.
#[derive(Debug, Default)]
struct Table {
    /// Hash and the round in which it was last marked; a free place has round 0.
    slots: Vec<(u64, u32)>,
    len: u32,
    round: u32,
}

impl Table {
    fn clear(&mut self, most: usize) {
        let slots = (most.max(8) * 2).next_power_of_two();
        self.slots.clear();
        self.slots.resize(slots, (0, 0));
        (self.len, self.round) = (0, 1);
    }

    fn place(&self, hash: u64) -> usize {
        let mask = self.slots.len() - 1;
        let mut place = hash as usize & mask;
        while self.slots[place].1 != 0 && self.slots[place].0 != hash {
            place = (place + 1) & mask;
        }
        place
    }

    fn insert(&mut self, hash: u64) {
        let place = self.place(hash);
        self.len += u32::from(self.slots[place].1 == 0);
        self.slots[place] = (hash, 1);
    }

    fn begin_marking(&mut self) {
        self.round += 1;
    }

    /// Whether the hash is there and was not marked in this round.
    fn mark(&mut self, hash: u64) -> bool {
        let place = self.place(hash);
        let slot = &mut self.slots[place];
        let is_new = slot.1 != 0 && slot.1 != self.round;
        if is_new {
            slot.1 = self.round;
        }
        is_new
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn compare(a: &str, b: &str, shingle: Shingle) -> Comparison {
        let mut comparer = Comparer::default();
        let (a, b) = (comparer.evidence(a, shingle), comparer.evidence(b, shingle));
        comparer.judge(&a);
        comparer.compare(&a, &b, 0.3)
    }

    #[test]
    fn similarity_is_shared_shingles_over_all() {
        assert_eq!(compare("a b c d", "A b, c e", Shingle::Words(2)).similarity, 2.0 / 4.0);
        assert_eq!(compare("心筋梗塞", "心 筋梗\n塞", Shingle::Chars(2)).similarity, 1.0);
        assert_eq!(compare("急性心筋梗塞", "心筋梗塞", Shingle::Chars(2)).similarity, 3.0 / 5.0);
        assert_eq!(compare("a b a b a b", "b a b", Shingle::Words(2)).similarity, 1.0);
        assert_eq!(compare("…", "…", Shingle::Words(5)).similarity, 0.0);
        assert_eq!(compare("a", "a", Shingle::Words(5)).similarity, 1.0);
    }

    const LEAFLETS: [(&str, &str, Shingle); 6] = [
        (
            "What Cardovel is for. Cardovel lowers blood pressure. Take one tablet of Cardovel 50 mg in the morning. Do not take \
             Cardovel if you are allergic to it. Tell your doctor if you are pregnant before you take Cardovel.",
            "What Nefrozan is for. Nefrozan lowers blood pressure. Take one tablet of Nefrozan 20 mg in the morning. Do not take \
             Nefrozan if you are allergic to it. Tell your doctor if you are pregnant before you take Nefrozan.",
            Shingle::Words(1),
        ),
        (
            "Принимайте карвелон внутрь по 5 мг один раз в сутки. Не принимайте карвелон при беременности. Если вы забыли \
             принять карвелон, примите следующую дозу в обычное время.",
            "Принимайте нефрозан внутрь по 20 мг один раз в сутки. Не принимайте нефрозан при беременности. Если вы забыли \
             принять нефрозан, примите следующую дозу в обычное время.",
            Shingle::Words(1),
        ),
        (
            "Ne prenez pas cardovel 10 mg si vous êtes allergique. Avant de prendre cardovel, parlez-en à votre médecin. Prenez \
             cardovel le soir avec un verre d’eau.",
            "Ne prenez pas nefrozan 25 mg si vous êtes allergique. Avant de prendre nefrozan, parlez-en à votre médecin. Prenez \
             nefrozan le soir avec un verre d’eau.",
            Shingle::Words(1),
        ),
        (
            "El paciente recibió 500 mg cada 8 horas durante 7 días y la fiebre cedió al tercer día de tratamiento.",
            "El paciente recibió 250 mg cada 12 horas durante 5 días y la fiebre cedió al tercer día de tratamiento.",
            Shingle::Words(1),
        ),
        (
            "卡维隆片用于治疗高血压。每日一次，每次5毫克。对卡维隆过敏者禁用。服用卡维隆期间不要饮酒。孕妇服用卡维隆前请咨询医生。",
            "奈福赞片用于治疗高血压。每日一次，每次20毫克。对奈福赞过敏者禁用。服用奈福赞期间不要饮酒。孕妇服用奈福赞前请咨询医生。",
            Shingle::Chars(1),
        ),
        (
            "カルベロンは血圧を下げる薬です。カルベロン錠を1日1回5mg服用します。妊娠中の方は医師に相談してください。",
            "ネフロザンは血圧を下げる薬です。ネフロザン錠を1日1回20mg服用します。妊娠中の方は医師に相談してください。",
            Shingle::Chars(1),
        ),
    ];

    #[test]
    fn leaflets_of_two_drugs_are_one_template() {
        for (a, b, shingle) in LEAFLETS {
            let found = compare(a, b, shingle);
            assert!(found.is_template && found.similarity > 0.5, "{a}: {found:?}");
        }
    }

    #[test]
    fn edits_are_no_templates() {
        let text = LEAFLETS[0].0;
        for other in [
            // More text, less text, other words here and there, sentences in another order.
            format!("Home | Contact | Privacy. {text}"),
            text[..150].to_owned(),
            text.replace("morning", "evening").replace("allergic to", "sensitive to").replace("lowers", "reduces"),
            "Tell your doctor if you are pregnant before you take Cardovel. ".to_owned() + &text[..140],
            text.to_uppercase(),
        ] {
            let found = compare(text, &other, Shingle::Words(1));
            assert!(!found.is_template && found.similarity >= 0.3, "{other}: {found:?}");
        }
        let (text, other) = (LEAFLETS[4].0, LEAFLETS[4].0.replace("治疗", "控制").replace("饮酒", "喝酒"));
        assert!(!compare(text, &other, Shingle::Chars(1)).is_template);
    }

    proptest! {
        #[test]
        fn comparing_is_exact_and_survives_being_written(
            a in "([a-c]{1,2}[ ,.]){0,20}", b in "([a-c]{1,2}[ ,.]){0,20}", size in 1usize..4,
        ) {
            use std::collections::BTreeSet;
            let set = |text: &str| -> BTreeSet<Vec<String>> {
                let words: Vec<String> = text.split([' ', ',', '.']).filter(|it| !it.is_empty()).map(str::to_owned).collect();
                if words.is_empty() { return BTreeSet::new(); }
                words.windows(size.min(words.len())).map(<[String]>::to_vec).collect()
            };
            // A mark between two letters joins them, so it is given a blank.
            let (a, b) = (a.replace(['.', ','], " "), b.replace(['.', ','], " "));
            let (first, second) = (set(&a), set(&b));
            let all = first.union(&second).count();
            let expected = if all == 0 { 0.0 } else { first.intersection(&second).count() as f64 / all as f64 };
            let mut comparer = Comparer::default();
            let written = |evidence: Evidence| {
                let mut bytes = Vec::new();
                evidence.write(&mut bytes);
                Evidence::read(&bytes).unwrap()
            };
            let (a, b) = (comparer.evidence(&a, Shingle::Words(size)), comparer.evidence(&b, Shingle::Words(size)));
            let (a, b) = (written(a), written(b));
            comparer.judge(&a);
            prop_assert_eq!(comparer.compare(&a, &b, 0.0).similarity, expected);
        }
    }
}
