-- The people of this server. sn is the user's in `users`.
CREATE TABLE accounts (
    sn INTEGER PRIMARY KEY,
    localpart TEXT NOT NULL UNIQUE,
    -- A PHC string; null for accounts that cannot log in by password.
    password TEXT,
    created_ms INTEGER NOT NULL,
    -- 0 person, 1 guest, 2 of an application service.
    kind INTEGER NOT NULL,
    -- Bits: 1 administrator, 2 locked, 4 suspended, 8 erased.
    flags INTEGER NOT NULL,
    -- When it was deactivated; the name is never given to anybody else.
    deactivated_ms INTEGER
) STRICT;

CREATE TABLE devices (
    sn INTEGER PRIMARY KEY,
    account INTEGER NOT NULL,
    id TEXT NOT NULL,
    name TEXT,
    created_ms INTEGER NOT NULL,
    -- Written in batches every few minutes, never by a request.
    seen_ms INTEGER,
    seen_ip TEXT,
    seen_agent TEXT,
    UNIQUE (account, id)
) STRICT;

-- Tokens are kept as SHA-256: whoever reads the database cannot log in with it.
CREATE TABLE access_tokens (
    hash BLOB PRIMARY KEY,
    device INTEGER NOT NULL,
    -- Null: until the device logs out.
    expires_ms INTEGER,
    -- The refresh token that came with it.
    refresh BLOB
) STRICT, WITHOUT ROWID;

CREATE INDEX access_tokens_by_device ON access_tokens (device);

CREATE TABLE refresh_tokens (
    hash BLOB PRIMARY KEY,
    device INTEGER NOT NULL,
    expires_ms INTEGER,
    -- The refresh token that was traded for this one; null from the first use of this one, or of its access token, on.
    parent BLOB
) STRICT, WITHOUT ROWID;

CREATE INDEX refresh_tokens_by_device ON refresh_tokens (device);

CREATE TABLE registration_tokens (
    token TEXT PRIMARY KEY,
    -- Null: without limit.
    uses_max INTEGER,
    uses INTEGER NOT NULL,
    expires_ms INTEGER,
    created_ms INTEGER NOT NULL,
    -- Whether it is the one of the first start, whose account administers the server.
    first_run INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
