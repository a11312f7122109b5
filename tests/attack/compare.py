"""Two runs of the attacks in one table for a document: what each cost before and after.

    tests/attack/run --json > OLD; ... ; tests/attack/run --json > NEW
    python3 tests/attack/compare.py OLD NEW
"""

import json
import sys


def load(path):
    with open(path) as lines:
        found = [json.loads(line) for line in lines if line.startswith("{")]
    return {one["attack"]: one for one in found}


def cells(one):
    """Memory, disk, busy readers, the bystander's slowest sync, the stop, and the promises that broke."""
    if one is None:
        return "-"
    figures = one["figures"]
    if "skipped" in figures:
        return "skipped"
    parts = [f"+{max(figures.get('rss_more_mib', 0), 0):.0f} MiB"]
    if figures.get("disk_more_mib", 0) > 1:
        parts.append(f"disk +{figures['disk_more_mib']:.0f}")
    if figures.get("readers_busy"):
        parts.append(f"{figures['readers_busy']} readers")
    parts.append(f"sync {figures.get('sync_ms', {}).get('max', '?')} ms")
    broken = len(one["broken"])
    return ", ".join(parts) + ("; held" if not broken else f"; **{broken} broken**")


def main(old, new):
    before, after = load(old), load(new)
    print("| attack | promise | before | after |\n| --- | --- | --- | --- |")
    for name in sorted(before | after):
        promise = (after.get(name) or before[name])["promise"]
        print(f"| `{name}` | {promise} | {cells(before.get(name))} | {cells(after.get(name))} |")


if __name__ == "__main__":
    main(*sys.argv[1:3])
