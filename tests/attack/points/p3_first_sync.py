"""A user stores as much account data as the server takes, then syncs for the first time, once and four times at once."""

from client import run_all

POINT, TENTH = 3, True
PROMISE = "at most 10 MiB of account data for a user, then a refusal; one first sync costs at most 64 MiB"
STORED_MIB_MAX, ONE_MIB_MAX = 10, 64


def attack(server):
    mallory = server.user("mallory")
    content, accepted, refused = {"pad": "x" * 500_000}, 0, ""
    for n in range(100):
        answer = mallory.account_data(f"m.attack.{n}", content)
        if not answer.ok:
            refused = f"{answer.status} {answer.json.get('errcode')}"
            break
        accepted += 1
    stored = server.rows("SELECT COALESCE(SUM(LENGTH(content)), 0) FROM account_data") / 1048576
    server.forget_peak()
    before = server.rss()
    answer = mallory.sync()
    one = server.peak() - before
    run_all([mallory.sync] * 4, 4)
    return {
        "accepted": accepted,
        "refused": refused,
        "stored_mib": stored,
        "answer_mib": len(answer.raw) / 1048576,
        "rss_one_mib": one,
        "rss_four_mib": server.peak() - before,
    }


def held(figures):
    broken = []
    if figures["stored_mib"] > STORED_MIB_MAX:
        broken.append(f"{figures['stored_mib']} MiB of account data; at most {STORED_MIB_MAX}")
    if figures["rss_one_mib"] > ONE_MIB_MAX:
        broken.append(f"one first sync cost {figures['rss_one_mib']} MiB; at most {ONE_MIB_MAX}")
    return broken
