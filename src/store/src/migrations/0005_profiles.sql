-- What local users show of themselves to everybody.
CREATE TABLE profiles (
    user INTEGER PRIMARY KEY,
    displayname TEXT,
    avatar_url TEXT,
    -- All further fields: one JSON object.
    more TEXT
) STRICT;

-- What clients want to see in a sync, kept so that they need not say it every time.
CREATE TABLE filters (
    user INTEGER NOT NULL,
    -- Made of the definition: the same one twice has the same id.
    id TEXT NOT NULL,
    json TEXT NOT NULL,
    -- When it was made, as a position: the oldest go first.
    position INTEGER NOT NULL,
    PRIMARY KEY (user, id)
) STRICT, WITHOUT ROWID;

-- With these users prove to other services who they are. Kept as SHA-256, as access tokens are.
CREATE TABLE openid_tokens (
    hash BLOB PRIMARY KEY,
    user INTEGER NOT NULL,
    expires_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX openid_tokens_by_user ON openid_tokens (user, expires_ms);

-- Whom to tell when there is something new for a user whose client is not running.
CREATE TABLE pushers (
    user INTEGER NOT NULL,
    app_id TEXT NOT NULL,
    pushkey TEXT NOT NULL,
    -- The device that set it, and with which it goes.
    device INTEGER NOT NULL,
    -- As clients see it.
    json TEXT NOT NULL,
    PRIMARY KEY (user, app_id, pushkey)
) STRICT, WITHOUT ROWID;

CREATE INDEX pushers_by_key ON pushers (app_id, pushkey);

CREATE INDEX pushers_by_device ON pushers (device);
