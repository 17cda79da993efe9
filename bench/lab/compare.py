"""The comparison: every contestant in turn, scenario by scenario, in several rounds.

Contestants are measured within the same minute, so a machine that slows down slows all of them.
"""

import json
import statistics
import time
import urllib.request

from lab import conformance, servers
from lab.machine import BUILD, Process, first_answer, free_port, output

LOAD = BUILD / "native" / "load"
SCENARIOS = ["healthz", "counter", "deposit", "zipf", "hot", "wallet", "rates", "day"]
BARE_SCENARIOS = ["healthz", "counter", "deposit", "wallet", "rates"]
FIXED_RATE_SCENARIOS = ["counter", "deposit", "wallet", "day"]
# The parts of the mixed day (bench/load/src/workload.rs). Withdrawals count as deposits, counter reads as counter posts.
DAY = {"wallet": 0.45, "rates": 0.15, "deposit": 0.25, "counter": 0.15}
CONNECTIONS = 32
WALLETS = 10_000
STARTS = 3


def load(server, scenario, *options):
    """Runs the generator against a server; returns what it and the kernel measured."""
    before, redis_before = server.cpu_seconds()
    run = json.loads(output(LOAD, f"127.0.0.1:{server.port}", scenario, *options))
    after, redis_after = server.cpu_seconds()
    run["cpu_us"] = 1e6 * (after - before) / max(run["all"], 1)
    run["redis_cpu_us"] = 1e6 * (redis_after - redis_before) / max(run["all"], 1)
    return run


class Comparison:
    """All contestants, running."""

    def __init__(self, named=None):
        port = free_port()
        self.coingecko = Process("coingecko", [servers.COINGECKO, "--listen", f"127.0.0.1:{port}"])
        origin = f"http://127.0.0.1:{port}"
        first_answer(port, self.coingecko, "/api/v3/exchange_rates")
        self.servers = servers.contestants(origin, named)
        self.rates = rates(origin)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for server in self.servers:
            server.close()
        self.coingecko.stop()

    def start(self):
        """Starts each contestant a few times, and measures the time to the first answer."""
        starts = {}
        for server in self.servers:
            taken = []
            for _ in range(STARTS):
                if server.process:
                    server.stop()
                taken.append(server.start())
            # The first start may compile, or read files that are not cached yet.
            starts[server.name] = {"first": taken[0], "again": statistics.median(taken[1:])}
            if server.kind == "peer":
                server.redis.command("SET", "rates", self.rates)
        return starts

    def check(self):
        for server in self.servers:
            if server.kind != "bare":
                conformance.check(server.port, server.name)

    def seed(self):
        """Gives every wallet an entry before anything is measured."""
        for server in self.servers:
            done = load(
                server, "deposit", "--requests", WALLETS, "--users", WALLETS, "--warmup", 0, "--seconds", 60
            )
            sound(server, done)

    def runs(self, seconds, rounds):
        """Closed loop: a client waits for its answer. Round by round, scenario by scenario, each contestant in turn."""
        for number in range(rounds):
            for scenario in SCENARIOS:
                turn = number % len(self.servers)
                for server in self.servers[turn:] + self.servers[:turn]:
                    if has(server, scenario):
                        run = load(server, scenario, "--seconds", seconds, "--connections", CONNECTIONS)
                        yield row(server, scenario, "closed", run)

    def parts_of_the_day(self, seconds, rounds):
        """Closed loop: each part of the mixed day alone, by as many connections as its share of the day's."""
        for _ in range(rounds):
            for scenario, share in DAY.items():
                for server in self.servers:
                    if server.kind == "bank":
                        run = load(server, scenario, "--seconds", seconds, "--connections", round(share * CONNECTIONS))
                        yield row(server, scenario, "share", run)

    def fixed_rate_runs(self, seconds, rates):
        """Open loop: requests are sent at a fixed rate, whether or not earlier ones were answered."""
        for scenario in FIXED_RATE_SCENARIOS:
            for server in self.servers:
                if has(server, scenario) and server.kind != "bare" and scenario in rates:
                    options = ["--rate", rates[scenario], "--connections", 128]
                    run = load(server, scenario, "--seconds", seconds, *options)
                    yield row(server, scenario, "open", run)

    def memory(self):
        return {
            server.name: {"peak": server.process.peak_bytes(), "share": server.process.bytes()}
            for server in self.servers
        }


def has(server, scenario):
    return server.kind != "bare" or scenario in BARE_SCENARIOS


def row(server, scenario, mode, run):
    sound(server, run)
    print(
        f"  {scenario:8} {server.name:12} {mode:6} {run['per_second']:8.0f}/s  p50 {run['p50_us'] / 1000:7.2f} ms"
        f"  p99 {run['p99_us'] / 1000:7.2f} ms  {run['cpu_us']:6.0f} us",
        flush=True,
    )
    return {"server": server.name, "scenario": scenario, "mode": mode} | run


def sound(server, run):
    """Fails if a run had a wrong answer: it is no measurement."""
    if run["wrong"] or (run["rate"] is None and (run["failed"] or run["refused"] or run["unanswered"])):
        raise SystemExit(f"{server.name} does not answer as it should: {run}")


def rates(origin):
    """The rates that the peers find in Redis: CoinGecko's, each value with all its digits."""
    with urllib.request.urlopen(f"{origin}/api/v3/exchange_rates") as answer:
        found = json.loads(answer.read(), parse_float=str, parse_int=str)["rates"]
    as_of = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    return f"{as_of}\n{json.dumps(found, separators=(',', ':'))}"


def medians(rows):
    """One row for each contestant, scenario and mode: the median of its rounds, figure by figure."""
    grouped = {}
    for found in rows:
        grouped.setdefault((found["server"], found["scenario"], found["mode"]), []).append(found)
    figures = [
        "per_second",
        "rate",
        "p50_us",
        "p90_us",
        "p99_us",
        "p999_us",
        "max_us",
        "cpu_us",
        "redis_cpu_us",
    ]
    merged = []
    for (server, scenario, mode), group in grouped.items():
        entry = {"server": server, "scenario": scenario, "mode": mode, "rounds": len(group)}
        for figure in figures:
            values = [found[figure] for found in group if found[figure] is not None]
            entry[figure] = statistics.median(values) if values else None
        entry["failed"] = sum(found["failed"] for found in group)
        entry["unanswered"] = any(found["unanswered"] for found in group)
        merged.append(entry)
    return merged


def compare(seconds, rounds, named=None):
    """Runs the whole comparison."""
    with Comparison(named) as comparison:
        print("starting", flush=True)
        starts = comparison.start()
        print("checking that they do the same work", flush=True)
        comparison.check()
        print(f"seeding {WALLETS} wallets each", flush=True)
        comparison.seed()
        rows = list(comparison.runs(seconds, rounds))
        rows += comparison.parts_of_the_day(seconds, rounds)
        closed = medians(rows)
        reference = {row["scenario"]: row["per_second"] for row in closed if row["server"] == "fastapi"}
        rates = {scenario: int(per_second / 2) for scenario, per_second in reference.items()}
        rows += comparison.fixed_rate_runs(seconds + 1, rates)
        memory = comparison.memory()
    return {"runs": medians(rows), "starts": starts, "memory": memory, "sizes": servers.shipped()}
