//! Whose profiles a connection has been sent.

use std::collections::BTreeSet;

use hearth_base::limits::users::SLIDING_PROFILES_KNOWN_MAX;
use hearth_store::ids::UserSn;
use hearth_store::varint;

/// Whose profiles a connection has been sent, in the fields that the client wants.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct SentProfiles {
    /// A hash of the names of these fields.
    pub(super) fields: i64,
    /// The client has the profiles of these users.
    pub(super) known: BTreeSet<UserSn>,
    /// It is to get the profiles of these users, who are not in `known`.
    pub(super) due: BTreeSet<UserSn>,
}

impl SentProfiles {
    /// Notes that the client is to get a user's profile, unless it has it. Of too many, the server forgets this one until the
    /// user is seen again.
    pub(super) fn want(&mut self, user: UserSn) {
        if !self.known.contains(&user) && self.due.len() < SLIDING_PROFILES_KNOWN_MAX {
            self.due.insert(user);
        }
    }

    /// Forgets a user; returns whether the client has something of them, or was to get it.
    pub(super) fn forget(&mut self, user: UserSn) -> bool {
        self.due.remove(&user) | self.known.remove(&user)
    }

    /// Bounds what is stored. A client of whom too much is known gets profiles again when it sees the users again.
    pub(super) fn bound(&mut self) {
        if self.known.len() > SLIDING_PROFILES_KNOWN_MAX {
            self.known.clear();
        }
    }

    /// Appends the stored form.
    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        varint::write(out, self.fields);
        for users in [&self.known, &self.due] {
            varint::write(out, i64::try_from(users.len()).unwrap_or(i64::MAX));
            let mut last = 0;
            for user in users {
                varint::write(out, user.0 - last);
                last = user.0;
            }
        }
    }

    /// Takes the stored form from the front.
    pub(super) fn decode(bytes: &mut &[u8]) -> Option<Self> {
        let fields = varint::read(bytes)?;
        let mut sets = [BTreeSet::new(), BTreeSet::new()];
        for users in &mut sets {
            let mut last = 0;
            for _ in 0..varint::read(bytes)? {
                last += varint::read(bytes)?;
                users.insert(UserSn(last));
            }
        }
        let [known, due] = sets;
        Some(Self { fields, known, due })
    }
}
