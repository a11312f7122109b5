#!/usr/bin/env python3
"""Structured fuzz of a running server: valid requests of every endpoint with something wrong in them.

    tests/long/fuzz.py [--seconds N] [--seed S] [--start N] [--count N]

Client, federation and admin endpoints come from docs/endpoints.txt; a homeserver of the fuzzer's own sends malformed
transactions and gives malformed answers. No request may be answered 500, make the server panic, write an error into the log, or
take its memory; every few hundred requests a bystander's message has to arrive here and at another server, and now and then the
server gets SIGKILL and must have kept what it acknowledged. Each request is made from the seed and its number, so that a finding
comes again with its --seed and --start (ids differ, as the server chooses them).
"""

import argparse
import contextlib
import http.client
import json
import os
import random
import re
import sys
import time
from pathlib import Path
from urllib.parse import quote, urlencode

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "attack"), str(HERE.parent / "interop")]

import bodies  # noqa: E402
import peers  # noqa: E402
from invariants import Invariants  # noqa: E402
from values import TEXTS, encode, identifier, mutate, raw_body  # noqa: E402
from world import World  # noqa: E402

ROOT = Path(__file__).resolve().parent.parent.parent
# Why an actor cannot go on.
GONE = (b"M_UNKNOWN_TOKEN", b"M_USER_LOCKED", b"M_USER_DEACTIVATED", b"M_USER_SUSPENDED")
CHECK_EVERY, KILL_EVERY, ANSWER_S_MAX = 250, 2_000, 30
# What tells that another server, or the disk, is at fault.
DOCUMENTED = {501, 502, 504, 507}
# These end what the fuzzer needs, or need their own kind of client.
LEFT_OUT = re.compile(r"/logout|/livekit/sfu|/relay/test")
KINDS = {
    "room_id": "room",
    "roomId": "room",
    "room": "room",
    "room_id_or_alias": "room",
    "event_id": "event",
    "eventId": "event",
    "user_id": "user",
    "user": "user",
    "device_id": "device",
    "version": "version",
    "room_alias": "alias",
    "filter_id": "filter",
    "delay_id": "session",
    "session_id": "session",
    "parent_id": "event",
}
WORDS = {
    "event_type": [
        "m.room.message",
        "m.room.topic",
        "m.room.member",
        "m.room.power_levels",
        "m.direct",
        "m.push_rules",
        "m.x",
        "m.room.create",
    ],
    "state_key": ["", "x", "@a:b"],
    "txn_id": ["1", "2", "x"],
    "transaction_id": ["1", "x"],
    "receipt_type": ["m.read", "m.read.private", "m.fully_read", "x"],
    "rel_type": ["m.thread", "m.reference", "m.annotation", "x"],
    "tag": ["m.favourite", "u.x"],
    "kind": ["content", "override", "room", "sender", "underride", "x"],
    "rule_id": ["r", ".m.rule.master", ".x"],
    "field": ["displayname", "avatar_url", "m.tz", "x"],
    "stage": ["m.login.registration_token", "x"],
    "query_type": ["profile", "x"],
    "protocol": ["irc"],
    "action": ["send", "cancel", "restart", "x"],
    "network_id": ["n"],
    "appservice_id": ["a"],
    "keyId": ["ed25519:a"],
    "token": ["fuzz", "t"],
    "id": ["1", "x"],
    "key_name": ["x"],
    "idp_id": ["x"],
    "name": ["a.png"],
    "filename": ["a.png"],
}
HEADERS = [
    ("Content-Type", "text/plain"),
    ("Content-Type", ""),
    ("Content-Type", "application/json; charset=utf-16"),
    ("Content-Encoding", "gzip"),
    ("Accept", "*/*;q=x"),
    ("Accept-Language", "x" * 9_000),
    ("Authorization", "Bearer"),
    ("Authorization", "Bearer " + "x" * 5_000),
    ("Authorization", "Basic eDp5"),
    ("X-Forwarded-For", "::1, x"),
    ("Range", "bytes=5-1,,-0"),
    ("If-None-Match", '"x"'),
    ("Expect", "100-continue"),
    ("Origin", "null"),
    ("Cookie", "a=b"),
    ("X-HTTP-Method-Override", "DELETE"),
    ("Connection", "Upgrade"),
    ("Upgrade", "websocket"),
    ("Host", "evil.example"),
    ("User-Agent", "\x7f" * 300),
    ("Accept-Encoding", "gzip, br"),
]


def endpoints():
    """Method, who may call, and path of all endpoints."""
    found = []
    for line in (ROOT / "docs" / "endpoints.txt").read_text().splitlines():
        fields = line.split()
        if fields and fields[0] in ("GET", "POST", "PUT", "DELETE") and not LEFT_OUT.search(fields[-1]):
            # The old paths lead to the same code.
            if "/r0/" not in fields[-1]:
                found.append((fields[0], fields[1], fields[-1]))
    return found


