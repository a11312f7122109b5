"""Sixty key backups of 16 MB at once from one user."""

import secrets
import time

from client import V3, Client, run_all

POINT, TENTH = 3, False
PROMISE = "at most 256 MiB for all of them; the memory is back 10 s after they ended; one user's backups have a bound in bytes"
BACK_MIB_MAX, DISK_MIB_MAX = 64, 256


def backup(sessions, size):
    """A body of a backup: so many sessions with so much in each."""
    one = '{"first_message_index":0,"forwarded_count":0,"is_verified":false,"session_data":{"pad":"' + "x" * size + '"}}'
    rooms = ",".join(f'"{secrets.token_hex(6)}":{one}' for _ in range(sessions))
    return ('{"rooms":{"!r:x":{"sessions":{' + rooms + "}}}}").encode()


def attack(server):
    mallory = server.user("mallory")
    version = mallory.must(
        "POST", V3 + "/room_keys/version", {"algorithm": "m.megolm_backup.v1", "auth_data": {"public_key": "x"}}
    )
    body, before = backup(250, 60_000), server.rss()
    end = time.monotonic() + 25

    def one():
        if time.monotonic() > end:
            return None
        client = Client(server.port, mallory.token, timeout=30)
        return client.call("PUT", V3 + "/room_keys/keys", body, query={"version": version["version"]}).status

    statuses = run_all([one] * 60, 60)
    figures = {f"status_{status}": statuses.count(status) for status in sorted({s for s in statuses if s is not None})}
    return {
        **figures,
        "body_mib": len(body) / 1048576,
        "rss_back_mib": server.settles(before, BACK_MIB_MAX),
        "backup_rows_mib": server.rows("SELECT COALESCE(SUM(LENGTH(json)), 0) FROM backup_keys") / 1048576,
    }


def held(figures):
    broken = []
    if figures["rss_back_mib"] > BACK_MIB_MAX:
        broken.append(f"{figures['rss_back_mib']} MiB more than before, 10 s after; at most {BACK_MIB_MAX}")
    if figures["backup_rows_mib"] > DISK_MIB_MAX:
        broken.append(f"one user keeps {figures['backup_rows_mib']} MiB of backups; at most {DISK_MIB_MAX}")
    return broken
