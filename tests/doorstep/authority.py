"""Pebble, the test authority of Let's Encrypt, on the usual ports of a network namespace that is the test's own, and a DNS server
there."""

import json
import os
import socket
import ssl
import subprocess
import time
import urllib.request
from pathlib import Path

DIRECTORY = "https://localhost:14000/dir"


def environment(**more):
    """This process's environment without what a Hearth in it would read."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("HEARTH_", "NOTIFY_"))}
    return {**clean, **more}


class Authority:
    """A DNS server from the start, by which all names lead to one address; the authority itself after `start`. Files are in `folder`."""

    def __init__(self, folder, address, dns="127.0.0.1:53"):
        self.folder, self.dns, self.children = Path(folder), dns, []
        self._run("pebble-challtestsrv", "-dns01", dns, "-management", "127.0.0.1:8055", "-http01", "", "-https01", "",
                  "-tlsalpn01", "", "-defaultIPv4", address, "-defaultIPv6", "")  # fmt: skip
        wait_port(8055)

    def _run(self, *words, **more):
        with open(self.folder / f"{words[0]}.log", "w") as log:
            child = subprocess.Popen(words, stdout=log, stderr=log, cwd=self.folder, env=environment(**more))
        self.children.append(child)

    @property
    def trust(self):
        """The file with the certificate that the authority's own address is certified by."""
        return self.folder / "api.pem"

    def start(self):
        """Starts it. Returns the settings with which Hearth uses it."""
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
        self._run("pebble", "-config", "pebble.json", "-dnsserver", self.dns, PEBBLE_VA_NOSLEEP="1")
        wait_port(14000)
        wait_port(15000)
        return {"HEARTH_ACME__DIRECTORY": DIRECTORY, "HEARTH_ACME__CA_FILE": str(self.trust)}

    def root(self):
        """The certificate that those it issues lead to."""
        anyone = ssl._create_unverified_context()
        with urllib.request.urlopen("https://127.0.0.1:15000/roots/0", context=anyone) as answer:
            return answer.read().decode()

    def point(self, name, *addresses):
        """Gives a name these addresses instead."""
        for path, body in (("clear-a", {"host": f"{name}."}), ("add-a", {"host": f"{name}.", "addresses": addresses})):
            urllib.request.urlopen(f"http://127.0.0.1:8055/{path}", json.dumps(body).encode()).read()

    def end(self):
        """Ends both."""
        for child in self.children:
            child.terminate()
            child.wait()


def wait_port(port):
    """Waits until a program listens."""
    end = time.monotonic() + 20
    while True:
        try:
            return socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            assert time.monotonic() < end, f"nothing listens on {port}"
            time.sleep(0.1)
