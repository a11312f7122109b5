//! `hearth ctl push`.

use clap::Subcommand;
use hearth_admin::text::safe_text;
use hearth_admin::wire::{Pusher, PusherList, PusherTestList, paths};

use super::table::{or_dash, time};
use super::{Outcome, Session, table};
use crate::cli::out;

/// Notifications to apps.
#[derive(Debug, Subcommand)]
pub(super) enum Push {
    /// List the apps that have asked for notifications, and how delivering to them goes
    List {
        /// Only those of this user
        #[arg(long)]
        user: Option<String>,
        /// Only those whose push gateway does not take notifications
        #[arg(long)]
        failing: bool,
    },
    /// Send a test to all apps of a user: the number at the app's icon, and no message
    Test {
        /// The user id
        user: String,
    },
}

impl Push {
    pub(super) async fn run(self, session: &Session) -> Outcome {
        match self {
            Self::List { user, failing } => {
                let mut list: PusherList = session.client.get(paths::PUSHERS).await?;
                list.items.retain(|pusher| {
                    user.as_ref().is_none_or(|user| pusher.user_id.contains(user))
                        && (!failing || pusher.failing_since_ms.is_some())
                });
                session.print(&list, show);
                Ok(())
            }
            Self::Test { user } => {
                let path = paths::pushers_test(&user);
                let tests: PusherTestList = session.client.post(&path, &serde_json::json!({})).await?;
                session.print(&tests, |tests| {
                    for test in &tests.items {
                        let (pusher, answer) = (&test.pusher, safe_text(&test.answer));
                        let app = safe_text(&format!("{} on {}", pusher.app_id, pusher.device_name));
                        out::say(format_args!("{app}: {}: {answer}.", safe_text(&pusher.gateway)));
                    }
                });
                Ok(())
            }
        }
    }
}

fn show(list: &PusherList) {
    let rows = list.items.iter().map(|pusher| {
        let app = format!("{} ({})", pusher.app_id, pusher.device_name);
        let (success, since) = (time(pusher.last_success_ms), time(pusher.failing_since_ms));
        let reason = or_dash(pusher.reason.as_deref());
        [pusher.user_id.clone(), app, pusher.gateway.clone(), state(pusher).to_owned(), success, since, reason]
    });
    table::print(["USER", "APP", "GATEWAY", "STATE", "LAST SENT", "FAILING SINCE", "REASON"], rows);
}

fn state(pusher: &Pusher) -> &'static str {
    match (pusher.enabled, pusher.stale, pusher.failing_since_ms) {
        (false, ..) => "off",
        (true, true, _) => "stale",
        (true, false, Some(_)) => "failing",
        (true, false, None) => "on",
    }
}
