"""Versions that follow each other, and the end: by dpkg, and by apt from a signed repository."""

import os
import shutil
import subprocess

import packages
from container import Container
from service import SETTINGS, name, named, show

VERSION = "dpkg-query --show --showformat='${Version}' hearth"


def up_and_down(folder, debs):
    """An upgrade restarts and keeps data, settings and the program it replaces; so does the way back."""
    old, new = debs
    with Container(folder) as box:
        named(box, old)
        settings, before = box.path(SETTINGS).read_text(), show(box, "MainPID")
        for deb, replaced in ((new, packages.OLD), (old, packages.NEW)):
            said = box.out(f"dpkg -i /share/{deb.name} 2>&1")
            box.wait("hearth ctl users show alice")
            assert show(box, "MainPID") not in ("0", before), said
            before = show(box, "MainPID")
            assert box.path(SETTINGS).read_text() == settings, "no question, no change"
            assert box.path("/var/backups/hearth/version").read_text().strip() == replaced
            box.sh("/var/backups/hearth/hearth --version")
        # The administrator's choices hold.
        box.sh("systemctl disable --now hearth")
        box.sh(f"dpkg -i /share/{new.name}")
        assert (show(box, "ActiveState"), show(box, "UnitFileState")) == ("inactive", "disabled")


def remove_and_purge(folder, debs):
    """`remove` keeps the data, and an installation finds them again; `purge` removes them and prints that it does."""
    with Container(folder) as box:
        named(box, debs[0])
        box.sh("systemctl stop hearth && systemctl enable --now hearth-federation.socket && systemctl start hearth")
        said = box.out("dpkg --remove hearth 2>&1")
        assert "stay in /var/lib/hearth" in said, said
        assert box.path("/var/lib/hearth/hearth.db").exists() and box.path(SETTINGS).exists()
        assert show(box, "ActiveState", "hearth-federation.socket") == "inactive"
        box.sh(f"dpkg -i /share/{debs[0].name}")
        box.wait("hearth ctl users show alice")
        said = box.out("dpkg --purge hearth 2>&1")
        assert "Removing Hearth's accounts" in said, said
        left = box.out("find / -xdev -iname '*hearth*' -not -path '/proc/*' -not -path '/var/log/*' -not -path '/sys/*' -not -path '/share*'")
        assert left == "", left
        assert box.out("systemctl --failed --no-legend") == ""


def moved(folder, debs):
    """The data and settings, copied as docs/OPERATING.md shows, are the same server on another machine, whatever its account's number."""
    copied = folder / "moved.tar"
    with Container(folder) as old:
        named(old, debs[0])
        old.sh("systemctl disable --now hearth")
        # As `rsync -a` of root does: with the owners' names.
        files = old.path("/var/tmp/moved.tar")
        old.sh("tar --create --file=/var/tmp/moved.tar /var/lib/hearth /etc/hearth")
        shutil.copy(files, copied)
        account = old.out("id --user hearth")
    with Container(folder) as new:
        new.sh("useradd --system first")
        new.sh(f"dpkg -i /share/{debs[0].name}")
        assert new.out("id --user hearth") != account
        new.sh(f"tar --extract --preserve-permissions --directory=/ --file=/share/{copied.name} && systemctl start hearth")
        new.wait("hearth ctl users show alice")
        assert "hearth.test" in new.out("hearth ctl status")
        assert new.out("systemctl is-enabled hearth") == "enabled"
    copied.unlink()


def repository(folder, debs):
    """apt installs from the repository that the release makes, refuses one that was changed, and takes a newer version unattended."""
    gpg = folder / "gpg"
    gpg.mkdir(mode=0o700)
    env = {**os.environ, "GNUPGHOME": str(gpg)}
    subprocess.run(
        ["gpg", "--batch", "--quiet", "--passphrase", "", "--quick-generate-key", "tests <tests@hearth.test>", "ed25519", "sign", "1d"],
        check=True, env=env, capture_output=True,
    )
    key = folder / "signing.asc"
    secret = subprocess.run(["gpg", "--batch", "--armor", "--export-secret-keys"], check=True, env=env, capture_output=True)
    key.write_bytes(secret.stdout)
    place = folder / "repository"

    def publish(deb):
        make = [packages.ROOT / "packaging/apt-repository", place, deb]
        subprocess.run(make, check=True, env={**os.environ, "HEARTH_SIGNING_KEY_FILE": str(key)})

    publish(debs[0])
    with Container(folder) as box:
        box.write("/etc/apt/sources.list.d/hearth.sources", (
            "Types: deb\nURIs: file:/share/repository\nSuites: stable\nComponents: main\n"
            "Signed-By: /share/repository/hearth-archive-keyring.gpg\n"))
        box.sh("rm -f /etc/apt/sources.list && apt-get update && apt-get install -y -q hearth")
        assert box.out(VERSION) == packages.OLD
        name(box)
        box.write("/etc/apt/apt.conf.d/52hearth", 'Unattended-Upgrade::Origins-Pattern { "origin=Hearth"; };\n')
        publish(debs[1])
        said = box.out("apt-get update && unattended-upgrade -v 2>&1", seconds=300)
        assert box.out(VERSION) == packages.NEW, said
        box.wait("hearth ctl users show alice")
        box.sh(f"apt-get install -y -q --allow-downgrades hearth={packages.OLD}")
        assert box.out(VERSION) == packages.OLD
        index = place / "dists/stable/main/binary-amd64/Packages"
        index.write_text(index.read_text().replace("Matrix", "Matrics"))
        for packed in index.parent.glob("Packages.*"):
            packed.unlink()
        assert box.sh("rm -rf /var/lib/apt/lists/* && apt-get update", codes=None).returncode != 0, "a changed index is refused"


POINTS = [up_and_down, remove_and_purge, moved, repository]
