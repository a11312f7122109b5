//! Writes a notification (push gateway API), after a last look whether it is still to be sent.

use std::sync::Arc;

use bytes::Bytes;
use hearth_base::limits::users::PUSH_AGE_MS_MAX;
use hearth_base::{Error, Millis, Result};
use hearth_core::Requester;
use hearth_rooms::load::Event;
use hearth_rooms::read::ignored::{self, HiddenInvites};
use hearth_rooms::{RoomCore, find};
use hearth_store::ReadTx;
use hearth_store::engine::Tx;
use hearth_store::ids::RoomSn;
use hearth_store::tables::memberships::{self, Membership};
use hearth_store::tables::pushers::{self, PusherRow};
use hearth_store::tables::{accounts, rooms};
use parking_lot::Mutex;
use ruma::OwnedUserId;
use ruma::push::{Action, Tweak};
use serde_json::{Map, Value, json};

use super::super::counts::{Counter, read_upto};
use super::super::walk::{HIDDEN, thread_of};
use super::Delivery;
use super::badge::Badges;
use super::gather::{Candidate, user_id};
use super::live::{Live, PusherId};
use super::names;

/// Event types that a user waits for: messages, calls and invites.
const URGENT: &[&str] = &[
    "m.room.encrypted",
    "m.room.message",
    "m.room.member",
    "m.call.invite",
    "org.matrix.msc4075.rtc.notification",
    "m.rtc.notification",
];

/// A notification for one pusher.
#[derive(Debug)]
pub(super) struct Notice {
    /// The URL of the push gateway.
    pub(super) url: String,
    pub(super) body: Bytes,
    /// The unread count in it.
    pub(super) badge: Option<u64>,
}

impl Notice {
    /// The host of the push gateway, with its port if the URL has one. Limits go by it, and the log names it.
    pub(super) fn host(&self) -> &str {
        host(&self.url)
    }
}

/// The host of a URL, with its port.
pub(super) fn host(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.split(['/', '?', '#']).next().unwrap_or(rest)
}

/// The result of the last look.
pub(super) enum Composed {
    Notice(Notice),
    /// Nothing is to be sent: the user has read it, for example.
    Nothing,
    /// The pusher is gone.
    Gone,
}

/// A look, or the rooms that are to be counted in pieces before it can be repeated.
type Look = std::result::Result<Composed, Vec<RoomSn>>;

/// The settings of a pusher that decide what it gets.
struct Settings {
    url: String,
    /// `data` without `url`.
    data: Map<String, Value>,
}

impl Settings {
    fn of(row: &PusherRow) -> Result<Self> {
        let parsed: Map<String, Value> =
            serde_json::from_str(&row.json).map_err(|error| Error::fault("reading a stored pusher", error))?;
        let mut data = parsed.get("data").and_then(Value::as_object).cloned().unwrap_or_default();
        let url = data.remove("url").and_then(|url| url.as_str().map(str::to_owned)).unwrap_or_default();
        Ok(Self { url, data })
    }

    fn is_id_only(&self) -> bool {
        self.data.get("format").is_some_and(|format| format == "event_id_only")
    }

    /// Whether the app counts by itself (MSC4076).
    fn is_without_badge(&self) -> bool {
        self.data.get("org.matrix.msc4076.disable_badge_count").is_some_and(|off| off == true)
    }
}

impl Delivery {
    /// Writes the notification for an event, unless it is not to be sent any more.
    pub(super) async fn compose(
        &self,
        id: &PusherId,
        live: &Live,
        badges: &Arc<Mutex<Badges>>,
        candidate: &Candidate,
        actions: Vec<Action>,
    ) -> Result<Composed> {
        let look = Arc::new(EventLook {
            event: candidate.event.clone(),
            ord: candidate.ord,
            is_invite: candidate.is_invite,
            failing_since_ms: live.failing_since_ms(),
            actions,
        });
        self.look("push_compose", id, badges, move |part| part.event(&look)).await
    }

    /// Writes a notification of nothing but the unread count.
    pub(super) async fn compose_badge(&self, id: &PusherId, badges: &Arc<Mutex<Badges>>) -> Result<Composed> {
        self.look("push_badge", id, badges, |part| part.badge_only()).await
    }

