//! The rule of `m.room.history_visibility`, without database access, and a cache of rooms whose history has always
//! been open.

use std::fmt;

use hearth_base::limits::rooms::{HISTORY_CACHED_ROOMS_MAX, HISTORY_CHANGES_MAX};
use hearth_base::{Position, Result};
use hearth_store::engine::Tx;
use hearth_store::ids::EventSn;
use hearth_store::tables::memberships::Membership;
use hearth_store::tables::state;
use quick_cache::sync::Cache;
use serde::Deserialize;

use crate::RoomCore;
use crate::event::Pdu;
use crate::state::snapshot;

/// History visibility, from strict to open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum History {
    /// `joined`: only for users who were joined then.
    Joined,
    /// `invited`: also for users who were invited then.
    Invited,
    /// `shared`: for all later members. The default for a missing or unknown value.
    Shared,
    /// `world_readable`: for every user.
    WorldReadable,
}

#[derive(Deserialize)]
struct Content {
    history_visibility: Option<String>,
}

impl History {
    /// Returns the visibility in an event.
    #[must_use]
    pub fn of(pdu: &Pdu) -> Self {
        let content = serde_json::from_str::<Content>(pdu.content.get()).ok();
        match content.and_then(|content| content.history_visibility).as_deref() {
            Some("joined") => Self::Joined,
            Some("invited") => Self::Invited,
            Some("world_readable") => Self::WorldReadable,
            _ => Self::Shared,
        }
    }

    /// Returns whether a user may see an event under this rule. `then` is their membership at the event; `shared` is
    /// whether the history is or was shared with them: they are in the room now, or left it after the event.
    #[must_use]
    pub fn allows(self, then: Option<Membership>, shared: bool) -> bool {
        match self {
            _ if then == Some(Membership::Join) => true,
            Self::WorldReadable => true,
            Self::Shared => shared,
            Self::Invited => then == Some(Membership::Invite),
            Self::Joined => false,
        }
    }
}

/// Caches for each visibility event the place from which on neither it nor any earlier one was strict. This never
/// changes. [`i64::MIN`] when none of them was strict, [`i64::MAX`] when this one is.
pub struct OpenHistories(Cache<EventSn, i64>);

impl Default for OpenHistories {
    fn default() -> Self {
        Self(Cache::new(HISTORY_CACHED_ROOMS_MAX))
    }
}

impl fmt::Debug for OpenHistories {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OpenHistories({} rooms)", self.0.len())
    }
}

impl OpenHistories {
    /// Returns whether current members may read everything up to now. `current` is the current visibility event.
    pub fn is_open(&self, core: &RoomCore, tx: &mut dyn Tx, current: Option<EventSn>) -> Result<bool> {
        Ok(self.open_from(core, tx, current)? == i64::MIN)
    }

    /// Returns the place from which on current members may read everything. `current` is the current visibility
    /// event.
    ///
    /// Follows the chain of current state events. A strict rule on a branch that lost a state resolution does not
    /// count, as it was never in force on this server. The chain ends at the rule that was in force when this server
    /// joined: the earlier rule is unknown, so the history counts as open only from then on.
    pub fn open_from(&self, core: &RoomCore, tx: &mut dyn Tx, current: Option<EventSn>) -> Result<i64> {
        let Some(newest) = current else { return Ok(i64::MIN) };
        if let Some(from) = self.0.get(&newest) {
            return Ok(from);
        }
        let from = follow(core, tx, newest)?;
        self.0.insert(newest, from);
        Ok(from)
    }
}

fn follow(core: &RoomCore, tx: &mut dyn Tx, newest: EventSn) -> Result<i64> {
    let mut next = newest;
    for _ in 0..HISTORY_CHANGES_MAX {
        let event = core.events.get(tx, next)?;
        if History::of(&event.pdu) < History::Shared {
            return Ok(i64::MAX);
        }
        // No state before it: this rule was in force when this server joined.
        let Some(key) = event.state_key.filter(|_| event.snapshot.is_some()) else {
            let since = state::in_force_since(tx, event.room, event.sn)?;
            return Ok(since.map_or(i64::MAX, Position::as_i64));
        };
        match snapshot::get(tx, event.snapshot, key)? {
            Some(before) => next = before,
            None => return Ok(i64::MIN),
        }
    }
    Ok(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use Membership::{Ban, Invite, Join, Knock, Leave};

    #[test]
    fn the_rule_as_the_specification_has_it() {
        let all = [None, Some(Leave), Some(Ban), Some(Knock), Some(Invite), Some(Join)];
        // For each rule and membership: visible if the history is shared, and visible if it is not.
        let table = [
            (History::WorldReadable, [true; 6], [true; 6]),
            (History::Shared, [true; 6], [false, false, false, false, false, true]),
            (History::Invited, [false, false, false, false, true, true], [false, false, false, false, true, true]),
            (History::Joined, [false, false, false, false, false, true], [false, false, false, false, false, true]),
        ];
        for (history, shared, apart) in table {
            assert_eq!(all.map(|then| history.allows(then, true)), shared, "{history:?}, shared");
            assert_eq!(all.map(|then| history.allows(then, false)), apart, "{history:?}, apart");
        }
    }

    #[test]
    fn what_no_one_knows_is_shared() {
        let pdu = |content: &str| {
            let json = format!(
                r#"{{"type":"m.room.history_visibility","state_key":"","sender":"@a:b","origin_server_ts":1,"content":{content}}}"#
            );
            Pdu::parse(ruma::event_id!("$1").to_owned(), json.as_bytes()).expect("an event")
        };
        for (content, history) in [
            (r#"{"history_visibility":"joined"}"#, History::Joined),
            (r#"{"history_visibility":"invited"}"#, History::Invited),
            (r#"{"history_visibility":"world_readable"}"#, History::WorldReadable),
            (r#"{"history_visibility":"shared"}"#, History::Shared),
            (r#"{"history_visibility":"friends"}"#, History::Shared),
            (r#"{"history_visibility":7}"#, History::Shared),
            ("{}", History::Shared),
        ] {
            assert_eq!(History::of(&pdu(content)), history, "{content}");
        }
    }
}
