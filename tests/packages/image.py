"""The container image, made from the container file and run by buildah, which needs no daemon."""

import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import packages

FILE = packages.ROOT / "packaging/container/Containerfile"
NAME = "hearth.test"
ACCOUNT = 10_001
START_S = 120
STOP_S = 30
# Without overlay file systems and without runc: what a container in a container can do.
BUILDAH = ["--storage-driver", "vfs"]
LIBRARIES = ("/lib", "/lib64", "/usr/lib")


class Buildah:
    """Images and containers in a folder of their own."""

    def __init__(self, folder):
        self.options = ["buildah", "--root", f"{folder}/storage", "--runroot", f"{folder}/run", *BUILDAH]

    def __call__(self, *asked):
        """What a command prints."""
        done = subprocess.run([*self.options, *asked], capture_output=True, text=True, timeout=300, check=False)
        assert done.returncode == 0, f"buildah {asked}: {done.stdout}{done.stderr}"
        return done.stdout.strip()

    def running(self, container, settings, volumes, command):
        """The arguments of a program in the container, without isolation but for its root."""
        options = [f"--env={key}={value}" for key, value in settings.items()]
        options += [f"--volume={path}:{path}:ro" for path in volumes]
        return [*self.options, "run", "--isolation=chroot", *options, container, "--", *command]


def image(_folder, _debs):
    """It serves as an account of its own, tells its health, lets the administrator in, keeps its data, and stops when told."""
    if not shutil.which("buildah"):
        return "buildah is not installed"
    # A release has a static program. With another one, the machine's libraries take the place of what it lacks.
    program = pathlib.Path(os.environ.get("HEARTH_STATIC", packages.program()))
    volumes = [path for path in LIBRARIES if os.path.isdir(path) and "HEARTH_STATIC" not in os.environ]
    with tempfile.TemporaryDirectory() as folder:
        context = pathlib.Path(folder) / "context"
        (context / "data").mkdir(parents=True)
        subprocess.run(["strip", "-o", context / "hearth", program], check=True)
        buildah = Buildah(folder)
        made = buildah("bud", "--quiet", "--isolation=chroot", "--format=docker", f"--file={FILE}", str(context))
        config = json.loads(buildah("inspect", "--type=image", made))["Docker"]["config"]
        assert config["User"] == f"{ACCOUNT}:{ACCOUNT}" and list(config["Volumes"]) == ["/data"], config
        assert "8008/tcp" in config["ExposedPorts"], config
        container = buildah("from", made)
        try:
            for account in ("alice", "bob"):
                serve(buildah, container, config, volumes, account)
        finally:
            buildah("rm", container)
            buildah("rmi", made)
    return None


def serve(buildah, container, config, volumes, account):
    """One start and one stop of the server, in a network of its own."""
    settings = {"HEARTH_SERVER__NAME": NAME}
    command = buildah.running(container, settings, volumes, [*config["Entrypoint"], *config["Cmd"]])
    alone = ["unshare", "--net", "sh", "-c", 'ip link set lo up && exec "$@"', "sh", *command]
    server = subprocess.Popen(alone, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def inside(*asked):
        """Ends with what a program of the image prints, beside the server."""
        return subprocess.run(buildah.running(container, settings, volumes, asked), capture_output=True, text=True, timeout=60)

    try:
        kind, *health = config["Healthcheck"]["Test"]
        assert kind == "CMD", health
        ends = time.monotonic() + START_S
        while (checked := inside(*health)).returncode:
            assert server.poll() is None and time.monotonic() < ends, f"it is not healthy: {checked.stdout}{checked.stderr}"
            time.sleep(0.3)
        assert '"versions"' in get(server.pid, "http://127.0.0.1:8008/_matrix/client/versions")
        made = inside("/hearth", "ctl", "users", "create", account)
        assert made.returncode == 0, made.stderr
        users = inside("/hearth", "ctl", "users", "list").stdout
        assert "alice" in users and account in users, users
        pid = program_of(server.pid)
        status = dict(line.split(":\t", 1) for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines())
        assert status["Uid"].split() == [str(ACCOUNT)] * 4 and int(status["CapEff"], 16) == 0, status
        os.kill(pid, signal.SIGTERM)
        said, _ = server.communicate(timeout=STOP_S)
        assert server.returncode == 0 and "Stopped." in said, (server.returncode, said[-2000:])
    except BaseException:
        server.kill()
        print(server.communicate()[0][-3000:])
        raise


def get(pid, url):
    """The answer to a GET in the network of a process."""
    code = "import sys,urllib.request as u; print(u.urlopen(sys.argv[1],timeout=20).read().decode())"
    asked = ["nsenter", "--target", str(pid), "--net", sys.executable, "-c", code, url]
    return subprocess.run(asked, capture_output=True, text=True, timeout=60, check=True).stdout


def program_of(pid):
    """The server among the descendants of a process."""
    waiting = [str(pid)]
    while waiting:
        one = waiting.pop()
        if pathlib.Path(f"/proc/{one}/comm").read_text().strip() == "hearth":
            return int(one)
        for task in pathlib.Path(f"/proc/{one}/task").iterdir():
            waiting += (task / "children").read_text().split()
    raise AssertionError("the server does not run")


POINTS = [image]
