"""Group calls: Hearth gives tokens for an SFU, and LiveKit's own library says whether they are good. See `run`.

The SFU itself is in no registry of packages, so something stands in for it here that reads tokens and requests with that library as
the SFU would, speaks WebSocket where the SFU does, makes no rooms by itself, and reports who comes and goes.
"""

import asyncio
import base64
import hashlib
import os
import sys
import tempfile
from pathlib import Path
from urllib.parse import quote, urlsplit

import aiohttp
from aiohttp import web
from google.protobuf.json_format import MessageToJson, ParseDict
from livekit import api

from person import Person, eventually, refused
from cluster import free_ports, cluster

KEY, SECRET = "household", "that-only-the-two-of-them-know-in-forty"
SLOT = "m.call#ROOM"


class Sfu:
    """Stands in for LiveKit."""

    def __init__(self, address):
        self.address, (self.port,) = address, free_ports(address, 1)
        self.verifier = api.TokenVerifier(KEY, SECRET)
        self.rooms, self.made, self.sent_away, self.hearth = {}, [], [], None

    async def start(self):
        app = web.Application()
        app.router.add_post("/twirp/livekit.RoomService/{method}", self._service)
        app.router.add_get("/rtc/validate", self._validate)
        app.router.add_get("/rtc", self._signal)
        self.runner = web.AppRunner(app)
        await self.runner.setup()
        await web.TCPSite(self.runner, self.address, self.port).start()

    async def _service(self, request):
        grants = self._claims(request.headers["Authorization"].removeprefix("Bearer ")).video
        method, body = request.match_info["method"], await request.json()
        room = body.get("name") or body.get("room", "")
        if method == "CreateRoom":
            assert grants.room_create, "no right to make rooms"
            ParseDict(body, api.CreateRoomRequest())
            self.rooms.setdefault(room, {})
            self.made.append(room)
            return web.json_response({"name": room})
        if method == "ListRooms":
            assert grants.room_list, "no right to list rooms"
            return web.json_response({"rooms": [{"name": name} for name in self.rooms]})
        assert grants.room_admin and grants.room == room, "no right to look after this room"
        if room not in self.rooms:
            return web.json_response({"code": "not_found", "msg": "no such room"}, status=404)
        if method == "ListParticipants":
            return web.json_response({"participants": [{"identity": identity} for identity in self.rooms[room]]})
        if method == "RemoveParticipant":
            self.sent_away.append(body["identity"])
            if connection := self.rooms[room].pop(body["identity"], None):
                await connection.close()
            return web.json_response({})
        raise web.HTTPNotFound

    async def _validate(self, request):
        return web.Response(text=self._admit(request)[0])

    def _admit(self, request):
        claims = self._claims(request.query["access_token"])
        assert claims.video.room_join and not claims.video.room_create, "a token for something else"
        if claims.video.room not in self.rooms:
            raise web.HTTPNotFound(text="there is no such room")
        return claims.video.room, claims.identity

    async def _signal(self, request):
        room, identity = self._admit(request)
        connection = web.WebSocketResponse()
        await connection.prepare(request)
        self.rooms[room][identity] = connection
        async for message in connection:
            await connection.send_bytes(b"heard " + message.data)
        if self.rooms[room].get(identity) is connection:
            del self.rooms[room][identity]
            await self.report("participant_left", room, identity)
        return connection

    def _claims(self, token):
        return self.verifier.verify(token)

    async def report(self, event, room, identity, secret=SECRET):
        """Tells Hearth what happened, as LiveKit does. Answers with the status."""
        told = api.WebhookEvent(event=event, id=f"EV_{os.urandom(6).hex()}")
        told.room.name, told.participant.identity = room, identity
        body = MessageToJson(told).encode()
        token = api.AccessToken(KEY, secret).with_sha256(base64.b64encode(hashlib.sha256(body).digest()).decode()).to_jwt()
        headers = {"Authorization": token, "Content-Type": "application/webhook+json"}
        async with aiohttp.ClientSession() as session:
            url = f"{self.hearth.base}/_matrix/livekit/jwt/sfu_webhook"
            async with session.post(url, data=body, headers=headers) as answer:
                return answer.status


async def service(hearth):
    """Where clients are told to ask for tokens. They come to it through the server's gate, which has TLS, and this does not."""
    async with aiohttp.ClientSession() as session, session.get(hearth.base + "/.well-known/matrix/client") as answer:
        (focus,) = (await answer.json(content_type=None))["org.matrix.msc4143.rtc_foci"]
    assert focus["type"] == "livekit", focus
    return hearth.base + urlsplit(focus["livekit_service_url"]).path


async def openid(person):
    return await person.call("POST", f"/v3/user/{quote(person.id)}/openid/request_token")


async def token(person, where, room, **more):
    """Asks for a token as the clients do that know no other way."""
    body = {"room": room, "device_id": person.device, "openid_token": await openid(person), **more}
    async with aiohttp.ClientSession() as session, session.post(where + "/sfu/get", json=body) as answer:
        return answer.status, await answer.json()


async def connect(session, hearth, url, jwt):
    """Goes where clients are sent, but for the TLS."""
    there = urlsplit(url)
    assert there.path.startswith("/_matrix/livekit/sfu"), url
    return await session.ws_connect(f"ws://{hearth.address}:{hearth.client_port}{there.path}/rtc?access_token={jwt}")


