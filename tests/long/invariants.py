"""What has to hold all the while, whatever is sent: looked at every few hundred requests."""

import signal
import time
from urllib.parse import quote

from client import V3

RSS_MIB_MAX = 400
WAIT_S = 20


class Invariants:
    """Bystanders' messages arrive here and at another server, and what was acknowledged is there after a SIGKILL."""

    def __init__(self, world, report):
        self.world, self.report, self.count, self.kills = world, report, 0, 0
        self.since = world.friend.sync().json["next_batch"]
        self.said, self.sent, self.lines = [], [], 0

    def check(self):
        """Everything but the kill."""
        world, server = self.world, self.world.server
        if not server.is_alive():
            self.report("the server ended", server.log()[-3000:])
            server.start()
        self.count += 1
        if server.rss() > RSS_MIB_MAX:
            self.report("memory", f"{server.rss():.0f} MiB resident; at most {RSS_MIB_MAX}")
        text = f"bystander {self.count}"
        self.write(text)
        end = time.monotonic() + WAIT_S
        here = there = False
        while time.monotonic() < end and not (here and there):
            answer = world.friend.sync(self.since, timeout=200)
            if not answer.ok:
                self.report("a bystander's sync", repr(answer))
                break
            self.since = answer.json["next_batch"]
            here = here or text.encode() in answer.raw
            there = there or text in world.good.bodies()
        if not here:
            self.report("a queue stands still", f"{text} did not reach a user of this server in {WAIT_S} s")
        if not there:
            self.report(
                "a queue stands still", f"{text} did not reach another server in {WAIT_S} s: {server.destination(world.good)}"
            )
        self.read_log()

    def write(self, text):
        """Writes something of each kind, and remembers what was acknowledged."""
        world = self.world
        answer = world.owner.say(world.room, text)
        if not answer.ok:
            self.report("a bystander's message", repr(answer))
            return
        self.said.append((text, answer.json["event_id"]))
        if world.owner.account_data("m.bystander", {"count": self.count}).ok:
            self.stored = self.count
        if world.owner.to_device({world.friend.user: {world.friend.device: {"count": self.count}}}, "m.bystander").ok:
            self.sent.append(self.count)

    def read_log(self):
        lines = self.world.server.log().splitlines()
        for line in lines[self.lines :]:
            # A handler that panicked has a line of its own for the panic.
            if " ERROR " in line and "handler panicked" not in line:
                self.report("an error in the log", line[26:600], "one of the last requests")
        self.lines = len(lines)

    def kill(self):
        """SIGKILL and a start; then everything that was acknowledged must be there, once."""
        world, server = self.world, self.world.server
        self.kills += 1
        server.process.send_signal(signal.SIGKILL)
        server.process.wait()
        server.start()
        for client in (*world.actors, world.owner, world.friend, server.anyone):
            client.close()
        for text, event in self.said:
            answer = world.owner.call("GET", f"{V3}/rooms/{quote(world.room)}/event/{quote(event)}")
            if answer.json.get("content", {}).get("body") != text:
                self.report("lost after SIGKILL", f"{text}: {answer!r}")
        answer = world.owner.call("GET", f"{V3}/user/{quote(world.owner.user)}/account_data/m.bystander")
        if answer.json.get("count") != self.stored:
            self.report("lost after SIGKILL", f"account data {self.stored}: {answer!r}")
        self.collect()
        self.said = self.said[-20:]

    def collect(self):
        """Reads all to-device messages as the friend's device does for the first time."""
        got, since = [], None
        for _ in range(200):
            answer = self.world.friend.sync(since).json
            events = answer.get("to_device", {}).get("events", [])
            got += [event["content"].get("count") for event in events if event["type"] == "m.bystander"]
            since = answer.get("next_batch")
            if not events:
                break
        # Syncs in between have taken some of them already; those that are left must be the newest, without a gap.
        if got and got != self.sent[-len(got) :]:
            self.report("lost after SIGKILL", f"to-device messages {self.sent[-10:]} became {got[-10:]}")
        self.sent = []
        self.since = since or self.since
