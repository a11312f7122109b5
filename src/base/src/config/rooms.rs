//! `[rooms]`: what new rooms are like, and what goes on in rooms.

use super::check::Checks;
use super::schema::{choice, section};

/// The room versions that new rooms can have. Before 6, events need not even be canonical JSON.
const VERSIONS: [&str; 7] = ["6", "7", "8", "9", "10", "11", "12"];

const YEAR_MS: u64 = 365 * 24 * 60 * 60 * 1_000;

section! {
    /// What new rooms are like, and what goes on in rooms.
    pub struct Rooms {
        /// The version of a new room, if whoever makes it does not choose: `6` to `12`.
        default_version: String = "12".to_owned(),
        /// Which new rooms are encrypted although the client did not ask for it. `off`: none, as the specification has
        /// it; common clients ask by themselves. `private`: those that are not public. `all`: all, also for clients and
        /// bots that cannot decrypt.
        encryption_default: EncryptionDefault = EncryptionDefault::Off,
        /// Who may list a room in this server's public directory. `users`: whoever has the power to do so in the room.
        /// `admins`: of these, only administrators of this server.
        publishers: Publishers = Publishers::Users,
        /// The longest time for which a client may have an event sent later, in milliseconds. Calls need this: it is how somebody
        /// whose phone died leaves. 0: not at all.
        event_delay_ms_max: u64 = 24 * 60 * 60 * 1_000,
    }
}

impl Rooms {
    pub(super) fn check(&self, checks: &mut Checks) {
        checks.require(
            VERSIONS.contains(&self.default_version.as_str()),
            "rooms.default_version",
            format!("expected one of `{}`, found `{}`", VERSIONS.join("`, `"), self.default_version),
        );
        checks.within("rooms.event_delay_ms_max", self.event_delay_ms_max, 0..=YEAR_MS);
    }
}

choice! {
    /// Which new rooms are encrypted although the client did not ask for it.
    pub enum EncryptionDefault {
        /// None.
        Off = "off",
        /// Those that are not public.
        Private = "private",
        /// All.
        All = "all",
    }
}

choice! {
    /// Who may list a room in the public directory.
    pub enum Publishers {
        /// Whoever has the power to do so in the room.
        Users = "users",
        /// Of these, only administrators of this server.
        Admins = "admins",
    }
}
