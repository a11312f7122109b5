"""Strangers ask for servers with names of the household's network, by every door that asks another server."""

import re
from urllib.parse import quote

from client import V3, Client
from nameserver import A, NameServer
from p7_rebinding import DNS, before, skipped  # noqa: F401

POINT, TENTH, ISOLATED, ALLOWED = 7, True, True, "[]"
PROMISE = "no answer to a stranger or a user names an address that a name stands for"
NAME, ADDRESS = "printer.home.arpa", "192.168.7.7"


def attack(server):
    NameServer(DNS, {NAME: lambda kind, _: [(A, ADDRESS)] if kind == A else []})
    there = NAME
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
    address = re.compile(rb"192\.168\.|nothing listens|not connect")
    named = [f"{door}: {answer.raw.decode(errors='replace')[:160]}" for door, answer in asked if address.search(answer.raw)]
    return {"asked_for": there, "doors": len(asked), "named": named}


def held(figures):
    return [f"an address is named to {line}" for line in figures["named"]]
