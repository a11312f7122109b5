//! Printing. A reader that went away, as `head` does, is no error.

use std::fmt::Display;
use std::io::Write;

/// Prints a line for whoever asked.
pub(super) fn say(line: impl Display) {
    let _ = writeln!(std::io::stdout().lock(), "{line}");
}

/// Prints a line about what went wrong, or is worth knowing beside the answer.
pub(super) fn warn(line: impl Display) {
    let _ = writeln!(std::io::stderr().lock(), "{line}");
}

/// Prints a question, and reads a line; none at the end of the input.
pub(super) fn ask(question: impl Display) -> Option<String> {
    let _ = write!(std::io::stderr().lock(), "{question} ");
    let mut line = String::new();
    let read = std::io::stdin().read_line(&mut line).ok()?;
    (read > 0).then(|| line.trim().to_owned())
}
