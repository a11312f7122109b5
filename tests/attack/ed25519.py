"""Ed25519 signatures (RFC 8032) with the standard library, so that the attacks need nothing that has to be installed.

Not for secrets: it takes a different time for different keys. The multiples of the base point are computed once, so that a
signature takes about half a millisecond, and a script can sign thousands of events.
"""

import hashlib
import secrets

P = 2**255 - 19
ORDER = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
# A point is (x, y, z, t) with x/z, y/z the coordinates and t = xy/z.
ZERO = (0, 1, 1, 0)


def _add(a, b):
    e, f = (a[1] - a[0]) * (b[1] - b[0]) % P, (a[1] + a[0]) * (b[1] + b[0]) % P
    g, h = 2 * a[3] * b[3] * D % P, 2 * a[2] * b[2] % P
    w, x, y, z = f - e, h - g, h + g, f + e
    return w * x % P, y * z % P, x * y % P, w * z % P


def _base():
    y = 4 * pow(5, P - 2, P) % P
    square = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * pow(2, (P - 1) // 4, P) % P
    if x & 1:
        x = P - x
    return x, y, 1, x * y % P


def _table():
    """For each of the 64 places of a hexadecimal number, the 16 multiples of the base point that a digit there stands for."""
    rows, point = [], _base()
    for _ in range(64):
        row = [ZERO]
        for _ in range(15):
            row.append(_add(row[-1], point))
        rows.append(row)
        point = _add(row[-1], point)
    return rows


TABLE = _table()


def _multiply(number):
    point = ZERO
    for place in range(64):
        digit = number >> (4 * place) & 15
        if digit:
            point = _add(point, TABLE[place][digit])
    return point


def _compress(point):
    inverse = pow(point[2], P - 2, P)
    x, y = point[0] * inverse % P, point[1] * inverse % P
    return (y | (x & 1) << 255).to_bytes(32, "little")


class Key:
    """A private key."""

    def __init__(self, seed=None):
        digest = hashlib.sha512(seed or secrets.token_bytes(32)).digest()
        self.scalar = int.from_bytes(digest[:32], "little") & ((1 << 254) - 8) | (1 << 254)
        self.prefix = digest[32:]
        self.public = _compress(_multiply(self.scalar))

    def sign(self, message):
        r = int.from_bytes(hashlib.sha512(self.prefix + message).digest(), "little") % ORDER
        point = _compress(_multiply(r))
        challenge = int.from_bytes(hashlib.sha512(point + self.public + message).digest(), "little")
        return point + ((r + challenge * self.scalar) % ORDER).to_bytes(32, "little")
