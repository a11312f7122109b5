"""Names of the attacker's that lead to this machine: by their second answer, by records, by redirects, by delegation.

In a network of its own, where addresses of the internet belong to this machine, and with a DNS server of the attacker's. The
guard of outgoing requests has its default settings here.
"""

import os
import shutil
import socket
import subprocess
import threading
import time
from pathlib import Path
from urllib.parse import quote

from client import V3, run_all
from nameserver import A, AAAA, CNAME, SRV, NameServer

POINT, TENTH, ISOLATED, ALLOWED = 7, True, True, "[]"
PROMISE = "no connection arrives at an address that is not public, whichever name, record, redirect or delegation leads there"
PUBLIC, DNS = "93.184.216.34", "127.0.0.53"
INTERNAL = ["127.0.0.1", "10.9.8.7", "169.254.169.254", "192.168.7.7", "::1", "fd00:9::7"]
TRAPS = [80, 443, 8448, 9999]


def skipped():
    if os.geteuid() or not all(map(shutil.which, ("unshare", "ip", "mount"))):
        return "needs root, unshare, ip and mount, to make a network of its own"
    return None


def before(server):
    """Addresses, and the file that names the DNS server; both only in the namespaces of this process."""
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    for address in [PUBLIC, *INTERNAL]:
        subprocess.run(["ip", "address", "add", address, "dev", "lo"], check=False, stderr=subprocess.DEVNULL)
    settings = server.folder / "resolv.conf"
    settings.write_text(f"nameserver {DNS}\n")
    subprocess.run(["mount", "--bind", str(settings), str(Path("/etc/resolv.conf").resolve())], check=True)


def names(port):
    """Each name, and what it leads to. The public address is where the attacker's web server is."""
    public = [(A, PUBLIC)]

    def plain(*records):
        return lambda kind, _: [record for record in records if record[0] == kind or record[0] == CNAME]

    found = {
        "rebind.attack.example": lambda kind, count: [(A, PUBLIC if count == 1 else "127.0.0.1")] if kind == A else [],
        "mixed.attack.example": lambda kind, _: [(A, PUBLIC), (A, "127.0.0.1"), (A, "10.9.8.7")] if kind == A else [],
        "six.attack.example": plain((AAAA, "::ffff:127.0.0.1"), (AAAA, "::1"), (AAAA, "64:ff9b::7f00:1"), (AAAA, "fd00:9::7")),
        "direct.attack.example": plain((A, "127.0.0.1")),
        "metadata.attack.example": plain((A, "169.254.169.254")),
        "alias.attack.example": plain((CNAME, "direct.attack.example")),
        "zero.attack.example": plain((A, "0.0.0.0")),
        "service.attack.example": plain(*public),
        "_matrix-fed._tcp.service.attack.example": plain((SRV, (9999, "direct.attack.example"))),
        "_matrix._tcp.service.attack.example": plain((SRV, (9999, "direct.attack.example"))),
    }
    for name in WELL_KNOWN:
        found[name] = plain(*public)
    return found


# What the web servers of these names answer to /.well-known/matrix/server: a redirect, or a delegation.
WELL_KNOWN = {
    "redirect.attack.example": "https://127.0.0.1/.well-known/matrix/server",
    "redirect-name.attack.example": "https://direct.attack.example/.well-known/matrix/server",
    "redirect-plain.attack.example": "http://169.254.169.254/latest/meta-data",
    "redirect-port.attack.example": "https://10.9.8.7:9999/",
    "hops.attack.example": "https://redirect-name.attack.example/.well-known/matrix/server",
    "redirect-rebind.attack.example": "https://rebind.attack.example/",
    "delegate.attack.example": {"m.server": "127.0.0.1:9999"},
    "delegate-name.attack.example": {"m.server": "direct.attack.example:9999"},
    "delegate-six.attack.example": {"m.server": "[::1]:9999"},
    "delegate-mapped.attack.example": {"m.server": "[::ffff:10.9.8.7]:8448"},
    "delegate-number.attack.example": {"m.server": "2130706433:9999"},
    "delegate-service.attack.example": {"m.server": "service.attack.example"},
}


class Trap:
    """Listens at the internal addresses; what arrives is a finding."""

    def __init__(self):
        self.arrived = []
        for address in INTERNAL:
            for port in TRAPS:
                one = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET)
                one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                one.bind((address, port))
                one.listen()
                threading.Thread(target=self.watch, args=(one, f"{address} port {port}"), daemon=True).start()

    def watch(self, listener, name):
        while True:
            connection, _ = listener.accept()
            self.arrived.append(name)
            connection.close()


def well_known(path, _query, _body, host):
    answer = WELL_KNOWN.get(host)
    if isinstance(answer, str):
        return 302, {"Location": answer}, b""
    return answer


def attack(server):
    user, trap = server.user("user"), Trap()
    resolver = NameServer(DNS, names(server.port))
    web = server.stranger_at(PUBLIC, 443)
    web.by_host = True
    web.answers["/.well-known/matrix/server"] = well_known
    fed = server.stranger_at(PUBLIC, 8448)
    # A file that is elsewhere: the federation's answer names it, and the server fetches it.
    fed.by_host = True
    fed.answers["/_matrix/federation/v1/media/download"] = lambda *_: (
        200,
        {"Content-Type": "multipart/mixed; boundary=b"},
        b"--b\r\nContent-Type: application/json\r\n\r\n{}\r\n"
        b"--b\r\nLocation: https://direct.attack.example:9999/file\r\n\r\n\r\n--b--\r\n",
    )
    started = len(trap.arrived)
    tasks = []
    for name in [*names(0), "elsewhere.attack.example"]:
        if name.startswith("_"):
            continue
        there = quote(name)
        header = {"Authorization": f'X-Matrix origin="{name}",destination="{server.name}",key="ed25519:a",sig="{"A" * 86}"'}
        tasks += [
            lambda there=there: user.call("GET", f"{V3}/profile/{quote('@a:')}{there}"),
            lambda there=there: user.call("GET", f"{V3}/directory/room/{quote('#a:', safe='')}{there}"),
            lambda header=header: user.call("GET", "/_matrix/federation/v1/event/$x", headers=header),
            lambda there=there: user.call("GET", f"/_matrix/client/v1/media/download/{there}/abc"),
            lambda there=there: user.call("GET", V3 + "/publicRooms", query={"server": there}),
            lambda there=there: user.call("POST", f"{V3}/join/{quote('!a:')}{there}", {}, query={"via": there}),
        ]
    answers = run_all(tasks * 2, 8)
    time.sleep(1)
    return {
        "names": len(names(0)),
        "requests": len(answers),
        "looked_up": len(resolver.asked),
        "web_asked": len(web.asked) + len(fed.asked),
        "arrived": sorted(set(trap.arrived[started:])),
        "succeeded": sum(answer.ok for answer in answers),
    }


def held(figures):
    broken = [f"a connection arrived at {name}" for name in figures["arrived"]]
    if figures["web_asked"] < 10:
        broken.append("the attacker's own servers were hardly asked: this shows nothing")
    return broken
