"""Rooms that are costly to read: made by a stranger, whose server may send what a local user's rate limit would make slow."""

from urllib.parse import quote

from room import Room


class LargeRoom(Room):
    """A room of the stranger's in which a local user is."""

    def __init__(self, stranger, server, user):
        super().__init__(stranger, 1)
        stranger.rooms[self.id] = self
        self.stranger, self.server = stranger, server
        answer = user.join(self.id, stranger.name)
        if not answer.ok:
            raise RuntimeError(f"the join of a large room: {answer}")

    def fill(self, count, size, content=None):
        """So many messages of about this size, in transactions of 50; gives their ids."""
        names = []
        for start in range(0, count, 50):
            pdus = []
            for n in range(start, min(start + 50, count)):
                text = {"msgtype": "m.text", "body": f"{n} " + "x" * size, **(content or {})}
                names.append(self.add("m.room.message", self.creator, text, self.auth))
                pdus.append(self.events[-1])
            # As a server does: again, if no answer came.
            answers = (self.stranger.transaction(self.server, pdus) for _ in range(3))
            answer = next((answer for answer in answers if answer.ok), None)
            if answer is None:
                raise RuntimeError("a transaction of large events was refused three times")
        return names

    def path(self, end):
        return f"/_matrix/client/v3/rooms/{quote(self.id)}/{end}"


def wait_for(user, room, text, seconds=30):
    """Waits until the newest event of the room has come to the user."""
    import time

    end = time.monotonic() + seconds
    while time.monotonic() < end:
        answer = user.call("GET", room.path("messages"), query={"dir": "b", "limit": 1})
        if text.encode() in answer.raw:
            return True
        time.sleep(0.1)
    raise RuntimeError("the room was not filled in time")
