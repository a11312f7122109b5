-- Copies of media of other homeservers, fetched when somebody here wanted to see it. They may go at any time: their own
-- server has them. The bytes are files named by their hash, as those of uploads are.
CREATE TABLE remote_media (
    server TEXT NOT NULL,
    id TEXT NOT NULL,
    fetched_ms INTEGER NOT NULL,
    -- When somebody last wanted it, to the day.
    accessed_ms INTEGER NOT NULL,
    hash BLOB NOT NULL,
    bytes INTEGER NOT NULL,
    content_type TEXT NOT NULL,
    file_name TEXT,
    -- Whether it begins like HTML, SVG or other XML, whatever its type says.
    markup INTEGER NOT NULL,
    PRIMARY KEY (server, id)
) STRICT, WITHOUT ROWID;

CREATE INDEX remote_media_by_hash ON remote_media (hash);

CREATE INDEX remote_media_by_access ON remote_media (accessed_ms);
