"""Bodies of which the last bytes never come, to endpoints that anyone may call and with a token."""

import time

from client import slow_body

POINT, TENTH = 3, True
PROMISE = "at most 256 MiB for all bodies under way; the memory is back 10 s after they ended"
BACK_MIB_MAX = 64


def attack(server):
    mallory = server.user("mallory", "127.0.9.1")
    plans = [
        ("/_matrix/client/v3/register", 65_000, 600, None, "127.0.9.2"),
        ("/_matrix/client/v3/register/email/requestToken", 65_000, 600, None, "127.0.9.3"),
        ("/_matrix/client/v3/register/email/requestToken", 1_048_000, 300, None, "127.0.9.4"),
        ("/_matrix/client/v3/createRoom", 1_048_000, 120, mallory.token, "127.0.9.1"),
        ("/_matrix/client/v3/sendToDevice/m.x/1", 16_000_000, 30, mallory.token, "127.0.9.5"),
    ]
    held_open, before, end = [], server.rss(), time.monotonic() + 25
    for path, size, count, token, source in plans:
        refused, method = 0, "PUT" if "sendToDevice" in path else "POST"
        # Three that the server does not read to the end show that it takes no more from there.
        while count and refused < 3 and time.monotonic() < end:
            count -= 1
            if connection := slow_body(server.port, path, size, token=token, method=method, source=source):
                held_open.append(connection)
            else:
                refused += 1
    taken, most = len(held_open), server.peak() - before
    for connection in held_open:
        connection.close()
    return {"bodies_taken": taken, "rss_held_mib": most, "rss_back_mib": server.settles(before, BACK_MIB_MAX)}


def held(figures):
    back = figures["rss_back_mib"]
    return [f"{back} MiB more than before, 10 s after the bodies ended; at most {BACK_MIB_MAX}"] if back > BACK_MIB_MAX else []
