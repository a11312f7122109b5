#!/usr/bin/env python3
"""`hearth setup` in a real terminal, driven as a newcomer types: mistakes are made and corrected on the way.

    tests/doorstep/setup.py [NAME...]      (as root; with Debian's pebble there is a certificate as well)

Runs in network and mount namespaces of its own, in which this machine has a public address and a DNS server, so that nothing of it
depends on the network around. What the terminal shows goes into docs/SETUP.md: HEARTH_BLESS=1 writes it there, otherwise a difference
is a failure. HEARTH_BIN: which Hearth (default target/debug/hearth). Exit code 77: this machine cannot make namespaces.
"""

import fcntl
import json
import os
import pty
import re
import select
import shutil
import signal
import socket
import ssl
import struct
import subprocess
import sys
import tempfile
import termios
import time
import tomllib
import traceback
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
BINARY = os.environ.get("HEARTH_BIN") or str(ROOT / "target" / "debug" / "hearth")
DOCUMENT = ROOT / "docs" / "SETUP.md"
# A public address: that of a root server of the DNS, which is not reached from this namespace.
PUBLIC, OTHER, NAME = "198.41.0.9", "198.41.0.77", "hearth.family"
BASE = Path("/srv")
FILE, DATA = BASE / "etc" / "hearth.toml", BASE / "data"
ROWS, COLUMNS = 24, 80


class Terminal:
    """A pseudo-terminal of 80x24 with a program in it."""

    def __init__(self, *words):
        self.screen, self.seen = "", 0
        self.child, self.master = pty.fork()
        if self.child == 0:
            os.chdir(BASE)
            os.execve(BINARY, [BINARY, *words], environment(TERM="xterm"))
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))

    def read(self, seconds):
        """Reads what comes within some time. Returns whether the program is still there."""
        if not select.select([self.master], [], [], seconds)[0]:
            return True
        try:
            data = os.read(self.master, 65536)
        except OSError:
            return False
        self.screen += data.decode().replace("\r\n", "\n")
        return bool(data)

    def until(self, check, what, seconds=60):
        end = time.monotonic() + seconds
        while not check(self.screen[self.seen :]):
            assert time.monotonic() < end, f"in {seconds} s there was not: {what}\n{self.screen}"
            assert self.read(0.2) or check(self.screen[self.seen :]), f"ended without: {what}\n{self.screen}"

    def answer(self, text, *expected):
        """Waits for a prompt, and that the text before has all that is expected; then types."""
        self.until(lambda text: text.endswith(("> ", "/n] ", "/N] ")), "a prompt")
        flat = " ".join(self.screen[self.seen :].split())
        for one in expected:
            assert one in flat, f"{one!r} was expected before {text!r} is typed:\n{self.screen}"
        self.seen = len(self.screen)
        os.write(self.master, f"{text}\n".encode())

    def shows(self, text, seconds=60):
        self.until(lambda shown: text in " ".join(shown.split()), text, seconds)

    def interrupt(self):
        os.write(self.master, b"\x03")

    def ends(self, seconds=60):
        """The exit code."""
        end = time.monotonic() + seconds
        while self.read(0.2):
            assert time.monotonic() < end, f"it does not end:\n{self.screen}"
        code = os.waitstatus_to_exitcode(os.waitpid(self.child, 0)[1])
        os.close(self.master)
        return code


def environment(**more):
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("HEARTH_", "NOTIFY_"))}
    return {**clean, **more}


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


class Pebble:
    """The test authority of Let's Encrypt, and a DNS server that all names lead to this machine with."""

    def __init__(self, folder):
        self.folder, self.children = Path(folder), []
        self.dns = self.start("pebble-challtestsrv", "-dns01", "127.0.0.1:53", "-management", "127.0.0.1:8055", "-http01", "",
                              "-https01", "", "-tlsalpn01", "", "-defaultIPv4", PUBLIC, "-defaultIPv6", "")  # fmt: skip
        wait_port(8055)

    def start(self, *words, **more):
        log = open(self.folder / f"{words[0]}.log", "w")
        child = subprocess.Popen(words, stdout=log, stderr=log, cwd=self.folder, env=environment(**more))
        self.children.append(child)
        return child

    def authority(self):
        make = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 9 -subj /CN=api -keyout api.key -out api.pem"
        names = ["-addext", "subjectAltName=DNS:localhost", "-addext", "basicConstraints=critical,CA:TRUE"]
        subprocess.run(["openssl", *make.split(), *names], check=True, cwd=self.folder, capture_output=True)
        leaf = "req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=localhost -keyout leaf.key -out leaf.csr"
        subprocess.run(["openssl", *leaf.split()], check=True, cwd=self.folder, capture_output=True)
        (self.folder / "leaf.ext").write_text("subjectAltName=DNS:localhost\n")
        sign = "x509 -req -in leaf.csr -CA api.pem -CAkey api.key -CAcreateserial -days 9 -extfile leaf.ext -out leaf.pem"
        subprocess.run(["openssl", *sign.split()], check=True, cwd=self.folder, capture_output=True)
        settings = {
            "listenAddress": "127.0.0.1:14000", "managementListenAddress": "127.0.0.1:15000", "certificate": "leaf.pem",
            "privateKey": "leaf.key", "httpPort": 80, "tlsPort": 443, "ocspResponderURL": "",
            "externalAccountBindingRequired": False,
        }  # fmt: skip
        (self.folder / "pebble.json").write_text(json.dumps({"pebble": settings}))
        self.start("pebble", "-config", "pebble.json", "-dnsserver", "127.0.0.1:53", PEBBLE_VA_NOSLEEP="1")
        wait_port(14000)
        wait_port(15000)
        return {"HEARTH_ACME__DIRECTORY": "https://localhost:14000/dir", "HEARTH_ACME__CA_FILE": str(self.folder / "api.pem")}

    def root(self):
        anyone = ssl._create_unverified_context()
        with urllib.request.urlopen("https://127.0.0.1:15000/roots/0", context=anyone) as answer:
            return answer.read().decode()

    def point(self, name, *addresses):
        for path, body in (("clear-a", {"host": f"{name}."}), ("add-a", {"host": f"{name}.", "addresses": addresses})):
            urllib.request.urlopen(f"http://127.0.0.1:8055/{path}", json.dumps(body).encode()).read()

    def end(self):
        for child in self.children:
            child.terminate()
            child.wait()


