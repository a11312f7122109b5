#!/usr/bin/env python3
"""`hearth setup` in a real terminal, driven as a newcomer types: mistakes are made and corrected on the way.

    tests/doorstep/setup.py [NAME...]      (as root; with Debian's pebble there is a certificate as well)

Runs in network and mount namespaces of its own, in which this machine has a public address and a DNS server, so that nothing of it
depends on the network around. What the terminal shows goes into docs/SETUP.md: HEARTH_BLESS=1 writes it there, otherwise a difference
is a failure. HEARTH_BIN: which Hearth (default target/debug/hearth). Exit code 77: this machine cannot make namespaces.
"""

import json
import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import tomllib
import traceback
import urllib.request
from pathlib import Path

import screens
from authority import Authority, environment
from terminal import COLUMNS, Terminal

ROOT = Path(__file__).resolve().parent.parent.parent
BINARY = os.environ.get("HEARTH_BIN") or str(ROOT / "target" / "debug" / "hearth")
# A public address: that of a root server of the DNS, which is not reached from this namespace.
PUBLIC, OTHER, NAME = "198.41.0.9", "198.41.0.77", "hearth.family"
BASE = Path("/srv")
FILE, DATA = BASE / "etc" / "hearth.toml", BASE / "data"


def in_terminal(*words):
    return Terminal([BINARY, *words], environment(TERM="xterm"), BASE)


def hearth(*words, check=True):
    done = subprocess.run([BINARY, *map(str, words)], capture_output=True, text=True, env=environment(), cwd=BASE)
    assert not check or done.returncode == 0, f"{words}: {done.returncode}\n{done.stdout}{done.stderr}"
    return done


class Server:
    """`hearth serve` with what setup wrote."""

    def __init__(self, **more):
        self.log = tempfile.NamedTemporaryFile("w+")
        command = [BINARY, "serve", "--config", str(FILE)]
        self.process = subprocess.Popen(command, stdout=self.log, stderr=self.log, env=environment(**more), cwd=BASE)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(30)
        if sys.exc_info()[0]:
            print(open(self.log.name).read()[-3000:])


def settings():
    return tomllib.loads(FILE.read_text())


def lan_with_mistakes(pebble):
    """The local network: every question, each answered wrongly first."""
    blocker = socket.create_server(("0.0.0.0", 8008))
    terminal = in_terminal("setup", "--config", str(FILE), "--service", "no")
    terminal.answer("my family", "1 of 5", "can never be changed")
    terminal.answer("family.home.arpa", "cannot be a server name")
    terminal.answer("4", "@NAME:family.home.arpa", "2 of 5")
    terminal.answer("3", "Expected 1, 2 or 3")
    terminal.prompt()
    blocker.close()
    terminal.answer("", "has port 8008 TCP", "python", "Enter looks again")
    terminal.answer("Kim", "Free ports: 8008 TCP", f"http://{PUBLIC}:8008", "3 of 4")
    terminal.answer("kim", "it has capitals")
    terminal.answer("/proc/hearth", "@kim:family.home.arpa", "4 of 4")
    terminal.answer(str(DATA), "not a file system for data")
    terminal.answer("n", "LiveKit")
    assert not FILE.exists() and not DATA.exists(), "nothing is written before it was shown"
    terminal.answer("y", "This goes into", 'name = "family.home.arpa"', "Write it?")
    terminal.shows("Waiting for the server")
    assert oct(DATA.stat().st_mode & 0o777) == "0o700"
    assert settings()["listeners"] == [{"address": "0.0.0.0:8008"}], FILE.read_text()
    hearth("check-config", "--config", FILE)
    with Server():
        assert terminal.ends() == 0, terminal.screen
        link = re.search(r"http://\S+/join/\S+", terminal.screen)[0]
        assert link.startswith(f"http://{PUBLIC}:8008/join/"), link
        page = urllib.request.urlopen(link).read().decode()
        assert "family.home.arpa" in page, page
        before = FILE.read_bytes()
        again = hearth("setup", "--yes", "--json", "--wait", "20", "--service", "no", "--config", FILE)
        found = json.loads(again.stdout)
        assert found["running"] and found["invite_link"] == link, found
        assert FILE.read_bytes() == before, "the same answers change nothing"
        hearth("ctl", "--config", FILE, "users", "create", "kim", "--admin")
        other = hearth("setup", "--yes", "--name", "other.home.arpa", "--service", "no", "--config", FILE, check=False)
        assert other.returncode == 1 and "never changes its name" in " ".join(other.stderr.split()), other.stderr
        assert FILE.read_bytes() == before
    return terminal.screen


def internet(pebble):
    """Directly over the internet: a record that leads elsewhere, and the certificate."""
    pebble.point(NAME, OTHER)
    terminal = in_terminal("setup", "--config", str(FILE), "--service", "no")
    terminal.answer(f"https://{NAME.title()}/", "1 of 5")
    terminal.answer("1", f"@NAME:{NAME}", "2 of 5")
    terminal.prompt()
    pebble.point(NAME, PUBLIC)
    terminal.answer("", f"{NAME} has the A record {OTHER}, which is another machine", "Free ports: 443 TCP", "looks again")
    terminal.answer("kim@hearth", f"{NAME} has the A record {PUBLIC}, which is this machine", "leads to this machine", "3 of 5")
    terminal.answer(f"kim@{NAME}", "is not an e-mail address")
    terminal.answer("kim", "4 of 5")
    terminal.answer(str(DATA), "5 of 5")
    terminal.answer("y", "The clock", "LiveKit")
    terminal.answer("", 'source = "acme"', f'email = "kim@{NAME}"', "Write it?")
    terminal.shows("Waiting for the server")
    livekit = FILE.parent / "livekit"
    assert oct((livekit / "keys.yaml").stat().st_mode & 0o777) == "0o640"
    assert "auto_create: false" in (livekit / "livekit.yaml").read_text()
    hearth("check-config", "--config", FILE)
    with Server(**pebble.start()):
        assert terminal.ends(120) == 0, terminal.screen
        assert "The certificate is here" in terminal.screen, terminal.screen
        trust = ssl.create_default_context(cadata=pebble.root())
        link = re.search(r"https://\S+/join/\S+", terminal.screen)[0]
        assert link.startswith(f"https://{NAME}/join/"), link
        assert NAME in urllib.request.urlopen(link, context=trust).read().decode()
    return terminal.screen


