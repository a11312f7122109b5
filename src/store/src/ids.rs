//! Serial numbers: what the database calls a user, a room, an event inside. Taken from the one position counter, so they
//! are unique over all tables, grow with time, and cost a few bytes where an identifier of the protocol costs fifty.

/// Declares serial-number types that cannot be mixed up.
macro_rules! serial_numbers {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub i64);

        impl From<$name> for crate::engine::Value<'_> {
            fn from(sn: $name) -> Self {
                Self::Int(sn.0)
            }
        }

        impl From<hearth_base::Position> for $name {
            fn from(position: hearth_base::Position) -> Self {
                Self(position.as_i64())
            }
        }
    )+};
}

serial_numbers! {
    /// A user, of this server or another.
    UserSn,
    /// A room.
    RoomSn,
    /// An event.
    EventSn,
    /// A pair of event type and state key. Negative for `m.room.member`, so that the ten thousand members in a room's state
    /// can be told from the rest of it without looking anything up.
    KeySn,
    /// A state of a room at one point.
    SnapshotSn,
    /// A device of a local user.
    DeviceSn,
    /// Another server that this one sends to.
    DestinationSn,
}

impl KeySn {
    /// Whether this is the membership of some user.
    #[must_use]
    pub fn is_member(self) -> bool {
        self.0 < 0
    }
}
