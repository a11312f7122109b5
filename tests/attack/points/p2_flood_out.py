"""A local user floods the queue towards a server that is away."""

POINT, TENTH = 2, True
PROMISE = "the key that waits for the other server arrives when it is back; a user's share of its queue is bounded in bytes"
BYTES_MAX = 8 * 1024 * 1024


def attack(server):
    alice, mallory, stranger = server.user("alice"), server.user("mallory"), server.stranger()
    room = alice.room()
    there = f"@x:{stranger.name}"
    stranger.join(server, room, there)
    stranger.is_away = True
    alice.to_device({there: {"D": {"key": "precious"}}}, "m.room_key")
    refused = devices = 0
    # More than the share in large messages, then as many messages as a request may name.
    for n in range(220):
        large = n < 200
        targets = {"D": {"pad": "x" * 60_000}} if large else {f"D{k}": {} for k in range(4_900)}
        answer = mallory.to_device({there if n % 3 else f"@y{n}:{stranger.name}": targets}, "m.flood")
        devices += len(targets) if answer.ok else 0
        refused += not answer.ok
    rows = server.rows("SELECT COUNT(*) FROM outgoing WHERE edu LIKE '%m.flood%'")
    size = server.rows("SELECT COALESCE(SUM(LENGTH(edu)), 0) FROM outgoing WHERE edu LIKE '%m.flood%'")
    stranger.is_away = False
    server.admin("POST", f"/api/v1/federation/destinations/{stranger.name.replace(':', '%3A')}/retry", {})
    arrived = stranger.eventually(lambda: any("precious" in str(edu) for edu in list(stranger.edus)), 15)
    return {"requests": n + 1, "refused": refused, "messages_accepted": devices, "rows": rows, "bytes": size, "key_arrived": arrived}


def held(figures):
    broken = [] if figures["key_arrived"] else ["the room key that waited was dropped"]
    if figures["bytes"] > BYTES_MAX:
        broken.append(f"{figures['bytes']} bytes of one user wait for one server; at most {BYTES_MAX}")
    return broken
