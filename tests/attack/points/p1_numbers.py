"""Content that has no canonical JSON, towards another server: nothing must wait behind it."""

from urllib.parse import quote

from client import V3

POINT, TENTH = 1, True
PROMISE = (
    "after each of them, and after a restart, the next message reaches the other server; what is left out has a reason in ctl"
)
NUMBERS = ["1.5", "1.0", "-0", "-0.0", "1e300", "1e2", "9007199254740992", "9223372036854775807", "18446744073709551616"]
STRINGS = ['"\\ud800"', '"a\\udfff"', '"\\ud800\\ud800"']


def doors(mallory, stranger, room):
    """What a user may write that leaves the server: method, path, and a body with a place for the value."""
    there, me, here = f"@x:{stranger.name}", quote(mallory.user), quote(room)
    yield "to-device", "PUT", f"{V3}/sendToDevice/m.x/{{txn}}", f'{{"messages":{{"{there}":{{"*":{{"n":%s}}}}}}}}'
    yield "deep to-device", "PUT", f"{V3}/sendToDevice/m.x/{{txn}}", f'{{"messages":{{"{there}":{{"D":{{"a":[{{"b":[%s]}}]}}}}}}}}'
    yield "message", "PUT", f"{V3}/rooms/{here}/send/m.room.message/{{txn}}", '{"msgtype":"m.text","body":"x","n":%s}'
    yield "state", "PUT", f"{V3}/rooms/{here}/state/m.attack/", '{"n":%s}'
    yield "typing", "PUT", f"{V3}/rooms/{here}/typing/{me}", '{"typing":true,"timeout":%s}'
    yield "presence", "PUT", f"{V3}/presence/{me}/status", '{"presence":"online","status_msg":%s}'
    yield "profile", "PUT", f"{V3}/profile/{me}/displayname", '{"displayname":%s}'
    yield "device name", "PUT", f"{V3}/devices/{mallory.device}", '{"display_name":%s}'
    keys = f'"user_id":"{mallory.user}","device_id":"{mallory.device}","algorithms":[],"keys":{{}},"signatures":{{}}'
    yield "device keys", "POST", f"{V3}/keys/upload", f'{{"device_keys":{{{keys},"unsigned":{{"n":%s}},"extra":%s}}}}'
    yield "receipt", "POST", f"{V3}/rooms/{here}/receipt/m.read/$none", '{"thread_id":%s}'


def attack(server):
    alice, mallory, stranger = server.user("alice"), server.user("mallory"), server.stranger()
    room = alice.room()
    stranger.join(server, room, f"@x:{stranger.name}")
    mallory.join(room)
    tried, accepted, failed, stuck = 0, 0, [], []

    def passes(text):
        alice.say(room, text)
        return stranger.eventually(lambda: text in stranger.bodies(), 10)

    if not passes("before"):
        raise RuntimeError("nothing reaches the stranger even before the attack")
    for name, method, path, body in doors(mallory, stranger, room):
        for value in NUMBERS + STRINGS:
            target = path.replace("{txn}", mallory.txn())
            answer = mallory.call(method, target, body.replace("%s", value).encode())
            tried, accepted = tried + 1, accepted + answer.ok
            if answer.status >= 500 or not answer.status:
                failed.append(f"{name} {value}: {answer.status}")
        if not stuck and not passes(f"after {name}"):
            stuck.append(name)
    server.stop()
    server.start()
    restarted = passes("after the restart")
    at = server.destination(stranger)
    return {
        "tried": tried,
        "accepted": accepted,
        "failed": failed,
        "stuck": stuck,
        "passes_after_restart": restarted,
        "left_out": at.get("left_out", 0),
        "reason": at.get("reason") or at.get("left_out_reason") or "",
    }


def held(figures):
    broken = [f"nothing reaches the other server after: {name}" for name in figures["stuck"]]
    broken += [f"an error of the server: {what}" for what in figures["failed"][:3]]
    if not figures["passes_after_restart"]:
        broken.append("nothing reaches the other server after a restart")
        if not figures["reason"]:
            broken.append("ctl federation shows no reason")
    return broken
