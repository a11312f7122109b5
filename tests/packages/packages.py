"""Makes the packages that the tests install: by cargo-deb, from a program that is built already."""

import os
import pathlib
import subprocess
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
OLD, NEW = "0.1.0~old", "0.1.0~test"


def program():
    """The program to pack."""
    return pathlib.Path(os.environ.get("HEARTH_BIN", ROOT / "target/debug/hearth")).resolve()


def make(folder):
    """Makes both versions in `folder`; returns their paths, old one first."""
    return [make_one(folder, version) for version in (OLD, NEW)]


def make_one(folder, version):
    """Makes one version in `folder`; returns its path."""
    with tempfile.TemporaryDirectory() as target:
        stage = pathlib.Path(target) / "release"
        stage.mkdir()
        # Without debug information, as in a release: 300 MB less to copy at each installation.
        subprocess.run(["strip", "-o", stage / "hearth", program()], check=True)
        manuals = os.environ.get("HEARTH_MANUALS", ROOT / "target/debug/hearth-manuals")
        subprocess.run([manuals, stage / "manuals"], check=True)
        subprocess.run(["gzip", "--no-name", *(stage / "manuals/man").iterdir()], check=True)
        package = pathlib.Path(folder) / f"hearth_{version}.deb"
        asked = ["cargo", "deb", "--quiet", "--no-build", "--no-strip", "--fast", "--deb-version", version, "--output", package]
        environment = {**os.environ, "CARGO_TARGET_DIR": target, "SOURCE_DATE_EPOCH": "1700000000"}
        subprocess.run(asked, check=True, cwd=ROOT, stdout=subprocess.DEVNULL, env=environment)
    return package
