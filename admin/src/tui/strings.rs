//! Every word of the dashboard, for whoever corrects or translates them. Nothing here decides anything.

use super::keys::Action;
use super::state::{MenuItem, Screen};

pub(crate) const PRODUCT: &str = "Hearth";
pub(crate) const TOO_SMALL: &str = "This terminal is too small.";
pub(crate) const TOO_SMALL_REMEDY: &str = "Hearth needs 40 columns and 10 rows; 80 by 24 is good.";
pub(crate) const CONNECTING: &str = "Asking the server...";
pub(crate) const RETRYING: &str = "Trying again every 2 s.";
pub(crate) const LOADING: &str = "Loading...";
pub(crate) const NOTHING_MATCHES: &str = "Nothing matches the filter. Esc clears it.";
pub(crate) const READONLY: &str = "Attached read-only: start without --readonly to change anything.";
pub(crate) const READONLY_MARK: &str = "read-only";
pub(crate) const OFFLINE: &str = "The server is away: nothing can be changed until it is back.";
pub(crate) const COPIED: &str = "Copied, if this terminal allows it (OSC 52).";
pub(crate) const NOTHING_TO_COPY: &str = "Nothing to copy here.";
pub(crate) const NOTHING_TO_UNDO: &str = "Nothing to undo.";
pub(crate) const NOTHING_SELECTED: &str = "Nothing is selected.";
pub(crate) const PROBLEMS: &str = "Health";
pub(crate) const NO_PROBLEMS: &str = "No problems found.";
pub(crate) const FIGURES: &str = "Figures";
pub(crate) const LISTENERS: &str = "Listening on";
pub(crate) const EVENTS_PER_MINUTE: &str = "Messages/min";
pub(crate) const COMMITS_PER_MINUTE: &str = "Writes/min";
pub(crate) const REMEDY: &str = "What to do:";
pub(crate) const NEVER: &str = "never";
pub(crate) const NONE: &str = "-";
pub(crate) const YES: &str = "yes";
pub(crate) const NO: &str = "no";
pub(crate) const BUTTON_NO: &str = "No";
pub(crate) const DELETE_MARK: &str = "DELETE";
pub(crate) const TYPE_TO_CONFIRM: &str = "Type this to go on, Esc to stop:";
pub(crate) const TYPED_WRONG: &str = "That is not the name. Nothing was changed.";
pub(crate) const CLOSE_HINT: &str = "Esc close";
pub(crate) const MORE_HINT: &str = "↓ more   ";
pub(crate) const SECRET_HINT: &str = "y copy   Esc close for good";
pub(crate) const CONFIRM_HINT: &str = "← → choose   Enter do it   Esc no";
pub(crate) const MENU_HINT: &str = "Enter or its letter   Esc close";
pub(crate) const FORM_HINT: &str = "Tab next   Space switch   Enter create   Esc stop";
pub(crate) const PAUSED: &str = "PAUSED";
pub(crate) const USER_TABS: [&str; 3] = ["Profile", "Devices", "Rooms"];
pub(crate) const ROOM_TABS: [&str; 2] = ["Room", "Members"];
pub(crate) const SERVER_TABS: [&str; 1] = ["Server"];
pub(crate) const CALL_TABS: [&str; 2] = ["Relayed address", "Talks to"];
pub(crate) const CALLS_PARTS: [&str; 4] = ["Now", "People", "Relay", "Test"];
pub(crate) const UNUSED_RELAY: &str = "Nobody has used the relay since it was started.";
pub(crate) const NOTHING_HELD: &str = "This user holds no relayed address now.";
pub(crate) const TEST_RUNS: &str = "A test is running already.";
pub(crate) const JUST_NOW: &str = "just now";
pub(crate) const NOTHING_TO_FILTER: &str = "There is no list to filter here.";
pub(crate) const HINTS_NO_RELAY: &str = "t test  r load again  : command  ? help  q quit";
pub(crate) const NEVER_TESTED: &str = "Not tested yet: t tries every way to the relay, as a device would.";
pub(crate) const CALL_ENDED: &str = "That relayed address is given back.";
pub(crate) const NO_RELAY: &str = "No relay of Hearth's runs.";
pub(crate) const NO_RELAY_SHORT: &str = "no relay here";
pub(crate) const WITHOUT_RELAY: &str = "Calls work only between devices that reach each other by themselves.";
pub(crate) const SENT_TO: &str = "Clients are sent to";
pub(crate) const SENT_NOWHERE: &str = "nothing: they are told of no relay";
pub(crate) const SEEN_AS: &str = "Others see it as";
pub(crate) const SEEN_NOWHERE: &str = "nothing: set `turn.public_ipv4`, or `turn.stun_servers` that tell it";
pub(crate) const REFUSED: &str = "Refused since the server was started";
pub(crate) const REFUSED_NOTHING: &str = "nothing";
pub(crate) const WORKS: &str = "works";
pub(crate) const FAILS: &str = "FAILS";
pub(crate) const WAITING: &str = "...";
pub(crate) const REACHED: &str = "ok";
pub(crate) const SENDING: &str = "sending";
pub(crate) const TRYING: &str = "trying";
pub(crate) const AWAY: &str = "AWAY";
pub(crate) const AT_ONCE: &str = "now";
pub(crate) const DUE: &str = "due";
pub(crate) const WHEN_NEEDED: &str = "when there is something to send";
pub(crate) const RATE_UNKNOWN: &str = "known after the second look";
pub(crate) const HELP_TITLE: &str = "Keys on this screen";
pub(crate) const FILTER_HELP: &str = "Filter: text, ~letters in order, !what to leave out";
pub(crate) const NEW_USER: &str = "New user";
pub(crate) const NEW_TOKEN: &str = "New registration token";
pub(crate) const FIELD_USERNAME: &str = "Username";
pub(crate) const FIELD_DISPLAY_NAME: &str = "Display name";
pub(crate) const FIELD_ADMIN: &str = "Administrator";
pub(crate) const FIELD_USES: &str = "Uses (empty: no limit)";
pub(crate) const FIELD_DAYS: &str = "Days (empty: for ever)";
pub(crate) const FIELD_TOKEN: &str = "Word (empty: made up)";
pub(crate) const ERROR_USERNAME: &str = "A username is needed.";
pub(crate) const ERROR_NUMBER: &str = "Uses and days are whole numbers above 0.";
pub(crate) const ERROR_CLOCK: &str = "Wait for the server's first answer, it has the clock.";
pub(crate) const LOGOUT_TOO: &str = "also log out every device";
pub(crate) const SHOWN_ONCE: &str = "This is shown once. Write it down or copy it now.";
pub(crate) const TOKEN_MADE: &str = "Whoever types this word may register:";
pub(crate) const PASSWORD_CHANGED: &str = "The password was changed.";
pub(crate) const UNKNOWN_COMMAND: &str = "No such command. `:help` lists them.";
pub(crate) const UNKNOWN_LEVEL: &str = "Levels are error, warn, info, debug and trace.";
pub(crate) const COMMANDS_TITLE: &str = "Commands";

