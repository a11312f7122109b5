"""Valid bodies and query strings for the endpoints: what a client that knows the specification would send."""

import json
import secrets


def event(rng, world):
    """The content of a message, of one of the kinds that the server looks into."""
    text = {"msgtype": "m.text", "body": f"text {rng.randrange(1000)}"}
    target = world.event_of(rng, world.place)
    return rng.choice(
        [
            text,
            {
                **text,
                "m.relates_to": {
                    "rel_type": rng.choice(["m.thread", "m.reference", "m.replace", "m.annotation", "x"]),
                    "event_id": target,
                    "key": "+",
                },
            },
            {
                **text,
                "m.relates_to": {
                    "m.in_reply_to": {"event_id": target},
                    "rel_type": "m.thread",
                    "event_id": target,
                    "is_falling_back": True,
                },
            },
            {**text, "m.new_content": text, "m.relates_to": {"rel_type": "m.replace", "event_id": target}},
            {**text, "m.mentions": {"user_ids": [world.pick(rng, "user")], "room": True}},
            {
                **text,
                "format": "org.matrix.custom.html",
                "formatted_body": "<b>x</b>",
                "url": world.pick(rng, "mxc"),
                "info": {"size": 5, "w": 1},
            },
            {"algorithm": "m.megolm.v1.aes-sha2", "ciphertext": "AAAA", "session_id": "s", "sender_key": "k", "device_id": "D"},
        ]
    )


STATE = {
    "m.room.name": {"name": "n"},
    "m.room.topic": {"topic": "t"},
    "m.room.avatar": {"url": "mxc://a/b"},
    "m.room.pinned_events": {"pinned": ["$x"]},
    "m.room.join_rules": {"join_rule": "restricted", "allow": [{"type": "m.room_membership", "room_id": "!x:y"}]},
    "m.room.history_visibility": {"history_visibility": "shared"},
    "m.room.guest_access": {"guest_access": "can_join"},
    "m.room.canonical_alias": {"alias": "#x:y", "alt_aliases": ["#z:y"]},
    "m.room.encryption": {"algorithm": "m.megolm.v1.aes-sha2"},
    "m.room.server_acl": {"allow": ["*"], "deny": ["evil.example"], "allow_ip_literals": True},
    "m.room.tombstone": {"body": "b", "replacement_room": "!r:x"},
    "m.space.child": {"via": ["a.example"], "order": "a", "suggested": True},
    "m.space.parent": {"via": ["a.example"], "canonical": True},
    "m.room.third_party_invite": {
        "display_name": "x",
        "key_validity_url": "https://x",
        "public_key": "AAAA",
        "public_keys": [{"public_key": "AAAA"}],
    },
    "m.policy.rule.user": {"entity": "@*:evil", "recommendation": "m.ban", "reason": "r"},
    "org.matrix.msc3401.call.member": {"memberships": []},
}


def filters(rng, world):
    part = {
        "limit": rng.randrange(50),
        "types": ["m.room.*"],
        "not_types": ["m.x"],
        "senders": [world.pick(rng, "user")],
        "not_senders": [],
        "rooms": [world.pick(rng, "room")],
        "contains_url": False,
        "lazy_load_members": True,
        "include_redundant_members": False,
        "unread_thread_notifications": True,
        "related_by_rel_types": ["m.thread"],
        "related_by_senders": [world.pick(rng, "user")],
    }
    return {
        "event_fields": ["content.body", "type"],
        "event_format": rng.choice(["client", "federation"]),
        "presence": part,
        "account_data": part,
        "room": {
            "timeline": part,
            "state": part,
            "ephemeral": part,
            "account_data": part,
            "include_leave": True,
            "rooms": [],
            "not_rooms": [],
        },
    }


def session():
    return {
        "first_message_index": 0,
        "forwarded_count": 0,
        "is_verified": False,
        "session_data": {"ciphertext": "AAAA", "ephemeral": "B", "mac": "C"},
    }


