"""What an application service costs: CPU time of the server per message, in a room that no service is interested in and in others.

    tests/bridges/run cost

The service's own CPU time is not counted. Give it a release build for figures; those of a debug build compare only with each other.
"""

import asyncio
import os
import time
from pathlib import Path

from rig import bridged
from person import Person, eventually
from service import Service

MESSAGES = 500
GHOSTS = 300


def cpu_s(server):
    """CPU time of the server's process, in seconds. The rig replaces itself by the server."""
    fields = Path(f"/proc/{server.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def settled(server):
    """Waits until the server has nothing to do, and returns its CPU time."""
    before = cpu_s(server)
    while True:
        await asyncio.sleep(1)
        now = cpu_s(server)
        if now - before < 0.03:
            return now
        before = now


async def measure(server, what, person, room, service=None):
    """Prints CPU time per message, and how long the last one took to reach the service."""
    start, count = await settled(server), len(service.transactions) if service else 0
    for number in range(MESSAGES):
        await person.say(room, f"{what} {number}")
    began = time.monotonic()
    if service:
        await eventually("the last message", lambda: f"{what} {MESSAGES - 1}" in service.texts()[-3:], 120)
    late = time.monotonic() - began
    cost = (await settled(server) - start) * 1000 / MESSAGES
    told = f"{len(service.transactions) - count:5} transactions, the last message after {late * 1000:.0f} ms" if service else ""
    print(f"{what:58} {cost:7.2f} CPU ms per message  {told}", flush=True)


async def main():
    async with bridged() as server:
        alice = await Person.register(server, "alice")
        # Her own sync would be most of it.
        alice.task.cancel()
        room = await alice.create()
        await measure(server, "no service", alice, room)
        bystander = Service(server, "aside")
        await bystander.start()
        await server.add(bystander.registration)
        await measure(server, "a service that is not interested", alice, room)
        plain = Service(server, "plain", **{"org.matrix.msc3202": False, "receive_ephemeral": False})
        await plain.start()
        await server.add(plain.registration)
        await plain.join(room)
        await measure(server, "an interested service, events only", alice, room, plain)
        await plain.call("POST", f"/v3/rooms/{room}/leave")
        full = Service(server, "full")
        await full.start()
        await server.add(full.registration)
        await full.join(room)
        await measure(server, "an interested service, encryption and ephemeral events", alice, room, full)
        for number in range(GHOSTS):
            await full.join(room, await full.register(str(number)))
        await measure(server, f"the same, {GHOSTS} of its ghosts in the room", alice, room, full)
        for service in (bystander, plain, full):
            await service.stop()
        await alice.session.close()


if __name__ == "__main__":
    asyncio.run(main())
