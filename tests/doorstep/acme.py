"""Certificates from an authority, and those that the server makes itself. See `run`."""

import base64
import http.client
import json
import os
import socket
import stat
import subprocess
import threading
import time

from pebble import Between, Pebble
from rig import (
    BINARY, Hearth, anyone, fingerprint, free_ports, listens, main, make_certificate, need, on, openssl, request, trusting, wait_for,
)  # fmt: skip

NAMES = ["family.doorstep.test", "matrix.doorstep.test", "third.doorstep.test"]
VERSIONS = "/_matrix/client/versions"


def settings(pebble, names=NAMES[:1], challenge="tls-alpn-01", directory=None, federation=None, more="", turn=None):
    """A server whose certificate comes from `pebble`."""
    text = f"""
[acme]
directory = "{directory or pebble.directory}"
email = "alice@doorstep.test"
names = {json.dumps(names)}
challenge = "{challenge}"
ca_file = "{pebble.trust}"
{more}
[[listeners]]
address = "127.0.0.1:{pebble.tls_port}"
tls = {{ source = "acme" }}
[[listeners]]
address = "127.0.0.1:{pebble.http_port}"
resources = ["redirect"]
[turn]
"""
    if turn:
        udp, tls = turn
        text += f'relay = "on"\naddresses = ["127.0.0.1:{udp}"]\ntls_addresses = ["127.0.0.1:{tls}"]\npublic_ipv4 = "127.0.0.1"\n'
    else:
        text += 'relay = "off"\n'
    if federation:
        text += f'[[listeners]]\naddress = "127.0.0.1:{federation}"\nresources = ["federation"]\ntls = {{ source = "acme" }}\n'
    return text


def issued(hearth, seconds=60, but=None):
    """Waits for a certificate, or for another than `but`; returns what `ctl` shows."""
    return wait_for(
        "a certificate",
        lambda: (shown := hearth.certificate()).get("not_after_ms") and shown["fingerprint"] != but and shown,
        seconds,
    )


def failed(hearth, seconds=60, failures=1):
    return wait_for("a failed order", lambda: (shown := hearth.certificate())["failures"] >= failures and shown, seconds)


def asked(port, name, tls, path=VERSIONS):
    return request(port, "GET", path, tls=tls, host=name).status


def first_certificate_by_tls_alpn(stack):
    pebble = Pebble(stack).start()
    federation, udp, turn = free_ports(3)
    hearth = Hearth(stack, NAMES[0], settings(pebble, NAMES, federation=federation, turn=(udp, turn)))
    begin = time.monotonic()
    hearth.start()
    shown = issued(hearth)
    took = time.monotonic() - begin
    assert sorted(shown["names"]) == sorted(NAMES) and shown["missing"] == [], shown
    tls = trusting(pebble.root())
    for name in NAMES:
        assert asked(pebble.tls_port, name, tls) == 200
    prints = {fingerprint(port, NAMES[0]) for port in (pebble.tls_port, federation, turn)}
    assert prints == {shown["fingerprint"]}, "443, 8448 and TURN over TLS have one certificate"
    assert not [problem for problem in hearth.problems() if problem.get("area") == "certificates"]
    for path in (hearth.data / "certificates").rglob("*"):
        mode = stat.S_IMODE(path.stat().st_mode)
        assert mode == (0o700 if path.is_dir() else 0o600), f"{path}: {mode:o}"
    # A restart orders nothing.
    orders = stack.log("pebble").count("/order-plz")
    hearth.stop()
    hearth.start()
    assert issued(hearth)["fingerprint"] == shown["fingerprint"]
    assert stack.log("pebble").count("/order-plz") == orders
    return f"three names in {took:.1f} s"


def first_certificate_by_http(stack):
    pebble = Pebble(stack).start()
    hearth = Hearth(stack, NAMES[0], settings(pebble, NAMES[:2], "http-01")).start()
    shown = issued(hearth)
    assert shown["names"] == NAMES[:2], shown
    assert asked(pebble.tls_port, NAMES[1], trusting(pebble.root())) == 200
    # Everything else on that port leads to https.
    for host, path, to in [
        (NAMES[0], "/_matrix/client/v3/login?a=b", f"https://{NAMES[0]}/_matrix/client/v3/login?a=b"),
        (NAMES[1], "/.well-known/matrix/client", f"https://{NAMES[1]}/.well-known/matrix/client"),
        ("evil.example", "/", f"https://{NAMES[0]}/"),
    ]:
        answer = request(pebble.http_port, "GET", path, host=host)
        assert (answer.status, answer.headers["location"]) == (308, to), answer.headers
    assert request(pebble.http_port, "GET", "/.well-known/acme-challenge/x").status == 404


