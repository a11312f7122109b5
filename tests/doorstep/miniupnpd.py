#!/usr/bin/env python3
"""Port mapping with a real router: Debian's miniupnpd between two networks.

    tests/doorstep/miniupnpd.py            (as root, with the packages miniupnpd-nftables and iproute2)

Three network namespaces: a home with one machine, the router, and the internet. The crate's own test asks the router by PCP, NAT-PMP
and UPnP; then a machine of the internet connects to each forwarded port. At last a server with `server.forward_ports` is started, which
must be reached from there as well. HEARTH_BIN: which Hearth (default target/debug/hearth). Exit code 77: this machine cannot make
namespaces.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
HOME, ROUTER, INTERNET = (f"hearth-{name}-{os.getpid()}" for name in ("home", "router", "internet"))
# A public address, because a router without one refuses to forward. Nothing leaves these namespaces.
OUTER, FAR, INNER, MACHINE = "198.41.0.4", "198.41.0.9", "10.77.0.1", "10.77.0.2"
PORTS = {8448: "PCP", 3478: "NAT-PMP", 443: "UPnP"}

SETTINGS = f"""
ext_ifname=outer
listening_ip=inner
enable_natpmp=yes
enable_upnp=yes
secure_mode=yes
system_uptime=yes
upnp_table_name=filter
upnp_nat_table_name=filter
upnp_forward_chain=miniupnpd
upnp_nat_chain=prerouting_miniupnpd
upnp_nat_postrouting_chain=postrouting_miniupnpd
uuid=00000000-0000-4000-8000-000000000001
allow 1-65535 10.77.0.0/24 1-65535
deny 0-65535 0.0.0.0/0 0-65535
"""

TABLES = """
table inet filter {
    chain miniupnpd { }
    chain prerouting_miniupnpd { }
    chain postrouting_miniupnpd { }
    chain forward {
        type filter hook forward priority 0; policy drop;
        ct state established,related accept
        iifname "inner" accept
        jump miniupnpd
    }
    chain prerouting { type nat hook prerouting priority -100; policy accept; jump prerouting_miniupnpd; }
    chain postrouting {
        type nat hook postrouting priority 100; policy accept;
        jump postrouting_miniupnpd
        oifname "outer" masquerade
    }
}
"""

SERVER = """
import socket, sys, threading
def serve(port):
    listener = socket.create_server(("0.0.0.0", port))
    while True:
        stream, _ = listener.accept()
        stream.sendall(b"home"); stream.close()
for port in map(int, sys.argv[1:]):
    threading.Thread(target=serve, args=(port,)).start()