def interrupted(pebble):
    """Ctrl-C: before the end nothing is written; afterwards everything is."""
    terminal = in_terminal("setup", "--config", str(FILE), "--service", "no")
    terminal.answer("family.home.arpa")
    terminal.answer("3")
    terminal.prompt()
    terminal.interrupt()
    assert terminal.ends() == 130, terminal.screen
    assert "Nothing was written" in terminal.screen and list(BASE.iterdir()) == [], terminal.screen
    arguments = "--yes --name family.home.arpa --reach lan --admin kim --service no --wait 60".split()
    terminal = in_terminal("setup", *arguments, "--config", str(FILE), "--data-dir", str(DATA))
    terminal.shows("Waiting for the server")
    terminal.interrupt()
    assert terminal.ends() == 130, terminal.screen
    assert sorted(path.name for path in FILE.parent.iterdir()) == ["hearth.toml"], "nothing half-written is left"
    hearth("check-config", "--config", FILE)


def flags(pebble):
    """Scripts: what is missing or wrong ends with a sentence, and --dry-run writes nothing."""
    given = ["setup", "--yes", "--config", FILE, "--data-dir", DATA, "--service", "no"]
    missing = hearth(*given, "--name", "family.home.arpa", "--reach", "lan", check=False)
    assert missing.returncode == 1 and "--admin is missing" in missing.stderr, missing.stderr
    dry = hearth(*given, "--name", "family.home.arpa", "--reach", "lan", "--admin", "kim", "--dry-run", "--json")
    assert json.loads(dry.stdout)["written"] is False and list(BASE.iterdir()) == [], dry.stdout
    pebble.point(NAME, OTHER)
    wrong = hearth(*given, "--name", NAME, "--reach", "internet", "--admin", "kim", "--json", check=False)
    assert wrong.returncode == 1 and "another machine" in " ".join(wrong.stderr.split()), wrong.stderr
    assert "error" in json.loads(wrong.stdout) and list(BASE.iterdir()) == [], wrong.stdout
    hearth(*given, "--name", NAME, "--reach", "internet", "--admin", "kim", "--anyway")
    assert settings()["server"]["name"] == NAME


SCREENS = {"lan": lan_with_mistakes, "internet": internet}
TESTS = {**SCREENS, "interrupted": interrupted, "flags": flags}


def isolate(folder):
    """Inside the namespaces: an interface with a public address, a DNS server of the test, and an empty /srv."""
    (Path(folder) / "resolv.conf").write_text("nameserver 127.0.0.1\n")
    for command in (
        "mount --make-rprivate /",
        f"mount --bind {folder}/resolv.conf {Path('/etc/resolv.conf').resolve()}",
        f"mount --bind {folder}/srv {BASE}",
        "ip link set lo up",
        "ip link add net0 type veth peer name net1",
        f"ip address add {PUBLIC}/24 dev net0",
        "ip link set net0 up",
        "ip link set net1 up",
        "ip route add default dev net0",
    ):
        subprocess.run(command.split(), check=True)


def empty(folder):
    for path in folder.iterdir():
        shutil.rmtree(path) if path.is_dir() else path.unlink()


def main(names):
    if "HEARTH_SETUP_INSIDE" not in os.environ:
        if os.geteuid() != 0 or subprocess.run(["unshare", "-mn", "ip", "link", "set", "lo", "up"]).returncode != 0:
            print("needs root, namespaces and iproute2")
            return 77
        if not shutil.which("pebble") or not shutil.which("pebble-challtestsrv"):
            print("needs Debian's pebble")
            return 77
        folder = tempfile.mkdtemp(prefix="hearth-setup-")
        try:
            (Path(folder) / "srv").mkdir()
            inside = {**os.environ, "HEARTH_SETUP_INSIDE": folder}
            return subprocess.run(["unshare", "-mn", sys.executable, __file__, *names], env=inside).returncode
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    folder = os.environ.pop("HEARTH_SETUP_INSIDE")
    isolate(folder)
    pebble, failed = Authority(folder, PUBLIC), []
    try:
        for name in names or TESTS:
            empty(BASE)
            try:
                screen = TESTS[name](pebble)
                if name in SCREENS:
                    places = (str(FILE.parent), "/etc/hearth"), (str(DATA), "/var/lib/hearth")
                    shown = screens.shown(screen, *places)
                    # The replaced paths may be longer.
                    assert all(len(line) <= COLUMNS for line in screens.plain(screen).splitlines()), f"wider than {COLUMNS}:\n{screen}"
                    screens.document(name, "tests/doorstep/setup.py", f"```text\n{shown}\n```\n")
                print(f"ok      {name}", flush=True)
            except Exception:
                traceback.print_exc()
                print(f"FAILED  {name}", flush=True)
                failed.append(name)
    finally:
        pebble.end()
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
