//! `hearth ctl turn`.

use clap::Subcommand;
use hearth_admin::wire::{Done, RelayCheckList, RelayStatus, paths};
use serde_json::json;

use super::{Outcome, Session, out, table};

/// The relay for calls.
#[derive(Debug, Subcommand)]
pub(super) enum Turn {
    /// Where it is, who is using it, and what it has refused
    List,
    /// Try every way to it, as a device would
    Test,
    /// End a relayed address, and with it what is going on there
    End {
        /// The relayed address's id, from `list`
        id: String,
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
                let checks: RelayCheckList = session.client.post(paths::RELAY_TEST, &json!({})).await?;
                session.print(&checks, show_checks);
            }
            Self::End { id } => {
                let done: Done = session.client.delete(&paths::relay_allocation(&id)).await?;
                session.print(&done, |_| out::say("Done."));
            }
        }
        Ok(())
    }
}

fn show(status: &RelayStatus) {
    let state = match (status.running, status.uris.is_empty()) {
        (true, _) => "Hearth's own relay runs.",
        (false, false) => "Clients are sent to another relay.",
        (false, true) => "There is no relay: calls work only between devices that reach each other.",
    };
    out::say(state);
    status.uris.iter().for_each(|uri| out::say(format_args!("  {uri}")));
    if status.running {
        out::say(format_args!("Others see it as: {}", status.public.join(", ")));
    }
    status.warnings.iter().for_each(out::warn);
    if !status.running {
        return;
    }
    let rows = status.allocations.iter().map(|one| {
        let relayed = table::bytes(one.bytes_in + one.bytes_out);
        let age = format!("{} min", one.age_s / 60);
        [
            one.id.clone(),
            one.user_id.clone(),
            one.transport.clone(),
            one.client.clone(),
            one.peers.join(" "),
            age,
            relayed,
        ]
    });
    table::print(["ID", "USER", "BY", "DEVICE AT", "TALKS TO", "FOR", "RELAYED"], rows);
    for refused in &status.refused {
        out::say(format_args!("refused: {} ({})", refused.reason, refused.count));
    }
}

fn show_checks(checks: &RelayCheckList) {
    for check in &checks.items {
        let figures = match (check.round_trip_ms, check.lost) {
            (Some(ms), Some(lost)) => format!(" ({ms:.1} ms, {:.0}% lost)", lost * 100.0),
            _ => String::new(),
        };
        out::say(format_args!("{} {}{figures}", if check.works { "works:" } else { "FAILS:" }, check.uri));
        out::say(format_args!("  {}", hearth_admin::text::safe_text(&check.message)));
    }
}