class Fuzzer:
    def __init__(self, seed):
        self.seed, self.world = seed, World(random.Random(seed))
        self.table, self.findings, self.statuses, self.broken, self.last = endpoints(), {}, {}, {}, ""
        self.slow = 0.0
        self.invariants = Invariants(self.world, self.report)
        peers.answers(random.Random(f"{seed}:answers"), self.world)

    def report(self, what, detail, where=None):
        """A finding, once for each place."""
        key = what + re.sub(r"[$!@#][^\s\"']+|[0-9a-f]*\d[0-9a-f]*", "", detail)[:160]
        if key not in self.findings:
            print(f"\nFINDING: {what}\n  seed {self.seed}, {where or self.last}\n  {detail}", flush=True)
        self.findings[key] = self.findings.get(key, 0) + 1

    # One request.

    def target(self, rng, path):
        world = self.world
        room = rng.choice(list(world.events)) if rng.random() < 0.6 else world.pick(rng, "room")
        world.place = room
        media = world.pick(rng, "mxc").removeprefix("mxc://").partition("/")
        likely = {"room_id": room, "roomId": room, "event_id": world.event_of(rng, room), "eventId": world.event_of(rng, room)}
        likely |= {"server_name": media[0], "server": media[0], "media_id": media[2], "id": media[2]}
        if rng.random() < 0.8:
            likely["user_id"] = world.remote if "/federation/v1/make_" in path else world.asker.user

        def fill(match):
            name = match[1].lstrip("*")
            if rng.random() < 0.1:
                text = rng.choice([identifier(rng, world), rng.choice(TEXTS)])[:8_000]
            elif name in likely:
                text = likely[name]
            elif name in KINDS:
                text = world.pick(rng, KINDS[name])
            elif name in WORDS:
                text = rng.choice(WORDS[name])
            else:
                text = rng.choice([world.server.name, world.strange.name, "x"])
            safe = "" if rng.random() < 0.95 else "/:@!$#"
            return quote(text, safe=safe, errors="surrogatepass").replace("#", "%23")

        target = re.sub(r"\{([^}]+)\}", fill, path)
        query = bodies.query(rng, world, path, room)
        if "/media/" in path:
            query = [pair for pair in query if pair[0] != "timeout_ms"] + [("timeout_ms", "0")]
        return target + ("?" + urlencode(query, errors="surrogatepass") if query else "")

    def body(self, rng, path):
        good = bodies.body(rng, self.world, path)
        kind = rng.random()
        if kind < 0.3:
            return encode(good), good
        if kind < 0.8:
            good = mutate(rng, self.world, good)
            return encode(good), good
        return raw_body(rng, self.world, good), good

    def step(self, number):
        rng = random.Random(f"{self.seed}:{number}")
        kind = rng.random()
        if kind < 0.12:
            target = f"/_matrix/federation/v1/send/{self.seed}-{number}-{time.time()}"
            self.federation(rng, number, "PUT", target, peers.transaction(rng, self.world), "/send/")
            return
        if kind < 0.15:
            self.federation(rng, number, "PUT", *peers.invite(rng, self.world), "/invite/")
            return
        if kind < 0.18:
            peers.handshake(rng, self.world, lambda *request: self.federation(rng, number, *request))
            return
        self.world.asker = rng.choice(self.world.actors)
        method, who, path = rng.choice(self.table)
        target = self.target(rng, path)
        raw, body = self.body(rng, path) if method != "GET" or rng.random() < 0.02 else (None, None)
        if who == "socket":
            self.last = f"request {number}: {method} {target} (admin socket) {raw!r:.1500}"
            try:
                status, answer = self.world.server.admin(method, target, raw)
            except (OSError, http.client.HTTPException) as error:
                status, answer = 0, repr(error)
            self.judge(path, method, status, answer if isinstance(answer, bytes) else json.dumps(answer).encode())
        elif who == "server":
            self.federation(rng, number, method, target, body, path, raw)
        else:
            actor = self.world.asker
            headers = {} if who == "none" and rng.random() < 0.5 else {"Authorization": f"Bearer {actor.token}"}
            self.send(number, rng, method, path, target, raw, headers, actor, body)

    def federation(self, rng, number, method, target, body, path, raw=None):
        """A request of the other homeserver's; gives what was answered."""
        header = peers.header(rng, self.world, method, target, body if method != "GET" else None)
        if raw is None and method != "GET":
            raw = encode(body)
        return self.send(number, rng, method, path, target, raw, {"Authorization": header}, None)

    def send(self, number, rng, method, path, target, raw, headers, actor, body=None):
        headers = {"Content-Type": "application/json", **headers}
        if rng.random() < 0.05:
            name, text = rng.choice(HEADERS)
            headers[name] = text
        shown = {name: text[:200] for name, text in headers.items() if name != "Authorization" or not text.startswith("Bearer")}
        self.last = f"request {number}: {method} {target:.600} {shown} {raw!r:.2000}"
        status, answer = self.exchange(method, target, raw, headers)
        self.judge(path, method, status, answer)
        found = {}
        if status in (200, 401) and len(answer) < 100_000:
            with contextlib.suppress(ValueError, RecursionError):
                found = json.loads(answer)
            self.world.learn(found)
        if actor and status == 401 and isinstance(found, dict) and isinstance(body, dict) and found.get("flows"):
            # As a client does: the same with the password, once.
            proof = {
                "type": "m.login.password",
                "identifier": {"type": "m.id.user", "user": actor.user},
                "password": "attack attack",
            }
            again = {name: part for name, part in body.items() if name != "auth"}
            status, answer = self.exchange(
                method, target, encode({**again, "auth": {**proof, "session": found.get("session")}}), headers
            )
            self.judge(path, method, status, answer)
        if actor and any(code in answer for code in GONE) and (b"SUSPENDED" in answer or actor.whoami().status != 200):
            self.world.actors[self.world.actors.index(actor)] = self.world.actor()
        return found if isinstance(found, dict) else {}

    def exchange(self, method, target, raw, headers):
        connection = getattr(self, "connection", None) or http.client.HTTPConnection(
            "127.0.0.1", self.world.server.port, timeout=ANSWER_S_MAX
        )
        self.connection = None
        begin = time.monotonic()
        try:
            try:
                connection.request(method, target, raw, headers)
            except BrokenPipeError:
                # The server has answered without reading all of the body, and closed.
                pass
            response = connection.getresponse()
            found = response.status, response.read()
            if not response.will_close:
                self.connection = connection
            return found
        except TimeoutError:
            return -1, b""
        except (OSError, http.client.HTTPException, ValueError) as error:
            connection.close()
            reason = type(error).__name__
            self.broken[reason] = self.broken.get(reason, 0) + 1
            return 0, repr(error).encode()
        finally:
            self.slow = max(self.slow, time.monotonic() - begin)

    def judge(self, path, method, status, answer):
        self.statuses[status] = self.statuses.get(status, 0) + 1
        if status == -1:
            self.report(f"no answer in {ANSWER_S_MAX} s", f"{method} {path}")
        elif status >= 500 and status not in DOCUMENTED:
            self.report(f"answered {status}", f"{method} {path}: {answer[:300]!r}")
        elif status == 0 and not self.world.server.is_alive():
            self.report("the server ended", f"{method} {path}: {answer[:300]!r}")

    def run(self, seconds, start, count):
        begin = time.monotonic()
        number = start
        while time.monotonic() - begin < seconds and (count is None or number < start + count):
            self.step(number)
            number += 1
            if number % CHECK_EVERY == 0:
                self.invariants.check()
            if number % KILL_EVERY == 0:
                self.invariants.kill()
                self.connection = None
        self.invariants.check()
        self.invariants.kill()
        self.invariants.check()
        peak, stopped = self.world.server.peak(), self.world.server.stop()
        if stopped is None or stopped > 5:
            self.report("the stop", f"took {stopped} s")
        statuses = " ".join(f"{status}:{times}" for status, times in sorted(self.statuses.items()))
        broken = " ".join(f"{reason}:{times}" for reason, times in sorted(self.broken.items()))
        print(
            f"\nseed {self.seed}: {number - start} requests, {self.invariants.count} checks, {self.invariants.kills} kills, "
            f"memory at most {peak:.0f} MiB since the last, slowest answer {self.slow:.1f} s, stop {stopped} s\n"
            f"answers {statuses}\nno answer {broken}\n{len(self.findings)} findings"
        )
        return 1 if self.findings else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=int.from_bytes(os.urandom(3), "big"))
    parser.add_argument("--start", type=int, default=0, help="the number of the first request")
    parser.add_argument("--count", type=int, help="so many requests")
    parser.add_argument("--keep", action="store_true", help="keep the server's folder")
    options = parser.parse_args()
    print(f"seed {options.seed}", flush=True)
    fuzzer = Fuzzer(options.seed)
    try:
        return fuzzer.run(options.seconds, options.start, options.count)
    finally:
        print(f"folder {fuzzer.world.server.folder}" if options.keep else "", end="")
        fuzzer.world.server.close(options.keep)


if __name__ == "__main__":
    sys.exit(main())
