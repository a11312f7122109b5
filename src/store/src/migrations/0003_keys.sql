-- End-to-end encryption. What clients upload is kept as JSON and never looked into by SQL.

-- The identity keys of local devices.
CREATE TABLE device_keys (
    owner INTEGER NOT NULL,
    device INTEGER NOT NULL,
    json TEXT NOT NULL,
    PRIMARY KEY (owner, device)
) STRICT, WITHOUT ROWID;

CREATE TABLE one_time_keys (
    device INTEGER NOT NULL,
    algorithm TEXT NOT NULL,
    key_id TEXT NOT NULL,
    -- The position of the upload and so the order of issue. It only grows: whatever a restored backup holds up to the last
    -- position it knows may have been issued since.
    ord INTEGER NOT NULL,
    json TEXT NOT NULL,
    PRIMARY KEY (device, algorithm, key_id)
) STRICT, WITHOUT ROWID;

-- Handed out, again and again, when no one-time key is left.
CREATE TABLE fallback_keys (
    device INTEGER NOT NULL,
    algorithm TEXT NOT NULL,
    key_id TEXT NOT NULL,
    used INTEGER NOT NULL,
    json TEXT NOT NULL,
    PRIMARY KEY (device, algorithm)
) STRICT, WITHOUT ROWID;

CREATE TABLE cross_signing_keys (
    owner INTEGER NOT NULL,
    -- 1 master, 2 self-signing, 3 user-signing.
    kind INTEGER NOT NULL,
    -- The public key as it is named in key ids.
    public TEXT NOT NULL,
    json TEXT NOT NULL,
    PRIMARY KEY (owner, kind)
) STRICT, WITHOUT ROWID;

-- Signatures that were uploaded apart from what they sign.
CREATE TABLE key_signatures (
    target INTEGER NOT NULL,
    -- The signed device's id, or the signed cross-signing key.
    item TEXT NOT NULL,
    signer INTEGER NOT NULL,
    key_id TEXT NOT NULL,
    signature TEXT NOT NULL,
    PRIMARY KEY (target, item, signer, key_id)
) STRICT, WITHOUT ROWID;

-- When a user's devices or keys last changed, for whoever shares a room with them.
CREATE TABLE device_list_changes (
    owner INTEGER PRIMARY KEY,
    position INTEGER NOT NULL
) STRICT;

CREATE INDEX device_list_changes_by_position ON device_list_changes (position);

-- Whose keys a user has signed, and when last: news for the signer alone, as nobody else sees the signatures.
CREATE TABLE signature_changes (
    signer INTEGER NOT NULL,
    target INTEGER NOT NULL,
    position INTEGER NOT NULL,
    PRIMARY KEY (signer, target)
) STRICT, WITHOUT ROWID;

-- Every change of a membership, but not of a profile: who began or ceased to share rooms in a window.
CREATE TABLE membership_moves (
    position INTEGER NOT NULL,
    room INTEGER NOT NULL,
    member INTEGER NOT NULL,
    -- As in memberships.membership.
    was INTEGER NOT NULL,
    now INTEGER NOT NULL,
    PRIMARY KEY (position, room, member)
) STRICT, WITHOUT ROWID;

-- Messages that wait for a device until it says that it has them.
CREATE TABLE to_device (
    device INTEGER NOT NULL,
    position INTEGER NOT NULL,
    -- Counts a device's messages; with it the first and the last row tell how many wait.
    seq INTEGER NOT NULL,
    json TEXT NOT NULL,
    PRIMARY KEY (device, position)
) STRICT, WITHOUT ROWID;

CREATE TABLE dehydrated_devices (
    owner INTEGER PRIMARY KEY,
    device INTEGER NOT NULL,
    data TEXT NOT NULL
) STRICT;

-- Backups of room keys. A deleted version stays as a row, so that its number is not used again.
CREATE TABLE backup_versions (
    owner INTEGER NOT NULL,
    version INTEGER NOT NULL,
    algorithm TEXT NOT NULL,
    auth_data TEXT NOT NULL,
    etag INTEGER NOT NULL,
    sessions INTEGER NOT NULL,
    deleted INTEGER NOT NULL,
    PRIMARY KEY (owner, version)
) STRICT, WITHOUT ROWID;

CREATE TABLE backup_keys (
    owner INTEGER NOT NULL,
    version INTEGER NOT NULL,
    room TEXT NOT NULL,
    session TEXT NOT NULL,
    first_index INTEGER NOT NULL,
    forwarded INTEGER NOT NULL,
    verified INTEGER NOT NULL,
    json TEXT NOT NULL,
    PRIMARY KEY (owner, version, room, session)
) STRICT, WITHOUT ROWID;
