#!/usr/bin/env python3
"""The web pages of a server in a real browser: an invite link on a phone and on a computer, light and dark, English and German.

From the project's root: tests/doorstep/pages.py [--screens FOLDER]

Looks for text that does not fit, for what the browser complains of, and with axe-core for what people with a screen reader, a
keyboard or weak eyes stumble over. Creates an account with nothing but the keyboard, logs in with it, and reads its rooms. Needs
Chromium; gets aiohttp from PyPI into a virtual environment of its own, and axe-core from npm (without it that part is left out and
said so). HEARTH_BIN says which Hearth (default target/debug/hearth); everything stays on the loopback address."""

import argparse
import asyncio
import base64
import json
import os
import shutil
import socket
import subprocess
import sys
import tarfile
import tempfile
import time
import urllib.request
from pathlib import Path

HERE = Path(__file__).resolve().parent
CACHE = Path(os.environ.get("DOORSTEP_CACHE") or Path(tempfile.gettempdir()) / "hearth-doorstep")
HEARTH = os.environ.get("HEARTH_BIN") or str(HERE.parents[1] / "target/debug/hearth")
AXE = "axe-core@4.14.1"
PASSWORD = "correct horse battery staple"
SIZES = {"phone": (360, 740, True), "computer": (1280, 800, False)}
LANGUAGES = {"en": "en-GB", "de": "de-DE,de;q=0.9,en;q=0.5"}

try:
    import aiohttp  # noqa: F401
except ImportError:
    # A virtual environment of its own, kept between runs.
    python = CACHE / "venv/bin/python"
    if Path(sys.prefix) == CACHE / "venv":
        raise
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", CACHE / "venv"], check=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", "aiohttp>=3.10"], check=True)
    os.execv(python, [str(python), *sys.argv])

sys.path.insert(0, str(HERE.parent / "interop"))
from browser import Browser  # noqa: E402


def axe():
    """The source of axe-core; nothing when it cannot be had."""
    CACHE.mkdir(parents=True, exist_ok=True)
    archive = CACHE / f"{AXE.replace('@', '-')}.tgz"
    if not archive.exists():
        packed = subprocess.run(["npm", "pack", "--silent", AXE], cwd=CACHE, capture_output=True, check=False) if shutil.which("npm") else None
        if not packed or packed.returncode or not archive.exists():
            print("SKIPPED: axe-core cannot be had from npm, so nothing is said about accessibility beyond the keyboard")
            return None
    with tarfile.open(archive) as files:
        return files.extractfile("package/axe.min.js").read().decode()


class Server:
    """A Hearth of its own with a user, two rooms and tokens."""

    def __init__(self, folder):
        self.folder = Path(folder)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.base = f"http://localhost:{port}"
        (self.folder / "hearth.toml").write_text(
            "[server]\nsupport_admin = '@maria:localhost'\nsupport_email = 'maria@example.org'\n"
            f"[[listeners]]\naddress = '127.0.0.1:{port}'\nresources = ['client']\n"
            "[registration]\nmode = 'token'\n[rate_limits]\nenabled = false\n[federation]\nenabled = false\n")

    def __enter__(self):
        with open(self.folder / "log", "wb") as log:
            self.process = subprocess.Popen([HEARTH, "serve"], cwd=self.folder, stdout=log, stderr=log)
        for _ in range(200):
            try:
                self.get("/health")
                return self
            except OSError:
                if self.process.poll() is not None:
                    break
                time.sleep(0.05)
        raise RuntimeError(f"Hearth did not start:\n{(self.folder / 'log').read_text()[-2000:]}")

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(20)

    def get(self, path):
        with urllib.request.urlopen(self.base + path, timeout=20) as answer:
            return answer.read()

    def api(self, method, path, body=None, token=None):
        headers = {"Content-Type": "application/json", **({"Authorization": f"Bearer {token}"} if token else {})}
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.base + "/_matrix/client/v3/" + path, data, headers, method=method)
        with urllib.request.urlopen(request, timeout=20) as answer:
            return json.load(answer)

    def ctl(self, *words):
        run = subprocess.run([HEARTH, "ctl", *words, "--json"], cwd=self.folder, capture_output=True, text=True, check=True)
        return json.loads(run.stdout)

    def log_in(self, name, password):
        who = {"type": "m.id.user", "user": name}
        return self.api("POST", "login", {"type": "m.login.password", "identifier": who, "password": password})["access_token"]


