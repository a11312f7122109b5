//! Account data (client-server API, "Client Config"), global and per room. The server does not interpret it, except
//! push rules and tags, which have their own endpoints.

use hearth_base::boxed;
use std::sync::Arc;

use hearth_base::{Error, Reason, Result, error::refuse, limits};
use hearth_core::Requester;
use hearth_core::quotas::Quota;
use hearth_rooms::RoomCore;
use hearth_store::WriteTx;
use hearth_store::engine::Tx;
use hearth_store::ids::{RoomSn, UserSn};
use hearth_store::tables::account_data::{self as table, WHOLE_ACCOUNT};
use hearth_store::tables::{memberships, rooms};
use ruma::{OwnedRoomId, RoomId};

use super::wake;
use crate::push::rules;

/// The account data use cases.
#[derive(Debug)]
pub struct AccountData {
    pub(super) core: Arc<RoomCore>,
}

impl AccountData {
    pub(super) fn new(core: Arc<RoomCore>) -> Self {
        Self { core }
    }

    /// The content of one item, global or of a room: a JSON object. `M_NOT_FOUND` if there is none.
    ///
    /// Push rules always exist: the server returns the default rules if the user has none.
    #[boxed]
    pub async fn get(&self, who: &Requester, room: Option<OwnedRoomId>, kind: String) -> Result<String> {
        let (who, has_legacy) = (who.clone(), self.core.config.push.legacy_mentions);
        let read = self.core.store.read("account_data_get", move |tx| {
            let room = resolve(tx.tx(), who.user, room.as_deref())?;
            let content = table::get(tx.tx(), who.user, room, &kind)?;
            if room == WHOLE_ACCOUNT && kind == rules::TYPE {
                let global = rules::shown(&rules::parse(content.as_deref(), &who.user_id, has_legacy))?;
                return Ok(Some(serde_json::json!({ "global": global }).to_string()));
            }
            Ok(content)
        });
        read.await?.ok_or_else(|| Error::not_found("There is no such account data."))
    }

    /// Sets one item. `content` must be a JSON object. An empty one is stored like any other, although clients that do not
    /// know [`AccountData::delete`] empty what they no longer need: matrix-js-sdk waits until a sync shows what it has set.
    ///
    /// Refuses with `M_BAD_JSON` other JSON and types that have their own endpoints, `M_TOO_LARGE` content over
    /// [`limits::ACCOUNT_DATA_BYTES_MAX`], `M_NOT_FOUND` rooms in which the user has no membership.
    #[boxed]
    pub async fn set(&self, who: &Requester, room: Option<OwnedRoomId>, kind: String, content: &str) -> Result<()> {
        check(&kind, content)?;
        let (core, user, content) = (self.core.clone(), who.user, content.to_owned());
        let write = move |tx: &mut WriteTx<'_>| {
            let room = resolve(tx.tx(), user, room.as_deref())?;
            store(&core, tx, (user, room), &kind, &content)
        };
        self.core.store.write("account_data_set", write).await
    }

    /// Deletes one item (MSC3391); syncs tell of it as an empty content. Does nothing if there is none.
    ///
    /// Refuses as [`AccountData::set`] types that have their own endpoints, and unknown rooms.
    #[boxed]
    pub async fn delete(&self, who: &Requester, room: Option<OwnedRoomId>, kind: String) -> Result<()> {
        check(&kind, EMPTY)?;
        let (core, user) = (self.core.clone(), who.user);
        let write = move |tx: &mut WriteTx<'_>| {
            let room = resolve(tx.tx(), user, room.as_deref())?;
            remove(&core, tx, (user, room), &kind)
        };
        self.core.store.write("account_data_delete", write).await
    }
}

/// The content of a deleted item, as syncs show it.
const EMPTY: &str = "{}";

