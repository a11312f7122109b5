"""A homeserver made of nothing but events: it has rooms of any size, lets anybody join them, and says things in them.

Just enough of the server-server API to be the other side of a measurement, or of a test that kills the server under test: keys,
joining, transactions in both directions, and every question about events. Events are of room version 11 and properly hashed,
signed and authorised, since the servers that are measured check all of it.
"""

import base64
import hashlib
import json
import secrets
import ssl
import time
from urllib.parse import quote

import aiohttp
from aiohttp import web
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

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
        """Makes an event at the end of the room, and says its id."""
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


class Resident:
    """The homeserver. `name` is also where it listens."""

    def __init__(self, name, certificate, key, authority):
        self.name, self.rooms = name, {}
        self.signer = Ed25519PrivateKey.generate()
        self.incoming = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self.incoming.load_cert_chain(certificate, key)
        self.outgoing = ssl.create_default_context(cafile=authority)
        self.received, self.txn = [], 0

    async def start(self):
        app = web.Application(client_max_size=1 << 28)
        federation = "/_matrix/federation"
        app.router.add_get("/_matrix/key/v2/server", self.on_keys)
        app.router.add_get("/_matrix/key/v2/server/{id}", self.on_keys)
        app.router.add_get(federation + "/v1/version", self.on_version)
        app.router.add_get(federation + "/v1/make_join/{room}/{user}", self.on_make_join)
        app.router.add_put(federation + "/v2/send_join/{room}/{event}", self.on_send_join)
        app.router.add_put(federation + "/v1/send/{txn}", self.on_send)
        app.router.add_get(federation + "/v1/event/{event}", self.on_event)
        app.router.add_get(federation + "/v1/event_auth/{room}/{event}", self.on_event_auth)
        app.router.add_get(federation + "/v1/state_ids/{room}", self.on_state_ids)
        app.router.add_get(federation + "/v1/state/{room}", self.on_state)
        app.router.add_get(federation + "/v1/backfill/{room}", self.on_backfill)
        app.router.add_post(federation + "/v1/get_missing_events/{room}", self.on_missing)
        app.router.add_post(federation + "/v1/user/keys/query", self.on_keys_query)
        app.router.add_route("*", "/{rest:.*}", self.on_other)
        self.runner = web.AppRunner(app, access_log=None)
        await self.runner.setup()
        address, port = self.name.rsplit(":", 1)
        await web.TCPSite(self.runner, address, int(port), ssl_context=self.incoming).start()
        self.session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=self.outgoing))

    async def stop(self):
        await self.session.close()
        await self.runner.cleanup()

    def sign(self, value):
        return unpadded(self.signer.sign(canonical(without(value, "signatures", "unsigned"))))

    def found(self, members):
        """Makes a room with so many members."""
        room = Room(self, members)
        self.rooms[room.id] = room
        return room

    # What others ask.

    async def on_keys(self, _):
        public = self.signer.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
        keys = {
            "server_name": self.name, "verify_keys": {KEY: {"key": unpadded(public)}}, "old_verify_keys": {},
            "valid_until_ts": int(time.time() * 1000) + 86_400_000,
        }
        keys["signatures"] = {self.name: {KEY: self.sign(keys)}}
        return web.json_response(keys)

    async def on_version(self, _):
        return web.json_response({"server": {"name": "Resident", "version": "1"}})

    async def on_keys_query(self, _):
        return web.json_response({"device_keys": {}})

    async def on_other(self, _):
        return web.json_response({"errcode": "M_NOT_FOUND", "error": "A resident knows no more than its rooms."}, status=404)

    async def on_make_join(self, request):
        user, room = request.match_info["user"], self.rooms[request.match_info["room"]]
        event = {
            "type": "m.room.member", "sender": user, "state_key": user, "room_id": room.id, "content": {"membership": "join"},
            "depth": room.depth, "prev_events": room.heads, "auth_events": room.entry, "origin_server_ts": int(time.time() * 1000),
        }
        return web.json_response({"room_version": "11", "event": event})

    async def on_send_join(self, request):
        event, room = json.loads(await request.read()), self.rooms[request.match_info["room"]]
        state = room.state_before(len(room.events))
        answer = {"origin": self.name, "state": state, "auth_chain": room.auth_chain(state), "event": event}
        room.take(event)
        return self.large(answer)

    async def on_send(self, request):
        pdus = json.loads(await request.read()).get("pdus", [])
        self.received += pdus
        for pdu in pdus:
            self.rooms[pdu["room_id"]].take(pdu)
        return web.json_response({"pdus": {event_id(pdu): {} for pdu in pdus}})

    def place(self, name):
        for room in self.rooms.values():
            if name in room.place:
                return room, room.place[name]
        raise web.HTTPNotFound(text="{}", content_type="application/json")

    async def on_event(self, request):
        room, place = self.place(request.match_info["event"])
        return self.transaction([room.events[place]])

    async def on_event_auth(self, request):
        room, place = self.place(request.match_info["event"])
        return self.large({"auth_chain": room.auth_chain([room.events[place]])})

    async def on_state_ids(self, request):
        room, place = self.place(request.query["event_id"])
        state = room.state_before(place)
        chain = room.auth_chain(state)
        return self.large({"pdu_ids": [event_id(e) for e in state], "auth_chain_ids": [event_id(e) for e in chain]})

    async def on_state(self, request):
        room, place = self.place(request.query["event_id"])
        state = room.state_before(place)
        return self.large({"pdus": state, "auth_chain": room.auth_chain(state)})

    async def on_backfill(self, request):
        room = self.rooms[request.match_info["room"]]
        names, limit = request.query.getall("v", []), min(int(request.query["limit"]), 100)
        own = [room.events[room.place[name]] for name in names if name in room.place]
        return self.transaction(own + room.before(names, limit - len(own)))

    async def on_missing(self, request):
        body, room = await request.json(), self.rooms[request.match_info["room"]]
        known = [room.place[name] for name in body["earliest_events"] if name in room.place]
        found = room.before(body["latest_events"], min(body.get("limit", 10), 20))
        return self.large({"events": [e for e in found[::-1] if room.place[event_id(e)] > max(known, default=-1)]})

    def transaction(self, pdus):
        return self.large({"origin": self.name, "origin_server_ts": int(time.time() * 1000), "pdus": pdus})

    @staticmethod
    def large(answer):
        return web.Response(body=json.dumps(answer).encode(), content_type="application/json")

    # What it does itself.

    async def put(self, server, target, body):
        signed = {"method": "PUT", "uri": target, "origin": self.name, "destination": server, "content": body}
        parts = {"origin": self.name, "destination": server, "key": KEY, "sig": self.sign(signed)}
        header = "X-Matrix " + ",".join(f'{key}="{value}"' for key, value in parts.items())
        headers = {"Authorization": header, "Content-Type": "application/json"}
        async with self.session.put(f"https://{server}{target}", data=canonical(body), headers=headers) as answer:
            text = await answer.text()
            assert answer.status == 200, f"{answer.status} {text}"
            return json.loads(text)

    def next_txn(self):
        self.txn += 1
        return str(self.txn)

    async def says(self, server, pdus, txn=None):
        """Sends events to a server, in one transaction."""
        body = {"origin": self.name, "origin_server_ts": int(time.time() * 1000), "pdus": pdus}
        answer = await self.put(server, f"/_matrix/federation/v1/send/{quote(txn or self.next_txn())}", body)
        refused = [result for result in answer.get("pdus", {}).values() if "error" in result]
        assert not refused, refused
