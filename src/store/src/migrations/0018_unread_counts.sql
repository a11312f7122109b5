-- How far unread events are counted, for those rooms of a user in which that took long. What the bytes mean is the domain's
-- (push/tally.rs); a row that is missing costs time, nothing else.
CREATE TABLE unread_counts (
    user INTEGER NOT NULL,
    room INTEGER NOT NULL,
    tally BLOB NOT NULL,
    PRIMARY KEY (user, room)
) STRICT, WITHOUT ROWID;

-- What of a thread is unread, without reading what stands between its events.
CREATE INDEX events_by_thread ON events (thread, ord) WHERE thread IS NOT NULL;
