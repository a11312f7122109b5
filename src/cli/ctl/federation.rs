//! `hearth ctl federation`.

use clap::Subcommand;
use hearth_admin::text::safe_text;
use hearth_admin::wire::{Destination, ListQuery, Page, paths};

use super::table::{or_dash, time};
use super::{Outcome, Session, table};
use crate::cli::out;

/// Other homeservers.
#[derive(Debug, Subcommand)]
pub(super) enum Federation {
    /// List the servers that something was ever sent to, and how that goes
    List {
        /// Only those whose name contains this
        #[arg(long)]
        search: Option<String>,
        /// Only those that cannot be reached
        #[arg(long)]
        failing: bool,
    },
    /// Show one server
    Show {
        /// Its server name
        server: String,
    },
    /// Try to reach a server now
    Retry {
        /// Its server name
        server: String,
    },
}

impl Federation {
    pub(super) async fn run(self, session: &Session) -> Outcome {
        match self {
            Self::List { search, failing } => list(session, search, failing).await,
            Self::Show { server } => {
                let server: Destination = session.client.get(&paths::destination(&server)).await?;
                session.print(&server, show);
                Ok(())
            }
            Self::Retry { server } => {
                let path = paths::destination_retry(&server);
                let server: Destination = session.client.post(&path, &serde_json::json!({})).await?;
                session.print(&server, |server| {
                    let name = safe_text(&server.server_name);
                    if server.sending || server.queued_events + server.queued_edus > 0 {
                        out::say(format_args!("{name} is being tried."));
                    } else {
                        out::say(format_args!("Nothing waits for {name}: it is tried when something does."));
                    }
                });
                Ok(())
            }
        }
    }
}

async fn list(session: &Session, search: Option<String>, failing: bool) -> Outcome {
    let mut all = Page::<Destination>::default();
    loop {
        let query = ListQuery { from: all.next.take(), limit: None, search: search.clone() };
        let page: Page<Destination> = session.client.get(&paths::destinations(&query)).await?;
        all.items.extend(page.items.into_iter().filter(|server| !failing || !server.reachable));
        all.next = page.next;
        if all.next.is_none() {
            break;
        }
    }
    session.print(&all, |all| {
        let rows = all.items.iter().map(|server| {
            let waiting = (server.queued_events + server.queued_edus).to_string();
            let (success, retry) = (time(server.last_success_ms), time(server.retry_at_ms));
            let reasons = [&server.reason, &server.left_out_reason, &server.given_up_reason];
            let reason = or_dash(reasons.into_iter().flatten().next().map(String::as_str));
            [server.server_name.clone(), state(server).to_owned(), waiting, success, retry, reason]
        });
        table::print(["SERVER", "STATE", "WAITING", "LAST SENT", "NEXT TRY", "REASON"], rows);
    });
    Ok(())
}

fn state(server: &Destination) -> &'static str {
    match (server.reachable, server.sending) {
        (true, false) => "reachable",
        (true, true) => "sending",
        (false, true) => "trying",
        (false, false) => "away",
    }
}

fn show(server: &Destination) {
    let line = |title: &str, text: &str| out::say(format_args!("{title:<14}{}", safe_text(text)));
    line("Server", &server.server_name);
    line("State", state(server));
    line("Last sent", &time(server.last_success_ms));
    line("Waiting", &format!("{} events, {} others", server.queued_events, server.queued_edus));
    if server.left_out > 0 {
        line("Left out", &format!("{}, the last: {}", server.left_out, or_dash(server.left_out_reason.as_deref())));
    }
    if server.given_up > 0 {
        let (at, reason) = (time(server.given_up_at_ms), or_dash(server.given_up_reason.as_deref()));
        line("Given up", &format!("{} to-device messages, the last {at}: {reason}", server.given_up));
    }
    if !server.reachable {
        line("Away since", &time(server.failing_since_ms));
        line("Attempts", &server.failures.to_string());
        line("Next try", &time(server.retry_at_ms));
        line("Reason", &or_dash(server.reason.as_deref()));
    }
}