fn check(kind: &str, content: &str) -> Result<()> {
    if kind == "m.fully_read" || kind == rules::TYPE {
        let message = format!("{kind} has its own endpoint; it is not set as account data.");
        return Err(refuse(Reason::ServerControlled, message));
    }
    if kind.len() > limits::ID_BYTES_MAX {
        return Err(refuse(Reason::TooLarge, format!("A type can have {} bytes at most.", limits::ID_BYTES_MAX)));
    }
    if content.len() > limits::ACCOUNT_DATA_BYTES_MAX {
        let message = format!("Account data can have {} bytes at most.", limits::ACCOUNT_DATA_BYTES_MAX);
        return Err(refuse(Reason::TooLarge, message));
    }
    if !content.trim_start().starts_with('{') {
        return Err(Error::bad_json("Account data must be a JSON object."));
    }
    Ok(())
}

/// Resolves the room of account data. `M_NOT_FOUND` for rooms in which the user has no membership.
pub(super) fn resolve(tx: &mut dyn Tx, user: UserSn, room: Option<&RoomId>) -> Result<RoomSn> {
    let Some(room_id) = room else { return Ok(WHOLE_ACCOUNT) };
    let unknown = || Error::not_found(format!("You have nothing to do with a room {room_id}."));
    let room = rooms::by_id(tx, room_id.as_str())?.ok_or_else(unknown)?;
    memberships::get(tx, room.sn, user)?.ok_or_else(unknown)?;
    Ok(room.sn)
}

/// Refuses with `M_USER_LIMIT_EXCEEDED` content that would exceed the account's quota. A smaller content always passes,
/// so that a user over the quota can get back under it.
fn check_quota(core: &RoomCore, tx: &mut dyn Tx, user: UserSn, before: Option<&str>, content: &str) -> Result<()> {
    let more = (content.len() as u64).saturating_sub(before.map_or(0, str::len) as u64);
    let quotas = &core.config.quotas;
    if before.is_none() {
        Quota::AccountDataItems.check(quotas, tx, user, 1)?;
    }
    if more > 0 { Quota::AccountDataBytes.check(quotas, tx, user, more) } else { Ok(()) }
}

/// Stores an item and wakes the user. Skips the write if nothing changes, because flash storage wears out.
pub(super) fn store(
    core: &Arc<RoomCore>,
    tx: &mut WriteTx<'_>,
    (user, room): (UserSn, RoomSn),
    kind: &str,
    content: &str,
) -> Result<()> {
    let before = table::get(tx.tx(), user, room, kind)?;
    if before.as_deref() == Some(content) {
        return Ok(());
    }
    check_quota(core, tx.tx(), user, before.as_deref(), content)?;
    let at = tx.position();
    table::set(tx.tx(), user, room, kind, Some(content), at)?;
    wake(core, tx, user, at);
    Ok(())
}

/// Deletes an item and wakes the user, if there is one.
fn remove(core: &Arc<RoomCore>, tx: &mut WriteTx<'_>, (user, room): (UserSn, RoomSn), kind: &str) -> Result<()> {
    if table::get(tx.tx(), user, room, kind)?.is_none() {
        return Ok(());
    }
    let at = tx.position();
    table::set(tx.tx(), user, room, kind, None, at)?;
    wake(core, tx, user, at);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_account_data_is_refused() {
        let long = "x".repeat(limits::ID_BYTES_MAX + 1);
        let large = format!("{{\"a\":\"{}\"}}", "x".repeat(limits::ACCOUNT_DATA_BYTES_MAX));
        for (kind, content, reason) in [
            ("m.push_rules", "{}", Reason::ServerControlled),
            ("m.fully_read", "{}", Reason::ServerControlled),
            (&long, "{}", Reason::TooLarge),
            ("m.direct", &large, Reason::TooLarge),
            ("m.direct", "[]", Reason::BadJson),
            ("m.direct", "7", Reason::BadJson),
        ] {
            assert_eq!(check(kind, content).expect_err(content).reason(), Some(reason));
        }
        assert!(check("m.direct", " {\"@a:b\":[]}").is_ok());
    }
}
