//! How many invites of other servers a user may have open, and how much stripped state comes with them.
//!
//! Any server may invite any user, so what it leaves behind is bounded. A server that is over its share is refused, and
//! so are strangers when there are many open invites already; no other invite is touched. The user makes room by
//! answering some.

use hearth_base::config::Quotas;
use hearth_base::{Reason, Result, error::refuse, limits};
use hearth_core::quotas::Quota;
use hearth_rooms::{RoomCore, servers};
use hearth_store::engine::Tx;
use hearth_store::ids::{RoomSn, UserSn};
use hearth_store::tables::{memberships, users};
use ruma::{ServerName, UserId};

/// Invites and the bytes of their stripped state.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct OpenInvites {
    count: u64,
    bytes: u64,
}

impl OpenInvites {
    const fn new(count: u64, bytes: u64) -> Self {
        Self { count, bytes }
    }

    fn with(self, bytes: u64) -> Self {
        Self::new(self.count + 1, self.bytes.saturating_add(bytes))
    }

    fn min(self, other: Self) -> Self {
        Self::new(self.count.min(other.count), self.bytes.min(other.bytes))
    }

    fn fits(self, most: Self) -> bool {
        self.count <= most.count && self.bytes <= most.bytes
    }
}

/// What a server may have open, and up to where all invites of the user together may grow by one of its.
#[derive(Debug, Clone, Copy)]
struct Bounds {
    of_server: OpenInvites,
    of_user: OpenInvites,
}

impl Bounds {
    /// For servers that share no room with the user.
    fn stranger(quota: OpenInvites) -> Self {
        let strangers = OpenInvites::new(limits::INVITES_STRANGERS_MAX, limits::INVITES_STRANGERS_BYTES_MAX);
        Self {
            of_server: OpenInvites::new(limits::INVITES_STRANGER_MAX, limits::INVITES_STRANGER_BYTES_MAX),
            of_user: strangers.min(quota),
        }
    }

    /// For servers that share a room with the user.
    fn known(quota: OpenInvites) -> Self {
        let of_server = OpenInvites::new(limits::INVITES_SERVER_MAX, limits::INVITES_SERVER_BYTES_MAX);
        Self { of_server, of_user: quota }
    }
}

/// What the configuration allows each user.
fn quota(config: &Quotas) -> OpenInvites {
    let limit = |quota: Quota| quota.limit(config).unwrap_or(u64::MAX);
    OpenInvites::new(limit(Quota::OpenInvites), limit(Quota::OpenInvitesBytes))
}

/// Refuses with `M_LIMIT_EXCEEDED` an invite into `room`, with `bytes` of stripped state, that is one too many. An
/// earlier invite into the same room does not count, because this one replaces it.
pub(super) fn check(
    core: &RoomCore,
    tx: &mut dyn Tx,
    origin: &ServerName,
    user_id: &UserId,
    room: RoomSn,
    bytes: usize,
) -> Result<()> {
    let Some(user) = users::find(tx, user_id.as_str())? else { return Ok(()) };
    let bytes = bytes as u64;
    let (mut of_server, mut of_user) = (OpenInvites::default().with(bytes), OpenInvites::default().with(bytes));
    memberships::open_invites(tx, user, room, &mut |sender, bytes| {
        of_user = of_user.with(bytes);
        if sender.split_once(':').is_some_and(|(_, server)| origin == server) {
            of_server = of_server.with(bytes);
        }
    })?;
    let quota = quota(&core.config.quotas);
    let fits = |bounds: Bounds| of_server.fits(bounds.of_server) && of_user.fits(bounds.of_user);
    // The smaller bounds first: mostly the user's rooms need not be read.
    if fits(Bounds::stranger(quota)) || (fits(Bounds::known(quota)) && shares_a_room(core, tx, user, origin)?) {
        return Ok(());
    }
    let message = format!("{user_id} has too many open invites. Invite them again when they have answered some.");
    Err(refuse(Reason::LimitExceeded { retry_after_ms: limits::INVITES_RETRY_MS }, message))
}

fn shares_a_room(core: &RoomCore, tx: &mut dyn Tx, user: UserSn, server: &ServerName) -> Result<bool> {
    for room in memberships::joined_rooms(tx, user)? {
        if servers::has(core, tx, room, server)? {
            return Ok(true);
        }
    }
    Ok(false)
}
