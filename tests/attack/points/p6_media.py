"""A user uploads as much as the server takes."""

import os

from client import run_all

POINT, TENTH = 6, False
PROMISE = "media of one user end at a bound with a Matrix error, or the files stay below 1 GiB"
UPLOADS, SIZE, MIB_MAX = 30, 40_000_000, 1_024


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
    if figures["accepted_mib"] > MIB_MAX:
        return [f"{figures['accepted_mib']} MiB of media of one user were taken; at most {MIB_MAX}"]
    return []
