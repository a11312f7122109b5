"""A release made twice is equal byte for byte, as far as that can be shown without building everything twice."""

import json
import os
import pathlib
import subprocess
import tempfile

from packages import ROOT

EPOCH = "1700000000"
# A crate whose panics name its source file, in the version of the lock file.
CRATE = "slab"
MAIN = """
fn main() {
    let place = std::panic::Location::caller();
    println!("{place} {:?} {}", slab::Slab::from_iter([(1, 2)]), env!("CARGO_PKG_NAME"));
    std::process::exit(place_in_c());
}

fn place_in_c() -> i32 {
    slab::Slab::<i32>::new()[std::env::args().count()]
}
"""


def copied(folder):
    """The files of the project as they are, in another folder."""
    folder.mkdir(parents=True)
    listed = subprocess.run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=ROOT, check=True, capture_output=True).stdout
    here = b"\0".join(name for name in listed.split(b"\0") if name and (ROOT / name.decode()).exists())
    packed = subprocess.run(["tar", "--null", "--files-from=-", "--create"], cwd=ROOT, input=here, check=True, capture_output=True)
    subprocess.run(["tar", "--extract"], cwd=folder, input=packed.stdout, check=True)
    return folder


def environment(**more):
    """The variables of a release, and others."""
    return {**os.environ, "SOURCE_DATE_EPOCH": EPOCH, **more}


def tarball(_folder, _debs):
    """The archive does not depend on folder, time, umask, time zone or language."""
    with tempfile.TemporaryDirectory() as folder:
        sources = [ROOT, copied(pathlib.Path(folder) / "elsewhere")]
        manuals = pathlib.Path(folder) / "manuals"
        subprocess.run([os.environ.get("HEARTH_MANUALS", ROOT / "target/debug/hearth-manuals"), manuals], check=True)
        made = []
        for source, umask, more in zip(sources, (0o022, 0o077), ({}, {"TZ": "Asia/Tokyo", "LC_ALL": "C.UTF-8"}), strict=True):
            program = pathlib.Path(folder) / f"program-{umask}"
            program.write_bytes(b"any program" * 1_000)
            program.chmod(0o777 & ~umask)
            done = subprocess.run(
                [source / "packaging/tarball", "hearth-0", program, manuals],
                check=True, capture_output=True, umask=umask, env=environment(**more),
            )
            made.append(done.stdout)
        assert made[0] == made[1], "the archives differ"
        listed = subprocess.run(["tar", "-tvz"], input=made[0], check=True, capture_output=True).stdout.decode()
        for path, mode in {"hearth": "-rwxr-xr-x", "data/": "drwxr-xr-x", "docs/OPERATING.md": "-rw-r--r--",
                           "systemd/hearth.service": "-rw-r--r--", "manuals/man/hearth.1": "-rw-r--r--"}.items():
            line = next((line for line in listed.splitlines() if line.endswith(f" hearth-0/{path}")), "missing")
            assert line.startswith(f"{mode} 0/0 ") and " 2023-11-1" in line, f"{path}: {line}"


def sbom(_folder, _debs):
    """The list of what is in the program does not depend on the folder, and names its crates."""
    with tempfile.TemporaryDirectory() as folder:
        sources = [copied(pathlib.Path(folder) / name) for name in ("one", "other/deeper")]
        asked = ["packaging/sbom", "aarch64-unknown-linux-musl"]
        made = [subprocess.run(asked, cwd=source, check=True, capture_output=True, env=environment()).stdout for source in sources]
        assert made[0] == made[1], "the documents differ"
        assert folder.encode() not in made[0], "it names the folder"
    document = json.loads(made[0])
    assert document["metadata"]["component"]["name"] == "hearth" and document["metadata"]["timestamp"] == "2023-11-14T22:13:20Z"
    names = {component["name"] for component in document["components"]}
    assert {"axum", "rusqlite", "ruma-common", "postgres"} & names == {"axum", "rusqlite", "ruma-common", "postgres"}, names
    assert all(component.get("hashes") for component in document["components"] if component.get("purl")), "with checksums"


def build(folder, flags):
    """Builds a small program with one dependency in `folder`, whose sources have the dependencies' paths below it; its bytes."""
    version = next(
        package["version"]
        for package in json.loads(subprocess.run(
            ["cargo", "metadata", "--format-version=1", "--locked", "--offline"], cwd=ROOT, check=True, capture_output=True).stdout
        )["packages"] if package["name"] == CRATE
    )
    (folder / "src").mkdir(parents=True)
    (folder / "src/main.rs").write_text(MAIN)
    (folder / "Cargo.toml").write_text(
        f'[package]\nname = "small"\nversion = "0.1.0"\nedition = "2024"\n[dependencies]\n{CRATE} = "={version}"\n'
        "[profile.release]\nstrip = true\ncodegen-units = 1\n")
    # The sources of the dependencies are elsewhere for each, too.
    home = pathlib.Path(os.environ.get("CARGO_HOME", pathlib.Path.home() / ".cargo"))
    (folder / "cargo").mkdir()
    (folder / "cargo/registry").symlink_to(home / "registry")
    if (home / "config.toml").exists():
        (folder / "cargo/config.toml").symlink_to(home / "config.toml")
    flags = f". {ROOT}/packaging/build-flags && " if flags else ""
    subprocess.run(["bash", "-c", f"{flags}cargo build --quiet --release --offline"], cwd=folder, check=True,
                   env=environment(CARGO_HOME=str(folder / "cargo"), CARGO_TARGET_DIR=str(folder / "target")))
    return (folder / "target/release/small").read_bytes()


def program_elsewhere(_folder, _debs):
    """With the flags of a release, a program is the same wherever it is built, and names no folder; without, it does name them."""
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        one, other = (build(folder / name, True) for name in ("one", "other/much/deeper"))
        assert one == other, "the programs differ"
        assert bytes(folder) not in one and b"/cargo/registry" in one, "a folder of this machine"
        assert bytes(folder) in build(folder / "third", False), "this program could not have shown it"


POINTS = [tarball, sbom, program_elsewhere]
