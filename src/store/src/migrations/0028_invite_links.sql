-- An invite link shows a registration token on a web page: who made the token, whom the new user can ask, the rooms that the
-- new user joins (a JSON array of room ids), and a note for administrators.
ALTER TABLE registration_tokens ADD COLUMN creator TEXT;
ALTER TABLE registration_tokens ADD COLUMN contact TEXT;
ALTER TABLE registration_tokens ADD COLUMN rooms TEXT;
ALTER TABLE registration_tokens ADD COLUMN note TEXT;

-- The accounts that a token has created. Without rows for accounts that are older than this table.
CREATE TABLE registration_token_uses (
    token TEXT NOT NULL,
    user INTEGER NOT NULL,
    used_ms INTEGER NOT NULL,
    PRIMARY KEY (token, user)
) STRICT, WITHOUT ROWID;
