"""One Hearth for application services: the running server, its operator's commands, and a runner for the checks."""

import asyncio
import contextlib
import json
import os
import shutil
import sys
import tempfile
import time
import traceback
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "interop"))

from cluster import Authority, Hearth  # noqa: E402 (found by the line above)


class Bridged(Hearth):
    """A Hearth whose operator adds application services while it runs."""

    def __init__(self, folder):
        super().__init__(folder / "hearth", "127.0.0.1", Authority(folder))
        self.scratch = folder

    async def ctl(self, *command):
        """`hearth ctl`; returns what it prints as JSON. Its refusal is an AssertionError."""
        config = self.folder / "data" / "hearth.toml"
        binary = os.environ["HEARTH_BIN"]
        environment = {name: value for name, value in os.environ.items() if name != "HEARTH_BIN"}
        process = await asyncio.create_subprocess_exec(
            binary, "ctl", "--config", str(config), "--json", *command, env=environment,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )
        out, error = await process.communicate()
        assert process.returncode == 0, f"hearth ctl {' '.join(command)}: {error.decode()}"
        return json.loads(out)

    async def add(self, registration):
        """Adds a registration to the running server. JSON is YAML."""
        file = self.scratch / f"{registration['id']}.yaml"
        file.write_text(json.dumps(registration))
        return await self.ctl("appservices", "add", str(file))

    async def health(self, id):
        listed = (await self.ctl("appservices", "list"))["items"]
        return next(service for service in listed if service["id"] == id)


@contextlib.asynccontextmanager
async def bridged():
    """A running server in a folder that is deleted afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="hearth-bridges-"))
    server = Bridged(folder)
    try:
        await server.start()
        yield server
    finally:
        await server.stop()
        shutil.rmtree(folder)


async def checks(*functions):
    """Runs checks, each on a server of its own. Ends the process with 1 if one fails."""
    wanted = sys.argv[1:]
    failed = 0
    for function in functions:
        if wanted and function.__name__ not in wanted:
            continue
        began = time.monotonic()
        try:
            async with bridged() as server:
                await function(server)
        except Exception:  # a check that fails must not hide those after it
            failed += 1
            traceback.print_exc()
            print(f"FAILED {function.__name__}", flush=True)
        else:
            print(f"ok {function.__name__} ({time.monotonic() - began:.1f} s)", flush=True)
    sys.exit(1 if failed else 0)
