"""Calls between two browsers that may only use Hearth's relay, signalled through a room.

    tests/interop/run --calls [--keep]

Runs as root in a network of its own, which has public addresses and no way out. Hearth is started there as a household starts it: a
name, a certificate, nothing about calls; the relay finds out the rest. Two people log in, each in a Chromium of their own profile, ask
for the relay (`/voip/turnServer`), and call each other (`m.call.*`), with camera, microphone and a data channel, by each way to the
relay alone: UDP, TCP, TLS, TLS on the port of HTTPS, over IPv4 and IPv6; then by all at once; then with the calling of matrix-js-sdk.
Meanwhile the operator looks (`hearth ctl turn`), ends a call, and locks somebody out. Where the relay is not believed, or does not
believe, there must be no call.
"""

import argparse
import asyncio
import contextlib
import ipaddress
import json
import os
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from aiohttp import web

from browser import Browser
from person import eventually
from cluster import HERE, Authority

# The server has a name and an address of each kind; and names with one of them, to go that way alone. No address may come later:
# a link-local one is there after up to two seconds, and Chromium then ends every request on its way (ERR_NETWORK_CHANGED).
V4, V6 = "45.32.1.2", "2a01:4f8::2"
NAME, NAME_V4, NAME_V6 = "hearth.family", "four.hearth.family", "six.hearth.family"
NETWORK = f"""
ip link set lo up
ip link add name out type veth peer name away
ip link set out arp off addrgenmode none
ip link set away addrgenmode none
ip link set away up
ip addr add {V4}/24 dev out
ip link set out up
ip addr add {V6}/64 dev out nodad
ip route add default via 45.32.1.1 dev out
ip route add default via 2a01:4f8::1 dev out
mount --bind "$1" /etc/resolv.conf
"""
CONFIG = """
listeners = [{listeners}]
server = {{ name = "{name}", data_dir = "{folder}/data" }}
passwords = {{ memory_kib = 8, iterations = 1 }}
"""
# The bulk of caller.js.
PIECES, PIECE = 64, 16384
PASSWORD = "correct horse"


class Names(asyncio.DatagramProtocol):
    """The DNS of this network. The browser asks it, and not /etc/hosts, where a relay is."""

    ADDRESSES = {(name, kind): ipaddress.ip_address(address) for name, kind, address in (
        (NAME, 1, V4), (NAME, 28, V6), (NAME_V4, 1, V4), (NAME_V6, 28, V6))}

    def connection_made(self, transport):
        self.transport = transport

    def datagram_received(self, asked, client):
        labels, at = [], 12
        while size := asked[at]:
            labels.append(asked[at + 1:at + 1 + size].decode().lower())
            at += 1 + size
        name, (kind,) = ".".join(labels), struct.unpack_from("!H", asked, at + 1)
        known, address = name in (NAME, NAME_V4, NAME_V6), self.ADDRESSES.get((name, kind))
        head = asked[:2] + struct.pack("!HHHHH", 0x8580 if known else 0x8583, 1, 1 if address else 0, 0, 0)
        answer = struct.pack("!HHHIH", 0xC00C, kind, 1, 60, len(address.packed)) + address.packed if address else b""
        self.transport.sendto(head + asked[12:at + 5] + answer, client)


async def network(folder):
    """Makes this process's network: two addresses of the internet that are here, their names, and nothing else of it."""
    resolver = folder / "resolv.conf"
    resolver.write_text("nameserver 127.0.0.1\n")
    subprocess.run(["sh", "-euc", NETWORK, "sh", str(resolver)], check=True)
    await asyncio.get_running_loop().create_datagram_endpoint(Names, ("127.0.0.1", 53))


