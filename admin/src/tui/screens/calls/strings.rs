//! Strings of the calls screen. Callers pass safe text or figures.

use crate::tui::strings::phrase::plural;

pub(super) const CALL_TABS: [&str; 2] = ["Relayed address", "Peers"];
pub(super) const CALLS_PARTS: [&str; 4] = ["Now", "Users", "Relay", "Test"];
pub(super) const RELAY_UNUSED: &str = "The relay has not been used since it was started.";
pub(super) const NO_RELAYED_ADDRESS: &str = "This user has no relayed address now.";
pub(super) const TEST_RUNS: &str = "A test is running already.";
pub(super) const JUST_NOW: &str = "just now";
pub(super) const NEVER_TESTED: &str = "Not tested yet: t tests every relay URI, as a device would.";
pub(super) const CALL_ENDED: &str = "The relayed address has ended.";
pub(super) const NO_RELAY: &str = "The built-in relay does not run.";
pub(super) const WITHOUT_RELAY: &str = "Calls work only between devices that can reach each other directly.";
pub(super) const SENT_TO: &str = "Clients use";
pub(super) const SENT_NOWHERE: &str = "no relay";
pub(super) const SEEN_AS: &str = "Public addresses";
pub(super) const SEEN_NOWHERE: &str = "unknown: set `turn.public_ipv4`, or `turn.stun_servers` to discover it";
pub(super) const REFUSED: &str = "Refused since the server was started";
pub(super) const REFUSED_NOTHING: &str = "nothing";
pub(super) const WORKS: &str = "works";
pub(super) const FAILS: &str = "FAILS";
pub(super) const WAITING: &str = "...";
pub(super) const RATE_UNKNOWN: &str = "known after the second update";
pub(super) const VERB_DISCONNECT: &str = "Disconnect";

pub(super) fn relay_runs(allocations: usize, users: usize, rate: Option<&str>) -> String {
    if allocations == 0 {
        return "The relay runs. It is not in use.".to_owned();
    }
    let rate = rate.map_or_else(String::new, |rate| format!(", {rate}"));
    let held = plural(allocations as u64, "address", "addresses");
    format!("The relay runs: {held} for {}{rate}.", plural(users as u64, "user", "users"))
}

pub(super) fn more_below(lines: usize) -> String {
    format!("↓ {} below", plural(lines as u64, "more line", "more lines"))
}

pub(super) fn more_warnings(count: usize) -> String {
    format!("{} on the tab Relay.", plural(count as u64, "more line", "more lines"))
}

pub(super) fn tested(when: &str, ways: usize, working: usize) -> String {
    if working == ways {
        return format!("Tested {when}: all URIs work ({ways}).");
    }
    format!("Tested {when}: {working} of {} work; see Test.", plural(ways as u64, "URI", "URIs"))
}

pub(super) fn test_failed(when: &str) -> String {
    format!("Tested {when}: the test failed; see Test.")
}

pub(super) fn testing(ways: usize, seconds: u64) -> String {
    match ways {
        0 => format!("Testing... {seconds} s"),
        _ => {
            format!("Testing {}, as a device would... {seconds} s", plural(ways as u64, "URI", "URIs"))
        }
    }
}

pub(super) fn test_ended(when: &str) -> String {
    format!("Tested {when} from the server's machine with two clients:")
}

pub(super) fn round_trip(ms: f64, lost_percent: f64) -> String {
    format!("{ms:.1} ms round trip, {lost_percent:.0} % lost.")
}

pub(super) fn traffic(bytes: &str, packets: &str) -> String {
    format!("{bytes} in {packets} datagrams")
}

pub(super) fn disconnect_title(user: &str) -> String {
    format!("Disconnect {user}?")
}

pub(super) fn disconnect_lines(client: &str, age: &str, relayed: &str) -> Vec<String> {
    vec![
        format!("1 relayed address, used for {age} by the device at {client}; {relayed} relayed."),
        "A call that uses it is interrupted.".to_owned(),
        DEVICE_RETURNS.to_owned(),
    ]
}

pub(super) fn disconnect_all_lines(allocations: u64) -> Vec<String> {
    vec![
        format!("Ends {} of this user.", plural(allocations, "relayed address", "relayed addresses")),
        "Calls that use them are interrupted.".to_owned(),
        DEVICE_RETURNS.to_owned(),
    ]
}

const DEVICE_RETURNS: &str = "The device may request a new one at once. To prevent that, lock the account.";

pub(super) fn disconnected(user: &str, allocations: u64) -> String {
    format!("{user}: {} ended.", plural(allocations, "relayed address", "relayed addresses"))
}
