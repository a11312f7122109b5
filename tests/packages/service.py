"""The life of a service, in one container for each point: installed, named, started, stopped, killed, removed."""

import json
import subprocess
import sys
import urllib.request

import networks
from container import Container, Failed
from turn_client import BINDING, Client

SETTINGS = "/etc/hearth/hearth.toml"
NAMED = 's/^#name = .*/name = "hearth.test"/'


def named(box, deb):
    """Installs the package, gives the server its name, starts it and makes an account."""
    box.sh(f"dpkg -i /share/{deb.name}")
    name(box)


def name(box):
    """Gives an installed server its name, starts it and makes an account."""
    box.sh(f"sed -i '{NAMED}' {SETTINGS}")
    box.sh("systemctl start hearth")
    box.wait("hearth ctl status")
    box.sh("hearth ctl users create alice --admin")


def get(box, url):
    """A GET in the container's network, by the host's Python: the code and the text."""
    code = (
        "import ssl,sys,urllib.request as u\n"
        "trust=ssl._create_unverified_context()\n"
        "answer=u.urlopen(sys.argv[1],timeout=20,context=trust)\n"
        "print(answer.status,answer.read().decode())"
    )
    done = subprocess.run(
        ["nsenter", "--target", box.leader, "--net", sys.executable, "-c", code, url],
        capture_output=True, text=True, timeout=60, check=False,
    )
    if done.returncode:
        raise Failed(f"GET {url}: {done.stderr[-500:]}")
    return done.stdout


def show(box, property_, unit="hearth"):
    """A property of a unit."""
    return box.out(f"systemctl show --value --property={property_} {unit}")


def nameless(folder, debs):
    """Without a name the server does not start and keeps no data, which is not a failure; a mistake is one."""
    with Container(folder) as box:
        said = box.out(f"dpkg -i /share/{debs[0].name} 2>&1")
        assert "can never be changed" in " ".join(said.split()) and "sudo hearth setup" in said, said
        assert box.out("systemctl is-enabled hearth") == "enabled"
        assert (show(box, "ActiveState"), show(box, "Result")) == ("inactive", "exec-condition")
        assert "has no name yet" in box.out("journalctl --unit hearth --output cat"), "the log tells what to do"
        assert box.out("systemctl --failed --no-legend") == ""
        assert not box.path("/var/lib/hearth/hearth.db").exists()
        box.sh(f"echo 'nonsense = 1' >> {SETTINGS}")
        box.sh("systemctl start hearth", codes=(1,))
        assert show(box, "Result") == "exit-code", "not skipped"
        assert "admin.nonsense: unknown key" in box.out("journalctl --unit hearth --output cat")


def serves(folder, debs):
    """With a name it serves as its own account; the socket is for root and the group; secrets reach it from root's folder."""
    with Container(folder) as box:
        box.sh(f"dpkg -i /share/{debs[0].name}")
        box.write("/etc/hearth/credentials/registration", "a long secret of the tests\n", 0o600)
        box.sh(f"sed -i '{NAMED}' {SETTINGS}")
        secret = "/run/credentials/hearth.service/hearth_registration"
        box.sh(f"printf '[registration]\\nshared_secret_file = \"{secret}\"\\n' >> {SETTINGS}")
        box.sh("systemctl start hearth")
        # Type=notify: what is started listens.
        assert '"versions"' in get(box, "http://127.0.0.1:8008/_matrix/client/versions")
        assert show(box, "Type") == "notify"
        assert box.out("stat -c %U /proc/$(systemctl show --value -p MainPID hearth)") == "hearth"
        assert box.out("stat -c '%U:%G %a' /run/hearth/admin.sock") == "hearth:hearth 660"
        assert box.out("stat -c '%U:%G %a' /var/lib/hearth /etc/hearth /etc/hearth/hearth.toml /etc/hearth/credentials").split("\n") == [
            "hearth:hearth 700", "root:hearth 750", "hearth:hearth 640", "root:root 700"]
        box.sh("useradd kim && useradd --groups hearth sam")
        box.sh("runuser -u sam -- hearth ctl users create bob")
        assert "bob" in box.out("runuser -u sam -- hearth ctl users list")
        box.sh("runuser -u kim -- hearth ctl users list", codes=(1, 3))
        box.sh("runuser -u sam -- cat /var/lib/hearth/hearth.db", codes=(1,))


def killed(folder, debs):
    """systemd starts it again after a crash, and when it hangs; what was acknowledged is there."""
    with Container(folder) as box:
        named(box, debs[0])
        before = show(box, "MainPID")
        box.sh(f"kill -KILL {before}")
        box.wait("test $(systemctl show --value -p MainPID hearth) -gt 0 && hearth ctl users show alice")
        assert show(box, "MainPID") != before
        box.write("/etc/systemd/system/hearth.service.d/soon.conf", "[Service]\nWatchdogSec=3\n")
        box.sh("systemctl daemon-reload && systemctl restart hearth && sleep 5 && systemctl is-active hearth")
        hung = show(box, "MainPID")
        box.sh(f"kill -STOP {hung}")
        box.wait(f"test $(systemctl show --value -p MainPID hearth) != {hung} && hearth ctl users show alice")
        assert "watchdog" in box.out("journalctl --unit hearth --output cat").lower()


