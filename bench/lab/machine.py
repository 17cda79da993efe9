"""Processes on this machine: started, watched through /proc, ended by their own ids."""

import os
import platform
import re
import signal
import socket
import subprocess
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / "build" / "bench"
LOGS = BUILD / "logs"
TICKS = os.sysconf("SC_CLK_TCK")
PATIENCE = 60


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


class Process:
    """A program with all the processes that it starts; its output goes to build/bench/logs."""

    def __init__(self, name, command, environment=None, folder=ROOT):
        LOGS.mkdir(parents=True, exist_ok=True)
        self.name = name
        with open(LOGS / f"{name.replace(' ', '-')}.log", "ab") as log:
            self.child = subprocess.Popen(
                [str(word) for word in command],
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                cwd=folder,
                env=os.environ | (environment or {}),
                start_new_session=True,
            )

    def stop(self):
        """Ends its whole session."""
        for number in (signal.SIGTERM, signal.SIGKILL):
            try:
                os.killpg(self.child.pid, number)
                self.child.wait(5)
                return
            except subprocess.TimeoutExpired:
                continue
            except ProcessLookupError:
                return

    def ids(self):
        found, open_ids = [], [self.child.pid]
        while open_ids:
            process = open_ids.pop()
            found.append(process)
            for children in Path(f"/proc/{process}/task").glob("*/children"):
                open_ids += map(int, read(children).split())
        return found

    def cpu_seconds(self):
        stats = (read(f"/proc/{process}/stat").rpartition(")")[2].split() for process in self.ids())
        return sum(int(stat[11]) + int(stat[12]) for stat in stats if stat) / TICKS

    def peak_bytes(self):
        """The sum of the peak resident sets. Memory that workers share counts for each of them."""
        return 1024 * sum(number(read(f"/proc/{process}/status"), "VmHWM") for process in self.ids())

    def bytes(self):
        """Its current memory, as its proportional share."""
        return 1024 * sum(number(read(f"/proc/{process}/smaps_rollup"), "Pss") for process in self.ids())


def read(path):
    try:
        return Path(path).read_text()
    except OSError:
        return ""


def number(text, name):
    found = re.search(rf"^{name}:\s+(\d+)", text, re.MULTILINE)
    return int(found[1]) if found else 0


def first_answer(port, process, path="/healthz"):
    """Sends requests until the process answers 200; returns how long that took."""
    begun = time.perf_counter()
    request = f"GET {path} HTTP/1.1\r\nhost: bank\r\nconnection: close\r\n\r\n".encode()
    while time.perf_counter() - begun < PATIENCE and process.child.poll() is None:
        try:
            with socket.create_connection(("127.0.0.1", port), 1) as connection:
                connection.sendall(request)
                if connection.recv(64).startswith(b"HTTP/1.1 200"):
                    return time.perf_counter() - begun
        except OSError:
            pass
        time.sleep(0.002)
    raise SystemExit(f"{process.name} does not answer {path}; see its log in {LOGS}")


def describe():
    """Describes the machine, so that figures can be compared."""
    cpu = re.search(r"model name\s*: (.*)", read("/proc/cpuinfo"))
    return {
        "cpu": cpu[1] if cpu else platform.machine(),
        "cores": os.cpu_count(),
        "memory_gib": round(number(read("/proc/meminfo"), "MemTotal") / 2**20),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "redis": output("redis-server", "--version").split("v=")[1].split()[0],
        "commit": output("git", "-C", ROOT, "rev-parse", "--short", "HEAD").strip(),
        "load_before": os.getloadavg()[0],
        "when": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()),
    }


def output(*command):
    return subprocess.run(
        [str(word) for word in command], stdout=subprocess.PIPE, text=True, check=True
    ).stdout
