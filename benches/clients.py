#!/usr/bin/env python3
"""Measures what waiting and returning clients cost a running homeserver, through the client-server API alone.

    benches/clients.py rooms --base URL --pid PID --secret S [--rooms 500]    sliding sync of an account in many rooms
    benches/clients.py polls --base URL --pid PID --secret S [--polls 5000]   idle long polls of /sync and of sliding sync

`--secret` is Synapse's registration_shared_secret, which tests/rig/start sets for Hearth. CPU is that of the process and its
threads, from the scheduler's nanoseconds. Prints one JSON object. Compare two servers on one machine with nothing else running, and
quote ratios.
"""
import argparse, asyncio, hashlib, hmac, json, os, time
from pathlib import Path
from urllib.parse import quote, urlsplit

SLIDING = "/_matrix/client/unstable/org.matrix.simplified_msc3575/sync"
V3 = "/_matrix/client/v3"


class Connection:
    """One kept-alive HTTP/1.1 connection."""

    def __init__(self, base, token=None):
        self.host, self.port, self.token, self.streams = base.hostname, base.port, token, None

    async def send(self, method, path, body=None):
        if self.streams is None:
            self.streams = await asyncio.open_connection(self.host, self.port, limit=2**26)
        data = b"" if body is None else json.dumps(body).encode()
        head = f"{method} {path} HTTP/1.1\r\nHost: {self.host}:{self.port}\r\nContent-Length: {len(data)}\r\n"
        if self.token:
            head += f"Authorization: Bearer {self.token}\r\n"
        self.streams[1].write(head.encode() + b"Content-Type: application/json\r\n\r\n" + data)

    async def answer(self):
        reader = self.streams[0]
        status, length, chunked = int((await reader.readline()).split()[1]), 0, False
        while line := (await reader.readline()).strip().lower():
            if line.startswith(b"content-length:"):
                length = int(line.split(b":")[1])
            chunked |= line.startswith(b"transfer-encoding:")
        data = b""
        if chunked:
            while size := int(await reader.readline(), 16):
                data += await reader.readexactly(size)
                await reader.readline()
            await reader.readline()
        else:
            data = await reader.readexactly(length)
        assert status == 200, f"{status}: {data[:300]}"
        return json.loads(data)

    async def call(self, method, path, body=None):
        if self.streams and self.streams[0].at_eof():
            # The server has closed a connection that did nothing.
            self.streams = None
        await self.send(method, path, body)
        return await self.answer()


class Server:
    def __init__(self, arguments):
        self.base, self.pid, self.secret = urlsplit(arguments.base), arguments.pid, arguments.secret
        self.run = f"{time.time_ns() % 10**9}"

    async def register(self, name):
        name = f"{name}{self.run}"
        anonymous = Connection(self.base)
        nonce = (await anonymous.call("GET", "/_synapse/admin/v1/register"))["nonce"]
        mac = hmac.new(self.secret.encode(), "\0".join([nonce, name, "secret-of-bench", "notadmin"]).encode(), hashlib.sha1).hexdigest()
        body = {"nonce": nonce, "username": name, "password": "secret-of-bench", "mac": mac}
        answer = await anonymous.call("POST", "/_synapse/admin/v1/register", body)
        anonymous.token, anonymous.user = answer["access_token"], answer["user_id"]
        return anonymous

    async def login(self, user):
        """Another device of a user."""
        other = Connection(self.base)
        body = {"type": "m.login.password", "identifier": {"type": "m.id.user", "user": user}, "password": "secret-of-bench"}
        other.token, other.user = (await other.call("POST", f"{V3}/login", body))["access_token"], user
        return other

    def cpu_ms(self):
        total = 0
        for task in Path(f"/proc/{self.pid}/task").iterdir():
            try:
                total += int((task / "schedstat").read_text().split()[0])
            except OSError:
                pass  # The thread has ended.
        return total / 1e6

    def rss_kib(self):
        lines = Path(f"/proc/{self.pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS"))


def list_request(conn_id, last, pos=None, timeout=0):
    """What Element X asks for, in its parts that cost."""
    state = [[kind, ""] for kind in ("m.room.name", "m.room.avatar", "m.room.topic", "m.room.encryption", "m.room.create", "m.room.power_levels",
                                     "m.room.canonical_alias", "m.room.join_rules", "m.room.pinned_events", "m.room.tombstone")]
    body = {
        "conn_id": conn_id,
        "lists": {"all": {"ranges": [[0, last]], "timeline_limit": 1, "required_state": [*state, ["m.room.member", "$LAZY"], ["m.room.member", "$ME"]]}},
        "extensions": {name: {"enabled": True} for name in ("to_device", "e2ee", "account_data", "receipts", "typing")},
    }
    query = f"?timeout={timeout}&set_presence=offline" + (f"&pos={quote(pos)}" if pos else "")
    return "POST", SLIDING + query, body


async def message(sender, room, text):
    return await sender.call("PUT", f"{V3}/rooms/{quote(room)}/send/m.room.message/{time.time_ns()}", {"msgtype": "m.text", "body": text})


