"""The clock jumps: ten minutes and a year back, then a year ahead, while users send."""

import time

from p8_clock import library, skipped  # noqa: F401

POINT, TENTH = 8, False
PROMISE = "no user is refused for what the clock did: rate limits are on monotonic time; messages stay in order"


def before(server):
    server.clock = server.folder / "clock"
    server.clock.write_text("+0")
    server.environment = {
        "LD_PRELOAD": str(library()),
        "FAKETIME_TIMESTAMP_FILE": str(server.clock),
        "FAKETIME_NO_CACHE": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }


def attack(server):
    user = server.user("user")
    room, statuses, said = user.room(), {}, []
    for jump in ("+0", "-600s", "-31536000s", "+31536000s", "+0"):
        # Whole at once, as the server reads it all the time.
        new = server.folder / "clock.new"
        new.write_text(jump)
        new.rename(server.clock)
        for n in range(5):
            answer = user.say(room, f"{jump} {n}")
            statuses[str(answer.status)] = statuses.get(str(answer.status), 0) + 1
            if answer.ok:
                said.append(answer.json["event_id"])
            time.sleep(0.25)
    page = user.call("GET", f"/_matrix/client/v3/rooms/{room}/messages", query={"dir": "b", "limit": 100}).json
    order = [event["event_id"] for event in page["chunk"] if event["event_id"] in said][::-1]
    return {"answers": statuses, "said": len(said), "in_order": order == said, "key": server.anyone.call("GET", "/_matrix/key/v2/server").status}


def held(figures):
    broken = [f"{count} messages were answered {status}" for status, count in figures["answers"].items() if status != "200"]
    return broken + ([] if figures["in_order"] else ["the messages are not in order"])
