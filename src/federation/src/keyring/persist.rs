//! Storage and cache of other servers' keys.

use hearth_base::boxed;
use std::sync::Arc;

use hearth_base::{Millis, Result, limits};
use hearth_store::Lane;
use hearth_store::engine::Tx;
use hearth_store::tables::server_keys::{self, DocumentRow, ServerKeyRow};
use ruma::OwnedServerName;

use super::Keyring;
use super::document::Document;
use super::known::ServerKeys;

impl Keyring {
    /// Loads the keys of some servers from the database.
    pub(super) async fn load(&self, servers: Vec<OwnedServerName>) -> Result<Vec<(OwnedServerName, Arc<ServerKeys>)>> {
        let read = self.core.store.read("server_keys_of", move |tx| {
            let of = |server: OwnedServerName| {
                let rows = server_keys::of(tx.tx(), server.as_str())?;
                Ok((server, Arc::new(ServerKeys::new(rows))))
            };
            servers.into_iter().map(of).collect::<Result<Vec<_>>>()
        });
        let loaded = read.await?;
        // An entry cached during the read is newer.
        let newer = |(server, keys)| {
            let keys = self.known.get_or_insert_with(&server, || Ok::<_, hearth_base::Error>(keys))?;
            Ok((server, keys))
        };
        loaded.into_iter().map(newer).collect()
    }

    /// Merges checked key documents into the stored keys. `direct` documents come from their own server, which may
    /// retract earlier keys; notaries may not.
    pub(super) async fn keep(
        &self,
        documents: Vec<Document>,
        direct: bool,
    ) -> Result<Vec<(OwnedServerName, Arc<ServerKeys>)>> {
        let now_ms = self.core.now_ms();
        let write = self.core.store.write_in(Lane::Federation, "server_keys_keep", move |tx| {
            documents
                .into_iter()
                .map(|document| keep_one(tx.tx(), document, direct, now_ms))
                .collect::<Result<Vec<_>>>()
        });
        let kept = write.await?;
        for (server, keys) in &kept {
            self.known.insert(server.clone(), Arc::clone(keys));
        }
        Ok(kept)
    }

    /// Deletes the servers with the oldest fetch, above the limit.
    #[boxed]
    pub async fn prune(&self) -> Result<()> {
        let too_many = |tx: &mut dyn Tx| server_keys::one_too_many(tx, limits::KEY_SERVERS_MAX);
        let Some(fetched_ms) = self.core.store.read("server_keys_too_many", move |tx| too_many(tx.tx())).await? else {
            return Ok(());
        };
        let forget = move |tx: &mut dyn Tx| server_keys::forget(tx, fetched_ms);
        self.core.store.write_in(Lane::Upkeep, "server_keys_prune", move |tx| forget(tx.tx())).await.map(drop)
    }
}

fn keep_one(
    tx: &mut dyn Tx,
    document: Document,
    direct: bool,
    now_ms: Millis,
) -> Result<(OwnedServerName, Arc<ServerKeys>)> {
    let Document { server, keys, valid_until_ms, json } = document;
    let mut rows = server_keys::of(tx, server.as_str())?;
    for key in keys {
        let old = rows.iter().position(|row| row.key_id == key.key_id);
        let merged = match old {
            Some(index) => merge(&rows[index], key, direct),
            // Keys that a server once had are kept for old events, up to a limit.
            None if rows.len() >= 2 * limits::KEYS_PER_SERVER_MAX => continue,
            None => key,
        };
        if old.is_some_and(|index| rows[index] == merged) {
            continue;
        }
        server_keys::upsert(tx, server.as_str(), &merged)?;
        match old {
            Some(index) => rows[index] = merged,
            None => rows.push(merged),
        }
    }
    let newest = server_keys::document(tx, server.as_str())?;
    if direct || newest.is_none_or(|newest| newest.valid_until_ms <= valid_until_ms) {
        server_keys::upsert_document(tx, server.as_str(), &DocumentRow { json, valid_until_ms, fetched_ms: now_ms })?;
    }
    Ok((server, Arc::new(ServerKeys::new(rows))))
}

/// Merges a stored key with its entry in a new document.
fn merge(old: &ServerKeyRow, new: ServerKeyRow, direct: bool) -> ServerKeyRow {
    if old.public != new.public {
        // A server that lost its database may reuse a key id. Only the server itself may report that.
        return if direct { new } else { old.clone() };
    }
    ServerKeyRow {
        valid_until_ms: old.valid_until_ms.max(new.valid_until_ms),
        // An old document from a notary does not restore a retired key.
        expired_ms: if direct { new.expired_ms } else { old.expired_ms.or(new.expired_ms) },
        ..new
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(public: u8, valid_until_ms: Millis, expired_ms: Option<Millis>) -> ServerKeyRow {
        ServerKeyRow { key_id: "ed25519:a".to_owned(), public: vec![public; 32], valid_until_ms, expired_ms }
    }

    #[test]
    fn notaries_add_and_take_nothing_away() {
        let old = row(1, 100, Some(50));
        assert_eq!(merge(&old, row(1, 200, None), false), row(1, 200, Some(50)));
        assert_eq!(merge(&old, row(2, 200, None), false), old);
        assert_eq!(merge(&row(1, 100, None), row(1, 0, Some(70)), false), row(1, 100, Some(70)));
    }

    #[test]
    fn a_server_has_the_last_word_on_its_keys() {
        let old = row(1, 100, Some(50));
        assert_eq!(merge(&old, row(1, 200, None), true), row(1, 200, None));
        assert_eq!(merge(&old, row(2, 0, Some(7)), true), row(2, 0, Some(7)));
    }
}
