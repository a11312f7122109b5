//! The body of `/sync`, written by hand: ruma omits empty fields, and clients rely on keys that Synapse always sends.
//! matrix-nio rejects a left room without `state`, and then never gets past that response.

use std::collections::BTreeMap;

use ruma::api::client::sync::sync_events::UnreadNotificationsCount;
use ruma::api::client::sync::sync_events::v3::{JoinedRoom, LeftRoom, Response, RoomSummary, Rooms, State, Timeline};
use ruma::events::{AnyRoomAccountDataEvent, AnyStrippedStateEvent, AnySyncEphemeralRoomEvent, AnySyncTimelineEvent};
use ruma::serde::Raw;
use ruma::{OwnedEventId, OwnedRoomId, OwnedUserId, UInt};
use serde::Serialize;

/// The one-time key algorithm whose count clients expect even when it is 0.
const ONE_TIME_ALGORITHM: &str = "signed_curve25519";

/// A response to `/sync`, ready to be serialised.
#[derive(Debug, Serialize)]
pub(super) struct Answer {
    next_batch: String,
    #[serde(skip_serializing_if = "RoomsAnswer::is_empty")]
    rooms: RoomsAnswer,
    #[serde(skip_serializing_if = "List::is_empty")]
    presence: List<ruma::events::presence::PresenceEvent>,
    #[serde(skip_serializing_if = "List::is_empty")]
    account_data: List<ruma::events::AnyGlobalAccountDataEvent>,
    #[serde(skip_serializing_if = "List::is_empty")]
    to_device: List<ruma::events::AnyToDeviceEvent>,
    #[serde(skip_serializing_if = "Devices::is_empty")]
    device_lists: Devices,
    device_one_time_keys_count: BTreeMap<String, UInt>,
    device_unused_fallback_key_types: Vec<String>,
}

/// `{"events": [...]}`, present even when empty.
#[derive(Debug, Serialize)]
#[serde(bound = "")]
struct List<T> {
    events: Vec<Raw<T>>,
}

impl<T> List<T> {
    fn is_empty(&self) -> bool {
        self.events.is_empty()
    }
}

#[derive(Debug, Serialize)]
struct Devices {
    changed: Vec<OwnedUserId>,
    left: Vec<OwnedUserId>,
}

impl Devices {
    fn is_empty(&self) -> bool {
        self.changed.is_empty() && self.left.is_empty()
    }
}

#[derive(Debug, Serialize)]
struct RoomsAnswer {
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    join: BTreeMap<OwnedRoomId, Joined>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    invite: BTreeMap<OwnedRoomId, Invited>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    knock: BTreeMap<OwnedRoomId, Knocked>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    leave: BTreeMap<OwnedRoomId, Left>,
}

impl RoomsAnswer {
    fn is_empty(&self) -> bool {
        self.join.is_empty() && self.invite.is_empty() && self.knock.is_empty() && self.leave.is_empty()
    }
}

impl From<Rooms> for RoomsAnswer {
    fn from(rooms: Rooms) -> Self {
        let stripped = |events: Vec<Raw<AnyStrippedStateEvent>>| List { events };
        let invited = |room: ruma::api::client::sync::sync_events::v3::InvitedRoom| Invited {
            invite_state: stripped(room.invite_state.events),
        };
        let knocked = |room: ruma::api::client::sync::sync_events::v3::KnockedRoom| Knocked {
            knock_state: stripped(room.knock_state.events),
        };
        Self {
            join: rooms.join.into_iter().map(|(id, room)| (id, room.into())).collect(),
            invite: rooms.invite.into_iter().map(|(id, room)| (id, invited(room))).collect(),
            knock: rooms.knock.into_iter().map(|(id, room)| (id, knocked(room))).collect(),
            leave: rooms.leave.into_iter().map(|(id, room)| (id, room.into())).collect(),
        }
    }
}

#[derive(Debug, Serialize)]
struct Invited {
    invite_state: List<AnyStrippedStateEvent>,
}

#[derive(Debug, Serialize)]
struct Knocked {
    knock_state: List<AnyStrippedStateEvent>,
}

#[derive(Debug, Serialize)]
struct TimelineAnswer {
    events: Vec<Raw<AnySyncTimelineEvent>>,
    limited: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    prev_batch: Option<String>,
}

impl From<Timeline> for TimelineAnswer {
    fn from(timeline: Timeline) -> Self {
        Self { events: timeline.events, limited: timeline.limited, prev_batch: timeline.prev_batch }
    }
}

/// `state` or `state_after`, as the client requested.
#[derive(Debug, Serialize)]
enum StateAnswer {
    #[serde(rename = "state")]
    Before(List<ruma::events::AnySyncStateEvent>),
    #[serde(rename = "state_after")]
    After(List<ruma::events::AnySyncStateEvent>),
}

impl From<State> for StateAnswer {
    fn from(state: State) -> Self {
        match state {
            State::After(state) => Self::After(List { events: state.events }),
            State::Before(state) => Self::Before(List { events: state.events }),
            // ruma may add other variants; Hearth produces these two.
            _ => Self::Before(List { events: Vec::new() }),
        }
    }
}

#[derive(Debug, Serialize)]
struct Joined {
    summary: RoomSummary,
    unread_notifications: UnreadNotificationsCount,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    unread_thread_notifications: BTreeMap<OwnedEventId, UnreadNotificationsCount>,
    timeline: TimelineAnswer,
    #[serde(flatten)]
    state: StateAnswer,
    account_data: List<AnyRoomAccountDataEvent>,
    ephemeral: List<AnySyncEphemeralRoomEvent>,
}

impl From<JoinedRoom> for Joined {
    fn from(room: JoinedRoom) -> Self {
        Self {
            summary: room.summary,
            unread_notifications: room.unread_notifications,
            unread_thread_notifications: room.unread_thread_notifications,
            timeline: room.timeline.into(),
            state: room.state.into(),
            account_data: List { events: room.account_data.events },
            ephemeral: List { events: room.ephemeral.events },
        }
    }
}

#[derive(Debug, Serialize)]
struct Left {
    timeline: TimelineAnswer,
    #[serde(flatten)]
    state: StateAnswer,
    account_data: List<AnyRoomAccountDataEvent>,
}

impl From<LeftRoom> for Left {
    fn from(room: LeftRoom) -> Self {
        Self {
            timeline: room.timeline.into(),
            state: room.state.into(),
            account_data: List { events: room.account_data.events },
        }
    }
}

impl From<Response> for Answer {
    fn from(response: Response) -> Self {
        let counts = response.device_one_time_keys_count;
        let mut counts: BTreeMap<_, _> = counts.into_iter().map(|(key, count)| (key.to_string(), count)).collect();
        // Clients take a missing count for "unchanged", so 0 must be explicit after the last key was claimed.
        counts.entry(ONE_TIME_ALGORITHM.to_owned()).or_default();
        let unused = response.device_unused_fallback_key_types.unwrap_or_default();
        Self {
            next_batch: response.next_batch,
            rooms: response.rooms.into(),
            presence: List { events: response.presence.events },
            account_data: List { events: response.account_data.events },
            to_device: List { events: response.to_device.events },
            device_lists: Devices { changed: response.device_lists.changed, left: response.device_lists.left },
            device_one_time_keys_count: counts,
            device_unused_fallback_key_types: unused.iter().map(ToString::to_string).collect(),
        }
    }
}
