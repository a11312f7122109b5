-- What application services have received, and the registrations that were added while the server ran. There is no row per
-- event: an application service has received everything of its interest up to a position.
CREATE TABLE appservices (
    id TEXT PRIMARY KEY,
    -- It has received everything up to this position.
    sent INTEGER NOT NULL,
    -- The number of the last transaction.
    txn INTEGER NOT NULL,
    -- The transaction under way: events up to this position, and messages to devices up to that one. Null: none is.
    txn_upto INTEGER,
    txn_to_device INTEGER,
    disabled INTEGER NOT NULL,
    -- When it last accepted a transaction.
    succeeded_ms INTEGER,
    -- The registration, if it was added while the server ran; null: it comes from a file.
    registration TEXT
) STRICT;

-- Events whose place in the timeline is later than the event itself: outliers that arrived again.
CREATE INDEX events_placed_late ON events (ord) WHERE ord > sn;
