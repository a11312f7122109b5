"""End-to-bridge encryption: a service made with mautrix-python (libolm), which is a device by masquerading, and a user with matrix-nio.

The service never syncs. Messages to its device, changes of device lists and counts of one-time keys come in transactions alone.
"""

import asyncio
import logging
import secrets
import signal
import tempfile

import nio
from aiohttp import web
from mautrix.appservice import AppService, ASStateStore
from mautrix.client import Client
from mautrix.client.state_store import MemoryStateStore as MemoryClientStateStore
from mautrix.crypto import OlmMachine, StateStore as CryptoStateStore
from mautrix.crypto.store import MemoryCryptoStore
from mautrix.errors import SessionNotFound
from mautrix.types import EncryptionKeyAlgorithm, EventType, LoginType, Membership, MessageType, TextMessageEventContent, TrustState

from rig import checks
from cluster import free_ports
from person import Person, eventually

for noisy in ("nio", "mau"):
    logging.getLogger(noisy).setLevel(logging.CRITICAL)
ENCRYPTED = {"type": "m.room.encryption", "state_key": "", "content": {"algorithm": "m.megolm.v1.aes-sha2"}}
WITHOUT_KEYS_MAX = 45


class States(MemoryClientStateStore, ASStateStore):
    """The rooms' state as the library keeps it, in memory."""

    def __init__(self):
        MemoryClientStateStore.__init__(self)
        ASStateStore.__init__(self)


class RoomsForCrypto(CryptoStateStore):
    """What the library's encryption asks about rooms."""

    def __init__(self, states):
        self.states = states

    async def is_encrypted(self, room_id):
        return await self.states.is_encrypted(room_id)

    async def get_encryption_info(self, room_id):
        return await self.states.get_encryption_info(room_id)

    async def find_shared_rooms(self, user_id):
        return [room for room in self.states.encryption if await self.states.is_joined(room, user_id)]


class Bridge:
    """The service, put together as the library's own `bridge` package does for its encrypted mode."""

    def __init__(self, server, user="mautrixbot", msc4190=True):
        self.server, self.msc4190 = server, msc4190
        self.port, = free_ports("127.0.0.1", 1)
        self.mxid = f"@{user}:{server.name}"
        self.registration = {
            "id": "mautrix", "url": f"http://127.0.0.1:{self.port}", "as_token": "as", "hs_token": "hs",
            # As the library writes it: the bot is a user of the namespace, and the sender is another one.
            "sender_localpart": secrets.token_hex(8), "rate_limited": False,
            "de.sorunome.msc2409.push_ephemeral": True, "receive_ephemeral": True, "org.matrix.msc3202": True,
            "io.element.msc4190": msc4190,
            "namespaces": {"users": [
                {"exclusive": True, "regex": f"@mautrix_.*:{server.name}".replace(".", r"\.").replace(r"\.*", ".*")},
                {"exclusive": True, "regex": self.mxid.replace(".", r"\.")},
            ]},
        }
        self.texts, self.undecrypted, self.counts, self.tasks = [], [], [], []

    async def start(self):
        self.states = States()
        self.service = AppService(
            self.server.base, self.server.name, "as", "hs", self.mxid[1:].split(":")[0], "mautrix", state_store=self.states,
            ephemeral_events=True, encryption_events=True, bridge_name="check",
        )
        await self.service.start("127.0.0.1", self.port)
        await self.service.intent.ensure_registered()
        self.client = Client(base_url=self.server.base, mxid=self.mxid, state_store=self.states, sync_store=None)
        self.store = MemoryCryptoStore("", "pickle")
        self.crypto = OlmMachine(self.client, self.store, RoomsForCrypto(self.states))
        self.crypto.share_keys_min_trust = self.crypto.send_keys_min_trust = TrustState.UNVERIFIED
        self.service.otk_handler = self._counted
        self.service.device_list_handler = self.crypto.handle_as_device_lists
        self.service.to_device_handler = self.crypto.handle_as_to_device_event
        self.service.matrix_event_handler(self._event)
        self.client.api.token = "as"
        if self.msc4190:
            await self.client.create_device_msc4190("BRIDGE", "The bridge")
        else:
            how = {"login_type": LoginType.APPSERVICE, "device_name": "The bridge"}
            await self.client.login(**how, store_access_token=True, update_hs_url=False)
        await self.crypto.load()
        await self.store.put_device_id(self.client.device_id)
        await self.crypto.share_keys()

    async def stop(self):
        await self.service.stop()
        await self.client.api.session.close()

    async def _counted(self, counts):
        self.counts.append(counts)
        await self.crypto.handle_as_otk_counts(counts)

    async def _event(self, event):
        if event.type == EventType.ROOM_MEMBER and event.state_key == self.mxid and event.content.membership == Membership.INVITE:
            await self.service.intent.join_room_by_id(event.room_id)
        if event.type == EventType.ROOM_MEMBER:
            await self.crypto.handle_member_event(event)
        if event.type == EventType.ROOM_ENCRYPTED and event.sender != self.mxid:
            await self._decrypt(event)

    async def _decrypt(self, event):
        try:
            try:
                decrypted = await self.crypto.decrypt_megolm_event(event)
            except SessionNotFound:
                await self.crypto.wait_for_session(event.room_id, event.content.session_id, timeout=10)
                decrypted = await self.crypto.decrypt_megolm_event(event)
            self.texts.append(decrypted.content.body)
        except Exception as why:  # the check shows them all
            self.undecrypted.append(repr(why))

    async def say(self, room, text, user=None):
        """Encrypts as the bot's device and sends: as the bot, or as a ghost whose messages the bot encrypts."""
        content = TextMessageEventContent(msgtype=MessageType.TEXT, body=text)
        if not await self.store.get_outbound_group_session(room) or (await self.store.get_outbound_group_session(room)).expired:
            members = await self.service.intent.get_joined_members(room)
            people = [member for member in members if not member.startswith("@mautrix")]
            await self.crypto.share_group_session(room, people)
        encrypted = await self.crypto.encrypt_megolm_event(room, EventType.ROOM_MESSAGE, content)
        intent = self.service.intent.user(user) if user else self.service.intent
        return await intent.send_message_event(room, EventType.ROOM_ENCRYPTED, encrypted)

    async def keys_on_server(self):
        return (await self.client.upload_keys()).get(EncryptionKeyAlgorithm.SIGNED_CURVE25519, 0)


