-- Events are stored as plain JSON: the compressed forms that these columns were to tell apart were never built.
ALTER TABLE events DROP COLUMN codec;
ALTER TABLE inbox DROP COLUMN codec;
