//! Strings of the screen of application services. Callers pass safe text or figures.

use crate::tui::strings::NONE;
use crate::tui::strings::phrase::plural;
use crate::tui::view::format::count;

pub(super) const TABS: [&str; 2] = ["Service", "Namespaces"];
pub(super) const UP: &str = "up";
pub(super) const STOPPED: &str = "disabled";
pub(super) const NO_URL: &str = "no url";
pub(super) const URL_NONE: &str = "none: nothing is sent to it";
pub(super) const SOURCE_FILE: &str = "a registration file";
pub(super) const SOURCE_ADDED: &str = "added while the server ran";
pub(super) const USERS: &str = "users";
pub(super) const ALIASES: &str = "aliases";
pub(super) const ROOMS: &str = "rooms";
pub(super) const EXCLUSIVE: &str = "exclusive";
pub(super) const SHARED: &str = "shared";
pub(super) const NO_DELIVERIES: &str = "Its registration has no url: nothing is sent to it.";
pub(super) const FROM_A_FILE: &str = "It comes from a registration file: remove the file, then reload with SIGHUP.";
pub(super) const NEW: &str = "New bridge or bot";
pub(super) const FIELD_REGISTRATION: &str = "Registration (YAML)";
pub(super) const ERROR_REGISTRATION: &str = "Paste the text of the registration that the bridge has written.";
pub(super) const VERB_REMOVE: &str = "Remove";

pub(super) fn waiting(behind: u64) -> String {
    match behind {
        0 => NONE.to_owned(),
        behind => format!("up to {} events", count(behind)),
    }
}

pub(super) fn answers(service: &str, ms: &str) -> String {
    format!("{service} answers; it took {ms} ms.")
}

pub(super) fn stopped(service: &str) -> String {
    format!("Deliveries to {service} stop; nothing is lost. u undoes it within 10 s.")
}

pub(super) fn resumed(service: &str) -> String {
    format!("Deliveries to {service} go on. u undoes it within 10 s.")
}

pub(super) fn added(service: &str, sender: &str) -> String {
    format!("Added {service}, whose own user is {sender}. t tests it.")
}

pub(super) fn remove_title(service: &str) -> String {
    format!("Remove {service}?")
}

pub(super) fn remove_lines(sender: &str, behind: u64) -> Vec<String> {
    let mut lines = vec![format!("It can no longer act as {sender} or as its other users.")];
    if behind > 0 {
        lines.push(format!("Up to {} for it will never be sent.", plural(behind, "event", "events")));
    }
    lines.push("Its users and rooms stay. Adding it again needs its registration.".to_owned());
    lines
}

pub(super) fn removed(service: &str) -> String {
    format!("{service} is removed.")
}
