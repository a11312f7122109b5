-- When a to-device message was queued, so that those for a server that never comes back expire.
-- A new table, so that this stands before the JSON: reading it at the start must not read what is long.
CREATE TABLE outgoing_expiry (
    position INTEGER PRIMARY KEY,
    -- Who lacks it: serial numbers, ascending, each as the difference to the one before.
    destinations BLOB NOT NULL,
    -- An event and its room.
    event INTEGER,
    room INTEGER,
    -- Or something that is no event (EDU): what a newer one replaces it by; a hash of the user whose share it counts for, the
    -- length of its JSON and when it was queued, for to-device messages; its JSON.
    coalesce_key TEXT,
    sender INTEGER,
    bytes INTEGER,
    queued_ms INTEGER,
    edu TEXT
) STRICT;
INSERT INTO outgoing_expiry (position, destinations, event, room, coalesce_key, sender, bytes, edu)
    SELECT position, destinations, event, room, coalesce_key, sender, bytes, edu FROM outgoing;
DROP TABLE outgoing;
ALTER TABLE outgoing_expiry RENAME TO outgoing;
-- Messages that the server never gets, because they expired or its queue was full: how many, when the last was given up, and why.
ALTER TABLE destinations ADD COLUMN given_up INTEGER NOT NULL DEFAULT 0;
ALTER TABLE destinations ADD COLUMN given_up_at_ms INTEGER;
ALTER TABLE destinations ADD COLUMN given_up_reason TEXT;
