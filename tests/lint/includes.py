#!/usr/bin/env python3
"""Who may include whom (STYLE 2), and one door per foreign library. Prints each breach; exit 1 when there is one."""
import re
import sys
from pathlib import Path

root = Path(__file__).resolve().parents[2]
# exporter folder -> folders of ours it may include from (besides itself)
allowed = {
    "base": set(),
    "telemetry": {"base"},
    "settings": {"telemetry", "base"},
    "sources": {"telemetry", "base"},
    "signals": {"telemetry", "settings", "base"},
    "outputs": {"telemetry", "settings", "base"},
    "cli": {"telemetry", "settings", "base", "sources", "signals", "outputs"},
    ".": {"cli"},
}
# foreign header -> the files it may be included in
doors = {
    "uthash.h": r"exporter/base/table\.h",
    "uv.h": r"exporter/base/loop\.c",
    "curl/curl.h": r"exporter/base/http_client\.c|shim/instrument/curl.*\.[ch]",
    "isa-l/igzip_lib.h": r"exporter/base/gzip\.c",
    "jansson.h": r"exporter/base/json\.h|exporter/signals/crash/report_(json|parse)\.c",
    "hiredis/async.h": r"exporter/outputs/alerts/dedup_redis.*\.c|shim/instrument/hiredis.*\.[ch]",
    "elfutils/libdwfl.h": r"symbols/symbols_priv\.h",
    "elfutils/libdwelf.h": r"symbols/(modules|debuginfo)\.c",
    "libunwind.h": r"symbols/unwind_libunwind\.c",
    "libpq-fe.h": r"shim/instrument/libpq.*\.[ch]",
    "hiredis/hiredis.h": r"exporter/outputs/alerts/dedup_redis.*\.c|shim/instrument/hiredis.*\.[ch]",
}
# shim: layers from the bottom; a file includes only headers of its own or a lower layer
layers = {
    "sys": 0, "text": 0, "clock": 0, "ids": 0, "literal": 0, "wire": 0, "drops": 0, "ratio": 0, "real": 2, "facts": 1, "settings": 2,
    "sampler": 3, "thread": 3, "start": 3, "dropbox": 3, "buffer": 4, "connection": 5, "record": 5, "episode": 5,
    "span": 6, "operation": 6, "propagate": 6, "lifecycle": 7, "admission": 7, "process": 7,
}
breaches = []


def includes(path):
    for number, line in enumerate(path.read_text().splitlines(), 1):
        found = re.match(r'\s*#include ([<"])([^>"]+)[>"]', line)
        if found:
            yield number, found[1], found[2]


for path in [*root.glob("shim/**/*.[ch]"), *root.glob("exporter/**/*.[ch]"), *root.glob("symbols/*.[ch]")]:
    name = path.relative_to(root).as_posix()
    parts = path.relative_to(root).parts
    for number, quote, header in includes(path):
        where = f"{name}:{number}: "
        door = doors.get(header)
        if quote == "<" and door and not re.fullmatch(door, name):
            breaches.append(where + f"<{header}> belongs to {door}")
        if parts[0] == "exporter" and quote == '"':
            folder = parts[1] if len(parts) > 2 else "."
            other = header.split("/")[0] if "/" in header else folder
            if other != folder and other not in allowed.get(folder, set()):
                breaches.append(where + f"{folder} may not include {other}")
            if folder == "outputs" and other == "outputs" and "/" in header and header.split("/")[1] != parts[2]:
                breaches.append(where + "outputs do not know each other")
        if parts[:2] == ("shim", "wire") and quote == '"':
            breaches.append(where + "wire includes nothing of ours")
        if parts[:2] == ("shim", "instrument") and quote == '"':
            stem = Path(header).stem
            if "/" not in header and stem in layers and stem not in {
                "span", "operation", "propagate", "real", "connection", "facts", "lifecycle", "literal", "settings", "sys", "text"}:
                breaches.append(where + f"instrument may not include {header}")

print("\n".join(breaches))
sys.exit(1 if breaches else 0)
