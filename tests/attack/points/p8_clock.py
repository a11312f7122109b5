"""The server starts in 1970, as a machine without a clock of its own does."""

import time
from pathlib import Path

POINT, TENTH = 8, False
PROMISE = "no key document that has expired for all others is published, and the log warns of the clock"


def library():
    return next(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"), None)


def skipped():
    return None if library() else "needs libfaketime"


def before(server):
    # Not by the command faketime, which would be the process that is measured and stopped.
    server.environment = {"LD_PRELOAD": str(library()), "FAKETIME": "@1970-01-02 00:00:00", "FAKETIME_DONT_FAKE_MONOTONIC": "1"}


def attack(server):
    answer = server.anyone.call("GET", "/_matrix/key/v2/server")
    valid = answer.json.get("valid_until_ts", 0) / 1000
    warned = [line for line in server.log().splitlines() if "clock" in line.lower() and ("WARN" in line or "ERROR" in line)]
    return {
        "keys": answer.status,
        "valid_until_days_from_now": (valid - time.time()) / 86_400 if valid else 0,
        "warnings": len(warned),
    }


def held(figures):
    broken = [] if figures["warnings"] else ["the log does not warn"]
    if figures["keys"] == 200 and figures["valid_until_days_from_now"] < 0:
        broken.append("a key document was published that expired in 1970")
    return broken