def wait_port(port):
    end = time.monotonic() + 20
    while True:
        try:
            return socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            assert time.monotonic() < end, f"nothing listens on {port}"
            time.sleep(0.1)


def settings():
    return tomllib.loads(FILE.read_text())


def lan_with_mistakes(pebble):
    """The local network: every question, each answered wrongly first."""
    blocker = socket.create_server(("0.0.0.0", 8008))
    terminal = Terminal("setup", "--config", str(FILE), "--service", "no")
    terminal.answer("my family", "1 of 5", "can never be changed")
    terminal.answer("family.home.arpa", "cannot be a server name")
    terminal.answer("4", "@NAME:family.home.arpa", "2 of 5")
    terminal.answer("3", "Expected 1, 2 or 3")
    wait_prompt(terminal)
    blocker.close()
    terminal.answer("", "has port 8008 TCP", "python", "Enter looks again")
    terminal.answer("Kim", "Free ports: 8008 TCP", f"http://{PUBLIC}:8008", "4 of 5")
    terminal.answer("kim", "it has capitals")
    terminal.answer("/proc/hearth", "@kim:family.home.arpa", "5 of 5")
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


def wait_prompt(terminal):
    terminal.until(lambda text: text.endswith(("> ", "/n] ", "/N] ")), "a prompt")
    return terminal.screen[terminal.seen :]


def internet(pebble):
    """Directly over the internet: a record that leads elsewhere, and the certificate."""
    pebble.point(NAME, OTHER)
    terminal = Terminal("setup", "--config", str(FILE), "--service", "no")
    terminal.answer(f"https://{NAME.title()}/", "1 of 5")
    terminal.answer("1", f"@NAME:{NAME}", "2 of 5")
    wait_prompt(terminal)
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
    with Server(**pebble.authority()):
        assert terminal.ends(120) == 0, terminal.screen
        assert "The certificate is here" in terminal.screen, terminal.screen
        trust = ssl.create_default_context(cadata=pebble.root())
        link = re.search(r"https://\S+/join/\S+", terminal.screen)[0]
        assert link.startswith(f"https://{NAME}/join/"), link
        assert NAME in urllib.request.urlopen(link, context=trust).read().decode()
    return terminal.screen


def interrupted(pebble):
    """Ctrl-C: before the end nothing is written; afterwards everything is."""
    terminal = Terminal("setup", "--config", str(FILE), "--service", "no")
    terminal.answer("family.home.arpa")
    terminal.answer("3")
    wait_prompt(terminal)
    terminal.interrupt()
    assert terminal.ends() == 130, terminal.screen
    assert "Nothing was written" in terminal.screen and list(BASE.iterdir()) == [], terminal.screen
    arguments = "--yes --name family.home.arpa --reach lan --admin kim --service no --wait 60".split()
    terminal = Terminal("setup", *arguments, "--config", str(FILE), "--data-dir", str(DATA))
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


def shown(screen):
    """A screen for the document: with what differs from machine to machine replaced."""
    for pattern, replacement in (
        (str(FILE.parent), "/etc/hearth"), (str(DATA), "/var/lib/hearth"), (r"\d+\.\d GiB free on \w+", "52.8 GiB free on ext4"),
        (r"\d+ MiB of memory", "3792 MiB of memory"), (r"process \d+", "process 812"), (r"/join/\w+", "/join/Xa3b5c7d9e1f"),
        (r"has python[\w.]*", "has python3"), (r"program python[\w.]*", "program python3"), (r"    [█▀▄ ]{20,}\n", "    (QR code)\n"),
    ):  # fmt: skip
        screen = re.sub(pattern, replacement, screen)
    screen = re.sub(r"(    \(QR code\)\n)+", "    (QR code)\n", screen)
    return "\n".join(line.rstrip() for line in screen.strip().splitlines())


def document(name, screen):
    """Compares a screen with the document, or writes it there."""
    text = DOCUMENT.read_text()
    start, end = f"<!-- screen {name}: made by tests/doorstep/setup.py -->\n", f"<!-- end of {name} -->"
    before, rest = text.split(start)
    old, after = rest.split(end, 1)
    new = f"```text\n{shown(screen)}\n```\n"
    if os.environ.get("HEARTH_BLESS") == "1":
        DOCUMENT.write_text(before + start + new + end + after)
    else:
        assert old == new, f"docs/SETUP.md shows another screen; HEARTH_BLESS=1 writes this one:\n{new}"


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
    pebble, failed = Pebble(folder), []
    try:
        for name in names or TESTS:
            empty(BASE)
            try:
                screen = TESTS[name](pebble)
                if name in SCREENS:
                    assert all(len(line) <= COLUMNS for line in screen.splitlines()), f"wider than {COLUMNS}:\n{screen}"
                    document(name, screen)
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
