"""A program run twice, without and with the library: what each run did, and whether it was the same."""
import difflib
import hashlib
import json
import os
import re
import signal
import struct
import subprocess
import time

import building
import emulation
from core_file import Core
from lab import PATIENCE

SECRET = "s3cr3t-marker"


def ending_of(status):
    if os.WIFSIGNALED(status):
        return signal.Signals(os.WTERMSIG(status)).name + (", core" if os.WCOREDUMP(status) else "")
    return f"exit {os.WEXITSTATUS(status)}"


def without(text, volatile):
    for pattern in volatile:
        text = re.sub(pattern, "…", text)
    return text


def core_text(path):
    try:
        return str(Core(path))
    except (struct.error, KeyError):
        return "a core that was cut"


class Run:
    """One run of a command in a directory of its own, and what could be seen of it from outside."""

    def __init__(self, lab, what, command, environment, options=(), seconds=20, runs_for=None):
        self.what = what
        self.directory = lab.directory / f"run-{what}"
        self.directory.mkdir(mode=0o777)
        self.directory.chmod(0o777)
        self.streams = {name: lab.directory / f"{what}.{name}" for name in ("stdout", "stderr")}
        self.note = lab.directory / f"{what}.witness"
        command, options = emulation.translate(command, options)
        witness = [building.make("witness", "-O1"), self.note, "core=unlimited", *options, "--", *command]
        with self.streams["stdout"].open("wb") as out, self.streams["stderr"].open("wb") as err:
            self.process = subprocess.Popen([str(word) for word in witness], cwd=self.directory, stdin=subprocess.DEVNULL,
                                            stdout=out, stderr=err, start_new_session=True,
                                            env={**environment, "AWS_SECRET_ACCESS_KEY": f"in-the-environment-{SECRET}"})
        lab.programs.append(self.process)
        self.is_endless = False
        if runs_for is None:
            self.wait(lab, seconds)
        else:
            time.sleep(runs_for)
            self.is_endless = self.process.poll() is None
            self.end()
        self.read()

    def wait(self, lab, seconds):
        try:
            self.process.wait(seconds * PATIENCE)
        except subprocess.TimeoutExpired:
            lab.problems.append(f"{self.what}: had not ended after {seconds * PATIENCE} s")
            self.end()

    def end(self):
        """Its session: the witness and what it left."""
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait(10 * PATIENCE)

    def read(self):
        text = self.note.read_text() if self.note.exists() else ""
        try:
            seen = json.loads(text)
        except ValueError:
            seen = json.loads(text + "}") if '"ms"' in text else {}
        self.pid, self.ms, self.status = seen.get("pid"), seen.get("ms"), seen.get("status")
        self.orphans = seen.get("n_orphans")
        self.ending = "endless" if self.is_endless else ending_of(self.status) if self.status is not None else "unknown"
        cores = [f for f in self.directory.iterdir() if re.fullmatch(r"core(\.\d+)?", f.name)]
        self.cores = sorted(core_text(f) for f in cores)

    def stream(self, name, volatile=()):
        return without(self.streams[name].read_text(errors="replace"), volatile)

    def files(self):
        return sorted(f"{f.relative_to(self.directory)} {hashlib.sha256(f.read_bytes()).hexdigest()[:8]}"
                      for f in self.directory.rglob("*") if f.is_file() and not f.name.startswith("core"))


def check_same(lab, plain, shimmed, volatile=(), may_differ=()):
    """`may_differ`: names of what a case says is not deterministic."""
    views = {"ending": lambda r: [r.ending], "cores": lambda r: [without(c, volatile) for c in r.cores], "children left behind": lambda r: [str(r.orphans)],
             "files": Run.files, "stdout": lambda r: r.stream("stdout", volatile).splitlines(),
             "stderr": lambda r: r.stream("stderr", volatile).splitlines()}
    for name, view in views.items():
        if name not in may_differ:
            lab.problems += difflib.unified_diff(view(plain), view(shimmed), f"{name} without", "with the library", n=1, lineterm="")


def traced(lab, environment=None, detector=False):
    """Environment and witness options of the run with the library: the witness itself is not preloaded."""
    variables = lab.traced("torture", **(environment or {}))
    before = variables.pop("LD_PRELOAD")
    preloads = [str(emulation.library() or before)] + ([str(building.library("detector"))] if detector else [])
    return variables, ["preload=" + ":".join(preloads)]