print("ready", flush=True)
"""

CLIENT = """
import socket, sys
stream = socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=5)
stream.settimeout(5)
sys.exit(0 if stream.recv(4) == b"home" else 1)
"""

HEALTH = """
import sys, urllib.request
sys.exit(0 if urllib.request.urlopen(f"http://{sys.argv[1]}:8009/health", timeout=5).status == 200 else 1)
"""


def run(*words, **options):
    return subprocess.run([str(word) for word in words], check=True, **options)


def inside(namespace, *words, **options):
    return run("ip", "netns", "exec", namespace, *words, **options)


def test_binary():
    command = ["cargo", "test", "-q", "-p", "hearth-setup", "--lib", "--no-run", "--message-format=json"]
    built = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True)
    found = [json.loads(line) for line in built.stdout.splitlines() if line.startswith("{")]
    binaries = [item["executable"] for item in found if item.get("executable") and item["target"]["name"] == "hearth_setup"]
    return binaries[-1]


def networks():
    for namespace in (HOME, ROUTER, INTERNET):
        run("ip", "netns", "add", namespace)
        inside(namespace, "ip", "link", "set", "lo", "up")
    run("ip", "link", "add", "home0", "netns", HOME, "type", "veth", "peer", "name", "inner", "netns", ROUTER)
    run("ip", "link", "add", "net0", "netns", INTERNET, "type", "veth", "peer", "name", "outer", "netns", ROUTER)
    for namespace, link, address in (
        (HOME, "home0", MACHINE),
        (ROUTER, "inner", INNER),
        (ROUTER, "outer", OUTER),
        (INTERNET, "net0", FAR),
    ):
        inside(namespace, "ip", "address", "add", f"{address}/24", "dev", link)
        inside(namespace, "ip", "link", "set", link, "up")
    inside(HOME, "ip", "route", "add", "default", "via", INNER)
    inside(ROUTER, "sysctl", "-qw", "net.ipv4.ip_forward=1")
    inside(ROUTER, "nft", "-f", "-", input=TABLES, text=True)


def reaches(port):
    code = ["ip", "netns", "exec", INTERNET, sys.executable, "-c", CLIENT, OUTER, str(port)]
    return subprocess.run(code, stderr=subprocess.DEVNULL).returncode == 0


def forwarding_server(folder):
    """`hearth serve` at home with `server.forward_ports`: a machine of the internet asks for its health."""
    binary = os.environ.get("HEARTH_BIN") or os.path.join(ROOT, "target", "debug", "hearth")
    settings = os.path.join(folder, "hearth.toml")
    with open(settings, "w") as file:
        file.write(
            f'[server]\nname = "hearth.family"\ndata_dir = "{folder}/data"\nforward_ports = true\n[turn]\nrelay = "off"\n'
            '[[listeners]]\naddress = "0.0.0.0:8009"\n'
        )
    environment = {name: value for name, value in os.environ.items() if not name.startswith("HEARTH_")}
    command = ["ip", "netns", "exec", HOME, binary, "serve", "--config", settings]
    with open(os.path.join(folder, "hearth.log"), "w+") as log:
        child = subprocess.Popen(command, stdout=log, stderr=log, env=environment)
        try:
            deadline = time.monotonic() + 60
            ask = ["ip", "netns", "exec", INTERNET, sys.executable, "-c", HEALTH, OUTER]
            while subprocess.run(ask, stderr=subprocess.DEVNULL).returncode != 0:
                alive = child.poll() is None and time.monotonic() < deadline
                assert alive, "the server is not reached:\n" + open(log.name).read()
                time.sleep(0.3)
        finally:
            child.terminate()
            child.wait(30)
        assert "The router forwards ports" in open(log.name).read(), open(log.name).read()
    print("server.forward_ports: the server is reached from the internet")


def main():
    if os.geteuid() != 0 or not shutil.which("miniupnpd") or not shutil.which("ip") or not shutil.which("nft"):
        print("needs root, miniupnpd-nftables, nftables and iproute2")
        return 77
    binary = sys.argv[1] if len(sys.argv) > 1 else test_binary()
    children, folder = [], tempfile.mkdtemp()
    try:
        networks()
        settings = os.path.join(folder, "miniupnpd.conf")
        with open(settings, "w") as file:
            file.write(SETTINGS + f"lease_file={folder}/leases\n")
        log = open(os.path.join(folder, "log"), "w+")
        daemon = ["ip", "netns", "exec", ROUTER, "miniupnpd", "-d", "-f", settings, "-P", f"{folder}/pid"]
        children.append(subprocess.Popen(daemon, stdout=log, stderr=log))
        server = ["ip", "netns", "exec", HOME, sys.executable, "-c", SERVER, *map(str, PORTS)]
        children.append(subprocess.Popen(server, stdout=subprocess.PIPE, text=True))
        assert children[1].stdout.readline() == "ready\n"
        deadline = time.monotonic() + 10
        while not inside(ROUTER, "ss", "-Hlun", "sport = :5351", stdout=subprocess.PIPE).stdout:
            assert time.monotonic() < deadline, "miniupnpd does not start:\n" + open(log.name).read()
            time.sleep(0.1)
        open_before = [port for port in PORTS if reaches(port)]
        assert not open_before, f"reached before anything was asked for: {open_before}"
        test = ["mapping::tests::a_real_router_forwards_a_port", "--exact", "--ignored", "--nocapture"]
        try:
            inside(HOME, binary, *test)
        except subprocess.CalledProcessError:
            print(open(log.name).read())
            raise
        for port, protocol in PORTS.items():
            assert reaches(port), f"port {port}, asked for by {protocol}, is not reached from the internet"
            print(f"{protocol}: port {port} is reached from the internet")
        forwarding_server(folder)
        return 0
    finally:
        for child in children:
            child.terminate()
            child.wait()
        for namespace in (HOME, ROUTER, INTERNET):
            subprocess.run(["ip", "netns", "del", namespace], stderr=subprocess.DEVNULL)
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
