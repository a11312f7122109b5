-- Rooms in which users typed since the start of the run before this one, and when that began: after a restart their members
-- are told that typing has ended.
CREATE TABLE typing_rooms (
    room INTEGER PRIMARY KEY,
    at INTEGER NOT NULL
) STRICT;
