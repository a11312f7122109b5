"""Strangers at a few addresses hold slow bodies; another user sends a message of 20 kB."""

import time

from client import slow_body

POINT, TENTH = 3, True
PROMISE = "while strangers hold all the slow bodies they can, a message of 20 kB and a backup of 1 MB from elsewhere go through"


def attack(server):
    user = server.user("user", "127.0.8.1")
    room, held_open = user.room(), []
    version = user.must(
        "POST", "/_matrix/client/v3/room_keys/version", {"algorithm": "m.megolm_backup.v1", "auth_data": {"public_key": "x"}}
    )
    end = time.monotonic() + 15
    for source in ("127.0.9.1", "127.0.9.2", "127.0.9.3", "127.0.9.4"):
        refused, tries = 0, 560
        while tries and refused < 3 and time.monotonic() < end:
            tries -= 1
            connection = slow_body(server.port, "/_matrix/client/v3/refresh", 65_000, source=source)
            held_open += [connection] if connection else []
            refused += connection is None
    begin = time.monotonic()
    message = user.send(room, {"msgtype": "m.text", "body": "x" * 20_000})
    session = {"first_message_index": 0, "forwarded_count": 0, "is_verified": False, "session_data": {"pad": "x" * 50_000}}
    keys = {"rooms": {room: {"sessions": {f"s{n}": session for n in range(20)}}}}
    backup = user.call("PUT", "/_matrix/client/v3/room_keys/keys", keys, query={"version": version["version"]})
    took = time.monotonic() - begin
    for connection in held_open:
        connection.close()
    return {"bodies_taken": len(held_open), "message": message.status, "backup": backup.status, "took_s": took}


def held(figures):
    return [f"the {what} was answered {figures[what]}" for what in ("message", "backup") if figures[what] != 200]
