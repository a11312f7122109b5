"""What an application service may do, and what it is asked: namespaces, timestamps, queries, look-ups, ephemeral events, devices."""

import asyncio
import time
from urllib.parse import quote

from rig import checks
from person import Person, Refused, eventually, refused
from service import Service

TO_DEVICE = "de.sorunome.msc2409.to_device"
OLD_MS = 1_234_567_890_123


async def started(server, id="chat", **more):
    service = Service(server, id, **more)
    await service.start()
    await server.add(service.registration)
    return service, await Person.register(server, "alice")


async def end(service, *people):
    await service.stop()
    for person in people:
        await person.close()


async def namespaces(server):
    service, alice = await started(server)
    other = Service(server, "tel")
    await other.start()
    await server.add(other.registration)
    stranger = Person(server)
    body = {"password": "correct horse", "auth": {"type": "m.login.dummy"}}
    await refused(stranger.call("POST", "/v3/register", {**body, "username": "chat_eve"}), "M_EXCLUSIVE")
    await refused(stranger.call("GET", "/v3/register/available", query={"username": "chat_eve"}), "M_EXCLUSIVE")
    await refused(stranger.call("POST", "/v3/register", {**body, "username": "chatbot"}), "M_EXCLUSIVE", "M_USER_IN_USE")
    appservice = {"type": "m.login.application_service"}
    await refused(other.call("POST", "/v3/register", {**appservice, "username": "chat_eve"}), "M_EXCLUSIVE")
    await refused(service.call("POST", "/v3/register", {**appservice, "username": "dave"}), "M_EXCLUSIVE")
    bob = await service.register("bob")
    await refused(service.call("POST", "/v3/register", {**appservice, "username": "chat_bob"}), "M_USER_IN_USE")
    await refused(other.call("GET", "/v3/account/whoami", user=bob), "M_FORBIDDEN", "M_EXCLUSIVE")
    await refused(service.call("GET", "/v3/account/whoami", user=alice.id), "M_FORBIDDEN", "M_EXCLUSIVE")
    await refused(service.call("GET", "/v3/account/whoami", user=service.ghost("never")), "M_FORBIDDEN")
    assert (await service.call("GET", "/v3/account/whoami", user=bob))["user_id"] == bob
    assert (await service.call("GET", "/v3/account/whoami"))["user_id"] == service.bot
    # Aliases: those of the namespace are the service's, whether its bot is in the room or not.
    room = await alice.create()
    alias = f"#chat_lobby:{server.name}"
    await refused(alice.call("PUT", f"/v3/directory/room/{quote(alias)}", {"room_id": room}), "M_EXCLUSIVE")
    await refused(other.call("PUT", f"/v3/directory/room/{quote(alias)}", {"room_id": room}), "M_EXCLUSIVE")
    await service.call("PUT", f"/v3/directory/room/{quote(alias)}", {"room_id": room})
    assert (await alice.call("GET", f"/v3/directory/room/{quote(alias)}"))["room_id"] == room
    # The alias makes all of the room interesting.
    await alice.say(room, "under its alias")
    await eventually("the message", lambda: "under its alias" in service.texts(room))
    await refused(alice.call("DELETE", f"/v3/directory/room/{quote(alias)}"), "M_EXCLUSIVE", "M_FORBIDDEN")
    await service.call("DELETE", f"/v3/directory/room/{quote(alias)}")
    await refused(alice.call("GET", f"/v3/directory/room/{quote(alias)}"), "M_NOT_FOUND")
    await stranger.session.close()
    await other.stop()
    await end(service, alice)