class User:
    """A person with matrix-nio, which encrypts with vodozemac."""

    @classmethod
    async def register(cls, server, name):
        self = cls()
        config = nio.AsyncClientConfig(encryption_enabled=True, store_sync_tokens=True)
        self.client = nio.AsyncClient(server.base, name, store_path=tempfile.mkdtemp(dir=server.scratch), config=config)
        answer = await self.client.register(name, "correct horse")
        assert isinstance(answer, nio.RegisterResponse), answer
        self.client.load_store()
        self.texts, self.undecrypted = [], []
        self.client.add_event_callback(lambda _, event: self.texts.append((event.sender, event.body)), nio.RoomMessageText)
        self.client.add_event_callback(lambda _, event: self.undecrypted.append(event), nio.MegolmEvent)
        await self.client.keys_upload()
        await self.client.sync(timeout=0, full_state=True)
        self.task = asyncio.create_task(self._sync())
        return self

    async def _sync(self):
        while True:
            try:
                if self.client.should_query_keys:
                    await self.client.keys_query()
                if self.client.should_upload_keys:
                    await self.client.keys_upload()
                await self.client.send_to_device_messages()
                await self.client.sync(timeout=2_000)
            except Exception:  # the server is killed by some checks
                await asyncio.sleep(0.3)

    async def say(self, room, text):
        content = {"msgtype": "m.text", "body": text}
        answer = await self.client.room_send(room, "m.room.message", content, ignore_unverified_devices=True)
        assert isinstance(answer, nio.RoomSendResponse), answer

    async def encrypted_room(self, *invited):
        answer = await self.client.room_create(invite=list(invited), initial_state=[ENCRYPTED])
        assert isinstance(answer, nio.RoomCreateResponse), answer
        room = answer.room_id
        await eventually("the room in sync", lambda: room in self.client.rooms and self.client.rooms[room].encrypted)
        return room

    async def sees_member(self, room, user):
        await eventually(f"{user} in the room", lambda: user in self.client.rooms[room].users
                         and user not in self.client.rooms[room].invited_users)

    async def stop(self):
        self.task.cancel()
        await self.client.close()


async def setup(server, **options):
    bridge = Bridge(server, **options)
    await server.add(bridge.registration)
    await bridge.start()
    user = await User.register(server, "alice")
    room = await user.encrypted_room(bridge.mxid)
    await user.sees_member(room, bridge.mxid)
    return bridge, user, room


async def hears(who, text):
    await eventually(f"{text!r}; not decrypted: {who.undecrypted}", lambda: text in str(who.texts))
    assert not who.undecrypted, who.undecrypted


async def both_ways(server):
    bridge, user, room = await setup(server)
    await user.say(room, "to the bridge")
    await hears(bridge, "to the bridge")
    await bridge.say(room, "from the bridge")
    await hears(user, "from the bridge")
    for number in range(20):
        await user.say(room, f"up {number}")
        await bridge.say(room, f"down {number}")
    await hears(bridge, "up 19")
    await hears(user, "down 19")
    assert [text for text in bridge.texts if text.startswith("up")] == [f"up {n}" for n in range(20)], bridge.texts
    # Others see the device like any other.
    assert "BRIDGE" in user.client.device_store[bridge.mxid], user.client.device_store
    await bridge.stop()
    await user.stop()


async def with_appservice_login(server):
    """As bridges did before MSC4190: the device has a token of its own, and is masqueraded as in transactions."""
    bridge, user, room = await setup(server, msc4190=False)
    await user.say(room, "to the bridge")
    await hears(bridge, "to the bridge")
    await bridge.say(room, "from the bridge")
    await hears(user, "from the bridge")
    await bridge.stop()
    await user.stop()


