"""A local user floods another's offline device with to-device messages."""

from p2_flood_in import waiting

POINT, TENTH = 2, False
PROMISE = "the key that waits stays; at most 8 MiB of the user wait, then it is refused; the device gets all that was acknowledged"
BYTES_MAX = 8 * 1024 * 1024


def attack(server):
    alice, bob, mallory = server.user("alice"), server.user("bob"), server.user("mallory")
    alice.to_device({bob.user: {bob.device: {"key": "precious"}}}, "m.room_key")
    accepted = refused = 0
    for n in range(700):
        answer = mallory.to_device({bob.user: {bob.device: {"n": n, "pad": "x" * 60_000}}}, "m.flood")
        accepted, refused = accepted + answer.ok, refused + (answer.status == 429)
        if refused >= 5:
            break
    rows, size = waiting(server, '%"m.flood"%')
    since, got, found = None, 0, False
    for _ in range(400):
        answer = bob.sync(since).json
        events = answer.get("to_device", {}).get("events", [])
        got += sum(1 for event in events if event["type"] == "m.flood")
        found = found or any(event["content"].get("key") == "precious" for event in events)
        since = answer.get("next_batch")
        if not events:
            break
    return {"accepted": accepted, "refused": refused, "rows": rows, "bytes": size, "got": got, "key_arrived": found}


def held(figures):
    broken = [] if figures["key_arrived"] else ["the room key that waited was dropped"]
    if figures["bytes"] > BYTES_MAX:
        broken.append(f"{figures['bytes']} bytes of one user wait; at most {BYTES_MAX}")
    if figures["got"] < figures["accepted"]:
        broken.append(f"{figures['accepted']} messages were acknowledged, {figures['got']} arrived")
    return broken
