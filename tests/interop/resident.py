"""A homeserver made of nothing but events: it has rooms of any size, lets all join them, and sends messages to them.

Just enough of the server-server API to be the other side of a measurement, or of a test that kills the server under test: keys,
joining, transactions in both directions, and every question about events. The servers that are measured check all of its events.
"""

import json
import ssl
import time
from urllib.parse import quote

import aiohttp
from aiohttp import web
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from room import KEY, Room, canonical, event_id, unpadded, without


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
