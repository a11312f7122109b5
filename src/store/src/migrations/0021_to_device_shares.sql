-- Who sent a waiting message, and its size, so that an inbox is shared fairly. What waits already is nobody's share.
CREATE TABLE to_device_shares (
    device INTEGER NOT NULL,
    position INTEGER NOT NULL,
    -- A hash of whom the message counts for: its sender, or the sender's server if that shares no room with the receiver.
    sender INTEGER NOT NULL,
    -- 1 if it counts for a server that shares no room with the receiver.
    stranger INTEGER NOT NULL,
    -- The length of json.
    bytes INTEGER NOT NULL,
    -- Counts a device's messages, and their bytes: the first and the last row tell how full an inbox is, as rows only ever go
    -- from the front.
    seq INTEGER NOT NULL,
    bytes_upto INTEGER NOT NULL,
    json TEXT NOT NULL,
    PRIMARY KEY (device, position)
) STRICT, WITHOUT ROWID;
INSERT INTO to_device_shares (device, position, sender, stranger, bytes, seq, bytes_upto, json)
    SELECT device, position, 0, 0, LENGTH(json), seq,
        CAST(SUM(LENGTH(json)) OVER (PARTITION BY device ORDER BY position) AS INTEGER), json
    FROM to_device;
DROP TABLE to_device;
ALTER TABLE to_device_shares RENAME TO to_device;
