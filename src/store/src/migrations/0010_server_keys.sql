-- Signing keys of other servers, also those that are out of use: old events are checked with them.
CREATE TABLE server_keys (
    server TEXT NOT NULL,
    -- With its algorithm, such as ed25519:a_Xy12.
    key_id TEXT NOT NULL,
    public BLOB NOT NULL,
    -- Up to when it may be relied on; 0 for one that was only seen when it was out of use already.
    valid_until_ms INTEGER NOT NULL,
    -- When its server put it out of use.
    expired_ms INTEGER,
    PRIMARY KEY (server, key_id)
) STRICT, WITHOUT ROWID;

-- The newest list of keys that each server has signed, as it came, for those who ask this server as a notary.
CREATE TABLE server_key_documents (
    server TEXT PRIMARY KEY NOT NULL,
    json TEXT NOT NULL,
    valid_until_ms INTEGER NOT NULL,
    fetched_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX server_key_documents_by_age ON server_key_documents (fetched_ms);
