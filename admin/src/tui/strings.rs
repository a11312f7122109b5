//! Strings around the screens, and those that several screens use. A screen has its own in the file `strings.rs` of its
//! folder, so that all strings can be corrected and translated without reading code.

pub(crate) const PRODUCT: &str = "Hearth";
pub(crate) const TOO_SMALL: &str = "This terminal is too small.";
pub(crate) const TOO_SMALL_REMEDY: &str = "Hearth needs 40 columns and 10 rows; 80 by 24 is good.";
pub(crate) const CONNECTING: &str = "Connecting to the server...";
pub(crate) const RETRYING: &str = "Retrying every 2 s.";
pub(crate) const LOADING: &str = "Loading...";
pub(crate) const NOTHING_MATCHES: &str = "No row matches the filter. Esc clears it.";
pub(crate) const READONLY: &str = "Read-only: start without --readonly to make changes.";
pub(crate) const READONLY_MARK: &str = "read-only";
pub(crate) const OFFLINE: &str = "The server is unreachable: no change is possible until it is back.";
pub(crate) const COPIED: &str = "Copied, if this terminal allows it (OSC 52).";
pub(crate) const NOTHING_TO_COPY: &str = "Nothing to copy here.";
pub(crate) const NOTHING_TO_UNDO: &str = "Nothing to undo.";
pub(crate) const NOTHING_SELECTED: &str = "Nothing is selected.";
pub(crate) const NEVER: &str = "never";
pub(crate) const NONE: &str = "-";
pub(crate) const YES: &str = "yes";
pub(crate) const NO: &str = "no";
pub(crate) const BUTTON_NO: &str = "No";
pub(crate) const DELETE_MARK: &str = "DELETE";
pub(crate) const TYPE_TO_CONFIRM: &str = "Type this to confirm, Esc to cancel:";
pub(crate) const TYPED_WRONG: &str = "The name does not match. Nothing was changed.";
pub(crate) const CLOSE_HINT: &str = "Esc close";
pub(crate) const MORE_HINT: &str = "↓ more   ";
pub(crate) const SECRET_HINT: &str = "y copy   Esc close (not shown again)";
pub(crate) const CONFIRM_HINT: &str = "← → choose   Enter accept   Esc cancel";
pub(crate) const MENU_HINT: &str = "Enter or letter   Esc close";
pub(crate) const FORM_HINT: &str = "Tab next   Space toggle   Enter create   Esc cancel";
pub(crate) const DOCUMENT_TOO_LONG: &str = "This is too long for a file of that kind.";
pub(crate) const DUE: &str = "due";
pub(crate) const NOTHING_TO_FILTER: &str = "There is no list to filter here.";
pub(crate) const UNREACHABLE: &str = "DOWN";
pub(crate) const SILENT: &str = "silent";
pub(crate) const SILENT_NOTICE: &str = "The server does not answer. What is shown is old; changes wait for it.";
pub(crate) const HELP_TITLE: &str = "Keys on this screen";
pub(crate) const FILTER_HELP: &str = "Filter: text, ~letters in order, !to exclude";
pub(crate) const HELP_FILTER: &str = "filter: text, ~letters in order, !to exclude";
pub(crate) const UNKNOWN_COMMAND: &str = "No such command. `:help` lists them.";
pub(crate) const COMMANDS_TITLE: &str = "Commands";

/// Sentences with parameters. Callers pass safe text or figures.
pub(crate) mod phrase {
    pub(crate) fn at(server: &str) -> String {
        format!("Hearth at {server}")
    }

    pub(crate) fn jobs(count: usize, name: &str, percent: u64) -> String {
        format!("{}: {name} {percent} %", plural(count as u64, "job", "jobs"))
    }

    pub(crate) fn shown(shown: u64, total: u64, more: bool) -> String {
        let more = if more { ", and more on the server" } else { "" };
        if shown == total { format!("{total} rows{more}") } else { format!("{shown} of {total} rows{more}") }
    }

    /// What is shown of a pasted document.
    pub(crate) fn document(lines: usize) -> String {
        match lines {
            0 => "(paste it here)".to_owned(),
            lines => plural(lines as u64, "line", "lines"),
        }
    }

    pub(crate) fn in_time(span: &str) -> String {
        format!("in {span}")
    }

    /// `1 device`, `2 devices`.
    pub(crate) fn plural(count: u64, one: &str, many: &str) -> String {
        format!("{count} {}", if count == 1 { one } else { many })
    }
}
