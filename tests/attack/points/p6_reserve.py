"""Fourteen uploads of unknown length at once, on a file system that has room for three of them."""

import http.client
import os
import subprocess
import threading
import time

from client import run_all

POINT, TENTH = 6, False
PROMISE = "at least 200 MiB stay free for the database while uploads are under way, and messages are accepted"
SIZE_MIB, UPLOADS, FREE_MIB_MIN = 400, 14, 190


def skipped():
    return None if os.geteuid() == 0 else "needs root, to make a small file system"


def mount(server, size_mib):
    folder = server.folder / "data"
    folder.mkdir(exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size_mib}m", "tmpfs", str(folder)], check=True)


def before(server):
    mount(server, SIZE_MIB)


def after(server):
    subprocess.run(["umount", "-l", str(server.folder / "data")], check=False)


def attack(server):
    mallory, folder, ended = server.user("mallory"), server.folder / "data", threading.Event()
    lowest = [SIZE_MIB]

    def watch():
        while not ended.wait(0.01):
            found = os.statvfs(folder)
            lowest[0] = min(lowest[0], found.f_bavail * found.f_frsize / 1048576)

    def upload():
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
        pieces = (b"x" * 1_000_000 for _ in range(45))
        try:
            connection.request(
                "POST", "/_matrix/media/v3/upload", pieces, {"Authorization": f"Bearer {mallory.token}"}, encode_chunked=True
            )
            return connection.getresponse().status
        except OSError:
            return 0
        finally:
            connection.close()

    threading.Thread(target=watch, daemon=True).start()
    room = mallory.room()
    begin = time.monotonic()
    statuses = run_all([upload] * UPLOADS, UPLOADS)
    said = mallory.say(room, "afterwards").status
    ended.set()
    return {
        "uploads": {str(status): statuses.count(status) for status in set(statuses)},
        "took_s": time.monotonic() - begin,
        "lowest_free_mib": lowest[0],
        "message": said,
    }


def held(figures):
    broken = [] if figures["message"] == 200 else [f"a message was answered {figures['message']}"]
    if figures["lowest_free_mib"] < FREE_MIB_MIN:
        broken.append(f"{figures['lowest_free_mib']} MiB were free at the lowest; at least {FREE_MIB_MIN}")
    return broken
