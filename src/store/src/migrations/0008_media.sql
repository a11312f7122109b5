-- What users have uploaded. The bytes are files named by their hash: the same bytes twice are two rows and one file.
CREATE TABLE media (
    id TEXT PRIMARY KEY,
    uploader INTEGER NOT NULL,
    created_ms INTEGER NOT NULL,
    -- When it was last fetched, to the day.
    accessed_ms INTEGER NOT NULL,
    hash BLOB NOT NULL,
    bytes INTEGER NOT NULL,
    content_type TEXT NOT NULL,
    file_name TEXT,
    -- Whether it begins like HTML, SVG or other XML, whatever its type says.
    markup INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX media_by_hash ON media (hash);

CREATE INDEX media_by_uploader ON media (uploader, created_ms);

-- Ids that were given out before their bytes came. With the bytes the row goes, and one in `media` takes its place.
CREATE TABLE media_announced (
    id TEXT PRIMARY KEY,
    uploader INTEGER NOT NULL,
    expires_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX media_announced_by_uploader ON media_announced (uploader, expires_ms);

-- Thumbnails, by the hash of the picture: pictures with the same bytes share them.
CREATE TABLE thumbnails (
    source BLOB NOT NULL,
    -- One of the standard sizes.
    width INTEGER NOT NULL,
    height INTEGER NOT NULL,
    -- 0 scaled, 1 cropped.
    method INTEGER NOT NULL,
    -- Whether it may move.
    animated INTEGER NOT NULL,
    -- What it is served as. Null when the picture cannot be read: then nobody need try again.
    content_type TEXT,
    -- Its file. Null when the picture is its own thumbnail.
    hash BLOB,
    bytes INTEGER,
    PRIMARY KEY (source, width, height, method, animated)
) STRICT, WITHOUT ROWID;

CREATE INDEX thumbnails_by_hash ON thumbnails (hash);
