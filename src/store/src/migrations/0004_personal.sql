-- What a user keeps with the server, for the whole account (room 0) or for one room. Tags are the type m.tag of a room,
-- push rules the type m.push_rules of the account. Null content: deleted, which a sync has to say.
CREATE TABLE account_data (
    user INTEGER NOT NULL,
    room INTEGER NOT NULL,
    type TEXT NOT NULL,
    content TEXT,
    position INTEGER NOT NULL,
    PRIMARY KEY (user, room, type)
) STRICT, WITHOUT ROWID;

CREATE INDEX account_data_by_position ON account_data (user, position);

-- How far users have read.
CREATE TABLE receipts (
    room INTEGER NOT NULL,
    user INTEGER NOT NULL,
    -- 0 public, 1 private.
    kind INTEGER NOT NULL,
    -- -1 for the whole room, 0 for the main timeline, else the root of a thread.
    thread INTEGER NOT NULL,
    event INTEGER NOT NULL,
    -- The event's place in the timeline.
    ord INTEGER NOT NULL,
    at_ms INTEGER NOT NULL,
    position INTEGER NOT NULL,
    PRIMARY KEY (room, user, kind, thread)
) STRICT, WITHOUT ROWID;

CREATE INDEX receipts_by_position ON receipts (room, position);
