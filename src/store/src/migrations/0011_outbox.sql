-- Other servers: their serial numbers, and how sending to them goes.
CREATE TABLE destinations (
    sn INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    -- Attempts since the last one that succeeded.
    failures INTEGER NOT NULL,
    failing_since_ms INTEGER,
    retry_at_ms INTEGER,
    last_success_ms INTEGER,
    -- Why the last attempt failed, for people.
    reason TEXT
) STRICT;

-- What other servers are still to be told. Written with what it tells of; deleted when everybody has it.
CREATE TABLE outgoing (
    position INTEGER PRIMARY KEY,
    -- Who lacks it: serial numbers, ascending, each as the difference to the one before.
    destinations BLOB NOT NULL,
    -- An event and its room.
    event INTEGER,
    room INTEGER,
    -- Or something that is no event (EDU): its JSON, and what a newer one replaces it by.
    coalesce_key TEXT,
    edu TEXT
) STRICT;
