"""As much of a TURN client (RFC 8656) as shows that a relay relays: an allocation, a permission, a datagram each way."""

import hashlib
import hmac
import os
import socket
import ssl
import struct

COOKIE = 0x2112_A442
BINDING, ALLOCATE, SEND, DATA, PERMISSION = 0x001, 0x003, 0x016, 0x017, 0x008
SUCCESS, ERROR = 0x100, 0x110
USERNAME, INTEGRITY, CODE, PEER, CONTENT, REALM, NONCE, RELAYED, TRANSPORT = 6, 8, 9, 0x12, 0x13, 0x14, 0x15, 0x16, 0x19
UDP = struct.pack(">I", 17 << 24)
WAIT_S = 30


def address(host, port):
    """The value of an attribute with an IPv4 address."""
    number = struct.unpack(">I", socket.inet_aton(host))[0]
    return struct.pack(">HHI", 1, port ^ (COOKIE >> 16), number ^ COOKIE)


def parsed_address(value):
    """Host and port of such an attribute."""
    family, port, number = struct.unpack(">HHI", value[:8])
    assert family == 1, value
    return socket.inet_ntoa(struct.pack(">I", number ^ COOKIE)), port ^ (COOKIE >> 16)


class Client:
    """A way to a relay: `udp`, `tcp` or `tls`."""

    def __init__(self, way, host, port):
        self.way, self.login, self.key = way, [], None
        kind = socket.SOCK_DGRAM if way == "udp" else socket.SOCK_STREAM
        self.socket = socket.socket(socket.AF_INET, kind)
        self.socket.settimeout(WAIT_S)
        self.socket.connect((host, port))
        if way == "tls":
            self.socket = ssl._create_unverified_context().wrap_socket(self.socket)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, kind, attributes, key=None):
        """Sends a message, with its integrity if there is a key."""
        body = b"".join(struct.pack(">HH", name, len(value)) + value + bytes(-len(value) % 4) for name, value in attributes)
        identity = os.urandom(12)
        if key:
            signed = struct.pack(">HHI", kind, len(body) + 24, COOKIE) + identity + body
            body += struct.pack(">HH", INTEGRITY, 20) + hmac.digest(key, signed, "sha1")
        self.socket.sendall(struct.pack(">HHI", kind, len(body), COOKIE) + identity + body)

    def receive(self):
        """The next message: its kind and attributes."""
        if self.way == "udp":
            message = self.socket.recv(65_536)
        else:
            message = self.exactly(20)
            message += self.exactly(struct.unpack(">H", message[2:4])[0])
        kind, at, attributes = struct.unpack(">H", message[:2])[0], 20, {}
        while at < len(message):
            name, length = struct.unpack(">HH", message[at : at + 4])
            attributes.setdefault(name, message[at + 4 : at + 4 + length])
            at += 4 + length + -length % 4
        return kind, attributes

    def exactly(self, count):
        """So many bytes of the stream."""
        data = b""
        while len(data) < count:
            more = self.socket.recv(count - len(data))
            assert more, "the relay closed the connection"
            data += more
        return data

    def ask(self, kind, attributes):
        """A request and the attributes of its success."""
        self.send(kind, [*attributes, *self.login], self.key)
        answer, found = self.receive()
        assert answer == kind | SUCCESS, (hex(answer), found)
        return found

    def allocate(self, username, password):
        """Asks for a relayed address, first without a login, which is refused with what one needs."""
        self.send(ALLOCATE, [(TRANSPORT, UDP)])
        answer, found = self.receive()
        assert answer == ALLOCATE | ERROR and found[CODE][2:4] == bytes([4, 1]), (hex(answer), found)
        self.login = [(USERNAME, username.encode()), (REALM, found[REALM]), (NONCE, found[NONCE])]
        secret = b":".join((username.encode(), found[REALM], password.encode()))
        self.key = hashlib.md5(secret).digest()  # noqa: S324 (the protocol's)
        return parsed_address(self.ask(ALLOCATE, [(TRANSPORT, UDP)])[RELAYED])

    def exchange(self, relayed, peer_host):
        """A datagram to a peer on this machine, and one back."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
            peer.settimeout(WAIT_S)
            peer.bind((peer_host, 0))
            place = address(*peer.getsockname())
            self.ask(PERMISSION, [(PEER, place)])
            self.send(SEND, [(PEER, place), (CONTENT, b"ping")])
            data, sender = peer.recvfrom(1_000)
            assert (data, sender) == (b"ping", relayed), (data, sender, relayed)
            peer.sendto(b"pong", relayed)
            kind, found = self.receive()
            assert kind == DATA and found[CONTENT] == b"pong" and found[PEER] == place, (hex(kind), found)
