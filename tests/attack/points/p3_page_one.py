"""One request for a page of 1,000 events of 60 kB: messages, relations, context, search, sync."""

import json

from large import LargeRoom, wait_for

POINT, TENTH, RSS_MIB_MAX = 3, False, 64
PROMISE = "one request costs at most 64 MiB, however large the events of its page are"
COUNT, SIZE = 1_000, 60_000


def prepare(server):
    server.reader, server.evil = server.user("reader"), server.stranger()
    room = server.large = LargeRoom(server.evil, server, server.reader)
    root = room.add("m.room.message", room.creator, {"msgtype": "m.text", "body": "root"}, room.auth)
    server.evil.transaction(server, [room.events[-1]])
    names = room.fill(COUNT, SIZE, {"m.relates_to": {"rel_type": "m.reference", "event_id": root}})
    wait_for(server.reader, room, f"{COUNT - 1} xxx")
    server.root, server.middle = root, names[COUNT // 2]


def attack(server):
    reader, room, figures = server.reader, server.large, {}
    every = json.dumps({"room": {"timeline": {"limit": 1000}}})
    # What a search may ask for is far more: 1,000 results with 100 events around each were 5.7 GiB here once.
    search = {
        "search_categories": {
            "room_events": {
                "search_term": "xxx",
                "keys": ["content.body"],
                "filter": {"limit": 100},
                "event_context": {"before_limit": 10, "after_limit": 10},
            }
        }
    }
    asked = [
        ("messages", "GET", room.path("messages"), None, {"dir": "b", "limit": 1000}),
        ("relations", "GET", f"/_matrix/client/v1/rooms/{room.id}/relations/{server.root}", None, {"limit": 1000}),
        ("context", "GET", room.path(f"context/{server.middle}"), None, {"limit": 1000}),
        ("search", "POST", "/_matrix/client/v3/search", search, None),
        ("sync", "GET", "/_matrix/client/v3/sync", None, {"filter": every}),
        ("initialSync", "GET", room.path("initialSync"), None, {"limit": 1000}),
    ]
    for name, method, path, body, query in asked:
        server.forget_peak()
        before = server.rss()
        answer = reader.call(method, path, body, query=query)
        figures[f"{name}_mib"] = round(len(answer.raw) / 1048576, 1)
        figures[f"{name}_rss_mib"] = round(server.peak() - before, 1)
        if not answer.ok:
            figures[f"{name}_status"] = answer.status
    return figures


def held(figures):
    costs = {name: value for name, value in figures.items() if name.endswith("_rss_mib")}
    return [
        f"{name.removesuffix('_rss_mib')}: {value} MiB; at most {RSS_MIB_MAX}"
        for name, value in costs.items()
        if value > RSS_MIB_MAX
    ]
