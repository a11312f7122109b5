//! Information about remote rooms: aliases, directories, spaces and summaries.

mod alias;
mod directory;
mod remote_room;

pub(super) use remote_room::RemoteRoomCache;

use std::time::Duration;

/// Time limit for another server; a user waits for the result.
const OUTSIDE_WAIT: Duration = Duration::from_secs(10);
