"""A user uploads more than the quota, which is set to 1 GiB here so that the attack fits on a disk."""

import os

from client import run_all

POINT, TENTH = 6, False
PROMISE = "media of one user end at the quota (`quotas.media_mib`, 20 GiB by default) with a Matrix error"
UPLOADS, SIZE, MIB_MAX = 30, 40_000_000, 1_024
SETTINGS = f"""
[quotas]
media_mib = {MIB_MAX}
"""


def attack(server):
    mallory, body = server.user("mallory"), os.urandom(SIZE)

    def upload(n):
        answer = mallory.call(
            "POST", "/_matrix/media/v3/upload", n.to_bytes(8, "big") + body, {"Content-Type": "application/octet-stream"}
        )
        return answer.status, answer.json.get("errcode", "")

    answers = run_all([lambda n=n: upload(n) for n in range(UPLOADS)], 3)
    refused = sorted({f"{status} {code}" for status, code in answers if status != 200})
    return {"accepted_mib": sum(status == 200 for status, _ in answers) * SIZE / 1048576, "refused": refused}


def held(figures):
    broken = []
    if figures["accepted_mib"] > MIB_MAX:
        broken.append(f"{figures['accepted_mib']} MiB of media of one user were taken; at most {MIB_MAX}")
    if figures["refused"] != ["403 M_USER_LIMIT_EXCEEDED"]:
        broken.append(f"what exceeds the quota was answered {figures['refused']}")
    return broken
