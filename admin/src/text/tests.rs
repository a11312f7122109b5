//! Hostile names, and what of them may reach a terminal.

use super::*;

#[test]
fn ordinary_names_do_not_change() {
    for name in [
        "",
        "Alice",
        "@alice:home.example",
        "Jürgen Groß",
        "Łukasz",
        "Ελένη",
        "Анна",
        "محمد",
        "שָׁלוֹם",
        "日本語",
        "한국어",
        "ภาษาไทย",
        "हिन्दी",
        "e\u{301}cole",
        "Việt Nam",
        "🏠 Family",
        "👍🏽",
        "🇩🇪",
        "a\\b",
        "#room:[::1]:8448",
    ] {
        assert_eq!(safe_text(name), name, "{name:?}");
    }
}

#[test]
fn corpus_of_hostile_names() {
    for (name, shown) in [
        ("\u{1b}[31mred\u{1b}[0m", "\\u{1b}[31mred\\u{1b}[0m"),
        ("\u{1b}]0;owned\u{7}", "\\u{1b}]0;owned\\u{7}"),
        ("\u{1b}]52;c;cm0gLXJm\u{7}", "\\u{1b}]52;c;cm0gLXJm\\u{7}"),
        ("\u{9b}2J", "\\u{9b}2J"),
        ("a\u{0}b", "a\\u{0}b"),
        ("a\u{7f}\u{8}b", "a\\u{7f}\\u{8}b"),
        ("two\nlines\r\n\tend", "two\\nlines\\r\\n\\tend"),
        ("\u{202e}elpmaxe:ecila@", "\\u{202e}elpmaxe:ecila@"),
        ("\u{2066}a\u{2069}", "\\u{2066}a\\u{2069}"),
        ("a\u{200e}b\u{200f}c\u{61c}d", "a\\u{200e}b\\u{200f}c\\u{61c}d"),
        ("ali\u{200b}ce", "ali\\u{200b}ce"),
        ("ali\u{200d}ce", "ali\\u{200d}ce"),
        ("ali\u{fe0f}ce", "ali\\u{fe0f}ce"),
        ("\u{feff}alice", "\\u{feff}alice"),
        ("al\u{ad}ice", "al\\u{ad}ice"),
        ("a\u{2060}b\u{2028}c", "a\\u{2060}b\\u{2028}c"),
        ("\u{3164}", "\\u{3164}"),
        ("flag\u{e0067}\u{e007f}", "flag\\u{e0067}\\u{e007f}"),
        ("a\u{e0100}", "a\\u{e0100}"),
        ("\u{301}e", "\\u{301}e"),
        ("\n\u{301}", "\\n\\u{301}"),
    ] {
        assert_eq!(safe_text(name), shown, "{name:?}");
    }
}

#[test]
fn emoji_joiners_are_dropped_only_in_emoji() {
    assert_eq!(safe_text("👩\u{200d}👧"), "👩👧");
    assert_eq!(safe_text("❤\u{fe0f}"), "❤");
    assert_eq!(safe_text("1\u{fe0f}\u{20e3}"), "1\u{20e3}");
    assert_eq!(safe_text("1\u{fe0f}2"), "1\\u{fe0f}2");
    assert_eq!(safe_text("👩\u{200b}"), "👩\\u{200b}");
}

#[test]
fn long_runs_of_combining_marks_are_cut() {
    let zalgo = format!("Z{}a", "\u{300}".repeat(100));
    assert_eq!(safe_text(&zalgo), format!("Z{}a", "\u{300}".repeat(COMBINING_MARKS_MAX)));
}

/// Every scalar value, alone and between letters: nothing that a terminal interprets remains, and the function
/// is idempotent.
#[test]
fn no_control_character_passes() {
    for c in '\0'..=char::MAX {
        for name in [c.to_string(), format!("a{c}b")] {
            let shown = safe_text(&name);
            assert!(!shown.contains(|c: char| c.is_control() || is_invisible(c)), "{name:?} gave {shown:?}");
            assert!(shown.width() > 0, "{name:?} shows nothing");
            assert_eq!(safe_text(&shown), shown);
        }
    }
}

#[test]
fn fit_counts_columns_and_keeps_characters_whole() {
    assert_eq!(fit("abc", 5), "abc  ");
    assert_eq!(fit("abcdef", 4), "abc…");
    assert_eq!(fit("日本語", 6), "日本語");
    assert_eq!(fit("日本語", 5), "日本…");
    assert_eq!(fit("日本語", 4), "日… ");
    assert_eq!(fit("e\u{301}e\u{301}e\u{301}", 2), "e\u{301}…");
    assert_eq!(fit("abc", 1), "…");
    assert_eq!(fit("abc", 0), "");
    assert_eq!(cut("abc", 9), "abc");
}
