-- Threads to which users are subscribed (MSC4306), and those from which they have unsubscribed: automatic subscriptions by
-- older events must not bring these back, and syncs tell the user's other clients of them.
CREATE TABLE thread_subscriptions (
    user INTEGER NOT NULL,
    room INTEGER NOT NULL,
    -- The root event of the thread.
    root INTEGER NOT NULL,
    -- 0 unsubscribed, 1 subscribed by the user, 2 subscribed automatically.
    kind INTEGER NOT NULL,
    -- Of the last change.
    position INTEGER NOT NULL,
    PRIMARY KEY (user, room, root)
) STRICT, WITHOUT ROWID;

CREATE INDEX thread_subscriptions_by_position ON thread_subscriptions (user, position);
