"""What stands between a client and the server: notes every request and what became of it, and passes both on unchanged."""

import http.client
import http.server
import json
import ssl
import threading
from urllib.parse import urlsplit

# Of a connection, not of the request that passes through it.
OWN = {"connection", "keep-alive", "transfer-encoding", "content-length"}


class Seen:
    """One request of a client."""

    def __init__(self, method, target, status, body):
        self.method, self.path, self.status = method, urlsplit(target).path, status
        self.code = None
        if status >= 400 and body[:1] == b"{":
            self.code = json.loads(body).get("errcode")

    def __repr__(self):
        return f"{self.status} {self.method} {self.path}{' ' + self.code if self.code else ''}"


class Gateway(http.server.ThreadingHTTPServer):
    """Listens on the loopback address, with TLS if it is given a certificate.

    `seen` has what was answered, in order, and `uploads` the answers to uploads of keys."""

    daemon_threads = True

    def __init__(self, port, behind, certificate=None):
        super().__init__(("127.0.0.1", port), Handler)
        self.behind, self.seen, self.uploads, self.tls = behind, [], [], None
        if certificate:
            self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.tls.load_cert_chain(*certificate)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def finish_request(self, request, address):
        # The handshake belongs to the thread of the connection: a client that refuses the certificate must not hold up others.
        if self.tls:
            request = self.tls.wrap_socket(request, server_side=True)
        super().finish_request(request, address)

    def handle_error(self, request, address):
        """A client that goes away is not an error."""

    def unrecognized(self):
        """What the server said it does not know: method and path, each once."""
        return sorted({(one.method, one.path) for one in self.seen if one.code == "M_UNRECOGNIZED"})

    def count(self, method, ending):
        """How many requests to a path with this ending succeeded."""
        return sum(1 for one in self.seen if one.status == 200 and one.method == method and one.path.endswith(ending))


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do(self):
        length = int(self.headers.get("Content-Length") or 0)
        sent = self.rfile.read(length) if length else None
        headers = {name: value for name, value in self.headers.items() if name.lower() not in OWN}
        server = http.client.HTTPConnection("127.0.0.1", self.server.behind, timeout=120)
        try:
            server.request(self.command, self.path, sent, headers)
            answer = server.getresponse()
            body = answer.read()
        except (OSError, http.client.HTTPException):
            # The server is away: so is the gateway.
            self.close_connection = True
            return
        finally:
            server.close()
        self.server.seen.append(Seen(self.command, self.path, answer.status, body))
        if answer.status == 200 and self.command == "POST" and self.path.endswith("/keys/upload"):
            self.server.uploads.append(json.loads(body))
        self.send_response_only(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in OWN:
                self.send_header(name, value)
        if answer.status not in (204, 304):
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_GET = do_PUT = do_POST = do_DELETE = do_OPTIONS = do_HEAD = do_PATCH = do

    def log_message(self, *_):
        pass