async def rooms(server, count):
    alice, bob = await server.register("alice"), await server.register("bob")
    ids = []
    for number in range(count):
        body = {"preset": "public_chat", "name": f"Room {number}"}
        ids.append((await bob.call("POST", f"{V3}/createRoom", body))["room_id"])
        await alice.call("POST", f"{V3}/join/{quote(ids[-1])}", {})
        await message(bob, ids[-1], "Hello.")
    await asyncio.sleep(3)
    figures = {}

    async def timed(name, times, prepare, action):
        spent = taken = 0.0
        for number in range(times):
            await prepare(number)
            before, start = server.cpu_ms(), time.perf_counter()
            await action(number)
            taken += (time.perf_counter() - start) * 1000
            spent += server.cpu_ms() - before
        figures[name] = {"cpu_ms": round(spent / times, 3), "wall_ms": round(taken / times, 3)}

    async def nothing(_):
        pass

    seen = {}

    async def first(number, last=count - 1):
        seen["first"] = await alice.call(*list_request(f"conn{number % 4}", last))

    async def first_twenty(number):
        await first(number, 19)

    async def again(_):
        seen["pos"] = (await alice.call(*list_request("conn0", count - 1, seen["pos"])))["pos"]

    async def speak(number):
        await message(bob, ids[number * 37 % count], "News.")
        await asyncio.sleep(0.1)

    async def heard(number):
        answer = await alice.call(*list_request("conn0", count - 1, seen["pos"], timeout=5000))
        seen["pos"] = answer["pos"]
        assert ids[number * 37 % count] in answer["rooms"], answer

    await timed("first_20_rooms", 10, nothing, first_twenty)
    await timed("first_all_rooms", 5, nothing, first)
    await first(0)
    seen["pos"] = seen["first"]["pos"]
    assert len(seen["first"]["rooms"]) == count, len(seen["first"]["rooms"])
    await timed("no_news", 200, nothing, again)
    await timed("one_message", 50, speak, heard)
    return {"rooms": count, **figures}


async def polls(server, count, seconds=20):
    users = [await server.register(f"user{number}") for number in range(20)]
    room = (await users[0].call("POST", f"{V3}/createRoom", {"preset": "public_chat"}))["room_id"]
    for user in users[1:]:
        await user.call("POST", f"{V3}/join/{quote(room)}", {})
    await asyncio.sleep(3)
    empty = server.rss_kib()
    figures = {"polls": count, "idle_rss_mib": round(empty / 1024, 1)}
    for kind in ("sync", "sliding"):
        devices = [await server.login(users[number % len(users)].user) for number in range(count)]
        waits = []
        for device in devices:
            if kind == "sync":
                since = (await device.call("GET", f"{V3}/sync?timeout=0&set_presence=offline"))["next_batch"]
                waits.append(("GET", f"{V3}/sync?timeout=600000&set_presence=offline&since={quote(since)}", None))
            else:
                pos = (await device.call(*list_request("main", 19)))["pos"]
                # What came with the first answer is not news.
                pos = (await device.call(*list_request("main", 19, pos)))["pos"]
                waits.append(list_request("main", 19, pos, timeout=600000))
        await asyncio.sleep(5)
        connected = server.rss_kib()
        for device, wait in zip(devices, waits):
            if device.streams[0].at_eof():
                device.streams = None
            await device.send(*wait)
        await asyncio.sleep(5)
        waiting, cpu = server.rss_kib(), server.cpu_ms()
        await asyncio.sleep(seconds)
        idle = (server.cpu_ms() - cpu) / seconds
        start, cpu = time.perf_counter(), server.cpu_ms()
        answers = asyncio.gather(*(device.answer() for device in devices))
        await message(users[0], room, "Wake up.")
        answers = await answers
        early = [answer for answer in answers if room not in json.dumps(answer)]
        assert not early, f"{len(early)} polls of {kind} were answered before there was a message: {early[0]}"
        figures[kind] = {
            # Of the poll alone, and with its connection, its device and what the server's caches hold of them.
            "kib_per_poll": round((waiting - connected) / count, 2), "kib_above_idle": round((waiting - empty) / count, 2),
            "rss_mib": round(waiting / 1024, 1), "idle_cpu_ms_per_s": round(idle, 3), "wake_all_s": round(time.perf_counter() - start, 3),
            "wake_cpu_ms_per_poll": round((server.cpu_ms() - cpu) / count, 3),
        }
        for device in devices:
            device.streams[1].close()
        await asyncio.sleep(2)
    return figures


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["rooms", "polls"])
    parser.add_argument("--base", required=True)
    parser.add_argument("--pid", type=int, required=True)
    parser.add_argument("--secret", required=True)
    parser.add_argument("--rooms", type=int, default=500)
    parser.add_argument("--polls", type=int, default=5000)
    arguments = parser.parse_args()
    server = Server(arguments)
    measured = rooms(server, arguments.rooms) if arguments.what == "rooms" else polls(server, arguments.polls)
    print(json.dumps(asyncio.run(measured), indent=1))


main()
