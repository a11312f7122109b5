"""The process may open few files: 1,024, of which the soft limit is 256."""

import resource

from client import Client
from p4_connections import answered, take

POINT, TENTH = 4, True
PROMISE = "the soft limit is raised to the hard one; one address cannot use up what is left, and messages and files go on"


def before(server):
    server.limits = lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (256, 1_024))


def attack(server):
    owner = server.user("owner", "127.0.8.1")
    room = owner.room()
    opened = take(server, "127.0.9.1", 1_100)
    newcomer = answered(server, "127.0.8.2")
    for n in range(10):
        opened += take(server, f"127.0.10.{n + 1}", 120)
    figures = {
        "opened": len(opened),
        "newcomer": newcomer,
        "newcomer_when_full": answered(server, "127.0.8.3"),
        "message": owner.say(room, "hello").status,
        "upload": Client(server.port, owner.token, source="127.0.8.1").call("POST", "/_matrix/media/v3/upload", b"a file").status,
        "soft_limit": soft_limit(server),
    }
    for one in opened:
        one.close()
    return figures


def soft_limit(server):
    with open(f"/proc/{server.process.pid}/limits") as limits:
        return next(int(line.split()[3]) for line in limits if line.startswith("Max open files"))


def held(figures):
    asked = ("newcomer", "newcomer_when_full", "message", "upload")
    broken = [f"{name} was answered {figures[name] or 'nothing'}" for name in asked if figures[name] != 200]
    if figures["soft_limit"] < 1_024:
        broken.append(f"the soft limit stayed at {figures['soft_limit']}")
    return broken
