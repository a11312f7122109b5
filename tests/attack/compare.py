"""Two runs of the attacks in one table for a document: what each cost before and after.

    tests/attack/run --json > OLD; ... ; tests/attack/run --json > NEW
    python3 tests/attack/compare.py OLD NEW
"""

import json
import sys

# Figures that every attack has; the others are its own.
COMMON = {
    *("rss_idle_mib", "rss_more_mib", "disk_more_mib", "readers_busy", "send_ms", "sync_ms", "stop_s", "panics", "seconds"),
    *("bystander_heard", "bystander_failed"),
}
# Figures of its own that are shown of an attack, and how long a text may be.
OWN_MAX, TEXT_CHARS_MAX = 4, 40


def load(path):
    with open(path, encoding="utf-8") as lines:
        found = [json.loads(line) for line in lines if line.startswith("{")]
    return {one["attack"]: one for one in found}


def own(figures):
    """What only this attack measures, in short."""
    shown = []
    for name, value in figures.items():
        text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
        if name not in COMMON and text and len(text) <= TEXT_CHARS_MAX and not isinstance(value, dict):
            shown.append(f"{name} {text}".replace("|", "\\|"))
    return shown[:OWN_MAX]


def cells(one):
    """Memory, disk, busy readers, the bystander's slowest sync, the attack's own figures, and the promises that broke."""
    if one is None:
        return "-"
    figures, broken = one["figures"], one["broken"]
    if "skipped" in figures:
        return "skipped: " + figures["skipped"]
    if not figures:
        # Nothing was measured, which must not look like a cost of nothing.
        return "**not carried out**"
    parts = [f"+{max(figures.get('rss_more_mib', 0), 0):.0f} MiB"]
    if figures.get("disk_more_mib", 0) > 1:
        parts.append(f"disk +{figures['disk_more_mib']:.0f} MiB")
    if figures.get("readers_busy"):
        parts.append(f"{figures['readers_busy']} readers")
    if slowest := figures.get("sync_ms", {}).get("max"):
        parts.append(f"sync {slowest} ms")
    parts += own(figures)
    return ", ".join(parts) + (f"; **{len(broken)} broken**" if broken else "; held")


def main(old, new):
    before, after = load(old), load(new)
    print("| attack | promise | before | after |\n| --- | --- | --- | --- |")
    for name in sorted(before | after):
        promise = (after.get(name) or before[name])["promise"]
        print(f"| `{name}` | {promise} | {cells(before.get(name))} | {cells(after.get(name))} |")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
