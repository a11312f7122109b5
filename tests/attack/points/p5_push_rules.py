"""A user with a thousand hostile push rules and unread messages of 61 kB, who syncs again and again."""

import threading
import time

from client import V3, Client

POINT, TENTH = 5, True
PROMISE = "at most one reader thread works for one user; the server stops within 5 s although the syncs go on"
RULES, MESSAGES, SYNCS = 200, 45, 6
SHORT = {"RULES": 100, "MESSAGES": 25, "SYNCS": 4}


def attack(server):
    mallory, eve = server.user("mallory"), server.user("eve")
    room = mallory.room()
    eve.join(room)
    accepted, refused = 0, ""
    for n in range(RULES):
        rule = {"pattern": f"*a?b*c{n}?d*e?f*g*h?*i*{n % 10}*" + "*?a" * 20, "actions": ["notify"]}
        answer = mallory.call("PUT", f"{V3}/pushrules/global/content/r{n}", rule)
        if answer.status == 429:
            time.sleep(answer.json.get("retry_after_ms", 100) / 1000)
        elif not answer.ok:
            refused = f"{answer.status} {answer.json.get('errcode')}"
            break
        accepted += answer.ok
    for n in range(MESSAGES):
        eve.say(room, f"{n} " + "abcabcdefghi" * 5_000)
    answers = []

    def read():
        begin = time.monotonic()
        answer = Client(server.port, mallory.token, timeout=60).sync()
        answers.append((answer.status, time.monotonic() - begin))

    # They are not waited for: the stop comes while those that are slow are under way.
    for _ in range(SYNCS):
        threading.Thread(target=read, daemon=True).start()
    time.sleep(6)
    return {
        "rules": accepted,
        "refused": refused,
        "syncs_answered": len(answers),
        "slowest_s": max((took for _, took in answers), default=None),
    }


def held(figures):
    if figures["readers_busy"] > 1:
        return [f"{figures['readers_busy']} reader threads were busy at once; at most 1"]
    return []