/// A screen's name.
pub(crate) fn screen(screen: Screen) -> &'static str {
    match screen {
        Screen::Dashboard => "Dashboard",
        Screen::Users => "Users",
        Screen::Rooms => "Rooms",
        Screen::Log => "Log",
        Screen::Tokens => "Tokens",
        Screen::Federation => "Federation",
        Screen::Calls => "Calls",
    }
}

/// What a screen says when it has no rows.
pub(crate) fn empty(screen: Screen) -> &'static str {
    match screen {
        Screen::Dashboard => CONNECTING,
        Screen::Users => "No users yet. Press n to make one.",
        Screen::Rooms => "No rooms yet. They appear when someone makes or joins one.",
        Screen::Log => "Nothing at this level yet. v shows more levels.",
        Screen::Tokens => "No registration tokens. Press n to make one.",
        Screen::Federation => "Nothing was ever sent to another server.",
        Screen::Calls => "No call needs the relay now.",
    }
}

/// The keys worth knowing on a screen, for its last line.
pub(crate) fn hints(screen: Screen, detail: bool) -> &'static str {
    match screen {
        Screen::Users if detail => "Esc back  Tab next part  a actions  y copy  ? help",
        Screen::Federation if detail => "Esc back  t try now  y copy  ? help",
        Screen::Calls if detail => "Esc back  Tab next part  x disconnect  y copy  ? help",
        _ if detail => "Esc back  Tab next part  y copy  ? help",
        Screen::Dashboard => "Enter what to do  Tab next  : command  ? help  q quit",
        Screen::Users => "Enter open  a actions  / filter  s sort  ? help  q quit",
        Screen::Rooms => "Enter open  / filter  s sort  y copy id  ? help  q quit",
        Screen::Log => "Enter open  / filter  v level  p pause  ? help  q quit",
        Screen::Tokens => "n new  x revoke  y copy  s sort  ? help  q quit",
        Screen::Federation => "Enter open  t try now  / filter  s sort  ? help  q quit",
        Screen::Calls => "← → part  t test  x disconnect  Enter open  ? help  q quit",
    }
}

