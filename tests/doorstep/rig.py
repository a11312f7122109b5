"""What the tests stand on: a Hearth process, free ports, a client, and the runner."""

import contextlib
import hashlib
import http.client
import json
import os
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import time
import traceback
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
BINARY = os.environ.get("HEARTH_BIN") or str(ROOT / "target" / "debug" / "hearth")
REQUIRED = os.environ.get("HEARTH_REQUIRE_DOORSTEP") == "1"


class Skipped(Exception):
    pass


def need(*programs):
    """The paths of programs; skips the test if one is not installed."""
    paths = [shutil.which(program, path=f"{os.environ['PATH']}:/usr/sbin") for program in programs]
    for program, path in zip(programs, paths):
        if path is None:
            raise Skipped(f"{program} is not installed")
    return paths


def free_ports(count):
    """Ports that are free for TCP and UDP."""
    sockets, ports = [], []
    try:
        while len(ports) < count:
            tcp = socket.socket()
            sockets.append(tcp)
            tcp.bind(("127.0.0.1", 0))
            port = tcp.getsockname()[1]
            udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            sockets.append(udp)
            with contextlib.suppress(OSError):
                udp.bind(("127.0.0.1", port))
                ports.append(port)
    finally:
        for one in sockets:
            one.close()
    return ports


def wait_for(what, check, seconds=60, every=0.1):
    """Waits until `check` returns something true, and returns that."""
    end = time.monotonic() + seconds
    while True:
        with contextlib.suppress(OSError, http.client.HTTPException):
            if found := check():
                return found
        if time.monotonic() > end:
            raise AssertionError(f"in {seconds} s there was not: {what}")
        time.sleep(every)


def listens(port):
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False


class Stack(contextlib.ExitStack):
    """A test's folder and processes. All end with it."""

    def __init__(self):
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="hearth-doorstep-"))
        self.callback(shutil.rmtree, self.folder, ignore_errors=True)

    def run(self, name, command, environment=None, cwd=None):
        """Starts a program whose output goes into the file NAME.log."""
        with open(self.folder / f"{name}.log", "ab") as log:
            process = subprocess.Popen(
                command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, cwd=cwd or self.folder,
                env={**os.environ, **(environment or {})},
            )
        self.callback(end, process)
        return process

    def log(self, name):
        with contextlib.suppress(FileNotFoundError):
            return (self.folder / f"{name}.log").read_text(errors="replace")
        return ""


def end(process):
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


