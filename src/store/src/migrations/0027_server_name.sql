-- The server's name, in one row: it is part of every user id, room and signature, so it never changes.
CREATE TABLE server_name (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL
) STRICT;