class Homeserver:
    """Hearth with next to nothing configured, and its operator."""

    def __init__(self, folder, authority, name, addresses):
        self.folder, self.name, self.addresses = folder, name, addresses
        folder.mkdir()
        certificate, key = authority.issue(NAME, NAME_V4, NAME_V6)
        tls = f'{{ certificate_file = "{certificate}", key_file = "{key}" }}'
        self.config = folder / "hearth.toml"
        hosts = (f"[{address}]" if ":" in address else address for address in addresses)
        listeners = ", ".join(f'{{ address = "{host}:443", tls = {tls} }}' for host in hosts)
        self.config.write_text(CONFIG.format(listeners=listeners, name=name, folder=folder))
        self.binary = os.path.abspath(os.environ["HEARTH_BIN"])

    async def __aenter__(self):
        environment = {name: value for name, value in os.environ.items() if not name.startswith("HEARTH_")}
        with open(self.folder / "output", "wb") as output:
            command = [self.binary, "serve", "--config", str(self.config)]
            self.process = subprocess.Popen(command, cwd=self.folder, stdout=output, stderr=output, env=environment)

        async def runs():
            assert self.process.poll() is None, (self.folder / "output").read_text()
            with contextlib.suppress(subprocess.CalledProcessError):
                return (await self.relay())["public"]
        assert sorted(await eventually("the relay runs", runs)) == sorted(self.addresses)
        return self

    async def __aexit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        await asyncio.to_thread(self.process.wait, 30)

    async def ctl(self, *words, say=""):
        command = [self.binary, "ctl", *words, "--json", "--socket", str(self.folder / "data" / "admin.sock")]
        done = await asyncio.to_thread(subprocess.run, command, input=say, capture_output=True, text=True, check=True)
        return json.loads(done.stdout)

    async def relay(self):
        return await self.ctl("turn", "list")

    async def held(self):
        """What is held of the relay now, by user."""
        found = {}
        for one in (await self.relay())["allocations"]:
            found.setdefault(one["user_id"], []).append(one)
        return found

    async def is_quiet(self):
        """Waits until nothing is left of a call. What a browser gives up before it has the answer it does not give back (and ends
        by itself after ten minutes): addresses asked for over UDP, with which nothing was ever done."""
        async def quiet():
            left = (await self.relay())["allocations"]
            if all(one["transport"] == "udp" and one["peers"] == [] and one["packets_out"] == 0 for one in left):
                for one in left:
                    await self.ctl("turn", "end", one["id"])
                return True
        await eventually("nothing is left of the call", quiet)


class Cluster:
    """Two people, a room, and what they know of the relay."""

    def __init__(self, server, alice, bob):
        self.server, self.alice, self.bob = server, alice, bob

    async def meet(self):
        for name in ("alice", "bob"):
            await self.server.ctl("users", "create", name, "--password-stdin", say=PASSWORD + "\n")
        self.names = [await page.call("enter", f"https://{self.server.name}", name, PASSWORD)
                      for page, name in ((self.alice, "alice"), (self.bob, "bob"))]
        self.room = await self.alice.call("create", self.names[1])
        await self.bob.call("join", self.room)
        self.told = [await page.call("servers") for page in (self.alice, self.bob)]

    def servers(self, uris, wrong=False):
        """What each of them makes of what they were told: these ways only."""
        return [[{"urls": uris, "username": told["username"], "credential": "wrong" if wrong else told["password"]}]
                for told in self.told]

    async def ring(self, servers, **settings):
        await self.alice.call("prepare", servers[0], False, settings)
        await self.bob.call("prepare", servers[1], True, settings)
        await self.alice.call("ring", self.room)

    async def figures(self):
        return [await page.call("figures") for page in (self.alice, self.bob)]

    async def hang_up(self):
        await self.alice.call("leave", False)
        await eventually("the other one notices", lambda: self.bob.run("call.theyLeft"))
        await self.bob.call("leave", True)
        await self.server.is_quiet()

    async def all_has_come(self):
        """Waits until everything that a call carries has come at both ends, and says what is known of it then."""
        async def come():
            found = await self.figures()
            heard = [await page.call("hasHeard", other) for page, other in zip((self.alice, self.bob), reversed(self.names))]
            moving = all(one["audio"] > 2000 and one["video"] > 5000 and one["frames"] > 5 for one in found)
            assert all(one["state"] != "failed" for one in found), found
            return found if all(heard) and moving else None
        try:
            return await eventually("everything has come at both ends", come)
        except AssertionError as why:
            raise AssertionError(f"{why}\n{json.dumps(await self.figures(), indent=1)}") from None


def ways(told):
    """What to try: the URI, and what must be seen of it (how the relay is spoken to, whether over IPv6)."""
    for uri in told["uris"]:
        protocol = "tls" if uri.startswith("turns:") else uri.rpartition("=")[2]
        yield uri.replace(NAME, NAME_V4), protocol, False
        yield uri.replace(NAME, NAME_V6), protocol, True


async def connected(cluster, uris, protocol, over_v6, relayed_at=V4):
    """A call by one way: what it is carried by, seen from its ends and by the operator."""
    began = time.monotonic()
    await cluster.ring(cluster.servers(uris), bundlePolicy="max-bundle")
    await cluster.all_has_come()
    took = time.monotonic() - began
    before = await cluster.server.held()
    await asyncio.sleep(0.7)
    after = await cluster.server.held()
    for name in cluster.names:
        (was,), (now,) = before[name], after[name]
        assert now["transport"] == protocol and now["peers"] == [relayed_at] and now["client"].startswith("[") == over_v6, now
        assert now["bytes_in"] > was["bytes_in"] > 0 and now["bytes_out"] > was["bytes_out"] > 0, (was, now)
    # By now the round trip is one without the bulk.
    figures = await cluster.figures()
    for one in figures:
        ends = one["pair"]["local"], one["pair"]["remote"]
        assert [(end["candidateType"], end["address"]) for end in ends] == [("relay", relayed_at)] * 2, ends
        assert (ends[0]["relayProtocol"], ends[0]["url"]) == (protocol, uris[0]), ends[0]
        assert one["pair"]["received"] > PIECES * PIECE and one["pair"]["sent"] > PIECES * PIECE, one
    return figures, took


