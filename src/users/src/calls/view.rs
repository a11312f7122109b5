//! The administrator's view of the relay. Each query waits for the relay's threads, so it runs on a blocking thread.

use hearth_base::boxed;
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use hearth_base::config::RelayMode;
use hearth_turn::{AllocationId, AllocationView, UserTotals};

use super::Calls;

/// The state of the built-in relay.
#[derive(Debug)]
pub struct RelayView {
    /// The URIs that clients get.
    pub uris: Vec<String>,
    /// The public addresses.
    pub public: Vec<IpAddr>,
    /// Warnings, as sentences.
    pub warnings: Vec<String>,
    /// Current allocations.
    pub allocations: Vec<AllocationView>,
    /// Totals of each user since the relay started.
    pub users: Vec<UserTotals>,
    /// Counts of refused requests since the relay started, by reason; without zeros.
    pub refused: Vec<(&'static str, u64)>,
}

/// Why the built-in relay does not run. Its display text includes the remedy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Absence {
    /// It failed to start, for this reason.
    Failed(String),
    /// The configuration names another relay.
    Another,
    /// The configuration disables it.
    Off,
    /// A server with this name is not reachable from the internet.
    PrivateName(String),
    /// The server is still starting.
    Starting,
}

impl fmt::Display for Absence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failed(error) => write!(
                f,
                "The relay for calls could not be started: {error}. Free its ports or choose others (`turn.addresses`), and \
                 start the server again; `turn.relay = \"off\"` does without it."
            ),
            Self::Another => f.write_str(
                "Clients are sent to another relay (`turn.uris`). To use Hearth's own, empty `turn.uris` and start the \
                 server again.",
            ),
            Self::Off => f.write_str(
                "The configuration says so: `turn.relay = \"off\"`. Set it to \"auto\" or \"on\" and start the server again.",
            ),
            Self::PrivateName(name) => write!(
                f,
                "The server is called {name}, which is no name of the internet, so a relay would hardly be reached from \
                 there. Set `turn.relay = \"on\"` and start the server again to have one nevertheless."
            ),
            Self::Starting => f.write_str("It is about to start. Look again in a moment."),
        }
    }
}

impl Calls {
    /// Why the built-in relay does not run; `None` if it runs.
    #[must_use]
    pub fn absence(&self) -> Option<Absence> {
        let config = &self.core.config;
        let turn = &config.turn;
        if self.own().is_some() {
            return None;
        }
        Some(match (self.failure.get(), turn.relay) {
            (Some(error), _) => Absence::Failed(error.clone()),
            (None, RelayMode::Off) if turn.uris.is_empty() => Absence::Off,
            (None, RelayMode::Off | RelayMode::Auto) if !turn.uris.is_empty() => Absence::Another,
            (None, _) if !turn.runs_relay(&config.server.name) => Absence::PrivateName(config.server.name.clone()),
            (None, _) => Absence::Starting,
        })
    }

    /// Current allocations and the number of their users; `None` if no relay runs. Does not wait for the relay's
    /// threads.
    #[must_use]
    pub fn held(&self) -> Option<(u64, u64)> {
        let running = &self.own()?.running;
        let users = running.users().iter().filter(|user| user.allocations > 0).count();
        Some((u64::from(running.allocation_count()), users as u64))
    }

    /// Ends all allocations of a user and returns their number. The user may make new ones.
    #[boxed]
    pub async fn end_all(&self, user: &str) -> usize {
        let Some(own) = self.own() else { return 0 };
        let (running, user) = (Arc::clone(&own.running), user.to_owned());
        tokio::task::spawn_blocking(move || running.disconnect_user(&user)).await.unwrap_or(0)
    }

    /// The current state of the built-in relay; `None` if it does not run.
    #[boxed]
    pub async fn view(&self) -> Option<RelayView> {
        let own = self.own()?;
        let (running, uris) = (Arc::clone(&own.running), own.uris.clone());
        let refused = own.refusals().into_iter().filter(|(_, count)| *count > 0).collect();
        let look = move || {
            let external_address = running.external_address();
            RelayView {
                uris,
                public: [external_address.v4, external_address.v6].into_iter().flatten().map(|at| at.public).collect(),
                warnings: running.warnings(),
                allocations: running.allocations(),
                users: running.users(),
                refused,
            }
        };
        tokio::task::spawn_blocking(look).await.ok()
    }

    /// Ends an allocation. Returns whether it existed.
    #[boxed]
    pub async fn end(&self, id: AllocationId) -> bool {
        let Some(own) = self.own() else { return false };
        let running = Arc::clone(&own.running);
        tokio::task::spawn_blocking(move || running.disconnect(id)).await.unwrap_or(false)
    }

    /// The URIs of the configured relay that clients use instead of the built-in one.
    #[must_use]
    pub fn other_uris(&self) -> &[String] {
        &self.core.config.turn.uris
    }
}
