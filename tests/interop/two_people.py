#!/usr/bin/env python3
"""Two people on one server, from an invite link to an encrypted message each way, as their clients do it.

Reads {"base", "authority", "link", "token"} as JSON from stdin: the server's address, the certificate to trust, the invite link of the
first account, a token for the second. Prints each step as a line of JSON: {"step", "seconds"}.
"""

import asyncio
import html
import json
import re
import ssl
import sys
import tempfile
import time

import aiohttp
import nio

PASSWORD = "correct horse battery staple"
WAIT_S = 60
ENCRYPTED = {"type": "m.room.encryption", "state_key": "", "content": {"algorithm": "m.megolm.v1.aes-sha2"}}


class Steps:
    """Times what is between two calls."""

    def __init__(self):
        self.since = time.monotonic()

    def done(self, step):
        now = time.monotonic()
        print(json.dumps({"step": step, "seconds": now - self.since}), flush=True)
        self.since = now


async def by_link(link, name, trust):
    """Makes an account on the page of the link, without scripts."""
    async with aiohttp.ClientSession() as session:
        async with session.get(link, ssl=trust) as answer:
            page = await answer.text()
            assert answer.status == 200, page
        key = html.unescape(re.search(r'name="form"[^>]* value="([^"]*)"', page)[1])
        form = {"form": key, "name": name, "password": PASSWORD, "again": PASSWORD}
        async with session.post(link, data=form, ssl=trust) as answer:
            page = await answer.text()
            assert answer.status == 200 and f"@{name}:" in page, page


async def by_token(base, name, token, trust):
    """Makes an account by the client API, with a registration token, in the stages that matrix-nio takes for granted."""
    made = nio.AsyncClient(base, name, ssl=trust)
    try:
        good(await made.register_with_token(name, PASSWORD, token))
        good(await made.logout())
    finally:
        await made.close()


def good(answer):
    """The answer of a client's call, which is no error."""
    assert not isinstance(answer, nio.ErrorResponse), answer
    return answer


def client(base, name, trust):
    """An encrypting client of this user, without a device yet."""
    config = nio.AsyncClientConfig(encryption_enabled=True, store_sync_tokens=True)
    made = nio.AsyncClient(base, name, store_path=tempfile.mkdtemp(), config=config, ssl=trust)
    made.heard = []
    made.add_event_callback(lambda _, event: made.heard.append((event.sender, event.body, event.decrypted)), nio.RoomMessageText)
    return made


async def sync(who):
    """A sync and what a client does around it."""
    good(await who.sync(timeout=300))
    if who.should_upload_keys:
        await who.keys_upload()
    if who.should_query_keys:
        await who.keys_query()
    if who.should_claim_keys:
        await who.keys_claim(who.get_users_for_key_claiming())
    await who.send_to_device_messages()


async def until(what, check, *people):
    """Syncs these people until something is there."""
    end = time.monotonic() + WAIT_S
    while not (found := check()):
        assert time.monotonic() < end, f"not within {WAIT_S} s: {what}"
        for who in people:
            await sync(who)
    return found


async def says(who, other, room, text):
    """One sends, the other decrypts. Returns the event's id."""
    sent = good(await who.room_send(room, "m.room.message", {"msgtype": "m.text", "body": text}, ignore_unverified_devices=True))
    await until(f"{other.user_id} reads {text!r}", lambda: (who.user_id, text, True) in other.heard, who, other)
    return sent.event_id


async def raw(base, who, room, event, trust):
    """An event as the server has it."""
    url = f"{base}/_matrix/client/v3/rooms/{room}/event/{event}"
    async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {who.access_token}"}) as session:
        async with session.get(url, ssl=trust) as answer:
            return await answer.json()


async def main():
    told = json.load(sys.stdin)
    base, trust, steps = told["base"], ssl.create_default_context(cadata=told["authority"]), Steps()
    await by_link(told["link"], "kim", trust)
    steps.done("Kim opens the link and makes the first account on its page")
    kim, bob = client(base, "kim", trust), client(base, "bob", trust)
    try:
        good(await kim.login(PASSWORD))
        await sync(kim)
        steps.done("Kim logs in with a client that encrypts")
        await by_token(base, "bob", told["token"], trust)
        good(await bob.login(PASSWORD))
        await sync(bob)
        steps.done("Bob registers with a token and logs in")
        room = good(await kim.room_create(invite=[bob.user_id], is_direct=True, initial_state=[ENCRYPTED])).room_id
        await until("Bob is invited", lambda: room in bob.invited_rooms, bob)
        good(await bob.join(room))
        await until("both are in the room", lambda: all(
            room in who.rooms and who.rooms[room].encrypted and len(who.rooms[room].users) == 2 for who in (kim, bob)), kim, bob)
        steps.done("Kim makes an encrypted room, Bob joins")
        sent = [await says(kim, bob, room, "hello, the server is up")]
        steps.done("Bob reads Kim's encrypted message")
        sent.append(await says(bob, kim, room, "hello, it took no time"))
        steps.done("Kim reads Bob's")
        for event in sent:
            kept = await raw(base, kim, room, event, trust)
            assert kept["type"] == "m.room.encrypted" and "body" not in kept["content"], kept
    finally:
        await kim.close()
        await bob.close()


if __name__ == "__main__":
    asyncio.run(main())
