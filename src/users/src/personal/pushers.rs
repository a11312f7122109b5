//! Pushers (client-server API, "Push Notifications"). Each is stored with the device that set it and deleted with that
//! device (`devices::purge`); delivery is in `push::delivery`.

use hearth_base::boxed;
use std::sync::Arc;

use hearth_base::{Error, Position, Reason, Result, error::refuse, limits};
use hearth_core::Requester;
use hearth_core::quotas::Quota;
use hearth_rooms::RoomCore;
use hearth_store::WriteTx;
use hearth_store::ids::UserSn;
use hearth_store::tables::pushers::{self as table, NewPusher, PusherKey, PusherRow};
use ruma::api::client::push::{Pusher, PusherIds, PusherKind};
use serde_json::{Map, Value};

/// The path of every push gateway (push gateway API).
const GATEWAY_PATH: &str = "/_matrix/push/v1/notify";

/// The pusher use cases.
#[derive(Debug)]
pub struct Pushers {
    core: Arc<RoomCore>,
}

impl Pushers {
    pub(super) fn new(core: Arc<RoomCore>) -> Self {
        Self { core }
    }

    /// All pushers of a user, in the form of the client-server API with the fields of MSC3881.
    #[boxed]
    pub async fn list(&self, who: &Requester) -> Result<Vec<Value>> {
        let user = who.user;
        let rows = self.core.store.read("pushers_list", move |tx| table::of_user(tx.tx(), user)).await?;
        let shown = |row: PusherRow| {
            let mut pusher: Map<String, Value> = serde_json::from_str(&row.json)?;
            pusher.insert("org.matrix.msc3881.enabled".to_owned(), row.enabled.into());
            if let Some(device) = row.device_id {
                pusher.insert("org.matrix.msc3881.device_id".to_owned(), device.into());
            }
            Ok(pusher.into())
        };
        let pushers = rows.into_iter().map(shown).collect::<serde_json::Result<_>>();
        pushers.map_err(|error| Error::fault("reading a stored pusher", error))
    }

    /// Adds a pusher, or replaces the requester's own with the same `app_id` and `pushkey`. Unless `append`, deletes
    /// other users' pushers with the same key: another user has logged in on that phone.
    ///
    /// One that is not `enabled` gets no notifications (MSC3881).
    ///
    /// Refuses with `M_INVALID_PARAM` an unusable pusher, `M_TOO_LARGE` one over the limits.
    #[boxed]
    pub async fn set(&self, who: &Requester, pusher: &Pusher, append: bool, enabled: bool) -> Result<()> {
        check(pusher)?;
        let json = serde_json::to_string(pusher).map_err(|error| Error::fault("writing a pusher", error))?;
        if json.len() > limits::PUSHER_BYTES_MAX {
            return Err(refuse(
                Reason::TooLarge,
                format!("A pusher can have {} bytes at most.", limits::PUSHER_BYTES_MAX),
            ));
        }
        let (core, who, ids) = (self.core.clone(), who.clone(), pusher.ids.clone());
        let write = move |tx: &mut WriteTx<'_>| {
            let key = PusherKey { user: who.user, app_id: &ids.app_id, pushkey: &ids.pushkey };
            let known = table::get(tx.tx(), key)?;
            if known.is_none() {
                Quota::Pushers.check(&core.config.quotas, tx.tx(), who.user, 1)?;
            }
            if !append {
                table::delete_of_others(tx.tx(), key)?;
            }
            let now = tx.position();
            // Apps set their pusher again at each start, which must not lose what waits for it. But what came while it was
            // switched off is not news any more.
            let going_on = known.filter(|known| known.enabled && known.progress.upto >= 0);
            let upto = going_on.map_or(now, |known| Position(known.progress.upto.unsigned_abs()));
            let row = NewPusher { device: who.device, json, enabled, set_ms: core.now_ms(), upto };
            table::set(tx.tx(), key, &row)?;
            changed(&core, tx, who.user);
            Ok(())
        };
        self.core.store.write("pusher_set", write).await
    }

    /// Deletes a pusher of the requester; succeeds if there is none.
    #[boxed]
    pub async fn delete(&self, who: &Requester, ids: PusherIds) -> Result<()> {
        let user = who.user;
        let write = move |tx: &mut WriteTx<'_>| {
            table::delete(tx.tx(), PusherKey { user, app_id: &ids.app_id, pushkey: &ids.pushkey })
        };
        self.core.store.write("pusher_delete", write).await
    }
}

