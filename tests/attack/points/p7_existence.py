"""A user, and a stranger without a token, ask about rooms that exist and rooms that do not."""

from urllib.parse import quote

from client import V3, Client

POINT, TENTH = 7, True
PROMISE = "private rooms and rooms that do not exist get the same answers from every endpoint"


def attack(server):
    alice, mallory, anyone = server.user("alice"), server.user("mallory"), Client(server.port)
    there = alice.room(preset="private_chat")
    said = alice.say(there, "secret").json["event_id"]
    missing, unsaid = there[:1] + there[1:10][::-1] + there[10:], said[:1] + said[1:][::-1]
    doors = [
        (mallory, "POST", V3 + "/rooms/{room}/report", {"reason": "x"}),
        (mallory, "POST", V3 + "/rooms/{room}/report/{event}", {"reason": "x"}),
        (anyone, "GET", V3 + "/directory/list/room/{room}", None),
        (mallory, "GET", V3 + "/rooms/{room}/messages?dir=b", None),
        (mallory, "GET", V3 + "/rooms/{room}/state", None),
        (mallory, "GET", V3 + "/rooms/{room}/event/{event}", None),
        (mallory, "GET", V3 + "/rooms/{room}/members", None),
        (mallory, "GET", V3 + "/rooms/{room}/context/{event}", None),
        (mallory, "GET", V3 + "/rooms/{room}/aliases", None),
        (mallory, "POST", V3 + "/rooms/{room}/leave", {}),
        (mallory, "PUT", V3 + "/rooms/{room}/typing/{user}", {"typing": True}),
        (mallory, "POST", V3 + "/rooms/{room}/forget", {}),
        (mallory, "PUT", V3 + "/rooms/{room}/redact/{event}/1", {}),
        (mallory, "PUT", V3 + "/rooms/{room}/send/m.room.message/1", {"body": "x"}),
        (mallory, "GET", "/_matrix/client/v1/rooms/{room}/hierarchy", None),
        (mallory, "GET", "/_matrix/client/v1/room_summary/{room}", None),
        (anyone, "GET", "/_matrix/client/v1/room_summary/{room}", None),
        (mallory, "GET", "/_matrix/client/v1/rooms/{room}/threads", None),
        (mallory, "GET", "/_matrix/client/v1/rooms/{room}/relations/{event}", None),
        (mallory, "POST", V3 + "/rooms/{room}/invite", {"user_id": "@a:b"}),
        (mallory, "GET", "/_matrix/client/v1/rooms/{room}/timestamp_to_event?ts=0&dir=f", None),
        (mallory, "POST", V3 + "/rooms/{room}/receipt/m.read/{event}", {}),
        (mallory, "POST", V3 + "/rooms/{room}/read_markers", {"m.fully_read": "$x"}),
        (mallory, "POST", V3 + "/rooms/{room}/upgrade", {"new_version": "11"}),
        (mallory, "POST", V3 + "/rooms/{room}/kick", {"user_id": "@a:b"}),
    ]
    different = []
    for who, method, path, body in doors:
        texts = []
        for room, event in ((there, said), (missing, unsaid)):
            target = path.replace("{room}", quote(room)).replace("{event}", quote(event)).replace("{user}", quote(mallory.user))
            answer = who.call(method, target, body)
            texts.append(f"{answer.status} {answer.raw.decode()}".replace(room, "ROOM").replace(event, "EVENT"))
        if texts[0] != texts[1]:
            different.append(f"{method} {path}: {texts[0][:100]} / {texts[1][:100]}")
    return {"doors": len(doors), "different": different}


def held(figures):
    return [f"differs for {line}" for line in figures["different"]]
