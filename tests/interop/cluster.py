"""Two homeservers on loopback: Hearth and Synapse, each behind a gate that can be shut.

A server's name is the address of its gate, a TCP forwarder; whoever wants to reach the server comes through it. With both gates
shut the servers are parted, while their own people still talk to them.
"""

import asyncio
import contextlib
import datetime
import ipaddress
import os
import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

HERE = Path(__file__).resolve().parent


def free_ports(address, count):
    """Ports that nobody uses now."""
    sockets = [socket.socket() for _ in range(count)]
    for s in sockets:
        s.bind((address, 0))
    ports = [s.getsockname()[1] for s in sockets]
    for s in sockets:
        s.close()
    return ports


class Authority:
    """A certificate authority that both servers trust."""

    def __init__(self, folder):
        self.folder = Path(folder)
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "interop authority")])
        usage = x509.KeyUsage(False, False, False, False, False, True, True, False, False)
        made = self._builder(self.name, self.key).add_extension(x509.BasicConstraints(True, None), True).add_extension(usage, True)
        self.file = self._write("authority", None, made.sign(self.key, hashes.SHA256()))

    def issue(self, *names):
        """A certificate and a key for addresses and domains; their files are called as the first."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0])])
        alternatives = x509.SubjectAlternativeName([self._alternative(name) for name in names])
        issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key())
        made = self._builder(subject, key).add_extension(alternatives, False).add_extension(issuer, False)
        file = self._write(names[0], key, made.sign(self.key, hashes.SHA256()))
        return file, file.with_suffix(".key")

    @staticmethod
    def _alternative(name):
        with contextlib.suppress(ValueError):
            return x509.IPAddress(ipaddress.ip_address(name))
        return x509.DNSName(name)

    def _builder(self, subject, key):
        now = datetime.datetime.now(datetime.timezone.utc)
        day = datetime.timedelta(days=1)
        builder = x509.CertificateBuilder().subject_name(subject).issuer_name(self.name).public_key(key.public_key())
        builder = builder.serial_number(x509.random_serial_number()).not_valid_before(now - day).not_valid_after(now + 30 * day)
        return builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)

    def _write(self, name, key, certificate):
        file = self.folder / f"{name}.pem"
        file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        if key:
            form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
            file.with_suffix(".key").write_bytes(key.private_bytes(*form))
        return file


class Gate:
    """Forwards connections, unless it is shut."""

    def __init__(self, address, port, behind):
        self.address, self.port, self.behind = address, port, behind
        self.is_open, self.writers = True, set()

    async def start(self):
        self.server = await asyncio.start_server(self._pass, self.address, self.port)

    def shut(self):
        self.is_open = False
        for writer in self.writers:
            writer.transport.abort()
        self.writers.clear()

    def open(self):
        self.is_open = True

    async def _pass(self, reader, writer):
        if not self.is_open:
            writer.transport.abort()
            return
        try:
            inner_reader, inner_writer = await asyncio.open_connection(self.address, self.behind)
        except OSError:
            writer.transport.abort()
            return
        pair = {writer, inner_writer}
        self.writers |= pair
        await asyncio.gather(self._pump(reader, inner_writer), self._pump(inner_reader, writer))
        self.writers -= pair

    @staticmethod
    async def _pump(reader, writer):
        with contextlib.suppress(OSError):
            while data := await reader.read(1 << 16):
                writer.write(data)
                await writer.drain()
        writer.close()


class Server:
    """One homeserver, its process and its gate."""

    def __init__(self, folder, address, authority):
        self.folder, self.address, self.authority = Path(folder), address, authority
        self.folder.mkdir()
        self.client_port, self.federation_port, gate_port = free_ports(address, 3)
        self.name = f"{address}:{gate_port}"
        self.base = f"http://{address}:{self.client_port}"
        self.gate = Gate(address, gate_port, self.federation_port)
        self.certificate, self.key = authority.issue(address)
        self.process = None
        self.prepare()

    async def start(self):
        with open(self.folder / "output", "ab") as output:
            self.process = subprocess.Popen(self.command(), stdout=output, stderr=output, env={**os.environ, **self.environment()})
        for _ in range(600):
            if self.process.poll() is not None:
                break
            with contextlib.suppress(OSError):
                await asyncio.to_thread(urllib.request.urlopen, self.base + "/_matrix/client/versions", None, 2)
                return
            await asyncio.sleep(0.2)
        raise RuntimeError(f"{type(self).__name__} did not start:\n{(self.folder / 'output').read_text()[-3000:]}")

    async def stop(self, how=signal.SIGTERM):
        if self.process and self.process.poll() is None:
            self.process.send_signal(how)
            try:
                await asyncio.to_thread(self.process.wait, 30)
            except subprocess.TimeoutExpired:
                self.process.kill()
                await asyncio.to_thread(self.process.wait)

    async def restart(self, how=signal.SIGTERM):
        await self.stop(how)
        await self.start()

    def environment(self):
        return {}


class Hearth(Server):
    """The server that this project builds, with limits off."""

    def prepare(self):
        pass

    def command(self):
        return [str(HERE.parent / "rig" / "start")]

    def environment(self):
        return {
            "SERVER_NAME": self.name, "HS_ADDR": self.address, "HS_CLIENT_PORT": str(self.client_port),
            "HS_FED_PORT": str(self.federation_port), "HS_DATA_DIR": str(self.folder / "data"),
            "HS_CA_CERT": str(self.authority.file), "HS_TLS_CERT": str(self.certificate), "HS_TLS_KEY": str(self.key),
        }


SYNAPSE = """
server_name: "{name}"
signing_key_path: {folder}/signing.key
media_store_path: {folder}/media
log_config: {folder}/log.yaml
pid_file: {folder}/pid
database: {{name: sqlite3, args: {{database: {folder}/homeserver.db}}}}
report_stats: false
enable_registration: true
enable_registration_without_verification: true
macaroon_secret_key: interop
form_secret: interop
trusted_key_servers: []
suppress_key_server_warning: true
bcrypt_rounds: 4
allow_public_rooms_over_federation: true
federation_custom_ca_list: ["{authority}"]
federation_ip_range_blacklist: []
ip_range_blacklist: []
tls_certificate_path: {certificate}
tls_private_key_path: {key}
federation: {{destination_min_retry_interval: 1s, destination_max_retry_interval: 2s, destination_retry_multiplier: 1, client_timeout: 15s}}
rc_federation: {{window_size: 1000, sleep_limit: 100000, reject_limit: 100000, concurrent: 50}}
rc_joins: {{local: {{per_second: 1000, burst_count: 1000}}, remote: {{per_second: 1000, burst_count: 1000}}}}
rc_invites: {{per_user: {{per_second: 1000, burst_count: 1000}}, per_room: {{per_second: 1000, burst_count: 1000}}, per_issuer: {{per_second: 1000, burst_count: 1000}}}}
rc_message: {{per_second: 1000, burst_count: 1000}}
rc_registration: {{per_second: 1000, burst_count: 1000}}
rc_room_creation: {{per_second: 1000, burst_count: 1000}}
listeners:
  - {{port: {client_port}, bind_addresses: ["{address}"], type: http, tls: false, resources: [{{names: [client], compress: false}}]}}
  - {{port: {federation_port}, bind_addresses: ["{address}"], type: http, tls: true, resources: [{{names: [federation], compress: false}}]}}
