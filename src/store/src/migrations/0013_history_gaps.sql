-- Parts of rooms' timelines that other servers have and this one does not. The places above `floor` and up to `next` are
-- free for what is fetched, which takes them from `next` downwards.
CREATE TABLE history_gaps (
    room INTEGER NOT NULL,
    -- The place below the lowest one that is free; what stands at it or below was here before the gap opened.
    floor INTEGER NOT NULL,
    -- The highest place that is free.
    next INTEGER NOT NULL,
    -- Ids of the events that come right below what is known above the gap, parted by spaces.
    missing TEXT NOT NULL,
    -- How often nobody could fill any of it, since somebody last did.
    tries INTEGER NOT NULL,
    -- When to try again.
    retry_ms INTEGER NOT NULL,
    -- Whether everybody who was asked the last time answered, and had nothing for us.
    refused INTEGER NOT NULL,
    PRIMARY KEY (room, floor)
) STRICT, WITHOUT ROWID;
