"""A bridge made with matrix-appservice-bridge: it writes its registration, the operator adds it, and `library.mjs` looks at what happens."""

import asyncio
import os
import signal
import sys

from rig import HERE, bridged
from cluster import free_ports

STEP_S = 120


async def node(server, port, *command):
    environment = {**os.environ, "BASE": server.base, "NAME": server.name, "PORT": str(port), "FOLDER": str(server.scratch)}
    return await asyncio.create_subprocess_exec("node", str(HERE / "library.mjs"), *command, env=environment, stdin=asyncio.subprocess.PIPE,
                                                stdout=asyncio.subprocess.PIPE)


async def main():
    port, = free_ports("127.0.0.1", 1)
    async with bridged() as server:
        file = server.scratch / "library.yaml"
        assert await (await node(server, port, "register", str(file))).wait() == 0
        added = await server.ctl("appservices", "add", str(file))
        assert added["id"] == "library", added
        process = await node(server, port, "run", str(file))
        failed = 0
        try:
            async with asyncio.timeout(STEP_S):
                while line := (await process.stdout.readline()).decode():
                    if line.strip() == "restart":
                        await server.restart(signal.SIGKILL)
                        process.stdin.write(b"restarted\n")
                        continue
                    failed += line.startswith("FAILED")
                    print(line, end="", flush=True)
                await process.wait()
        except TimeoutError:
            failed += 1
            print("FAILED: the bridge did not end")
            process.kill()
            await process.wait()
        health = await server.health("library")
        assert health["last_success_ms"], health
    sys.exit(1 if failed or process.returncode else 0)


if __name__ == "__main__":
    asyncio.run(main())