def renewal_under_load(stack):
    """Certificates of 30 seconds: each is replaced by the next one, and no request notices."""
    pebble = Pebble(stack).start(seconds=30)
    more = "[rate_limits]\nunauthenticated = { per_second = 1000, burst = 1000 }\n"
    hearth = Hearth(stack, NAMES[0], settings(pebble, more=more)).start()
    issued(hearth)
    tls, end = trusting(pebble.root()), time.monotonic() + 55
    counts, faults, seen = [0, 0], [], set()

    def with_new_connections():
        while time.monotonic() < end:
            try:
                status = asked(pebble.tls_port, NAMES[0], tls, "/.well-known/matrix/client")
                assert status == 200, status
                counts[0] += 1
            except Exception as error:
                faults.append(f"a new connection: {error!r}")

    def on_one_connection():
        kept = http.client.HTTPConnection("127.0.0.1", pebble.tls_port, timeout=30)
        kept.connect()
        kept.sock = tls.wrap_socket(kept.sock, server_hostname=NAMES[0])
        kept.auto_open = 0
        while time.monotonic() < end:
            try:
                status = on(kept, "GET", "/.well-known/matrix/client", host=NAMES[0]).status
                assert status == 200, status
                counts[1] += 1
            except Exception as error:
                return faults.append(f"the kept connection: {error!r}")
            time.sleep(0.02)
        kept.close()

    def look():
        while time.monotonic() < end:
            seen.add(fingerprint(pebble.tls_port, NAMES[0]))
            time.sleep(1)

    threads = [threading.Thread(target=one) for one in (with_new_connections, with_new_connections, on_one_connection, look)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not faults, faults[:5]
    assert len(seen) >= 3, seen
    return f"{counts[0]} connections and {counts[1]} requests on one kept connection, {len(seen)} certificates, none failed"


def authority_down(stack):
    pebble = Pebble(stack)
    hearth = Hearth(stack, NAMES[0], settings(pebble)).start()
    shown = failed(hearth)
    assert "Connection refused" in shown["failure"] or "onnect" in shown["failure"], shown
    problems = [problem for problem in hearth.problems() if problem.get("area") == "certificates"]
    assert problems and problems[0]["level"] == "fail", problems
    assert shown["next_ms"] > shown["attempt_ms"] + 30_000, shown
    # It is tried again by itself in a minute, or when a person asks.
    pebble.start()
    assert hearth.ctl("certificates", "renew").returncode == 0
    first = issued(hearth)
    pebble.stop()
    assert hearth.ctl("certificates", "renew").returncode == 0
    shown = failed(hearth)
    assert shown["fingerprint"] == first["fingerprint"] == fingerprint(pebble.tls_port, NAMES[0])
    text = hearth.ctl("certificates").stdout
    assert "It failed" in text and NAMES[0] in text, text


def few_refused_nonces(stack):
    pebble = Pebble(stack).start(nonces=5)
    begin = time.monotonic()
    hearth = Hearth(stack, NAMES[0], settings(pebble, NAMES)).start()
    issued(hearth, 90)
    return f"{time.monotonic() - begin:.1f} s"


def many_refused_nonces(stack):
    """Half of all nonces: most orders fail. The old certificate stays whenever one does, and the reason is told."""
    pebble = Pebble(stack).start()
    hearth = Hearth(stack, NAMES[0], settings(pebble)).start()
    shown = issued(hearth)
    pebble.stop()
    pebble.start(nonces=50)
    refused = 0
    # That all of these succeed has a chance of one in thousands; as many failures count for nothing at an authority.
    for _ in range(6):
        if hearth.ctl("certificates", "renew").returncode != 0:
            break
        before = shown
        shown = wait_for(
            "the end of an order",
            lambda: (now := hearth.certificate()) and (now["fingerprint"] != before["fingerprint"] or now["failures"] != before["failures"]) and now,
        )
        if shown["failures"]:
            refused += 1
            assert shown["fingerprint"] == before["fingerprint"] == fingerprint(pebble.tls_port, NAMES[0])
            assert "nonce" in shown["failure"].lower(), shown
            if refused >= 2:
                break
    assert refused, "no order failed"
    assert asked(pebble.tls_port, NAMES[0], anyone()) == 200
    return f"{refused} orders failed: {shown['failure']}"


def wrong_dns(stack):
    pebble = Pebble(stack).start()
    names = NAMES[:2]
    pebble.point(names[1], "127.0.0.99")
    hearth = Hearth(stack, names[0], settings(pebble, names)).start()
    shown = failed(hearth)
    assert names[1] in shown["failure"] and not shown["names"], shown
    assert shown["next_ms"] - shown["attempt_ms"] > 10 * 60 * 1000, "an authority that refused is left alone"
    # A person may try again, as often as the authority allows.
    tries = 1
    while (answer := hearth.ctl("certificates", "renew")).returncode == 0:
        tries += 1
        failed(hearth, failures=tries)
        assert tries <= 5, "more than the authority allows"
    assert tries == 5 and "no further order" in answer.stderr, answer
    orders = stack.log("pebble").count("/order-plz")
    hearth.stop()
    hearth.start()
    time.sleep(3)
    assert stack.log("pebble").count("/order-plz") == orders, "nor after a restart"
    # Once the limit allows it, and the DNS is right.
    hearth.stop()
    history = next((hearth.data / "certificates").rglob("history.json"))
    history.unlink()
    pebble.point(names[1], "127.0.0.1")
    hearth.start()
    issued(hearth)
    return shown["failure"][:120]


def bad_certificates(stack):
    """Whatever the authority issues: a certificate that is unfit replaces none."""
    pebble = Pebble(stack).start()
    between = Between(stack, pebble)
    hearth = Hearth(stack, NAMES[0], settings(pebble, NAMES[:2], directory=between.directory)).start()
    first = issued(hearth)
    pem = {}
    for name, names, days in [("foreign-key", NAMES[:2], 90), ("junk", None, 0)]:
        pem[name] = make_certificate(stack.folder, name, names, days)[0].read_bytes() if names else b"no certificate"
    reasons = []
    for name, body in pem.items():
        between.change = lambda path, real, body=body: body if "/certZ/" in path else real
        before = hearth.certificate()["failures"]
        assert hearth.ctl("certificates", "renew").returncode == 0
        shown = failed(hearth, failures=before + 1)
        assert "unfit" in shown["failure"], shown
        assert shown["fingerprint"] == first["fingerprint"] == fingerprint(pebble.tls_port, NAMES[0])
        reasons.append(shown["failure"].split("unfit: ")[1][:60])
    between.change = lambda path, body: body
    assert hearth.ctl("certificates", "renew").returncode == 0
    issued(hearth, but=first["fingerprint"])
    return "; ".join(reasons)


def bound_accounts(stack):
    """An authority that wants accounts to be bound to its customers."""
    key = base64.urlsafe_b64encode(os.urandom(32)).rstrip(b"=").decode()
    pebble = Pebble(stack).start(customers={"kid-1": key})
    hearth = Hearth(stack, NAMES[0], settings(pebble, NAMES[:2])).start()
    shown = failed(hearth)
    assert "externalAccount" in shown["failure"], shown
    hearth.stop()
    secret = stack.folder / "eab"
    secret.write_text(key + "\n")
    more = f'eab_key_id = "kid-1"\neab_hmac_key_file = "{secret}"'
    for challenge in ("tls-alpn-01", "http-01"):
        for path in (hearth.data / "certificates").rglob("*.*"):
            if path.is_file():
                path.unlink()
        hearth = Hearth(stack, NAMES[0], settings(pebble, NAMES[:2], challenge, more=more)).start()
        assert issued(hearth)["names"] == NAMES[:2]
        assert asked(pebble.tls_port, NAMES[1], trusting(pebble.root())) == 200
        accounts = stack.log("pebble").count("/sign-me-up")
        first = hearth.certificate()["fingerprint"]
        hearth.ctl("certificates", "renew")
        issued(hearth, but=first)
        assert stack.log("pebble").count("/sign-me-up") == accounts, "the account is kept"
        # An authority that has lost its accounts.
        pebble.stop()
        pebble.start(customers={"kid-1": key})
        before = hearth.certificate()["fingerprint"]
        hearth.ctl("certificates", "renew")
        assert "accountDoesNotExist" in failed(hearth)["failure"]
        assert hearth.ctl("certificates", "renew").returncode == 0
        issued(hearth, but=before)
        hearth.stop()


ZONE = """$TTL 60
@ IN SOA ns hostmaster 1 60 60 600 60
@ IN NS ns
ns IN A 127.0.0.1
@ IN A 127.0.0.1
* IN A 127.0.0.1
"""
NAMED = """options {{ directory "{folder}"; listen-on port {port} {{ 127.0.0.1; }}; listen-on-v6 {{ none; }}; recursion no;
  pid-file none; session-keyfile "{folder}/session.key"; managed-keys-directory "{folder}"; dnssec-validation no; }};
controls {{ }};
key "hearth-key" {{ algorithm {algorithm}; secret "{secret}"; }};
zone "doorstep.test" {{ type primary; file "{folder}/zone"; update-policy {{ grant hearth-key zonesub TXT; }}; }};
"""


def texts(port, name):
    """The TXT records of a name."""
    question = b"".join(bytes([len(label)]) + label.encode() for label in name.split(".")) + b"\0\0\x10\0\x01"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.settimeout(5)
        udp.sendto(b"\0\x07\0\0\0\x01\0\0\0\0\0\0" + question, ("127.0.0.1", port))
        return int.from_bytes(udp.recv(4096)[6:8], "big")


def proofs_in_the_dns(stack):
    """DNS-01 with a real name server, for a name with a star."""
    named = need("named")[0]
    port = free_ports(1)[0]
    for algorithm in ("hmac-sha256", "hmac-sha512"):
        folder = stack.folder / f"bind-{algorithm}"
        folder.mkdir()
        secret = base64.b64encode(os.urandom(32)).decode()
        (folder / "zone").write_text(ZONE)
        (folder / "named.conf").write_text(NAMED.format(folder=folder, port=port, secret=secret, algorithm=algorithm))
        server = stack.run("named", [named, "-g", "-c", str(folder / "named.conf")], cwd=folder)
        wait_for("a name server", lambda: listens(port) and server.poll() is None)
        pebble = Pebble(stack, dns=port).start()
        more = f"""dns_server = "127.0.0.1:{port}"
dns_zone = "doorstep.test"
dns_key_name = "hearth-key"
dns_key_algorithm = "{algorithm}"
dns_key = "{secret}"
dns_propagation_ms = 200
"""
        names = ["doorstep.test", "*.doorstep.test", "a.deep.doorstep.test"]
        hearth = Hearth(stack, "doorstep.test", settings(pebble, names, "dns-01", more=more)).start()
        assert sorted(issued(hearth)["names"]) == sorted(names)
        tls = trusting(pebble.root())
        for name in ("doorstep.test", "any.doorstep.test", "a.deep.doorstep.test"):
            assert asked(pebble.tls_port, name, tls) == 200
        for name in names:
            assert texts(port, f"_acme-challenge.{name.removeprefix('*.')}") == 0, "a proof was left in the DNS"
        hearth.stop()
        pebble.stop()
        if algorithm == "hmac-sha512":
            # Another key: the server tells what is wrong.
            other = base64.b64encode(os.urandom(32)).decode()
            pebble.start()
            for path in (hearth.data / "certificates").rglob("*.*"):
                if path.is_file():
                    path.unlink()
            hearth = Hearth(stack, "doorstep.test", settings(pebble, names, "dns-01", more=more.replace(secret, other))).start()
            shown = failed(hearth)
            assert "dns_key" in shown["failure"], shown
            hearth.stop()
        server.terminate()
        server.wait()
        for path in (hearth.data / "certificates").rglob("*.*"):
            if path.is_file():
                path.unlink()
    return shown["failure"][:100]


def files_that_change(stack):
    """A new certificate in the files is used without a restart, and a worse one is not."""
    port = free_ports(1)[0]
    pem, key = make_certificate(stack.folder, "served", NAMES[:2])
    text = f"""
[[listeners]]
address = "127.0.0.1:{port}"
tls = {{ certificate_file = "{pem}", key_file = "{key}" }}
[turn]
relay = "off"
"""
    hearth = Hearth(stack, NAMES[0], text)
    checked = hearth.command("check-config", "--config", str(hearth.file))
    assert checked.returncode == 0 and NAMES[1] in checked.stdout and "ends in 36" in checked.stdout, checked
    hearth.start()
    first = fingerprint(port, NAMES[0])
    make_certificate(stack.folder, "served", NAMES[:3])
    assert hearth.ctl("certificates", "renew").returncode == 0
    second = fingerprint(port, NAMES[0])
    assert second != first
    for spoil in (
        lambda: make_certificate(stack.folder, "served", NAMES[1:]),
        lambda: make_certificate(stack.folder, "served", NAMES[:3], days=0),
        lambda: key.write_bytes(make_certificate(stack.folder, "other", NAMES)[1].read_bytes()),
        lambda: pem.write_text("junk"),
    ):
        spoil()
        refused = hearth.ctl("certificates", "renew")
        assert refused.returncode == 1 and "stays" in refused.stderr, refused
        assert fingerprint(port, NAMES[0]) == second
    hearth.stop()
    checked = hearth.command("check-config", "--config", str(hearth.file))
    assert checked.returncode == 1 and "served.pem" in checked.stderr, checked


def certificates_of_a_lan(stack):
    port = free_ports(1)[0]
    text = f'[[listeners]]\naddress = "127.0.0.1:{port}"\ntls = {{ source = "self-signed" }}\n[turn]\nrelay = "off"\n'
    hearth = Hearth(stack, "pi.home", text).start()
    authority = (hearth.data / "certificates" / "lan-authority.pem").read_text()
    assert "BEGIN CERTIFICATE" in authority and "PRIVATE" not in authority
    tls = trusting(authority)
    for name in ("pi.home", "localhost", "127.0.0.1"):
        assert asked(port, name, tls) == 200
    printed = openssl("x509", "-in", hearth.data / "certificates" / "lan-authority.pem", "-noout", "-fingerprint", "-sha256")
    printed = printed.decode().strip().split("=")[1]
    assert printed in hearth.ctl("certificates").stdout and printed in stack.log("hearth")
    first = fingerprint(port, "pi.home")
    assert hearth.ctl("certificates", "renew").returncode == 0
    assert fingerprint(port, "pi.home") != first and asked(port, "pi.home", tls) == 200
    hearth.stop()
    hearth.start()
    assert asked(port, "pi.home", tls) == 200


def sockets_of_the_service_manager(stack):
    """Ports that another program has bound, and what the service manager is told."""
    pem, key = make_certificate(stack.folder, "served", NAMES[:1])
    listeners = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
    https, plain = (one.getsockname()[1] for one in listeners)
    told = stack.folder / "notify"
    notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    notify.bind(str(told))
    notify.settimeout(30)
    text = f"""
[[listeners]]
address = "127.0.0.1:{https}"
tls = {{ certificate_file = "{pem}", key_file = "{key}" }}
[[listeners]]
address = "127.0.0.1:{plain}"
[turn]
relay = "off"
"""
    hearth = Hearth(stack, NAMES[0], text)
    # Descriptors 3 and 4, as systemd passes them; the variable with the process's own number can only be set in it.
    fds = " ".join(str(one.fileno()) for one in listeners)
    script = f'exec 3<&{fds.split()[0]} 4<&{fds.split()[1]}; export LISTEN_PID=$$; exec "{BINARY}" serve --config "{hearth.file}"'
    environment = {name: value for name, value in os.environ.items() if not name.startswith("HEARTH_")}
    environment |= {"LISTEN_FDS": "2", "LISTEN_FDNAMES": "https:http", "NOTIFY_SOCKET": str(told), "WATCHDOG_USEC": "400000"}
    with open(stack.folder / "hearth.log", "ab") as log:
        process = subprocess.Popen(["bash", "-c", script], stdout=log, stderr=log, env=environment, pass_fds=[one.fileno() for one in listeners])
    stack.callback(lambda: (process.kill(), process.wait()) if process.poll() is None else None)
    messages = []

    def until(text):
        while not any(text in message for message in messages):
            messages.append(notify.recv(4096).decode())

    until("READY=1")
    assert asked(https, NAMES[0], anyone()) == 200
    assert request(plain, "GET", VERSIONS).status == 200
    until("WATCHDOG=1")
    process.terminate()
    until("STOPPING=1")
    process.wait(20)
    # The port is still bound: a client waits in it for the next start.
    assert listens(https)
    return " ".join(sorted(set(messages)))


main([
    first_certificate_by_tls_alpn, first_certificate_by_http, renewal_under_load, authority_down, few_refused_nonces,
    many_refused_nonces, wrong_dns, bad_certificates, bound_accounts, proofs_in_the_dns, files_that_change, certificates_of_a_lan,
    sockets_of_the_service_manager,
])  # fmt: skip
