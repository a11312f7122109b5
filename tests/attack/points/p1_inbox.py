"""Transactions with content that has no canonical JSON, from another server: the good part of them arrives."""

import json

from client import V3
from room import canonical

POINT, TENTH = 1, True
PROMISE = "a message in the same transaction arrives, and so does the next one"
VALUES = ["1.5", "-0", "1e300", "9007199254740992", '"\\ud800"']


def attack(server):
    alice, stranger = server.user("alice"), server.stranger()
    room = stranger.found()
    if not alice.join(room.id, stranger.name).ok:
        raise RuntimeError("alice cannot join")
    since, lost, spoiled = alice.sync().json["next_batch"], [], set()

    def arrives(text):
        nonlocal since, spoiled
        for _ in range(40):
            answer = alice.sync(since, timeout=250)
            since = answer.json.get("next_batch", since)
            spoiled |= {value for value in ("1e300", "\\ud800", "9007199254740992") if value.encode() in answer.raw}
            if text.encode() in answer.raw:
                return True
        return False

    for value in VALUES:
        text = f"beside {value.strip(chr(34))[-4:]}{len(room.events)}"
        good = room.message(text)
        bad = dict(room.events[-1], content={"msgtype": "m.text", "body": "bad", "n": "PLACE"}, depth=room.depth)
        edus = [
            {
                "edu_type": "m.direct_to_device",
                "content": {
                    "sender": f"@x:{stranger.name}",
                    "type": "m.x",
                    "message_id": text,
                    "messages": {alice.user: {"*": {"n": "PLACE"}}},
                },
            },
            {"edu_type": "m.typing", "content": {"room_id": room.id, "user_id": room.creator, "typing": "PLACE"}},
            {
                "edu_type": "m.presence",
                "content": {"push": [{"user_id": room.creator, "presence": "online", "status_msg": "PLACE"}]},
            },
            {
                "edu_type": "m.receipt",
                "content": {room.id: {"m.read": {room.creator: {"event_ids": ["$x"], "data": {"ts": "PLACE"}}}}},
            },
            {
                "edu_type": "m.device_list_update",
                "content": {"user_id": room.creator, "device_id": "D", "stream_id": "PLACE", "prev_id": []},
            },
            {"edu_type": "m.attack", "content": {"n": "PLACE"}},
        ]
        body = {"origin": stranger.name, "origin_server_ts": 1, "pdus": [bad, good], "edus": edus}
        send_raw(stranger, server, body, value)
        if not arrives(text):
            lost.append(f"beside {value}")
        text = f"after {len(room.events)}"
        stranger.transaction(server, [room.message(text)])
        if not arrives(text):
            lost.append(f"after {value}")
    return {"values": len(VALUES), "lost": lost, "spoiled": sorted(spoiled), "sync": alice.call("GET", V3 + "/sync").status}


def send_raw(stranger, server, body, value):
    """Sends a transaction in which the value stands for PLACE.

    Some values cannot be signed. Then the signature covers something else, the transaction is refused as a whole, and its good
    part is sent again, as a server that finds its queue stuck would have to.
    """
    stranger.count += 1
    target = f"/_matrix/federation/v1/send/raw{stranger.count}"
    raw = canonical(body).replace(b'"PLACE"', value.encode())
    signed = body if "\\ud" in value else json.loads(raw)
    if not stranger.call(server, "PUT", target, raw=raw, signed=signed).ok:
        stranger.transaction(server, body["pdus"][1:])


def held(figures):
    broken = [f"a message did not arrive {what}" for what in figures["lost"]]
    if figures["sync"] != 200:
        broken.append(f"a first sync answers {figures['sync']}")
    return broken
