//! Commands behind `:`, with completion. Screens bring their own; here are those that work everywhere.

use super::screen::{CommandRow, ScreenId};
use super::state::State;

/// A parsed command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Command {
    /// A command of a screen: its place in the table there, and the argument.
    Screen(ScreenId, usize, String),
    Filter(String),
    Sort(String),
    Refresh,
    Help,
    Quit,
}

/// The commands that work everywhere.
const COMMON: [CommandRow; 5] = [
    CommandRow { name: "filter", argument: "<text>", help: "filter this list" },
    CommandRow { name: "sort", argument: "<number>", help: "sort this list by a column, 1 for the first" },
    CommandRow { name: "refresh", argument: "", help: "reload" },
    CommandRow { name: "help", argument: "", help: "this list" },
    CommandRow { name: "quit", argument: "", help: "quit; the server keeps running" },
];

/// All commands, in the order of the help: those that show a screen, the others of the screens, the common ones.
pub(crate) fn rows(state: &State) -> Vec<CommandRow> {
    let (mut rows, mut others) = (Vec::new(), Vec::new());
    for screen in &state.screens {
        let mut commands = screen.commands().into_iter();
        rows.extend(commands.next());
        others.extend(commands);
    }
    rows.extend(others);
    rows.extend(COMMON);
    rows
}

/// Parses a command. `None` for an unknown one, or if its argument is missing.
pub(crate) fn parse(state: &State, line: &str) -> Option<Command> {
    let line = line.trim();
    let (name, rest) = line.split_once(' ').unwrap_or((line, ""));
    let rest = rest.trim().to_owned();
    match name {
        "filter" => return Some(Command::Filter(rest)),
        "sort" => return (!rest.is_empty()).then_some(Command::Sort(rest)),
        "refresh" => return Some(Command::Refresh),
        "help" => return Some(Command::Help),
        "q" | "quit" => return Some(Command::Quit),
        _ => {}
    }
    let (id, place, row) = state.ids().find_map(|id| {
        let rows = state.screens.get(id.index())?.commands().into_iter();
        rows.enumerate().find(|(_, row)| row.name == name).map(|(place, row)| (id, place, row))
    })?;
    (row.argument.is_empty() || !rest.is_empty()).then_some(Command::Screen(id, place, rest))
}

/// The command names that start with `line`.
pub(crate) fn candidates(state: &State, line: &str) -> Vec<&'static str> {
    rows(state).iter().map(|row| row.name).filter(|name| name.starts_with(line)).collect()
}

/// Completes the line up to the longest common prefix of the candidates, with a space after a unique one.
pub(crate) fn complete(state: &State, line: &str) -> Option<String> {
    let names = candidates(state, line);
    let (first, others) = names.split_first()?;
    if others.is_empty() {
        return Some(format!("{first} "));
    }
    let agreed = first.char_indices().map(|(at, c)| at + c.len_utf8());
    let agreed = agreed.take_while(|&end| others.iter().all(|name| name.starts_with(&first[..end]))).last();
    agreed.map(|end| first[..end].to_owned())
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::tui::tests::fixtures::sample_state;

    #[test]
    fn every_listed_command_parses_and_has_one_meaning() {
        let state = sample_state();
        let mut names = HashSet::new();
        for CommandRow { name, argument, .. } in rows(&state) {
            assert!(parse(&state, &format!("{name} {argument}")).is_some(), "{name}");
            assert!(argument.is_empty() || name == "filter" || parse(&state, name).is_none(), "{name}");
            assert!(names.insert(name), "{name} twice");
        }
        assert_eq!(parse(&state, " user @a:h "), parse(&state, "user @a:h"));
        assert_eq!(parse(&state, "user"), None);
        assert_eq!(parse(&state, "drop"), None);
    }

    #[test]
    fn completes_the_longest_common_prefix() {
        let state = sample_state();
        assert_eq!(complete(&state, "da").as_deref(), Some("dashboard "));
        assert_eq!(complete(&state, "ro").as_deref(), Some("room"));
        assert_eq!(complete(&state, "new").as_deref(), Some("new-"));
        assert_eq!(complete(&state, "x"), None);
    }
}
