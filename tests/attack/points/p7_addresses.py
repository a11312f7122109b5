"""Strangers ask for servers with names of the household's network, by every door that asks another server."""

import re
import socket
from urllib.parse import quote

from client import V3, Client

POINT, TENTH = 7, True
PROMISE = "no answer to a stranger or a user names an address that a name stands for; the log does"


def internal():
    """A name that this machine resolves to an address that is not public, and that address."""
    name = socket.gethostname()
    try:
        address = socket.gethostbyname(name)
    except OSError:
        return None
    return None if address.startswith("127.") and address != "127.0.1.1" else (name, address)


def attack(server):
    # Without such a name, localhost at a port that nothing listens on: its address must not be named either.
    name, address = internal() or ("localhost", "127.0.0.1")
    there = f"{name}:9"
    user, anyone = server.user("user"), Client(server.port)
    header = {"Authorization": f'X-Matrix origin="{there}",destination="{server.name}",key="ed25519:a",sig="{"A" * 86}"'}
    asked = [
        ("federation event", anyone.call("GET", "/_matrix/federation/v1/event/$x", headers=header)),
        ("federation send", anyone.call("PUT", "/_matrix/federation/v1/send/1", {"pdus": []}, headers=header)),
        ("profile", anyone.call("GET", f"{V3}/profile/{quote(f'@a:{there}')}")),
        ("alias", anyone.call("GET", f"{V3}/directory/room/{quote(f'#a:{there}', safe='')}")),
        ("public rooms", anyone.call("GET", V3 + "/publicRooms", query={"server": there})),
        ("summary", anyone.call("GET", f"/_matrix/client/v1/room_summary/{quote(f'!a:{there}')}", query={"via": there})),
        ("media", user.call("GET", f"/_matrix/client/v1/media/download/{there}/abc")),
        ("join", user.call("POST", f"{V3}/join/{quote(f'!a:{there}')}", {}, query={"via": there})),
        ("invite", user.call("POST", f"{V3}/rooms/{quote(user.room())}/invite", {"user_id": f"@a:{there}"})),
        ("keys", user.call("POST", V3 + "/keys/query", {"device_keys": {f"@a:{there}": []}})),
        ("notary", anyone.call("GET", f"/_matrix/key/v2/query/{quote(there)}")),
    ]
    pattern = re.compile(rb"\b(?:10|127|172|192|169)\.\d+\.\d+\.\d+\b|\[?::1\]?")
    named = [f"{door}: {answer.raw.decode(errors='replace')[:160]}" for door, answer in asked
             if any(found != server.name.split(":")[0].encode() or address == found.decode()
                    for found in pattern.findall(answer.raw.replace(server.name.encode(), b"")))]
    return {"asked_for": there, "doors": len(asked), "named": named}


def held(figures):
    return [f"an address is named to {line}" for line in figures["named"]]
