"""Scenarios between Hearth and Synapse; each runs in both directions. See `run`."""

import asyncio
import os
import shutil
import signal
import sys
import tempfile
import time
import traceback

import nio

from person import Person, eventually, refused
from cluster import cluster

SCENARIOS = []


def scenario(function):
    SCENARIOS.append(function)
    return function


def both_ways(function):
    """Runs a scenario with the room on Hearth, and with the room on Synapse."""
    async def both(hearth, synapse):
        for home, away in ((hearth, synapse), (synapse, hearth)):
            host, guest = await Person.register(home, "host"), await Person.register(away, "guest")
            try:
                await function(host, guest)
            except Exception as error:
                raise AssertionError(f"room on {type(home).__name__}: {type(error).__name__}: {error}") from error
            finally:
                await asyncio.gather(host.close(), guest.close())
    both.__name__ = function.__name__
    SCENARIOS.append(both)
    return both


@both_ways
async def messages_in_rooms_of_every_version(host, guest):
    for version in ("6", "9", "10", "11", "12"):
        room = await host.create(room_version=version)
        await host.say(room, "before you came")
        await guest.join(room, host.server)
        await host.say(room, "hello")
        await guest.hears(room, "hello")
        sent = await guest.say(room, "hello yourself")
        await host.hears(room, "hello yourself")
        await guest.call("PUT", f"/v3/rooms/{room}/redact/{sent}/1")

        async def is_empty():
            return not (await host.call("GET", f"/v3/rooms/{room}/event/{sent}"))["content"]
        await eventually("the redaction", is_empty)
        assert await host.state(room) == await guest.state(room), f"version {version}: two states of one room"


@both_ways
async def history_is_there_for_who_comes_later(host, guest):
    room = await host.create()
    said = [f"line {n}" for n in range(70)]
    for line in said:
        await host.say(room, line)
    await guest.join(room, host.server)
    assert [text for text in await guest.history(room)] == said[::-1], "the history is not whole"
    closed = [{"type": "m.room.history_visibility", "state_key": "", "content": {"history_visibility": "joined"}}]
    room = await host.create(initial_state=closed)
    await host.say(room, "among ourselves")
    await guest.join(room, host.server)
    await host.say(room, "for everybody")
    await guest.hears(room, "for everybody")
    assert "among ourselves" not in await guest.history(room), "history that was not for the guest"


@both_ways
async def invitations_are_taken_refused_and_taken_back(host, guest):
    room = await host.create(preset="private_chat", name="At home")
    await refused(guest.join(room, host.server), "M_FORBIDDEN")
    await host.act(room, "invite", user_id=guest.id)
    await guest.is_member(room, "invite")
    assert any(e["type"] == "m.room.name" and e["content"]["name"] == "At home" for e in guest.invite_state[room])
    await guest.act(room, "leave")
    await host.sees_state(room, "m.room.member", guest.id, lambda c: c["membership"] == "leave")
    await host.act(room, "invite", user_id=guest.id)
    await guest.is_member(room, "invite")
    await host.act(room, "kick", user_id=guest.id)
    await guest.is_member(room, "leave")
    await host.act(room, "invite", user_id=guest.id)
    await guest.is_member(room, "invite")
    await guest.join(room, host.server)
    await guest.say(room, "here I am")
    await host.hears(room, "here I am")
    await host.act(room, "ban", user_id=guest.id)
    await guest.is_member(room, "leave")
    await refused(guest.join(room, host.server), "M_FORBIDDEN", "M_BAD_STATE")


@both_ways
async def knocking(host, guest):
    rule = {"type": "m.room.join_rules", "state_key": "", "content": {"join_rule": "knock"}}
    room = await host.create(preset="private_chat", initial_state=[rule])
    via = [("server_name", host.server.name), ("via", host.server.name)]
    await guest.call("POST", f"/v3/knock/{room}", {"reason": "may I?"}, query=via)
    knock = await host.sees_state(room, "m.room.member", guest.id, lambda c: c["membership"] == "knock")
    assert knock["content"]["reason"] == "may I?"
    await host.act(room, "invite", user_id=guest.id)
    await guest.is_member(room, "invite")
    await guest.join(room, host.server)


