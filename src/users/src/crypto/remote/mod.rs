//! Copies of remote users' device lists. Their servers send updates as long as a room is shared.
//!
//! A copy is valid as long as no update was missed and the user has shared a room with a local user ever since.
//! Otherwise the list is fetched again, but only when a client queries it: an update that does not fit only marks the
//! copy. The fetch itself is in `federation`.

mod forget;
mod fresh;
mod keep;
mod list;
mod news;

use std::collections::BTreeMap;

use serde_json::Value;

pub(super) use fresh::SharedRooms;
pub use keep::keep;
pub use list::{DeviceEntry, RemoteList};
pub use news::{DeviceNews, device_news, identity_news};

/// Servers that failed, as `failures` of `/keys/query` and `/keys/claim` lists them.
pub type KeyFailures = BTreeMap<String, Value>;
