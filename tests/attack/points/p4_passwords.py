"""Wrong passwords for the owner's account from one address; then the owner logs in from another."""

from client import V3, Client

POINT, TENTH = 4, True
PROMISE = "the owner logs in from elsewhere, and passes their own authentication for a deletion; few guesses are judged"
GUESSES_MAX = 12


def login(server, source, password, user="owner"):
    body = {"type": "m.login.password", "identifier": {"type": "m.id.user", "user": user}, "password": password}
    return Client(server.port, source=source).call("POST", V3 + "/login", body)


def attack(server):
    owner = server.user("owner", "127.0.8.1")
    other = login(server, "127.0.8.1", server.password).json
    answers = [login(server, "127.0.9.1", f"wrong {n}").status for n in range(40)]
    right = login(server, "127.0.8.2", server.password)
    known = login(server, "127.0.8.1", server.password)
    session = owner.call("POST", V3 + "/delete_devices", {"devices": [other["device_id"]]})
    proof = {
        "type": "m.login.password",
        "identifier": {"type": "m.id.user", "user": owner.user},
        "password": server.password,
        "session": session.json.get("session"),
    }
    deleted = owner.call("POST", V3 + "/delete_devices", {"devices": [other["device_id"]], "auth": proof})
    return {
        "guesses": len(answers),
        "judged": answers.count(403),
        "owner_elsewhere": right.status,
        "owner_known_address": known.status,
        "owner_uia": deleted.status,
    }


def held(figures):
    broken = [
        f"{name} was answered {figures[name]}"
        for name in ("owner_elsewhere", "owner_known_address", "owner_uia")
        if figures[name] != 200
    ]
    if figures["judged"] > GUESSES_MAX:
        broken.append(f"{figures['judged']} guesses from one address were judged; at most {GUESSES_MAX}")
    return broken