@both_ways
async def restricted_rooms_open_for_members_of_another(host, guest):
    club = await host.create()
    for version in ("10", "11", "12"):
        allow = [{"type": "m.room_membership", "room_id": club}]
        rule = {"type": "m.room.join_rules", "state_key": "", "content": {"join_rule": "restricted", "allow": allow}}
        room = await host.create(preset="private_chat", room_version=version, initial_state=[rule])
        if version == "10":
            await refused(guest.join(room, host.server), "M_FORBIDDEN")
            await guest.join(club, host.server)
        await guest.join(room, host.server)
        member = await host.sees_state(room, "m.room.member", guest.id, lambda c: c["membership"] == "join")
        assert member["content"]["join_authorised_via_users_server"].endswith(host.server.name)


@both_ways
async def a_denied_server_stays_outside(host, guest):
    acl = {"allow": ["*"], "deny": [guest.server.address], "allow_ip_literals": True}
    room = await host.create()
    await guest.join(room, host.server)
    await guest.say(room, "still inside")
    await host.hears(room, "still inside")
    await host.set_state(room, "m.room.server_acl", acl)
    await guest.sees_state(room, "m.room.server_acl", "", lambda c: c["deny"])
    await guest.say(room, "from outside")
    await asyncio.sleep(3)
    assert "from outside" not in host.texts(room), "a denied server was heard"
    shut = await host.create(initial_state=[{"type": "m.room.server_acl", "state_key": "", "content": acl}])
    await refused(guest.join(shut, host.server), "M_FORBIDDEN", "M_UNKNOWN", "M_UNAUTHORIZED")


@both_ways
async def files_are_fetched_from_where_they_lie(host, guest):
    data = os.urandom(200_000)
    uri = (await host.call("POST", "/media/v3/upload", raw=data, query={"filename": "data.bin"}))["content_uri"]
    got = await guest.call("GET", f"/v1/media/download/{uri.removeprefix('mxc://')}")
    assert got == data, "the file came through changed"
    await refused(guest.call("GET", f"/v1/media/download/{host.server.name}/nothing"), "M_NOT_FOUND")


@both_ways
async def names_and_presence(host, guest):
    room = await host.create()
    await guest.join(room, host.server)
    await host.call("PUT", f"/v3/profile/{host.id}/displayname", {"displayname": "Zoë"})
    assert (await guest.call("GET", f"/v3/profile/{host.id}"))["displayname"] == "Zoë"
    await guest.sees_state(room, "m.room.member", host.id, lambda c: c.get("displayname") == "Zoë")
    alias = f"#lobby-{time.monotonic_ns()}:{host.server.name}"
    await host.call("PUT", f"/v3/directory/room/{alias.replace('#', '%23')}", {"room_id": room})
    found = await guest.call("GET", f"/v3/directory/room/{alias.replace('#', '%23')}")
    assert found["room_id"] == room


@both_ways
async def encrypted_messages(host, guest):
    async def client(person):
        folder = tempfile.mkdtemp()
        config = nio.AsyncClientConfig(encryption_enabled=True, store_sync_tokens=True)
        # A device of its own: the person's sync would take the keys that are sent to it.
        who = {"type": "m.id.user", "user": person.id}
        login = await person.call("POST", "/v3/login", {"type": "m.login.password", "identifier": who, "password": "correct horse"})
        device, token = login["device_id"], login["access_token"]
        client = nio.AsyncClient(person.server.base, person.id, device_id=device, store_path=folder, config=config)
        client.restore_login(person.id, device, token)
        client.heard = []
        client.add_event_callback(lambda _, event: client.heard.append(event.body), nio.RoomMessageText)
        await client.keys_upload()
        await client.sync(timeout=0, full_state=True)
        return client

    async def step(client):
        """What a client does around each sync."""
        await client.sync(timeout=300)
        if client.should_query_keys:
            await client.keys_query()
        if client.should_claim_keys:
            await client.keys_claim(client.get_users_for_key_claiming())
        await client.send_to_device_messages()

    async def exchange(client, other, room, text):
        await client.room_send(room, "m.room.message", {"msgtype": "m.text", "body": text}, ignore_unverified_devices=True)

        async def heard():
            await step(client)
            await step(other)
            return text in other.heard
        await eventually(f"{other.user_id} decrypts", heard)

    encrypted = [{"type": "m.room.encryption", "state_key": "", "content": {"algorithm": "m.megolm.v1.aes-sha2"}}]
    room = await host.create(initial_state=encrypted)
    await guest.join(room, host.server)
    ours, theirs = await client(host), await client(guest)
    try:
        for one, other in ((ours, theirs), (theirs, ours)):
            async def knows(one=one, other=other):
                await step(one)
                return other.device_id in one.device_store[other.user_id]
            await eventually(f"{one.user_id} knows the device of {other.user_id}", knows)
        await exchange(ours, theirs, room, "a secret")
        await exchange(theirs, ours, room, "another")
    finally:
        await asyncio.gather(ours.close(), theirs.close())


