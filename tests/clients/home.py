"""The server under test, its gateway, and the person at the other end of each conversation: an end-to-end encrypting nio client."""

import asyncio
import io
import logging
import sys
import threading
import time
from pathlib import Path

import nio

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "interop"))
from cluster import Hearth  # noqa: E402
from gateway import Gateway  # noqa: E402

# It warns of each request that has to wait for the server to come back.
logging.getLogger("nio").setLevel(logging.CRITICAL)
PASSWORD = "correct-horse"
LOOP = asyncio.new_event_loop()
threading.Thread(target=LOOP.run_forever, daemon=True).start()


def wait(coroutine, seconds=120):
    """What a coroutine returns, for code that is not asynchronous."""
    return asyncio.run_coroutine_threadsafe(coroutine, LOOP).result(seconds)


def until(what, probe, seconds=60):
    """Waits for a condition."""
    end = time.monotonic() + seconds
    while not (found := probe()):
        if time.monotonic() > end:
            raise AssertionError(f"not within {seconds} s: {what}")
        time.sleep(0.1)
    return found


class Home(Hearth):
    """A Hearth behind a gateway with TLS."""

    def __init__(self, folder, authority):
        super().__init__(folder, "127.0.0.1", authority)
        port = int(self.name.rsplit(":", 1)[1])
        self.tls = Gateway(port, self.client_port, (self.certificate, self.key))

    def environment(self):
        return {**super().environment(), "HS_PUBLIC_BASEURL": f"https://{self.name}"}

    def close(self):
        wait(self.stop())
        self.tls.shutdown()
        self.tls.server_close()


class Peer:
    """A user who writes, and keeps what was written to them, by room."""

    def __init__(self, home, name):
        folder = home.folder / name
        folder.mkdir()
        config = nio.AsyncClientConfig(store_sync_tokens=False, encryption_enabled=True)
        self.heard_in, self.unread, self.client = {}, [], None
        wait(self._start(home, name, folder, config))

    async def _start(self, home, name, folder, config):
        self.client = nio.AsyncClient(home.base, f"@{name}:{home.name}", store_path=str(folder), config=config)
        answer = await self.client.register(name, PASSWORD)
        assert isinstance(answer, nio.RegisterResponse), answer
        self.client.load_store()
        self.id = self.client.user_id
        self.client.add_event_callback(self._hear, nio.RoomMessageText)
        self.client.add_event_callback(self._cannot_read, nio.MegolmEvent)
        await self.client.sync(timeout=0, full_state=True)
        self.task = asyncio.create_task(self._sync())

    async def _sync(self):
        while True:
            try:
                await self.client.sync(timeout=5000)
                await self._read_again()
                if self.client.should_upload_keys:
                    await self.client.keys_upload()
                if self.client.should_query_keys:
                    await self.client.keys_query()
                await self.client.send_to_device_messages()
            except Exception:  # noqa: BLE001 - the server is restarted under it
                await asyncio.sleep(0.3)

    async def _hear(self, room, event):
        if event.sender != self.id:
            self.heard_in.setdefault(room.room_id, []).append((event.body, event.decrypted))

    async def _cannot_read(self, room, event):
        self.unread.append((room, event))

    async def _read_again(self):
        """Reads what came before its key. Some clients send a message and its key at once, and nio tries only once."""
        waiting, self.unread = self.unread, []
        for room, event in waiting:
            try:
                read = self.client.decrypt_event(event)
            except nio.EncryptionError:
                self.unread.append((room, event))
            else:
                await self._hear(room, read)

    def close(self):
        LOOP.call_soon_threadsafe(self.task.cancel)
        wait(self.client.close())

    def room(self, name, guest, encrypted=False):
        """A room with a guest, who is only invited."""
        state = [{"type": "m.room.encryption", "state_key": "", "content": {"algorithm": "m.megolm.v1.aes-sha2"}}] if encrypted else []
        answer = wait(self.client.room_create(name=name, invite=[guest], preset=nio.RoomPreset.private_chat, initial_state=state))
        assert isinstance(answer, nio.RoomCreateResponse), answer
        return answer.room_id

    def sends(self, room, text):
        until(f"the peer knows {room}", lambda: room in self.client.rooms)
        content = {"msgtype": "m.text", "body": text}
        answer = wait(self.client.room_send(room, "m.room.message", content, ignore_unverified_devices=True))
        assert isinstance(answer, nio.RoomSendResponse), answer

    def sends_picture(self, room, png, size):
        """Sends a picture, whose size is in pixels; gives its media ID."""
        uploaded, _ = wait(self.client.upload(io.BytesIO(png), "image/png", "paint.png", filesize=len(png)))
        assert isinstance(uploaded, nio.UploadResponse), uploaded
        info = {"mimetype": "image/png", "size": len(png), "w": size[0], "h": size[1]}
        content = {"msgtype": "m.image", "body": "paint.png", "url": uploaded.content_uri, "info": info}
        answer = wait(self.client.room_send(room, "m.room.message", content))
        assert isinstance(answer, nio.RoomSendResponse), answer
        return uploaded.content_uri.rsplit("/", 1)[1]

    def hears(self, room, text, encrypted=False, seconds=60):
        until(f"{text!r} comes from the client", lambda: (text, encrypted) in self.heard_in.get(room, []), seconds)
