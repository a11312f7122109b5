"""Transactions to application services: order, kills of the server amid a queue, services that are away."""

import asyncio
import signal

from rig import checks
from person import Person, eventually
from service import Service

QUEUED = 200
LATE_S = 90


async def with_room(server, id="chat", **more):
    """A service, whose bot is in a room of Alice's."""
    service = Service(server, id, **more)
    await service.start()
    await server.add(service.registration)
    alice = await Person.register(server, "alice")
    room = await alice.create()
    await service.join(room)
    await eventually("the bot's join", lambda: any(event.get("state_key") == service.bot for event in service.events()))
    return service, alice, room


def in_order(service, expected):
    """Every text has come once, in order, and so have the numbers of the transactions."""
    assert service.texts() == expected, f"expected {len(expected)}, got {len(service.texts())}: {service.texts()[:5]}"
    numbers = [int(number) for number, _ in service.transactions]
    assert numbers == sorted(numbers), numbers
    ids = [event["event_id"] for event in service.events()]
    assert len(ids) == len(set(ids)), "an event came in two transactions"


def repeated_alike(service):
    """A number that came more than once had the same events each time."""
    seen = {}
    for method, path, body, _ in service.asked:
        if "/transactions/" in path:
            ids = [event["event_id"] for event in body["events"]]
            assert seen.setdefault(path, ids) == ids, f"{path} had other events when it came again"
    return seen


