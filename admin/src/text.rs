//! Makes untrusted names safe to print on a terminal or in a table.
//!
//! A display name can contain escape sequences that retitle the terminal, direction marks that reverse an id,
//! and invisible characters that make two ids look alike. [`safe_text`] filters all of them; the dashboard and
//! `hearth ctl` pass every untrusted string through it. [`fit`] and [`width`] count columns as terminals do.
//!
//! Not here: detecting visible confusables (`paypal` with a Cyrillic a). They are printed as they are.

mod json;

pub use json::safe_json;

use unicode_segmentation::UnicodeSegmentation;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// Combining marks kept after one character. The most complex orthographies need three or four, "Zalgo" text
/// has dozens.
const COMBINING_MARKS_MAX: usize = 4;

/// Returns `text` on one line, without anything that a terminal interprets or a reader cannot see.
///
/// - Control characters become `\n`, `\t`, `\r` or `\u{1b}`.
/// - Direction controls, zero-width characters, tags and other invisible ones become `\u{202e}` and so on. They
///   are shown, because an id that contains one would otherwise look like the id without it.
/// - Joiners and variation selectors after an emoji are dropped: they are common, and the emoji stay.
/// - Of consecutive combining marks, the first four stay.
///
/// The function is idempotent.
pub fn safe_text(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut marks = 0;
    let mut before: Option<char> = None;
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        match class(c) {
            Class::Control => push_control(&mut out, c),
            Class::Invisible => {
                if !is_picture_glue(c, before, rest.peek().copied()) {
                    push_escaped(&mut out, c);
                    before = None;
                }
                continue;
            }
            Class::Mark if marks < COMBINING_MARKS_MAX && before.is_some() => {
                marks += 1;
                out.push(c);
                continue;
            }
            // A mark without a base would combine with whatever was printed before it.
            Class::Mark if before.is_none() => push_escaped(&mut out, c),
            Class::Mark => continue,
            Class::Plain => out.push(c),
        }
        marks = 0;
        before = (class(c) == Class::Plain).then_some(c);
    }
    out
}

/// Columns that `text` takes on a terminal.
pub fn width(text: &str) -> usize {
    text.width()
}

/// Cuts or pads `text` to exactly `columns`, never within a grapheme; `…` marks a cut.
///
/// Expects the output of [`safe_text`], or a string of the program.
pub fn fit(text: &str, columns: usize) -> String {
    let mut out = cut(text, columns);
    out.extend(std::iter::repeat_n(' ', columns.saturating_sub(out.width())));
    out
}

/// Cuts `text` to at most `columns`, as [`fit`] does, without padding.
pub fn cut(text: &str, columns: usize) -> String {
    if text.width() <= columns {
        return text.to_owned();
    }
    let mut out = String::new();
    let mut used = 0;
    for grapheme in text.graphemes(true) {
        // Reserve one column for the ellipsis.
        if used + grapheme.width() + 1 > columns {
            break;
        }
        used += grapheme.width();
        out.push_str(grapheme);
    }
    if columns > 0 {
        out.push('…');
    }
    out
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    Control,
    Invisible,
    Mark,
    Plain,
}

fn class(c: char) -> Class {
    if c.is_control() {
        return Class::Control;
    }
    if is_invisible(c) {
        return Class::Invisible;
    }
    if c.width() == Some(0) { Class::Mark } else { Class::Plain }
}

/// Characters that are invisible or only rearrange others.
fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}'
        | '\u{180b}'..='\u{180f}'
        // Zero-width space, joiners, left-to-right and right-to-left marks; separators; embeddings and overrides.
        | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        // Word joiner, invisible operators, isolates, old format characters.
        | '\u{2060}'..='\u{206f}'
        | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}'
        | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}'
        // Tags and variation selectors beyond the first plane.
        | '\u{e0000}'..='\u{e0fff}')
}

/// Whether an invisible character is part of an emoji sequence, so that dropping it cannot make two ids look
/// alike.
fn is_picture_glue(c: char, before: Option<char>, after: Option<char>) -> bool {
    let Some(before) = before else { return false };
    match c {
        // Keycaps: digit, selector, enclosing keycap.
        '\u{fe0f}' if after == Some('\u{20e3}') => before.is_ascii(),
        '\u{200d}' | '\u{fe0e}' | '\u{fe0f}' => is_picture(before),
        _ => false,
    }
}

/// Approximately the emoji and symbols: no letters, digits, or punctuation that occurs in ids.
fn is_picture(c: char) -> bool {
    matches!(c, '©' | '®' | '\u{203c}' | '\u{2049}' | '\u{2100}'..='\u{2bff}' | '\u{3030}' | '\u{1f000}'..='\u{1faff}')
}

fn push_control(out: &mut String, c: char) {
    match c {
        '\n' => out.push_str("\\n"),
        '\r' => out.push_str("\\r"),
        '\t' => out.push_str("\\t"),
        _ => push_escaped(out, c),
    }
}

fn push_escaped(out: &mut String, c: char) {
    out.extend(c.escape_unicode());
}

#[cfg(test)]
mod tests;
