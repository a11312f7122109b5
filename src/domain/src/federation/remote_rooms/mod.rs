//! Rooms as other servers tell of them: aliases, directories, spaces and summaries.

mod alias;
mod directory;
mod remote_room;

pub(super) use remote_room::RemoteRoomCache;

use std::time::Duration;

/// How long another server may take: somebody looks at a screen meanwhile.
const OUTSIDE_WAIT: Duration = Duration::from_secs(10);
