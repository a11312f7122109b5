"""A data folder that others may read existed before the server did."""

import stat

from client import V3

POINT, TENTH = 6, True
PROMISE = "no file in the data folder can be read or written by other accounts of the machine"


def before(server):
    folder = server.folder / "data"
    folder.mkdir()
    folder.chmod(0o755)
    server.folder.chmod(0o755)


def attack(server):
    user = server.user("user")
    user.call("POST", "/_matrix/media/v3/upload", b"a file", {"Content-Type": "text/plain"})
    user.call("GET", V3 + "/sync")
    readable = []
    for path in sorted((server.folder / "data").rglob("*")):
        mode = path.stat().st_mode
        if stat.S_ISREG(mode) and mode & 0o077:
            readable.append(f"{path.name} {mode & 0o777:o}")
    return {"readable": readable}


def held(figures):
    return [f"other accounts may read {name}" for name in figures["readable"]]
