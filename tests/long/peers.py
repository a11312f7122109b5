"""The homeserver that is broken or hostile: malformed transactions, and malformed answers to whatever the server asks."""

import hashlib
import time
from urllib.parse import quote

from room import KEY, canonical, event_id, redacted, unpadded, without
from values import TEXTS, mutate, raw_body, value


def edu(rng, world):
    """A valid EDU of one of the kinds there are."""
    user, room, remote = world.pick(rng, "user"), rng.choice([world.strange_room.id, world.pick(rng, "room")]), world.remote
    return rng.choice(
        [
            {
                "edu_type": "m.direct_to_device",
                "content": {
                    "sender": remote,
                    "type": "m.x",
                    "message_id": f"{rng.random()}",
                    "messages": {user: {"*": {"a": 1}, world.pick(rng, "device"): {"b": "c"}}},
                },
            },
            {"edu_type": "m.typing", "content": {"room_id": room, "user_id": remote, "typing": True}},
            {
                "edu_type": "m.receipt",
                "content": {
                    room: {"m.read": {remote: {"event_ids": [world.pick(rng, "event")], "data": {"ts": 1, "thread_id": "main"}}}}
                },
            },
            {
                "edu_type": "m.presence",
                "content": {
                    "push": [
                        {
                            "user_id": remote,
                            "presence": "online",
                            "last_active_ago": 5,
                            "status_msg": "s",
                            "currently_active": True,
                        }
                    ]
                },
            },
            {
                "edu_type": "m.device_list_update",
                "content": {
                    "user_id": remote,
                    "device_id": "D",
                    "stream_id": rng.randrange(100),
                    "prev_id": [1],
                    "deleted": False,
                    "device_display_name": "d",
                    "keys": {"algorithms": [], "keys": {}},
                },
            },
            {
                "edu_type": "m.signing_key_update",
                "content": {"user_id": remote, "master_key": {"user_id": remote, "usage": ["master"], "keys": {}}},
            },
        ]
    )


def pdu(rng, world):
    """An event in the stranger's room: mostly valid but for a mutation, and mostly signed after that."""
    room = world.strange_room
    kind, content, state_key = rng.choice(
        [
            ("m.room.message", {"msgtype": "m.text", "body": "text"}, None),
            ("m.room.topic", {"topic": "t"}, ""),
            ("m.room.name", {"name": "n"}, ""),
            ("m.room.member", {"membership": rng.choice(["join", "leave", "ban", "invite", "knock"])}, world.pick(rng, "user")),
            ("m.room.member", {"membership": "join", "displayname": "d"}, room.creator),
            ("m.room.redaction", {"redacts": world.pick(rng, "event")}, None),
            ("m.room.power_levels", {"users": {room.creator: 100}, "users_default": 0, "events": {"m.x": 1}}, ""),
            ("m.room.encrypted", {"algorithm": "m.megolm.v1.aes-sha2", "ciphertext": "A", "session_id": "s"}, None),
            ("m.room.join_rules", {"join_rule": "public"}, ""),
            ("m.room.server_acl", {"allow": ["*"], "deny": []}, ""),
            (
                "m.reaction",
                {"m.relates_to": {"rel_type": "m.annotation", "event_id": world.pick(rng, "event"), "key": "k"}},
                None,
            ),
        ]
    )
    room.add(kind, room.creator, content, room.auth, state_key)
    good = room.events.pop()
    name = event_id(good)
    del room.place[name]
    room.heads, room.depth = good["prev_events"], good["depth"]
    if rng.random() < 0.1:
        room.take(good)
        world.note_event(room.id, name)
        return good
    return resign(rng, world, mutate(rng, world, without(good, "hashes", "signatures")))


def resign(rng, world, event):
    """Hashes and signs what can be; the rest stays as it is, sometimes with signatures of no use."""
    if not isinstance(event, dict) or rng.random() < 0.2:
        return event
    try:
        event = {**event, "hashes": {"sha256": unpadded(hashlib.sha256(canonical(without(event, "unsigned"))).digest())}}
        event["signatures"] = {world.strange.name: {KEY: world.strange.sign(redacted(event))}}
    except (TypeError, KeyError, AttributeError, ValueError):
        pass
    return mutate(rng, world, event) if rng.random() < 0.1 else event


def named(event):
    """The id of an event, if it can have one."""
    try:
        return event_id(event)
    except (TypeError, KeyError, AttributeError, ValueError):
        return "$none"


def transaction(rng, world):
    """The body of a transaction with some of everything."""
    edus = [edu(rng, world) for _ in range(rng.choice((0, 1, 3)))]
    body = {
        "origin": world.strange.name,
        "origin_server_ts": int(time.time() * 1000),
        "pdus": [pdu(rng, world) for _ in range(rng.choice((0, 1, 2, 5)))],
        "edus": [mutate(rng, world, one) if rng.random() < 0.8 else one for one in edus],
    }
    return mutate(rng, world, body) if rng.random() < 0.1 else body


