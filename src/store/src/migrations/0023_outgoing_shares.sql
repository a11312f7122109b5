-- Who caused a waiting EDU, and its size, so that the queue for a server is shared fairly. What waits already is nobody's share.
-- A new table, so that both stand before the JSON: reading them at the start must not read what is long.
CREATE TABLE outgoing_shares (
    position INTEGER PRIMARY KEY,
    -- Who lacks it: serial numbers, ascending, each as the difference to the one before.
    destinations BLOB NOT NULL,
    -- An event and its room.
    event INTEGER,
    room INTEGER,
    -- Or something that is no event (EDU): what a newer one replaces it by; a hash of the user whose share it counts for, and the
    -- length of its JSON, for to-device messages; its JSON.
    coalesce_key TEXT,
    sender INTEGER,
    bytes INTEGER,
    edu TEXT
) STRICT;
INSERT INTO outgoing_shares (position, destinations, event, room, coalesce_key, edu)
    SELECT position, destinations, event, room, coalesce_key, edu FROM outgoing;
DROP TABLE outgoing;
ALTER TABLE outgoing_shares RENAME TO outgoing;
