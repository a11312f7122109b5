"""A pseudo-terminal of 80x24 with a program in it, driven as a person types."""

import fcntl
import os
import pty
import select
import struct
import termios
import time

ROWS, COLUMNS = 24, 80
# What `hearth setup` ends a question with.
PROMPTS = ("> ", "/n] ", "/N] ")


class Terminal:
    """The program gets an environment and a folder of its own; what it prints is in `screen`."""

    def __init__(self, command, environment, folder="/"):
        self.screen, self.seen = "", 0
        self.child, self.master = pty.fork()
        if self.child == 0:
            os.chdir(folder)
            os.execvpe(command[0], command, environment)
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))

    def read(self, seconds):
        """Reads what comes within some time. Returns whether the program is still there."""
        if not select.select([self.master], [], [], seconds)[0]:
            return True
        try:
            data = os.read(self.master, 65536)
        except OSError:
            return False
        self.screen += data.decode(errors="replace").replace("\r\n", "\n")
        return bool(data)

    def until(self, check, what, seconds=60):
        """Reads until `check` is true of what came since the last answer."""
        end = time.monotonic() + seconds
        while not check(self.screen[self.seen :]):
            assert time.monotonic() < end, f"in {seconds} s there was not: {what}\n{self.screen}"
            assert self.read(0.2) or check(self.screen[self.seen :]), f"ended without: {what}\n{self.screen}"

    def prompt(self):
        """Waits for a prompt; returns what was printed since the last answer."""
        self.until(lambda text: text.endswith(PROMPTS), "a prompt")
        return self.screen[self.seen :]

    def answer(self, text, *expected):
        """Waits for a prompt, and that the text before has all that is expected; then types."""
        flat = " ".join(self.prompt().split())
        for one in expected:
            assert one in flat, f"{one!r} was expected before {text!r} is typed:\n{self.screen}"
        self.seen = len(self.screen)
        os.write(self.master, f"{text}\n".encode())

    def shows(self, text, seconds=60):
        """Waits until a text is there, however it is wrapped."""
        self.until(lambda shown: text in " ".join(shown.split()), text, seconds)

    def interrupt(self):
        """Types Ctrl-C."""
        os.write(self.master, b"\x03")

    def ends(self, seconds=60):
        """Waits for the end; the exit code."""
        end = time.monotonic() + seconds
        while self.read(0.2):
            assert time.monotonic() < end, f"it does not end:\n{self.screen}"
        code = os.waitstatus_to_exitcode(os.waitpid(self.child, 0)[1])
        os.close(self.master)
        return code