async def calls(sfu, hearth, synapse):
    alice, bob = await Person.register(hearth, "alice"), await Person.register(synapse, "bob")
    mallory = await Person.register(synapse, "mallory")
    everybody = {"events_default": 0, "events": {"org.matrix.msc3401.call.member": 0, "org.matrix.msc4143.rtc.member": 0}}
    room = await alice.create(power_level_content_override=everybody)
    await bob.join(room, hearth)
    await eventually("alice has bob", lambda: any(e.get("state_key") == bob.id for e in alice.events.get(room, [])))
    where = await service(hearth)

    # Somebody of another server comes first: there is no room for them yet, and none is made.
    status, answer = await token(bob, where, room)
    assert status == 200, answer
    identity = sfu.verifier.verify(answer["jwt"]).identity
    assert identity == f"{bob.id}:{bob.device}" and not sfu.made, (identity, sfu.made)
    print("a token for a user of Synapse, and no room made for them")

    status, answer = await token(alice, where, room)
    claims = sfu.verifier.verify(answer["jwt"])
    assert sfu.made == [claims.video.room], sfu.made
    print(f"a token for a user of Hearth; LiveKit's library finds {claims.video}")
    async with aiohttp.ClientSession() as session:
        connection = await connect(session, hearth, answer["url"], answer["jwt"])
        for size in (1, 1_000, 200_000):
            await connection.send_bytes(b"x" * size)
            assert await connection.receive_bytes() == b"heard " + b"x" * size, "something got lost on the way to the SFU"
        print("a WebSocket through Hearth to the SFU and back: 3 messages of up to 200,000 bytes")
        wrong = answer["jwt"][:-4] + "AAAA"
        try:
            await connect(session, hearth, answer["url"], wrong)
            raise AssertionError("a token with another signature got through")
        except aiohttp.WSServerHandshakeError as error:
            assert error.status == 401, error
        await connection.close()

    status, answer = await token(mallory, where, room)
    assert (status, answer["errcode"]) == (403, "M_FORBIDDEN"), (status, answer)
    stolen = {**await openid(bob), "matrix_server_name": hearth.name}
    status, answer = await token(bob, where, room, openid_token=stolen)
    assert status == 401, (status, answer)
    print("none for who is not in the room, none for the token of another server")

    await leaves(sfu, hearth, alice, bob, room, where)

    await token(bob, where, room)
    await alice.act(room, "kick", user_id=bob.id)
    await eventually("bob is sent away from the SFU", lambda: f"{bob.id}:{bob.device}" in sfu.sent_away, 60)
    status, answer = await token(bob, where, room)
    assert status == 403, (status, answer)
    print("who is put out of the room is put out of the call")
    await asyncio.gather(*(person.close() for person in (alice, bob, mallory)))


async def leaves(sfu, hearth, alice, bob, room, where):
    """Somebody's device dies in a call: the others see them leave when the SFU does, and not before."""
    url = (await token(alice, where, room))[1]["url"]
    member = "alice-in-this-call"
    wish = {"url": url, "room_id": room, "slot_id": SLOT, "member_id": member}
    unstable = "/unstable/io.element.msc4195/rtc/livekit"
    jwt = (await alice.call("POST", f"{unstable}/get_token", wish))["jwt"]
    kind, key = "org.matrix.msc3401.call.member", f"_{alice.id}_{alice.device}_m.call"
    await alice.set_state(room, kind, {"application": "m.call", "call_id": ""}, key)
    path = f"/v3/rooms/{quote(room)}/state/{kind}/{quote(key)}"
    delayed = await alice.call("PUT", path, {}, query={"org.matrix.msc4140.delay": "3000"})
    async with aiohttp.ClientSession() as session:
        connection = await connect(session, hearth, url, jwt)
        await connection.send_bytes(b"here")
        await connection.receive_bytes()
        await alice.call("POST", f"{unstable}/delegate_delayed_leave", {**wish, "delay_id": delayed["delay_id"]})
        await asyncio.sleep(8)
        gone = [e for e in bob.events[room] if e["type"] == kind and not e["content"]]
        assert not gone, "the leave was sent although its sender is in the call"
        claims = sfu.verifier.verify(jwt)
        status = await sfu.report("participant_left", claims.video.room, claims.identity, "not-the-secret-at-all-but-of-about-its-length")
        assert status == 401, status
        connection._response.connection.transport.abort()
    await bob.sees_state(room, kind, key, lambda content: not content, 30)
    print("the leave of a device that died is sent when the SFU says so, and not before (held 8 s beyond its 3)")


async def main():
    with tempfile.TemporaryDirectory(prefix="hearth-group-calls-") as folder:
        keys = Path(folder) / "livekit.keys"
        keys.write_text(f"{KEY}: {SECRET}\n")
        keys.chmod(0o600)
        sfu = Sfu("127.0.0.3")
        await sfu.start()
        os.environ["HEARTH_LIVEKIT__ADDRESS"] = f"ws://{sfu.address}:{sfu.port}"
        os.environ["HEARTH_LIVEKIT__KEY_FILE"] = str(keys)
        async with cluster(folder) as (hearth, synapse):
            sfu.hearth = hearth
            await calls(sfu, hearth, synapse)
        await sfu.runner.cleanup()
    print("group calls: all well")


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
