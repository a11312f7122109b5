//! Keys of other servers' users, as far as they are known here: a copy of their device lists, which their servers keep up to
//! date as long as we share a room.
//!
//! A copy is trusted while it is whole: no update was missed, and the user has been in a room with somebody of this server
//! ever since. Otherwise it is asked for anew when somebody wants it, and not before: an update that cannot be placed costs
//! nothing but a note. Nothing here asks; that is the matter of `federation`.

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

/// Servers whose users could not be served, as `failures` of `/keys/query` and `/keys/claim` lists them.
pub type KeyFailures = BTreeMap<String, Value>;
