"""Somebody on one of the servers: requests, and a sync that keeps everything it has seen."""

import asyncio
import json
import secrets
import time
from urllib.parse import quote

import aiohttp

FILTER = json.dumps({"room": {"timeline": {"limit": 50}}})


class Refused(Exception):
    """An answer that is an error."""

    def __init__(self, status, body):
        self.status, self.code = status, body.get("errcode") if isinstance(body, dict) else None
        super().__init__(f"{status} {body}")


async def eventually(what, probe, seconds=30):
    """Waits until `probe` gives something true."""
    end = time.monotonic() + seconds
    while True:
        found = probe()
        if asyncio.iscoroutine(found):
            found = await found
        if found:
            return found
        if time.monotonic() > end:
            raise AssertionError(f"not within {seconds} s: {what}")
        await asyncio.sleep(0.1)


class Person:
    """A user with a device. `events` is every timeline and state event, by room, in the order of arrival."""

    def __init__(self, server):
        self.server, self.session, self.token = server, aiohttp.ClientSession(), None
        self.events, self.member, self.invite_state = {}, {}, {}

    @classmethod
    async def register(cls, server, name):
        self = cls(server)
        body = {"username": f"{name}-{secrets.token_hex(3)}", "password": "correct horse", "auth": {"type": "m.login.dummy"}}
        answer = await self.call("POST", "/v3/register", body)
        self.id, self.token, self.device = answer["user_id"], answer["access_token"], answer["device_id"]
        self.task = asyncio.create_task(self._sync())
        return self

    async def close(self):
        self.task.cancel()
        await self.session.close()

    async def call(self, method, path, body=None, query=None, raw=None):
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        if raw is None and method != "GET":
            raw, headers["Content-Type"] = json.dumps(body or {}), "application/json"
        url = f"{self.server.base}/_matrix/{path[1:] if path.startswith('/media') else 'client' + path}"
        limit = aiohttp.ClientTimeout(total=60)
        async with self.session.request(method, url, data=raw, params=query, headers=headers, timeout=limit) as answer:
            data = await answer.read()
            if answer.status >= 300:
                raise Refused(answer.status, json.loads(data) if data[:1] == b"{" else data[:200])
            return json.loads(data) if answer.content_type == "application/json" else data

    async def _sync(self):
        since = None
        while True:
            query = {"filter": FILTER, "timeout": "5000" if since else "0", **({"since": since} if since else {})}
            try:
                self._take(answer := await self.call("GET", "/v3/sync", query=query))
                since = answer["next_batch"]
            except (aiohttp.ClientError, asyncio.TimeoutError, Refused):
                await asyncio.sleep(0.3)

    def _take(self, answer):
        for kind, rooms in answer.get("rooms", {}).items():
            for room, news in rooms.items():
                self.member[room] = kind
                self.invite_state[room] = news.get("invite_state", {}).get("events", [])
                for part in ("state", "timeline"):
                    self.events.setdefault(room, []).extend(news.get(part, {}).get("events", []))

    # What a person does.

    async def create(self, **settings):
        return (await self.call("POST", "/v3/createRoom", {"preset": "public_chat", **settings}))["room_id"]

    async def join(self, room, via):
        await self.call("POST", f"/v3/join/{quote(room)}", query=[("server_name", via.name), ("via", via.name)])
        await self.is_member(room, "join")

    async def act(self, room, verb, **body):
        return await self.call("POST", f"/v3/rooms/{quote(room)}/{verb}", body)

    async def say(self, room, text):
        return await self.send(room, "m.room.message", {"msgtype": "m.text", "body": text})

    async def send(self, room, kind, content):
        return (await self.call("PUT", f"/v3/rooms/{quote(room)}/send/{kind}/{secrets.token_hex(8)}", content))["event_id"]

    async def set_state(self, room, kind, content, key=""):
        return await self.call("PUT", f"/v3/rooms/{quote(room)}/state/{kind}/{quote(key)}", content)

    async def state(self, room):
        """The whole state: what is in force for each type and key."""
        events = await self.call("GET", f"/v3/rooms/{quote(room)}/state")
        return {(event["type"], event["state_key"]): event["event_id"] for event in events}

    async def history(self, room, pages=10):
        """Texts, newest first, paging back until there is no more."""
        texts, token = [], None
        for _ in range(pages):
            query = {"dir": "b", "limit": "30", **({"from": token} if token else {})}
            page = await self.call("GET", f"/v3/rooms/{quote(room)}/messages", query=query)
            texts += [event["content"]["body"] for event in page["chunk"] if "body" in event["content"]]
            token = page.get("end")
            if not token:
                break
        return texts

    # What a person sees.

    def texts(self, room):
        return [event["content"]["body"] for event in self.events.get(room, []) if "body" in event.get("content", {})]

    async def hears(self, room, *texts, seconds=30):
        for text in texts:
            await eventually(f"{self.id} hears {text!r}", lambda: text in self.texts(room), seconds)
        for text in texts:
            assert self.texts(room).count(text) == 1, f"{self.id} heard {text!r} more than once"

    async def is_member(self, room, kind, seconds=30):
        await eventually(f"{self.id} has {room} under {kind}", lambda: self.member.get(room) == kind, seconds)

    async def sees_state(self, room, kind, key, test, seconds=30):
        def found():
            events = [e for e in self.events.get(room, []) if e["type"] == kind and e.get("state_key") == key]
            return next((e for e in reversed(events) if test(e["content"])), None)
        return await eventually(f"{self.id} sees {kind} of {key!r}", found, seconds)


async def refused(action, *codes):
    """The action is refused, with one of the codes."""
    try:
        await action
    except Refused as why:
        assert why.code in codes, f"refused with {why}"
        return
    raise AssertionError("was not refused")
