"""Takes samples of a server with perf while it answers."""

import shutil
import subprocess
import threading

from lab.compare import load
from lab.machine import LOGS


def record(server, scenario, seconds, *options):
    """Takes samples of a server's CPU under a scenario; returns the file, or None where perf cannot."""
    if not shutil.which("perf"):
        return refused("it is not installed")
    data = server.state / "perf.data"
    data.unlink(missing_ok=True)
    asking = threading.Thread(target=load, args=(server, scenario, "--seconds", str(seconds + 1)))
    asking.start()
    words = ["perf", "record", "-F", 999, "-e", "cpu-clock", *options, "-p", server.process.child.pid]
    words += ["-o", data, "--", "sleep", seconds]
    run = subprocess.run([str(word) for word in words], capture_output=True, text=True, check=False)
    asking.join()
    if run.returncode or not data.exists():
        return refused(run.stderr.removeprefix("Error:").strip() or f"it ended with {run.returncode}")
    return data


def refused(why):
    LOGS.mkdir(parents=True, exist_ok=True)
    (LOGS / "perf.log").write_text(why + "\n")
    print(f"  perf cannot take samples here: {why.splitlines()[0]} (all of it: {LOGS}/perf.log)", flush=True)
    return None
