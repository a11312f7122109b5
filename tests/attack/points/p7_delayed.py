"""Other users, and strangers without a token, try to manage a delayed event whose id they know."""

from urllib.parse import quote

from client import Client

POINT, TENTH = 7, True
PROMISE = "only the user who made a delayed event restarts, sends or cancels it"
BASE = "/_matrix/client/unstable/org.matrix.msc4140"


def attack(server):
    alice, mallory, anyone = server.user("alice"), server.user("mallory"), Client(server.port)
    room, passed = alice.room(), []
    for who, name in ((mallory, "another user"), (anyone, "a stranger")):
        for action in ("cancel", "send", "restart"):
            for in_path in (True, False):
                path = f"/_matrix/client/v3/rooms/{quote(room)}/send/m.room.message/{alice.txn()}"
                made = alice.call(
                    "PUT", path, {"body": "delayed", "msgtype": "m.text"}, query={"org.matrix.msc4140.delay": 100_000}
                )
                delay = made.json.get("delay_id")
                if not delay:
                    raise RuntimeError(f"no delayed event: {made}")
                target = f"{BASE}/delayed_events/{delay}" + (f"/{action}" if in_path else "")
                answer = who.call("POST", target, {} if in_path else {"action": action})
                if answer.ok:
                    passed.append(f"{name}: {action}{' in the path' if in_path else ''}")
                alice.call("POST", f"{BASE}/delayed_events/{delay}", {"action": "cancel"})
    made = alice.call(
        "PUT",
        f"/_matrix/client/v3/rooms/{quote(room)}/send/m.room.message/{alice.txn()}",
        {"body": "d", "msgtype": "m.text"},
        query={"org.matrix.msc4140.delay": 100_000},
    )
    own = alice.call("POST", f"{BASE}/delayed_events/{made.json['delay_id']}", {"action": "cancel"})
    return {"tried": 12, "passed": passed, "own": own.status}


def held(figures):
    broken = [f"it was done for {line}" for line in figures["passed"]]
    return broken + ([] if figures["own"] == 200 else [f"the user's own cancel was answered {figures['own']}"])