"""
LOG = """
version: 1
formatters: {{line: {{format: "%(asctime)s %(levelname)s %(name)s %(message)s"}}}}
handlers: {{file: {{class: logging.FileHandler, filename: {folder}/log, formatter: line}}}}
root: {{level: INFO, handlers: [file]}}
"""


class Synapse(Server):
    """The reference homeserver, from its Python package."""

    def prepare(self):
        values = {**vars(self), "authority": self.authority.file}
        (self.folder / "homeserver.yaml").write_text(SYNAPSE.format(**values))
        (self.folder / "log.yaml").write_text(LOG.format(folder=self.folder))
        subprocess.run([*self.command(), "--generate-keys"], check=True, stdout=subprocess.DEVNULL)

    def command(self):
        return [sys.executable, "-m", "synapse.app.homeserver", "-c", str(self.folder / "homeserver.yaml")]


@contextlib.asynccontextmanager
async def cluster(folder):
    """Both servers, running."""
    authority = Authority(folder)
    servers = Hearth(Path(folder) / "hearth", "127.0.0.1", authority), Synapse(Path(folder) / "synapse", "127.0.0.2", authority)
    try:
        for server in servers:
            await server.gate.start()
            await server.start()
        yield servers
    finally:
        for server in servers:
            await server.stop()
