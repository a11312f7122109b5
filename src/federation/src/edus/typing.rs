//! `m.typing` from other servers.

use std::sync::Arc;
use std::time::Duration;

use hearth_base::Result;
use hearth_rooms::RoomCore;
use hearth_store::WriteTx;
use ruma::ServerName;
use ruma::api::federation::transactions::edu::TypingContent;

use super::visibility;
use crate::Parts;

/// Typing timeout without another notification. The user's server repeats it before then.
const LASTING: Duration = Duration::from_secs(60);

/// Stores that a user starts or stops typing.
pub(super) fn take_in(
    core: &Arc<RoomCore>,
    tx: &mut WriteTx<'_>,
    parts: &Parts,
    origin: &ServerName,
    news: &TypingContent,
) -> Result<()> {
    match visibility::in_room(core, tx.tx(), &news.room_id, &news.user_id, origin)? {
        Some((room, user)) => parts.typing.heard(tx, room.sn, (user, &news.user_id), news.typing.then_some(LASTING)),
        None => Ok(()),
    }
}
