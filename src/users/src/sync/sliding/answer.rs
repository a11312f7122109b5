//! The body of a response of simplified sliding sync, as clients read it today. ruma's type lacks `unstable_expanded_timeline`.

use std::collections::BTreeMap;

use ruma::api::client::sync::sync_events::v5::response::ThreadSubscriptions;
use ruma::events::{
    AnyGlobalAccountDataEvent, AnyRoomAccountDataEvent, AnyStrippedStateEvent, AnySyncStateEvent, AnySyncTimelineEvent,
    AnyToDeviceEvent,
};
use ruma::serde::Raw;
use ruma::{OwnedRoomId, OwnedUserId};
use serde::Serialize;
use serde_json::{Map, Value};

/// A response.
#[derive(Debug, Default, Serialize)]
pub struct SlidingAnswer {
    /// Where the next request starts.
    pub pos: String,
    /// The request's `txn_id`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub txn_id: Option<String>,
    /// Sizes of lists.
    pub lists: BTreeMap<String, ListAnswer>,
    /// Rooms with changes.
    pub rooms: BTreeMap<OwnedRoomId, RoomAnswer>,
    /// Extensions.
    pub extensions: ExtensionsAnswer,
}

/// A list.
#[derive(Debug, Serialize)]
pub struct ListAnswer {
    /// The number of rooms that pass its filters.
    pub count: usize,
}

/// A room.
#[derive(Debug, Default, Serialize)]
pub struct RoomAnswer {
    /// Its name; `null` if it has lost it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<Option<String>>,
    /// Its avatar; `null` if it has lost it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub avatar: Option<Option<String>>,
    /// Members to make up a name of.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub heroes: Vec<Hero>,
    /// The client replaces all it knows of the room.
    #[serde(skip_serializing_if = "is_false")]
    pub initial: bool,
    /// In `m.direct`.
    #[serde(skip_serializing_if = "is_false")]
    pub is_dm: bool,
    /// The timeline has events that the client may have, because it wants more of them.
    #[serde(skip_serializing_if = "is_false")]
    pub unstable_expanded_timeline: bool,
    /// The name that MSC4186 has for the field above.
    #[serde(skip_serializing_if = "is_false")]
    pub expanded_timeline: bool,
    /// State of a room that the user is invited to or knocks on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub invite_state: Option<Vec<Raw<AnyStrippedStateEvent>>>,
    /// The state that the client wants.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub required_state: Vec<Raw<AnySyncStateEvent>>,
    /// The newest events, oldest first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub timeline: Vec<Raw<AnySyncTimelineEvent>>,
    /// Where earlier events are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prev_batch: Option<String>,
    /// There are events between those that the client has and the timeline.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limited: Option<bool>,
    /// The last ones of the timeline that are new since the client's last request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub num_live: Option<usize>,
    /// Joined members.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub joined_count: Option<ruma::UInt>,
    /// Invited users.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub invited_count: Option<ruma::UInt>,
    /// Orders rooms by what users call activity.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bump_stamp: Option<i64>,
    /// Unread notifications.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub notification_count: Option<u64>,
    /// Unread highlights.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub highlight_count: Option<u64>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
fn is_false(value: &bool) -> bool {
    !value
}

/// A member for the name of a room.
#[derive(Debug, Serialize)]
pub struct Hero {
    /// The user.
    pub user_id: OwnedUserId,
    /// The name in the room.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub displayname: Option<String>,
    /// The avatar in the room.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub avatar_url: Option<String>,
}

/// Extensions.
#[derive(Debug, Default, Serialize)]
pub struct ExtensionsAnswer {
    /// Messages to the device.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to_device: Option<ToDeviceAnswer>,
    /// Device lists and key counts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub e2ee: Option<E2eeAnswer>,
    /// Account data.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account_data: Option<AccountDataAnswer>,
    /// Read receipts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub receipts: Option<EphemeralAnswer>,
    /// Typing notifications.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub typing: Option<EphemeralAnswer>,
    /// Subscriptions to threads; left out when none has changed.
    #[serde(rename = "io.element.msc4308.thread_subscriptions", skip_serializing_if = "ThreadSubscriptions::is_empty")]
    pub thread_subscriptions: ThreadSubscriptions,
    /// Profiles; left out when there are none.
    #[serde(rename = "org.matrix.msc4262.profiles", skip_serializing_if = "ProfilesAnswer::is_empty")]
    pub profiles: ProfilesAnswer,
}

/// To-device messages.
#[derive(Debug, Serialize)]
pub struct ToDeviceAnswer {
    /// Where the next ones start.
    pub next_batch: String,
    /// The messages.
    pub events: Vec<Raw<AnyToDeviceEvent>>,
}

/// Device lists and key counts.
#[derive(Debug, Default, Serialize)]
pub struct E2eeAnswer {
    /// Users whose devices changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub device_lists: Option<DeviceListsAnswer>,
    /// One-time keys that are left. Clients take a missing count for "unchanged".
    pub device_one_time_keys_count: BTreeMap<String, u64>,
    /// Algorithms of unused fallback keys.
    pub device_unused_fallback_key_types: Vec<String>,
}

/// Users whose devices changed.
#[derive(Debug, Serialize)]
pub struct DeviceListsAnswer {
    /// To be queried again.
    pub changed: Vec<OwnedUserId>,
    /// Without a shared room.
    pub left: Vec<OwnedUserId>,
}

/// Account data.
#[derive(Debug, Default, Serialize)]
pub struct AccountDataAnswer {
    /// Of the account.
    pub global: Vec<Raw<AnyGlobalAccountDataEvent>>,
    /// By room.
    pub rooms: BTreeMap<OwnedRoomId, Vec<Raw<AnyRoomAccountDataEvent>>>,
}

/// Profiles.
#[derive(Debug, Default, Serialize)]
pub struct ProfilesAnswer {
    /// What changed by user; `null` for users of whom the client is to forget what it has.
    pub users: BTreeMap<OwnedUserId, Option<ProfileChanges>>,
}

impl ProfilesAnswer {
    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.users.is_empty()
    }
}

/// Changes of a profile.
#[derive(Debug, Default, Serialize)]
pub struct ProfileChanges {
    /// Fields that were set.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub updated: Map<String, Value>,
    /// Fields that were removed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub removed: Vec<String>,
}

/// One event for each room.
#[derive(Debug, Default, Serialize)]
pub struct EphemeralAnswer {
    /// The events.
    pub rooms: BTreeMap<OwnedRoomId, Value>,
}