/// What an action does, for the help.
pub(crate) fn help(action: Action) -> &'static str {
    match action {
        Action::Up => "one up",
        Action::Down => "one down",
        Action::Left => "previous part",
        Action::Right => "next part",
        Action::PageUp => "one page up",
        Action::PageDown => "one page down",
        Action::First => "to the top",
        Action::Last => "to the end",
        Action::Open => "open what is selected",
        Action::Back => "close, or clear the filter; never quits",
        Action::NextPane => "next part, or next screen",
        Action::PreviousPane => "previous part, or previous screen",
        Action::Go(_) => "the screens",
        Action::Command => "type a command; Tab completes it",
        Action::Filter => "filter: text, ~letters in order, !without",
        Action::Sort => "sort by the next column",
        Action::Reverse => "turn the order round",
        Action::Menu => "all actions",
        Action::New => "new",
        Action::Revoke => "revoke (asks first)",
        Action::Retry => "try to reach the server now",
        Action::Test => "test: try every way to the relay",
        Action::Disconnect => "disconnect (asks first)",
        Action::Undo => "undo, within 10 s",
        Action::Pause => "pause, go on",
        Action::Level => "show the next level too",
        Action::Copy => "copy the id to the clipboard",
        Action::Refresh => "load again",
        Action::Repaint => "draw everything anew",
        Action::Help => "this help",
        Action::Quit => "quit; the server keeps running",
    }
}

/// A menu item's words.
pub(crate) fn menu_item(item: MenuItem, locked: bool, admin: bool) -> &'static str {
    match item {
        MenuItem::NewUser => "New user...",
        MenuItem::ResetPassword => "Reset password...",
        MenuItem::ToggleLocked if locked => "Unlock",
        MenuItem::ToggleLocked => "Lock",
        MenuItem::ToggleAdmin if admin => "Take the admin right away...",
        MenuItem::ToggleAdmin => "Make administrator...",
        MenuItem::LogoutEverywhere => "Log out everywhere...",
        MenuItem::Deactivate => "Deactivate...",
        MenuItem::Erase => "Deactivate and erase...",
        MenuItem::NewToken => "New token...",
        MenuItem::RevokeToken => "Revoke...",
        MenuItem::RetryServer => "Try to reach it now",
        MenuItem::TestCalls => "Test every way to the relay",
        MenuItem::Disconnect => "Disconnect this relayed address...",
        MenuItem::DisconnectAll => "Disconnect all of this user...",
    }
}

/// Verbs on buttons.
pub(crate) mod verb {
    pub(crate) const RESET: &str = "Reset";
    pub(crate) const LOG_OUT: &str = "Log out";
    pub(crate) const DEACTIVATE: &str = "Deactivate";
    pub(crate) const REVOKE: &str = "Revoke";
    pub(crate) const GRANT: &str = "Make admin";
    pub(crate) const WITHDRAW: &str = "Take away";
    pub(crate) const DISCONNECT: &str = "Disconnect";
}

/// Sentences with something filled in. The fillings are safe text already, or our own figures.
pub(crate) mod say {
    use crate::wire::LogLevel;

