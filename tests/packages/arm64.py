"""The program for arm64, under qemu, with the memory of a Raspberry Pi Zero 2 W."""

import json
import os
import pathlib
import subprocess
import tempfile
import time
import urllib.error
import urllib.request


MEMORY_BYTES = 512 << 20
PORT = 18_099
START_S = 120


def ask(method, path, body=None, token=None):
    """A request to the server; its answer as JSON."""
    headers = {"content-type": "application/json"} | ({"authorization": f"Bearer {token}"} if token else {})
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"http://127.0.0.1:{PORT}{path}", data, headers, method=method)
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.loads(answer.read())


def cgroup():
    """A new group of processes whose memory is limited; None where groups cannot be made."""
    for group, limit in (("/sys/fs/cgroup/memory", "memory.limit_in_bytes"), ("/sys/fs/cgroup", "memory.max")):
        path = pathlib.Path(group) / f"hearth-arm64-{os.getpid()}"
        try:
            path.mkdir()
            (path / limit).write_text(str(MEMORY_BYTES))
            return path
        except OSError:
            if path.exists():
                path.rmdir()
    return None


def arm64(_folder, _debs):
    """It starts, makes an account and a room, and serves versions and a sync, qemu included in the memory."""
    program = os.environ.get("HEARTH_ARM64")
    if not program:
        return "HEARTH_ARM64 names no program"
    group = cgroup()
    if group is None:
        return "no memory limit can be set here"
    with tempfile.TemporaryDirectory() as data:
        settings = {
            "HEARTH_SERVER__NAME": "pi.test", "HEARTH_SERVER__DATA_DIR": data, "HEARTH_TURN__RELAY": "off",
            "HEARTH_LISTENERS": f'[{{ address = "127.0.0.1:{PORT}" }}]', "HEARTH_REGISTRATION__MODE": "open",
        }
        script = f"echo $$ > {group}/cgroup.procs && exec qemu-aarch64-static {program} serve"
        log = open(f"{data}/log", "wb")
        server = subprocess.Popen(["/bin/sh", "-c", script], env={**os.environ, **settings}, cwd=data, stdout=log, stderr=log)
        try:
            use(server)
            server.terminate()
            assert server.wait(60) == 0, "a clean stop"
        except BaseException:
            print(pathlib.Path(f"{data}/log").read_text(errors="replace")[-3000:])
            raise
        finally:
            server.kill()
            server.wait()
            log.close()
            group.rmdir()
    return None


def use(server):
    """What a client does first."""
    ends = time.monotonic() + START_S
    while True:
        try:
            assert "v1.11" in ask("GET", "/_matrix/client/versions")["versions"]
            break
        except urllib.error.URLError:
            assert server.poll() is None and time.monotonic() < ends, "it does not start"
            time.sleep(0.5)
    made = ask("POST", "/_matrix/client/v3/register", {
        "username": "alice", "password": "correct horse battery", "auth": {"type": "m.login.dummy"}})
    token = made["access_token"]
    room = ask("POST", "/_matrix/client/v3/createRoom", {"name": "Pi"}, token)["room_id"]
    ask("PUT", f"/_matrix/client/v3/rooms/{room}/send/m.room.message/1", {"msgtype": "m.text", "body": "hello"}, token)
    joined = ask("GET", "/_matrix/client/v3/sync", token=token)["rooms"]["join"][room]
    assert joined["timeline"]["events"][-1]["content"]["body"] == "hello", joined


POINTS = [arm64]
