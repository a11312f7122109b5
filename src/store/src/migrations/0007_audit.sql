-- What was changed through the admin plane: who, what, to whom. Rows are only ever added.
CREATE TABLE audit (
    sn INTEGER PRIMARY KEY,
    at_ms INTEGER NOT NULL,
    actor TEXT NOT NULL,
    -- A steady word such as user.deactivate.
    action TEXT NOT NULL,
    target TEXT NOT NULL,
    -- Never a secret.
    detail TEXT NOT NULL
) STRICT;
