"""A DNS server of the attacker's: it answers each name as an attack wants, also with something else the second time."""

import socket
import struct
import threading

A, CNAME, AAAA, SRV = 1, 5, 28, 33


def encode(name):
    return b"".join(bytes([len(part)]) + part.encode() for part in name.rstrip(".").split(".")) + b"\0"


def record(kind, value):
    if kind == A:
        return socket.inet_aton(value)
    if kind == AAAA:
        return socket.inet_pton(socket.AF_INET6, value)
    if kind == SRV:
        return struct.pack(">HHH", 0, 0, value[0]) + encode(value[1])
    return encode(value)


class NameServer:
    """`answers` has a function for each name: of the type and how often that was asked it makes (type, value) records."""

    def __init__(self, address, answers):
        self.answers, self.asked, self.counts = answers, [], {}
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((address, 53))
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            data, client = self.socket.recvfrom(4096)
            at, labels = 12, []
            while data[at]:
                labels.append(data[at + 1 : at + 1 + data[at]].decode(errors="replace").lower())
                at += data[at] + 1
            kind = struct.unpack(">H", data[at + 1 : at + 3])[0]
            name, question = ".".join(labels), data[12 : at + 5]
            self.asked.append((name, kind))
            count = self.counts[name, kind] = self.counts.get((name, kind), 0) + 1
            found = self.answers.get(name)
            records = found(kind, count) if found else []
            # A time to live of nothing: each look-up comes here.
            body = b"".join(encode(name) + struct.pack(">HHIH", k, 1, 0, len(record(k, v))) + record(k, v) for k, v in records)
            code = 0x8180 if found else 0x8183
            self.socket.sendto(data[:2] + struct.pack(">HHHHH", code, 1, len(records), 0, 0) + question + body, client)
