"""What can be said of the units without starting them."""

import subprocess
import tempfile

import packages
from packages import ROOT

UNITS = ROOT / "systemd"
# Tenths: an exposure of 1.2.
EXPOSURE_TENTHS_MAX = 12
PORTS = {"http": {80}, "https": {443}, "federation": {8448}, "turn": {3478}, "turns": {5349}}


def exposure(_folder, _debs):
    """The service gives away little if it is taken over."""
    subprocess.run(
        ["systemd-analyze", "security", "--offline=true", f"--threshold={EXPOSURE_TENTHS_MAX}", UNITS / "hearth.service"],
        check=True, stdout=subprocess.DEVNULL,
    )
    strict = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--threshold=1", UNITS / "hearth.service"],
        capture_output=True, check=False,
    )
    assert strict.returncode != 0, "the threshold is not looked at"


def sockets(_folder, _debs):
    """Each socket unit opens the port that its comment names, for the service, under the agreed name."""
    for name, ports in PORTS.items():
        text = (UNITS / f"hearth-{name}.socket").read_text()
        lines = [line.split("=", 1) for line in text.splitlines() if "=" in line and not line.startswith("#")]
        opened = {int(value.rpartition(":")[2]) for key, value in lines if key in ("ListenStream", "ListenDatagram")}
        assert opened == ports, (name, opened)
        assert ["FileDescriptorName", name] in lines and ["Service", "hearth.service"] in lines, text
        assert f"Opens port {min(ports)}" in text, text


def content(_folder, debs):
    """The package has what its description promises, for the right accounts, and nothing of the machine that made it."""
    listed = subprocess.run(["dpkg-deb", "--contents", debs[0]], check=True, capture_output=True, text=True).stdout
    for path, mode in {
        "./usr/bin/hearth": "-rwxr-xr-x",
        "./usr/share/man/man1/hearth.1.gz": "-rw-r--r--",
        "./usr/share/man/man1/hearth-ctl-users-create.1.gz": "-rw-r--r--",
        "./usr/share/bash-completion/completions/hearth": "-rw-r--r--",
        "./usr/share/zsh/vendor-completions/_hearth": "-rw-r--r--",
        "./usr/share/fish/vendor_completions.d/hearth.fish": "-rw-r--r--",
        "./usr/share/doc/hearth/copyright": "-rw-r--r--",
        "./etc/hearth/hearth.toml": "-rw-r-----",
        "./etc/hearth/credentials/README": "-rw-------",
        **{f"./usr/lib/systemd/system/hearth-{name}.socket": "-rw-r--r--" for name in PORTS},
    }.items():
        line = next((line for line in listed.splitlines() if line.endswith(f" {path}")), "missing")
        assert line.startswith(mode), f"{path}: {line}"
    assert all(" root/root " in line or " 0/0 " in line for line in listed.splitlines()), listed


def same_twice(_folder, debs):
    """The same program makes the same package, byte for byte."""
    with tempfile.TemporaryDirectory() as other:
        again = packages.make_one(other, packages.OLD)
        assert again.read_bytes() == debs[0].read_bytes()


POINTS = [exposure, sockets, content, same_twice]
