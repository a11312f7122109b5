"""A join of a room whose state has 143 MiB."""

import time

POINT, TENTH, RSS_MIB_MAX = 3, False, 256
PROMISE = "a join costs at most 256 MiB, or is refused; a first sync afterwards does not add to it"
EVENTS, SIZE = 2_300, 61_000


def prepare(server):
    server.evil = server.stranger()
    room = server.large = server.evil.found()
    for n in range(EVENTS):
        # Not an order of events that a server would make, and a state that every server must be able to take.
        room.add("m.attack", room.creator, {"pad": "x" * SIZE}, room.auth, str(n))


def attack(server):
    alice, before, begin = server.user("alice"), server.rss(), time.monotonic()
    answer = alice.call("POST", f"/_matrix/client/v3/join/{server.large.id}", {}, query=[("via", server.evil.name)], timeout=60)
    took, peak = time.monotonic() - begin, server.peak() - before
    synced = alice.sync()
    return {
        "status": answer.status,
        "errcode": answer.json.get("errcode", ""),
        "join_s": took,
        "rss_join_mib": peak,
        "rss_sync_mib": server.peak() - before,
        "sync_mib": len(synced.raw) / 1048576,
    }


def held(figures):
    return [] if figures["status"] in (200, 400, 403, 502, 504) else [f"the join answers {figures['status']}"]