class View:
    """A page of the browser at one size, in one scheme and language."""

    def __init__(self, page, name):
        self.page, self.name = page, name

    async def ask(self, method, **values):
        return await self.page.browser.ask(method, values, self.page.session)

    async def goes(self, url):
        await self.ask("Page.navigate", url=url)
        await self.loaded(url)

    async def loaded(self, url):
        for _ in range(200):
            if await self.page.run(f"document.readyState === 'complete' && location.href === {json.dumps(url)}"):
                return
            await asyncio.sleep(0.05)
        raise RuntimeError(f"{url} does not load")

    async def shot(self, folder, what):
        """A picture of the whole page, as long as it is."""
        shot = await self.ask("Page.captureScreenshot", format="png", captureBeyondViewport=True)
        (folder / f"{what}-{self.name}.png").write_bytes(base64.b64decode(shot["data"]))

    async def press(self, key, code=None, text=None):
        values = {"key": key, "code": code or key, "windowsVirtualKeyCode": {"Tab": 9, "Enter": 13}.get(key, 0)}
        await self.ask("Input.dispatchKeyEvent", type="keyDown", **values, **({"text": text} if text else {}))
        await self.ask("Input.dispatchKeyEvent", type="keyUp", **values)

    async def types(self, text):
        await self.ask("Input.insertText", text=text)

    async def focus(self):
        """What has the focus, and whether one can see that."""
        return await self.page.run("""(() => { const e = document.activeElement, s = getComputedStyle(e);
            return [e.id || e.textContent.trim() || e.tagName, s.outlineStyle !== 'none' && parseFloat(s.outlineWidth) >= 2] })()""")


