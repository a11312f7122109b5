"""Pebble, the test authority of Let's Encrypt, with its DNS server; and what can stand between it and Hearth."""

import http.client
import http.server
import json
import ssl
import threading

from rig import anyone, free_ports, listens, make_certificate, need, request, wait_for


class Pebble:
    """An authority. It looks for proofs at `http_port` and `tls_port` of the addresses that its DNS server gives, which are
    127.0.0.1 for all names that the test does not set."""

    def __init__(self, stack, dns=None):
        self.stack, self.process = stack, None
        self.programs = need("pebble", "pebble-challtestsrv")
        ports = free_ports(6)
        self.http_port, self.tls_port, self.port, self.management, self.dns, self.dns_management = ports
        folder = stack.folder
        make_certificate(folder, "api-authority", [])
        make_certificate(folder, "api", ["localhost", "127.0.0.1"], authority="api-authority")
        self.trust = folder / "api-authority.pem"
        self.directory = f"https://localhost:{self.port}/dir"
        if dns is None:
            stack.run("dns", [
                self.programs[1], "-dns01", f"127.0.0.1:{self.dns}", "-management", f"127.0.0.1:{self.dns_management}",
                "-http01", "", "-https01", "", "-tlsalpn01", "", "-defaultIPv4", "127.0.0.1", "-defaultIPv6", "",
            ])  # fmt: skip
            wait_for("a DNS server", lambda: listens(self.dns_management))
        else:
            self.dns = dns

    def start(self, nonces=0, seconds=None, customers=None):
        """`nonces` percent of all nonces are refused; certificates live for `seconds`; `customers` are keys for accounts."""
        settings = {
            "listenAddress": f"127.0.0.1:{self.port}", "managementListenAddress": f"127.0.0.1:{self.management}",
            "certificate": "api.pem", "privateKey": "api.key", "httpPort": self.http_port, "tlsPort": self.tls_port,
            "ocspResponderURL": "", "externalAccountBindingRequired": customers is not None,
        }  # fmt: skip
        if seconds:
            settings["certificateValidityPeriod"] = seconds
        if customers:
            settings["externalAccountMACKeys"] = customers
        (self.stack.folder / "pebble.json").write_text(json.dumps({"pebble": settings}))
        environment = {"PEBBLE_VA_NOSLEEP": "1", "PEBBLE_WFE_NONCEREJECT": str(nonces), "PEBBLE_AUTHZREUSE": "0"}
        command = [self.programs[0], "-config", "pebble.json", "-dnsserver", f"127.0.0.1:{self.dns}"]
        self.process = self.stack.run("pebble", command, environment)
        wait_for("an authority", lambda: listens(self.port) and listens(self.management))
        return self

    def stop(self):
        self.process.terminate()
        self.process.wait()

    def root(self):
        """The certificate that those it issues lead to. It is another one after each start."""
        return request(self.management, "GET", "/roots/0", tls=anyone()).body.decode()

    def point(self, name, address):
        """Gives a name an address."""
        body = {"host": f"{name}.", "addresses": [address]}
        # An address is added to those that are there.
        assert request(self.dns_management, "POST", "/clear-a", {"host": f"{name}."}).status == 200
        assert request(self.dns_management, "POST", "/add-a", body).status == 200


class Between:
    """Passes requests to an authority, and may change what it answers: `change(path, body)`."""

    def __init__(self, stack, pebble):
        self.change = lambda path, body: body
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def forward(self):
                length = int(self.headers.get("Content-Length", 0))
                body = self.rfile.read(length)
                there = http.client.HTTPSConnection("127.0.0.1", pebble.port, context=anyone(), timeout=30)
                headers = {name: value for name, value in self.headers.items() if name.lower() != "connection"}
                there.request(self.command, self.path, body, headers)
                response = there.getresponse()
                content = outer.change(self.path, response.read())
                self.send_response(response.status)
                for name, value in response.getheaders():
                    if name.lower() not in ("content-length", "connection", "transfer-encoding", "date"):
                        self.send_header(name, value)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(content)

            do_GET = do_HEAD = do_POST = forward

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(stack.folder / "api.pem", stack.folder / "api.key")
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.directory = f"https://localhost:{self.server.server_port}/dir"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        stack.callback(self.server.server_close)
        stack.callback(self.server.shutdown)
