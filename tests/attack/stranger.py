"""A homeserver of the attacker's: it signs requests to the server under test, and answers what that asks.

It speaks TLS with a certificate of an authority made for this run, which the server under test is told to trust. What it does not
know it answers with M_NOT_FOUND; an attack puts its own answers into `answers`.
"""

import hashlib
import http.server
import json
import socket
import socketserver
import ssl
import subprocess
import sys
import threading
import time
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "interop"))

from client import Client  # noqa: E402
from ed25519 import Key  # noqa: E402
from room import KEY, Room, canonical, event_id, redacted, unpadded, without  # noqa: E402

EXTENSIONS = """
[ca]
basicConstraints = critical, CA:true
keyUsage = critical, keyCertSign, cRLSign
[leaf]
basicConstraints = CA:false
subjectAltName = {names}
"""


def authority(folder, addresses):
    """Makes an authority, and a certificate for these addresses and for the names in `attack.example`, with openssl."""
    folder = Path(folder)
    names = ", ".join(["DNS:*.attack.example", *(f"IP:{address}" for address in addresses)])
    (folder / "extensions").write_text(EXTENSIONS.format(names=names))

    def openssl(*arguments):
        subprocess.run(["openssl", *arguments], check=True, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def certificate(name, section, *signer):
        openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", f"{name}.key")
        openssl("req", "-new", "-key", f"{name}.key", "-subj", f"/CN=attack {name}", "-out", f"{name}.csr")
        signed = [
            "-req",
            "-in",
            f"{name}.csr",
            "-days",
            "30",
            "-extfile",
            "extensions",
            "-extensions",
            section,
            "-out",
            f"{name}.pem",
        ]
        openssl("x509", *signed, *signer)

    certificate("ca", "ca", "-signkey", "ca.key")
    certificate("leaf", "leaf", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial")
    return folder / "ca.pem"


class Listener(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128
    allow_reuse_address = True

    def server_bind(self):
        """As in the parent's parent: HTTPServer would ask the DNS for the name of the address."""
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = self.server_address

    def handle_error(self, request, address):
        """The server under test hangs up when it has seen enough."""


class Stranger:
    """The homeserver. `name` is also where it listens."""

    def __init__(self, folder, address, port=None):
        with socket.socket() as free:
            free.bind((address, 0))
            port = port or free.getsockname()[1]
        # Whether answers are also given the name that was asked for.
        self.by_host = False
        self.name, self.key, self.rooms = f"{address}:{port}", Key(), {}
        self.pdus, self.edus, self.asked, self.answers, self.count, self.is_away = [], [], [], {}, 0, False
        self.lock, self.clients, self.address = threading.Lock(), {}, address
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(Path(folder) / "leaf.pem", Path(folder) / "leaf.key")
        stranger = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version, timeout, disable_nagle_algorithm = "HTTP/1.1", 60, True

            def handle_one_request(self):
                if not isinstance(self.request, ssl.SSLSocket):
                    # On this thread, so that a silent connection does not keep the others out.
                    self.request = self.connection = context.wrap_socket(self.request, server_side=True)
                    self.rfile, self.wfile = self.request.makefile("rb"), self.request.makefile("wb", 0)
                super().handle_one_request()

            def do_GET(self):
                stranger.serve(self)

            do_POST = do_PUT = do_GET

            def log_message(self, *_):
                pass

        self.listener = Listener((address, port), Handler)
        threading.Thread(target=self.listener.serve_forever, args=(0.05,), daemon=True).start()

    def stop(self):
        self.listener.shutdown()
        self.listener.server_close()

    # What is signed.

    def sign(self, value):
        return unpadded(self.key.sign(canonical(without(value, "signatures", "unsigned"))))

    def signed(self, value):
        return {**value, "signatures": {self.name: {KEY: self.sign(value)}}}

    def found(self, members=1):
        """Makes a room with so many members."""
        room = Room(self, members)
        self.rooms[room.id] = room
        return room

    def header(self, method, target, server, body=None, origin=None):
        value = {"method": method, "uri": target, "origin": origin or self.name, "destination": server}
        if body is not None:
            value["content"] = body
        parts = {"origin": origin or self.name, "destination": server, "key": KEY, "sig": self.sign(value)}
        return "X-Matrix " + ",".join(f'{key}="{text}"' for key, text in parts.items())

    # What it asks.

    def call(self, server, method, target, body=None, raw=None, signed=None):
        """A signed request. `raw` is sent instead of the body, and `signed` signed instead of it."""
        header = self.header(method, target, server.name, body if signed is None else signed)
        data = raw if raw is not None else canonical(body) if body is not None else None
        return self.clients.setdefault(server.port, Client(server.port, source=self.address)).call(
            method, target, data, {"Authorization": header}
        )

    def transaction(self, server, pdus=(), edus=()):
        self.count += 1
        body = {"origin": self.name, "origin_server_ts": int(time.time() * 1000), "pdus": list(pdus), "edus": list(edus)}
        return self.call(server, "PUT", f"/_matrix/federation/v1/send/{self.count}-{int(time.time())}", body)

    def edu(self, server, kind, content):
        return self.transaction(server, edus=[{"edu_type": kind, "content": content}])

    def join(self, server, room, user):
        """Joins a room of the server under test; gives the member event."""
        target = f"/_matrix/federation/v1/make_join/{quote(room)}/{quote(user)}?ver=10&ver=11"
        answer = self.call(server, "GET", target)
        if not answer.ok:
            raise RuntimeError(f"make_join: {answer}")
        event = {**answer.json["event"], "origin_server_ts": int(time.time() * 1000)}
        event.pop("event_id", None)
        event["hashes"] = {
            "sha256": unpadded(hashlib.sha256(canonical(without(event, "unsigned", "hashes", "signatures"))).digest())
        }
        event["signatures"] = {self.name: {KEY: self.sign(redacted(event))}}
        answer = self.call(server, "PUT", f"/_matrix/federation/v2/send_join/{quote(room)}/{quote(event_id(event))}", event)
        if not answer.ok:
            raise RuntimeError(f"send_join: {answer}")
        return event

    # What it is asked.

    def serve(self, handler):
        length = int(handler.headers.get("Content-Length") or 0)
        raw = handler.rfile.read(length)
        path = urlsplit(handler.path)
        with self.lock:
            self.asked.append((handler.command, handler.path))
        try:
            body = json.loads(raw) if raw else {}
        except ValueError:
            body = {}
        status, headers, answer = 503 if self.is_away else 200, {"Content-Type": "application/json"}, {}
        if not self.is_away:
            answer = self.answer(
                handler.command, unquote(path.path), path.query, body, handler.headers.get("Host", "").split(":")[0]
            )
        if answer is None:
            status, answer = 404, {"errcode": "M_NOT_FOUND", "error": "Not here."}
        if isinstance(answer, tuple):
            status, headers, answer = answer
        data = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        try:
            handler.send_response(status)
            for name, text in {**headers, "Content-Length": str(len(data))}.items():
                handler.send_header(name, text)
            handler.end_headers()
            handler.wfile.write(data)
        except OSError:
            handler.close_connection = True

    def answer(self, method, path, query, body, host=""):
        for start, give in self.answers.items():
            if path.startswith(start):
                return give(path, query, body, host) if self.by_host else give(path, query, body)
        federation = "/_matrix/federation"
        parts = path.split("/")
        if path.startswith("/_matrix/key/v2/server"):
            return self.keys()
        if path == federation + "/v1/version":
            return {"server": {"name": "Stranger", "version": "1"}}
        if path.startswith(federation + "/v1/send/"):
            with self.lock:
                self.pdus += body.get("pdus", [])
                self.edus += body.get("edus", [])
            return {"pdus": {}}
        if path.startswith(federation + "/v1/make_join/") and parts[5] in self.rooms:
            return self.make_join(self.rooms[parts[5]], parts[6])
        if path.startswith(federation + "/v2/send_join/") and parts[5] in self.rooms:
            return self.send_join(self.rooms[parts[5]], body)
        if path.startswith(federation + "/v1/event/"):
            for room in self.rooms.values():
                if parts[5] in room.place:
                    return {"origin": self.name, "origin_server_ts": 1, "pdus": [room.events[room.place[parts[5]]]]}
        return None

    def keys(self):
        return self.signed(
            {
                "server_name": self.name,
                "verify_keys": {KEY: {"key": unpadded(self.key.public)}},
                "old_verify_keys": {},
                "valid_until_ts": int(time.time() * 1000) + 86_400_000,
            }
        )

    @staticmethod
    def make_join(room, user):
        return {
            "room_version": "11",
            "event": {
                "type": "m.room.member",
                "sender": user,
                "state_key": user,
                "room_id": room.id,
                "content": {"membership": "join"},
                "depth": room.depth,
                "prev_events": room.heads,
                "auth_events": room.entry,
                "origin_server_ts": int(time.time() * 1000),
            },
        }

    def send_join(self, room, event):
        state = room.state_before(len(room.events))
        answer = {"origin": self.name, "state": state, "auth_chain": room.auth_chain(state), "event": event}
        room.take(event)
        return answer

    def bodies(self):
        """The texts of all messages that have arrived."""
        with self.lock:
            return [pdu.get("content", {}).get("body") for pdu in self.pdus]

    def eventually(self, reached, seconds=15):
        """Waits until something is true; returns whether it became so."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if reached():
                return True
            time.sleep(0.05)
        return bool(reached())
