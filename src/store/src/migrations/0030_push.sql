-- Whether the pusher is switched on (MSC3881), and when the client last set it.
ALTER TABLE pushers ADD COLUMN enabled INTEGER NOT NULL DEFAULT 1;
ALTER TABLE pushers ADD COLUMN set_ms INTEGER NOT NULL DEFAULT 0;
-- Up to this position all notifications are delivered; -1 for a pusher from before there was delivery.
ALTER TABLE pushers ADD COLUMN upto INTEGER NOT NULL DEFAULT -1;
-- The unread count that the gateway was last told.
ALTER TABLE pushers ADD COLUMN badge INTEGER;
-- The last success; the first failure since then, and the reason of the last one.
ALTER TABLE pushers ADD COLUMN delivered_ms INTEGER;
ALTER TABLE pushers ADD COLUMN failing_since_ms INTEGER;
ALTER TABLE pushers ADD COLUMN error TEXT;
