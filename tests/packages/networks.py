"""Networks of a test: a container with a public address, and a machine beside it."""

import contextlib
import ctypes
import os
import pathlib
import subprocess
import time

CLONE_NEWNET = 0x4000_0000


@contextlib.contextmanager
def inside(pid):
    """This thread, and what it starts, in the network of a process. Its files stay those of the host."""
    libc = ctypes.CDLL(None, use_errno=True)

    def enter(descriptor):
        if libc.setns(descriptor, CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), "setns")

    own, there = (os.open(f"/proc/{of}/ns/net", os.O_RDONLY | os.O_CLOEXEC) for of in ("thread-self", pid))
    try:
        enter(there)
        try:
            yield
        finally:
            enter(own)
    finally:
        os.close(own)
        os.close(there)


@contextlib.contextmanager
def beside(pid, address, other):
    """Gives the network of a process an interface with this address, and yields the id of a process in the network of a
    machine on the same wire, which has the address `other`."""
    holder = subprocess.Popen(["unshare", "--net", "sleep", "infinity"])
    try:
        own = os.readlink("/proc/self/ns/net")
        while os.readlink(f"/proc/{holder.pid}/ns/net") == own or pathlib.Path(f"/proc/{holder.pid}/comm").read_text() != "sleep\n":
            time.sleep(0.01)
        with inside(pid):
            ip(f"link add net0 type veth peer name net1 netns {holder.pid}", f"address add {address}/24 dev net0", "link set net0 up",
               "route add default dev net0")  # fmt: skip
        with inside(holder.pid):
            ip("link set lo up", f"address add {other}/24 dev net1", "link set net1 up")
        yield holder.pid
    finally:
        holder.kill()
        holder.wait()


def ip(*commands):
    """Runs iproute2's `ip`."""
    for command in commands:
        subprocess.run(["ip", *command.split()], check=True)
