-- Events that are sent later (MSC4140), and for a while what became of them.
CREATE TABLE delayed_events (
    -- What clients call it. Whoever knows it may send, restart and cancel.
    id TEXT PRIMARY KEY NOT NULL,
    user INTEGER NOT NULL,
    room INTEGER NOT NULL,
    type TEXT NOT NULL,
    -- Null if it is not state.
    state_key TEXT,
    -- Empty once the event has been sent: the event has it.
    content TEXT NOT NULL,
    -- The time that an application service wants the event to carry.
    timestamp_ms INTEGER,
    delay_ms INTEGER NOT NULL,
    -- When it was scheduled or restarted, as far as that is written down: see restarted.
    since_ms INTEGER NOT NULL,
    -- 0: never restarted. 1: since_ms is right. 2: it may have been restarted since, and that was not written down.
    restarted INTEGER NOT NULL,
    -- Null while it waits.
    finalised_ms INTEGER,
    -- What was sent.
    event INTEGER,
    -- Why it could not be sent: a Matrix error as JSON.
    error TEXT
) STRICT, WITHOUT ROWID;

CREATE INDEX delayed_events_by_user ON delayed_events (user);

-- Delayed events that wait for somebody to leave a call's SFU.
CREATE TABLE delegated_leaves (
    delay_id TEXT PRIMARY KEY NOT NULL,
    -- The SFU's room, and who they are in it.
    sfu_room TEXT NOT NULL,
    identity TEXT NOT NULL,
    -- Whether they have been seen there.
    connected INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
