-- Actions of users that the server has promised to finish, such as inviting a user of another server. A row is written before the
-- first step and deleted after the last one; what is here when the server starts is resumed.
CREATE TABLE durable_actions (
    sn INTEGER PRIMARY KEY NOT NULL,
    -- In whose name it is done.
    user INTEGER NOT NULL,
    -- What is done, as JSON: see domain/src/actions/durable.
    action TEXT NOT NULL,
    begun_ms INTEGER NOT NULL
) STRICT;

CREATE INDEX durable_actions_by_user ON durable_actions (user);
