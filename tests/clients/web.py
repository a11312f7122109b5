"""Cinny, a client in the browser: served from a folder with its build, and driven by its page."""

import asyncio
import base64
import functools
import http.server
import json
import os
import shutil
import threading
from pathlib import Path
from urllib.parse import quote

from browser import Browser, Page
from home import until, wait

DIST = os.environ.get("CINNY_DIST", "")
NEEDED = {"chromium": "chromium", "certutil": "libnss3-tools"}
# Between two pages there is no body.
READ = "document.body?.innerText.includes({}) ?? false"
FILL = """(([name, text]) => { const field = document.querySelector(`input[name=${name}]`);
    Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, 'value').set.call(field, text);
    field.dispatchEvent(new Event('input', { bubbles: true })) })({})"""
EDITOR = "document.querySelector('[data-slate-editor]')"


def with_value(expression, value):
    """JavaScript about a value: the last pair of braces stands for it."""
    return json.dumps(value).join(expression.rsplit("{}", 1))


# Pages of Cinny, and what each asks the server.
PAGES = (
    ("explore/{server}/", "POST", "/publicRooms"),
    ("inbox/notifications/", "GET", "/notifications"),
    ("home/search/?term=walnut", "POST", "/search"),
)


class Files(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


class Cinny:
    program, encrypts = "cinny", True

    def __init__(self, folder, home):
        self.folder, self.home, self.gateway = Path(folder), home, home.tls
        shutil.copytree(DIST, self.folder / "dist")
        # Addresses after a #, as the files have no server that knows Cinny's paths.
        config = {"homeserverList": [home.name], "hashRouter": {"enabled": True, "basename": "/"}}
        (self.folder / "dist" / "config.json").write_text(json.dumps(config))
        handler = functools.partial(Files, directory=str(self.folder / "dist"))
        self.files = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        threading.Thread(target=self.files.serve_forever, daemon=True).start()
        self.base = f"http://127.0.0.1:{self.files.server_port}/"
        self.browser, self.page = Browser(self.folder), None
        self.browser.trust(home.authority.file)

    @classmethod
    def missing(cls):
        """What keeps this client from being driven here."""
        built = [] if DIST and (Path(DIST) / "index.html").is_file() else ["CINNY_DIST, the folder `dist` of a build of Cinny"]
        return built + [f"{one} (Debian: {package})" for one, package in NEEDED.items() if not shutil.which(one)]

    def start(self):
        wait(self._start())

    async def _start(self):
        (self.folder / "profile" / "DevToolsActivePort").unlink(missing_ok=True)
        await self.browser.__aenter__()
        # In the profile that stays: what a page of `Browser.page` stores is gone with it.
        target = (await self.browser.ask("Target.createTarget", {"url": self.base}))["targetId"]
        session = (await self.browser.ask("Target.attachToTarget", {"targetId": target, "flatten": True}))["sessionId"]
        self.page = Page(self.browser, session, self.base)
        await self.browser.ask("Runtime.enable", session=session)
        size = {"width": 1280, "height": 900, "deviceScaleFactor": 1, "mobile": False}
        await self.browser.ask("Emulation.setDeviceMetricsOverride", size, session)

    def stop(self):
        if self.page:
            wait(self.browser.__aexit__())

    def restart(self):
        self.stop()
        self.start()

    def close(self):
        self.stop()
        self.files.shutdown()
        self.files.server_close()

    async def _until(self, expression, seconds=60):
        for _ in range(int(seconds / 0.2)):
            if await self.page.run(expression):
                return
            await asyncio.sleep(0.2)
        read = await self.page.run("document.body?.innerText ?? ''")
        raise AssertionError(f"not within {seconds} s: {expression}; but: {read[:600]!r}")

    def log_in(self, user, password):
        wait(self._log_in(user, password))

    async def _log_in(self, user, password):
        await self._until("!!document.querySelector('input[name=passwordInput]')")
        for name, text in (("usernameInput", user[1:].split(":")[0]), ("passwordInput", password)):
            await self.page.run(with_value(FILL, [name, text]))
        await self.page.run("document.querySelector('input[name=passwordInput]').form.requestSubmit()")

    def ready(self):
        """What it asks after the first login is not asked of it."""

    def opens(self, name, room):
        wait(self._until(with_value(READ, name)))
        wait(self.page.run(f"location.hash = '#/home/{quote(room, safe='')}/'"))
        wait(self._until(f"!!{EDITOR}"))

    def shows(self, text, seconds=60):
        wait(self._until(with_value(READ, text), seconds))

    def keeps_output(self, _file):
        """The picture and the reason tell enough of a page."""

    def paints(self, _color, size):
        """Whether the browser has read the picture."""
        return wait(self.page.run(f"[...document.querySelectorAll('img')].some(one => one.naturalWidth === {size[0]})"))

    def writes(self, text):
        wait(self._writes(text))

    async def _writes(self, text):
        await self.page.run(f"{EDITOR}.focus()")
        await self.browser.ask("Input.insertText", {"text": text}, self.page.session)
        key = {"key": "Enter", "code": "Enter", "windowsVirtualKeyCode": 13}
        for kind in ({"type": "keyDown", "text": "\r"}, {"type": "keyUp"}):
            await self.browser.ask("Input.dispatchKeyEvent", {**key, **kind}, self.page.session)

    def wanders(self):
        """Each page of its own, until the server has answered what the page asks it."""
        for page, method, ending in PAGES:
            before = self.gateway.count(method, ending)
            wait(self.page.run(f"location.hash = '#/{page.format(server=self.home.name)}'"))
            until(f"{page} asks for {ending}", lambda: self.gateway.count(method, ending) > before)  # noqa: B023

    def picture(self, file):
        shot = wait(self.browser.ask("Page.captureScreenshot", {"format": "png"}, self.page.session))
        Path(file).write_bytes(base64.b64decode(shot["data"]))