async def opens(browser, server, size, scheme, language):
    page = await browser.page(server.base + "/health")
    view = View(page, f"{size}-{scheme}-{language}")
    width, height, mobile = SIZES[size]
    await view.ask("Page.enable")
    await view.ask("Log.enable")
    await view.ask("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=mobile)
    await view.ask("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
    agent = await page.run("navigator.userAgent")
    await view.ask("Emulation.setUserAgentOverride", userAgent=agent, acceptLanguage=LANGUAGES[language])
    return view


async def look(view, what, folder, source, problems):
    """Everything that can be said of a page by looking at it."""
    wide = await view.page.run("""[...document.querySelectorAll('*')].filter(e => e.getBoundingClientRect().right > innerWidth + 1)
        .map(e => e.tagName).concat(document.documentElement.scrollWidth > innerWidth ? ['document'] : [])""")
    if wide:
        problems.append(f"{what} {view.name}: wider than the screen: {wide}")
    small = await view.page.run("""[...document.querySelectorAll('button, input:not([type=hidden])')]
        .filter(e => e.getBoundingClientRect().height < 44).map(e => e.id || e.tagName)""")
    if small:
        problems.append(f"{what} {view.name}: too small for a finger: {small}")
    if source:
        await view.page.run(source + ";0")
        found = await view.page.run("axe.run().then(r => r.violations.map(v => v.id + ': ' + v.nodes.map(n => n.html).join(' | ')))")
        problems.extend(f"{what} {view.name}: {one}" for one in found)
        unsure = await view.page.run("axe.run().then(r => r.incomplete.map(v => v.id + ' (' + v.nodes.length + ')'))")
        if unsure:
            print(f"  {what} {view.name}: axe-core cannot tell: {', '.join(unsure)}")
    if folder:
        await view.shot(folder, what)


async def by_keyboard(view, server, token, name, problems):
    """Creates an account with nothing but the keyboard."""
    await view.goes(f"{server.base}/join/{token}")
    order = []
    for text in (name, PASSWORD, PASSWORD):
        await view.press("Tab")
        order.append(await view.focus())
        await view.types(text)
    await view.press("Tab")
    order.append(await view.focus())
    if [what for what, _ in order[:3]] != ["name", "password", "again"]:
        problems.append(f"{view.name}: the keyboard reaches {order}")
    if not all(seen for _, seen in order):
        problems.append(f"{view.name}: the focus cannot be seen: {order}")
    await view.press("Enter", text="\r")
    for _ in range(200):
        if await view.page.run("!document.querySelector('form') && document.readyState === 'complete'"):
            return
        await asyncio.sleep(0.05)
    problems.append(f"{view.name}: Enter did not create the account: {await view.page.run('document.body.innerText')}")


async def fails(view, server, token):
    """Sends a form with a name that is taken, with the mouse of the browser."""
    await view.goes(f"{server.base}/join/{token}")
    await view.page.run(f"""(() => {{ const f = document.querySelector('form'); f.noValidate = true; const e = f.elements;
        e.name.value = 'maria'; e.password.value = e.again.value = {json.dumps(PASSWORD)}; f.querySelector('button').click() }})()""")
    for _ in range(200):
        if await view.page.run("!!document.querySelector('.problem') && document.readyState === 'complete'"):
            return
        await asyncio.sleep(0.05)
    raise RuntimeError("the error is not shown")


async def run(server, folder):
    problems, source = [], axe()
    made = server.ctl("users", "create", "maria")
    maria = server.log_in("maria", made["password"])
    server.api("PUT", "profile/@maria:localhost/displayname", {"displayname": "Maria Müller"}, maria)
    rooms = [server.api("POST", "createRoom", {"preset": "private_chat", "name": name}, maria)["room_id"] for name in ("Family", "Garden")]
    link = server.ctl("tokens", "create", "--contact", "maria", "--rooms", ",".join(rooms))
    token = link["token"]
    assert link["link"] == f"{server.base}/join/{token}", link
    with tempfile.TemporaryDirectory() as profile:
        async with Browser(profile) as browser:
            number = 0
            for size in SIZES:
                for scheme in ("light", "dark"):
                    for language in LANGUAGES:
                        number += 1
                        view = await opens(browser, server, size, scheme, language)
                        for what, path in (("home", "/"), ("gone", "/join/unknown"), ("invitation", f"/join/{token}"),
                                           ("login", "/_matrix/static/client/login/")):
                            await view.goes(server.base + path)
                            await look(view, what, folder, source, problems)
                        await fails(view, server, token)
                        if (await view.focus())[0] != "name":
                            problems.append(f"{view.name}: the wrong field does not have the focus")
                        await look(view, "problem", folder, source, problems)
                        await by_keyboard(view, server, token, f"anna{number}", problems)
                        await look(view, "welcome", folder, source, problems)
                        anna = server.log_in(f"anna{number}", PASSWORD)
                        joined = server.api("GET", "joined_rooms", token=anna)["joined_rooms"]
                        if sorted(joined) != sorted(rooms):
                            problems.append(f"{view.name}: joined {joined} instead of {rooms}")
            used = server.ctl("tokens", "show", token)
            if len(used["joined"]) != number:
                problems.append(f"{len(used['joined'])} joined by the link, not {number}")
            # The pages of refusals have a status that says so.
            complaints = [line for line in browser.said if "Failed to load resource" not in line]
            problems.extend(f"the browser complains: {line}" for line in complaints)
    print(f"{number} views of 6 pages; {'axe-core looked at each' if source else 'without axe-core'}")
    return problems


def main():
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--screens", type=Path, help="a folder for pictures of all pages")
    folder = words.parse_args().screens
    if folder:
        folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as data, Server(data) as server:
        problems = asyncio.run(run(server, folder))
    for problem in problems:
        print(f"PROBLEM: {problem}")
    print("failed" if problems else "passed")
    sys.exit(1 if problems else 0)


if __name__ == "__main__":
    main()
