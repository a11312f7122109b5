"""From `dpkg -i` to the first encrypted message between two people: `hearth setup` in a terminal on a Debian with a real systemd,
Pebble as the certificate authority, and clients that encrypt on a machine beside it. The screen and the time of each step go into
docs/SETUP.md (HEARTH_BLESS=1 writes them; otherwise a difference is a failure, but for the times)."""

import json
import re
import shutil
import subprocess
import sys
import time

import networks
from container import Container
from packages import ROOT

sys.path.insert(0, str(ROOT / "tests/doorstep"))

import screens  # noqa: E402
from authority import DIRECTORY, Authority  # noqa: E402
from terminal import COLUMNS, Terminal  # noqa: E402

# Public addresses, and a name below a domain that exists, none of which is reached from this network.
SERVER, CLIENT, NAME = "198.41.0.9", "198.41.0.50", "hearth.family"
MAKER = "tests/packages/first_message.py"
DROP_IN = "/etc/systemd/system/hearth.service.d/authority.conf"
MINUTES_MAX = 10


class Steps:
    """What was done, and how long it took."""

    def __init__(self):
        self.done, self.since = [], time.monotonic()

    def add(self, what, seconds=None):
        """A step that ends now, or that took so long."""
        now = time.monotonic()
        self.done.append((what, now - self.since if seconds is None else seconds))
        self.since = now

    def table(self):
        """As the document has it."""
        rows = [*self.done, ("in all", sum(seconds for _, seconds in self.done))]
        lines = [f"| {what} | {seconds:.1f} s |" for what, seconds in rows]
        return "\n".join(["| step | time |", "| --- | --- |", *lines, ""])


def timeless(text):
    """A table without its times."""
    return re.sub(r"\d+\.\d s", "", text)


def resolver(root):
    """The container asks the DNS server of the test."""
    path = root / "etc/resolv.conf"
    path.unlink(missing_ok=True)
    path.write_text(f"nameserver {SERVER}\n")


def set_up(box, steps):
    """`hearth setup`, as a newcomer types. Returns the terminal's screen and the invite link."""
    clean = ["env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C.UTF-8", "HOME=/root", "TERM=xterm"]
    # `script` makes a terminal of the container's own.
    script = ["script", "--quiet", "--return", "--command", "hearth setup", "/dev/null"]
    command = ["nsenter", "--target", box.leader, "--all", *clean, *script]
    terminal = Terminal(command, {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "TERM": "xterm"})
    terminal.answer(NAME, "1 of 5")
    terminal.answer("1", f"@NAME:{NAME}", "2 of 5")
    terminal.answer(f"kim@{NAME}", "Free ports: 443 TCP", f"A record {SERVER}, which is this machine", "3 of 5")
    terminal.answer("kim", "4 of 5")
    terminal.answer("", "5 of 5", "[/var/lib/hearth]")
    terminal.answer("n", "LiveKit")
    terminal.answer("y", "This goes into /etc/hearth/hearth.toml", 'source = "acme"', "Write it?")
    terminal.shows("is written")
    steps.add("`hearth setup`: five questions, their checks, and the settings (typed at once)")
    terminal.shows("The server runs.")
    steps.add("the service starts and answers")
    terminal.shows("The certificate is here")
    steps.add("the certificate")
    assert terminal.ends() == 0, terminal.screen
    steps.add("the invite link")
    return terminal.screen, re.search(rf"https://{NAME}/join/\S+", terminal.screen)[0]


def check_service(box):
    """What setup left: a service that holds no port below 1024 itself and keeps its settings to itself."""
    assert box.out("systemctl is-enabled hearth hearth-https.socket hearth-http.socket hearth-federation.socket").split() == ["enabled"] * 4
    assert box.out("systemctl --failed --no-legend") == ""
    assert box.out("stat -c '%U:%G %a' /etc/hearth/hearth.toml /var/lib/hearth").split("\n") == ["hearth:hearth 640", "hearth:hearth 700"]
    assert not box.path("/etc/systemd/system/hearth.service").exists(), "the package's unit stays"
    box.sh("runuser -u hearth -- hearth check-config --config /etc/hearth/hearth.toml --named")


def clients(pid, folder, told, steps):
    """Two clients on the other machine."""
    venv = subprocess.run([ROOT / "tests/interop/venv"], check=True, capture_output=True, text=True).stdout.strip()
    (folder / "resolv.conf").write_text(f"nameserver {SERVER}\n")
    mounts = 'mount --make-rprivate / && mount --bind "$1" "$(readlink --canonicalize /etc/resolv.conf)" && exec "$2" "$3"'
    command = ["nsenter", "--target", str(pid), "--net", "unshare", "--mount", "sh", "-c", mounts, "sh", folder / "resolv.conf",
               f"{venv}/bin/python", ROOT / "tests/interop/two_people.py"]  # fmt: skip
    done = subprocess.run(command, input=json.dumps(told), capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, f"{done.stdout}{done.stderr[-3000:]}"
    for line in done.stdout.splitlines():
        step = json.loads(line)
        steps.add(step["step"], step["seconds"])


def first_message(folder, debs):
    """The way of a newcomer."""
    for program in ("pebble", "pebble-challtestsrv", "ip"):
        if not shutil.which(program):
            return f"{program} is not installed"
    place = folder / "authority"
    place.mkdir()
    with Container(folder, before=resolver) as box, networks.beside(box.leader, SERVER, CLIENT) as beside:
        with networks.inside(box.leader):
            authority = Authority(place, SERVER, dns=f"{SERVER}:53")
            try:
                authority.start()
                root = authority.root()
            except BaseException:
                authority.end()
                raise
        try:
            settings = f'Environment="HEARTH_ACME__DIRECTORY={DIRECTORY}" HEARTH_ACME__CA_FILE=/share/authority/{authority.trust.name}'
            box.write(DROP_IN, f"[Service]\n{settings}\n")
            steps = Steps()
            said = box.out(f"cd /share && dpkg -i {debs[0].name} 2>&1")
            steps.add("`dpkg -i`")
            screen, link = set_up(box, steps)
            check_service(box)
            steps.since = time.monotonic()
            token = json.loads(box.out("hearth ctl --json tokens create --uses 1"))["token"]
            steps.add("`hearth ctl tokens create` for Bob")
            clients(beside, folder, {"base": f"https://{NAME}", "authority": root, "link": link, "token": token}, steps)
            assert "kim" in box.out("hearth ctl users list") and "bob" in box.out("hearth ctl users list")
        finally:
            authority.end()
    table = steps.table()
    print(table)
    assert sum(seconds for _, seconds in steps.done) < 60 * MINUTES_MAX
    screens.document("times", MAKER, table, same=lambda one, other: timeless(one) == timeless(other))
    shown = screens.shown(f"# dpkg -i hearth_VERSION_ARCH.deb\n{installed(said)}\n# hearth setup\n{screen}")
    assert all(len(line) <= COLUMNS for line in shown.splitlines()), shown
    screens.document("package", MAKER, f"```text\n{shown}\n```\n")
    return None


def installed(said):
    """What the package's installation printed, without what differs from machine to machine."""
    return said[said.index("Hearth is installed.") :]


POINTS = [first_message]
