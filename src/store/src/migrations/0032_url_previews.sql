-- Previews of web pages, until they expire. A URL may have several: pictures stay for some time after a newer one is there.
CREATE TABLE url_previews (
    sn INTEGER PRIMARY KEY,
    -- SHA-256 of the URL.
    url BLOB NOT NULL,
    fetched_ms INTEGER NOT NULL,
    -- What clients get.
    json TEXT NOT NULL,
    -- The picture: the id of a row in `media` whose uploader is 0, which is no user.
    image TEXT,
    -- Of the JSON and the picture together.
    bytes INTEGER NOT NULL
) STRICT;

CREATE INDEX url_previews_by_url ON url_previews (url, fetched_ms);

CREATE INDEX url_previews_by_age ON url_previews (fetched_ms, bytes);