def password(world, rng):
    user = world.asker.user if rng.random() < 0.8 else world.pick(rng, "user")
    return {
        "type": "m.login.password",
        "identifier": {"type": "m.id.user", "user": user},
        "password": "attack attack",
        "user": user,
        "session": world.pick(rng, "uia"),
    }


def call(world, rng, room):
    """A request for a token for group calls, of a user or of a server."""
    return {
        "url": "https://sfu.example",
        "room_id": room,
        "slot_id": "m.call#ROOM",
        "member": {"id": "m", "claimed_user_id": world.asker.user, "claimed_device_id": world.asker.device},
        "user_id": world.pick(rng, "user"),
    }


# The end of a path, and its body. The longest that fits counts.
def table(rng, world):
    room, user, device, alias = (world.pick(rng, kind) for kind in ("room", "user", "device", "alias"))
    version, keys = world.pick(rng, "version"), world.asker.identity
    return [
        ("/login", password(world, rng)),
        (
            "/register",
            {
                "username": f"new{rng.randrange(10**6)}",
                "password": "attack attack",
                "device_id": device,
                "inhibit_login": False,
                "initial_device_display_name": "d",
                "refresh_token": True,
                "auth": {
                    "type": "m.login.registration_token",
                    "session": world.pick(rng, "uia"),
                    "token": world.pick(rng, "token"),
                },
            },
        ),
        (
            "/createRoom",
            {
                "preset": "public_chat",
                "name": "n",
                "topic": "t",
                "room_version": rng.choice(["11", "12", "10", "6", "3"]),
                "invite": [user],
                "initial_state": [{"type": "m.room.topic", "state_key": "", "content": {"topic": "x"}}],
                "creation_content": {"m.federate": True, "type": "m.space"},
                "power_level_content_override": {"users_default": 0, "events": {"m.x": 50}, "users": {}},
                "is_direct": True,
                "visibility": "public",
                "room_alias_name": f"a{rng.randrange(10**6)}",
            },
        ),
        ("/invite", {"user_id": user, "reason": "r"}),
        ("/kick", {"user_id": user, "reason": "r"}),
        ("/ban", {"user_id": user, "reason": "r"}),
        ("/unban", {"user_id": user, "reason": "r"}),
        (
            "/join",
            {
                "reason": "r",
            },
        ),
        ("/leave", {"reason": "r"}),
        ("/forget", {}),
        ("/upgrade", {"new_version": "11", "additional_creators": [user]}),
        ("/filter", filters(rng, world)),
        ("/typing/{user_id}", {"typing": True, "timeout": 1000}),
        (
            "/read_markers",
            {
                "m.fully_read": world.event_of(rng, world.place),
                "m.read": world.event_of(rng, world.place),
                "m.read.private": world.event_of(rng, world.place),
            },
        ),
        ("/receipt/{receipt_type}/{event_id}", {"thread_id": rng.choice(["main", world.event_of(rng, world.place)])}),
        (
            "/pushers/set",
            {
                "kind": "http",
                "app_id": "a",
                "pushkey": "k",
                "app_display_name": "a",
                "device_display_name": "d",
                "lang": "en",
                "data": {"url": "https://x/_matrix/push/v1/notify", "format": "event_id_only"},
                "append": True,
            },
        ),
        (
            "/pushrules/global/{kind}/{rule_id}",
            {
                "actions": ["notify", {"set_tweak": "sound", "value": "default"}],
                "pattern": "a*b",
                "conditions": [
                    {"kind": "event_match", "key": "content.body", "pattern": "x*"},
                    {"kind": "room_member_count", "is": ">=2"},
                    {"kind": "contains_display_name"},
                ],
            },
        ),
        ("/actions", {"actions": ["notify"]}),
        ("/enabled", {"enabled": True}),
        (
            "/keys/upload",
            {
                "device_keys": keys.device_keys,
                "one_time_keys": {f"signed_curve25519:{secrets.token_hex(3)}": keys.one_time},
                "fallback_keys": {"signed_curve25519:F": keys.fallback},
            },
        ),
        ("/keys/query", {"device_keys": {user: [device], world.remote: []}, "timeout": 1000}),
        (
            "/keys/claim",
            {"one_time_keys": {user: {device: "signed_curve25519"}, world.remote: {"D": "signed_curve25519"}}, "timeout": 1000},
        ),
        (
            "/keys/device_signing/upload",
            {
                "master_key": keys.master,
                "self_signing_key": keys.self_signing,
                "user_signing_key": keys.user_signing,
                "auth": password(world, rng),
            },
        ),
        ("/keys/signatures/upload", {world.asker.user: {world.asker.device: keys.device_keys}}),
        (
            "/room_keys/version",
            {"algorithm": "m.megolm_backup.v1.curve25519-aes-sha2", "auth_data": {"public_key": "k", "signatures": {}}},
        ),
        (
            "/room_keys/version/{version}",
            {"algorithm": "m.megolm_backup.v1.curve25519-aes-sha2", "auth_data": {"public_key": "k"}, "version": version},
        ),
        ("/room_keys/keys", {"rooms": {room: {"sessions": {"s": session()}}}}),
        ("/room_keys/keys/{room_id}", {"sessions": {"s": session()}}),
        ("/room_keys/keys/{room_id}/{session_id}", session()),
        (
            "/dehydrated_device",
            {"device_id": "DEHYDRATED", "device_data": {"algorithm": "x"}, "device_keys": keys.dehydrated_keys},
        ),
        (
            "/sendToDevice/{event_type}/{txn_id}",
            {"messages": {user: {device: event(rng, world), "*": {}}, world.remote: {"D": event(rng, world)}}},
        ),
        ("/account_data/{event_type}", {"rooms": [room], "recent_emoji": [["x", 1]], "ignored_users": {user: {}}}),
        ("/tags/{tag}", {"order": 0.5}),
        (
            "/search",
            {
                "search_categories": {
                    "room_events": {
                        "search_term": "text",
                        "keys": ["content.body"],
                        "order_by": "recent",
                        "filter": {"rooms": [room], "limit": 5},
                        "event_context": {"before_limit": 2, "after_limit": 2, "include_profile": True},
                        "groupings": {"group_by": [{"key": "room_id"}]},
                        "include_state": True,
                    }
                }
            },
        ),
        ("/user_directory/search", {"search_term": "a", "limit": 5}),
        (
            "/publicRooms",
            {
                "limit": 5,
                "filter": {"generic_search_term": "n", "room_types": [None]},
                "include_all_networks": True,
            },
        ),
        ("/report", {"reason": "r", "score": -50}),
        ("/report/{event_id}", {"reason": "r", "score": -50}),
        ("/redact/{event_id}/{txn_id}", {"reason": "r"}),
        ("/directory/room/{room_alias}", {"room_id": room, "servers": ["x"]}),
        ("/directory/list/room/{room_id}", {"visibility": "public"}),
        ("/presence/{user_id}/status", {"presence": "online", "status_msg": "s"}),
        ("/devices/{device_id}", {"display_name": "d", "auth": password(world, rng)}),
        ("/delete_devices", {"devices": ["NOTHING"], "auth": password(world, rng)}),
        ("/refresh", {"refresh_token": "r"}),
        ("/displayname", {"displayname": "d"}),
        ("/avatar_url", {"avatar_url": world.pick(rng, "mxc")}),
        ("/profile/{user_id}/{field}", {"displayname": "d", "avatar_url": "mxc://a/b", "m.tz": "Europe/Berlin"}),
        ("/send/{event_type}/{txn_id}", event(rng, world)),
        ("/state/{event_type}/{state_key}", rng.choice(list(STATE.values()))),
        ("/state/{event_type}", rng.choice(list(STATE.values()))),
        ("/knock/{room_id_or_alias}", {"reason": "r"}),
        ("/read", {}),
        ("/delayed_events/{delay_id}", {"action": "restart"}),
        ("/requestToken", {"client_secret": "c", "email": "a@b.c", "send_attempt": 1, "country": "GB", "phone_number": "1"}),
        (
            "/account/password",
            {"new_password": "attack attack", "logout_devices": False, "auth": {"type": "m.login.token", "session": "s"}},
        ),
        ("/key/v2/query", {"server_keys": {world.strange.name: {"ed25519:made": {"minimum_valid_until_ts": 1}}}}),
        (
            "/get_token",
            {
                "room_id": room,
                "slot_id": "m.call#",
                "openid_token": {"access_token": "t", "expires_in": 1, "matrix_server_name": "x"},
                "member": {"id": "m", "claimed_user_id": user, "claimed_device_id": device},
            },
        ),
        (
            "/sfu/get",
            {
                "room": room,
                "device_id": device,
                "openid_token": {"access_token": "t", "token_type": "Bearer", "matrix_server_name": "x", "expires_in": 1},
            },
        ),
        (
            "/get_missing_events/{room_id}",
            {"earliest_events": [], "latest_events": [world.event_of(rng, world.place)], "limit": 5, "min_depth": 0},
        ),
        ("/user/keys/query", {"device_keys": {user: []}}),
        ("/user/keys/claim", {"one_time_keys": {user: {device: "signed_curve25519"}}}),
        ("/registration-tokens", {"uses": 1, "days": 7, "name": f"t{rng.randrange(10**6)}"}),
        ("/api/v1/users", {"username": f"made{rng.randrange(10**6)}"}),
        ("/password", {"password": "attack attack", "logout_devices": False}),
        ("/locked", {"locked": False}),
        ("/admin", {"admin": False}),
        ("/suspend/{user_id}", {"suspended": False}),
        ("/lock/{user_id}", {"locked": False}),
        ("/deactivate", {"erase": False}),
        (
            "/_synapse/admin/v1/register",
            {"nonce": "n", "username": "u", "password": "attack attack", "mac": "0" * 40, "admin": False},
        ),
        ("/user_directory/search", {"search_term": "a", "limit": 5}),
        ("/account/3pid/add", {"client_secret": "c", "sid": "s", "auth": password(world, rng)}),
        ("/account/3pid/bind", {"client_secret": "c", "sid": "s", "id_server": "x.example", "id_access_token": "t"}),
        ("/account/3pid/delete", {"medium": "email", "address": "a@b.c"}),
        ("/account/3pid/unbind", {"medium": "email", "address": "a@b.c"}),
        ("/3pid/onbind", {"medium": "email", "address": "a@b.c", "mxid": user, "invites": []}),
        ("/account/deactivate", {"erase": False, "auth": password(world, rng)}),
        ("/fallback/web", {"session": world.pick(rng, "uia"), "token": "fuzz"}),
        ("/delayed_event/{event_type}/{txn_id}", {"delay": 100_000, "content": event(rng, world)}),
        ("/rtc/livekit/get_token", call(world, rng, room)),
        ("/rtc/livekit/delegate_delayed_leave", {**call(world, rng, room), "delay_id": world.pick(rng, "session"), "delay_timeout": 9_000}),
        ("", {}),
    ]


