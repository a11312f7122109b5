#!/usr/bin/env python3
"""Notifications through a gateway that fails a third of the time, to a server that is killed meanwhile.

    tests/long/pushes.py [--messages N] [--pushers N] [--kills N] [--seed N]

Each message must be delivered to each pusher once, or after a kill at most once more; none may be lost, and the first
deliveries must be in order. Prints the figures, and ends with exit code 1 if a promise is broken. The binary is
HEARTH_BIN, or target/debug/hearth.
"""

import argparse
import collections
import http.server
import json
import random
import sys
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "attack"))

from client import V3, Client  # noqa: E402
from server import Server  # noqa: E402

SETTINGS = """
[rate_limits]
enabled = false

[push]
allowed_ranges = ["127.0.0.0/8"]
"""
# From one kill to the next, in seconds: what was sent again after the first is recorded before the second.
BETWEEN_S = 4
# How long all may take, in seconds: each failure costs a second at least, and a thousand messages have five hundred each.
PATIENCE_S = 2400


class Gateway:
    """A push gateway that takes two of three notifications."""

    def __init__(self, seed):
        self.lock, self.random = threading.Lock(), random.Random(seed)
        self.taken, self.order, self.failed = collections.Counter(), collections.defaultdict(list), 0
        gateway = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                gateway.answer(self, json.loads(body)["notification"])

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        # Connections break when the server is killed.
        self.server.handle_error = lambda *_: None
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}/_matrix/push/v1/notify"

    def answer(self, handler, notice):
        with self.lock:
            kind = self.random.choice(["taken"] * 6 + ["status", "garbage", "cut"])
            if kind == "taken" and "content" in notice:
                key, text = notice["devices"][0]["pushkey"], notice["content"]["body"]
                self.taken[key, text] += 1
                if self.taken[key, text] == 1:
                    self.order[key].append(text)
            self.failed += kind != "taken"
        if kind == "cut":
            handler.close_connection = True
            return
        body = b"<html>" if kind == "garbage" else b'{"rejected": []}' if kind == "taken" else b"{}"
        try:
            handler.send_response(self.random.choice([429, 500, 502, 503]) if kind == "status" else 200)
            handler.send_header("Content-Length", str(len(body)))
            handler.end_headers()
            handler.wfile.write(body)
        except OSError:
            # The server was killed before the answer: it counts as taken, and may come once more.
            pass


def set_up(server, gateway, pushers):
    """The sender and the room; each reader is in it with a pusher."""
    sender = server.user("sender")
    room = sender.room()
    for number in range(pushers):
        reader = server.user(f"reader{number}")
        reader.join(room)
        pusher = {
            "pushkey": f"key{number}",
            "kind": "http",
            "app_id": "org.example",
            "app_display_name": "App",
            "device_display_name": "Phone",
            "lang": "en",
            "data": {"url": gateway.url},
        }
        reader.must("POST", V3 + "/pushers/set", pusher)
    return sender, room


def say(server, sender, room, number):
    """Sends a message, again if the server died before its answer: the transaction id is the same."""
    path = f"{V3}/rooms/{room}/send/m.room.message/m{number}"
    for _ in range(600):
        client = Client(server.port, sender.token, sender.user, timeout=10)
        if client.call("PUT", path, {"msgtype": "m.text", "body": str(number)}).ok:
            return
        time.sleep(0.1)
    raise RuntimeError(f"message {number} was not accepted")


def run(options, server, gateway):
    sender, room = set_up(server, gateway, options.pushers)
    done = threading.Event()

    def speak():
        for number in range(options.messages):
            say(server, sender, room, number)
        done.set()

    begin = time.monotonic()
    threading.Thread(target=speak, daemon=True).start()
    wanted, kills, last = options.messages * options.pushers, 0, time.monotonic()
    end = time.monotonic() + PATIENCE_S + options.kills * BETWEEN_S
    while time.monotonic() < end and not (done.is_set() and len(gateway.taken) >= wanted):
        time.sleep(0.05)
        if kills < options.kills and time.monotonic() - last > BETWEEN_S + gateway.random.random():
            server.kill()
            server.start()
            kills, last = kills + 1, time.monotonic()
    seconds = time.monotonic() - begin
    # Anything that came twice without need would come now.
    time.sleep(2)
    counts = collections.Counter(gateway.taken.values())
    in_order = [key for key, texts in gateway.order.items() if texts == [str(n) for n in range(options.messages)]]
    return {
        "messages": options.messages,
        "pushers": options.pushers,
        "kills": kills,
        "failed_requests": gateway.failed,
        "delivered": len(gateway.taken),
        "lost": wanted - len(gateway.taken),
        "once": counts[1],
        "twice": counts[2],
        "more": sum(count for times, count in counts.items() if times > 2),
        "pushers_in_order": len(in_order),
        "seconds": round(seconds, 1),
        "stop_s": server.stop(),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--messages", type=int, default=1000)
    parser.add_argument("--pushers", type=int, default=20)
    parser.add_argument("--kills", type=int, default=8)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    gateway, server = Gateway(options.seed), Server(more=SETTINGS)
    try:
        server.start()
        figures = run(options, server, gateway)
    finally:
        server.close()
    print(json.dumps(figures))
    held = figures["lost"] == 0 and figures["more"] == 0 and figures["pushers_in_order"] == options.pushers
    if not held or figures["kills"] < min(options.kills, 1):
        sys.exit("A promise is broken: see the figures.")


if __name__ == "__main__":
    main()
