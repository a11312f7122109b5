//! Matches many glob patterns against one value in one pass (client-server API, "Conditions", `event_match`).
//!
//! All patterns form one automaton that is simulated with bits: each byte of a pattern has a bit, and each byte of the
//! value costs a few operations per 64 bits. So the time is the product of both lengths, whatever they contain: no
//! pattern can make this backtrack.

/// How patterns apply to a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    /// A pattern matches the whole value.
    Whole,
    /// A pattern matches a part of the value that neither begins nor ends inside a word, as in `content.body`.
    /// Wildcards do not cross lines, as in ruma.
    Words,
}

/// How to tell from the result of a run whether a pattern matched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Test {
    /// It matches any value.
    Always,
    /// It matches only the empty value.
    Empty,
    /// It matches when this bit is set.
    Bit(usize),
}

/// A byte of a pattern.
#[derive(Debug, Clone, Copy)]
struct Atom {
    /// The byte to match; any character for `?`.
    byte: Option<u8>,
    /// Whether `*` follows.
    star: bool,
}

/// Kinds of bytes; also the rows of [`Globs::masks`] for bytes that occur in no pattern.
const PLAIN: usize = 0;
/// Not the first byte of a character.
const CONTINUATION: usize = 1;
const LINE_FEED: usize = 2;

/// One bit for each atom of all patterns.
type Bits = Vec<u64>;

/// Compiled patterns.
#[derive(Debug)]
pub(super) struct Globs {
    mode: Mode,
    tests: Vec<Test>,
    words: usize,
    /// The first atom of each pattern.
    first: Bits,
    /// Those of patterns that begin with `*`, which may match from any place on.
    first_anywhere: Bits,
    /// The last atom of each pattern.
    last: Bits,
    /// Those of patterns that end with `*`.
    last_anywhere: Bits,
    /// For each kind of bytes the atoms that stay reached when such a byte passes: those before `*`, and `?` inside a
    /// character.
    kept: [Bits; 3],
    /// The row of `masks` for each byte. There are at most 246: the bytes that occur in UTF-8, and the three kinds.
    row_of: Vec<u8>,
    /// In rows of `words`: the atoms that match a byte.
    masks: Bits,
}

/// The patterns that matched in a run.
#[derive(Debug)]
pub(super) struct Matches<'a> {
    tests: &'a [Test],
    seen: Bits,
    is_empty: bool,
}

impl Matches<'_> {
    /// Returns whether the pattern with this index matched.
    pub(super) fn has(&self, pattern: usize) -> bool {
        match self.tests[pattern] {
            Test::Always => true,
            Test::Empty => self.is_empty,
            Test::Bit(bit) => self.seen[bit / 64] >> (bit % 64) & 1 != 0,
        }
    }
}

impl Globs {
    /// Compiles patterns, which must be in lower case.
    pub(super) fn new(mode: Mode, patterns: &[String]) -> Self {
        let mut atoms = Vec::new();
        let ends: Vec<Ends> = patterns.iter().map(|pattern| read(pattern, &mut atoms)).collect();
        let words = atoms.len().div_ceil(64);
        let places = |place: &dyn Fn(&Ends) -> Option<usize>| bits(words, ends.iter().filter_map(place));
        let stars = bits(words, (0..atoms.len()).filter(|at| atoms[*at].star));
        let anys = bits(words, (0..atoms.len()).filter(|at| atoms[*at].byte.is_none()));
        let in_character = stars.iter().zip(&anys).map(|(star, any)| star | any).collect();
        let over_lines = if mode == Mode::Words { vec![0; words] } else { stars.clone() };
        let (row_of, masks) = rows(mode, words, &atoms, &anys);
        Self {
            mode,
            words,
            first: places(&|ends| ends.atoms.map(|(first, _)| first)),
            first_anywhere: places(&|ends| ends.atoms.filter(|_| ends.starts_anywhere).map(|(first, _)| first)),
            last: places(&|ends| ends.atoms.map(|(_, last)| last)),
            last_anywhere: places(&|ends| ends.atoms.filter(|_| ends.ends_anywhere).map(|(_, last)| last)),
            kept: [stars, in_character, over_lines],
            row_of,
            masks,
            tests: ends.iter().map(Ends::test).collect(),
        }
    }

