//! Where the questions go: lines of text, in any terminal of 80 columns, without escape sequences.

use std::io::{BufRead as _, Write as _};

use unicode_width::UnicodeWidthStr as _;

/// Columns of a line: those of the smallest terminal, less a margin.
const COLUMNS: usize = 78;

/// A place to ask.
pub trait Terminal {
    /// Prints a paragraph, which it wraps.
    fn say(&mut self, text: &str);
    /// Prints a prompt and reads a line; `None` at the end of the input.
    fn ask(&mut self, prompt: &str) -> Option<String>;
}

/// stderr and stdin of this process: stdout is for the result.
#[derive(Debug, Default)]
pub struct Console;

impl Terminal for Console {
    fn say(&mut self, text: &str) {
        let mut out = std::io::stderr().lock();
        for line in wrapped(text) {
            let _ = writeln!(out, "{line}");
        }
    }

    fn ask(&mut self, prompt: &str) -> Option<String> {
        let mut out = std::io::stderr().lock();
        let _ = write!(out, "{prompt} ");
        let _ = out.flush();
        drop(out);
        let mut line = String::new();
        let read = std::io::stdin().lock().read_line(&mut line).ok()?;
        (read > 0).then(|| line.trim().to_owned())
    }
}

/// The lines of a paragraph. Further lines are indented as the text after the first line's mark is.
pub(crate) fn wrapped(text: &str) -> Vec<String> {
    text.split('\n').flat_map(wrapped_line).collect()
}

fn wrapped_line(text: &str) -> Vec<String> {
    let indent = indent(text);
    let (mut lines, mut line) = (Vec::new(), text[..text.len() - text.trim_start().len()].to_owned());
    let mut fresh = true;
    for word in text.trim_start().split(' ') {
        if !fresh && line.width() + 1 + word.width() > COLUMNS {
            lines.push(std::mem::replace(&mut line, " ".repeat(indent)));
            fresh = true;
        }
        if !fresh {
            line.push(' ');
        }
        line.push_str(word);
        fresh = false;
    }
    lines.push(line);
    lines
}

/// The column at which the text of a line begins: after the leading spaces and, for a line of two columns, after the gap.
fn indent(text: &str) -> usize {
    let leading = text.len() - text.trim_start().len();
    match text[leading..].find("  ") {
        Some(gap) if leading > 0 => {
            leading + gap + text[leading + gap..].len() - text[leading + gap..].trim_start().len()
        }
        _ => leading,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_lines_are_wrapped_below_their_text() {
        let text = format!("  WRONG  {}", "word ".repeat(30).trim_end());
        let lines = wrapped(&text);
        assert!(lines.len() > 1 && lines.iter().all(|line| line.width() <= COLUMNS), "{lines:#?}");
        assert!(lines[0].starts_with("  WRONG  word") && lines[1].starts_with("         word"), "{lines:#?}");
        assert_eq!(wrapped(""), [""]);
        assert_eq!(wrapped("\na\n\nb\n"), ["", "a", "", "b", ""]);
        assert_eq!(wrapped(&"x".repeat(100)), ["x".repeat(100)], "a long word, such as a link, stays whole");
    }
}
