//! `hearth ctl turn`.

use clap::Subcommand;
use hearth_admin::text::safe_text;
use hearth_admin::wire::{Done, RelayAllocation, RelayCheckList, RelayEnded, RelayStatus, RelayUser, paths};

use super::{Outcome, Session, out, table};

/// The relay for calls.
#[derive(Debug, Subcommand)]
pub(super) enum Turn {
    /// Where it is, who is using it, and what it has refused
    List,
    /// Try every way to it, as a device would
    Test,
    /// End relayed addresses, and with them what is going on there; the device may ask for new ones
    End {
        /// The relayed address's id, from `list`
        #[arg(required_unless_present = "user")]
        id: Option<String>,
        /// All that this user has, instead of one
        #[arg(long, value_name = "USER", conflicts_with = "id")]
        user: Option<String>,
    },
}

impl Turn {
    pub(super) async fn run(self, session: &Session) -> Outcome {
        match self {
            Self::List => {
                let status: RelayStatus = session.client.get(paths::RELAY).await?;
                session.print(&status, show);
            }
            Self::Test => {
                let checks: RelayCheckList = session.client.post(paths::RELAY_TEST, &Done {}).await?;
                session.print(&checks, show_checks);
            }
            Self::End { id, user: None } => {
                let id = id.unwrap_or_default();
                let done: Done = session.client.delete(&paths::relay_allocation(&id)).await?;
                session.print(&done, |_| out::say("Done."));
            }
            Self::End { user: Some(user), .. } => {
                let ended: RelayEnded = session.client.delete(&paths::relay_user(&user)).await?;
                session
                    .print(&ended, |ended| out::say(format_args!("Relayed addresses ended: {}.", ended.allocations)));
            }
        }
        Ok(())
    }
}

fn show(status: &RelayStatus) {
    show_external_address(status);
    if !status.running {
        return;
    }
    out::say("");
    if status.allocations.is_empty() {
        out::say("Nobody is being relayed.");
    } else {
        let titles = ["ID", "USER", "BY", "DEVICE AT", "RELAYED AS", "TALKS TO", "FOR", "SENT", "GOT"];
        table::print(titles, status.allocations.iter().map(held));
    }
    if !status.users.is_empty() {
        out::say("");
        table::print(["USER", "HELD NOW", "ENDED", "RELAYED"], status.users.iter().map(person));
    }
    if !status.refused.is_empty() {
        out::say("");
        out::say("Refused since the server was started:");
        for refused in &status.refused {
            out::say(format_args!("  {:>9}  {}", refused.count, safe_text(refused.words())));
        }
    }
}

/// Prints the external address of the relay, and what is wrong with it.
fn show_external_address(status: &RelayStatus) {
    match (status.running, status.uris.is_empty()) {
        (true, _) => out::say("Hearth's own relay runs. Clients are sent to:"),
        (false, false) => out::say("Clients are sent to another relay:"),
        (false, true) => out::say("There is no relay: calls work only between devices that reach each other."),
    }
    status.uris.iter().for_each(|uri| out::say(format_args!("  {}", safe_text(uri))));
    if status.running {
        let public = status.public.join(", ");
        let known = if public.is_empty() {
            "nothing: set `turn.public_ipv4`, or `turn.stun_servers` that tell it"
        } else {
            &public
        };
        out::say(format_args!("Others see it as: {}", safe_text(known)));
    }
    status.warnings.iter().chain(&status.absence).for_each(|warning| out::warn(safe_text(warning)));
}

fn held(one: &RelayAllocation) -> [String; 9] {
    [
        one.id.clone(),
        one.user_id.clone(),
        one.transport.clone(),
        one.client.clone(),
        one.relayed.join(" "),
        one.peers.join(" "),
        age(one.age_s),
        table::bytes(one.bytes_out),
        table::bytes(one.bytes_in),
    ]
}

fn age(seconds: u64) -> String {
    if seconds < 60 { format!("{seconds} s") } else { format!("{} min", seconds / 60) }
}

fn person(user: &RelayUser) -> [String; 4] {
    let RelayUser { user_id, allocations, ended, relayed_bytes } = user;
    [user_id.clone(), allocations.to_string(), ended.to_string(), table::bytes(*relayed_bytes)]
}

fn show_checks(checks: &RelayCheckList) {
    for check in &checks.items {
        let figures = match (check.round_trip_ms, check.lost) {
            (Some(ms), Some(lost)) => format!(" ({ms:.1} ms, {:.0}% lost)", lost * 100.0),
            _ => String::new(),
        };
        out::say(format_args!("{} {}{figures}", if check.works { "works:" } else { "FAILS:" }, safe_text(&check.uri)));
        out::say(format_args!("  {}", safe_text(&check.message)));
    }
}