    /// Returns what a run on a value of so many bytes costs, in steps.
    pub(super) fn steps(&self, bytes: usize) -> u64 {
        bytes as u64 * (self.words as u64 + 1)
    }

    /// Returns about how many bytes of memory the patterns take.
    pub(super) fn weight(&self) -> usize {
        8 * (self.masks.len() + 7 * self.words) + self.row_of.len() + 16 * self.tests.len()
    }

    /// Matches a value, which must be in lower case.
    pub(super) fn run(&self, value: &str) -> Matches<'_> {
        let (words, bytes) = (self.words, value.as_bytes());
        let mut seen = vec![0; words];
        // Word 0 stays zero, so that nothing moves into the first atom from an atom before it.
        let (mut before, mut after) = (vec![0; words + 1], vec![0; words + 1]);
        for (at, byte) in bytes.iter().enumerate() {
            let row = usize::from(self.row_of[usize::from(*byte)]) * words;
            let step = Step {
                first: &self.first,
                enter: if self.is_border(bytes, at) { &self.first } else { &self.first_anywhere },
                matching: &self.masks[row..row + words],
                kept: &self.kept[kind(*byte)],
                last: if self.is_border(bytes, at + 1) { &self.last } else { &self.last_anywhere },
            };
            step.run(&before, &mut after, &mut seen);
            std::mem::swap(&mut before, &mut after);
        }
        Matches { tests: &self.tests, seen, is_empty: value.is_empty() }
    }

    /// Returns whether a match may begin or end at a place in a value.
    fn is_border(&self, value: &[u8], at: usize) -> bool {
        match self.mode {
            _ if at == 0 || at == value.len() => true,
            Mode::Whole => false,
            Mode::Words => !(is_word(value[at - 1]) && is_word(value[at])),
        }
    }
}

/// The masks of one byte of the value.
struct Step<'a> {
    first: &'a [u64],
    /// Atoms that can be entered without the one before.
    enter: &'a [u64],
    matching: &'a [u64],
    kept: &'a [u64],
    /// Atoms that end a match here.
    last: &'a [u64],
}

impl Step<'_> {
    fn run(&self, before: &[u64], after: &mut [u64], seen: &mut [u64]) {
        let words = seen.len();
        // Slices of one known length, so that the compiler can leave out the bounds checks and use SIMD.
        let (first, enter, matching) = (&self.first[..words], &self.enter[..words], &self.matching[..words]);
        let (kept, last) = (&self.kept[..words], &self.last[..words]);
        let (carry, before, after) = (&before[..words], &before[1..=words], &mut after[1..=words]);
        for word in 0..words {
            let moved = before[word] << 1 | carry[word] >> 63;
            let entered = (moved & !first[word] | enter[word]) & matching[word];
            after[word] = entered | before[word] & kept[word];
            seen[word] |= after[word] & last[word];
        }
    }
}

/// The ends of a pattern.
struct Ends {
    /// Its first and its last atom; none if it has none.
    atoms: Option<(usize, usize)>,
    starts_anywhere: bool,
    ends_anywhere: bool,
}

impl Ends {
    fn test(&self) -> Test {
        match self.atoms {
            Some((_, last)) => Test::Bit(last),
            None if self.starts_anywhere => Test::Always,
            None => Test::Empty,
        }
    }
}

/// Adds the atoms of a pattern.
fn read(pattern: &str, atoms: &mut Vec<Atom>) -> Ends {
    let first = atoms.len();
    for byte in pattern.bytes() {
        match byte {
            b'*' => atoms[first..].iter_mut().next_back().into_iter().for_each(|before| before.star = true),
            b'?' => atoms.push(Atom { byte: None, star: false }),
            byte => atoms.push(Atom { byte: Some(byte), star: false }),
        }
    }
    Ends {
        atoms: (atoms.len() > first).then(|| (first, atoms.len() - 1)),
        starts_anywhere: pattern.starts_with('*'),
        ends_anywhere: pattern.ends_with('*'),
    }
}

