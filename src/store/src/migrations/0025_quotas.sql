-- What accounts store is counted against quotas, so it must be countable without reading it.
ALTER TABLE backup_versions ADD COLUMN bytes INTEGER NOT NULL DEFAULT 0;
UPDATE backup_versions SET bytes = (
    SELECT CAST(COALESCE(SUM(OCTET_LENGTH(k.json)), 0) AS INTEGER) FROM backup_keys k
    WHERE k.owner = backup_versions.owner AND k.version = backup_versions.version
);
CREATE INDEX media_bytes_by_uploader ON media (uploader, bytes);
CREATE INDEX aliases_by_creator ON aliases (creator);
