//! `m.room.history_visibility`: the rule alone, without database, and the memory of which rooms never had a strict one.

use std::fmt;

use hearth_base::Result;
use hearth_store::engine::Tx;
use hearth_store::ids::EventSn;
use hearth_store::tables::memberships::Membership;
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

/// Remembers of visibility events that neither they nor any before them were strict: a fact that never changes.
pub struct OpenHistories(Cache<EventSn, bool>);

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
    ///
    /// Follows the line of the state in force. A strict rule on a branch that lost a state resolution does not count here,
    /// as it was never in force for anybody on this side.
    pub fn is_open(&self, core: &Core, tx: &mut dyn Tx, current: Option<EventSn>) -> Result<bool> {
        let Some(newest) = current else { return Ok(true) };
        if let Some(open) = self.0.get(&newest) {
            return Ok(open);
        }
        let open = follow(core, tx, newest)?;
        self.0.insert(newest, open);
        Ok(open)
    }
}

fn follow(core: &Core, tx: &mut dyn Tx, newest: EventSn) -> Result<bool> {
    let mut next = newest;
    for _ in 0..CHANGES_MAX {
        let event = core.events.get(tx, next)?;
        if History::of(&event.pdu) < History::Shared {
            return Ok(false);
        }
        let before = match event.state_key {
            Some(key) if event.snapshot.0 != 0 => snapshot::get(tx, event.snapshot, key)?,
            _ => None,
        };
        match before {
            Some(before) => next = before,
            None => return Ok(true),
        }
    }
    Ok(false)
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
    fn what_nobody_knows_is_shared() {
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
