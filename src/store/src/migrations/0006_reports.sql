-- What users have told the administrators: about an event (with its room and sender), a room, or a user.
CREATE TABLE reports (
    sn INTEGER PRIMARY KEY,
    reporter INTEGER NOT NULL,
    room INTEGER,
    event INTEGER,
    user INTEGER,
    reason TEXT NOT NULL,
    at_ms INTEGER NOT NULL
) STRICT;
