"""A screen without a monitor: what stands on it is read by OCR, and hands and keys are xdotool's."""

import csv
import io
import itertools
import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

NEEDED = {
    "Xvfb": "xvfb", "xdotool": "xdotool", "import": "imagemagick", "tesseract": "tesseract-ocr", "dbus-run-session": "dbus-daemon",
    "gnome-keyring-daemon": "gnome-keyring",
}
SIZE = (1100, 900)
# Ways to tell letters from what is behind them: by the place, and by the whole picture. Each reads some that the other does not.
METHODS = (2, 0)
# Letters of a desktop are too small for OCR by themselves.
ENLARGED = 2


def missing():
    """What has to be installed first."""
    return [f"{program} (Debian: {package})" for program, package in NEEDED.items() if not shutil.which(program)]


class Word:
    def __init__(self, row):
        self.text = row["text"]
        left, top, width, height = (int(row[key]) // ENLARGED for key in ("left", "top", "width", "height"))
        self.left, self.top, self.x, self.y = left, top, left + width // 2, top + height // 2


def lowest(found):
    return max(found, key=lambda word: word.y)


class Screen:
    """One Xvfb with one program on it, which has a home folder, a session bus and a keyring of its own."""

    def __init__(self, folder):
        self.folder = Path(folder)
        reading, writing = os.pipe()
        size = f"{SIZE[0]}x{SIZE[1]}x24"
        command = ["Xvfb", "-displayfd", str(writing), "-screen", "0", size]
        self.xvfb = subprocess.Popen(command, pass_fds=[writing], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        os.close(writing)
        with os.fdopen(reading) as number:
            self.display = ":" + number.readline().strip()

    def close(self):
        self.xvfb.terminate()
        self.xvfb.wait()

    def environment(self):
        return {**os.environ, "DISPLAY": self.display, "LC_ALL": "C.UTF-8"}

    def hand(self, *words):
        subprocess.run(["xdotool", *map(str, words)], env=self.environment(), check=True, stdout=subprocess.DEVNULL)

    def click(self, x, y, button=1):
        self.hand("mousemove", x, y, "click", button)

    def focus(self, program):
        """Gives the whole screen and the keyboard to a program's windows, which is usually the work of a window manager."""
        command = ["xdotool", "search", "--onlyvisible", "--class", program]
        windows = subprocess.run(command, env=self.environment(), capture_output=True, text=True, check=False).stdout.split()
        for window in windows:
            self.hand("windowsize", window, *SIZE, "windowmove", window, 0, 0, "windowfocus", window)

    def key(self, *names):
        self.hand("key", "--clearmodifiers", *names)

    def types(self, text):
        self.hand("type", "--delay", 30, text)

    def picture(self, file):
        subprocess.run(["import", "-window", "root", str(file)], env=self.environment(), check=True)

    def paints(self, color):
        """Whether an area of a color is on it, not just a few dots."""
        command = ["import", "-window", "root", "-depth", "8", "rgb:-"]
        dots = subprocess.run(command, env=self.environment(), check=True, capture_output=True).stdout
        return dots.count(bytes(color)) > 1000

    def words(self, method=METHODS[0]):
        """What can be read, in lines from the top."""
        with tempfile.NamedTemporaryFile(suffix=".png", dir=self.folder) as file:
            command = ["import", "-window", "root", "-colorspace", "gray", "-resize", f"{ENLARGED * 100}%", file.name]
            subprocess.run(command, env=self.environment(), check=True)
            command = ["tesseract", file.name, "stdout", "--psm", "11", "-c", f"thresholding_method={method}", "tsv"]
            table = subprocess.run(command, env={**os.environ, "OMP_THREAD_LIMIT": "1"}, capture_output=True, text=True, check=True).stdout
        rows = csv.DictReader(io.StringIO(table), delimiter="\t", quoting=csv.QUOTE_NONE)
        return [Word(row) for row in rows if (row["text"] or "").strip()]

    def find(self, text, words=None):
        """The places of a word, or of the first of several that stand one after the other."""
        words, wanted = self.words() if words is None else words, text.lower().split()
        read = [word.text.lower() for word in words]
        return [words[at] for at in range(len(words)) if all(
            at + n < len(read) and one in read[at + n] for n, one in enumerate(wanted))]

    def sees(self, *texts, seconds=60, pick=lambda found: found[0]):
        """Waits until one of the texts can be read; gives its place, of several the first."""
        end = time.monotonic() + seconds
        for method in itertools.cycle(METHODS):
            words = self.words(method)
            for text in texts:
                if found := self.find(text, words):
                    return pick(found)
            if time.monotonic() > end:
                read = " ".join(word.text for word in words)[:600]
                raise AssertionError(f"not on the screen within {seconds} s: {' | '.join(texts)}; but: {read}")
            time.sleep(0.3)

    def press(self, *texts, **more):
        """Clicks on a text."""
        found = self.sees(*texts, **more)
        self.click(found.x, found.y)
        return found

    def turns(self, text, shown):
        """Clicks on a text until the page that it leads to is there: a page that still moves into its place misses a click."""
        for _ in range(10):
            self.press(text)
            try:
                return self.sees(shown, seconds=4)
            except AssertionError:
                continue
        raise AssertionError(f"{text} does not lead to {shown}")

    def fill(self, label, right, below, text, shown):
        """Types into the field beside a label until it shows that: what comes while a page still moves into its place is lost."""
        for _ in range(10):
            place = self.sees(label, pick=lowest)
            self.click(place.x + right, place.y + below)
            self.key("ctrl+a")
            self.types(text)
            try:
                return self.sees(shown, seconds=4)
            except AssertionError:
                continue
        raise AssertionError(f"the field does not take {text}")
