"""What a terminal showed, in docs/SETUP.md: compared with what is there, or written with HEARTH_BLESS=1."""

import os
import re
from pathlib import Path

DOCUMENT = Path(__file__).resolve().parent.parent.parent / "docs" / "SETUP.md"
# What differs from machine to machine and from run to run.
VARYING = (
    (r"\d+\.\d GiB free on \w+", "52.8 GiB free on ext4"), (r"\d+ MiB of memory", "3792 MiB of memory"),
    (r"process \d+", "process 812"), (r"/join/\w+", "/join/Xa3b5c7d9e1f"), (r"has python[\w.]*", "has python3"),
    (r"program python[\w.]*", "program python3"), (r"(    [█▀▄ ]{20,}\n)+", "    (QR code)\n"),
)  # fmt: skip


def plain(screen):
    """A screen without its colours."""
    return re.sub(r"\x1b\[[0-9;]*m", "", screen)


def shown(screen, *more):
    """A screen as the document has it, with `more` pairs of pattern and replacement."""
    screen = plain(screen)
    for pattern, replacement in (*more, *VARYING):
        screen = re.sub(pattern, replacement, screen)
    return "\n".join(line.rstrip() for line in screen.strip().splitlines())


def document(name, maker, new, same=lambda one, other: one == other):
    """Compares a part of the document with what was seen, or writes it there. The part is between two marks with its name."""
    text = DOCUMENT.read_text()
    start, end = f"<!-- screen {name}: made by {maker} -->\n", f"<!-- end of {name} -->"
    before, rest = text.split(start)
    old, after = rest.split(end, 1)
    if os.environ.get("HEARTH_BLESS") == "1":
        DOCUMENT.write_text(before + start + new + end + after)
    else:
        assert same(old, new), f"docs/SETUP.md shows another screen; HEARTH_BLESS=1 writes this one:\n{new}"