def invite(rng, world):
    """An invite of the stranger's: target and body."""
    room = f"!invite{rng.randrange(10**6)}:{world.strange.name}"
    user = world.pick(rng, "user")
    event = {
        "type": "m.room.member",
        "sender": world.remote,
        "state_key": user,
        "room_id": room,
        "content": {"membership": "invite"},
        "depth": 5,
        "prev_events": ["$" + "A" * 43],
        "auth_events": ["$" + "B" * 43],
        "origin_server_ts": int(time.time() * 1000),
    }
    event = resign(rng, world, mutate(rng, world, event) if rng.random() < 0.7 else event)
    state = [
        {"type": kind, "sender": world.remote, "state_key": "", "content": {"room_version": "11", "name": "n"}}
        for kind in ("m.room.create", "m.room.name")
    ]
    body = {"room_version": rng.choice(["11", "12", "10", "x"]), "event": event, "invite_room_state": state}
    if rng.random() < 0.6:
        body = mutate(rng, world, body)
    return f"/_matrix/federation/v2/invite/{quote(room)}/{quote(named(event))}", body


def handshake(rng, world, ask):
    """Joins, knocks at or leaves a room of the server with a member event that is wrong somewhere."""
    kind, method = rng.choice([("join", "send_join"), ("leave", "send_leave"), ("knock", "send_knock")])
    room, user = world.pick(rng, "room"), rng.choice([world.remote, f"@y{rng.randrange(5)}:{world.strange.name}"])
    target = f"/_matrix/federation/v1/make_{kind}/{quote(room)}/{quote(user)}?ver=10&ver=11&ver=12"
    made = ask("GET", target, None, f"/make_{kind}")
    if not isinstance(made.get("event"), dict):
        return
    event = {**without(made["event"], "event_id", "hashes", "signatures"), "origin_server_ts": int(time.time() * 1000)}
    event = resign(rng, world, mutate(rng, world, event) if rng.random() < 0.7 else event)
    name = named(event)
    version = "v1" if method == "send_knock" else rng.choice(["v1", "v2"])
    ask("PUT", f"/_matrix/federation/{version}/{method}/{quote(room)}/{quote(name)}", event, f"/{method}")


def answers(rng, world):
    """Takes over what the stranger answers: mostly something plausible with a mutation."""
    stranger, room = world.strange, world.strange_room
    plain = stranger.answer

    def plausible(path, body):
        events = [room.events[n] for n in sorted(rng.sample(range(len(room.events)), min(5, len(room.events))))]
        user = world.remote
        device = {
            "user_id": user,
            "device_id": "D",
            "algorithms": [],
            "keys": {"ed25519:D": "k"},
            "signatures": {},
            "unsigned": {"device_display_name": "d"},
        }
        table = {
            "/event_auth/": {"auth_chain": events},
            "/state_ids/": {"pdu_ids": [event_id(e) for e in events], "auth_chain_ids": []},
            "/state/": {"pdus": events, "auth_chain": events},
            "/backfill/": {"origin": stranger.name, "origin_server_ts": 1, "pdus": events},
            "/get_missing_events/": {"events": events},
            "/user/keys/query": {"device_keys": {user: {"D": device}}, "master_keys": {user: device}},
            "/user/keys/claim": {"one_time_keys": {user: {"D": {"signed_curve25519:A": {"key": "k", "signatures": {}}}}}},
            "/user/devices/": {"user_id": user, "stream_id": 5, "devices": [{"device_id": "D", "keys": device}]},
            "/query/profile": {"displayname": "d", "avatar_url": "mxc://a/b"},
            "/query/directory": {"room_id": room.id, "servers": [stranger.name]},
            "/hierarchy/": {
                "room": {
                    "room_id": room.id,
                    "num_joined_members": 5,
                    "children_state": [],
                    "guest_can_join": True,
                    "world_readable": True,
                },
                "children": [],
                "inaccessible_children": [],
            },
            "/publicRooms": {
                "chunk": [{"room_id": room.id, "num_joined_members": 5, "guest_can_join": True, "world_readable": True}],
                "next_batch": "n",
            },
            "/send/": {"pdus": {"$x": {"error": "e"}}},
            "/event/": {"origin": stranger.name, "origin_server_ts": 1, "pdus": events[:1]},
            "/timestamp_to_event/": {"event_id": world.pick(rng, "event"), "origin_server_ts": 5},
            "/openid/userinfo": {"sub": user},
        }
        return next((found for part, found in table.items() if part in path), None)

    def answer(method, path, query, body, _host):
        if "/key/v2/" in path:
            return plain(method, path, query, body)
        found = plain(method, path, query, body)
        if found is None or rng.random() < 0.5:
            found = plausible(path, body) or found
        if found is None or "/send/" in path and rng.random() < 0.7:
            return found
        kind = rng.random()
        if kind < 0.25:
            return found
        if kind < 0.85:
            return mutate(rng, world, found)
        return raw_body(rng, world, found if isinstance(found, dict) else {"a": 1}) if kind < 0.97 else value(rng, world)

    stranger.answer = answer


def header(rng, world, method, target, body):
    """A signed header, or one that is broken somewhere."""
    try:
        good = world.strange.header(method, target, world.server.name, body)
    except (TypeError, ValueError):
        good = world.strange.header(method, target, world.server.name, {})
    kind = rng.randrange(20)
    if kind == 0:
        return good.replace('"', "")
    if kind == 1:
        return good.replace("X-Matrix ", rng.choice(["x-matrix ", "Bearer ", "X-Matrix", "X-Matrix ,,,"]))
    if kind == 2:
        return good.replace(
            world.strange.name,
            rng.choice([text for text in TEXTS if text.isprintable() and text.isascii() and len(text) < 300] or ["x"]),
        )
    if kind == 3:
        return good + "," + good[9:] * rng.choice((1, 50))
    return good