/// Returns the row of each byte, and the rows: bytes that occur in no pattern share those of their kind.
fn rows(mode: Mode, words: usize, atoms: &[Atom], anys: &[u64]) -> (Vec<u8>, Bits) {
    let mut row_of: Vec<usize> = (0..=u8::MAX).map(kind).collect();
    let mut rows = row_of.iter().max().map_or(0, |row| row + 1);
    let kinds = rows;
    for byte in atoms.iter().filter_map(|atom| atom.byte).map(usize::from) {
        if row_of[byte] < kinds {
            row_of[byte] = rows;
            rows += 1;
        }
    }
    let mut masks = vec![0; rows * words];
    for byte in 0..=u8::MAX {
        let is_any = kind(byte) == PLAIN || kind(byte) == LINE_FEED && mode == Mode::Whole;
        if is_any {
            let row = row_of[usize::from(byte)] * words;
            masks[row..row + words].copy_from_slice(anys);
        }
    }
    for (at, atom) in atoms.iter().enumerate() {
        if let Some(byte) = atom.byte {
            masks[row_of[usize::from(byte)] * words + at / 64] |= 1 << (at % 64);
        }
    }
    (row_of.into_iter().map(|row| u8::try_from(row).unwrap_or_default()).collect(), masks)
}

fn bits(words: usize, places: impl Iterator<Item = usize>) -> Bits {
    let mut bits = vec![0; words];
    places.for_each(|place| bits[place / 64] |= 1 << (place % 64));
    bits
}

fn kind(byte: u8) -> usize {
    match byte {
        b'\n' => LINE_FEED,
        0x80..0xC0 => CONTINUATION,
        _ => PLAIN,
    }
}

/// Returns whether a byte is a letter of a word (client-server API, "Conditions": `[A-Za-z0-9_]`).
pub(super) fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(mode: Mode, pattern: &str, value: &str) -> bool {
        let globs = Globs::new(mode, &["x?y".repeat(30), pattern.to_owned()]);
        globs.run(value).has(1)
    }

    #[test]
    fn words_are_found_between_others() {
        for (pattern, value, expected) in [
            ("tea", "is there tea?", true),
            ("tea", "steam", false),
            ("tea", "teatime tea", true),
            ("tea", "tea", true),
            ("@room", "hello@room", true),
            ("@room", "@rooms @room", true),
            ("te*me", "a teatime story", true),
            ("te*me", "tea\ntime", false),
            ("te*", "teatime", true),
            ("*me", "teatime", true),
            ("*im*", "teatime", true),
            ("t?a", "t\u{e9}a", true),
            ("t?a", "t\u{1f375}a", true),
            ("t??a", "t\u{1f375}a", false),
            ("a**b", "axb", true),
            ("?", "", false),
            ("?", "x", true),
            ("?", "xy", false),
            ("*", "", true),
            ("", "", true),
            ("", "x", false),
            ("a a", "xa a a", true),
        ] {
            assert_eq!(matches(Mode::Words, pattern, value), expected, "{pattern:?} in {value:?}");
        }
    }

    #[test]
    fn whole_values_are_matched_from_end_to_end() {
        for (pattern, value, expected) in [
            ("m.room.message", "m.room.message", true),
            ("m.room", "m.room.message", false),
            ("m.room.*", "m.room.message", true),
            ("*message", "m.room.message", true),
            ("*room*", "m.room.message", true),
            ("*room*", "line one\nroom", true),
            ("m?room*e", "m.room.message", true),
            ("m?room*x", "m.room.message", false),
            ("*a*a", "xaya", true),
            ("*a*a", "xay", false),
            ("?", "\u{e9}", true),
            ("", "", true),
            ("*", "", true),
        ] {
            assert_eq!(matches(Mode::Whole, pattern, value), expected, "{pattern:?} and {value:?}");
        }
    }

    #[test]
    fn patterns_do_not_run_into_each_other() {
        let patterns: Vec<String> = (0..400).map(|n| format!("p{n}")).collect();
        let globs = Globs::new(Mode::Words, &patterns);
        let found = globs.run("p7 and p399, not p12x");
        let matched: Vec<usize> = (0..400).filter(|pattern| found.has(*pattern)).collect();
        assert_eq!(matched, [7, 399]);
    }
}
