"""An attacker with a whole IPv6 /48: a new network for each connection, and for each guess of a password."""

import socket
import subprocess
import time

from client import is_open, raw_request
from p4_connections import answered, is_open_after_answer
from p7_rebinding import skipped  # noqa: F401

POINT, TENTH, ISOLATED = 4, False, True
PROMISE = "a /64 keeps 1,024 connections, a /56 at most 2,048 and a /48 at most 4,096; few guesses are judged from all of it"
PORT, TRIES, GUESSES_MAX, SETTLE_S_MAX = 8009, 6_000, 200, 15
KEPT_MAX = {64: 1_024, 56: 2_048, 48: 4_096}
SETTINGS = f"""
[[listeners]]
address = "[::1]:{PORT}"
"""


def before(_server):
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    subprocess.run(["ip", "-6", "route", "add", "local", "2001:470::/32", "dev", "lo"], check=True)


def connect(address, data):
    one = socket.socket(socket.AF_INET6)
    one.setsockopt(socket.SOL_IP, 15, 1)  # IP_FREEBIND
    one.settimeout(2)
    one.bind((address, 0))
    one.connect(("::1", PORT))
    one.sendall(data)
    return one


def take(addresses, most):
    """Opens connections that ask once and then idle; gives how many are kept.

    The server frees a place at once and closes the connection that had it when its task runs: on a busy machine that takes a
    moment, so while there are more than `most`, it is looked at again.
    """
    opened = []
    for address in addresses:
        try:
            opened.append(connect(address, raw_request("GET", "/_matrix/client/versions")))
        except OSError:
            continue
    time.sleep(1)
    kept, end = [one for one in opened if is_open_after_answer(one)], time.monotonic() + SETTLE_S_MAX
    while len(kept) > most and time.monotonic() < end:
        time.sleep(0.2)
        kept = [one for one in kept if is_open(one)]
    for one in opened:
        one.close()
    time.sleep(1)
    return len(kept)


def guess(address, n):
    body = b'{"type":"m.login.password","identifier":{"type":"m.id.user","user":"owner"},"password":"wrong %d"}' % n
    try:
        one = connect(address, raw_request("POST", "/_matrix/client/v3/login", body))
        one.settimeout(10)
        status = one.recv(100).split()[1]
        one.close()
        return int(status)
    except (OSError, IndexError):
        return 0


def attack(server):
    server.user("owner")
    figures = {
        "kept_64": take((f"2001:470:1:1::{n:x}" for n in range(1, 1_500)), KEPT_MAX[64]),
        "kept_56": take((f"2001:470:2:{n % 256:x}::{n:x}" for n in range(1, 4_000)), KEPT_MAX[56]),
        "kept_48": take((f"2001:470:3:{n:x}::1" for n in range(1, TRIES)), KEPT_MAX[48]),
        "newcomer": answered(server, "127.0.8.1"),
    }
    statuses = [guess(f"2001:470:4:{n:x}::1", n) for n in range(400)]
    return {**figures, "guesses": len(statuses), "judged": statuses.count(403)}


def held(figures):
    broken = [
        f"a /{bits} kept {figures[f'kept_{bits}']} connections; at most {most}"
        for bits, most in KEPT_MAX.items()
        if figures[f"kept_{bits}"] > most
    ]
    if figures["newcomer"] != 200:
        broken.append(f"a newcomer was answered {figures['newcomer'] or 'nothing'}")
    if figures["judged"] > GUESSES_MAX:
        broken.append(f"{figures['judged']} guesses of one password were judged; at most {GUESSES_MAX}")
    return broken
