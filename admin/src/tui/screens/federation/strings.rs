//! Strings of the federation screen. Callers pass safe text or figures.

pub(super) const SERVER_TABS: [&str; 1] = ["Server"];
pub(super) const REACHED: &str = "ok";
pub(super) const SENDING: &str = "sending";
pub(super) const TRYING: &str = "trying";
pub(super) const AT_ONCE: &str = "now";
pub(super) const WHEN_NEEDED: &str = "when there is something to send";

pub(super) fn retried(server: &str, waiting: bool) -> String {
    match waiting {
        true => format!("Retrying {server}."),
        false => format!("Nothing is queued for {server}."),
    }
}

pub(super) fn given_up(number: &str, last: &str, reason: &str) -> String {
    format!("{number} to-device messages, the last {last}: {reason}")
}

pub(super) fn waiting(events: &str, others: &str) -> String {
    format!("{events} events, {others} others")
}
