"""One query of device keys for users of eight servers, each of which answers with 30 MiB."""

import json

from client import V3

POINT, TENTH, RSS_MIB_MAX = 3, False, 64
PROMISE = "one request costs at most 64 MiB, whatever other servers answer; a server that answers well is heard all the same"
SERVERS, DEVICES, SIZE = 8, 1_050, 29_000


def attack(server):
    alice, names = server.user("alice"), {}
    for n in range(SERVERS):
        stranger = server.stranger()
        user = f"@x:{stranger.name}"
        devices = {
            f"D{k}": {
                "user_id": user,
                "device_id": f"D{k}",
                "algorithms": ["m.x"],
                "keys": {f"x:D{k}": "k" * SIZE},
                "signatures": {},
            }
            for k in range(DEVICES)
        }
        answer = json.dumps({"device_keys": {user: devices}}).encode()
        stranger.answers["/_matrix/federation/v1/user/keys/query"] = lambda *_, answer=answer: answer
        stranger.answers["/_matrix/federation/v1/user/devices"] = lambda *_: None
        names[user] = []
    good = server.stranger()
    fine = {
        f"@y:{good.name}": {"G": {"user_id": f"@y:{good.name}", "device_id": "G", "algorithms": [], "keys": {}, "signatures": {}}}
    }
    good.answers["/_matrix/federation/v1/user/keys/query"] = lambda *_: {"device_keys": fine}
    names[f"@y:{good.name}"] = []
    server.forget_peak()
    before = server.rss()
    answer = alice.call("POST", V3 + "/keys/query", {"device_keys": names, "timeout": 20_000}, timeout=40)
    heard = f"@y:{good.name}" in answer.json.get("device_keys", {})
    return {
        "status": answer.status,
        "answer_mib": len(answer.raw) / 1048576,
        "rss_one_mib": server.peak() - before,
        "failures": len(answer.json.get("failures", {})),
        "good_heard": heard,
    }


def held(figures):
    broken = [] if figures["status"] == 200 else [f"the query answers {figures['status']}"]
    if not figures["good_heard"]:
        broken.append("the keys of a user whose server answers well are missing")
    return broken
