//! State resolution, version 2 and 2.1 (room versions, "State resolution"): ruma's algorithm on the part of the
//! states that can affect the result. In a room of ten thousand members, the thousands of unconflicted members are
//! left out.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use hearth_base::{Error, Result};
use hearth_store::engine::Tx;
use hearth_store::ids::{EventSn, KeySn, RoomSn, SnapshotSn, UserSn};
use hearth_store::tables::state_keys;
use ruma::events::{StateEventType, TimelineEventType};
use ruma::room_version_rules::RoomVersionRules;
use ruma::state_res::StateMap;
use ruma::state_res::utils::event_id_set::EventIdSet;
use ruma::{EventId, OwnedEventId};

use super::auth_chain::Graph;