def body(rng, world, path):
    return max(((end, found) for end, found in table(rng, world) if path.endswith(end)), key=lambda pair: len(pair[0]))[1]


QUERIES = {
    "limit": ["0", "1", "10", "1000", "-1", "99999999999999999999", "1.5", "x", ""],
    "dir": ["b", "f", "x", ""],
    "timeout": ["0", "1", "-1", "x", ""],
    "full_state": ["true", "false", "1", ""],
    "set_presence": ["online", "offline", "unavailable", "x"],
    "ts": ["0", "1", "-1", str(2**63), "x"],
    "ver": ["11", "12", "x", ""],
    "method": ["scale", "crop", "x"],
    "width": ["1", "0", "-1", "99999999999", "64"],
    "height": ["1", "0", "64"],
    "kind": ["guest", "user", "x"],
    "recurse": ["true", "x"],
    "include": ["all", "participated", "x"],
    "suggested_only": ["true", "x"],
    "max_depth": ["0", "1", "-1", "x"],
    "membership": ["join", "leave", "x"],
    "not_membership": ["join", "x"],
    "format": ["event", "content", "x"],
    "timeout_ms": ["0", "1", "x"],
    "allow_remote": ["true", "false", "x"],
    "only": ["highlight", "x"],
    "animated": ["true", "x"],
}


