//! The words of a text, for the index and for comparing.
//!
//! Words are sequences of letters and digits without case, accents and compatible forms: `Ärger`, `arger` and `ＡＲＧＥＲ`
//! are the same. Scripts that are written without spaces, such as Chinese, Japanese and Thai, have no words that a program could
//! find without a dictionary; there each character stands for itself, and the index has the pairs of adjacent ones, which
//! are far more selective. Each emoji is a word. There is no stemming, because the language of a message is unknown;
//! instead, a word that is searched for matches those that begin with it.

use std::collections::BTreeSet;

use hearth_base::limits::{SEARCH_WORD_CHARS_MAX, SEARCH_WORDS_PER_EVENT_MAX};
use hearth_store::ids::RoomSn;
use hearth_store::tables::search_words::WordQuery;
use icu_normalizer::ComposingNormalizerBorrowed;
use icu_normalizer::properties::{CanonicalDecompositionBorrowed, Decomposed};

use super::text::SearchField;

/// The number of these rules. A change of the rules needs a new number: then the index is made anew.
pub(crate) const RULES: i64 = 1;

/// A word, or a character that stands for itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Word {
    /// Letters and digits.
    Letters(String),
    /// A character of a script without spaces.
    Character(char),
    /// An emoji or another symbol.
    Symbol(char),
}

impl Word {
    fn letters(&self) -> Option<&str> {
        match self {
            Self::Letters(letters) => Some(letters),
            Self::Character(_) | Self::Symbol(_) => None,
        }
    }
}

/// Returns the words of a text, in order.
pub(crate) fn words(text: &str) -> Vec<Word> {
    if text.is_ascii() {
        return ascii_words(text);
    }
    let (mut found, mut letters, mut length) = (Vec::new(), String::new(), 0);
    for c in ComposingNormalizerBorrowed::new_nfkc().normalize_iter(text.chars()) {
        let c = without_accents(c);
        if is_accent(c) {
            continue;
        }
        let alone = if is_spaceless(c) {
            Some(Word::Character(c))
        } else if is_symbol(c) {
            Some(Word::Symbol(c))
        } else {
            None
        };
        if alone.is_none() && c.is_alphanumeric() {
            if length < SEARCH_WORD_CHARS_MAX {
                letters.extend(c.to_lowercase().filter(|c| !is_accent(*c)));
            }
            length += 1;
            continue;
        }
        if length > 0 {
            found.push(Word::Letters(std::mem::take(&mut letters)));
            length = 0;
        }
        found.extend(alone);
    }
    if length > 0 {
        found.push(Word::Letters(letters));
    }
    found
}

/// As [`words`], for ASCII text: most text is, and nothing there needs normalization.
fn ascii_words(text: &str) -> Vec<Word> {
    let words = text.split(|c| !is_part(c)).filter(|word| !word.is_empty());
    let cut = |word: &str| word.get(..SEARCH_WORD_CHARS_MAX).unwrap_or(word).to_ascii_lowercase();
    words.map(|word| Word::Letters(cut(word))).collect()
}

/// Returns the letter below the accents.
fn without_accents(mut c: char) -> char {
    // ASCII has none, and most text is ASCII.
    while !c.is_ascii()
        && let Decomposed::Expansion(base, mark) = CanonicalDecompositionBorrowed::new().decompose(c)
        && is_accent(mark)
    {
        c = base;
    }
    c
}

/// Accents of Latin, Greek and Cyrillic letters. Marks of other scripts are vowels, for example.
fn is_accent(c: char) -> bool {
    ('\u{300}'..='\u{36f}').contains(&c)
}

/// Scripts without spaces between words: Thai, Lao, Myanmar, Khmer, kana, Han.
fn is_spaceless(c: char) -> bool {
    matches!(c,
        '\u{e00}'..='\u{eff}' | '\u{1000}'..='\u{109f}' | '\u{1780}'..='\u{17ff}' | '\u{3005}'..='\u{3007}'
        | '\u{3040}'..='\u{30fa}' | '\u{30fc}'..='\u{30ff}' | '\u{31f0}'..='\u{31ff}' | '\u{3400}'..='\u{4dbf}'
        | '\u{4e00}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{3ffff}')
}

/// Emoji, arrows, signs.
fn is_symbol(c: char) -> bool {
    matches!(c, '\u{2190}'..='\u{2bff}' | '\u{1f000}'..='\u{1faff}')
}

/// Returns the entry of a room in the index. Text has no `_` in its words.
pub(crate) fn room_mark(room: RoomSn) -> String {
    format!("_r{}", room.0)
}

/// Returns the entry of a field in the index; none for messages, which are nearly all.
pub(crate) fn field_mark(field: SearchField) -> Option<&'static str> {
    match field {
        SearchField::Body => None,
        SearchField::Name => Some("_n"),
        SearchField::Topic => Some("_t"),
    }
}

/// The entry of an event with too many words for the index. It may have any word.
pub(crate) const LONG_MARK: &str = "_l";

