//! Commands behind `:`, with completion. Each has a key as well.

use super::state::Screen;

/// A parsed command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Command {
    Go(Screen),
    User(String),
    Room(String),
    Server(String),
    TestCalls,
    NewUser,
    NewToken,
    Filter(String),
    Level(String),
    Sort(String),
    Refresh,
    Help,
    Quit,
}

/// Name, argument and description, in the order of the help.
pub(crate) const COMMANDS: [(&str, &str, &str); 18] = [
    ("dashboard", "", "health and figures"),
    ("users", "", "local accounts"),
    ("rooms", "", "rooms of this server"),
    ("log", "", "the server's log"),
    ("tokens", "", "registration tokens"),
    ("federation", "", "other servers and the state of sending to them"),
    ("calls", "", "the relay for calls"),
    ("user", "<id>", "open one user"),
    ("room", "<id>", "open one room"),
    ("server", "<name>", "open one other server"),
    ("test-calls", "", "test every relay URI"),
    ("new-user", "", "create an account"),
    ("new-token", "", "create a registration token"),
    ("filter", "<text>", "filter this list"),
    ("level", "<level>", "lowest log level shown"),
    ("sort", "<number>", "sort this list by a column, 1 for the first"),
    ("refresh", "", "reload"),
    ("quit", "", "quit; the server keeps running"),
];

/// Parses a command. `None` for an unknown one, or if its argument is missing.
pub(crate) fn parse(line: &str) -> Option<Command> {
    let line = line.trim();
    let (name, rest) = line.split_once(' ').unwrap_or((line, ""));
    let rest = rest.trim().to_owned();
    let with = |make: fn(String) -> Command| (!rest.is_empty()).then(|| make(rest.clone()));
    match name {
        "dashboard" => Some(Command::Go(Screen::Dashboard)),
        "users" => Some(Command::Go(Screen::Users)),
        "rooms" => Some(Command::Go(Screen::Rooms)),
        "log" => Some(Command::Go(Screen::Log)),
        "tokens" => Some(Command::Go(Screen::Tokens)),
        "federation" => Some(Command::Go(Screen::Federation)),
        "calls" => Some(Command::Go(Screen::Calls)),
        "user" => with(Command::User),
        "room" => with(Command::Room),
        "server" => with(Command::Server),
        "test-calls" => Some(Command::TestCalls),
        "new-user" => Some(Command::NewUser),
        "new-token" => Some(Command::NewToken),
        "filter" => Some(Command::Filter(rest)),
        "level" => with(Command::Level),
        "sort" => with(Command::Sort),
        "refresh" => Some(Command::Refresh),
        "help" => Some(Command::Help),
        "q" | "quit" => Some(Command::Quit),
        _ => None,
    }
}

/// The command names that start with `line`.
pub(crate) fn candidates(line: &str) -> Vec<&'static str> {
    COMMANDS.iter().map(|(name, _, _)| *name).filter(|name| name.starts_with(line)).collect()
}

/// Completes the line up to the longest common prefix of the candidates, with a space after a unique one.
pub(crate) fn complete(line: &str) -> Option<String> {
    let names = candidates(line);
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
    use super::*;

    #[test]
    fn every_listed_command_parses() {
        for (name, argument, _) in COMMANDS {
            assert!(parse(&format!("{name} {argument}")).is_some(), "{name}");
        }
        assert_eq!(parse(" user @a:h "), Some(Command::User("@a:h".to_owned())));
        assert_eq!(parse("user"), None);
        assert_eq!(parse("drop"), None);
    }

    #[test]
    fn completes_the_longest_common_prefix() {
        assert_eq!(complete("da").as_deref(), Some("dashboard "));
        assert_eq!(complete("ro").as_deref(), Some("room"));
        assert_eq!(complete("new").as_deref(), Some("new-"));
        assert_eq!(complete("x"), None);
    }
}