async def killed_amid_a_queue(server):
    service, alice, room = await with_room(server)
    # It takes its time, so that the kills come between the steps of a delivery.
    service.delay_s, texts = 0.15, []
    for kill in range(5):
        new = [f"{kill}-{number}" for number in range(QUEUED // 5)]
        for text in new:
            await alice.say(room, text)
        texts += new
        service.status = 500 if kill % 2 else 200
        await asyncio.sleep(0.05 * kill)
        await server.restart(signal.SIGKILL)
        service.status = 200
    await eventually("all messages", lambda: len(service.texts()) >= QUEUED, LATE_S)
    in_order(service, texts)
    repeated_alike(service)
    await close(service, alice)


async def killed_while_it_catches_up(server):
    """The queue has several transactions, because the texts are long; each is interrupted by a kill."""
    service, alice, room = await with_room(server)
    await service.away()
    texts = [f"{number}-{'x' * 20_000}" for number in range(QUEUED)]
    for text in texts:
        await alice.say(room, text)
    await service.start()
    service.delay_s, kills = 0.7, 0
    while len(service.texts()) < QUEUED:
        await asyncio.sleep(0.5)
        await server.restart(signal.SIGKILL)
        kills += 1
        service.delay_s *= 0.9
        assert kills < 60, "no progress"
    await eventually("an end", lambda: len(service.texts()) >= QUEUED, LATE_S)
    in_order(service, texts)
    assert len(repeated_alike(service)) >= 4 and kills >= 4, (kills, len(service.transactions))
    await close(service, alice)


async def answered_but_the_answer_was_lost(server):
    """The service accepts a transaction, and the server is killed before it reads the answer: it comes again, and is the same."""
    service, alice, room = await with_room(server)
    service.delay_s = 2
    await alice.say(room, "one")
    await eventually("the transaction", lambda: any(b and b.get("events") and b["events"][0]["content"].get("body") == "one"
                                                    for _, _, b, _ in service.asked))
    await alice.say(room, "two")
    await server.restart(signal.SIGKILL)
    service.delay_s = 0
    await eventually("both", lambda: len(service.texts()) >= 2, LATE_S)
    in_order(service, ["one", "two"])
    times = [path for _, path, body, _ in service.asked if body and "one" in str(body.get("events"))]
    assert len(times) >= 2 and len(set(times)) == 1, f"a lost answer must repeat the same number: {times}"
    repeated_alike(service)
    await close(service, alice)


async def away_and_back(server):
    service, alice, room = await with_room(server)
    await service.away()
    texts = [f"while away {number}" for number in range(30)]
    for text in texts:
        await alice.say(room, text)

    async def is_failing():
        health = await server.health("chat")
        return health if health["failures"] >= 2 else None
    health = await eventually("failures in the list", is_failing)
    assert health["behind_events"] >= len(texts), health
    assert health["last_error"] and health["retry_at_ms"] and health["last_success_ms"], health
    asked = len(service.asked)
    await service.start()
    await eventually("what it missed", lambda: len(service.texts()) >= len(texts), LATE_S)
    in_order(service, texts)
    assert len(service.asked) > asked

    async def is_well():
        health = await server.health("chat")
        return health["failures"] == 0 and health["behind_events"] == 0
    await eventually("health again", is_well)
    await close(service, alice)


async def a_ping_ends_the_wait(server):
    service, alice, room = await with_room(server)
    service.status = 502
    await alice.say(room, "one")

    async def is_failing():
        return (await server.health("chat"))["failures"] >= 4
    # By now the wait is eight seconds or more.
    await eventually("failures", is_failing, 60)
    service.status = 200
    await service.call("POST", "/v1/appservice/chat/ping", {"transaction_id": "mine"})
    assert any(path.endswith("/ping") and body == {"transaction_id": "mine"} for _, path, body, _ in service.asked)
    await eventually("the message", lambda: service.texts() == ["one"], 3)
    await close(service, alice)


async def disabled_and_enabled(server):
    service, alice, room = await with_room(server)
    await server.ctl("appservices", "disable", "chat")
    await alice.say(room, "while disabled")
    await asyncio.sleep(1)
    assert service.texts() == [], service.texts()
    await server.restart(signal.SIGKILL)
    assert (await server.health("chat"))["disabled"]
    await server.ctl("appservices", "enable", "chat")
    await eventually("the message", lambda: service.texts() == ["while disabled"])
    assert (await server.ctl("appservices", "test", "chat"))["duration_ms"] >= 0
    await server.ctl("appservices", "remove", "chat")
    await alice.say(room, "after the end")
    await asyncio.sleep(1)
    assert service.texts() == ["while disabled"], service.texts()
    await close(service, alice)


async def one_without_a_url(server):
    """`url: null`: it acts, and is sent nothing; no queue grows for it."""
    service = Service(server, "quiet", url=None)
    await service.start()
    await server.add(service.registration)
    alice = await Person.register(server, "alice")
    room, ghost = await alice.create(), await service.register("bob")
    await service.join(room, ghost)
    await service.say(room, "from a ghost", ghost)
    await alice.hears(room, "from a ghost")
    await alice.say(room, "to nothing")
    health = await server.health("quiet")
    assert health.get("url") is None and health["failures"] == 0 and health["behind_events"] == 0, health
    assert service.asked == [], service.asked
    try:
        await service.call("POST", "/v1/appservice/quiet/ping")
        raise AssertionError("pinged without a URL")
    except Exception as refusal:
        assert getattr(refusal, "code", None) == "M_URL_NOT_SET", refusal
    await close(service, alice)


async def others_do_not_wait(server):
    """A service that hangs delays no other."""
    slow, alice, room = await with_room(server, "slow")
    quick = Service(server, "quick")
    await quick.start()
    await server.add(quick.registration)
    await quick.join(room)
    slow.delay_s = 30
    for number in range(20):
        await alice.say(room, str(number))
    await eventually("the quick one's", lambda: len(quick.texts()) >= 20, 10)
    in_order(quick, [str(number) for number in range(20)])
    slow.delay_s = 0
    await quick.stop()
    await close(slow, alice)


async def close(service, *people):
    await service.stop()
    for person in people:
        await person.close()


if __name__ == "__main__":
    asyncio.run(checks(
        killed_amid_a_queue, killed_while_it_catches_up, answered_but_the_answer_was_lost, away_and_back, a_ping_ends_the_wait, disabled_and_enabled,
        one_without_a_url, others_do_not_wait,
    ))
