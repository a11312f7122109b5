-- What users of this server say beside their presence, which itself is in memory.
CREATE TABLE presence_status (
    user INTEGER PRIMARY KEY,
    status TEXT NOT NULL
) STRICT;