async def namespaces_that_others_may_use(server):
    """Not exclusive: people register names in it, and the service may act as them, as for double puppeting."""
    everyone = {"users": [{"exclusive": False, "regex": f"@.*:{server.name}"}]}
    service, alice = await started(server, "puppets", url=None, namespaces=everyone)
    # Another service has reserved its users: they are not for this one to register.
    other = Service(server, "tel")
    await other.start()
    await server.add(other.registration)
    room = await alice.create()
    event = await service.say(room, "typed elsewhere", alice.id, ts=OLD_MS)
    seen = await alice.call("GET", f"/v3/rooms/{quote(room)}/event/{quote(event)}")
    assert (seen["sender"], seen["origin_server_ts"]) == (alice.id, OLD_MS), seen
    assert (await service.call("GET", "/v3/account/whoami", user=alice.id))["user_id"] == alice.id
    body = {"type": "m.login.application_service", "username": "tel_x", "inhibit_login": True}
    await refused(service.call("POST", "/v3/register", body), "M_EXCLUSIVE")
    bob = await Person.register(server, "bob")
    await bob.call("POST", f"/v3/join/{quote(room)}")
    await service.say(room, "also for bob", bob.id)
    await bob.hears(room, "also for bob")
    await other.stop()
    await end(service, alice, bob)


async def messages_of_people(server):
    """A namespace that has people in it takes none of their messages, though the service asks for messages to devices."""
    everyone = {"users": [{"exclusive": False, "regex": f"@.*:{server.name}"}]}
    service, alice = await started(server, namespaces=everyone)
    bob, ghost = await Person.register(server, "bob"), await service.register("x")
    await service.call("PUT", "/v3/devices/PHONE", {}, ghost)
    bob.task.cancel()
    messages = {user: {"*": {"secret": "word"}} for user in (bob.id, ghost)}
    await alice.call("PUT", "/v3/sendToDevice/org.example/1", {"messages": messages})
    await eventually("the ghost's", lambda: service.part(TO_DEVICE))
    assert [message["to_user_id"] for message in service.part(TO_DEVICE)] == [ghost], service.part(TO_DEVICE)
    seen = (await bob.call("GET", "/v3/sync"))["to_device"]["events"]
    assert [event["content"] for event in seen] == [{"secret": "word"}], seen
    await end(service, alice, bob)


async def ghosts(server):
    """Ghosts are invited, join, speak, change their profile, are told apart; times of events can be set."""
    service, alice = await started(server)
    bob = await service.register("bob")
    room = await alice.create(preset="private_chat", invite=[bob])
    await eventually("the invite", lambda: any(e.get("state_key") == bob and e["content"]["membership"] == "invite" for e in service.events()))
    invite = next(e for e in service.events() if e.get("state_key") == bob)
    stripped = invite["unsigned"]["invite_room_state"]
    assert any(event["type"] == "m.room.create" for event in stripped), stripped
    await service.join(room, bob)
    await service.call("PUT", f"/v3/profile/{quote(bob)}/displayname", {"displayname": "Bob (chat)"}, bob)
    await alice.sees_state(room, "m.room.member", bob, lambda content: content.get("displayname") == "Bob (chat)")
    event = await service.say(room, "from the past", bob, ts=OLD_MS)
    await alice.hears(room, "from the past")
    seen = await alice.call("GET", f"/v3/rooms/{quote(room)}/event/{quote(event)}")
    assert (seen["sender"], seen["origin_server_ts"]) == (bob, OLD_MS), seen
    state = f"/v3/rooms/{quote(room)}/state/org.example.note/"
    await alice.set_state(room, "m.room.power_levels", {
        **await alice.call("GET", f"/v3/rooms/{quote(room)}/state/m.room.power_levels"), "events": {"org.example.note": 0}})
    noted = await service.call("PUT", state, {"x": 1}, bob, ts=OLD_MS + 1)
    seen = await alice.call("GET", f"/v3/rooms/{quote(room)}/event/{quote(noted['event_id'])}")
    assert seen["origin_server_ts"] == OLD_MS + 1, seen
    # An ordinary user's `ts` counts for nothing.
    path = f"/v3/rooms/{quote(room)}/send/m.room.message/mine"
    mine = (await alice.call("PUT", path, {"msgtype": "m.text", "body": "now"}, {"ts": str(OLD_MS)}))["event_id"]
    seen = await alice.call("GET", f"/v3/rooms/{quote(room)}/event/{quote(mine)}")
    assert abs(seen["origin_server_ts"] - time.time() * 1000) < 600_000, seen
    # A transaction id belongs to one user, not to all of the service's: two ghosts may use the same one.
    carol = await service.register("carol")
    await service.call("POST", f"/v3/rooms/{quote(room)}/invite", {"user_id": carol}, bob)
    await service.join(room, carol)
    first = await service.say(room, "same number", bob, txn="7")
    assert await service.say(room, "same number", bob, txn="7") == first
    assert await service.say(room, "another ghost", carol, txn="7") != first
    await alice.hears(room, "same number", "another ghost")
    # What its ghosts send comes back to it, once.
    await eventually("its own", lambda: "another ghost" in service.texts(room))
    assert service.texts(room).count("same number") == 1
    await service.call("POST", f"/v3/rooms/{quote(room)}/leave", {}, carol)
    await alice.sees_state(room, "m.room.member", carol, lambda content: content["membership"] == "leave")
    await end(service, alice)


