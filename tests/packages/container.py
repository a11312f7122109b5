"""A Debian that boots a real systemd in a container, with a network of its own that leads nowhere."""

import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import time

SUITE = "bookworm"
# The packages' dependencies, what the tests look with, and what the recipes are applied with.
PACKAGES = "systemd,systemd-sysv,dbus,init-system-helpers,ca-certificates,python3-minimal,unattended-upgrades,ansible-core,python3-apt"
BOOT_S = 120
COMMAND_S = 120


class Failed(Exception):
    """A command in the container ended with another code than expected."""


def root_folder():
    """The folder of an unpacked Debian; made once. A new list of packages is a new folder."""
    cache = pathlib.Path(os.environ.get("PACKAGES_CACHE", "/var/cache/hearth-packages"))
    root = cache / f"{SUITE}-{len(PACKAGES)}"
    if root.exists():
        return root
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache) as making:
        made = pathlib.Path(making) / "root"
        subprocess.run(
            ["mmdebstrap", "--quiet", "--variant=minbase", f"--include={PACKAGES}", SUITE, str(made)],
            check=True,
            env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"},
        )
        # In a container nothing is waited for, and nothing else may hold dpkg's lock.
        for unit in ("apt-daily.timer", "apt-daily-upgrade.timer", "unattended-upgrades.service"):
            (made / "etc/systemd/system" / unit).symlink_to("/dev/null")
        made.rename(root)
    return root


class Container:
    """A booted container; `with` ends it. `share` is a folder of the host that it sees read-only as /share. `before` gets the root
    before it boots."""

    def __init__(self, share, before=None):
        self.share, self.before = pathlib.Path(share), before
        self.layers = self.process = self.leader = None

    def __enter__(self):
        self.layers = pathlib.Path(tempfile.mkdtemp(prefix="hearth-packages-"))
        # Not a subfolder of the cached root's file system: an overlay leaves that as it is.
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8G", "layers", self.layers], check=True)
        for name in ("upper", "work", "root"):
            (self.layers / name).mkdir()
        options = f"lowerdir={root_folder()},upperdir={self.layers}/upper,workdir={self.layers}/work"
        subprocess.run(["mount", "-t", "overlay", "-o", options, "overlay", self.layers / "root"], check=True)
        if self.before:
            self.before(self.layers / "root")
        self.log = open(self.layers / "console", "wb")
        self.process = subprocess.Popen(
            ["systemd-nspawn", "--quiet", f"--directory={self.layers}/root", "--boot", "--register=no", "--keep-unit",
             "--private-network", "--resolv-conf=off", "--console=read-only", f"--bind-ro={self.share}:/share"],
            stdin=subprocess.DEVNULL, stdout=self.log, stderr=subprocess.STDOUT, start_new_session=True,
        )
        try:
            self._wait_for_boot()
        except BaseException as error:
            self.__exit__(type(error))
            raise
        return self

    def _wait_for_boot(self):
        ends = time.monotonic() + BOOT_S
        while time.monotonic() < ends:
            children = pathlib.Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
            for child in children:
                if pathlib.Path(f"/proc/{child}/comm").read_text().strip() in ("systemd", "init"):
                    self.leader = child
            if self.leader and self.sh("systemctl is-system-running", codes=None).stdout.strip() in ("running", "degraded"):
                return
            if self.process.poll() is not None:
                break
            time.sleep(0.3)
        raise Failed("the container did not boot:\n" + (self.layers / "console").read_text(errors="replace")[-3000:])

    def sh(self, script, codes=(0,), seconds=COMMAND_S):
        """Runs a script as root; its code must be one of `codes`, if there are any. stdout and stderr as text."""
        done = subprocess.run(
            ["nsenter", "--target", self.leader, "--all", "/usr/bin/env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C.UTF-8",
             "DEBIAN_FRONTEND=noninteractive", "HOME=/root", "/bin/sh", "-c", script],
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=seconds,
        )
        if codes is not None and done.returncode not in codes:
            raise Failed(f"`{script}` ended with {done.returncode}:\n{done.stdout}{done.stderr}")
        return done

    def out(self, script, **options):
        """What a script prints."""
        return self.sh(script, **options).stdout.strip()

    def path(self, path):
        """A file of the container, seen from the host."""
        return self.layers / "root" / str(path).lstrip("/")

    def write(self, path, text, mode=0o644):
        """Writes a file in the container. One that is there keeps its owner and mode."""
        file = self.path(path)
        fresh = not file.exists()
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        if fresh:
            file.chmod(mode)

    def wait(self, script, seconds=30):
        """Runs a script until it succeeds."""
        ends = time.monotonic() + seconds
        while True:
            done = self.sh(script, codes=None)
            if done.returncode == 0:
                return done
            if time.monotonic() > ends:
                raise Failed(f"`{script}` did not succeed within {seconds} s:\n{done.stdout}{done.stderr}")
            time.sleep(0.2)

    def __exit__(self, kind=None, *_):
        if kind is not None and self.leader:
            log = self.sh("journalctl --no-pager --lines=30 --unit=hearth* --output=short-monotonic", codes=None).stdout
            print(f"The container's log:\n{log}", flush=True)
        if self.process and self.process.poll() is None:
            # The container's systemd takes this for an order to power off at once.
            if self.leader:
                os.kill(int(self.leader), signal.SIGRTMIN + 14)
            try:
                self.process.wait(15)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        if self.layers:
            self.log.close()
            for folder in (self.layers / "root", self.layers):
                subprocess.run(["umount", "--lazy", folder], check=False)
            shutil.rmtree(self.layers, ignore_errors=True)
