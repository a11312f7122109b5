-- Soft-failed events, by the auth events that have no place in their room yet: when one of these gets its place, they are judged
-- again.
CREATE TABLE soft_failed (
    room INTEGER NOT NULL,
    auth_hash INTEGER NOT NULL,
    event INTEGER NOT NULL,
    PRIMARY KEY (room, auth_hash, event)
) STRICT, WITHOUT ROWID;

-- Rejected events without a place, which came with the auth chain of something else: they go after a while.
CREATE INDEX events_rejected_outliers ON events (sn) WHERE flags = 9;
