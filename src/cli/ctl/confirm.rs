//! Confirmation of irreversible commands.

use std::io::IsTerminal;

use crate::cli::out;

/// Whether the operator typed `name` again. Without a terminal the answer is no, so a script must pass `--yes`.
pub(super) fn typed(what: &str, name: &str) -> bool {
    if !std::io::stdin().is_terminal() {
        out::warn(format_args!("{what} Add --yes if that is what you want."));
        return false;
    }
    let answer = out::ask(format_args!("{what} Type {name} to go on:"));
    let same = answer.as_deref() == Some(name);
    if !same {
        out::warn("Nothing was changed.");
    }
    same
}