async def queries(server):
    """Users and rooms that come into being when a client asks for them."""
    service, alice = await started(server)
    made = []

    async def create(name):
        if "never" in name:
            return False
        made.append(name)
        if name.startswith("@"):
            await service.register(name[1:].split(":")[0].removeprefix("chat_"))
        else:
            body = {"preset": "public_chat", "room_alias_name": name[1:].split(":")[0]}
            await service.call("POST", "/v3/createRoom", body)
        return True
    service.on_query = create
    alias = f"#chat_tea:{server.name}"
    await alice.call("POST", f"/v3/join/{quote(alias)}")
    assert made == [alias], made
    await refused(alice.call("GET", f"/v3/directory/room/{quote(f'#chat_never:{server.name}')}"), "M_NOT_FOUND")
    dave, room = service.ghost("dave"), await alice.create()
    await alice.act(room, "invite", user_id=dave)
    assert made == [alias, dave], made
    await service.join(room, dave)
    erin = service.ghost("erin")
    await alice.call("GET", f"/v3/profile/{quote(erin)}")
    assert made[-1] == erin, made
    await refused(alice.call("GET", f"/v3/profile/{quote(service.ghost('never'))}"), "M_NOT_FOUND")
    # What exists is not asked for again.
    await alice.call("GET", f"/v3/directory/room/{quote(alias)}")
    assert made.count(alias) == 1, made
    # A service that is away makes nothing wait for long, and nothing fails but what it would have made.
    await service.away()
    began = time.monotonic()
    await refused(alice.call("GET", f"/v3/directory/room/{quote(f'#chat_x:{server.name}')}"), "M_NOT_FOUND")
    assert time.monotonic() - began < 15
    await end(service, alice)


async def look_ups(server):
    service, alice = await started(server)
    protocol = {
        "user_fields": ["nick"], "location_fields": ["channel"], "icon": "mxc://example/x",
        "field_types": {"nick": {"regexp": ".*", "placeholder": "nick"}},
        "instances": [{"desc": "Tea", "network_id": "tea", "fields": {}}],
    }
    user = [{"userid": service.ghost("bob"), "protocol": "chat", "fields": {"nick": "bob"}}]
    location = [{"alias": f"#chat_tea:{server.name}", "protocol": "chat", "fields": {"channel": "#tea"}}]
    service.answers = {
        "/thirdparty/protocol/chat": protocol, "/thirdparty/user/chat": user, "/thirdparty/location/chat": location,
        "/thirdparty/user": user, "/thirdparty/location": location,
    }
    found = (await alice.call("GET", "/v3/thirdparty/protocols"))["chat"]
    assert found["instances"][0]["network_id"] == "tea" and found["instances"][0]["instance_id"], found
    assert (await alice.call("GET", "/v3/thirdparty/protocol/chat"))["user_fields"] == ["nick"]
    assert await alice.call("GET", "/v3/thirdparty/user/chat", query={"nick": "bob"}) == user
    assert service.asked[-1][3] == {"nick": "bob"}, service.asked[-1]
    assert await alice.call("GET", "/v3/thirdparty/location/chat", query={"channel": "#tea"}) == location
    assert await alice.call("GET", "/v3/thirdparty/user", query={"userid": service.ghost("bob")}) == user
    assert await alice.call("GET", "/v3/thirdparty/location", query={"alias": f"#chat_tea:{server.name}"}) == location
    await refused(alice.call("GET", "/v3/thirdparty/protocol/none"), "M_NOT_FOUND")
    # A room that the service lists for its network, found by clients that ask for that network.
    room = await alice.create()
    await service.call("PUT", f"/v3/directory/list/appservice/tea/{quote(room)}", {"visibility": "public"})
    body = {"third_party_instance_id": found["instances"][0]["instance_id"]}
    listed = (await alice.call("POST", "/v3/publicRooms", body))["chunk"]
    assert [entry["room_id"] for entry in listed] == [room], listed
    assert (await alice.call("POST", "/v3/publicRooms", {}))["chunk"] == []
    await end(service, alice)