def show(title, figures, took):
    for one, name in zip(figures, ("alice", "bob")):
        pair = one["pair"]
        local, remote = pair["local"], pair["remote"]
        data = f", {one['words']} words, {one['pieces'] * PIECE} bytes of bulk" if one["words"] else ""
        print(f"{title}: {name} {local['candidateType']} {local['address']}:{local['port']} (relay by {local['relayProtocol']}) "
              f"<-> {remote['candidateType']} {remote['address']}:{remote['port']}, {pair['roundTripMs']:.0f} ms, "
              f"sent {pair['sent']}, received {pair['received']} (audio {one['audio']}, video {one['video']}, {one['frames']} frames"
              f"{data}), all after {took:.1f} s", flush=True)


async def by_each_way(cluster):
    for uri, protocol, over_v6 in ways(cluster.told[0]):
        figures, took = await connected(cluster, [uri], protocol, over_v6)
        show(uri, figures, took)
        await cluster.hang_up()


async def by_all_ways(cluster):
    """As a client does it that leaves everything to the browser: it takes addresses by each way, over IPv4 and IPv6, for sound,
    pictures and data, until it knows that one is enough for all. None of that may be refused."""
    began = time.monotonic()
    await cluster.ring(cluster.servers(cluster.told[0]["uris"]))
    figures = await cluster.all_has_come()
    show("everything at once", figures, time.monotonic() - began)
    held = await cluster.server.held()
    print(f"  relayed addresses held: {[len(held[name]) for name in cluster.names]}")
    refused = {one["reason"]: one["count"] for one in (await cluster.server.relay())["refused"]}
    assert "quota" not in refused, refused
    await cluster.hang_up()


async def by_a_client(cluster):
    """The calling of matrix-js-sdk, which Element has, between two more devices of theirs."""
    pages = [await cluster.alice.browser.page(cluster.alice.url.replace("caller", "client")) for _ in range(2)]
    for page, name in zip(pages, ("alice", "bob")):
        told = await page.call("enterAsClient", f"https://{NAME}", name, PASSWORD)
        assert told == cluster.told[0]["uris"], told
    began = time.monotonic()
    await pages[0].call("ringAsClient", cluster.room)

    async def talk():
        if [await page.call("stateAsClient") for page in pages] == ["connected"] * 2:
            found = [await page.call("figuresAsClient") for page in pages]
            if all(one["audio"] > 2000 and one["video"] > 5000 and one["frames"] > 5 for one in found):
                return found
    figures = await eventually("the clients see and hear each other", talk)
    show("matrix-js-sdk", figures, time.monotonic() - began)
    for one in figures:
        assert [one["pair"][end]["candidateType"] for end in ("local", "remote")] == ["relay"] * 2, one
    assert set(await cluster.server.held()) == set(cluster.names)
    await pages[0].call("hangUpAsClient")
    await eventually("the other client notices", lambda: pages[1].run("stateAsClient() === 'ended'"))
    await cluster.server.is_quiet()


async def not_without_the_relay(cluster):
    """The tests above can fail: without what the relay asks for, or what the browser asks for, there is no call."""
    uris = cluster.told[0]["uris"]
    other_name = [uri.replace(NAME, V4) for uri in uris if uri.startswith("turns:")]
    for why, servers, error in (
            ("wrong credentials", cluster.servers(uris, wrong=True), " 401 "),
            ("a certificate for another name", cluster.servers(other_name), " 701 ")):
        await cluster.ring(servers, bundlePolicy="max-bundle")
        await asyncio.sleep(6)
        for one in await cluster.figures():
            assert (one["candidates"], one.get("pair"), one["words"]) == (0, None, 0) and one["state"] != "connected", one
            assert any(error in text for text in one["errors"]), one["errors"]
        assert await cluster.server.held() == {}
        print(f"{why}: no call;", next(text for text in one["errors"] if error in text))
        await cluster.hang_up()


async def stops(cluster, what):
    """Nothing comes any more."""
    async def stopped():
        before = [one["audio"] for one in await cluster.figures()]
        await asyncio.sleep(1)
        return before == [one["audio"] for one in await cluster.figures()]
    await eventually(f"{what}: nothing passes", stopped)
    await eventually(f"{what}: both notice", lambda: both_notice(cluster), 60)


