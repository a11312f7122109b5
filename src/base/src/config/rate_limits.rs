//! `[rate_limits]`: rate limits.

use super::check::Checks;
use super::schema::section;

section! {
    /// Rate limits. Each is a token bucket that starts with `burst` permits and gains `per_second`; a request that
    /// finds it empty is refused with the time to wait. Buckets belong to the user, or without a user to the address
    /// (IPv6: to its /64).
    pub struct RateLimits {
        /// Whether rate limits apply.
        enabled: bool = true,
        /// Logins and other uses of a password, per address and per account.
        login: Rate = Rate::new(0.1, 10),
        /// Registrations and checks of registration tokens.
        registration: Rate = Rate::new(0.05, 5),
        /// Messages and other events that a user sends.
        message: Rate = Rate::new(5.0, 50),
        /// Joins and knocks.
        join: Rate = Rate::new(0.5, 20),
        /// Invitations.
        invite: Rate = Rate::new(0.3, 20),
        /// Rooms that a user creates.
        create_room: Rate = Rate::new(0.1, 10),
        /// Uploads of media.
        media_upload: Rate = Rate::new(1.0, 30),
        /// Previews of links that are not in the cache. Clients ask for those of all messages that they show.
        url_preview: Rate = Rate::new(1.0, 30),
        /// Uploads, queries and claims of encryption keys.
        keys: Rate = Rate::new(5.0, 100),
        /// Messages from device to device. A client that shares a key with a large room sends many at once.
        to_device: Rate = Rate::new(20.0, 1_000),
        /// Reads and writes of key backups and dehydrated devices. A client that restores a backup may ask for each key by
        /// itself.
        key_backup: Rate = Rate::new(50.0, 2_000),
        /// Searches in messages, rooms and people.
        search: Rate = Rate::new(0.5, 20),
        /// Requests of other homeservers, per homeserver.
        federation: Rate = Rate::new(50.0, 500),
        /// Federation requests without a valid signature, per address.
        federation_unproven: Rate = Rate::new(1.0, 100),
        /// Requests that say nothing of who sends them and have no limit above, by address.
        unauthenticated: Rate = Rate::new(50.0, 500),
        /// Anything else.
        other: Rate = Rate::new(50.0, 200),
    }
}

impl RateLimits {
    pub(super) fn check(&self, checks: &mut Checks) {
        for (kind, rate) in [
            ("login", &self.login),
            ("registration", &self.registration),
            ("message", &self.message),
            ("join", &self.join),
            ("invite", &self.invite),
            ("create_room", &self.create_room),
            ("media_upload", &self.media_upload),
            ("url_preview", &self.url_preview),
            ("keys", &self.keys),
            ("to_device", &self.to_device),
            ("key_backup", &self.key_backup),
            ("search", &self.search),
            ("federation", &self.federation),
            ("federation_unproven", &self.federation_unproven),
            ("unauthenticated", &self.unauthenticated),
            ("other", &self.other),
        ] {
            let key = format!("rate_limits.{kind}");
            // Less than one per day is a lock, not a limit.
            checks.within(&format!("{key}.per_second"), rate.per_second, 0.000_01..=1_000_000.0);
            checks.within(&format!("{key}.burst"), rate.burst, 1..=1_000_000);
        }
    }
}

section! {
    /// A rate limit.
    pub struct Rate {
        /// New permits per second; may be less than 1.
        per_second: f64 = 50.0,
        /// The most permits that accumulate.
        burst: u32 = 200,
    }
}

impl Rate {
    /// A limit of `per_second` on average and `burst` at once.
    #[must_use]
    pub const fn new(per_second: f64, burst: u32) -> Self {
        Self { per_second, burst }
    }
}
