"""A PostgreSQL server for one attack, on a small file system of its own."""

import os
import pwd
import shutil
import signal
import subprocess
import time
from pathlib import Path


def programs():
    """The folder with PostgreSQL's programs, the newest."""
    folders = [Path(folder) for folder in os.environ.get("PATH", "").split(":")]
    folders += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    names = ("initdb", "postgres", "psql")
    return next((folder for folder in folders if all((folder / name).exists() for name in names)), None)


class Cluster:
    def __init__(self, folder, size_mib):
        self.folder, self.process = Path(folder), None
        self.folder.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size_mib}m", "tmpfs", str(self.folder)], check=True)
        account = pwd.getpwnam("postgres")
        self.account = {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
        shutil.chown(self.folder, account.pw_uid, account.pw_gid)
        self.folder.parent.chmod(0o755)
        arguments = ["--auth=trust", "--username=postgres", "--encoding=UTF8", "--locale=C", "-D", str(self.folder / "data")]
        try:
            self.run("initdb", *arguments, check=True)
            self.start()
            self.sql("CREATE DATABASE hearth TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C'")
        except Exception:
            self.close()
            raise

    def run(self, name, *arguments, **more):
        command = [str(programs() / name), *arguments]
        return subprocess.run(command, cwd="/", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **self.account, **more)

    def url(self, database="hearth"):
        return f"host={self.folder} user=postgres dbname={database}"

    def sql(self, text):
        self.run("psql", "-d", self.url("postgres"), "-c", text, check=True)

    def start(self, seconds=15):
        """Starts it and waits; returns whether it came up."""
        # As it is installed: with fsync, so that a kill tests what an operator has.
        command = [str(programs() / "postgres"), "-c", "listen_addresses=", "-c", "max_wal_size=64MB", "-D", str(self.folder / "data")]
        command += ["-k", str(self.folder)]
        self.process = subprocess.Popen(command, cwd="/", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **self.account)
        end = time.monotonic() + seconds
        while time.monotonic() < end and self.process.poll() is None:
            if self.run("psql", "-d", self.url("postgres"), "-c", "SELECT 1").returncode == 0:
                return True
            time.sleep(0.1)
        return False

    def kill(self):
        """Ends it without a checkpoint, as a crash does: SIGKILL for the server, whose processes then end by themselves."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        # The next server refuses to start while processes of the last one still use the shared memory.
        time.sleep(1)

    def close(self):
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGQUIT)
            self.process.wait()
        subprocess.run(["umount", "-l", str(self.folder)], check=False)
