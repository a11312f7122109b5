"""SIGTERM while clients wait, send slowly, and do not read."""

import time

from client import connection, raw_request, slow_body

POINT, TENTH = 5, True
PROMISE = "the server stops within 5 s, whatever its clients do"


def attack(server):
    user, held_open = server.user("user"), []
    since = user.sync().json["next_batch"]
    for _ in range(30):
        one = connection(server.port)
        one.sendall(raw_request("GET", f"/_matrix/client/v3/sync?timeout=60000&since={since}", token=user.token))
        held_open.append(one)
        held_open.append(slow_body(server.port, "/_matrix/client/v3/createRoom", 100_000, token=user.token))
        upload = connection(server.port)
        upload.sendall(raw_request("POST", "/_matrix/media/v3/upload", b"x" * 1000, user.token)[:-500])
        held_open.append(upload)
        held_open.append(connection(server.port))
    server.held_open = held_open
    time.sleep(1)
    return {"connections": len(held_open)}


def held(_):
    return []
