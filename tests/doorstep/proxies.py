"""The recipes of docs/OPERATING.md for reverse proxies, with the real programs. See `run`.

A recipe is taken from the document as it is there; only names, ports and paths of certificates are replaced by those of the test.
"""

import hashlib
import http.client
import os
import re
import sys
import threading
import time
from urllib.parse import quote

from rig import ROOT, Hearth, free_ports, listens, main, make_certificate, need, on, request, trusting, wait_for

sys.path.insert(0, str(ROOT / "tests" / "attack"))

from stranger import Stranger, authority  # noqa: E402

NAME, HOST = "proxy.test", "matrix.proxy.test"
SETTINGS = """
public_baseurl = "https://{host}:{https}"
well_known_server = "{host}:{federation}"
trusted_proxies = ["127.0.0.1"]
[[listeners]]
address = "127.0.0.1:{port}"
[registration]
mode = "open"
[turn]
relay = "off"
[outgoing]
allowed_ranges = ["127.0.0.0/8"]
extra_ca_file = "{ca}"
"""


def recipe(program):
    """The block of the document that follows the heading for this program."""
    text = (ROOT / "docs" / "OPERATING.md").read_text()
    found = re.search(rf"^### {program}\n.*?^```[a-z]*\n(.*?)^```", text, re.M | re.S)
    assert found, f"OPERATING.md has no recipe for {program}"
    return found[1]


class Proxy:
    """A server behind a proxy with the recipe of that program."""

    def __init__(self, stack, program):
        self.https, self.federation, self.http, self.port = free_ports(4)
        folder = stack.folder
        make_certificate(folder, "ca-of-proxy", [])
        pem, key = make_certificate(folder, "proxy", [NAME, HOST], authority="ca-of-proxy")
        (folder / "both.pem").write_bytes(pem.read_bytes() + key.read_bytes())
        strangers = folder / "strangers"
        strangers.mkdir()
        ca = authority(strangers, ["127.0.0.2"])
        text = SETTINGS.format(host=HOST, https=self.https, federation=self.federation, port=self.port, ca=ca)
        self.hearth = Hearth(stack, NAME, text).start()
        self.stranger = Stranger(strangers, "127.0.0.2")
        stack.callback(self.stranger.stop)
        self.tls = trusting((folder / "ca-of-proxy.pem").read_text())
        self.written = self.translated(recipe(program), folder)

    def translated(self, text, folder):
        for old, new in [
            ("matrix.example.org", HOST),
            ("example.org", NAME),
        ]:
            text = text.replace(old, new)
        for old, new in ((8448, self.federation), (443, self.https)):
            text = re.sub(rf"(:|listen ){old}\b", rf"\g<1>{new}", text)
        text = text.replace("127.0.0.1:8008", f"127.0.0.1:{self.port}")
        text = re.sub(r"/etc/[\w./-]*fullchain\.pem", str(folder / "proxy.pem"), text)
        text = re.sub(r"/etc/[\w./-]*privkey\.pem", str(folder / "proxy.key"), text)
        return re.sub(r"/etc/haproxy/certificates/[\w./-]*", str(folder / "both.pem"), text)

    def ask(self, method, path, body=None, token=None, host=HOST, port=None, **more):
        return request(port or self.https, method, path, body, token, tls=self.tls, host=host, **more)

    def ready(self):
        wait_for("the proxy", lambda: listens(self.https) and listens(self.federation))
        wait_for("the server behind it", lambda: self.ask("GET", "/_matrix/client/versions").status == 200)
        return self

    def user(self, name):
        body = {"username": name, "password": "a long password", "auth": {"type": "m.login.dummy"}}
        made = self.ask("POST", "/_matrix/client/v3/register", body)
        assert made.status == 200, made.body
        return made.json()["access_token"]


def everything(proxy):
    """What a proxy must let through."""
    alice, bob = proxy.user("alice"), proxy.user("bob")
    delegation(proxy)
    federation(proxy)
    encoded_paths(proxy, alice)
    addresses(proxy)
    large_files(proxy, alice)
    return long_polls(proxy, alice, bob)


