"""Transactions of a stranger's with a hundred to-device messages, each for thousands of devices that do not exist."""

import time

POINT, TENTH = 5, True
PROMISE = "nothing is stored for devices that do not exist; bystanders' messages arrive; how long the writer was held is shown"
EDUS, DEVICES, TRANSACTIONS = 100, 4_991, 4
SHORT = {"TRANSACTIONS": 1}


def slowest_write(server):
    items = server.admin("GET", "/api/v1/store/operations")[1]["items"]
    slowest = max((item for item in items if item["kind"] == "write"), key=lambda item: item["max_us"])
    return {"slowest_write": slowest["name"], "slowest_write_ms": slowest["max_us"] // 1000}


def attack(server):
    bob, stranger = server.user("bob"), server.stranger()
    named = {f"D{n}": {} for n in range(DEVICES)}
    statuses, begin = [], time.monotonic()
    for n in range(TRANSACTIONS):
        edus = [
            {
                "edu_type": "m.direct_to_device",
                "content": {
                    "sender": f"@x:{stranger.name}",
                    "type": "m.x",
                    "message_id": f"{n}-{k}",
                    "messages": {bob.user: named},
                },
            }
            for k in range(EDUS)
        ]
        statuses.append(stranger.transaction(server, edus=edus).status)
    return {
        "statuses": sorted(set(statuses)),
        "took_s": time.monotonic() - begin,
        **slowest_write(server),
        "rows": server.rows("SELECT COUNT(*) FROM to_device"),
    }


def held(figures):
    return [f"{figures['rows']} rows are stored"] if figures["rows"] else []
