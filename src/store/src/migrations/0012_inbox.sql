-- Events that other servers have handed over and that are not in their rooms yet, because something has to be fetched first.
CREATE TABLE inbox (
    position INTEGER PRIMARY KEY,
    room INTEGER NOT NULL,
    -- The server that handed it over: whom to ask for what is missing.
    origin TEXT NOT NULL,
    id_hash INTEGER NOT NULL,
    -- How often it was tried in vain, and when it is tried next.
    tries INTEGER NOT NULL,
    retry_at_ms INTEGER NOT NULL,
    codec INTEGER NOT NULL,
    json BLOB NOT NULL
) STRICT;

CREATE INDEX inbox_by_room ON inbox (room, position);

-- Redactions that came before what they redact.
CREATE TABLE pending_redactions (
    redaction INTEGER PRIMARY KEY,
    room INTEGER NOT NULL,
    target_hash INTEGER NOT NULL,
    target TEXT NOT NULL
) STRICT;

CREATE INDEX pending_redactions_by_target ON pending_redactions (target_hash);

-- Events that events of ours come after, and that are not here: when one comes late, the room has already gone on from it.
CREATE TABLE awaited_events (
    room INTEGER NOT NULL,
    id_hash INTEGER NOT NULL,
    id TEXT NOT NULL,
    PRIMARY KEY (room, id_hash)
) STRICT, WITHOUT ROWID;
