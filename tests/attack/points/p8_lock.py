"""Another program holds SQLite's write lock for two seconds, as a backup script does."""

import sqlite3
import threading
import time

POINT, TENTH = 8, True
PROMISE = "writes wait for the lock and then succeed"


def attack(server):
    user = server.user("user")
    room = user.room()
    statuses, slowest = [], 0.0
    taken = threading.Event()

    def lock():
        other = sqlite3.connect(server.folder / "data" / "hearth.db", timeout=10, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        taken.set()
        time.sleep(2)
        other.execute("ROLLBACK")
        other.close()

    worker = threading.Thread(target=lock)
    worker.start()
    taken.wait()
    for n in range(10):
        begin = time.monotonic()
        statuses.append(user.say(room, f"message {n}").status)
        slowest = max(slowest, time.monotonic() - begin)
    worker.join()
    return {
        "answers": {str(status): statuses.count(status) for status in set(statuses)},
        "slowest_s": slowest,
        "afterwards": user.say(room, "afterwards").status,
    }


def held(figures):
    broken = [f"{count} messages were answered {status}" for status, count in figures["answers"].items() if status != "200"]
    return broken + ([] if figures["afterwards"] == 200 else [f"afterwards a message is answered {figures['afterwards']}"])