    pub(crate) fn at(server: &str) -> String {
        format!("Hearth at {server}")
    }

    pub(crate) fn reset_title(user: &str) -> String {
        format!("Reset the password of {user}?")
    }

    pub(crate) fn reset_lines(devices: u64) -> Vec<String> {
        vec![
            "The server makes a new password and shows it once.".to_owned(),
            format!("The old one stops working. {} logged in.", plural(devices, "device is", "devices are")),
        ]
    }

    pub(crate) fn logout_title(user: &str) -> String {
        format!("Log {user} out everywhere?")
    }

    pub(crate) fn logout_lines(devices: u64) -> Vec<String> {
        vec![
            format!("{} will be logged out.", plural(devices, "device", "devices")),
            "Encrypted history without a key backup is lost to them.".to_owned(),
        ]
    }

    pub(crate) fn deactivate_title(user: &str) -> String {
        format!("Deactivate {user}?")
    }

    pub(crate) fn erase_title(user: &str) -> String {
        format!("Deactivate and erase {user}?")
    }

    pub(crate) fn deactivate_lines(devices: u64, rooms: u64, media: &str) -> Vec<String> {
        vec![
            format!("{} logged out for good.", plural(devices, "device", "devices")),
            format!("Leaves {}.", plural(rooms, "room", "rooms")),
            format!("{media} of media stays."),
            "The name can never be used again. This cannot be undone.".to_owned(),
        ]
    }

    pub(crate) fn erase_lines(devices: u64, rooms: u64, media: &str) -> Vec<String> {
        vec![
            format!("{} logged out for good.", plural(devices, "device", "devices")),
            format!("Leaves {}; profile and messages are hidden.", plural(rooms, "room", "rooms")),
            format!("{media} of media is deleted."),
            "This cannot be undone. Make a backup first.".to_owned(),
        ]
    }

    pub(crate) fn grant_title(user: &str) -> String {
        format!("Make {user} an administrator?")
    }

    pub(crate) fn grant_lines() -> Vec<String> {
        vec!["Administrators can read every figure and close every account.".to_owned()]
    }

    pub(crate) fn withdraw_title(user: &str) -> String {
        format!("Take the admin right from {user}?")
    }

    pub(crate) fn withdraw_lines() -> Vec<String> {
        vec!["Their account and devices stay as they are.".to_owned()]
    }

    pub(crate) fn revoke_title(token: &str) -> String {
        format!("Revoke the token {token}?")
    }

    pub(crate) fn revoke_lines(pending: u64, completed: u64) -> Vec<String> {
        vec![
            format!("{} begun with it will fail.", plural(pending, "registration", "registrations")),
            format!("{} made with it stay.", plural(completed, "account", "accounts")),
        ]
    }

    pub(crate) fn locked(user: &str) -> String {
        format!("{user} is locked. u undoes it within 10 s.")
    }

    pub(crate) fn unlocked(user: &str) -> String {
        format!("{user} is unlocked. u undoes it within 10 s.")
    }

    pub(crate) fn admin_set(user: &str, admin: bool) -> String {
        if admin { format!("{user} is an administrator now.") } else { format!("{user} is no administrator any more.") }
    }

    pub(crate) fn logged_out(user: &str, devices: u64) -> String {
        format!("{user}: {} logged out.", plural(devices, "device", "devices"))
    }

    pub(crate) fn deactivated(user: &str) -> String {
        format!("{user} is deactivated.")
    }

    pub(crate) fn created(user: &str) -> String {
        format!("{user} was made.")
    }

    pub(crate) fn password_title(user: &str) -> String {
        format!("Password of {user}")
    }

    pub(crate) fn revoked(token: &str) -> String {
        format!("The token {token} is revoked.")
    }

    pub(crate) fn retried(server: &str, waiting: bool) -> String {
        match waiting {
            true => format!("{server} is being tried."),
            false => format!("Nothing waits for {server}: it is tried when something does."),
        }
    }

    pub(crate) fn in_time(span: &str) -> String {
        format!("in {span}")
    }

    pub(crate) fn waiting(events: &str, others: &str) -> String {
        format!("{events} events, {others} others")
    }

