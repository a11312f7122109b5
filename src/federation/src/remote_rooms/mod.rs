//! Information about remote rooms: aliases, directories, spaces and summaries.

mod alias;
mod directory;
mod remote_room;

pub(super) use remote_room::RemoteRoomCache;
