"""The contestants: how each is started, and what must be shipped to run it."""

import io
import re
import shutil
import subprocess
import tarfile
import tempfile
import time
import tomllib
from importlib import metadata
from pathlib import Path

from lab.machine import BUILD, ROOT, Process, first_answer, free_port, output

PYTHON = ROOT / "bench" / "python"
BANK = ROOT / "target" / "dist" / "bank"
COINGECKO = ROOT / "target" / "native" / "coingecko"
AXUM = BUILD / "native" / "axum-peer"
VENV = BUILD / "venv"


class Redis:
    """A Redis for each contestant, all with the same settings: nothing is written to disk. `more` adds options."""

    def __init__(self, name, folder, more=()):
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}"
        settings = ["--save", "", "--appendonly", "no", "--dir", folder, "--bind", "127.0.0.1"]
        self.process = Process(f"{name} redis", ["redis-server", "--port", self.port, *settings, *more])
        while self.command("PING").strip() != "PONG":
            time.sleep(0.01)

    def command(self, *words):
        words = ["redis-cli", "-p", self.port, *words]
        return subprocess.run([str(word) for word in words], capture_output=True, text=True).stdout

    def used_bytes(self):
        return int(re.search(r"used_memory:(\d+)", self.command("INFO", "memory"))[1])


class Server:
    """A contestant. `kind` says which scenarios it has."""

    def __init__(self, name, kind, command, *, redis=True, environment=None, folder=ROOT):
        self.name, self.kind = name, kind
        self.state = Path(tempfile.mkdtemp(prefix="bench-"))
        self.redis = Redis(name, self.state) if redis else None
        self.command, self.environment, self.folder = command, environment, folder
        self.process = None

    def start(self):
        """Starts it; returns the seconds until its first answer."""
        self.port = free_port()
        address = self.redis.url if self.redis else ""
        environment = {"REDIS_URL": address, "LISTEN": f"127.0.0.1:{self.port}"}
        begun = time.perf_counter()
        self.process = Process(
            self.name, self.command(self), environment | (self.environment or {}), self.folder
        )
        first_answer(self.port, self.process)
        return time.perf_counter() - begun

    def stop(self):
        self.process.stop()
        self.process = None

    def close(self):
        if self.process:
            self.stop()
        if self.redis:
            self.redis.process.stop()
        shutil.rmtree(self.state, ignore_errors=True)

    def cpu_seconds(self):
        """The CPU time of the server and of its Redis."""
        return self.process.cpu_seconds(), self.redis.process.cpu_seconds() if self.redis else 0.0


def runtime_config(server):
    path = server.state / "runtime-config.toml"
    path.write_text(f'[key_value_store.default]\ntype = "redis"\nurl = "{server.redis.url}"\n')
    return ["--runtime-config-file", path]


def spin_like(runner, *flags, kv_on_redis=False, store=None, manifest=ROOT / "spin.toml", variables=()):
    """The command line of `bank`, which is Spin's."""

    def command(server):
        words = [*runner, "up", "-f", manifest, "--listen", f"127.0.0.1:{server.port}", "--quiet", *flags]
        words += ["--state-dir", server.state]
        pairs = [*variables]
        if kv_on_redis or store:
            words += runtime_config(server)
        if store:
            pairs += [f"store={store}"] if manifest == ROOT / "spin.toml" else []
            pairs += [f"redis_url={server.redis.url}"]
        for pair in pairs:
            words += ["--variable", pair]
        return words

    return command


def uvicorn(server):
    options = ["--loop", "uvloop", "--http", "httptools", "--no-access-log", "--log-level", "warning"]
    return [VENV / "bin/uvicorn", "--workers", 2, "--port", server.port, *options, "fastapi_peer:app"]


def gunicorn(server):
    options = ["--worker-class", "gthread", "--threads", 16, "--keep-alive", 75, "--log-level", "warning"]
    bind = ["--bind", f"127.0.0.1:{server.port}", "--header-map", "dangerous"]
    return [VENV / "bin/gunicorn", "--workers", 2, *options, *bind, "flask_peer:app"]


def variables_of_the_bank():
    return tomllib.loads((ROOT / "spin.toml").read_text())["variables"]


ROUTES = {
    "counter": "POST /v1/bitcoins",
    "deposit": "POST /v1/deposit, some keys in the index",
    "wallet": "GET /v1/wallet",
    "rates": "GET /v1/rates, warm",
}
# Commands of Redis, as components call them. A swap reads the document first.
KV_CALLS = [("GET EVALSHA", "swap"), ("GET", "get"), ("SET", "set"), ("INCRBY", "increment")]
# Which calls find nothing: a counter's post that is new, and an idempotency key that is not in the index.
KV_MISSES = {"counter": ("get", "miss"), "deposit": ("get get", "get miss")}
# The kinds of scripts that each route sends.
REDIS_CALLS = {"counter": "count", "deposit": "read write", "wallet": "read", "rates": "read"}


