-- What the connections of simplified sliding sync have been sent. A connection has a few generations at a time: the one that
-- the client's last request named, and the newest answers to it. Each is whole; the crate users encodes it.
CREATE TABLE sliding_connections (
    device INTEGER NOT NULL,
    -- The client's conn_id.
    conn TEXT NOT NULL,
    generation INTEGER NOT NULL,
    used_ms INTEGER NOT NULL,
    state BLOB NOT NULL,
    PRIMARY KEY (device, conn, generation)
) STRICT, WITHOUT ROWID;
