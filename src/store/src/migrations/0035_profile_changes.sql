-- When fields of local users' profiles last changed, for sliding sync (MSC4262). A row for each field, also for one that was
-- removed; the row with an empty name stands for older changes of a user with too many.
CREATE TABLE profile_changes (
    user INTEGER NOT NULL,
    name TEXT NOT NULL,
    position INTEGER NOT NULL,
    PRIMARY KEY (user, name)
) STRICT, WITHOUT ROWID;

CREATE INDEX profile_changes_by_position ON profile_changes (position);