def bare_calls(store):
    """The bank's calls for each route, as in budgets.toml, so that the bare component makes the same."""
    budgets = tomllib.loads((ROOT / "budgets.toml").read_text())["storage_calls"][store]
    calls = {}
    for route, request in ROUTES.items():
        words = re.sub(r"(\d+)\*(\w+)", lambda part: " ".join([part[2]] * int(part[1])), budgets[request])
        if store == "redis":
            scripts = REDIS_CALLS[route]
            if words.split() != ["EVAL"] * len(scripts.split()):
                raise SystemExit(f"{request} is {words} in budgets.toml; say what those are for in REDIS_CALLS")
            words = scripts
        for command, call in KV_CALLS if store == "kv" else []:
            words = words.replace(command, call)
        calls[route] = words.replace(*KV_MISSES.get(route, ("", "")))
    return [f"{route}={words}" for route, words in calls.items()]


def banks(runner, label, settings):
    """The bank under `bank` or under Spin, with each of its stores."""
    yield Server(f"{label} sqlite", "bank", spin_like(runner, variables=settings), redis=False)
    yield Server(f"{label} kv", "bank", spin_like(runner, kv_on_redis=True, variables=settings))
    if "store" in variables_of_the_bank():
        yield Server(f"{label} redis", "bank", spin_like(runner, store="redis", variables=settings))


def spin():
    """Spin, if a new enough one is on the PATH."""
    if not shutil.which("spin"):
        return None
    version = re.search(r"(\d+)\.(\d+)", output("spin", "--version"))
    return ["spin"] if version and tuple(map(int, version.groups())) >= (4, 1) else None


def contestants(coingecko, named=None):
    """All contestants, not started yet."""
    # A slow disk must show as latency, not as 503. Nobody logs each request.
    settings = [f"coingecko_origin={coingecko}", "rates_ttl_seconds=3600", "storage_deadline_ms=5000"]
    settings += ["log_level=warn"]
    made = [*banks([BANK], "bank", settings)]
    # The label says whose figures these are: `bank`'s, not Spin's.
    as_spin = spin_like([BANK], "--placement", "spin", store="redis", variables=settings)
    made.append(Server("bank placed as by spin", "bank", as_spin))
    if spin():
        made += [*banks(spin(), "spin", settings)]
    made.append(Server("fastapi", "peer", uvicorn, folder=PYTHON))
    made.append(Server("flask", "peer", gunicorn, folder=PYTHON))
    made.append(Server("axum", "peer", lambda server: [AXUM]))
    manifest = ROOT / "bench/bare/spin.toml"
    for name, store, flags in [("kv", "kv", []), ("redis", "redis", []), ("placed as by spin", "redis", ["--placement", "spin"])]:
        command = spin_like([BANK], *flags, store=store, manifest=manifest, variables=bare_calls(store))
        made.append(Server(f"bare {name}", "bare", command))
    kept = [server for server in made if not named or server.name in named]
    for server in made:
        if server not in kept:
            server.close()
    return kept


def packed_bytes(paths, inside=ROOT):
    """The size of `tar 
     gzip`."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for path in paths:
            archive.add(path, arcname=str(Path(path).relative_to(inside)))
    return len(buffer.getvalue())


def shipped():
    """The compressed bytes that each kind of contestant ships, apart from an operating system and Redis."""
    components = tomllib.loads((ROOT / "spin.toml").read_text())["component"]
    files = {name: ROOT / component["source"] for name, component in components.items()}
    # Without Swagger UI, which is for people; the peers have none either.
    sizes = {"bank's /docs": packed_bytes([files.pop("docs")]), "bank app": packed_bytes(files.values())}
    sizes |= {"bank runner": packed_bytes([BANK]), "axum": packed_bytes([AXUM])}
    packages = next((VENV / "lib").glob("python3*")) / "site-packages"
    for peer, roots in {
        "fastapi": ["fastapi", "uvicorn", "uvloop", "httptools", "orjson", "redis", "hiredis"],
        "flask": ["flask", "gunicorn", "orjson", "redis", "hiredis"],
    }.items():
        sizes[f"{peer} packages"] = packed_bytes(python_files(packages, roots), packages)
    return sizes


def python_files(packages, roots):
    known = {plain(found.name): found for found in metadata.distributions(path=[str(packages)])}
    wanted, files = [plain(root) for root in roots], {}
    while wanted:
        name = wanted.pop()
        if name in known and name not in files:
            files[name] = [known[name].locate_file(file) for file in known[name].files or []]
            needs = [need for need in known[name].requires or [] if "extra ==" not in need]
            wanted += [plain(re.match(r"[\w.-]+", need)[0]) for need in needs]
    inside = (Path(file) for found in files.values() for file in found)
    return [file for file in inside if file.is_file() and packages in file.resolve().parents]


def plain(name):
    return re.sub(r"[-_.]+", "-", name).lower()
