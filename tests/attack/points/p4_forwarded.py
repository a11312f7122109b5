"""A proxy on this machine that the configuration does not name: all clients have its address."""

from client import Client

POINT, TENTH = 4, True
PROMISE = "a warning in the log that names trusted_proxies, once; the header itself is not believed"


def attack(server):
    client = Client(server.port)
    for n in range(20):
        client.call("GET", "/_matrix/client/versions", headers={"X-Forwarded-For": f"203.0.113.{n}"})
    lines = [line for line in server.log().splitlines() if "trusted_proxies" in line]
    return {"warnings": len(lines), "line": lines[0][:160] if lines else ""}


def held(figures):
    return [] if figures["warnings"] == 1 else [f"{figures['warnings']} lines in the log name trusted_proxies; one is wanted"]
