"""What exists on the server that is fuzzed: its users, rooms and other things, and the two homeservers that it talks to."""

import base64
import sys
from pathlib import Path
from urllib.parse import quote

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "attack"))

from client import V3  # noqa: E402
from identities import Identity  # noqa: E402
from server import Server  # noqa: E402

# Limits in time would leave nothing but refusals; all others are the defaults. Cheap passwords, as the fuzzer has many.
SETTINGS = """
[rate_limits]
enabled = false

[passwords]
memory_kib = 8
iterations = 1

[federation]
complexity_limit = 0

[presence]
federated = true

[media]
unauthenticated_downloads = true

[livekit]
address = "ws://127.0.0.1:9"
key = "hearth: not-random-at-all-but-long-enough-for-a-key"
"""
PNG = base64.b64decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==")
FILES = [(b"a file", "text/plain"), (PNG, "image/png")]


class World:
    """A server with users whom the fuzzer plays, and bystanders whom it leaves alone."""

    def __init__(self, rng):
        self.server = Server(more=SETTINGS).start()
        self.known, self.made, self.events = {}, 0, {}
        self.strange, self.good = self.server.stranger(), self.server.stranger()
        self.remote = f"@x:{self.strange.name}"
        self.actors = [self.actor() for _ in range(3)]
        # Who sends the request that is being made, a position of theirs, and the room that it is about.
        self.place = ""
        self.asker, self.token = self.actors[0], self.actors[0].sync().json["next_batch"]
        self.enter(rng)
        self.owner, self.friend = self.server.user("owner"), self.server.user("friend")
        self.room = self.owner.room()
        self.friend.must("POST", f"{V3}/join/{self.room}")
        self.good.join(self.server, self.room, f"@good:{self.good.name}")

    def actor(self):
        """A user whom the fuzzer plays; a new one whenever it has deactivated or locked one."""
        self.made += 1
        user = self.server.user(f"actor{self.made}")
        user.identity = Identity(user.user, user.device)
        backup = {"algorithm": "m.megolm_backup.v1", "auth_data": {"public_key": "k"}}
        self.note("version", user.must("POST", V3 + "/room_keys/version", backup)["version"])
        self.note("user", user.user)
        self.note("device", user.device)
        return user

    def enter(self, rng):
        """Gives the fuzzer something to break: rooms here and at the stranger's, events, files, backups."""
        first = self.actors[0]
        for kind in ("event", "room", "alias", "mxc", "device", "session", "filter", "uia", "token"):
            self.note(
                kind,
                {"event": "$none", "room": "!none:x", "alias": "#none:x", "mxc": "mxc://none/x", "version": "1"}.get(
                    kind, "NONE"
                ),
            )
        for version in ("10", "11", "12"):
            room = first.room(room_version=version, power_level_content_override={"users_default": 100})
            self.note("room", room)
            for other in self.actors[1:]:
                other.join(room)
            if version == "11":
                self.strange.join(self.server, room, self.remote)
            for n in range(5):
                self.note_event(room, first.say(room, f"text {n}").json["event_id"])
        alias = f"#fuzz:{self.server.name}"
        first.must("PUT", f"{V3}/directory/room/{alias.replace('#', '%23')}", {"room_id": room})
        self.note("alias", alias)
        self.note(
            "mxc",
            *(
                first.must("POST", "/_matrix/media/v3/upload", file, headers={"Content-Type": kind})["content_uri"]
                for file, kind in FILES
            ),
        )
        self.server.admin("PUT", f"/api/v1/users/{quote(first.user)}/admin", {"admin": True})
        self.strange_room = self.strange.found(5)
        self.note("room", self.strange_room.id)
        for actor in self.actors:
            actor.join(self.strange_room.id, self.strange.name)
        for n in range(5):
            self.strange_room.message(f"text {n}")
            self.note_event(self.strange_room.id, self.strange_room.heads[0])
        self.note(
            "token",
            "none",
            self.server.admin("POST", "/api/v1/registration-tokens", {"name": "fuzz", "uses": 1_000})[1].get("token"),
        )
        self.note("user", self.remote, self.strange_room.creator)
        rng.shuffle(self.known["event"])

    def note(self, kind, *names):
        """Remembers that something exists; of each kind the newest 60."""
        self.known[kind] = (self.known.get(kind, []) + [name for name in names if isinstance(name, str)])[-60:]

    def note_event(self, room, event):
        """Remembers an event and its room, so that both can be asked for together."""
        self.note("event", event)
        self.events[room] = (self.events.get(room, []) + [event])[-40:]

    def event_of(self, rng, room):
        return rng.choice(self.events[room]) if self.events.get(room) else self.pick(rng, "event")

    def pick(self, rng, kind):
        return rng.choice(self.known[kind])

    def identifiers(self):
        return [name for names in self.known.values() for name in names[-10:]] + [
            self.server.name,
            self.strange.name,
            "s1",
            "t1_2",
        ]

    def learn(self, answer):
        """Notes what an answer names, so that later requests use it."""
        for key, kind in (
            ("event_id", "event"),
            ("room_id", "room"),
            ("content_uri", "mxc"),
            ("version", "version"),
            ("filter_id", "filter"),
            ("session", "uia"),
            ("delay_id", "session"),
            ("device_id", "device"),
        ):
            if isinstance(answer, dict) and isinstance(answer.get(key), str) and len(answer[key]) < 300:
                self.note(kind, answer[key])