@both_ways
async def what_is_said_while_a_server_is_away_arrives(host, guest):
    room = await host.create()
    await guest.join(room, host.server)
    for how in (signal.SIGTERM, signal.SIGKILL):
        await guest.server.stop(how)
        texts = [f"{how.name} {n}" for n in range(5)]
        for text in texts:
            await host.say(room, text)
        await guest.server.start()
        await guest.hears(room, *texts, seconds=90)
        await guest.say(room, f"back after {how.name}")
        await host.hears(room, f"back after {how.name}", seconds=60)


@both_ways
async def a_partition_heals_to_one_state(host, guest):
    for version in ("10", "12"):
        room = await host.create(room_version=version, power_level_content_override={"state_default": 0, "events_default": 0})
        await guest.join(room, host.server)
        await guest.say(room, "together")
        await host.hears(room, "together")
        gates = host.server.gate, guest.server.gate
        for gate in gates:
            gate.shut()
        await host.say(room, "host alone")
        await guest.say(room, "guest alone")
        await host.set_state(room, "m.room.topic", {"topic": "the host's"})
        await guest.set_state(room, "m.room.topic", {"topic": "the guest's"})
        await guest.set_state(room, "org.example.note", {"by": "guest"}, "note")
        await host.set_state(room, "org.example.note", {"by": "host"}, "note")
        for gate in gates:
            gate.open()

        async def is_one():
            # Something to say is what makes a server try again.
            await host.say(room, f"host again {time.monotonic_ns()}")
            await guest.say(room, f"guest again {time.monotonic_ns()}")
            await asyncio.sleep(1)
            return await host.state(room) == await guest.state(room)
        await eventually("one state", is_one, 90)
        await host.hears(room, "guest alone", seconds=60)
        await guest.hears(room, "host alone", seconds=60)


async def main(wanted):
    folder, failed, began = tempfile.mkdtemp(prefix="hearth-interop-"), [], time.monotonic()
    chosen = [s for s in SCENARIOS if not wanted or s.__name__ in wanted]
    assert chosen, f"no such scenario; there are {', '.join(s.__name__ for s in SCENARIOS)}"
    async with cluster(folder) as (hearth, synapse):
        for one in chosen:
            started = time.monotonic()
            try:
                await asyncio.wait_for(one(hearth, synapse), 400)
                print(f"ok {one.__name__} ({time.monotonic() - started:.1f} s)", flush=True)
            except Exception as error:
                failed.append(one.__name__)
                print(f"not ok {one.__name__}: {type(error).__name__}: {error}", flush=True)
                if os.environ.get("INTEROP_TRACE"):
                    traceback.print_exc()
    print(f"{len(chosen) - len(failed)} passed, {len(failed)} failed ({time.monotonic() - began:.0f} s)", flush=True)
    if failed:
        print(f"the servers' logs are in {folder}")
    else:
        shutil.rmtree(folder)
    return bool(failed)


if __name__ == "__main__":
    sys.exit(asyncio.run(main(sys.argv[1:])))