/// Returns the entries of an event in the index, each once, separated by spaces; none if its text has no words.
pub(crate) fn entries(room: RoomSn, field: SearchField, text: &str) -> Option<String> {
    let words = words(text);
    let mut entries: BTreeSet<String> = BTreeSet::new();
    for (at, word) in words.iter().enumerate() {
        let entry = match (word, words.get(at + 1)) {
            (Word::Character(first), Some(Word::Character(second))) => format!("{first}{second}"),
            (Word::Character(c) | Word::Symbol(c), _) => c.to_string(),
            (Word::Letters(letters), _) => letters.clone(),
        };
        entries.insert(entry);
        if entries.len() > SEARCH_WORDS_PER_EVENT_MAX {
            entries = BTreeSet::from([LONG_MARK.to_owned()]);
            break;
        }
    }
    if entries.is_empty() {
        return None;
    }
    entries.insert(room_mark(room));
    entries.extend(field_mark(field).map(str::to_owned));
    Some(Vec::from_iter(entries).join(" "))
}

/// Returns what the index must have for a text with `words` in this order, each of them whole but, with `is_open`, the last.
pub(crate) fn queries(words: &[Word], is_open: bool) -> Vec<WordQuery> {
    let mut queries = Vec::new();
    for (at, word) in words.iter().enumerate() {
        let (previous, next) = (at.checked_sub(1).and_then(|at| words.get(at)), words.get(at + 1));
        queries.extend(match (word, next) {
            (Word::Character(first), Some(Word::Character(second))) => {
                Some(WordQuery { word: format!("{first}{second}"), is_prefix: false })
            }
            // The last of several: it is in the pair before.
            (Word::Character(_), _) if matches!(previous, Some(Word::Character(_))) => None,
            (Word::Character(c), _) => Some(WordQuery { word: c.to_string(), is_prefix: true }),
            (Word::Symbol(c), _) => Some(WordQuery { word: c.to_string(), is_prefix: false }),
            (Word::Letters(letters), next) => {
                let is_prefix = is_open && next.is_none() && is_long(letters);
                Some(WordQuery { word: letters.clone(), is_prefix })
            }
        });
    }
    queries
}

/// Returns whether a word matches those that begin with it. Every text has words that begin with a certain letter.
fn is_long(letters: &str) -> bool {
    letters.chars().nth(1).is_some()
}

/// A text to compare with words.
#[derive(Debug)]
pub(crate) enum ComparedText {
    /// ASCII text, as most is, in small letters. Its words are compared where they stand: a search by rank reads many
    /// long texts, and making a word of each costs ten times as much.
    Ascii(String),
    /// The words of another text.
    Words(Vec<Word>),
}

impl ComparedText {
    pub(crate) fn new(text: &str) -> Self {
        if text.is_ascii() { Self::Ascii(text.to_ascii_lowercase()) } else { Self::Words(words(text)) }
    }

    /// Returns whether the text is one word.
    pub(crate) fn is_one_word(&self) -> bool {
        match self {
            Self::Ascii(text) => !text.is_empty() && text.chars().all(is_part),
            Self::Words(words) => words.len() == 1,
        }
    }

    /// Returns how often the text has the words `wanted` one after another; see [`queries`].
    pub(crate) fn occurrences(&self, wanted: &[Word], is_open: bool) -> usize {
        match self {
            Self::Ascii(text) => ascii_occurrences(text, wanted, is_open),
            Self::Words(text) => occurrences(text, wanted, is_open),
        }
    }
}

fn occurrences(text: &[Word], wanted: &[Word], is_open: bool) -> usize {
    let Some((last, first)) = wanted.split_last() else { return 0 };
    let ends = |found: &Word| match (found, last) {
        (Word::Letters(found), Word::Letters(last)) if is_open && is_long(last) => found.starts_with(last.as_str()),
        _ => found == last,
    };
    text.windows(wanted.len())
        .filter(|window| window.split_last().is_some_and(|(end, begin)| begin == first && ends(end)))
        .count()
}

/// As [`occurrences`] over the [`words`] of an ASCII text in small letters.
fn ascii_occurrences(text: &str, wanted: &[Word], is_open: bool) -> usize {
    let Some(wanted) = wanted.iter().map(Word::letters).collect::<Option<Vec<&str>>>() else { return 0 };
    let Some(first) = wanted.first() else { return 0 };
    let starts = text.match_indices(first).map(|(at, _)| at);
    starts.filter(|at| !text[..*at].ends_with(is_part) && follow(&text[*at..], &wanted, is_open)).count()
}

/// Returns whether an ASCII text begins with these words, one after another.
fn follow(mut text: &str, wanted: &[&str], is_open: bool) -> bool {
    for (number, word) in wanted.iter().enumerate() {
        let Some(rest) = text.strip_prefix(word) else { return false };
        let is_last = number + 1 == wanted.len();
        let after = rest.trim_start_matches(is_part);
        let is_whole = after.len() == rest.len();
        // A word that was cut is compared with others that are cut.
        let may_go_on = (is_last && is_open && is_long(word)) || word.len() >= SEARCH_WORD_CHARS_MAX;
        if !is_whole && !may_go_on {
            return false;
        }
        text = after.trim_start_matches(|c| !is_part(c));
    }
    true
}

