"""Ten thousand idle long polls of two hundred users."""

import time

from client import connection, is_open, raw_request

POINT, TENTH, RSS_MIB_MAX = 4, False, 160
PROMISE = "at most 160 MiB above the idle server for 10,000 idle long polls, and a message wakes those whom it concerns"
USERS, EACH = 200, 50


def prepare(server):
    server.crowd = [server.user(f"poller{n}", f"127.0.7.{n + 1}") for n in range(USERS)]
    server.room = server.crowd[0].room()
    for client in server.crowd[1:20]:
        client.must("POST", f"/_matrix/client/v3/join/{server.room}")
    server.since = [client.sync(set_presence="offline").json["next_batch"] for client in server.crowd]
    for client in server.crowd:
        client.close()


def attack(server):
    polls, begin = [], time.monotonic()
    for client, since in zip(server.crowd, server.since):
        for _ in range(EACH):
            one = connection(server.port, client.source)
            one.sendall(
                raw_request(
                    "GET", f"/_matrix/client/v3/sync?timeout=60000&set_presence=offline&since={since}", token=client.token
                )
            )
            polls.append(one)
    time.sleep(2)
    took, waiting = time.monotonic() - begin, sum(is_open(one) for one in polls)
    more = server.peak()
    server.crowd[0].say(server.room, "wake up")
    time.sleep(3)
    woken = sum(not is_open(one) for one in polls[: EACH * 20])
    for one in polls:
        one.close()
    return {
        "polls": len(polls),
        "waiting": waiting,
        "opened_s": took,
        "peak_mib": more,
        "woken": woken,
        "expected_woken": EACH * 20,
    }


def held(figures):
    broken = []
    if figures["woken"] < figures["expected_woken"]:
        broken.append(f"{figures['woken']} of {figures['expected_woken']} polls were woken")
    return broken