def required(rng, world, path, room):
    """The parameters without which an endpoint does nothing: the end of its path, and what it needs."""
    event, user = world.event_of(rng, room), world.pick(rng, "user")
    table = [
        ("/messages", [("dir", rng.choice("bf")), ("limit", "5")]),
        ("/timestamp_to_event", [("ts", "1"), ("dir", "f")]),
        ("/timestamp_to_event/{room_id}", [("ts", "1"), ("dir", "f")]),
        ("/keys/changes", [("from", world.token), ("to", world.token)]),
        ("/room_keys/keys", [("version", world.pick(rng, "version"))]),
        ("/room_keys/keys/{room_id}", [("version", world.pick(rng, "version"))]),
        ("/room_keys/keys/{room_id}/{session_id}", [("version", world.pick(rng, "version"))]),
        ("/register/available", [("username", f"free{rng.randrange(1000)}")]),
        ("/thumbnail/{server_name}/{media_id}", [("width", "32"), ("height", "32"), ("method", "scale")]),
        ("/thumbnail/{media_id}", [("width", "32"), ("height", "32"), ("method", "scale")]),
        ("/thumbnail/{server}/{id}", [("width", "32"), ("height", "32"), ("method", "crop")]),
        ("/mutual_rooms", [("user_id", user)]),
        ("/validity", [("token", world.pick(rng, "token"))]),
        ("/events", [("from", world.token), ("timeout", "0"), ("room_id", room)]),
        ("/fallback/web", [("session", world.pick(rng, "uia"))]),
        ("/state/{room_id}", [("event_id", event)]),
        ("/state_ids/{room_id}", [("event_id", event)]),
        ("/backfill/{room_id}", [("v", event), ("limit", "5")]),
        ("/query/profile", [("user_id", user)]),
        ("/query/directory", [("room_alias", world.pick(rng, "alias"))]),
        ("/query/{query_type}", [("user_id", user)]),
        ("/make_join/{room_id}/{user_id}", [("ver", "11"), ("ver", "10"), ("ver", "12")]),
        ("/make_knock/{room_id}/{user_id}", [("ver", "11"), ("ver", "10"), ("ver", "12")]),
        ("/openid/userinfo", [("access_token", "x")]),
        ("/sync", [("timeout", "0"), ("since", rng.choice([world.token, "s1", ""]))]),
        ("/notifications", [("limit", "5")]),
    ]
    return next((found for end, found in table if path.endswith(end)), [])


def query(rng, world, path, room):
    """What the endpoint needs, mostly, and parameters of any other; most endpoints ignore most of them."""
    found = list(required(rng, world, path, room))
    if found and rng.random() < 0.2:
        at = rng.randrange(len(found))
        found[at] = (found[at][0], rng.choice([*QUERIES["limit"], *world.identifiers()]))
    for _ in range(rng.choice((0, 0, 0, 1, 3))):
        name = rng.choice([*QUERIES, *NAMES])
        if name in QUERIES:
            found.append((name, rng.choice(QUERIES[name])))
        elif name == "filter":
            found.append((name, rng.choice([json.dumps(filters(rng, world)), "0", "1", "{", "x"])))
        else:
            found.append((name, rng.choice(world.identifiers())))
    return found


NAMES = [
    "filter",
    "since",
    "from",
    "to",
    "via",
    "server_name",
    "event_id",
    "user_id",
    "room_id",
    "version",
    "at",
    "v",
    "access_token",
]
NAMES += ["field", "room_alias", "search", "server", "org.matrix.msc4140.delay"]
