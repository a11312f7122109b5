"""The disk fails: writes and syncs of the SQLite database end with EIO, once or for some seconds, while a user sends."""

import contextlib
import shutil
import signal
import sqlite3
import subprocess
import time

from p6_postgres import Writer
from p6_postgres import held as loses_nothing

POINT, TENTH = 6, False
PROMISE = "no acknowledged message is lost or doubled; the server works again within 15 s after the disk does, without a restart"
# System calls, and which of them fail: the first of each thread, or all.
FAULTS = [("fsync,fdatasync", "1"), ("pwrite64", "1"), ("fsync,fdatasync", "1+"), ("pwrite64", "1+"), ("pwrite64", "3+4")]
FAULT_S = 3


def skipped():
    if not shutil.which("strace"):
        return "needs strace, which injects the errors"
    with subprocess.Popen(["sleep", "5"]) as process:
        traced = subprocess.Popen(["strace", "-qq", "-o", "/dev/null", "-p", str(process.pid)], stderr=subprocess.DEVNULL)
        time.sleep(0.5)
        may_trace = traced.poll() is None
        traced.terminate()
        traced.wait()
        process.kill()
    return None if may_trace else "may not trace other processes"


def fails(server, calls, which):
    """Makes calls on the database's files fail for some seconds; gives how many did."""
    data, seen = server.folder / "data", server.folder / "strace"
    paths = [part for name in ("hearth.db", "hearth.db-wal") for part in ("-P", str(data / name))]
    what = ["-e", f"trace={calls}", "-e", f"inject={calls}:error=EIO:when={which}"]
    tracer = subprocess.Popen(
        ["strace", "-f", "-qq", "-o", str(seen), *paths, *what, "-p", str(server.process.pid)], stderr=subprocess.DEVNULL
    )
    time.sleep(FAULT_S)
    tracer.send_signal(signal.SIGINT)
    tracer.wait()
    return seen.read_text(errors="replace").count("(INJECTED)")


def attack(server):
    user = server.user("user")
    writer = Writer(user, user.room())
    injected, backs = [], []
    for calls, which in FAULTS:
        time.sleep(1)
        injected.append(fails(server, calls, which))
        backs.append(writer.resumes())
    server.kill()
    server.start()
    lost, doubled = writer.ends()
    with contextlib.closing(sqlite3.connect(server.folder / "data" / "hearth.db", timeout=10)) as database:
        verdict = database.execute("PRAGMA integrity_check").fetchone()[0]
    return {
        "acknowledged": len(writer.acknowledged),
        "answers": writer.statuses,
        "injected": injected,
        "lost": lost,
        "doubled": doubled,
        "integrity": verdict,
        "slowest_back_s": max(backs),
        "backs_s": [round(back, 1) for back in backs],
    }


def held(figures):
    broken = loses_nothing(figures)
    if figures["integrity"] != "ok":
        broken.append(f"the database is damaged: {figures['integrity']:.200}")
    if not all(figures["injected"]):
        broken.append(f"errors injected: {figures['injected']}; an attack without an error shows nothing")
    return broken