    /// Reads, and counts in pieces and reads again where counting takes more than one read may.
    async fn look(
        &self,
        name: &'static str,
        id: &PusherId,
        badges: &Arc<Mutex<Badges>>,
        look: impl Fn(&mut Part<'_>) -> Result<Look> + Clone + Send + 'static,
    ) -> Result<Composed> {
        loop {
            let (core, counter, badges, look) = (self.core.clone(), self.counter.clone(), badges.clone(), look.clone());
            let pusher = id.clone();
            let read = move |tx: &mut ReadTx<'_>| {
                let position = tx.position();
                let Some(row) = pushers::get(tx.tx(), pusher.key())? else { return Ok((Ok(Composed::Gone), None)) };
                let Some(user_id) = user_id(tx.tx(), &pusher)? else { return Ok((Ok(Composed::Gone), None)) };
                let account = accounts::get(tx.tx(), pusher.user)?;
                if !row.enabled || account.is_none_or(|account| account.is(accounts::LOCKED)) {
                    return Ok((Ok(Composed::Nothing), None));
                }
                let settings = Settings::of(&row)?;
                let (core, counter, mut badges) = (&*core, &*counter, badges.lock());
                let badge = match settings.is_without_badge() {
                    true => Ok(None),
                    false => badges.count((core, counter), (tx.tx(), position), (&pusher, &user_id))?.map(Some),
                };
                let badge = match badge {
                    Ok(badge) => badge,
                    Err(behind) => return Ok((Err(behind), Some(user_id))),
                };
                let mut part = Part { core, counter, tx: tx.tx(), id: &pusher, user_id, row, settings, badge };
                let looked = look(&mut part)?;
                Ok((looked, Some(part.user_id)))
            };
            match self.core.store.read_slow(name, read).await? {
                (Ok(composed), _) => return Ok(composed),
                (Err(behind), Some(user_id)) => {
                    let requester = Requester::without_device(id.user, user_id);
                    if !self.counter.count_in_pieces(&self.core, &requester, behind).await? {
                        return Ok(Composed::Nothing);
                    }
                }
                (Err(_), None) => return Ok(Composed::Gone),
            }
        }
    }
}

/// An event of which a pusher may be notified.
struct EventLook {
    event: Arc<Event>,
    ord: i64,
    is_invite: bool,
    failing_since_ms: Option<Millis>,
    actions: Vec<Action>,
}

/// One read for one pusher.
struct Part<'a> {
    core: &'a RoomCore,
    counter: &'a Counter,
    tx: &'a mut dyn Tx,
    id: &'a PusherId,
    user_id: OwnedUserId,
    row: PusherRow,
    settings: Settings,
    badge: Option<u64>,
}

