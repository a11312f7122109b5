//! `hearth ctl signing-keys`.

use clap::Subcommand;
use hearth_admin::wire::{SigningKeyList, paths};

use super::table::time;
use super::{Outcome, Session, table};

/// The keys with which the server signs.
#[derive(Debug, Subcommand)]
pub(super) enum SigningKeys {
    /// List them, the one in use first
    List,
    /// Make a new key and use it from now on; the old one stays published as out of use
    Rotate,
}

impl SigningKeys {
    pub(super) async fn run(self, session: &Session) -> Outcome {
        let keys: SigningKeyList = match self {
            Self::List => session.client.get(paths::SIGNING_KEYS).await?,
            Self::Rotate => session.client.post(paths::SIGNING_KEYS_ROTATE, &serde_json::json!({})).await?,
        };
        session.print(&keys, |keys| {
            let rows = keys.items.iter().map(|key| {
                let state =
                    key.expired_ms.map_or_else(|| "in use".to_owned(), |at| format!("until {}", time(Some(at))));
                [key.id.clone(), state]
            });
            table::print(["KEY", "STATE"], rows);
        });
        Ok(())
    }
}