def delegation(proxy):
    server = proxy.ask("GET", "/.well-known/matrix/server", host=NAME).json()
    assert server == {"m.server": f"{HOST}:{proxy.federation}"}, server
    client = proxy.ask("GET", "/.well-known/matrix/client", host=NAME).json()
    assert client["m.homeserver"]["base_url"] == f"https://{HOST}:{proxy.https}", client


def federation(proxy):
    """Requests of another server: the signature covers the path, so it fails if the proxy rewrites that."""
    keys = proxy.ask("GET", "/_matrix/key/v2/server", port=proxy.federation)
    assert keys.status == 200 and keys.json()["server_name"] == NAME, keys.body
    user = quote(f"@alice:{NAME}", safe="")
    for target in (
        f"/_matrix/federation/v1/query/profile?user_id={user}",
        f"/_matrix/federation/v1/user/devices/{user}",
        f"/_matrix/federation/v1/query/directory?room_alias={quote('#a b/ü:' + NAME, safe='')}",
    ):
        header = proxy.stranger.header("GET", target, NAME)
        headers = {"Authorization": header} if isinstance(header, str) else header
        answer = proxy.ask("GET", target, port=proxy.federation, headers=headers)
        assert answer.status in (200, 404) and b"M_UNAUTHORIZED" not in answer.body, (target, answer.body)
        assert b"M_UNRECOGNIZED" not in answer.body, (target, answer.body)


def encoded_paths(proxy, token):
    """A slash in an id stays one segment."""
    alias = quote("#a/b:other", safe="")
    answer = proxy.ask("PUT", f"/_matrix/client/v3/directory/room/{alias}", {"room_id": "!x:y"}, token)
    assert b"M_UNRECOGNIZED" not in answer.body, answer.body


def addresses(proxy):
    """The server sees the client's address, and not what the client writes."""
    body = {"type": "m.login.password", "identifier": {"type": "m.id.user", "user": "alice"}, "password": "a long password"}
    connection = http.client.HTTPConnection("127.0.0.1", proxy.https, timeout=30, source_address=("127.0.0.7", 0))
    connection.connect()
    connection.sock = proxy.tls.wrap_socket(connection.sock, server_hostname=HOST)
    forged = {"X-Forwarded-For": "203.0.113.7"}
    logged_in = on(connection, "POST", "/_matrix/client/v3/login", body, host=HOST, headers=forged).json()
    token, device = logged_in["access_token"], logged_in["device_id"]
    devices = on(connection, "GET", "/_matrix/client/v3/devices", token=token, host=HOST, headers=forged).json()["devices"]
    connection.close()
    seen = next(one.get("last_seen_ip") for one in devices if one["device_id"] == device)
    assert seen == "127.0.0.7", f"the server sees {seen}"


def large_files(proxy, token):
    content = os.urandom(48 * 1024 * 1024)
    uploaded = proxy.ask("POST", "/_matrix/media/v3/upload", content, token, headers={"Content-Type": "application/octet-stream"})
    assert uploaded.status == 200, uploaded.body
    place = uploaded.json()["content_uri"].removeprefix("mxc://")
    there = proxy.ask("GET", f"/_matrix/client/v1/media/download/{place}", token=token)
    assert hashlib.sha256(there.body).digest() == hashlib.sha256(content).digest()
    too_large = proxy.ask("POST", "/_matrix/media/v3/upload", b"x" * (51 * 1024 * 1024), token)
    assert too_large.status == 413 and b"M_TOO_LARGE" in too_large.body, "the server refuses, not the proxy"


