"""What federation costs, Hearth and Synapse in one run: joining a large room, events coming in, events going out.

    tests/interop/run --cost [--members N] [--events N]

The other side is `resident.py`. Printed are the server's CPU time (user and system, from the kernel's accounting of the process),
wall time, and resident memory; figures of the two servers stand beside each other with their ratio.
"""

import argparse
import asyncio
import os
import shutil
import tempfile
import time
from pathlib import Path

from person import Person, eventually
from resident import Resident
from cluster import Authority, Hearth, Synapse, free_ports


class Meter:
    """CPU time and memory of a process."""

    def __init__(self, process):
        self.proc = Path(f"/proc/{process.pid}")

    def cpu(self):
        fields = (self.proc / "stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def resident(self, what="VmRSS"):
        line = next(line for line in (self.proc / "status").read_text().splitlines() if line.startswith(what))
        return int(line.split()[1]) / 1024


async def settled(meter, seconds=2.0):
    """Waits until the process has nothing to do, and says how much CPU it has used."""
    before = meter.cpu()
    while True:
        await asyncio.sleep(seconds)
        now = meter.cpu()
        if now - before < 0.03 * seconds:
            return now
        before = now


async def measure(server, authority, options):
    figures = {}
    await server.start()
    # The rig replaces itself by the server, so the process is the server.
    meter, person = Meter(server.process), await Person.register(server, "guest")
    port, = free_ports("127.0.0.3", 1)
    certificate, key = authority.issue("127.0.0.3")
    resident = Resident(f"127.0.0.3:{port}", certificate, key, authority.file)
    await resident.start()
    try:
        room = resident.found(options.members)
        idle = await settled(meter)
        figures["memory before, MiB"] = meter.resident()
        began = time.monotonic()
        await person.call("POST", f"/v3/join/{room.id}", query=[("server_name", resident.name), ("via", resident.name)])
        figures[f"join of {options.members} members, s"] = time.monotonic() - began
        await person.is_member(room.id, "join", 120)
        joined = await settled(meter)
        figures["join, CPU s"] = joined - idle
        figures["highest memory, MiB"] = meter.resident("VmHWM")

        for size in (1, 50):
            pdus = [room.message(f"in {size} {n}") for n in range(options.events)]
            for start in range(0, len(pdus), size):
                await resident.says(server.name, pdus[start:start + size])
            await eventually("the last one", lambda: f"in {size} {options.events - 1}" in person.texts(room.id), 300)
            after = await settled(meter)
            figures[f"in, {size} a transaction, CPU ms per event"] = (after - joined) * 1000 / options.events
            joined = after

        for n in range(options.events):
            await person.say(room.id, f"out {n}")
        await eventually("all have arrived", lambda: len(resident.received) >= options.events, 300)
        figures["out, CPU ms per event and destination, sending included"] = (await settled(meter) - joined) * 1000 / options.events
        ids = [pdu["content"].get("body") for pdu in resident.received]
        assert len(set(ids)) == options.events, "events got lost or came twice"
        return figures
    finally:
        await resident.stop()
        await person.close()
        await server.stop()


async def main(options):
    folder = tempfile.mkdtemp(prefix="hearth-cost-")
    authority, results = Authority(folder), {}
    for kind, address in ((Hearth, "127.0.0.1"), (Synapse, "127.0.0.2")):
        if kind.__name__ in options.only:
            server = kind(Path(folder) / kind.__name__, address, authority)
            await server.gate.start()
            results[kind.__name__] = await measure(server, authority, options)
    names = list(results)
    print(f"{'':60}" + "".join(f"{name:>12}" for name in names) + ("       ratio" if len(names) == 2 else ""))
    for line in results[names[0]]:
        values = [results[name][line] for name in names]
        ratio = f"{'1/%.1f' % (values[1] / values[0]) if values[0] else '':>12}" if len(values) == 2 else ""
        print(f"{line:60}" + "".join(f"{value:12.2f}" for value in values) + ratio)
    shutil.rmtree(folder)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--members", type=int, default=5_000)
    parser.add_argument("--events", type=int, default=500)
    parser.add_argument("--only", nargs="+", default=["Hearth", "Synapse"])
    asyncio.run(main(parser.parse_args()))
