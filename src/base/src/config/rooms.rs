//! `[rooms]`: defaults of new rooms, and limits in rooms.

use super::check::Checks;
use super::schema::{choice, section};

/// The room versions of new rooms. Versions before 6 do not require canonical JSON.
const VERSIONS: [&str; 7] = ["6", "7", "8", "9", "10", "11", "12"];

const YEAR_MS: u64 = 365 * 24 * 60 * 60 * 1_000;

section! {
    /// Defaults of new rooms, and limits in rooms.
    pub struct Rooms {
        /// The version of a new room if the client does not choose one: `6` to `12`.
        default_version: String = "12".to_owned(),
        /// Which new rooms are encrypted even if the client does not request it. `off`: none, as in the specification;
        /// common clients request it themselves. `private`: rooms that are not public. `all`: all rooms, also for
        /// clients and bots that cannot decrypt.
        encryption_default: EncryptionDefault = EncryptionDefault::Off,
        /// Who may publish a room in this server's public directory. `users`: users with enough power in the room.
        /// `admins`: of these, only administrators of this server.
        publishers: Publishers = Publishers::Users,
        /// The longest delay of a delayed event (MSC4140), in milliseconds. Clients in calls use delayed events to
        /// leave a call after a crash. 0: no delayed events.
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
    /// Which new rooms are encrypted even if the client does not request it.
    pub enum EncryptionDefault {
        /// None.
        Off = "off",
        /// Rooms that are not public.
        Private = "private",
        /// All.
        All = "all",
    }
}

choice! {
    /// Who may publish a room in the public directory.
    pub enum Publishers {
        /// Users with enough power in the room.
        Users = "users",
        /// Of these, only administrators of this server.
        Admins = "admins",
    }
}
