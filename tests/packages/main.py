"""Runs the points of `tests/packages/run` one after another, and tells how each ended."""

import pathlib
import shutil
import sys
import tempfile
import time
import traceback

import arm64
import first_message
import image
import offline
import packages
import release
import service
import site_recipes
import updates

# In this order: a point of `service` finds what the one before left.
POINTS = [
    *offline.POINTS,
    *service.POINTS,
    *first_message.POINTS,
    *updates.POINTS,
    *site_recipes.POINTS,
    *release.POINTS,
    *image.POINTS,
    *arm64.POINTS,
]


def run(names):
    """Runs the named points, or all. Returns the exit code."""
    chosen = [point for point in POINTS if not names or point.__name__ in names]
    if not chosen:
        print("points:", " ".join(point.__name__ for point in POINTS))
        return 2
    folder = pathlib.Path(tempfile.mkdtemp(prefix="hearth-debs-"))
    # apt reads the repository as an account of its own.
    folder.chmod(0o755)
    passed = failed = skipped = 0
    try:
        started = time.monotonic()
        debs = packages.make(folder)
        print(f"packages: {time.monotonic() - started:.0f} s, {debs[0].stat().st_size >> 20} MiB each", flush=True)
        for point in chosen:
            started = time.monotonic()
            try:
                word = point(folder, debs)
            except Exception:  # noqa: BLE001 (a test runner)
                traceback.print_exc(file=sys.stdout)
                failed, word = failed + 1, "FAILED"
            else:
                skipped, passed = skipped + (word is not None), passed + (word is None)
                word = f"skipped: {word}" if word else "ok"
            print(f"{point.__name__}: {word} ({time.monotonic() - started:.0f} s)", flush=True)
    finally:
        shutil.rmtree(folder)
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    return 1 if failed else 0
