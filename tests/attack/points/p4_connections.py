"""One address takes as many connections as it gets, and many addresses take all there are."""

import time

from client import Client, connection, is_open, raw_request

POINT, TENTH = 4, True
PROMISE = (
    "others are answered within 2 s all the while: a newcomer at another address, and a user with a token at the attacker's own"
)
ONE, MANY = 2_000, 15
SHORT = {"ONE": 1_300, "MANY": 2}


def take(server, source, count):
    """Opens connections that ask once and then idle."""
    opened = []
    for _ in range(count):
        try:
            one = connection(server.port, source, 2)
            one.sendall(raw_request("GET", "/_matrix/client/versions"))
            opened.append(one)
        except OSError:
            break
    return opened


def answered(server, source, token=None):
    client = Client(server.port, token, source=source, timeout=2)
    path = "/_matrix/client/v3/account/whoami" if token else "/_matrix/client/versions"
    result = client.call("GET", path).status
    client.close()
    return result


def attack(server):
    owner = server.user("owner", "127.0.9.1")
    owner.whoami()
    opened = take(server, "127.0.9.1", ONE)
    time.sleep(1)
    figures = {
        "one_address_open": sum(is_open_after_answer(one) for one in opened),
        "newcomer": answered(server, "127.0.8.1"),
        "owner_same_address": owner.whoami().status,
        "owner_new_connection": answered(server, "127.0.9.1", owner.token),
    }
    for n in range(MANY):
        opened += take(server, f"127.0.10.{n + 1}", 1_000)
    figures |= {
        "opened_in_all": len(opened),
        "newcomer_when_full": answered(server, "127.0.8.2"),
        "owner_when_full": owner.whoami().status,
        "owner_new_when_full": answered(server, "127.0.8.3", owner.token),
    }
    for one in opened:
        one.close()
    return figures


def is_open_after_answer(one):
    """Reads the answer that came, then looks whether the connection is still there."""
    try:
        one.settimeout(0.2)
        one.recv(65_536)
    except OSError:
        return False
    return is_open(one)


def held(figures):
    asked = [name for name in figures if name.startswith(("newcomer", "owner"))]
    return [f"{name} was answered {figures[name] or 'nothing'}" for name in asked if figures[name] != 200]
