"""Strangers open authentication sessions and registration nonces by the thousand, from many addresses."""

import hashlib
import hmac

from client import V3, Client, run_all

POINT, TENTH = 4, True
PROMISE = "a session and a nonce that a user has open stay usable"
ADDRESSES, EACH = 60, 195


def attack(server):
    owner = server.user("owner", "127.0.8.1")
    body = {"devices": ["NOTHING"]}
    session = owner.call("POST", V3 + "/delete_devices", body).json.get("session")
    nonce = owner.call("GET", "/_synapse/admin/v1/register").json["nonce"]

    def address(n):
        client = Client(server.port, source=f"127.0.9.{n + 1}")
        opened = nonces = 0
        for _ in range(EACH):
            opened += "session" in client.call("POST", V3 + "/register", {}).json
        for _ in range(EACH):
            nonces += client.call("GET", "/_synapse/admin/v1/register").ok
        client.close()
        return opened, nonces

    counts = run_all([lambda n=n: address(n) for n in range(ADDRESSES)], 6)
    fresh = Client(server.port, source="127.0.8.2").call("GET", "/_synapse/admin/v1/register")
    proof = {
        "type": "m.login.password",
        "identifier": {"type": "m.id.user", "user": owner.user},
        "password": server.password,
        "session": session,
    }
    used = owner.call("POST", V3 + "/delete_devices", {**body, "auth": proof})
    signed = b"\0".join(part.encode() for part in (nonce, "late", server.password, "notadmin"))
    made = owner.call(
        "POST",
        "/_synapse/admin/v1/register",
        {
            "nonce": nonce,
            "username": "late",
            "password": server.password,
            "admin": False,
            "mac": hmac.new(b"attack", signed, hashlib.sha1).hexdigest(),
        },
    )
    return {
        "sessions_opened": sum(opened for opened, _ in counts),
        "nonces_opened": sum(nonces for _, nonces in counts),
        "owner_session": used.status,
        "owner_nonce": made.status,
        "fresh_nonce": fresh.status,
    }


def held(figures):
    return [
        f"{name} was answered {figures[name]}" for name in ("owner_session", "owner_nonce", "fresh_nonce") if figures[name] != 200
    ]
