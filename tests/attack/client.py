"""Requests to the server, one at a time or held open; all on the standard library."""

import http.client
import json
import secrets
import socket
import threading
import time
from urllib.parse import quote, urlencode

V3 = "/_matrix/client/v3"


class Answer:
    """A response: `status` is 0 if the connection broke."""

    def __init__(self, status, raw=b"", headers=None):
        self.status, self.raw, self.headers = status, raw, headers or {}

    @property
    def ok(self):
        return self.status == 200

    @property
    def json(self):
        try:
            return json.loads(self.raw)
        except ValueError:
            return {}

    def __repr__(self):
        return f"{self.status} {self.raw[:200]!r}"


class Client:
    """A client with a token, or a stranger without one. Each thread has a connection of its own."""

    def __init__(self, port, token=None, user=None, source=None, timeout=60):
        self.port, self.token, self.user, self.source, self.timeout = port, token, user, source, timeout
        self.own, self.count = threading.local(), 0

    def connect(self):
        source = (self.source, 0) if self.source else None
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=self.timeout, source_address=source)

    def close(self):
        """Closes this thread's connection."""
        if connection := getattr(self.own, "connection", None):
            connection.close()
        self.own.connection = None

    def call(self, method, path, body=None, headers=None, query=None, timeout=None):
        """One request. `body` is JSON, or bytes that are sent as they are. A connection that was closed is made anew, once."""
        target = path + ("?" + urlencode(query) if query else "")
        raw = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        if raw is None and method in ("POST", "PUT"):
            raw = b"{}"
        sent = {"Content-Type": "application/json", **(headers or {})}
        if self.token:
            sent.setdefault("Authorization", f"Bearer {self.token}")
        for attempt in range(2):
            fresh = getattr(self.own, "connection", None) is None
            if fresh:
                self.own.connection = self.connect()
            connection = self.own.connection
            try:
                if connection.sock is None:
                    connection.connect()
                connection.sock.settimeout(timeout or self.timeout)
                connection.request(method, target, raw, sent)
                response = connection.getresponse()
                return Answer(response.status, response.read(), {k.lower(): v for k, v in response.getheaders()})
            except (OSError, http.client.HTTPException):
                self.close()
                if fresh or attempt:
                    return Answer(0)

    def must(self, method, path, body=None, **more):
        """One request that has to succeed: what it sets up is not under test. Waits where the server asks for it."""
        for _ in range(100):
            answer = self.call(method, path, body, **more)
            if answer.status != 429:
                break
            time.sleep(min(answer.json.get("retry_after_ms", 1000), 5000) / 1000)
        if not answer.ok:
            raise RuntimeError(f"{method} {path}: {answer}")
        return answer.json

    def txn(self):
        self.count += 1
        return f"{self.count}-{secrets.token_hex(3)}"

    # What clients do.

    def room(self, **more):
        return self.must("POST", V3 + "/createRoom", {"preset": "public_chat", "room_version": "11", **more})["room_id"]

    def join(self, room, via=None):
        query = [("server_name", via), ("via", via)] if via else None
        return self.call("POST", f"{V3}/join/{quote(room)}", {}, query=query)

    def send(self, room, content, kind="m.room.message"):
        return self.call("PUT", f"{V3}/rooms/{quote(room)}/send/{kind}/{self.txn()}", content)

    def say(self, room, text):
        return self.send(room, {"msgtype": "m.text", "body": text})

    def to_device(self, messages, kind="m.attack"):
        return self.call("PUT", f"{V3}/sendToDevice/{kind}/{self.txn()}", {"messages": messages})

    def account_data(self, kind, content):
        return self.call("PUT", f"{V3}/user/{quote(self.user)}/account_data/{kind}", content)

    def sync(self, since=None, timeout=0, **query):
        query = {"timeout": timeout, **({"since": since} if since else {}), **query}
        return self.call("GET", V3 + "/sync", query=query)

    def whoami(self):
        return self.call("GET", V3 + "/account/whoami")


def raw_request(method, path, body=b"", token=None, headers=()):
    """The bytes of a request, for sockets that a script holds itself."""
    lines = [
        f"{method} {path} HTTP/1.1",
        "Host: attack",
        f"Content-Length: {len(body)}",
        "Content-Type: application/json",
        *headers,
    ]
    if token:
        lines.append(f"Authorization: Bearer {token}")
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def connection(port, source=None, timeout=10):
    return socket.create_connection(("127.0.0.1", port), timeout, (source, 0) if source else None)


def slow_body(port, path, size, missing=200, token=None, method="POST", source=None):
    """A connection with a request all of whose body but the last bytes is sent; None if the server does not take it.

    Of a server that stops to read, no more is asked than what it reads within a second.
    """
    try:
        held = connection(port, source)
        held.settimeout(1)
        body = b'{"pad":"' + b"x" * (size - 8)
        held.sendall(raw_request(method, path, body, token)[:-missing])
        return held
    except OSError:
        return None


def is_open(held):
    """Whether the server still waits at the other end of a connection: neither an answer nor an end came."""
    held.setblocking(False)
    try:
        return not held.recv(1, socket.MSG_PEEK) and False
    except BlockingIOError:
        return True
    except OSError:
        return False


def run_all(tasks, threads=8):
    """Runs functions on some threads, and gives what they return, in order."""
    results, numbers, lock = [None] * len(tasks), iter(range(len(tasks))), threading.Lock()

    def work():
        while True:
            with lock:
                number = next(numbers, None)
            if number is None:
                return
            results[number] = tasks[number]()

    workers = [threading.Thread(target=work, daemon=True) for _ in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return results
