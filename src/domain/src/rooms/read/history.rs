//! `m.room.history_visibility`: the rule alone, without database, and the memory of which rooms never had a strict one.

use std::fmt;

use hearth_base::{Position, Result};
use hearth_store::engine::Tx;
use hearth_store::ids::EventSn;
use hearth_store::tables::memberships::Membership;
use hearth_store::tables::state;
use quick_cache::sync::Cache;
use serde::Deserialize;

use crate::core::Core;
use crate::rooms::event::Pdu;
use crate::rooms::state::snapshot;

/// Rooms of which it is remembered that their history has always been open.
const ROOMS_MAX: usize = 10_000;
/// How many changes of a room's visibility are followed back; a room with more is looked at event by event.
const CHANGES_MAX: usize = 64;

/// Who may read what happened at some point of a room. From strict to open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum History {
    /// Only those who were joined then.
    Joined,
    /// Also those who were invited then.
    Invited,
    /// All who were in the room later. What holds where nothing is said, or nothing that is known.
    Shared,
    /// Anybody.
    WorldReadable,
}

#[derive(Deserialize)]
struct Content {
    history_visibility: Option<String>,
}

impl History {
    /// What a visibility event says.
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

    /// Whether an event that happened under this rule is for somebody who was `then` to the room when it happened, and
    /// has or had the history `shared` with them: they are in the room now, or left it after the event.
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

/// Remembers of visibility events from which place on neither they nor any before them were strict: a fact that never
/// changes. It lies at [`i64::MIN`] when they never were, and at [`i64::MAX`] when they are.
pub struct OpenHistories(Cache<EventSn, i64>);

impl Default for OpenHistories {
    fn default() -> Self {
        Self(Cache::new(ROOMS_MAX))
    }
}

impl fmt::Debug for OpenHistories {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OpenHistories({} rooms)", self.0.len())
    }
}

impl OpenHistories {
    /// Whether everything up to now may be read by whoever is in the room now. `current` is the visibility event in force.
    pub fn is_open(&self, core: &Core, tx: &mut dyn Tx, current: Option<EventSn>) -> Result<bool> {
        Ok(self.open_from(core, tx, current)? == i64::MIN)
    }

    /// From which place on everything may be read by whoever is in the room now. `current` is the visibility event in
    /// force.
    ///
    /// Follows the line of the state in force. A strict rule on a branch that lost a state resolution does not count here,
    /// as it was never in force for anybody on this side. The line ends at a rule that was in force when this server came
    /// into the room: what had been the rule before that is not known, so it is known to be open from then on only.
    pub fn open_from(&self, core: &Core, tx: &mut dyn Tx, current: Option<EventSn>) -> Result<i64> {
        let Some(newest) = current else { return Ok(i64::MIN) };
        if let Some(from) = self.0.get(&newest) {
            return Ok(from);
        }
        let from = follow(core, tx, newest)?;
        self.0.insert(newest, from);
        Ok(from)
    }
}

fn follow(core: &Core, tx: &mut dyn Tx, newest: EventSn) -> Result<i64> {
    let mut next = newest;
    for _ in 0..CHANGES_MAX {
        let event = core.events.get(tx, next)?;
        if History::of(&event.pdu) < History::Shared {
            return Ok(i64::MAX);
        }
        let Some(key) = event.state_key.filter(|_| event.snapshot.0 != 0) else {
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
        // For each rule, by what the reader was then: what one sees who shares the history, and what one who does not.
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