async def ghosts_speak(server):
    bridge, user, room = await setup(server)
    ghost = f"@mautrix_bob:{server.name}"
    intent = bridge.service.intent.user(ghost)
    invited = await user.client.room_invite(room, ghost)
    assert isinstance(invited, nio.RoomInviteResponse), invited
    await intent.ensure_joined(room)
    await user.sees_member(room, ghost)
    await bridge.say(room, "by a ghost", ghost)
    await eventually("the ghost's message", lambda: (ghost, "by a ghost") in user.texts or user.undecrypted)
    assert (ghost, "by a ghost") in user.texts, user.undecrypted
    await bridge.stop()
    await user.stop()


async def signs_its_device(server):
    """Cross-signing keys and their backup, without a password; also when they replace older ones."""
    bridge, user, room = await setup(server)
    eve = await Person.register(server, "eve")
    masters = []
    for _ in range(2):
        # The library's memory holds on to the first keys; what is checked is the server.
        bridge.store._cross_signing_keys.clear()
        assert await bridge.crypto.generate_recovery_key()
        found = await eve.call("POST", "/v3/keys/query", {"device_keys": {bridge.mxid: []}})
        masters.append(found["master_keys"][bridge.mxid]["keys"])
        signatures = found["device_keys"][bridge.mxid]["BRIDGE"]["signatures"][bridge.mxid]
        assert set(found["self_signing_keys"][bridge.mxid]["keys"]) & set(signatures), found
    assert masters[0] != masters[1], masters
    await user.say(room, "after signing")
    await hears(bridge, "after signing")
    await eve.close()
    await bridge.stop()
    await user.stop()


async def keys_run_low(server):
    """Others claim most one-time keys; the counts in transactions make the bridge upload more."""
    bridge, user, room = await setup(server)
    await eventually("keys", bridge.keys_on_server)
    before = await bridge.keys_on_server()
    eve = await Person.register(server, "eve")
    for _ in range(WITHOUT_KEYS_MAX):
        claimed = await eve.call("POST", "/v3/keys/claim", {"one_time_keys": {bridge.mxid: {"BRIDGE": "signed_curve25519"}}})
        assert claimed["one_time_keys"][bridge.mxid]["BRIDGE"], claimed
    low = await bridge.keys_on_server()
    assert low <= before - WITHOUT_KEYS_MAX, (before, low)
    # Any transaction brings the counts.
    await user.say(room, "anything")
    await hears(bridge, "anything")
    await eventually("the count in a transaction", lambda: any(
        bridge.mxid in counts and counts[bridge.mxid]["BRIDGE"].signed_curve25519 <= low for counts in bridge.counts))

    async def refilled():
        return await bridge.keys_on_server() > low + WITHOUT_KEYS_MAX // 2
    await eventually("more keys", refilled)
    await bridge.stop()
    await user.stop()
    await eve.close()


async def a_second_device_of_the_user(server):
    """The list of the user's devices changes: the bridge is told, and encrypts for the new device, too."""
    bridge, user, room = await setup(server)
    await bridge.say(room, "before")
    await hears(user, "before")
    second = User()
    config = nio.AsyncClientConfig(encryption_enabled=True, store_sync_tokens=True)
    second.client = nio.AsyncClient(server.base, user.client.user_id, store_path=tempfile.mkdtemp(dir=server.scratch), config=config)
    await second.client.login("correct horse")
    second.texts, second.undecrypted = [], []
    await second.client.keys_upload()
    await second.client.sync(timeout=0, full_state=True)
    second.client.add_event_callback(lambda _, event: second.texts.append((event.sender, event.body)), nio.RoomMessageText)
    second.client.add_event_callback(lambda _, event: second.undecrypted.append(event), nio.MegolmEvent)
    second.task = asyncio.create_task(second._sync())

    async def known():
        return second.client.device_id in (await bridge.store.get_devices(user.client.user_id) or {})
    await eventually("the new device at the bridge", known)
    # The library makes a new session for a changed list only when it syncs.
    await bridge.store.remove_outbound_group_session(room)
    await bridge.say(room, "after")
    await hears(user, "after")
    await hears(second, "after")
    await second.stop()
    await bridge.stop()
    await user.stop()


async def keys_arrive_while_the_bridge_is_away(server):
    """The room key waits with the message, also over kills of the server, and comes with it or before it."""
    bridge, user, room = await setup(server)
    await bridge.service.runner.cleanup()
    await user.say(room, "while away")
    await server.restart(signal.SIGKILL)
    await user.say(room, "after a kill")
    bridge.service.runner = web.AppRunner(bridge.service.app)
    await bridge.service.runner.setup()
    await web.TCPSite(bridge.service.runner, "127.0.0.1", bridge.port).start()
    await hears(bridge, "while away")
    await hears(bridge, "after a kill")
    assert len(bridge.texts) == 2, bridge.texts
    await bridge.stop()
    await user.stop()


if __name__ == "__main__":
    asyncio.run(checks(
        both_ways, with_appservice_login, ghosts_speak, signs_its_device, keys_run_low, a_second_device_of_the_user,
        keys_arrive_while_the_bridge_is_away,
    ))
