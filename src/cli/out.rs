//! Output of commands. A reader that closed the pipe, as `head` does, is not an error.

use std::fmt::Display;
use std::io::Write;

/// Prints a line to stdout.
pub(super) fn say(line: impl Display) {
    let _ = writeln!(std::io::stdout().lock(), "{line}");
}

/// Prints an error or a remark to stderr, so that it does not mix with the result.
pub(super) fn warn(line: impl Display) {
    let _ = writeln!(std::io::stderr().lock(), "{line}");
}

/// Prints a prompt and reads a line; `None` at the end of the input.
pub(super) fn ask(question: impl Display) -> Option<String> {
    let _ = write!(std::io::stderr().lock(), "{question} ");
    let mut line = String::new();
    let read = std::io::stdin().read_line(&mut line).ok()?;
    (read > 0).then(|| line.trim().to_owned())
}
