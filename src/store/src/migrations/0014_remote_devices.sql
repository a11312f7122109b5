-- What is known of the devices of other servers' users, and how far.
CREATE TABLE remote_device_lists (
    owner INTEGER PRIMARY KEY,
    -- The last number in their server's stream of this list that is in here; null when the list came without one.
    stream INTEGER,
    -- As of when this was all of it; 0 when something is known to be missing.
    synced INTEGER NOT NULL
) STRICT;

-- Their identity keys, as JSON. Their cross-signing keys are among those of local users.
CREATE TABLE remote_devices (
    owner INTEGER NOT NULL,
    device TEXT NOT NULL,
    json TEXT NOT NULL,
    PRIMARY KEY (owner, device)
) STRICT, WITHOUT ROWID;

-- The last number in the stream of a local user's device list, as other servers count it.
CREATE TABLE device_streams (
    owner INTEGER PRIMARY KEY,
    stream INTEGER NOT NULL
) STRICT;

-- Messages to devices that came from other servers, by a hash of sender and message id: none is delivered twice.
CREATE TABLE received_messages (
    hash INTEGER PRIMARY KEY,
    at_ms INTEGER NOT NULL
) STRICT;