impl Part<'_> {
    fn event(&mut self, look: &EventLook) -> Result<Look> {
        // Read again: it may have been redacted.
        let event = self.core.events.get(self.tx, look.event.sn)?;
        if !look.is_invite && event.flags & HIDDEN != 0 || self.is_too_old(&event, look) {
            return Ok(Ok(Composed::Nothing));
        }
        let member = memberships::get(self.tx, event.room, self.id.user)?;
        let is_due = member.as_ref().is_some_and(|member| match member.membership {
            Membership::Join => !look.is_invite && member.since.as_i64() < look.ord,
            Membership::Invite => look.is_invite && member.since.as_i64() == look.ord,
            _ => false,
        });
        let ignored = ignored::by(self.tx, self.id.user)?;
        if !is_due || ignored.contains(&event.sender) {
            return Ok(Ok(Composed::Nothing));
        }
        if look.is_invite
            && let Some(member) = &member
            && HiddenInvites::of(self.id.user, ignored).hides(self.core, self.tx, member)?
        {
            return Ok(Ok(Composed::Nothing));
        }
        if !look.is_invite {
            // As of the count of the badge, which has just been made. Its markers include the user's own events.
            match self.counter.read_markers(self.id.user, event.room) {
                Some(markers) if look.ord > read_upto(&markers, thread_of(&event)) => {}
                Some(_) => return Ok(Ok(Composed::Nothing)),
                None => return Ok(Err(vec![event.room])),
            }
        }
        let mut notice = Map::new();
        let Some(room) = rooms::by_sn(self.tx, event.room)? else { return Ok(Ok(Composed::Nothing)) };
        notice.insert("event_id".to_owned(), event.pdu.event_id.as_str().into());
        notice.insert("room_id".to_owned(), find::id(&room)?.as_str().into());
        let tweaks = tweaks(&look.actions);
        notice.insert("prio".to_owned(), if is_urgent(&event, &tweaks) { "high" } else { "low" }.into());
        let is_id_only = self.settings.is_id_only();
        if !is_id_only {
            let names = match look.is_invite {
                true => names::of_invite(self.tx, &room, self.id.user, &event)?,
                false => names::of_room(self.core, self.tx, &room, self.id.user, &event)?,
            };
            self.details(&mut notice, &event, names);
        }
        Ok(Ok(Composed::Notice(self.finish(notice, (!is_id_only).then_some(tweaks))?)))
    }

    /// A gateway that was away for days gets what is newer.
    fn is_too_old(&self, event: &Event, look: &EventLook) -> bool {
        let now_ms = self.core.now_ms();
        let is_stale = look.failing_since_ms.is_some_and(|since| now_ms.saturating_sub(since) >= PUSH_AGE_MS_MAX);
        is_stale && now_ms.saturating_sub(event.pdu.origin_server_ts) >= PUSH_AGE_MS_MAX
    }

    fn badge_only(&mut self) -> Result<Look> {
        let notice = Map::from_iter([("prio".to_owned(), "low".into())]);
        Ok(Ok(match self.badge {
            Some(_) => Composed::Notice(self.finish(notice, None)?),
            None => Composed::Nothing,
        }))
    }

    /// What a gateway gets of an event that does not ask for its id only.
    fn details(&self, notice: &mut Map<String, Value>, event: &Event, names: names::Names) {
        let pdu = &event.pdu;
        notice.insert("type".to_owned(), pdu.kind.to_string().into());
        notice.insert("sender".to_owned(), pdu.sender.as_str().into());
        for (field, name) in
            [("sender_display_name", names.sender), ("room_name", names.room), ("room_alias", names.alias)]
        {
            if let Some(name) = name {
                notice.insert(field.to_owned(), name.into());
            }
        }
        if pdu.kind.to_string() == "m.room.member" {
            let is_target = pdu.state_key.as_deref() == Some(self.user_id.as_str());
            notice.insert("user_is_target".to_owned(), is_target.into());
        }
        if self.core.config.push.include_content
            && let Ok(content) = serde_json::from_str::<Value>(pdu.content.get())
        {
            notice.insert("content".to_owned(), content);
        }
    }

    /// Adds the counts and the device, and writes it.
    fn finish(&mut self, mut notice: Map<String, Value>, tweaks: Option<Map<String, Value>>) -> Result<Notice> {
        if let Some(unread) = self.badge {
            // Also 0, unlike what the specification suggests: gateways leave the badge alone without it.
            notice.insert("counts".to_owned(), json!({ "unread": unread }));
        }
        let mut device = json!({
            "app_id": self.row.app_id,
            "pushkey": self.row.pushkey,
            "pushkey_ts": self.row.set_ms / 1_000,
            "data": std::mem::take(&mut self.settings.data),
        });
        if let Some(tweaks) = tweaks {
            device["tweaks"] = tweaks.into();
        }
        notice.insert("devices".to_owned(), json!([device]));
        let body = serde_json::to_vec(&json!({ "notification": notice }));
        let body = body.map_err(|error| Error::fault("writing a notification", error))?;
        Ok(Notice { url: std::mem::take(&mut self.settings.url), body: body.into(), badge: self.badge })
    }
}

/// The tweaks of a rule's actions.
fn tweaks(actions: &[Action]) -> Map<String, Value> {
    let tweaks = actions.iter().filter_map(|action| match action {
        Action::SetTweak(tweak) => Some((tweak.set_tweak().to_owned(), value(tweak))),
        _ => None,
    });
    tweaks.collect()
}

fn value(tweak: &Tweak) -> Value {
    let value = tweak.value().and_then(|value| serde_json::from_str(value.get()).ok());
    // A highlight without a value means that there is one (client-server API, "Actions").
    value.unwrap_or(Value::Bool(true))
}

fn is_urgent(event: &Event, tweaks: &Map<String, Value>) -> bool {
    let is_loud = tweaks.contains_key("sound") || tweaks.get("highlight").is_some_and(|highlight| highlight == true);
    is_loud || URGENT.contains(&event.pdu.kind.to_string().as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gateways_are_told_apart_by_host_and_port() {
        assert_eq!(host("https://push.example/_matrix/push/v1/notify"), "push.example");
        assert_eq!(host("http://[::1]:8443/_matrix/push/v1/notify?x=1"), "[::1]:8443");
    }

    #[test]
    fn tweaks_are_named_with_their_values() {
        let actions: Vec<Action> = serde_json::from_value(json!([
            "notify", { "set_tweak": "sound", "value": "ring" }, { "set_tweak": "highlight" }
        ]))
        .expect("actions");
        assert_eq!(Value::from(tweaks(&actions)), json!({ "sound": "ring", "highlight": true }));
    }
}