async def ephemeral(server):
    """Typing, receipts and presence of people who share a room with the service; none for a service that does not want them."""
    service, alice = await started(server)
    deaf = Service(server, "deaf", receive_ephemeral=False)
    await deaf.start()
    await server.add(deaf.registration)
    room, other = await alice.create(), await alice.create()
    await service.join(room)
    await deaf.join(room)
    event = await alice.say(room, "hello")
    await alice.call("PUT", f"/v3/rooms/{quote(room)}/typing/{quote(alice.id)}", {"typing": True, "timeout": 20_000})
    await alice.call("PUT", f"/v3/rooms/{quote(other)}/typing/{quote(alice.id)}", {"typing": True, "timeout": 20_000})
    await alice.call("POST", f"/v3/rooms/{quote(room)}/receipt/m.read/{quote(event)}")
    private = await alice.say(room, "for my eyes")
    await alice.call("POST", f"/v3/rooms/{quote(room)}/receipt/m.read.private/{quote(private)}")
    await alice.call("PUT", f"/v3/presence/{quote(alice.id)}/status", {"presence": "online", "status_msg": "tea"})

    def kinds(of):
        return {event["type"] for event in of.part("ephemeral")}
    await eventually("all three", lambda: {"m.typing", "m.receipt", "m.presence"} <= kinds(service))
    entries = service.part("ephemeral")
    assert {e["room_id"] for e in entries if e["type"] in ("m.typing", "m.receipt")} == {room}, entries
    assert any(e["type"] == "m.typing" and e["content"]["user_ids"] == [alice.id] for e in entries), entries
    receipts = [e["content"] for e in entries if e["type"] == "m.receipt"]
    assert any(alice.id in content.get(event, {}).get("m.read", {}) for content in receipts), receipts
    assert "m.read.private" not in str(receipts), receipts

    def shown(e):
        return e["type"] == "m.presence" and e["sender"] == alice.id and e["content"].get("status_msg") == "tea"
    await eventually("the status", lambda: any(shown(e) for e in service.part("ephemeral")))
    # Typing ends, and the service is told.
    await alice.call("PUT", f"/v3/rooms/{quote(room)}/typing/{quote(alice.id)}", {"typing": False})

    def ended():
        last = [e for e in service.part("ephemeral") if e["type"] == "m.typing" and e["room_id"] == room][-1]
        return last["content"]["user_ids"] == []
    await eventually("the end of typing", ended)
    # Ghosts type, read and are present.
    bob = await service.register("bob")
    await service.join(room, bob)
    await service.call("PUT", f"/v3/rooms/{quote(room)}/typing/{quote(bob)}", {"typing": True, "timeout": 9_000}, bob)
    await service.call("POST", f"/v3/rooms/{quote(room)}/receipt/m.read/{quote(event)}", {}, bob)
    await service.call("PUT", f"/v3/presence/{quote(bob)}/status", {"presence": "online"}, bob)
    assert (await alice.call("GET", f"/v3/presence/{quote(bob)}/status"))["presence"] == "online"
    assert deaf.part("ephemeral") == [] and deaf.part("de.sorunome.msc2409.ephemeral") == []
    await end(service, alice)
    await deaf.stop()


