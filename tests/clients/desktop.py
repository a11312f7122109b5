"""The desktop clients: how each is started, logged in, and made to open a room and to write into it."""

import os
import shutil
import signal
import subprocess
from pathlib import Path

import screen
from home import until
from screen import Screen, lowest

# In a mount namespace of its own: the program trusts the test's certificate authority, and the machine does not.
START = """
mount --bind "$CLIENT_TRUST" /etc/ssl/certs
exec dbus-run-session -- sh -c 'printf keyring | gnome-keyring-daemon --unlock --components=secrets >/dev/null 2>&1; exec "$@"' sh "$@"
"""


def trust(folder, authority):
    """A folder as /etc/ssl/certs, with one certificate authority."""
    folder = Path(folder)
    folder.mkdir()
    for name in ("authority.pem", "ca-certificates.crt"):
        shutil.copy(authority, folder / name)
    subprocess.run(["openssl", "rehash", str(folder)], check=True, capture_output=True)
    return folder


class Desktop:
    """A program on a screen of its own."""

    program, arguments, field, encrypts = "", (), "Send a message", False

    def __init__(self, folder, home):
        self.folder, self.home, self.process = Path(folder), home, None
        self.folder.mkdir()
        self.gateway = home.tls
        self.trust = trust(self.folder / "certs", home.authority.file)
        self.screen = Screen(self.folder)
        for name in ("run", "tmp"):
            (self.folder / name).mkdir(mode=0o700)

    @classmethod
    def missing(cls):
        """What keeps this client from being driven here."""
        installed = [] if shutil.which(cls.program) else [f"{cls.program} (Debian: {cls.program})"]
        return [*installed, *screen.missing(), *([] if os.geteuid() == 0 else ["root, for a mount namespace"])]

    def start(self):
        environment = {
            # A folder for what is temporary of its own, too: by what lies there nheko knows that it runs already.
            **self.screen.environment(), "HOME": str(self.folder), "TMPDIR": str(self.folder / "tmp"), "XDG_RUNTIME_DIR": str(self.folder / "run"),
            "XDG_CONFIG_HOME": str(self.folder / "config"), "XDG_DATA_HOME": str(self.folder / "share"),
            "XDG_CACHE_HOME": str(self.folder / "cache"), "XDG_CURRENT_DESKTOP": "GNOME", "CLIENT_TRUST": str(self.trust),
            "QT_QUICK_BACKEND": "software", "LIBGL_ALWAYS_SOFTWARE": "1", "QT_LOGGING_RULES": "quotient*.debug=true",
        }
        with open(self.folder / "output", "ab") as output:
            command = ["unshare", "--mount", "sh", "-ec", START, "sh", self.program, *self.arguments]
            self.process = subprocess.Popen(command, env=environment, stdout=output, stderr=output, start_new_session=True)

    def stop(self):
        """Ends the program, and waits for all of it: nheko does not start beside an earlier one that still ends."""
        if not self.process or self.process.poll() is not None:
            return
        os.killpg(self.process.pid, signal.SIGTERM)
        try:
            until("the program ends", self._is_gone, 20)
        except AssertionError:
            os.killpg(self.process.pid, signal.SIGKILL)
            until("the program is killed", self._is_gone)

    def _is_gone(self):
        self.process.poll()
        try:
            os.killpg(self.process.pid, 0)
        except ProcessLookupError:
            return True
        return False

    def restart(self):
        self.stop()
        self.start()

    def close(self):
        self.stop()
        self.screen.close()

    def picture(self, file):
        self.screen.picture(file)

    def keeps_output(self, file):
        """Copies what the program wrote, with how it ended if it did."""
        shutil.copy(self.folder / "output", file)
        with open(file, "a", encoding="utf-8") as output:
            output.write(f"\nexit status: {self.process.poll() if self.process else 'not started'}\n")

    def paints(self, color, _size):
        return self.screen.paints(color)

    def ready(self):
        """Gets to the list of rooms after a start."""
        self.screen.sees("Family")
        self.screen.focus(self.program)

    def opens(self, name, _room):
        """Clicks on a room in the list of rooms, which is on the left."""
        self.screen.press(name, pick=lambda found: min(found, key=lambda word: word.x))
        self.screen.sees(self.field)

    def writes(self, text):
        self.screen.press(self.field, pick=lowest)
        self.screen.types(text)
        self.screen.key("Return")

    def wanders(self):
        return "skipped: only the web client is led to its other pages"

    def shows(self, text, seconds=60):
        self.screen.sees(text, seconds=seconds)


class Nheko(Desktop):
    program, arguments, encrypts = "nheko", ("--log-level", "info", "--log-type", "stderr"), True
    field = "Write a message"

    def log_in(self, user, password):
        self.screen.sees("Welcome to Nheko")
        self.screen.focus(self.program)
        # As OCR reads LOGIN, in light letters on a dark button.
        self.screen.turns("OGIN", "Matrix ID")
        self.screen.fill("Matrix ID", 40, 12, user, "bert")
        self.screen.key("Tab")
        self.screen.types(password)
        until("the homeserver is found", lambda: self.gateway.count("GET", "/login"))
        self.screen.key("Return")
        # It offers to set up cross-signing and a key backup. Until that is answered, no message is sent.
        self.screen.sees("Setup Encryption")
        self.screen.focus(self.program)
        self.screen.press("OK", pick=lowest)
        until("its device is signed", lambda: self.gateway.count("POST", "/keys/signatures/upload"))
        self.screen.sees("recovery key")
        self.screen.press("OK", pick=lowest)


class Quaternion(Desktop):
    program = "quaternion"

    def log_in(self, user, password):
        # Its field is too short for the whole name, so that it cannot be read back.
        place = self.screen.sees("Matrix ID")
        self.screen.click(place.x + 180, place.y)
        self.screen.types(user)
        self.screen.key("Tab")
        self.screen.types(password)
        self.screen.press("Stay logged")
        self.screen.sees("homeserver is available")
        self.screen.press("Login")


class Neochat(Desktop):
    program = "neochat"

    def log_in(self, user, password):
        self.screen.fill("Matrix ID", 100, 0, user, "bert")
        until("the homeserver is found", lambda: self.gateway.count("GET", "/login"))
        self.screen.key("Return")
        self.screen.sees("Enter your password")
        self.screen.types(password)
        self.screen.key("Return")
