"""On PostgreSQL: Hearth is killed, the database server is killed, and its disk is filled, while users send."""

import os
import threading
import time
from pathlib import Path
from urllib.parse import quote

from client import V3
from postgres import Cluster, programs
from server import ROOT

POINT, TENTH = 6, False
PROMISE = "no acknowledged message is lost or doubled; the server works again within 15 s after the database does, without a restart"
KILLS, SIZE_MIB, BACK_S_MAX = 4, 400, 15


def skipped():
    if os.geteuid() or not programs():
        return "needs root and PostgreSQL"
    binary = Path(os.environ.get("HEARTH_BIN") or ROOT / "target" / "debug" / "hearth")
    # The name of a way to log in that only PostgreSQL's client knows.
    return None if b"SCRAM-SHA-256" in binary.read_bytes() else "needs a Hearth built with the feature postgres"


def before(server):
    server.cluster = Cluster(server.folder / "postgres", SIZE_MIB)
    with open(server.folder / "hearth.toml", "a") as config:
        config.write(f'\n[database]\nengine = "postgres"\nurl = "{server.cluster.url()}"\n')


def after(server):
    if hasattr(server, "cluster"):
        server.cluster.close()


class Writer:
    """Sends messages without end, and remembers what was acknowledged."""

    def __init__(self, user, room):
        self.user, self.room, self.acknowledged, self.statuses = user, room, [], {}
        self.ended = threading.Event()
        self.worker = threading.Thread(target=self.run, daemon=True)
        self.worker.start()

    def run(self):
        while not self.ended.wait(0.2):
            answer = self.user.say(self.room, f"message {len(self.acknowledged)}")
            self.statuses[str(answer.status)] = self.statuses.get(str(answer.status), 0) + 1
            if answer.ok:
                self.acknowledged.append(answer.json["event_id"])

    def ends(self):
        """Stops; gives how many acknowledged messages the room lacks, and how many it has twice."""
        self.ended.set()
        self.worker.join()
        found, since = {}, None
        while True:
            query = {"dir": "b", "limit": 100, **({"from": since} if since else {})}
            page = self.user.call("GET", f"{V3}/rooms/{quote(self.room)}/messages", query=query).json
            for event in page.get("chunk", []):
                found[event["event_id"]] = found.get(event["event_id"], 0) + 1
            since = page.get("end")
            if not since:
                break
        lost = sum(name not in found for name in self.acknowledged)
        return lost, sum(times > 1 for times in found.values())

    def resumes(self):
        """Waits until another message is acknowledged; gives the seconds."""
        begin, count = time.monotonic(), len(self.acknowledged)
        while time.monotonic() - begin < 30:
            if len(self.acknowledged) > count:
                return time.monotonic() - begin
            time.sleep(0.1)
        return 99.0


def fill(folder, seconds):
    """Takes all that is left of the file system, again and again."""
    path, end = folder / "filler", time.monotonic() + seconds
    with open(path, "wb", buffering=0) as file:
        while time.monotonic() < end:
            try:
                file.write(bytes(1_000_000))
            except OSError:
                time.sleep(0.05)
    path.unlink()


def attack(server):
    user = server.user("user")
    room, backs = user.room(), []
    writer = Writer(user, room)
    for _ in range(KILLS):
        time.sleep(1)
        server.kill()
        server.start()
        backs.append(writer.resumes())
    for _ in range(KILLS):
        time.sleep(1)
        server.cluster.kill()
        server.cluster.start()
        backs.append(writer.resumes())
    fill(server.cluster.folder, 6)
    if server.cluster.process.poll() is not None:
        server.cluster.start()
    backs.append(writer.resumes())
    lost, doubled = writer.ends()
    return {
        "acknowledged": len(writer.acknowledged),
        "answers": writer.statuses,
        "lost": lost,
        "doubled": doubled,
        "slowest_back_s": max(backs),
        "backs_s": [round(back, 1) for back in backs],
    }


def held(figures):
    broken = [f"{figures[what]} acknowledged messages are {what}" for what in ("lost", "doubled") if figures[what]]
    if figures["slowest_back_s"] > BACK_S_MAX:
        broken.append(f"it worked again only after {figures['slowest_back_s']} s; at most {BACK_S_MAX}")
    return broken
