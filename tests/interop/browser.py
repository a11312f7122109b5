"""Chromium from the system, without a screen, driven over its debugging socket. Its people have profiles of their own; its camera
and microphone are made up. It believes the certificate authorities that it is told of, and no others than usual."""

import asyncio
import contextlib
import itertools
import json
import os
import shutil
import subprocess
from pathlib import Path

import aiohttp

SWITCHES = (
    "--headless", "--no-sandbox", "--no-first-run", "--disable-gpu", "--disable-dev-shm-usage", "--disable-extensions",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--mute-audio", "--remote-debugging-port=0",
    "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream", "--autoplay-policy=no-user-gesture-required",
    "--disable-background-timer-throttling", "--disable-backgrounding-occluded-windows", "--disable-renderer-backgrounding",
)


class Thrown(Exception):
    """What a page threw."""


class Page:
    """A page in a profile of its own."""

    def __init__(self, browser, session, url):
        self.browser, self.session, self.url = browser, session, url

    async def run(self, expression, seconds=60):
        """The value of an expression, awaited."""
        values = {"expression": expression, "awaitPromise": True, "returnByValue": True}
        answer = await asyncio.wait_for(self.browser.ask("Runtime.evaluate", values, self.session), seconds)
        if thrown := answer.get("exceptionDetails"):
            raise Thrown(thrown.get("exception", {}).get("description") or thrown["text"])
        return answer["result"].get("value")

    async def call(self, name, *arguments, seconds=60):
        return await self.run(f"{name}({', '.join(map(json.dumps, arguments))})", seconds)


class Browser:
    """One Chromium, running."""

    def __init__(self, folder):
        self.folder, self.numbers, self.waiting, self.said = Path(folder), itertools.count(1), {}, []

    def trust(self, authority):
        """Believes in a certificate authority from the start on, for requests and for TURN over TLS."""
        database = self.folder / ".pki" / "nssdb"
        database.mkdir(parents=True)
        certutil = ["certutil", "-d", f"sql:{database}"]
        subprocess.run([*certutil, "-N", "--empty-password"], check=True)
        subprocess.run([*certutil, "-A", "-t", "C,,", "-n", "interop", "-i", str(authority)], check=True)

    async def __aenter__(self):
        program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
        if not program:
            raise RuntimeError("Chromium is not installed (Debian: apt-get install chromium)")
        profile = self.folder / "profile"
        with open(self.folder / "output", "wb") as output:
            self.process = subprocess.Popen(
                [program, *SWITCHES, f"--user-data-dir={profile}", "about:blank"], stdout=output, stderr=output,
                env={**os.environ, "HOME": str(self.folder)})
        port, path = (await self._port(profile / "DevToolsActivePort")).split()
        self.http = aiohttp.ClientSession()
        self.socket = await self.http.ws_connect(f"ws://127.0.0.1:{port}{path}", max_msg_size=0)
        self.listening = asyncio.create_task(self._listen())
        return self

    async def __aexit__(self, *_):
        with contextlib.suppress(Exception):
            await asyncio.wait_for(self.ask("Browser.close"), 5)
        self.listening.cancel()
        await self.http.close()
        try:
            await asyncio.to_thread(self.process.wait, 10)
        except subprocess.TimeoutExpired:
            self.process.kill()

    async def _port(self, file):
        for _ in range(300):
            if self.process.poll() is not None:
                break
            with contextlib.suppress(OSError):
                if len((text := file.read_text()).split()) == 2:
                    return text
            await asyncio.sleep(0.1)
        raise RuntimeError(f"Chromium did not start:\n{(self.folder / 'output').read_text()[-3000:]}")

    async def _listen(self):
        async for message in self.socket:
            message = json.loads(message.data)
            if waiting := self.waiting.pop(message.get("id"), None):
                waiting.set_result(message)
            elif message.get("method") == "Runtime.consoleAPICalled":
                self.said.append(" ".join(str(one.get("value", one.get("description"))) for one in message["params"]["args"]))
            # Only for a session that has asked for it (`Log.enable`): what the browser itself complains of.
            elif message.get("method") == "Log.entryAdded":
                entry = message["params"]["entry"]
                self.said.append(f"{entry['level']}: {entry['text']} {entry.get('url', '')}")

    async def ask(self, method, values=None, session=None):
        number = next(self.numbers)
        self.waiting[number] = asyncio.get_running_loop().create_future()
        envelope = {"id": number, "method": method, "params": values or {}, **({"sessionId": session} if session else {})}
        await self.socket.send_json(envelope)
        answer = await self.waiting[number]
        if error := answer.get("error"):
            raise RuntimeError(f"{method}: {error}")
        return answer["result"]

    async def page(self, url):
        """A new page in a new profile, loaded."""
        context = (await self.ask("Target.createBrowserContext"))["browserContextId"]
        target = (await self.ask("Target.createTarget", {"url": url, "browserContextId": context}))["targetId"]
        session = (await self.ask("Target.attachToTarget", {"targetId": target, "flatten": True}))["sessionId"]
        page = Page(self, session, url)
        await self.ask("Runtime.enable", session=session)
        for _ in range(200):
            if await page.run("document.readyState === 'complete' && location.href !== 'about:blank'"):
                return page
            await asyncio.sleep(0.05)
        raise RuntimeError(f"{url} does not load")
