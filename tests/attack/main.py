"""Attacks a running server with its default limits, and measures what that costs it. See `run`."""

import argparse
import importlib
import json
import os
import resource
import subprocess
import sys
import time
import traceback
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE / "points")]

from bystander import Bystander  # noqa: E402
from server import Server, Watch  # noqa: E402

# What all attacks may cost in memory together, above the idle server; and how long a stop may take.
RSS_MIB_MAX = 256
STOP_S_MAX = 5
# How long an attack in namespaces of its own may take, also on a busy machine.
ISOLATED_S_MAX = 600


def attacks():
    """All attacks by name, in the order of the points."""
    names = sorted(path.stem for path in (HERE / "points").glob("p*.py"))
    return {name: importlib.import_module(name) for name in names}


def run(module, keep=False):
    """One attack on a server of its own: figures, and the promises that it broke."""
    if reason := getattr(module, "skipped", lambda: None)():
        return {"skipped": reason}, []
    if getattr(module, "ISOLATED", False) and not os.environ.get("ATTACK_ISOLATED"):
        return isolated(module)
    server = Server(more=getattr(module, "SETTINGS", ""), **({"allowed": module.ALLOWED} if hasattr(module, "ALLOWED") else {}))
    figures, begin = {}, time.monotonic()
    try:
        if hasattr(module, "before"):
            module.before(server)
        server.start()
        bystander = Bystander(server)
        if hasattr(module, "prepare"):
            module.prepare(server)
        bystander.start()
        time.sleep(0.3)
        server.forget_peak()
        idle, disk, watch = server.rss(), server.disk(), Watch(server)
        found = module.attack(server)
        watch.end()
        figures |= {
            "rss_idle_mib": idle,
            "rss_more_mib": server.peak() - idle,
            "disk_more_mib": server.disk() - disk,
            "readers_busy": watch.readers_busy,
            **(found or {}),
            "bystander_heard": bystander.stop() if server.is_alive() else False,
            **bystander.figures(),
        }
        figures["stop_s"] = server.stop()
        figures["panics"] = server.log().count("panicked")
    finally:
        figures["seconds"] = time.monotonic() - begin
        if server.process and server.is_alive():
            server.kill()
        if hasattr(module, "after"):
            module.after(server)
        server.close(keep)
    figures = {name: round(value, 2) if isinstance(value, float) else value for name, value in figures.items()}
    return figures, general(module, figures) + module.held(figures)


def isolated(module):
    """The same in a process with a network and mounts of its own."""
    command = ["unshare", "--net", "--mount", sys.executable, str(HERE / "main.py"), module.__name__, "--json", *(["--part", "tenth"] if module.TENTH and "--part" in sys.argv else [])]
    done = subprocess.run(command, env={**os.environ, "ATTACK_ISOLATED": "1"}, stdout=subprocess.PIPE, timeout=ISOLATED_S_MAX, check=False)
    found = json.loads(done.stdout.splitlines()[-1])
    return found["figures"], found["broken"]


def general(module, figures):
    """What holds in each attack."""
    broken, most = [], getattr(module, "RSS_MIB_MAX", RSS_MIB_MAX)
    if figures["rss_more_mib"] > most:
        broken.append(f"memory grew by {figures['rss_more_mib']} MiB; at most {most}")
    if figures["stop_s"] is None or figures["stop_s"] > STOP_S_MAX:
        broken.append(f"stopping took {figures['stop_s']} s; at most {STOP_S_MAX}")
    if figures["panics"]:
        broken.append(f"{figures['panics']} panics in the log")
    if not figures["bystander_heard"]:
        broken.append("a bystander's message did not arrive")
    return broken


def show(name, module, figures, broken):
    state = "skipped" if "skipped" in figures else "BROKEN" if broken else "held"
    print(f"\n{name}  [{state}]  point {module.POINT}: {module.__doc__.splitlines()[0]}")
    print("    " + "  ".join(f"{key}={value}" for key, value in figures.items()))
    print(f"    promise: {module.PROMISE}")
    for line in broken:
        print(f"    BROKEN: {line}")
    sys.stdout.flush()


def table(results):
    columns = "{:<26} {:>5} {:>8} {:>9} {:>7} {:>9} {:>9} {:>6}  {}"
    print("\n" + columns.format("attack", "s", "RSS +MiB", "disk +MiB", "readers", "send p99", "sync p99", "stop s", "held"))
    for name, figures, broken in results:
        state = "skipped" if "skipped" in figures else f"NO: {len(broken)}" if broken else "yes"
        cells = [figures.get(key, "") for key in ("seconds", "rss_more_mib", "disk_more_mib", "readers_busy")]
        cells += [figures.get(key, {}).get("p99", "") for key in ("send_ms", "sync_ms")] + [str(figures.get("stop_s", ""))]
        print(columns.format(name, *cells, state))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help="attacks or points, such as p3 or p1_numbers; all without")
    parser.add_argument("--json", action="store_true", help="figures as JSON, one attack a line")
    parser.add_argument("--part", choices=["tenth"], help="the short part that runs for every change")
    parser.add_argument("--list", action="store_true", help="what there is")
    parser.add_argument("--keep", action="store_true", help="keep the folders of the servers, which lie below TMPDIR")
    options = parser.parse_args()
    # As many as may be: sockets of attackers and server are both ours to pay for.
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    known = attacks()
    chosen = {
        name: module
        for name, module in known.items()
        if (not options.names or any(name == wanted or name.startswith(wanted + "_") for wanted in options.names))
        and (not options.part or getattr(module, "TENTH", False))
    }
    if not chosen:
        parser.error("no attack has this name; --list shows all")
    if options.list:
        for name, module in chosen.items():
            print(f"{name:<26} {'tenth ' if getattr(module, 'TENTH', False) else '      '} {module.__doc__.splitlines()[0]}")
        return 0
    results = []
    for name, module in chosen.items():
        if options.part:
            # The same attack with less of it.
            for constant, value in getattr(module, "SHORT", {}).items():
                setattr(module, constant, value)
        try:
            figures, broken = run(module, options.keep)
        except Exception as error:  # pylint: disable=broad-except
            # The attack itself failed: that shows nothing, and must not look as if it did.
            traceback.print_exc()
            figures, broken = {}, [f"the attack could not be carried out: {error!r:.300}"]
        results.append((name, figures, broken))
        if options.json:
            line = {"attack": name, "point": module.POINT, "promise": module.PROMISE, "figures": figures, "broken": broken}
            print(json.dumps(line), flush=True)
        else:
            show(name, module, figures, broken)
    if not options.json:
        table(results)
    return 1 if any(broken for _, _, broken in results) else 0


if __name__ == "__main__":
    sys.exit(main())
