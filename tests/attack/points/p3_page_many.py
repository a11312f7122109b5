"""Thirty readers of a page of 1,000 events of 60 kB, who do not read their answers."""

import time

from client import connection, raw_request
from p3_page_one import prepare as fill

POINT, TENTH = 3, False
PROMISE = "at most 256 MiB and one reader thread for all of them; the memory is back 10 s after they hung up"
BACK_MIB_MAX, READERS = 64, 30
prepare = fill


def attack(server):
    before, held_open = server.rss(), []
    target = server.large.path("messages") + "?dir=b&limit=1000"
    for _ in range(READERS):
        reader = connection(server.port)
        reader.sendall(raw_request("GET", target, token=server.reader.token))
        held_open.append(reader)
    time.sleep(8)
    for reader in held_open:
        reader.close()
    most = server.peak() - before
    return {"readers": READERS, "rss_held_mib": most, "rss_back_mib": server.settles(before, BACK_MIB_MAX)}


def held(figures):
    back, broken = figures["rss_back_mib"], []
    if back > BACK_MIB_MAX:
        broken.append(f"{back} MiB more than before, 10 s after they hung up; at most {BACK_MIB_MAX}")
    if figures["readers_busy"] > 1:
        broken.append(f"{figures['readers_busy']} reader threads were busy for one user; at most 1")
    return broken
