"""Two users who have nothing to do with the attack: how long their messages and syncs take meanwhile."""

import threading
import time


class Bystander:
    """Sends a message to a room of its own every 50 ms, and reads it with the other user's sync."""

    def __init__(self, server):
        self.one, self.two = server.user("bystander-one"), server.user("bystander-two")
        self.one.timeout = self.two.timeout = 15
        self.room = self.one.room()
        self.two.must("POST", f"/_matrix/client/v3/join/{self.room}")
        self.since = self.two.sync().json["next_batch"]
        self.sends, self.syncs, self.failed, self.seen, self.said = [], [], 0, 0, 0
        self.ended = threading.Event()
        self.workers = [threading.Thread(target=work, daemon=True) for work in (self.speak, self.listen)]

    def start(self):
        for worker in self.workers:
            worker.start()

    def speak(self):
        # A message in 250 ms stays below the rate limit of messages.
        while not self.ended.wait(0.25):
            begin = time.monotonic()
            answer = self.one.say(self.room, f"message {self.said}")
            self.sends.append(time.monotonic() - begin)
            if answer.ok:
                self.said += 1
            else:
                self.failed += 1

    def listen(self):
        while not self.ended.wait(0.05):
            self.read()

    def read(self):
        begin = time.monotonic()
        answer = self.two.sync(self.since)
        self.syncs.append(time.monotonic() - begin)
        if not answer.ok:
            self.failed += 1
            return
        self.since = answer.json["next_batch"]
        room = answer.json.get("rooms", {}).get("join", {}).get(self.room, {})
        self.seen += sum(1 for event in room.get("timeline", {}).get("events", []) if event["type"] == "m.room.message")

    def stop(self):
        """Ends; returns whether everything that was sent has arrived."""
        self.ended.set()
        for worker in self.workers:
            worker.join(40)
        end = time.monotonic() + 10
        while self.seen < self.said and time.monotonic() < end:
            self.read()
            time.sleep(0.1)
        return self.seen >= self.said

    @staticmethod
    def spread(times):
        if not times:
            return {}
        ordered = sorted(times)
        at = {"p50": ordered[len(ordered) // 2], "p99": ordered[int(len(ordered) * 0.99)], "max": ordered[-1]}
        return {name: round(value * 1000) for name, value in at.items()}

    def figures(self):
        return {"send_ms": self.spread(self.sends), "sync_ms": self.spread(self.syncs), "bystander_failed": self.failed}
