#!/usr/bin/env python3
"""Real clients at Hearth, one after the other. tests/clients/run has the words about it."""

import argparse
import http.client
import json
import struct
import sys
import tempfile
import traceback
import zlib
from pathlib import Path

from desktop import Neochat, Nheko, Quaternion
from home import PASSWORD, Home, Peer, until, wait
from web import Cinny

from cluster import Authority, Synapse

CLIENTS = {kind.__name__.lower(): kind for kind in (Nheko, Quaternion, Neochat, Cinny)}
HISTORY = 20
BERT = {"username": "bert", "password": PASSWORD, "auth": {"type": "m.login.dummy"}}
# A color that no client has of its own, and the size of a picture of it.
PAINT, PAINT_SIZE = (199, 21, 133), (160, 120)


class Meeting:
    """A client, and at the other end a peer who shares a room with its user."""

    def __init__(self, client, home):
        self.client, self.home, self.peer = client, home, Peer(home, "anna")
        self.user, self.token = call(home, "POST", "register", BERT, "user_id", "access_token")
        self.family = self.room("Family")
        for number in range(1, HISTORY + 1):
            self.peer.sends(self.family, f"message {number}")

    def room(self, name, encrypted=False):
        room = self.peer.room(name, self.user, encrypted)
        call(self.home, "POST", f"join/{room}", {}, token=self.token)
        return room

    def talk(self, room, word, encrypted=False):
        """A message each way."""
        self.peer.sends(room, f"{word} for bert")
        self.client.shows(f"{word} for bert")
        self.client.writes(f"{word} for anna")
        self.peer.hears(room, f"{word} for anna", encrypted)

    def login(self):
        self.client.start()
        self.client.log_in(self.user, PASSWORD)
        until("the login", lambda: self.client.gateway.count("POST", "/login"))

    def rooms(self):
        self.client.ready()
        self.client.opens("Family", self.family)
        self.client.shows(f"message {HISTORY}")

    def messages(self):
        self.talk(self.family, "walnut")

    def picture(self):
        """A picture, which the client fetches and shows."""
        medium = self.peer.sends_picture(self.family, png(PAINT, PAINT_SIZE), PAINT_SIZE)
        until("the client fetches the picture", lambda: self.client.gateway.count("GET", medium))
        until("the client shows the picture", lambda: self.client.paints(PAINT, PAINT_SIZE))

    def server_restart(self):
        wait(self.home.restart())
        self.talk(self.family, "pepper")

    def client_restart(self):
        self.client.restart()
        self.rooms()
        self.client.shows("pepper for anna")
        self.talk(self.family, "lemon")
        assert self.client.gateway.count("POST", "/login") == 1, "it had to log in again"

    def encrypted(self):
        if not self.client.encrypts:
            return "skipped: this client does not encrypt"
        room = self.room("Secret", encrypted=True)
        self.client.opens("Secret", room)
        # Until then nothing can be encrypted to a device that has just logged in.
        until("the client has one-time keys", lambda: any(map(has_keys, self.client.gateway.uploads)))
        self.talk(room, "garlic", encrypted=True)

    def pages(self):
        """The other pages that the client has, as far as it can be led there; each asks the server for something of its own."""
        return self.client.wanders()

    STEPS = (login, rooms, messages, picture, server_restart, client_restart, encrypted, pages)


def png(color, size):
    """A picture of one color."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    lines = (b"\0" + bytes(color) * size[0]) * size[1]
    head = struct.pack(">IIBBBBB", *size, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(lines)) + chunk(b"IEND", b"")


def has_keys(uploaded):
    """Whether the answer to an upload of keys counts one-time keys."""
    return any(uploaded.get("one_time_key_counts", {}).values())


def call(home, method, path, body, *wanted, token=None):
    """One request to a server: what is wanted of the answer, or else its status and error code."""
    connection = http.client.HTTPConnection(home.address, home.client_port, timeout=30)
    headers = {"Content-Type": "application/json", **({"Authorization": f"Bearer {token}"} if token else {})}
    connection.request(method, path if path.startswith("/") else f"/_matrix/client/v3/{path}", json.dumps(body), headers)
    answer = connection.getresponse()
    body = json.loads(answer.read() or b"{}")
    connection.close()
    if not wanted:
        return answer.status, body.get("errcode")
    return [body[key] for key in wanted]


def meet(name, folder, authority, pictures, every):
    """Goes through all steps with a client; gives what failed, and what the server did not recognize.

    `pictures` is the folder for a picture of the screen at what fails, or after `every` step."""
    folder.mkdir()
    home, failed = Home(folder / "hearth", authority), []
    wait(home.start())
    client = CLIENTS[name](folder / "client", home)
    try:
        meeting = Meeting(client, home)
        for step in Meeting.STEPS:
            try:
                print(f"  {step.__name__:16} {step(meeting) or 'ok'}", flush=True)
                if every:
                    client.picture(pictures / f"{name}-{Meeting.STEPS.index(step) + 1}-{step.__name__}.png")
            except Exception:  # noqa: BLE001 - whatever it is, the next client is tried
                failed.append(f"{name} {step.__name__}")
                picture = pictures / f"{name}.png"
                client.picture(picture)
                client.keeps_output(pictures / f"{name}.txt")
                print(f"  {step.__name__:16} FAILED: {traceback.format_exc(limit=-3)}  see {picture}", flush=True)
                break
        meeting.peer.close()
    finally:
        client.close()
        home.close()
    refused = sorted({repr(one) for one in client.gateway.seen if one.code})
    print(f"  {len(client.gateway.seen)} requests; refused: {', '.join(refused) or 'none'}")
    return failed, client.gateway.unrecognized()


def against_synapse(unrecognized, folder, authority):
    """Of the requests that Hearth does not recognize, those that Synapse does."""
    synapse = Synapse(folder / "synapse", "127.0.0.2", authority)
    wait(synapse.start())
    try:
        (token,) = call(synapse, "POST", "register", BERT, "access_token")
        answers = {one: call(synapse, *one, {}, token=token) for one in unrecognized}
    finally:
        wait(synapse.stop())
    for (method, path), answer in answers.items():
        print(f"  {method} {path}: not recognized by Hearth; Synapse: {answer[0]} {answer[1] or ''}")
    return [f"{method} {path}" for (method, path), (_, code) in answers.items() if code != "M_UNRECOGNIZED"]


def main():
    words = argparse.ArgumentParser()
    words.add_argument("names", nargs="*", help=f"which clients of {', '.join(CLIENTS)} (all)")
    words.add_argument("--pictures", type=Path, metavar="FOLDER", help="keep a picture of the screen after every step")
    given = words.parse_args()
    names = given.names or list(CLIENTS)
    if unknown := set(names) - set(CLIENTS):
        words.error(f"no such client: {', '.join(unknown)}")
    failed, unrecognized = [], set()
    pictures = given.pictures or Path(tempfile.mkdtemp(prefix="hearth-clients-"))
    pictures.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        authority = Authority(folder)
        for name in names:
            if missing := CLIENTS[name].missing():
                print(f"{name}: SKIPPED, needs {', '.join(missing)}", flush=True)
                continue
            print(name, flush=True)
            bad, unknown = meet(name, folder / name, authority, pictures, given.pictures)
            failed += bad
            unrecognized |= set(unknown)
        if unrecognized:
            failed += against_synapse(sorted(unrecognized), folder, authority)
    print(f"failed: {', '.join(failed)}" if failed else "all well")
    if not any(pictures.iterdir()):
        pictures.rmdir()
    sys.exit(bool(failed))


if __name__ == "__main__":
    main()