class Hearth:
    """A server of which the test writes the configuration."""

    def __init__(self, stack, name, settings):
        self.stack, self.name, self.process = stack, name, None
        self.data = stack.folder / "data"
        self.file = stack.folder / "hearth.toml"
        self.file.write_text(f"[server]\nname = \"{name}\"\ndata_dir = \"{self.data}\"\n{settings}")

    def start(self, environment=None):
        clean = {name: value for name, value in os.environ.items() if not name.startswith("HEARTH_")}
        command = [BINARY, "serve", "--config", str(self.file)]
        with open(self.stack.folder / "hearth.log", "ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log, env={**clean, **(environment or {})})
        self.stack.callback(end, self.process)
        wait_for("a running server", lambda: self.alive() and self.ctl("status").returncode == 0)
        return self

    def alive(self):
        if self.process.poll() is not None:
            raise RuntimeError(f"the server ended:\n{self.stack.log('hearth')[-3000:]}")
        return True

    def stop(self):
        end(self.process)

    def command(self, *arguments):
        clean = {name: value for name, value in os.environ.items() if not name.startswith("HEARTH_")}
        return subprocess.run(
            [BINARY, *arguments], capture_output=True, text=True, timeout=60, env=clean, check=False
        )

    def ctl(self, *arguments):
        return self.command("ctl", "--config", str(self.file), *arguments)

    def certificate(self, index=0):
        return json.loads(self.ctl("--json", "certificates").stdout)["items"][index]

    def problems(self):
        return json.loads(self.ctl("--json", "status").stdout)["problems"]


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    def json(self):
        return json.loads(self.body)


def request(port, method, path, body=None, token=None, tls=None, host="127.0.0.1", headers=None, timeout=60):
    """One request on a connection of its own. `tls` is a context; the connection goes to 127.0.0.1 whatever `host` is."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
    connection.connect()
    if tls is not None:
        connection.sock = tls.wrap_socket(connection.sock, server_hostname=host)
    with contextlib.closing(connection):
        return on(connection, method, path, body, token, host, headers)


def on(connection, method, path, body=None, token=None, host="127.0.0.1", headers=None):
    """One request on this connection."""
    headers = {"Host": host, **(headers or {})}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    if isinstance(body, (dict, list)):
        body = json.dumps(body).encode()
        headers["Content-Type"] = "application/json"
    connection.request(method, path, body, headers)
    response = connection.getresponse()
    return Answer(response.status, {name.lower(): value for name, value in response.getheaders()}, response.read())


def trusting(*authorities):
    context = ssl.create_default_context()
    for authority in authorities:
        context.load_verify_locations(cadata=authority)
    return context


def anyone():
    """A context that accepts every certificate, to look at it."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def fingerprint(port, name):
    """The SHA-256 fingerprint of the certificate that is served, as Hearth writes it."""
    with socket.create_connection(("127.0.0.1", port), 10) as plain, anyone().wrap_socket(plain, server_hostname=name) as tls:
        digest = hashlib.sha256(tls.getpeercert(binary_form=True)).hexdigest().upper()
        return ":".join(digest[at : at + 2] for at in range(0, len(digest), 2))


def openssl(*arguments, **options):
    done = subprocess.run(["openssl", *arguments], capture_output=True, check=False, **options)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


def make_certificate(folder, name, names, days=365, authority=None):
    """NAME.pem and NAME.key for these names; self-signed, or signed by the files AUTHORITY.pem and AUTHORITY.key."""
    key, request_file, pem = folder / f"{name}.key", folder / f"{name}.csr", folder / f"{name}.pem"
    alternative = ",".join(f"IP:{one}" if one[0].isdigit() else f"DNS:{one}" for one in names)
    extensions = folder / f"{name}.ext"
    usage = "basicConstraints=critical,CA:TRUE" if authority is None and not names else "extendedKeyUsage=serverAuth"
    extensions.write_text(f"{usage}\n" + (f"subjectAltName={alternative}\n" if names else ""))
    openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", key)
    openssl("req", "-new", "-key", key, "-subj", f"/CN={name}", "-out", request_file)
    signer = ["-signkey", key] if authority is None else ["-CA", folder / f"{authority}.pem", "-CAkey", folder / f"{authority}.key"]
    openssl("x509", "-req", "-in", request_file, "-days", str(days), "-extfile", extensions, "-set_serial", str(time.time_ns()), *signer, "-out", pem)
    return pem, key


def main(tests):
    """Runs the tests whose names contain one of the arguments."""
    wanted = [argument for argument in sys.argv[1:] if not argument.startswith("-")]
    chosen = [test for test in tests if not wanted or any(part in test.__name__ for part in wanted)]
    passed, failed, skipped = 0, 0, 0
    for test in chosen:
        begin = time.monotonic()
        with Stack() as stack:
            try:
                note = test(stack) or ""
                passed += 1
                result = "ok"
            except Skipped as why:
                if REQUIRED:
                    failed, result = failed + 1, "FAILED"
                else:
                    skipped, result = skipped + 1, "skipped"
                note = str(why)
            except Exception:
                failed += 1
                result, note = "FAILED", f"\n{traceback.format_exc()}"
                for log in sorted(stack.folder.glob("*.log")):
                    note += f"\n--- {log.name}\n{log.read_text(errors='replace')[-4000:]}"
        print(f"{test.__name__:<45} {result} in {time.monotonic() - begin:.1f} s  {note}", flush=True)
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    sys.exit(1 if failed or not chosen else 0)
