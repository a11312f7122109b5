"""Large writes of one user: a hundred thousand tiny keys into a backup, messages for thousands of devices."""

from client import V3, run_all
from p3_bodies_keys import backup
from p5_edus import slowest_write

POINT, TENTH = 5, False
PROMISE = "they are stored as acknowledged, and bystanders' messages arrive; how long the writer was held is shown"
KEYS, TARGETS = 100_000, 4_991


def attack(server):
    mallory = server.user("mallory")
    version = mallory.must(
        "POST", V3 + "/room_keys/version", {"algorithm": "m.megolm_backup.v1", "auth_data": {"public_key": "x"}}
    )
    query = {"version": version["version"]}
    first = mallory.call("PUT", V3 + "/room_keys/keys", backup(KEYS, 0), query=query)
    stored = server.rows("SELECT COUNT(*) FROM backup_keys")
    figures = {
        "backup": first.status,
        "backup_errcode": first.json.get("errcode", ""),
        "keys_stored": stored,
        **slowest_write(server),
    }
    targets = {mallory.user: {f"D{n}": {} for n in range(TARGETS)}}
    statuses = run_all([lambda: mallory.to_device(targets).status] * 16, 16)
    figures["to_device"] = sorted(set(statuses))
    after = {f"then_{name}": value for name, value in slowest_write(server).items()}
    return {**figures, **after}


def held(figures):
    if figures["backup"] == 200 and figures["keys_stored"] != KEYS:
        return [f"{KEYS} keys were acknowledged, {figures['keys_stored']} are stored"]
    return []
