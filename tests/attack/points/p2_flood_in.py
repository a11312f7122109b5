"""A server that shares no room with its victim floods an offline device with to-device messages."""

POINT, TENTH = 2, True
PROMISE = "the key that waits for the device stays; the stranger keeps at most 100 messages and 64 KiB waiting"
BYTES_MAX, MESSAGES_MAX = 64 * 1024, 100


def waiting(server, like):
    return server.rows("SELECT COUNT(*) FROM to_device WHERE json LIKE ?1", like), server.rows(
        "SELECT COALESCE(SUM(LENGTH(json)), 0) FROM to_device WHERE json LIKE ?1", like
    )


def attack(server):
    alice, bob, stranger = server.user("alice"), server.user("bob"), server.stranger()
    alice.to_device({bob.user: {bob.device: {"key": "precious"}}}, "m.room_key")
    accepted = 0
    for size in (0, 60_000):
        for n in range(101 if not size else 10):
            edus = [
                {
                    "edu_type": "m.direct_to_device",
                    "content": {
                        "sender": f"@x{k}:{stranger.name}",
                        "type": "m.flood",
                        "message_id": f"{size}-{n}-{k}",
                        "messages": {bob.user: {bob.device: {"pad": "x" * size}}},
                    },
                }
                for k in range(100 if not size else 20)
            ]
            accepted += stranger.transaction(server, edus=edus).ok
    rows, size = waiting(server, '%"m.flood"%')
    since, found = None, False
    for _ in range(150):
        answer = bob.sync(since).json
        events = answer.get("to_device", {}).get("events", [])
        found = found or any(event["content"].get("key") == "precious" for event in events)
        since = answer.get("next_batch")
        if not events or found:
            break
    return {"sent": 10_300, "transactions_accepted": accepted, "rows": rows, "bytes": size, "key_arrived": found}


def held(figures):
    broken = [] if figures["key_arrived"] else ["the room key that waited was dropped"]
    if figures["rows"] > MESSAGES_MAX:
        broken.append(f"{figures['rows']} messages of the stranger wait; at most {MESSAGES_MAX}")
    # Each message alone may be larger than the rest of the share.
    if figures["bytes"] > BYTES_MAX * 2:
        broken.append(f"{figures['bytes']} bytes of the stranger wait; at most {BYTES_MAX * 2}")
    return broken
