//! Serial numbers: the database's identifiers for users, rooms and events. They come from the position counter, so they
//! are unique across tables and grow with time. A serial number takes a few bytes where a Matrix id takes fifty.

/// Declares one type per kind of serial number, so that the compiler tells them apart.
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
    /// A local or remote user.
    UserSn,
    /// A room.
    RoomSn,
    /// An event.
    EventSn,
    /// A pair of event type and state key. Negative for `m.room.member`, so that code can separate the members, of
    /// which a room may have ten thousand, from the rest of its state without a lookup.
    KeySn,
    /// A stored state of a room at one point of its history.
    SnapshotSn,
    /// A device of a local user.
    DeviceSn,
    /// A remote server that this server sends to.
    DestinationSn,
}

impl SnapshotSn {
    /// The snapshot in a column, where 0 stands for none: the schema had no NULL there when the first databases were made.
    pub(crate) fn stored(column: i64) -> Option<Self> {
        (column != 0).then_some(Self(column))
    }

    /// The value of that column.
    pub(crate) fn to_column<'v>(snapshot: Option<Self>) -> crate::engine::Value<'v> {
        crate::engine::Value::Int(snapshot.map_or(0, |snapshot| snapshot.0))
    }
}

impl KeySn {
    /// Whether this is the key of an `m.room.member` event.
    #[must_use]
    pub fn is_member(self) -> bool {
        self.0 < 0
    }
}
