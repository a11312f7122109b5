"""Kills Hearth again and again while another server talks to it, and looks for what got lost or came twice.

    tests/interop/run --kills [--rounds N]

In each round the other side (`resident.py`) sends transactions, some of them with events missing before them; somebody joins another
of its rooms; somebody pages through history. In the midst of that Hearth gets SIGKILL. Transactions that were not acknowledged are
sent again, as every server does. In the end each event that was acknowledged must be in the room once, and every join must have
succeeded, or succeed when tried again.
"""

import argparse
import asyncio
import collections
import contextlib
import random
import shutil
import signal
import tempfile
import time

import aiohttp

from person import Person, Refused, eventually
from resident import Resident
from cluster import Authority, Hearth, free_ports

BROKEN = (aiohttp.ClientError, asyncio.TimeoutError, OSError, AssertionError)


async def talk(resident, server, room, acknowledged, waiting):
    """Sends what is waiting, then more, until it breaks off."""
    while True:
        if not waiting:
            pdus = [room.message(f"message {len(room.events)}") for _ in range(random.choice((1, 2, 5, 20)))]
            # Now and then the first ones get lost on the way, and the server has to ask for them.
            waiting.append((resident.next_txn(), pdus[random.randrange(len(pdus)) if random.random() < 0.3 else 0:]))
        txn, pdus = waiting[0]
        await resident.says(server.name, pdus, txn)
        acknowledged.update(pdu["content"]["body"] for pdu in pdus)
        waiting.popleft()
        await asyncio.sleep(random.random() * 0.01)


async def enter(person, resident, room):
    await person.call("POST", f"/v3/join/{room.id}", query=[("server_name", resident.name), ("via", resident.name)])


async def page(person, room):
    while True:
        await person.history(room.id, 50)


async def one_round(server, resident, person, room, acknowledged, waiting):
    other = resident.found(200)
    for n in range(60):
        other.message(f"old {n}")
    busy = [
        asyncio.create_task(talk(resident, server, room, acknowledged, waiting)),
        asyncio.create_task(enter(person, resident, other)),
        asyncio.create_task(page(person, room)),
    ]
    await asyncio.sleep(random.uniform(0.02, 0.8))
    await server.stop(signal.SIGKILL)
    for task in busy:
        task.cancel()
    for task in busy:
        with contextlib.suppress(asyncio.CancelledError, Refused, *BROKEN):
            await task
    began = time.monotonic()
    await server.start()
    back = time.monotonic() - began

    async def is_in():
        with contextlib.suppress(Refused, *BROKEN):
            await enter(person, resident, other)
            return len(await person.state(other.id)) > 200
    await eventually("the join succeeds", is_in, 60)
    return back


async def all_of(person, room):
    """Every message in the room, as a client finds them by paging."""
    texts, token = [], None
    while True:
        query = {"dir": "b", "limit": "100", **({"from": token} if token else {})}
        answer = await person.call("GET", f"/v3/rooms/{room.id}/messages", query=query)
        texts += [event["content"]["body"] for event in answer["chunk"] if "body" in event["content"]]
        token = answer.get("end")
        if not token:
            return collections.Counter(texts)


async def main(options):
    random.seed(options.seed)
    folder = tempfile.mkdtemp(prefix="hearth-kills-")
    authority = Authority(folder)
    server = Hearth(f"{folder}/hearth", "127.0.0.1", authority)
    await server.gate.start()
    await server.start()
    port, = free_ports("127.0.0.3", 1)
    resident = Resident(f"127.0.0.3:{port}", *authority.issue("127.0.0.3"), authority.file)
    await resident.start()
    person = await Person.register(server, "witness")
    room, acknowledged, waiting, backs = resident.found(20), set(), collections.deque(), []
    try:
        await enter(person, resident, room)
        for _ in range(options.rounds):
            backs.append(await one_round(server, resident, person, room, acknowledged, waiting))
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(talk(resident, server, room, acknowledged, waiting), 2)

        async def is_whole():
            found = await all_of(person, room)
            return found if acknowledged <= found.keys() else None
        found = await eventually("everything that was acknowledged is there", is_whole, 60)
        doubled = [text for text, times in found.items() if times > 1]
        assert not doubled, f"came twice: {doubled}"
        backs.sort()
        print(f"{options.rounds} kills; {len(acknowledged)} events acknowledged, none lost, none twice; {options.rounds} joins; "
              f"back after {backs[len(backs) // 2]:.2f} s (median), {backs[-1]:.2f} s (longest)")
    finally:
        await person.close()
        await resident.stop()
        await server.stop()
    shutil.rmtree(folder)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 32))
    asyncio.run(main(parser.parse_args()))
