"""Values that a homeserver has to survive, and mutations that put them into a valid request."""

import json

DEEP = 100_000
NUMBERS = [0, -1, 1, 2**31, 2**53 - 1, 2**53, -(2**53), 2**63 - 1, 2**63, 2**64, 10**30, 0.0, 1.5, 1e300, -0.0, 1e-320]
TEXTS = [
    "",
    " ",
    "\0",
    "\x1b[31m",
    "\u202e",
    "\ud800",
    "\udfff",
    "a" * 255,
    "a" * 256,
    "é" * 128,
    "x" * 70_000,
    "%00",
    "%",
    "../../etc/passwd",
    "\n",
    "null",
    "true",
    "@",
    "!",
    "$",
    "#",
    ":",
    "@:",
    "@a",
    "@a:",
    ":b",
    "@a:b:c",
    "@" + "a" * 300 + ":b",
    "mxc://",
    "mxc://a/b/c",
    "\\",
    "'",
    "; DROP TABLE users",
    "*",
    "?" * 200,
    "*?" * 500,
    "(a+)+$",
    "[",
    "{}",
    "\ufeff",
    "\u0000\uffff",
    "𝕏",
    "Ａ",
    "ß",
    "İ",
    "m.",
    "m.room.create",
]
WRONG = [None, True, False, [], {}, [[]], [None], {"": ""}, {"a": {"b": {"c": []}}}, [{}] * 50]
# What stands in the text of a body instead of a value, and is no JSON that a JSON library would write.
RAW = [
    "-0",
    "1E400",
    "-1.0e-5",
    "00",
    "01",
    "+1",
    ".5",
    "NaN",
    "Infinity",
    "9" * 400,
    '"\\ud800"',
    '"\\udc00\\ud800"',
    '"\\u0000"',
    '"\\x"',
    "'a'",
    "[" * DEEP,
    "[" * 113 + "]" * 113,
    "[" * 111 + "]" * 111,
    '{"a":' * 200 + "1" + "}" * 200,
    '{"a":1,"a":2}',
    '{"a":1,}',
    "",
    "tru",
    "\t\n\r 1 ",
    "/* */1",
    "\x0b1",
]
PLACE = "\u2603place"


def value(rng, world):
    """Something of any kind; often an identifier that exists, in a place where it does not belong."""
    kind = rng.randrange(7)
    if kind == 0:
        return rng.choice(NUMBERS)
    if kind in (1, 2):
        return rng.choice(TEXTS)
    if kind == 3:
        return rng.choice(WRONG)
    if kind == 4:
        return identifier(rng, world)
    if kind == 5:
        return {rng.choice(TEXTS): rng.choice(NUMBERS + TEXTS + WRONG) for _ in range(rng.randrange(5))}
    return [rng.choice(NUMBERS + TEXTS + WRONG) for _ in range(rng.randrange(6))]


def identifier(rng, world):
    """An identifier that exists, or nearly one."""
    text = rng.choice(world.identifiers())
    if rng.random() < 0.7 or not text:
        return text
    at = rng.randrange(len(text))
    return rng.choice(
        [
            text[:at],
            text[at:],
            text[:at] + rng.choice("\0é:/?#%\"\\") + text[at:],
            text.upper(),
            text[::-1],
            text + ":1",
            text * 3,
        ]
    )


def places(body, path=()):
    """The paths to all values of some JSON."""
    yield path
    if isinstance(body, dict):
        for key in list(body):
            yield from places(body[key], (*path, key))
    elif isinstance(body, list):
        for number in range(min(len(body), 20)):
            yield from places(body[number], (*path, number))


def put(body, path, new):
    """The JSON with another value at that path. What is above it is copied, so that a body can be used again."""
    if not path:
        return new
    body = dict(body) if isinstance(body, dict) else list(body)
    body[path[0]] = put(body[path[0]], path[1:], new)
    return body


def drop(body, path):
    if len(path) == 1:
        return (
            {k: v for k, v in body.items() if k != path[0]} if isinstance(body, dict) else body[: path[0]] + body[path[0] + 1 :]
        )
    return put(body, path[:1], drop(body[path[0]], path[1:]))


def find(body, path):
    for step in path:
        body = body[step]
    return body


def mutate(rng, world, body):
    """A body with one or two changes that are still JSON."""
    for _ in range(rng.choice((1, 1, 1, 2))):
        path = rng.choice(list(places(body)))
        kind = rng.randrange(6)
        if kind == 0 and path:
            body = drop(body, path)
        elif kind == 1 and isinstance(find(body, path), dict):
            body = put(body, path, {**find(body, path), rng.choice(TEXTS): value(rng, world)})
        elif kind == 2 and isinstance(find(body, path), list) and find(body, path):
            body = put(body, path, find(body, path) * rng.choice((2, 40)))
        elif kind == 3 and isinstance(find(body, path), str):
            text = find(body, path)
            body = put(
                body, path, rng.choice([text + rng.choice(TEXTS), text[:-1], text.upper(), text[1:] + text[:1], f" {text}"])
            )
        else:
            body = put(body, path, value(rng, world))
    return body


def encode(body):
    """JSON as clients write it; lone surrogates are escaped."""
    return json.dumps(body).encode()


def raw_body(rng, world, body):
    """The bytes of a body, with a change that JSON libraries do not make: odd numbers, duplicate keys, invalid UTF-8, cut ends."""
    kind = rng.randrange(6)
    if kind == 0:
        path = rng.choice(list(places(body)))
        text = encode(put(body, path, PLACE)).replace(json.dumps(PLACE).encode(), rng.choice(RAW).encode())
    elif kind == 1:
        text = encode(body)
        text = text[: rng.randrange(len(text) + 1)]
    elif kind == 2:
        text = bytearray(encode(body))
        for _ in range(rng.randrange(1, 4)):
            text[rng.randrange(len(text))] = rng.randrange(256)
        text = bytes(text)
    elif kind == 3 and isinstance(body, dict) and body:
        key = rng.choice(list(body))
        text = encode(body)[:-1] + b"," + json.dumps(key).encode() + b":" + encode(value(rng, world)) + b"}"
    elif kind == 4:
        text = b"\xef\xbb\xbf" + encode(body)
    else:
        text = rng.choice(
            [b"", b"null", b"[]", b'""', b"0", b"{", b"\xff\xfe", b"[" * DEEP, b'{"a":' * DEEP, b" " * 50_000, b"a=b&c=d"]
        )
    return text
