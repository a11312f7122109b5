"""Small events of a server that is in no room of ours, each naming an unknown auth event with a large chain behind it."""

import time

from room import Room

POINT, TENTH = 6, True
PROMISE = "nothing is fetched and nothing stored for events of servers that are not in the room"
PDUS, CHAIN, SIZE = 30, 300, 30_000


def attack(server):
    alice, stranger = server.user("alice"), server.stranger()
    room = alice.room()
    create = server.rows("SELECT COUNT(*) FROM events")
    fake = Room(stranger, 1)
    fake.id = room
    chain = [fake.add("m.attack", fake.creator, {"pad": "x" * SIZE}, [], str(n)) for n in range(CHAIN)]
    events = [fake.events[fake.place[name]] for name in chain]
    stranger.answers["/_matrix/federation/v1/event_auth"] = lambda *_: {"auth_chain": events}
    stranger.answers["/_matrix/federation/v1/state"] = lambda *_: {"pdus": events, "auth_chain": events}
    asked = len(stranger.asked)
    results = []
    for n in range(PDUS):
        fake.add("m.room.message", fake.creator, {"body": f"{n}"}, [chain[n % CHAIN]])
        results.append(stranger.transaction(server, [fake.events[-1]]).status)
    time.sleep(3)
    questions = [path for _, path in stranger.asked[asked:] if "/key/" not in path]
    return {
        "pdus": PDUS,
        "statuses": sorted(set(results)),
        "questions": len(questions),
        "question": (questions or [""])[0][:80],
        "event_rows": server.rows(
            "SELECT COUNT(*) FROM events WHERE sender IN (SELECT sn FROM users WHERE id LIKE '%' || ?1)", stranger.name
        ),
        "inbox_rows": server.rows("SELECT COUNT(*) FROM inbox"),
        "events_before": create,
    }


def held(figures):
    broken = []
    if figures["questions"]:
        broken.append(f"{figures['questions']} questions were asked for a stranger's events, such as {figures['question']}")
    if figures["event_rows"]:
        broken.append(f"{figures['event_rows']} events of the stranger's are stored")
    if figures["inbox_rows"] > 20:
        broken.append(f"{figures['inbox_rows']} events of the stranger's wait in the inbox; at most 20")
    return broken
