"""A user who left a room reads what is still theirs to read, by every door, while the others go on."""

from urllib.parse import quote

from client import V3

POINT, TENTH = 7, True
PROMISE = "nothing that happened after they left shows: no ids, counts, reasons, names"


def later(alice, room, first, second, third):
    """What happens afterwards: relations, a thread, a redaction with a reason, another name. Gives what must not be seen."""
    reference = alice.send(
        room, {"msgtype": "m.text", "body": "LATER reference", "m.relates_to": {"rel_type": "m.reference", "event_id": first}}
    )
    thread = alice.send(
        room, {"msgtype": "m.text", "body": "LATER thread", "m.relates_to": {"rel_type": "m.thread", "event_id": second}}
    )
    edit = alice.send(
        room,
        {
            "msgtype": "m.text",
            "body": "* LATER edit",
            "m.new_content": {"msgtype": "m.text", "body": "LATER edit"},
            "m.relates_to": {"rel_type": "m.replace", "event_id": first},
        },
    )
    redacted = alice.call("PUT", f"{V3}/rooms/{quote(room)}/redact/{quote(third)}/{alice.txn()}", {"reason": "LATER reason"})
    alice.must("PUT", f"{V3}/profile/{quote(alice.user)}/displayname", {"displayname": "LATER name"})
    alice.must("PUT", f"{V3}/rooms/{quote(room)}/state/m.room.topic/", {"topic": "LATER topic"})
    return ["LATER"] + [answer.json["event_id"] for answer in (reference, thread, edit, redacted) if answer.ok]


def attack(server):
    alice, mallory, seen = server.user("alice"), server.user("mallory"), []
    for visibility in ("shared", "joined"):
        # As before the first round, so that the name of later is in no event of this room.
        alice.must("PUT", f"{V3}/profile/{quote(alice.user)}/displayname", {"displayname": "Alice"})
        room = alice.room(
            initial_state=[{"type": "m.room.history_visibility", "state_key": "", "content": {"history_visibility": visibility}}]
        )
        mallory.join(room)
        alice.must("PUT", f"{V3}/profile/{quote(alice.user)}/displayname", {"displayname": "Alice"})
        first, second, third = (alice.say(room, f"findme {n}").json["event_id"] for n in (1, 2, 3))
        since = mallory.sync().json["next_batch"]
        mallory.must("POST", f"{V3}/rooms/{quote(room)}/leave")
        secrets = later(alice, room, first, second, third)
        here, v1 = quote(room), f"/_matrix/client/v1/rooms/{quote(room)}"
        search = {
            "search_categories": {
                "room_events": {"search_term": "findme", "include_state": True, "event_context": {"include_profile": True}}
            }
        }
        relating = '{"related_by_rel_types":["m.reference"],"limit":50}'
        threads = '{"related_by_rel_types":["m.thread"],"limit":50}'
        base = '{"limit":50}'
        pages = {
            name: mallory.call("GET", f"{V3}/rooms/{here}/messages", query={"dir": "b", "limit": 50, "filter": text})
            for name, text in (("messages", base), ("related by reference", relating), ("related by thread", threads))
        }
        asked = {
            **pages,
            "search": mallory.call("POST", V3 + "/search", search),
            "sync": mallory.sync(since),
            "first sync": mallory.sync(),
            "members": mallory.call("GET", f"{V3}/rooms/{here}/members"),
            "state": mallory.call("GET", f"{V3}/rooms/{here}/state"),
            "threads": mallory.call("GET", v1 + "/threads"),
            "initialSync": mallory.call("GET", f"{V3}/rooms/{here}/initialSync"),
        }
        for n, event in enumerate((first, second, third)):
            asked |= {
                f"event {n}": mallory.call("GET", f"{V3}/rooms/{here}/event/{quote(event)}"),
                f"context {n}": mallory.call("GET", f"{V3}/rooms/{here}/context/{quote(event)}"),
                f"relations {n}": mallory.call("GET", f"{v1}/relations/{quote(event)}"),
            }
        for name, answer in asked.items():
            # A count tells as much as an id.
            counted = [word for word in ('"count":',) if word in answer.raw.decode() and name != "search"]
            found = [secret for secret in secrets + counted if secret in answer.raw.decode(errors="replace")]
            seen += [f"{visibility}: {name}: {', '.join(found)}"] if found else []
        for name in ("related by reference", "related by thread"):
            if pages[name].json.get("chunk"):
                seen.append(f"{visibility}: {name}: the filter tells of later relations")
    return {"seen": seen}


def held(figures):
    return [f"seen after leaving: {line}" for line in figures["seen"]]
