//! Asking again before something that cannot be undone.

use std::io::IsTerminal;

use crate::cli::out;

/// Whether `name` was typed again. Without a terminal nobody can be asked, and the answer is no.
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
