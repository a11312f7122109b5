"""Names with control characters and with characters that turn text around, in what `hearth ctl` prints and in the log."""

import re
from urllib.parse import quote

from client import V3

POINT, TENTH = 7, True
PROMISE = "no C0 (but line ends), C1 or Cf character in any output of ctl, --json or not, nor in the log"
EVIL = "evil\u009b31m\u202egnp.exe\u200b\u2066\x1b]0;x\x07\U000e0041"
FORBIDDEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff\U000e0000-\U000e007f]"
)


def attack(server):
    mallory = server.user("mallory")
    mallory.call("PUT", f"{V3}/profile/{quote(mallory.user)}/displayname", {"displayname": EVIL})
    mallory.call("PUT", f"{V3}/devices/{mallory.device}", {"display_name": EVIL})
    room = mallory.room(name=EVIL, topic=EVIL)
    mallory.call("POST", f"{V3}/rooms/{quote(room)}/report", {"reason": EVIL})
    mallory.call("GET", "/" + quote(EVIL), headers={"User-Agent": "evil\x1b[31m"})
    mallory.call("POST", f"{V3}/rooms/{quote(room)}/invite", {"user_id": f"@{quote(EVIL)}:x"})
    commands = [
        ["users", "list"],
        ["users", "show", "mallory"],
        ["rooms", "list"],
        ["rooms", "show", room],
        ["federation", "list"],
        ["log"],
        ["status"],
        ["tokens", "list"],
    ]
    spoiled, silent = [], 0
    for command in commands:
        for more in ([], ["--json"]):
            text = server.ctl(*command, *more).decode(errors="replace")
            silent += not text.strip()
            if found := FORBIDDEN.findall(text):
                spoiled.append(f"ctl {' '.join(command[:2] + more)}: {ascii(sorted(set(found)))}")
    raw = (server.folder / "log").read_text(errors="replace")
    # The server's own colours are in the log when it is a terminal; here it is a file.
    if found := FORBIDDEN.findall(raw):
        spoiled.append(f"log: {ascii(sorted(set(found)))}")
    return {"outputs": len(commands) * 2 + 1, "silent": silent, "spoiled": spoiled}


def held(figures):
    return figures["spoiled"]
