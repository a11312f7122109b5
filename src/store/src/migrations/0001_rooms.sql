-- Identifiers of the protocol, once each; everywhere else their serial numbers stand.
CREATE TABLE users (
    sn INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE
) STRICT;

CREATE TABLE state_keys (
    sn INTEGER PRIMARY KEY,
    type TEXT NOT NULL,
    key TEXT NOT NULL,
    UNIQUE (type, key)
) STRICT;

CREATE TABLE rooms (
    sn INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    version TEXT NOT NULL,
    -- The resolved state after all extremities.
    snapshot INTEGER NOT NULL,
    -- Events that no other event names as previous: a list of serial numbers.
    extremities BLOB NOT NULL,
    -- The greatest depth among them.
    depth INTEGER NOT NULL,
    -- In the public room directory.
    published INTEGER NOT NULL,
    created_ms INTEGER NOT NULL
) STRICT;

CREATE INDEX rooms_published ON rooms (published) WHERE published = 1;

CREATE TABLE events (
    sn INTEGER PRIMARY KEY,
    room INTEGER NOT NULL,
    -- Place in the room's timeline: the position for what arrived live, negative for what was fetched later, null for
    -- events that are known but stand in no timeline (outliers, rejected ones).
    ord INTEGER,
    -- The first eight bytes of SHA-256 of the event id: an index over whole ids would cost five times the writes.
    id_hash INTEGER NOT NULL,
    id TEXT NOT NULL,
    sender INTEGER NOT NULL,
    -- Null for events that are not state.
    state_key INTEGER,
    depth INTEGER NOT NULL,
    -- The state before the event.
    snapshot INTEGER NOT NULL,
    -- Bits: 1 rejected, 2 soft-failed, 4 redacted, 8 outlier.
    flags INTEGER NOT NULL,
    redacted_by INTEGER,
    -- The root of the thread this belongs to.
    thread INTEGER,
    -- Which local device sent it under which transaction id.
    device INTEGER,
    txn TEXT,
    -- How json is stored: 0 plain, n compressed with dictionary n.
    codec INTEGER NOT NULL,
    json BLOB NOT NULL
) STRICT;

CREATE INDEX events_by_hash ON events (id_hash);

CREATE UNIQUE INDEX events_by_place ON events (room, ord) WHERE ord IS NOT NULL;

-- The state of a room at a point, as the difference to an earlier one (see rooms/state/snapshot.rs in the domain).
CREATE TABLE state_snapshots (
    sn INTEGER PRIMARY KEY,
    depth INTEGER NOT NULL,
    base INTEGER,
    changes BLOB NOT NULL
) STRICT;

CREATE TABLE current_state (
    room INTEGER NOT NULL,
    key INTEGER NOT NULL,
    event INTEGER NOT NULL,
    PRIMARY KEY (room, key)
) STRICT, WITHOUT ROWID;

-- When each part of the current state changed: what a sync sends beside a gap in the timeline.
CREATE TABLE state_changes (
    room INTEGER NOT NULL,
    position INTEGER NOT NULL,
    key INTEGER NOT NULL,
    -- Null when the state lost this key.
    event INTEGER,
    PRIMARY KEY (room, position, key)
) STRICT, WITHOUT ROWID;

CREATE TABLE memberships (
    room INTEGER NOT NULL,
    user INTEGER NOT NULL,
    -- 0 leave, 1 join, 2 invite, 3 knock, 4 ban.
    membership INTEGER NOT NULL,
    local INTEGER NOT NULL,
    event INTEGER NOT NULL,
    -- When this row last changed, and when the membership last became what it is.
    position INTEGER NOT NULL,
    since INTEGER NOT NULL,
    forgotten INTEGER NOT NULL,
    -- What an invited or knocking user may see of the room: a JSON array of stripped state.
    stripped BLOB,
    PRIMARY KEY (room, user)
) STRICT, WITHOUT ROWID;

CREATE INDEX memberships_by_user ON memberships (user, membership);

CREATE TABLE relations (
    child INTEGER PRIMARY KEY,
    room INTEGER NOT NULL,
    parent_hash INTEGER NOT NULL,
    parent TEXT NOT NULL,
    rel_type TEXT NOT NULL,
    type TEXT NOT NULL,
    key TEXT,
    sender INTEGER NOT NULL
) STRICT;

CREATE INDEX relations_by_parent ON relations (parent_hash, child);

-- The threads of a room, newest activity last.
CREATE TABLE threads (
    root INTEGER PRIMARY KEY,
    room INTEGER NOT NULL,
    newest INTEGER NOT NULL
) STRICT;

CREATE INDEX threads_by_room ON threads (room, newest);

-- Requests that may come again: the answer given the first time.
CREATE TABLE txns (
    device INTEGER NOT NULL,
    -- Hash of endpoint and transaction id.
    key INTEGER NOT NULL,
    answer TEXT NOT NULL,
    at_ms INTEGER NOT NULL,
    PRIMARY KEY (device, key)
) STRICT, WITHOUT ROWID;

CREATE TABLE aliases (
    alias TEXT PRIMARY KEY,
    room INTEGER NOT NULL,
    creator INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX aliases_by_room ON aliases (room);

-- The server's own signing keys; old ones stay, so that old signatures can be checked.
CREATE TABLE signing_keys (
    id TEXT PRIMARY KEY,
    seed BLOB NOT NULL,
    created_ms INTEGER NOT NULL,
    expired_ms INTEGER
) STRICT;