def long_polls(proxy, alice, bob):
    """One of 30 seconds that nothing ends, one of 75, and one that a message ends."""
    room = proxy.ask("POST", "/_matrix/client/v3/createRoom", {"preset": "public_chat"}, alice).json()["room_id"]
    since = proxy.ask("GET", "/_matrix/client/v3/sync?timeout=0", token=bob).json()["next_batch"]
    ended = {}

    def wait(name, token, since, ms):
        begin = time.monotonic()
        answer = proxy.ask("GET", f"/_matrix/client/v3/sync?since={since}&timeout={ms}", token=token, timeout=120)
        ended[name] = (answer.status, time.monotonic() - begin)

    own = proxy.ask("GET", "/_matrix/client/v3/sync?timeout=0", token=alice).json()["next_batch"]
    threads = [threading.Thread(target=wait, args=("quiet", bob, since, 30_000)), threading.Thread(target=wait, args=("long", bob, since, 75_000))]
    woken = threading.Thread(target=wait, args=("woken", alice, own, 30_000))
    for thread in (*threads, woken):
        thread.start()
    time.sleep(3)
    sent = proxy.ask("PUT", f"/_matrix/client/v3/rooms/{quote(room, safe='')}/send/m.room.message/1", {"msgtype": "m.text", "body": "x"}, alice)
    assert sent.status == 200, sent.body
    for thread in (*threads, woken):
        thread.join()
    assert ended["woken"][0] == 200 and 2 < ended["woken"][1] < 20, ended
    assert ended["quiet"][0] == 200 and 29 < ended["quiet"][1] < 45, ended
    assert ended["long"][0] == 200 and 74 < ended["long"][1] < 95, ended
    return ", ".join(f"{name} {seconds:.1f} s" for name, (_, seconds) in ended.items())


def caddy(stack):
    program = need("caddy")[0]
    proxy = Proxy(stack, "Caddy")
    # The recipe lets Caddy get its own certificate, which it cannot here.
    pem, key = stack.folder / "proxy.pem", stack.folder / "proxy.key"
    names = f"{NAME}, {NAME}:8448".replace("8448", str(proxy.federation))
    assert names in proxy.written, proxy.written
    sites = f"{NAME}:{proxy.https}, {HOST}:{proxy.https}, {NAME}:{proxy.federation}, {HOST}:{proxy.federation}"
    body = proxy.written[proxy.written.index("{") + 1 :]
    text = f"{{\n\tadmin off\n\tauto_https disable_redirects\n\thttp_port {proxy.http}\n\thttps_port {proxy.https}\n}}\n{sites} {{\n\ttls {pem} {key}\n{body}"
    (stack.folder / "Caddyfile").write_text(text)
    home = {"HOME": str(stack.folder), "XDG_DATA_HOME": str(stack.folder), "XDG_CONFIG_HOME": str(stack.folder)}
    stack.run("caddy", [program, "run", "--config", "Caddyfile", "--adapter", "caddyfile"], home)
    return everything(proxy.ready())


NGINX = """daemon off; pid {folder}/nginx.pid; error_log stderr; worker_processes 1;
events {{ worker_connections 256; }}
http {{ access_log off; client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/f;
  uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
{recipe}
}}
"""


def nginx(stack):
    program = need("nginx")[0]
    proxy = Proxy(stack, "nginx")
    # Loopback addresses only.
    text = "\n".join(line for line in proxy.written.splitlines() if "listen [::]" not in line)
    text = re.sub(r"listen (\d+)", r"listen 127.0.0.1:\1", text)
    (stack.folder / "nginx.conf").write_text("user root;\n" + NGINX.format(folder=stack.folder, recipe=text))
    stack.run("nginx", [program, "-c", str(stack.folder / "nginx.conf"), "-e", "stderr"])
    return everything(proxy.ready())


def haproxy(stack):
    program = need("haproxy")[0]
    proxy = Proxy(stack, "HAProxy")
    text = proxy.written.replace("bind :", "bind 127.0.0.1:")
    (stack.folder / "haproxy.cfg").write_text(text)
    stack.run("haproxy", [program, "-db", "-f", "haproxy.cfg"])
    return everything(proxy.ready())


main([caddy, nginx, haproxy])
