"""Messages, hostile events and malformed requests: how many lines each leaves in the log at the default level."""

from client import Client
from room import Room

POINT, TENTH = 9, True
PROMISE = "at most one line for each request, and nothing of a stranger's at WARN or ERROR"


def hostile(server, room, stranger):
    """A transaction of events that cannot be accepted: unsigned, in rooms that do not exist, malformed."""
    fake = Room(stranger, 1)
    for event in fake.events:
        event = dict(event, room_id=room)
        stranger.transaction(server, [event])
    broken = dict(fake.events[0], signatures={})
    for events in ([broken], [{"type": 5}], [{}], [dict(broken, content=None)], [dict(broken, room_id="!\x1b[31m:x")]):
        stranger.transaction(server, events)
    for kind in ("m.direct_to_device", "m.typing", "m.receipt", "m.presence", "m.device_list_update", "m.signing_key_update"):
        stranger.edu(server, kind, {"user_id": 5, "room_id": [], "messages": 7})
    return len(fake.events) + 5 + 6


def attack(server):
    alice, bob, stranger = server.user("alice"), server.user("bob"), server.stranger()
    room = alice.room()
    bob.join(room)
    stranger.join(server, room, f"@x:{stranger.name}")
    start = server.lines()
    for n in range(40):
        alice.say(room, f"message {n}")
    sent, at = server.lines() - start, len(server.log())
    requests = hostile(server, room, stranger)
    anyone = Client(server.port)
    for path in ("/_matrix/client/v3/sync", "/nothing", "/_matrix/client/v3/profile/x", "/_matrix/federation/v1/event/$x"):
        for body in (None, b"{", b"\xff", b"[" * 5_000):
            anyone.call("POST" if body else "GET", path, body)
            requests += 1
    new = server.log()[at:].splitlines()
    loud = [line for line in new if " WARN " in line or " ERROR " in line]
    return {
        "messages": 40,
        "lines_of_messages": sent,
        "hostile_requests": requests,
        "lines_of_hostile": len(new),
        "loud": len(loud),
        "loudest": (loud or [""])[0][:200],
    }


def held(figures):
    broken = []
    if figures["lines_of_messages"] > figures["messages"] * 2:
        # The bystanders' messages are among the requests.
        broken.append(f"{figures['lines_of_messages']} lines for {figures['messages']} messages")
    if figures["lines_of_hostile"] > figures["hostile_requests"] * 1.5:
        broken.append(f"{figures['lines_of_hostile']} lines for {figures['hostile_requests']} hostile requests")
    if figures["loud"]:
        broken.append(f"{figures['loud']} lines at WARN or ERROR, such as: {figures['loudest']}")
    return broken
