"""A homeserver made of nothing but events: it has one large room, lets anybody join it, and says things in it.

Just enough of the server-server API to be the other side of a measurement: keys, make_join, send_join, and transactions in both
directions. Events are of room version 11 and properly hashed, signed and authorised, since the servers that are measured check all of it.
"""

import asyncio
import base64
import hashlib
import json
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


class Resident:
    """The homeserver. `name` is also where it listens."""

    def __init__(self, name, certificate, key, authority):
        self.name = name
        self.signer = Ed25519PrivateKey.generate()
        self.incoming = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self.incoming.load_cert_chain(certificate, key)
        self.outgoing = ssl.create_default_context(cafile=authority)
        self.received, self.arrived, self.txn = [], asyncio.Event(), 0

    async def start(self):
        app = web.Application(client_max_size=1 << 28)
        app.router.add_get("/_matrix/key/v2/server", self.on_keys)
        app.router.add_get("/_matrix/key/v2/server/{id}", self.on_keys)
        app.router.add_get("/_matrix/federation/v1/version", self.on_version)
        app.router.add_get("/_matrix/federation/v1/make_join/{room}/{user}", self.on_make_join)
        app.router.add_put("/_matrix/federation/v2/send_join/{room}/{event}", self.on_send_join)
        app.router.add_put("/_matrix/federation/v1/send/{txn}", self.on_send)
        app.router.add_post("/_matrix/federation/v1/user/keys/query", self.on_nothing)
        app.router.add_route("*", "/{rest:.*}", self.on_other)
        self.runner = web.AppRunner(app, access_log=None)
        await self.runner.setup()
        address, port = self.name.rsplit(":", 1)
        await web.TCPSite(self.runner, address, int(port), ssl_context=self.incoming).start()
        self.session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=self.outgoing))

    async def stop(self):
        await self.session.close()
        await self.runner.cleanup()

    # Events.

    def sign(self, value):
        return unpadded(self.signer.sign(canonical(without(value, "signatures", "unsigned"))))

    def event(self, kind, sender, content, auth, state_key=None):
        event = {
            "type": kind, "sender": sender, "content": content, "room_id": self.room, "depth": min(self.depth, 2**40),
            "origin_server_ts": int(time.time() * 1000), "prev_events": self.heads, "auth_events": list(auth),
        }
        if state_key is not None:
            event["state_key"] = state_key
        event["hashes"] = {"sha256": unpadded(hashlib.sha256(canonical(event)).digest())}
        event["signatures"] = {self.name: {KEY: self.sign(redacted(event))}}
        self.heads, self.depth = [event_id(event)], self.depth + 1
        return event

    def found(self, members):
        """Makes the room, with so many members."""
        self.room, self.heads, self.depth = f"!{hashlib.sha256(str(time.time()).encode()).hexdigest()[:18]}:{self.name}", [], 1
        self.creator = f"@creator:{self.name}"
        create = self.event("m.room.create", self.creator, {"room_version": "11"}, [], "")
        first = self.event("m.room.member", self.creator, {"membership": "join"}, [event_id(create)], self.creator)
        own = [event_id(create), event_id(first)]
        levels = self.event("m.room.power_levels", self.creator, {"users": {self.creator: 100}}, own, "")
        own.append(event_id(levels))
        rules = self.event("m.room.join_rules", self.creator, {"join_rule": "public"}, own, "")
        seen = self.event("m.room.history_visibility", self.creator, {"history_visibility": "shared"}, own, "")
        self.state, self.auth = [create, first, levels, rules, seen], own
        self.entry = [event_id(create), event_id(levels), event_id(rules)]
        for n in range(members - 1):
            member = f"@member{n}:{self.name}"
            content = {"membership": "join", "displayname": f"Member {n}"}
            self.state.append(self.event("m.room.member", member, content, self.entry, member))

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

    async def on_nothing(self, _):
        return web.json_response({"device_keys": {}})

    async def on_other(self, _):
        return web.json_response({"errcode": "M_NOT_FOUND", "error": "A resident knows no more than its room."}, status=404)

    async def on_make_join(self, request):
        user = request.match_info["user"]
        event = {
            "type": "m.room.member", "sender": user, "state_key": user, "room_id": self.room, "content": {"membership": "join"},
            "depth": self.depth, "prev_events": self.heads, "auth_events": self.entry, "origin_server_ts": int(time.time() * 1000),
        }
        return web.json_response({"room_version": "11", "event": event})

    async def on_send_join(self, request):
        event = json.loads(await request.read())
        answer = {"origin": self.name, "state": self.state, "auth_chain": self.state[:4], "event": event}
        self.state = [*self.state, event]
        self.heads, self.depth = [event_id(event)], self.depth + 1
        return web.Response(body=json.dumps(answer).encode(), content_type="application/json")

    async def on_send(self, request):
        body = json.loads(await request.read())
        pdus = body.get("pdus", [])
        self.received += pdus
        if pdus:
            self.heads, self.depth = [event_id(pdus[-1])], max(self.depth, pdus[-1]["depth"] + 1)
        self.arrived.set()
        return web.json_response({"pdus": {event_id(pdu): {} for pdu in pdus}})

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

    def message(self, text):
        return self.event("m.room.message", self.creator, {"msgtype": "m.text", "body": text}, self.auth)

    async def says(self, server, pdus):
        """Sends events to a server, in one transaction."""
        self.txn += 1
        body = {"origin": self.name, "origin_server_ts": int(time.time() * 1000), "pdus": pdus}
        answer = await self.put(server, f"/_matrix/federation/v1/send/{quote(str(self.txn))}", body)
        refused = [result for result in answer.get("pdus", {}).values() if "error" in result]
        assert not refused, refused
