"""A stranger's and a user's writes fill a small disk; then an operator makes room again."""

import os
import threading
import time

from client import V3
from p6_reserve import after, mount, skipped  # noqa: F401

POINT, TENTH = 6, True
PROMISE = "writes are refused and reads go on; what was acknowledged stays; writes succeed again within 15 s, without a restart"
SIZE_MIB, BACK_S_MAX = 150, 15


def before(server):
    mount(server, SIZE_MIB)


def attack(server):
    user, acknowledged, statuses = server.user("user"), [], {}
    room, filler = user.room(), server.folder / "data" / "filler"
    ended = threading.Event()

    def fill():
        # All that is left, and whatever the server gives back by deleting its ballast.
        with open(filler, "wb", buffering=0) as file:
            while not ended.wait(0.02):
                try:
                    file.write(bytes(1_000_000))
                except OSError:
                    continue

    worker = threading.Thread(target=fill)
    worker.start()
    end, refused, reads = time.monotonic() + 12, 0, {}
    while time.monotonic() < end and refused < 40:
        answer = user.send(room, {"msgtype": "m.text", "body": f"{len(acknowledged)} " + "x" * 30_000})
        statuses[str(answer.status)] = statuses.get(str(answer.status), 0) + 1
        if answer.ok:
            acknowledged.append(answer.json["event_id"])
        elif answer.status != 429:
            refused += 1
            read = user.sync().status
            reads[str(read)] = reads.get(str(read), 0) + 1
        time.sleep(0.1 if answer.ok or refused else 0.2)
    ended.set()
    worker.join()
    os.unlink(filler)
    begin, back = time.monotonic(), None
    while time.monotonic() - begin < 30 and back is None:
        if user.say(room, "afterwards").ok:
            back = time.monotonic() - begin
        else:
            time.sleep(0.2)
    lost = [name for name in acknowledged if not user.call("GET", f"{V3}/rooms/{room}/event/{name}").ok]
    server.kill()
    server.start()
    lost += [name for name in acknowledged if not user.call("GET", f"{V3}/rooms/{room}/event/{name}").ok]
    return {"acknowledged": len(acknowledged), "answers": statuses, "reads_when_full": reads, "back_s": back, "lost": len(lost)}


def held(figures):
    broken = [f"{figures['lost']} acknowledged messages are lost"] if figures["lost"] else []
    broken += [f"{count} reads were answered {status}" for status, count in figures["reads_when_full"].items() if status != "200"]
    if not figures["reads_when_full"]:
        broken.append("the disk was not filled: this shows nothing")
    if figures["back_s"] is None or figures["back_s"] > BACK_S_MAX:
        broken.append(f"writes succeed again after {figures['back_s']} s; at most {BACK_S_MAX}")
    return broken