    pub(crate) fn federation(away: u64, waiting: &str) -> String {
        match away {
            0 => format!("none away, {waiting} waiting"),
            _ => format!("{away} away, {waiting} waiting"),
        }
    }

    pub(crate) fn relayed(allocations: u64, users: u64) -> String {
        match allocations {
            0 => "none relayed".to_owned(),
            _ => format!("{allocations} relayed for {}", plural(users, "person", "people")),
        }
    }

    pub(crate) fn relay_runs(allocations: usize, users: usize, rate: Option<&str>) -> String {
        if allocations == 0 {
            return "The relay runs. Nobody is being relayed.".to_owned();
        }
        let rate = rate.map_or_else(String::new, |rate| format!(", {rate}"));
        let held = plural(allocations as u64, "address", "addresses");
        format!("The relay runs: {held} for {}{rate}.", plural(users as u64, "person", "people"))
    }

    pub(crate) fn more_below(lines: usize) -> String {
        format!("↓ {} below", plural(lines as u64, "more line", "more lines"))
    }

    pub(crate) fn more_warnings(count: usize) -> String {
        format!("{} on the part Relay.", plural(count as u64, "more line", "more lines"))
    }

    pub(crate) fn tested(when: &str, ways: usize, working: usize) -> String {
        if working == ways {
            return format!("Tested {when}: every way to it works ({ways}).");
        }
        format!("Tested {when}: {working} of {} to it work; see Test.", plural(ways as u64, "way", "ways"))
    }

    pub(crate) fn test_failed(when: &str) -> String {
        format!("Tested {when}, and came to no end; see Test.")
    }

    pub(crate) fn testing(ways: usize, seconds: u64) -> String {
        match ways {
            0 => format!("Testing... {seconds} s"),
            _ => {
                format!("Trying {} to the relay, as a device would... {seconds} s", plural(ways as u64, "way", "ways"))
            }
        }
    }

    pub(crate) fn test_ended(when: &str) -> String {
        format!("Tried {when} from the server's machine, with two clients that talk:")
    }

    pub(crate) fn round_trip(ms: f64, lost_percent: f64) -> String {
        format!("{ms:.1} ms there and back, {lost_percent:.0} % lost.")
    }

    pub(crate) fn traffic(bytes: &str, packets: &str) -> String {
        format!("{bytes} in {packets} datagrams")
    }

    pub(crate) fn disconnect_title(user: &str) -> String {
        format!("Disconnect {user}?")
    }

    pub(crate) fn disconnect_lines(client: &str, age: &str, relayed: &str) -> Vec<String> {
        vec![
            format!("1 relayed address, held for {age} by the device at {client}; {relayed} went through it."),
            "A call that goes through it breaks off.".to_owned(),
            DEVICE_RETURNS.to_owned(),
        ]
    }

    pub(crate) fn disconnect_all_lines(allocations: u64) -> Vec<String> {
        vec![
            format!("{} of this user end.", plural(allocations, "relayed address", "relayed addresses")),
            "Calls that go through them break off.".to_owned(),
            DEVICE_RETURNS.to_owned(),
        ]
    }

    const DEVICE_RETURNS: &str = "The device may ask for a new one at once. To keep it out, lock the account.";

    pub(crate) fn disconnected(user: &str, allocations: u64) -> String {
        format!("{user}: {} ended.", plural(allocations, "relayed address", "relayed addresses"))
    }

    pub(crate) fn level(level: LogLevel) -> String {
        format!("level {}", level.as_str())
    }

    pub(crate) fn jobs(count: usize, name: &str, percent: u64) -> String {
        format!("{}: {name} {percent} %", plural(count as u64, "job", "jobs"))
    }

    pub(crate) fn shown(shown: u64, total: u64, more: bool) -> String {
        let more = if more { ", and more on the server" } else { "" };
        if shown == total { format!("{total} rows{more}") } else { format!("{shown} of {total} rows{more}") }
    }

    /// `1 device`, `2 devices`.
    pub(crate) fn plural(count: u64, one: &str, many: &str) -> String {
        format!("{count} {}", if count == 1 { one } else { many })
    }
}