async def both_notice(cluster):
    return all(one["ice"] in ("disconnected", "failed") for one in await cluster.figures())


async def ended_by_the_operator(cluster):
    uri = cluster.told[0]["uris"][0].replace(NAME, NAME_V4)
    await connected(cluster, [uri], "udp", False)
    (one,) = (await cluster.server.held())[cluster.names[0]]
    await cluster.server.ctl("turn", "end", one["id"])
    assert cluster.names[0] not in await cluster.server.held()
    began = time.monotonic()
    await stops(cluster, "ended")
    print(f"ended by the operator: both browsers have noticed after {time.monotonic() - began:.0f} s")
    await cluster.hang_up()


async def shut_out(cluster, which, *words):
    """Ends the call of somebody whose account the operator shuts, whatever credentials they still have."""
    uri, name = cluster.told[0]["uris"][-1].replace(NAME, NAME_V4), cluster.names[which]
    await connected(cluster, [uri], "tls", False)
    began = time.monotonic()
    await cluster.server.ctl("users", *words)

    async def is_out():
        return name not in await cluster.server.held()
    await eventually("the relayed address ends", is_out)
    print(f"{words[0]}: the relayed address is gone after {time.monotonic() - began:.1f} s")
    await stops(cluster, words[0])
    pages = (cluster.alice, cluster.bob)
    for page in pages:
        await page.call("leave", True)
    await pages[which].call("prepare", cluster.servers([uri])[which], False, {})
    await pages[which].run("call.peer.setLocalDescription()")
    await asyncio.sleep(3)
    assert (await pages[which].call("figures"))["candidates"] == 0 and name not in await cluster.server.held()
    await pages[which].call("leave", True)
    await cluster.server.is_quiet()


async def ended_by_locking_and_closing(cluster):
    await shut_out(cluster, 1, "lock", "bob")
    await cluster.server.ctl("users", "unlock", "bob")
    await cluster.bob.run("void listen()")
    await shut_out(cluster, 0, "deactivate", "alice", "--yes")


SCENARIOS = (by_each_way, by_all_ways, by_a_client, not_without_the_relay, ended_by_the_operator, ended_by_locking_and_closing)


async def serve_pages():
    """The pages, on an address that browsers give a camera to."""
    application = web.Application()
    for name, scripts in (("caller", ["caller"]), ("client", ["caller", "client"])):
        text = "<!doctype html><title>call</title>" + "".join(f'<script src="{script}.js"></script>' for script in scripts)
        application.router.add_get(f"/{name}.html", lambda _, text=text: web.Response(text=text, content_type="text/html"))
    for name, place in (("caller", HERE / "caller.js"), ("client", os.environ["CLIENT_BUNDLE"])):
        application.router.add_get(f"/{name}.js", lambda _, place=place: web.FileResponse(place))
    runner = web.AppRunner(application)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    return f"http://localhost:{site._server.sockets[0].getsockname()[1]}/caller.html"


async def by_ipv6_alone(cluster):
    """Where there is no public IPv4, as behind many a household's router, browsers get what there is, though they ask for nothing."""
    for uri in cluster.told[0]["uris"]:
        protocol = "tls" if uri.startswith("turns:") else uri.rpartition("=")[2]
        figures, took = await connected(cluster, [uri], protocol, True, V6)
        show(f"IPv6 alone, {uri}", figures, took)
        await cluster.hang_up()


async def play(server, browser, page, scenarios):
    """One server, two people, and what is done there."""
    async with server:
        cluster = Cluster(server, await browser.page(page), await browser.page(page))
        await cluster.meet()
        print(f"told: {cluster.told[0]['uris']}")
        for scenario in scenarios:
            await scenario(cluster)


async def main(folder):
    await network(folder)
    authority = Authority(folder)
    (folder / "browser").mkdir()
    browser = Browser(folder / "browser")
    browser.trust(authority.file)
    page = await serve_pages()
    async with browser:
        try:
            await play(Homeserver(folder / "server", authority, NAME, [V4, V6]), browser, page, SCENARIOS)
            subprocess.run(["ip", "addr", "del", f"{V4}/24", "dev", "out"], check=True)
            await play(Homeserver(folder / "six", authority, NAME_V6, [V6]), browser, page, (by_ipv6_alone,))
        except BaseException:
            for line in browser.said[-20:]:
                print(f"  a page says: {line}")
            raise


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--keep", action="store_true", help="keep the folder with logs")
    keep = parser.parse_args().keep
    place = Path(tempfile.mkdtemp(prefix="hearth-calls-"))
    try:
        asyncio.run(main(place))
    finally:
        if keep:
            print(f"kept: {place}", file=sys.stderr)
        else:
            shutil.rmtree(place, ignore_errors=True)
