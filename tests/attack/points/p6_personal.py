"""One user stores whatever one may store for oneself, as much of it as the server takes: rows and bytes."""

import secrets
import time
from urllib.parse import quote

from client import V3, run_all

POINT, TENTH = 6, False
PROMISE = "filters, pushers, aliases, backup versions and their bytes end at a bound for each user, with a Matrix error"
# Above every default, and reached within the time of the attack if there is no default.
ROWS_MAX = {"filters": 1_000, "pushers": 50, "aliases": 1_000, "backup_versions": 200}
MIB_MAX = 64


def until_refused(call, tries, seconds):
    """Calls until something else than a rate limit refuses; gives how often it went through, and what refused."""
    accepted, end = 0, time.monotonic() + seconds
    for n in range(tries):
        answer = call(n)
        if answer.status == 429 and answer.json.get("retry_after_ms", 0) < 2_000:
            time.sleep(answer.json.get("retry_after_ms", 100) / 1000)
        elif not answer.ok:
            return accepted, f"{answer.status} {answer.json.get('errcode')}"
        accepted += answer.ok
        if time.monotonic() > end:
            break
    return accepted, ""


def attack(server):
    mallory, figures = server.user("mallory"), {}
    rooms = [mallory.room() for _ in range(8)]
    wide = {"room": {"timeline": {"not_senders": [f"@{secrets.token_hex(90)}:x" for _ in range(70)]}}}
    auth = {"algorithm": "m.megolm_backup.v1", "auth_data": {"public_key": "x" * 60_000}}

    def pusher(n):
        return mallory.call(
            "POST",
            V3 + "/pushers/set",
            {
                "kind": "http",
                "app_id": "a.b",
                "pushkey": f"key{n}" + "k" * 400,
                "app_display_name": "a",
                "device_display_name": "d",
                "lang": "en",
                "append": True,
                "data": {"url": "https://example.org/_matrix/push/v1/notify"},
            },
        )

    def alias(n):
        name = quote(f"#a{n}{'x' * 150}:{server.name}", safe="")
        return mallory.call("PUT", f"{V3}/directory/room/{name}", {"room_id": rooms[n % len(rooms)]})

    plans = {
        "filters": lambda n: mallory.call(
            "POST", f"{V3}/user/{quote(mallory.user)}/filter", {**wide, "event_fields": [f"f.{n}"]}
        ),
        "pushers": pusher,
        "aliases": alias,
        "backup_versions": lambda n: mallory.call("POST", V3 + "/room_keys/version", auth),
        "account_data": lambda n: mallory.account_data(f"m.{n}", {"n": n}),
    }
    found = run_all([lambda call=call: until_refused(call, 1_500, 20) for call in plans.values()], len(plans))
    for name, (accepted, refused) in zip(plans, found):
        figures[name], figures[name + "_refused"] = accepted, refused
    for table in ("filters", "pushers", "aliases", "backup_versions", "account_data"):
        figures[table + "_rows"] = server.rows(f"SELECT COUNT(*) FROM {table}")
    return figures


def held(figures):
    broken = [
        f"{figures[name + '_rows']} rows of {name}; at most {most}"
        for name, most in ROWS_MAX.items()
        if figures[name + "_rows"] > most
    ]
    if figures["disk_more_mib"] > MIB_MAX:
        broken.append(f"{figures['disk_more_mib']} MiB on disk; at most {MIB_MAX}")
    return broken
