"""The recipes of packaging/ for whole machines: the Ansible role, the Raspberry Pi image."""

import shutil
import subprocess

import packages
from container import Container

PLAYBOOK = """
- hosts: all
  roles:
    - role: hearth
      vars:
        hearth_name: hearth.test
        hearth_package: /share/{deb}
        hearth_operators: [sam]
        hearth_credentials: {{ registration: a long secret of the tests }}
        hearth_settings:
          registration: {{ mode: token, shared_secret_file: /run/credentials/hearth.service/hearth_registration }}
          rate_limits: {{ login: {{ per_second: 0.5, burst: 7 }} }}
        hearth_listeners:
          - {{ address: "127.0.0.1:8010", resources: [client, media] }}
"""


def ansible(folder, debs):
    """The role makes a running server of an empty machine; run again, it changes nothing; a new version restarts."""
    shutil.copytree(packages.ROOT / "packaging/ansible/roles", folder / "roles")
    for deb in debs:
        (folder / f"{deb.stem}.yml").write_text(PLAYBOOK.format(deb=deb.name))

    def play(deb):
        return box.out(f"cd /share && ansible-playbook -i localhost, -c local {deb.stem}.yml", seconds=300)

    with Container(folder) as box:
        box.sh("useradd sam")
        first = play(debs[0])
        assert "failed=0" in first and "changed=0" not in first, first
        box.wait("runuser -u sam -- hearth ctl status")
        shown = box.out("hearth check-config --config /etc/hearth/hearth.toml")
        assert 'server.name = "hearth.test"' in shown and "burst = 7" in shown and "127.0.0.1:8010" in shown, shown
        pid = box.out("systemctl show --value -p MainPID hearth")
        again = play(debs[0])
        assert "changed=0" in again and "failed=0" in again, again
        assert box.out("systemctl show --value -p MainPID hearth") == pid
        play(debs[1])
        assert box.out("dpkg-query --show --showformat='${Version}' hearth") == packages.NEW
        box.wait("hearth ctl status")


SETTINGS = """
[server]
name = "pi.test"
data_dir = "/var/lib/hearth"
[admin]
socket = "/run/hearth/admin.sock"
"""


def raspberry_pi(folder, debs):
    """The image recipe works on a root that does not run; its first boot installs, takes the settings, and starts the server."""
    inject = packages.ROOT / "packaging/raspberry-pi/inject"

    def with_settings(root):
        subprocess.run([inject, "--root", root, debs[0]], check=True)
        (root / "boot/firmware").mkdir(parents=True)
        (root / "boot/firmware/hearth.toml").write_text(SETTINGS)

    with Container(folder, before=with_settings) as box:
        box.wait("hearth ctl status", seconds=60)
        assert "pi.test" in box.out("hearth ctl status")
        assert box.out("stat -c '%U:%G %a' /etc/hearth/hearth.toml") == "hearth:hearth 640"
        assert not box.path("/boot/firmware/hearth.toml").exists() and not box.path("/var/lib/hearth-first-boot").exists()

    with Container(folder, before=lambda root: subprocess.run([inject, "--root", root, debs[0]], check=True)) as box:
        box.wait("test ! -e /var/lib/hearth-first-boot", seconds=60)
        assert box.out("systemctl is-active hearth", codes=(3,)) == "inactive"
        assert "waits for its name" in box.path("/etc/issue.d/hearth.issue").read_text()


POINTS = [ansible, raspberry_pi]
