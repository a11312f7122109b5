"""A room made of nothing but events of version 11, properly hashed, signed and authorised.

What plays the homeserver has a `name` and signs with `sign`. Only the standard library is needed, so that all test scripts can use it.
"""

import base64
import hashlib
import json
import secrets
import time

KEY = "ed25519:made"
# What a redaction leaves of the content (room version 11), for the types that occur here.
KEPT = {
    "m.room.create": None,
    "m.room.member": {"membership", "join_authorised_via_users_server"},
    "m.room.join_rules": {"join_rule", "allow"},
    "m.room.power_levels": {"ban", "events", "events_default", "invite", "kick", "redact", "state_default", "users", "users_default"},
    "m.room.history_visibility": {"history_visibility"},
}
TOP = {
    "event_id", "type", "room_id", "sender", "state_key", "content", "hashes", "signatures", "depth", "prev_events", "auth_events",
    "origin_server_ts",
}


def canonical(value):
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def unpadded(data, urlsafe=False):
    encode = base64.urlsafe_b64encode if urlsafe else base64.b64encode
    return encode(data).decode().rstrip("=")


def without(value, *keys):
    return {key: item for key, item in value.items() if key not in keys}


def redacted(event):
    kept = {key: item for key, item in event.items() if key in TOP}
    names = KEPT.get(event["type"], set())
    if names is not None:
        kept["content"] = {key: item for key, item in event["content"].items() if key in names}
    return kept


def event_id(event):
    return "$" + unpadded(hashlib.sha256(canonical(without(redacted(event), "signatures", "unsigned"))).digest(), True)


class Room:
    """A room that the resident made: all its events, in their order."""

    def __init__(self, resident, members):
        self.resident = resident
        self.id = f"!{secrets.token_hex(9)}:{resident.name}"
        self.events, self.place, self.heads, self.depth = [], {}, [], 1
        self.creator = creator = f"@creator:{resident.name}"
        create = self.add("m.room.create", creator, {"room_version": "11"}, [], "")
        first = self.add("m.room.member", creator, {"membership": "join"}, [create], creator)
        levels = self.add("m.room.power_levels", creator, {"users": {creator: 100}}, [create, first], "")
        self.auth, own = [create, first, levels], [create, first, levels]
        rules = self.add("m.room.join_rules", creator, {"join_rule": "public"}, own, "")
        self.add("m.room.history_visibility", creator, {"history_visibility": "shared"}, own, "")
        self.entry = [create, levels, rules]
        for n in range(members - 1):
            member = f"@member{n}:{resident.name}"
            self.add("m.room.member", member, {"membership": "join", "displayname": f"Member {n}"}, self.entry, member)

    def add(self, kind, sender, content, auth, state_key=None):
        """Makes an event at the end of the room; returns its id."""
        event = {
            "type": kind, "sender": sender, "content": content, "room_id": self.id, "depth": self.depth,
            "origin_server_ts": int(time.time() * 1000), "prev_events": list(self.heads), "auth_events": list(auth),
        }
        if state_key is not None:
            event["state_key"] = state_key
        event["hashes"] = {"sha256": unpadded(hashlib.sha256(canonical(event)).digest())}
        event["signatures"] = {self.resident.name: {KEY: self.resident.sign(redacted(event))}}
        return self.take(event)

    def take(self, event):
        """Puts an event at the end of the room."""
        name = event_id(event)
        if name not in self.place:
            self.place[name] = len(self.events)
            self.events.append(event)
            self.heads, self.depth = [name], max(self.depth, event["depth"]) + 1
        return name

    def message(self, text):
        name = self.add("m.room.message", self.creator, {"msgtype": "m.text", "body": text}, self.auth)
        return self.events[self.place[name]]

    def state_before(self, place):
        """The events in force before the one at that place."""
        found = {}
        for event in self.events[:place]:
            if "state_key" in event:
                found[event["type"], event["state_key"]] = event
        return list(found.values())

    def auth_chain(self, events):
        found, left = {}, list(events)
        while left:
            for name in left.pop()["auth_events"]:
                if name not in found:
                    found[name] = self.events[self.place[name]]
                    left.append(found[name])
        return list(found.values())

    def before(self, names, limit):
        """The newest events before these, newest first."""
        end = max((self.place[name] for name in names if name in self.place), default=0)
        return self.events[max(0, end - limit):end][::-1]
