//! The children of a space, in display order.

use hearth_base::Result;
use hearth_base::limits::rooms::{CHILDREN_VIA_MAX, ORDER_CHARS_MAX};
use hearth_store::engine::Tx;
use hearth_store::tables::rooms::Room;
use hearth_store::tables::state;
use ruma::OwnedServerName;
use ruma::events::space::child::HierarchySpaceChildEvent;
use ruma::room::RoomType;
use ruma::serde::Raw;
use serde::Deserialize;
use serde_json::Value;

use crate::RoomCore;
use crate::event::client::strip;

/// A child of a space.
#[derive(Debug, Clone)]
pub struct Child {
    /// The sort key: children with an `order` first, by it; then by age; then by id.
    place: (bool, String, u64),
    /// The room id in the space's state.
    pub room: String,
    /// The `via` servers in the space's state.
    pub via: Vec<OwnedServerName>,
    /// Whether the space suggests the child.
    pub suggested: bool,
    /// The stripped `m.space.child` event.
    pub stripped: Raw<HierarchySpaceChildEvent>,
}

/// Returns the children of a space, in order; none for other rooms.
pub fn children(core: &RoomCore, tx: &mut dyn Tx, room: &Room, suggested_only: bool) -> Result<Vec<Child>> {
    let kind = crate::power::create_event(core, tx, room)?.pdu.content_str("type");
    if kind.as_deref() != Some(RoomType::Space.as_str()) {
        return Ok(Vec::new());
    }
    let mut children = Vec::new();
    for sn in state::current_of_type(tx, room.sn, "m.space.child")? {
        children.extend(Child::new(strip(&core.events.get(tx, sn)?.pdu)));
    }
    children.retain(|child| child.suggested || !suggested_only);
    sort(&mut children);
    Ok(children)
}

/// Sorts children into display order.
pub fn sort(children: &mut [Child]) {
    children.sort_by(|one, other| (&one.place, &one.room).cmp(&(&other.place, &other.room)));
}

impl Child {
    /// Parses an `m.space.child` event; none unless it is valid, with at least one `via` server.
    #[must_use]
    pub fn new(stripped: Raw<HierarchySpaceChildEvent>) -> Option<Self> {
        #[derive(Deserialize)]
        struct Event {
            #[serde(default)]
            content: Value,
            state_key: String,
            #[serde(default)]
            origin_server_ts: u64,
        }
        let event: Event = serde_json::from_str(stripped.json().get()).ok()?;
        let via = event.content["via"].as_array().filter(|via| !via.is_empty())?;
        let via = via.iter().take(CHILDREN_VIA_MAX).filter_map(|server| server.as_str()?.try_into().ok());
        let order = event.content["order"].as_str().filter(|order| {
            order.chars().count() <= ORDER_CHARS_MAX && order.chars().all(|c| (' '..='~').contains(&c))
        });
        Some(Self {
            place: (order.is_none(), order.unwrap_or_default().to_owned(), event.origin_server_ts),
            via: via.collect(),
            suggested: event.content["suggested"] == true,
            room: event.state_key,
            stripped,
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn children_without_servers_are_none() {
        let child = |content: Value| {
            let event = json!({"type": "m.space.child", "state_key": "!c:b", "sender": "@a:b", "origin_server_ts": 1, "content": content});
            Child::new(Raw::from_json_string(event.to_string()).expect("JSON"))
        };
        for bad in [json!({}), json!({"via": []}), json!({"via": "b"}), json!({"via": null, "order": "a"}), json!([])] {
            assert!(child(bad.clone()).is_none(), "{bad}");
        }
        let good = |content: Value| child(content).expect("a child");
        assert_eq!(good(json!({"via": ["b", 7], "order": "a"})).place.1, "a");
        for odd in [json!({"via": ["b"], "order": 7}), json!({"via": ["b"], "order": "ä"}), json!({"via": ["b"]})] {
            assert_eq!(good(odd).place.1, "");
        }
        assert!(!good(json!({"via": ["b"], "suggested": "yes"})).suggested);
        assert!(good(json!({"via": ["b"], "suggested": true})).suggested);
    }
}
