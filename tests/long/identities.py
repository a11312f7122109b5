"""Device keys, cross-signing keys and one-time keys of a user whom the fuzzer plays, signed as the server checks it."""

from ed25519 import Key
from room import canonical, unpadded

ALGORITHMS = ["m.olm.v1.curve25519-aes-sha2", "m.megolm.v1.aes-sha2"]


class Identity:
    def __init__(self, user, device):
        self.user, self.key, master, own, others = user, Key(), Key(), Key(), Key()
        self.device_keys, self.dehydrated_keys = self.of_device(device), self.of_device("DEHYDRATED")
        name = unpadded(master.public)
        self.master = self.cross_key(master, "master")
        self.self_signing = self.signed(self.cross_key(own, "self_signing"), name, master)
        self.user_signing = self.signed(self.cross_key(others, "user_signing"), name, master)
        self.one_time = self.signed({"key": unpadded(self.key.public)}, device, self.key)
        self.fallback = self.signed({"key": unpadded(self.key.public), "fallback": True}, device, self.key)

    def signed(self, body, name, key):
        return {**body, "signatures": {self.user: {f"ed25519:{name}": unpadded(key.sign(canonical(body)))}}}

    def of_device(self, device):
        public = unpadded(self.key.public)
        keys = {f"curve25519:{device}": public, f"ed25519:{device}": public}
        return self.signed({"user_id": self.user, "device_id": device, "algorithms": ALGORITHMS, "keys": keys}, device, self.key)

    def cross_key(self, key, usage):
        public = unpadded(key.public)
        return {"user_id": self.user, "usage": [usage], "keys": {f"ed25519:{public}": public}}
