"""An application service without a library: it keeps what it is sent, and answers as it is told."""

import asyncio
import json
from urllib.parse import quote, unquote

import aiohttp
from aiohttp import web

from rig import Bridged  # noqa: F401 (makes the folder of `person` known)
from cluster import free_ports
from person import Refused


class Service:
    """An application service with the prefix `ID_` for users and aliases.

    `transactions` are those it accepted, `(number, body)`, each number once; `asked` is every request, `(method, path, body)`.
    """

    def __init__(self, server, id, **more):
        self.server, self.id = server, id
        self.port = free_ports("127.0.0.1", 1)[0]
        self.asked, self.transactions, self.status, self.answers, self.on_query = [], [], 200, {}, None
        self.delay_s = 0
        self.bot = f"@{id}bot:{server.name}"
        self.registration = {
            "id": id, "url": f"http://127.0.0.1:{self.port}", "as_token": f"as-{id}", "hs_token": f"hs-{id}",
            "sender_localpart": f"{id}bot", "rate_limited": False, "receive_ephemeral": True, "org.matrix.msc3202": True,
            "io.element.msc4190": True, "protocols": [id],
            "namespaces": {
                "users": [{"exclusive": True, "regex": f"@{id}_.*:{server.name}"}],
                "aliases": [{"exclusive": True, "regex": f"#{id}_.*:{server.name}"}],
            },
            **more,
        }
        self.runner = self.session = None

    def ghost(self, name):
        return f"@{self.id}_{name}:{self.server.name}"

    async def start(self):
        app = web.Application(client_max_size=64 << 20)
        app.router.add_route("*", "/{path:.*}", self._answer)
        self.runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self.runner.setup()
        await web.TCPSite(self.runner, "127.0.0.1", self.port).start()
        self.session = self.session or aiohttp.ClientSession()

    async def away(self):
        """Ends its listening, as if its process had ended."""
        await self.runner.cleanup()

    async def stop(self):
        await self.away()
        await self.session.close()

    async def _answer(self, request):
        path, body = unquote(request.path), await request.read()
        body = json.loads(body) if body else None
        token = request.headers.get("Authorization")
        self.asked.append((request.method, path, body, dict(request.query)))
        if token != f"Bearer {self.registration['hs_token']}":
            return web.json_response({"errcode": "M_FORBIDDEN"}, status=403)
        await asyncio.sleep(self.delay_s)
        if "/transactions/" in path:
            if self.status != 200:
                return web.json_response({"errcode": "M_UNKNOWN"}, status=self.status)
            number = path.rsplit("/", 1)[1]
            if all(known != number for known, _ in self.transactions):
                self.transactions.append((number, body))
            return web.json_response({})
        if "/users/" in path or "/rooms/" in path:
            if self.on_query and await self.on_query(path.rsplit("/", 1)[1]):
                return web.json_response({})
            return web.json_response({"errcode": "M_NOT_FOUND"}, status=404)
        if path.endswith("/ping"):
            return web.json_response({})
        found = self.answers.get(path.removeprefix("/_matrix/app/v1"))
        return web.json_response([] if found is None else found)

    # What it has received.

    def events(self):
        return [event for _, body in self.transactions for event in body["events"]]

    def texts(self, room=None):
        events = [event for event in self.events() if event["type"] == "m.room.message"]
        return [event["content"]["body"] for event in events if room in (None, event["room_id"])]

    def part(self, name):
        """A list of all transactions: of `ephemeral` or `de.sorunome.msc2409.to_device`."""
        return [entry for _, body in self.transactions for entry in body.get(name, [])]

    # What it does.

    async def call(self, method, path, body=None, user=None, **query):
        """A request with its token, as itself or as one of its users."""
        query = {name: str(value) for name, value in query.items() if value is not None}
        if user:
            query["user_id"] = user
        data = None if method == "GET" else json.dumps({} if body is None else body)
        headers = {"Authorization": f"Bearer {self.registration['as_token']}", "Content-Type": "application/json"}
        url = f"{self.server.base}/_matrix/client{path}"
        async with self.session.request(method, url, data=data, params=query, headers=headers) as answer:
            body = await answer.json(content_type=None)
            if answer.status >= 300:
                raise Refused(answer.status, body)
            return body

    async def register(self, name):
        """Registers a ghost without logging it in."""
        body = {"type": "m.login.application_service", "username": f"{self.id}_{name}", "inhibit_login": True}
        return (await self.call("POST", "/v3/register", body))["user_id"]

    async def join(self, room, user=None):
        await self.call("POST", f"/v3/join/{quote(room)}", user=user)

    async def say(self, room, text, user=None, txn=None, ts=None):
        path = f"/v3/rooms/{quote(room)}/send/m.room.message/{txn or text.replace(' ', '-')}"
        return (await self.call("PUT", path, {"msgtype": "m.text", "body": text}, user, ts=ts))["event_id"]