/// Tells the delivery that a pusher was set, when the transaction commits.
fn changed(core: &Arc<RoomCore>, tx: &mut WriteTx<'_>, user: UserSn) {
    let (core, at) = (Arc::clone(core), tx.position());
    tx.after_commit(move || {
        core.notifier.wake(&[user], at);
        core.notifier.pushers_changed();
    });
}

fn check(pusher: &Pusher) -> Result<()> {
    let PusherIds { app_id, pushkey, .. } = &pusher.ids;
    for (what, text, bytes_max) in
        [("app_id", app_id, limits::APP_ID_BYTES_MAX), ("pushkey", pushkey, limits::PUSHKEY_BYTES_MAX)]
    {
        if text.is_empty() || text.len() > bytes_max || text.contains('\0') {
            return Err(Error::invalid(format!("`{what}` must have 1 to {bytes_max} bytes, and no NUL character.")));
        }
    }
    match &pusher.kind {
        PusherKind::Http(data) => check_gateway(&data.url),
        PusherKind::Email(_) => Err(Error::invalid("This server sends no mail; use a pusher of the kind `http`.")),
        _ => Err(Error::invalid("This server knows pushers of the kind `http` only.")),
    }
}

/// Refuses a URL that is not a push gateway. Its address is checked at delivery.
fn check_gateway(url: &str) -> Result<()> {
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
    let rest = rest.ok_or_else(|| Error::invalid("`data.url` must be an https:// URL."))?;
    let (authority, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    let is_resident_server = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ':' | '[' | ']');
    if authority.is_empty() || !authority.chars().all(is_resident_server) {
        return Err(Error::invalid("`data.url` must name a host, without a user name."));
    }
    let end = path.find('?').unwrap_or(path.len());
    if path[..end] != *GATEWAY_PATH || !path[end..].bytes().all(|byte| byte.is_ascii_graphic() && byte != b'#') {
        return Err(Error::invalid(format!("`data.url` must have the path {GATEWAY_PATH}.")));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn pusher(kind: &str, url: &str, pushkey: &str) -> Pusher {
        let json = json!({
            "app_id": "a.example", "pushkey": pushkey, "kind": kind, "data": { "url": url },
            "app_display_name": "A", "device_display_name": "D", "lang": "en",
        });
        serde_json::from_value(json).expect("a pusher")
    }

    #[test]
    fn gateways_have_a_host_and_the_path() {
        for good in [
            "https://push.example/_matrix/push/v1/notify",
            "http://127.0.0.1:9/_matrix/push/v1/notify",
            "https://[::1]:8443/_matrix/push/v1/notify?x=1",
        ] {
            assert!(check_gateway(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "push.example/_matrix/push/v1/notify",
            "file:///_matrix/push/v1/notify",
            "https:///_matrix/push/v1/notify",
            "https://push.example",
            "https://push.example/notify",
            "https://push.example/_matrix/push/v1/notify/",
            "https://me@push.example/_matrix/push/v1/notify",
            "https://push.example /_matrix/push/v1/notify",
            "https://push.example/_matrix/push/v1/notify?a\r\nb",
            "https://push.example/_matrix/push/v1/notify#x",
        ] {
            assert_eq!(check_gateway(bad).expect_err(bad).reason(), Some(Reason::InvalidParam), "{bad}");
        }
    }

    #[test]
    fn only_what_can_be_delivered_to_is_taken() {
        let url = "https://push.example/_matrix/push/v1/notify";
        assert!(check(&pusher("http", url, "k")).is_ok());
        for bad in
            [pusher("email", url, "k"), pusher("pigeon", url, "k"), pusher("http", url, ""), pusher("http", url, "a\0")]
        {
            assert_eq!(check(&bad).expect_err("refused").reason(), Some(Reason::InvalidParam));
        }
        let long = "k".repeat(limits::PUSHKEY_BYTES_MAX + 1);
        assert_eq!(check(&pusher("http", url, &long)).expect_err("long").reason(), Some(Reason::InvalidParam));
    }
}