/// Whether an ASCII character is in a word.
fn is_part(c: char) -> bool {
    c.is_ascii_alphanumeric()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> Vec<String> {
        let word = |word: Word| match word {
            Word::Letters(letters) => letters,
            Word::Character(c) | Word::Symbol(c) => c.to_string(),
        };
        words(text).into_iter().map(word).collect()
    }

    #[test]
    fn words_have_no_case_accents_or_widths() {
        for (text, expected) in [
            ("Hay, NEEDLE-hay!", &["hay", "needle", "hay"][..]),
            ("\u{c4}rger a\u{308}rger \u{ff21}\u{ff22}", &["arger", "arger", "ab"]),
            ("na\u{ef}ve Ёлка Ἀθῆναι İstanbul", &["naive", "елка", "αθηναι", "istanbul"]),
            ("天気がいい", &["天", "気", "か\u{3099}", "い", "い"]),
            ("東京Tower 🎉🎉", &["東", "京", "tower", "🎉", "🎉"]),
            ("한국어 서울", &["한국어", "서울"]),
            ("don't foo_bar", &["don", "t", "foo", "bar"]),
            (":-) ...", &[]),
        ] {
            let expected: Vec<String> = expected.iter().map(|word| word.replace("か\u{3099}", "が")).collect();
            assert_eq!(shown(text), expected, "{text}");
        }
        assert_eq!(shown(&"x".repeat(1_000))[0].len(), SEARCH_WORD_CHARS_MAX);
        for text in ["Hay, NEEDLE-hay!", "don't foo_bar 7up", &"x".repeat(1_000), " :-) "] {
            // Text beyond ASCII is read another way; the words are the same.
            let mut beyond = shown(&format!("{text} \u{e9}"));
            assert_eq!(beyond.pop().as_deref(), Some("e"));
            assert_eq!(shown(text), beyond, "{text}");
        }
    }

    /// The index must name each event that the comparison finds.
    #[test]
    fn the_index_has_what_the_comparison_finds() {
        let texts =
            ["今日は天気がいい", "hay needles, hay", "foo.bar/baz 気", "🎉 party", "a b c", "Ärger im 東京tower"];
        let terms =
            ["天気", "気", "天", "need", "hay", "foo.bar", "bar/ba", "🎉", "a", "b c", "arger", "東京tow", "京"];
        let mut matches = 0;
        for text in texts {
            let entries = entries(RoomSn(7), SearchField::Body, text).expect("words");
            let entries: Vec<&str> = entries.split(' ').collect();
            assert!(entries.contains(&"_r7"));
            for term in terms {
                let wanted = words(term);
                if ComparedText::new(text).occurrences(&wanted, true) == 0 {
                    continue;
                }
                matches += 1;
                for query in queries(&wanted, true) {
                    let is_there = |entry: &&str| match query.is_prefix {
                        true => entry.starts_with(&query.word),
                        false => **entry == query.word,
                    };
                    assert!(entries.iter().any(is_there), "{term} in {text}: {query:?}");
                }
            }
        }
        assert!(matches >= terms.len(), "{matches}");
    }

    #[test]
    fn a_text_with_very_many_words_is_marked_as_long() {
        let text = |words: usize| (0..words).map(|n| format!("w{n}")).collect::<Vec<_>>().join(" ");
        let entries = |words: usize| entries(RoomSn(7), SearchField::Name, &text(words)).expect("words");
        assert_eq!(entries(SEARCH_WORDS_PER_EVENT_MAX).split(' ').count(), SEARCH_WORDS_PER_EVENT_MAX + 2);
        assert_eq!(entries(SEARCH_WORDS_PER_EVENT_MAX + 1), "_l _n _r7");
    }

    #[test]
    fn words_match_in_order_and_the_last_may_go_on() {
        let cut = "x".repeat(SEARCH_WORD_CHARS_MAX);
        let text = format!("Foo.bar baz, FOO  barely aa-aa-aa {cut}y z");
        for (term, is_open, expected) in [
            ("foo.bar", true, 2),
            ("foo bar", false, 1),
            ("foo bar baz", false, 1),
            ("bar foo", true, 0),
            ("oo", true, 0),
            ("b", true, 0),
            ("ba", true, 3),
            ("ba", false, 0),
            ("aa aa", false, 2),
            ("aa a", true, 0),
            ("", true, 0),
            ("arely", true, 0),
            ("Barely", false, 1),
            ("\u{e4}a", true, 3),
            ("気", true, 0),
            ("foo 🎉", true, 0),
            (cut.as_str(), false, 1),
            (&format!("{cut}y"), false, 1),
            (&format!("{cut}other z"), false, 1),
            (&cut[1..], true, 1),
            (&cut[1..], false, 0),
            (&cut[..9], true, 1),
        ] {
            let (wanted, shown) = (words(term), format!("{term}, {is_open}"));
            assert_eq!(ComparedText::new(&text).occurrences(&wanted, is_open), expected, "{shown}");
            // Text beyond ASCII is compared another way, with the same result.
            assert_eq!(ComparedText::new(&format!("{text} 天")).occurrences(&wanted, is_open), expected, "{shown}");
        }
    }
}