def certified(box):
    """Installs a certificate as an operator does: the key where only root reads it. The `tls` of a listener."""
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
         "-subj", "/CN=hearth.test", "-addext", "subjectAltName=DNS:hearth.test",
         "-keyout", box.path("/etc/hearth/credentials/privkey.pem"), "-out", box.path("/etc/hearth/fullchain.pem")],
        check=True, capture_output=True,
    )
    key = "/run/credentials/hearth.service/hearth_privkey.pem"
    return f'tls = {{ certificate_file = "/etc/hearth/fullchain.pem", key_file = "{key}" }}'


def handed_over(folder, debs):
    """Ports below 1024 come from the socket units: a connection made while the server restarts is answered."""
    with Container(folder) as box:
        box.sh(f"dpkg -i /share/{debs[0].name}")
        tls = certified(box)
        box.sh(f"sed -i '{NAMED}' {SETTINGS}")
        text = box.path(SETTINGS).read_text()
        ports = {"https": 443, "federation": 8448}
        for port in ports.values():
            text += f'\n[[listeners]]\naddress = "[::]:{port}"\n{tls}\n'
        box.write(SETTINGS, text)
        box.sh("systemctl enable --now hearth-https.socket hearth-federation.socket")
        # No capability: only systemd can have opened port 443.
        for port in ports.values():
            assert '"versions"' in get(box, f"https://127.0.0.1:{port}/_matrix/client/versions")
            assert '"versions"' in get(box, f"https://[::1]:{port}/_matrix/client/versions")
        assert show(box, "ActiveState") == "active", "the first connection starts it"
        box.sh("systemctl stop hearth")
        assert '"versions"' in get(box, "https://127.0.0.1:443/_matrix/client/versions"), "waits until it runs again"
        assert box.out("systemctl --failed --no-legend") == ""


RELAY = """
[turn]
relay = "on"
[[listeners]]
address = "127.0.0.1:8008"
[[listeners]]
address = "127.0.0.1:8444"
"""


def relay_handed_over(folder, debs):
    """The relay takes its ports from the socket units: what comes while it is not there is answered, and it relays over each."""
    server, client = "198.41.0.9", "198.41.0.50"
    with Container(folder) as box, networks.beside(box.leader, server, client) as beside:
        box.sh(f"dpkg -i /share/{debs[0].name}")
        box.sh(f"sed -i '{NAMED}' {SETTINGS}")
        box.write(SETTINGS, f"{box.path(SETTINGS).read_text()}{RELAY}{certified(box)}\n")
        box.sh("systemctl enable --now hearth-turn.socket hearth-turns.socket")
        assert show(box, "ActiveState") == "inactive"
        with networks.inside(beside), Client("udp", server, 3478) as first:
            first.ask(BINDING, [])
        box.wait("hearth ctl status")
        login = turn_login(box)
        ways = (("udp", 3478), ("tcp", 3478), ("tls", 5349))
        for way, port in ways:
            with networks.inside(beside), Client(way, server, port) as relay:
                relayed = relay.allocate(*login)
                assert relayed[0] == server, relayed
                relay.exchange(relayed, client)
                listed = json.loads(box.out("hearth ctl --json turn list"))["allocations"]
                assert any(one["user_id"] == "@alice:hearth.test" and one["transport"] == way for one in listed), (way, listed)
            box.sh("systemctl stop hearth")
            with networks.inside(beside), Client(way, server, port) as again:
                assert again.allocate(*login)[0] == server, "asked while it was stopped"
            box.wait("hearth ctl status")
        assert "passed a socket" not in box.out("journalctl --unit hearth --output cat"), "all were taken"
        assert box.out("systemctl --failed --no-legend") == ""


def turn_login(box):
    """An account's user name and password for the relay."""
    password = json.loads(box.out("hearth ctl --json users create alice"))["password"]
    who = {"type": "m.login.password", "identifier": {"type": "m.id.user", "user": "alice"}, "password": password}

    def ask(path, body=None, **headers):
        data = json.dumps(body).encode() if body else None
        request = urllib.request.Request(f"http://127.0.0.1:8008/_matrix/client/v3/{path}", data, headers)
        with networks.inside(box.leader), urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)

    token = ask("login", who)["access_token"]
    made = ask("voip/turnServer", Authorization=f"Bearer {token}")
    return made["username"], made["password"]


def reloaded(folder, debs):
    """`systemctl reload` applies what can be applied, and ends when that is done; a mistake leaves everything as it was."""
    with Container(folder) as box:
        named(box, debs[0])
        pid = show(box, "MainPID")
        for text, expected in (
            ("[log]\nlevel = \"debug\"", "Log level changed."),
            ("[registration]\nmode = \"open\"", "Registration mode changed."),
            ("nonsense = 1", "nothing was reloaded"),
        ):
            box.sh(f"printf '%s\\n' '{text}' >> {SETTINGS}")
            box.sh("systemctl reload hearth")
            box.wait(f"journalctl --unit hearth --output cat | grep --quiet '{expected}'")
            box.wait("test $(systemctl show --value --property=SubState hearth) = running")
            assert show(box, "MainPID") == pid
        box.sh("hearth ctl users show alice")


POINTS = [nameless, serves, killed, handed_over, relay_handed_over, reloaded]
