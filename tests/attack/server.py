"""The server under test: its process, its folder, and what can be measured from outside."""

import contextlib
import hashlib
import hmac
import http.client
import json
import os
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import tempfile
import threading
import time
from pathlib import Path
from urllib.parse import quote

from client import Client
from stranger import Stranger, authority

ROOT = Path(__file__).resolve().parent.parent.parent
MIB = 1024 * 1024
# The addresses of the strangers' servers. The server under test may connect there, which it may not by default.
STRANGERS = [*(f"127.0.0.{n}" for n in range(2, 12)), "93.184.216.34"]
# All limits are the defaults. What is set here is a way in for the attackers, and where to listen.
SETTINGS = """
[server]
name = "127.0.0.1:{port}"
data_dir = "{folder}/data"

[[listeners]]
address = "127.0.0.1:{port}"

[registration]
mode = "token"
shared_secret = "attack"

[outgoing]
allowed_ranges = {allowed}
extra_ca_file = "{ca}"

[turn]
relay = "off"
"""


class Server:
    def __init__(self, folder=None, more="", allowed='["127.0.0.0/8"]'):
        self.folder = Path(folder or tempfile.mkdtemp(prefix="hearth-attack-"))
        self.binary = os.environ.get("HEARTH_BIN") or str(ROOT / "target" / "debug" / "hearth")
        self.environment, self.limits, self.process, self.strangers, self.password = {}, None, None, [], "attack attack"
        self.ca = authority(self.folder, STRANGERS)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.name = f"127.0.0.1:{self.port}"
        (self.folder / "hearth.toml").write_text(
            SETTINGS.format(port=self.port, folder=self.folder, ca=self.ca, allowed=allowed) + more
        )
        self.anyone = Client(self.port)

    # The process.

    def start(self, seconds=60):
        environment = {name: value for name, value in os.environ.items() if not name.startswith("HEARTH_")}
        with open(self.folder / "log", "ab") as log:
            command = [self.binary, "serve", "--config", str(self.folder / "hearth.toml")]
            self.process = subprocess.Popen(command, stdout=log, stderr=log, env={**environment, **self.environment}, preexec_fn=self.limits)
        end = time.monotonic() + seconds
        while time.monotonic() < end and self.process.poll() is None:
            with contextlib.suppress(OSError):
                if Client(self.port, timeout=2).call("GET", "/_matrix/client/versions").ok:
                    return self
            time.sleep(0.05)
        raise RuntimeError(f"the server did not start:\n{self.log()[-3000:]}")

    def stop(self, seconds=60):
        """Stops it with SIGTERM; gives the seconds that took, or None if it had to be killed."""
        if self.process is None or self.process.poll() is not None:
            return 0.0
        begin = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(seconds)
            return round(time.monotonic() - begin, 2)
        self.kill()
        return None

    def kill(self):
        self.process.kill()
        self.process.wait()

    def is_alive(self):
        return self.process.poll() is None

    def close(self, keep=False):
        """Ends everything that belongs to this server."""
        if self.process and self.is_alive():
            self.kill()
        for stranger in self.strangers:
            stranger.stop()
        if not keep:
            shutil.rmtree(self.folder, ignore_errors=True)

    # Those who use it.

    def stranger(self):
        """Another homeserver, run by the attacker."""
        self.strangers.append(Stranger(self.folder, STRANGERS[len(self.strangers)]))
        return self.strangers[-1]

    def stranger_at(self, address, port):
        """The same at an address of its own."""
        self.strangers.append(Stranger(self.folder, address, port))
        return self.strangers[-1]

    def user(self, name, source=None):
        """A new local user with one device."""
        nonce = self.anyone.must("GET", "/_synapse/admin/v1/register")["nonce"]
        signed = b"\0".join(part.encode() for part in (nonce, name, self.password, "notadmin"))
        body = {
            "nonce": nonce,
            "username": name,
            "password": self.password,
            "admin": False,
            "mac": hmac.new(b"attack", signed, hashlib.sha1).hexdigest(),
        }
        made = self.anyone.must("POST", "/_synapse/admin/v1/register", body)
        client = Client(self.port, made["access_token"], made["user_id"], source)
        client.device = made["device_id"]
        return client

    def admin(self, method, path, body=None):
        """One request to the admin socket: its status and JSON."""
        connection = http.client.HTTPConnection("localhost", timeout=30)
        connection.sock = socket.socket(socket.AF_UNIX)
        connection.sock.settimeout(30)
        connection.sock.connect(str(self.folder / "data" / "admin.sock"))
        raw = body if isinstance(body, bytes) else json.dumps(body) if body is not None else None
        connection.request(method, path, raw, {"Content-Type": "application/json"})
        response = connection.getresponse()
        text = response.read()
        connection.close()
        with contextlib.suppress(ValueError):
            return response.status, json.loads(text)
        return response.status, text

    def destination(self, stranger):
        return self.admin("GET", f"/api/v1/federation/destinations/{quote(stranger.name, safe='')}")[1]

    def ctl(self, *arguments):
        """The output of `hearth ctl`, as bytes."""
        command = [self.binary, "ctl", "--socket", str(self.folder / "data" / "admin.sock"), *arguments]
        environment = {name: value for name, value in os.environ.items() if not name.startswith("HEARTH_")}
        return subprocess.run(command, env=environment, capture_output=True, timeout=30, check=False).stdout

    # What can be measured.

    def _status(self, key):
        with contextlib.suppress(OSError):
            for line in Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
                if line.startswith(key + ":"):
                    return int(line.split()[1]) / 1024
        return 0.0

    def rss(self):
        """Resident memory in MiB."""
        return self._status("VmRSS")

    def peak(self):
        """The most resident memory since `forget_peak`, in MiB."""
        return self._status("VmHWM")

    def forget_peak(self):
        with contextlib.suppress(OSError):
            Path(f"/proc/{self.process.pid}/clear_refs").write_text("5")

    def settles(self, before, most, seconds=10):
        """What the memory is above `before` when it has come down to `most`, or at the end of the time, in MiB."""
        end = time.monotonic() + seconds
        while self.rss() - before > most and time.monotonic() < end:
            time.sleep(0.2)
        return self.rss() - before

    def disk(self):
        """Bytes in the data folder, in MiB, without the file that only keeps space free."""
        total = 0
        for path in (self.folder / "data").rglob("*"):
            with contextlib.suppress(OSError):
                if path.is_file() and "ballast" not in path.name:
                    total += path.stat().st_blocks * 512
        return total / MIB

    def rows(self, query, *values):
        """One number out of the database, which is only read."""
        path = f"file:{quote(str(self.folder / 'data' / 'hearth.db'))}?mode=ro"
        with contextlib.closing(sqlite3.connect(path, uri=True, timeout=10)) as database:
            return database.execute(query, values).fetchone()[0]

    def threads(self, name):
        """CPU seconds of each thread whose name begins so."""
        found, tick = {}, os.sysconf("SC_CLK_TCK")
        for task in Path(f"/proc/{self.process.pid}/task").iterdir():
            with contextlib.suppress(OSError):
                if (task / "comm").read_text().startswith(name):
                    fields = (task / "stat").read_text().rsplit(")", 1)[1].split()
                    found[task.name] = (int(fields[11]) + int(fields[12])) / tick
        return found

    def log(self):
        return re.sub(r"\x1b\[[0-9;]*m", "", (self.folder / "log").read_text(errors="replace"))

    def lines(self):
        return self.log().count("\n")


class Watch:
    """Looks at the server all the time while it is attacked: the most readers that were busy at once."""

    def __init__(self, server):
        self.server, self.ended, self.readers_busy = server, threading.Event(), 0
        self.worker = threading.Thread(target=self.run, daemon=True)
        self.worker.start()

    def run(self):
        last, at = self.server.threads("store-read"), time.monotonic()
        while not self.ended.wait(0.5):
            with contextlib.suppress(OSError):
                now, then = self.server.threads("store-read"), time.monotonic()
                # With others at work on the machine a busy thread gets little of it; one that only answers bystanders takes a hundredth.
                busy = sum(1 for name in now if now[name] - last.get(name, 0) > (then - at) / 10)
                self.readers_busy, last, at = max(self.readers_busy, busy), now, then

    def end(self):
        self.ended.set()
        self.worker.join()