async def devices(server):
    """MSC4190: devices made, named, used and deleted with the service's token; their messages come in transactions (MSC4203)."""
    service, alice = await started(server)
    bob = await service.register("bob")
    path = "/v3/devices/PHONE"
    await service.call("PUT", path, {"display_name": "Bridge"}, bob)
    found = await service.call("GET", "/v3/devices", user=bob)
    assert [(d["device_id"], d["display_name"]) for d in found["devices"]] == [("PHONE", "Bridge")], found
    for name in ("device_id", "org.matrix.msc3202.device_id"):
        who = await service.call("GET", "/v3/account/whoami", user=bob, **{name: "PHONE"})
        assert (who["user_id"], who["device_id"]) == (bob, "PHONE"), who
    await refused(service.call("GET", "/v3/account/whoami", user=bob, device_id="NONE"), "M_UNKNOWN_DEVICE", "M_FORBIDDEN")
    body = {"messages": {bob: {"*": {"secret": "word"}}}}
    await alice.call("PUT", "/v3/sendToDevice/org.example/1", body)
    await eventually("the message", lambda: service.part(TO_DEVICE))
    message = service.part(TO_DEVICE)[0]
    assert (message["to_user_id"], message["to_device_id"], message["sender"]) == (bob, "PHONE", alice.id), message
    assert message["type"] == "org.example" and message["content"] == {"secret": "word"}, message
    body = {"messages": {alice.id: {alice.device: {"back": 1}}}}
    await service.call("PUT", "/v3/sendToDevice/org.example/2", body, bob, device_id="PHONE")
    await service.call("DELETE", path, {}, bob)
    assert (await service.call("GET", "/v3/devices", user=bob))["devices"] == []
    # Several at once, also without user-interactive authentication.
    for name in ("ONE", "TWO"):
        await service.call("PUT", f"/v3/devices/{name}", {}, bob)
    await service.call("POST", "/v3/delete_devices", {"devices": ["ONE", "TWO"]}, bob)
    assert (await service.call("GET", "/v3/devices", user=bob))["devices"] == []
    # Appservice log-in makes a device with a token of its own, and log-out ends it.
    body = {"type": "m.login.application_service", "identifier": {"type": "m.id.user", "user": bob}, "device_id": "LOGIN"}
    session = await service.call("POST", "/v3/login", body)
    ghost = Person(server)
    ghost.token = session["access_token"]
    assert (await ghost.call("GET", "/v3/account/whoami"))["device_id"] == "LOGIN"
    await ghost.call("POST", "/v3/logout")
    await refused(ghost.call("GET", "/v3/account/whoami"), "M_UNKNOWN_TOKEN")
    await ghost.session.close()
    await end(service, alice)


async def deactivation(server):
    """A ghost is deactivated without user-interactive authentication, and gone from its rooms."""
    service, alice = await started(server)
    room, bob = await alice.create(), await service.register("bob")
    await service.join(room, bob)
    await alice.sees_state(room, "m.room.member", bob, lambda content: content["membership"] == "join")
    await service.call("POST", "/v3/account/deactivate", {}, bob)
    await alice.sees_state(room, "m.room.member", bob, lambda content: content["membership"] == "leave")
    await refused(service.say(room, "from the grave", bob), "M_USER_DEACTIVATED", "M_FORBIDDEN")
    try:
        await service.call("POST", "/v3/account/deactivate", {}, alice.id)
        raise AssertionError("deactivated a stranger")
    except Refused as refusal:
        assert refusal.status == 403, refusal
    await eventually("the leave", lambda: any(
        e.get("state_key") == bob and e["content"].get("membership") == "leave" for e in service.events()))
    await end(service, alice)


if __name__ == "__main__":
    asyncio.run(checks(namespaces, namespaces_that_others_may_use, messages_of_people, ghosts, queries, look_ups, ephemeral, devices, deactivation))
