"""One bank on an ordinary Redis, and on a Redis Cluster of one, two and three shards: what a deposit costs, and where."""

import re
import time

from lab import servers
from lab.compare import WALLETS, load
from lab.machine import free_port

SHARDS = [0, 1, 2, 3]  # 0: an ordinary Redis
RATES = [10, 100, 1_000, None]  # None: as many as are answered
SLOTS = 16_384
FIGURES = ["per_second", "p50_us", "p99_us", "cpu_us", "scripts_each"]
SETTINGS = ["storage_deadline_ms=5000", "log_level=warn"]


class Node(servers.Redis):
    """A master of a cluster."""

    def __init__(self, name, folder, slots):
        self.bus = free_port()
        super().__init__(name, folder, ["--cluster-enabled", "yes", "--cluster-config-file", f"{name}.conf", "--cluster-port", self.bus])
        self.command("CLUSTER", "ADDSLOTSRANGE", slots.start, slots.stop - 1)


class Cluster:
    """Masters that share the slots; it looks like one Redis."""

    def __init__(self, count, folder):
        bounds = [SLOTS * number // count for number in range(count + 1)]
        self.nodes = [
            Node(f"shard-{number}", folder, range(*bounds[number : number + 2])) for number in range(count)
        ]
        self.url, self.process = self.nodes[0].url, self
        for number, node in enumerate(self.nodes):
            node.command("CLUSTER", "SET-CONFIG-EPOCH", number + 1)
        for node in self.nodes[1:]:
            self.nodes[0].command("CLUSTER", "MEET", "127.0.0.1", node.port, node.bus)
        while not all(self.is_whole(node) for node in self.nodes):
            time.sleep(0.05)

    def is_whole(self, node):
        said = node.command("CLUSTER", "INFO")
        return "cluster_state:ok" in said and f"cluster_known_nodes:{len(self.nodes)}" in said

    def cpu_seconds(self):
        return sum(node.process.cpu_seconds() for node in self.nodes)

    def stop(self):
        for node in self.nodes:
            node.process.stop()


def nodes_of(server):
    return server.redis.nodes if isinstance(server.redis, Cluster) else [server.redis]


def scripts(nodes):
    """How many scripts they have been told: each is a round trip."""
    told = "".join(node.command("INFO", "commandstats") for node in nodes)
    return sum(map(int, re.findall(r"cmdstat_eval(?:sha)?:calls=(\d+)", told)))


def counted(nodes, server, *options):
    """A run of the generator against a server, with how many scripts each of its requests took."""
    told = scripts(nodes)
    run = load(server, *options)
    return run | {"scripts_each": (scripts(nodes) - told) / max(run["all"], 1)}


def shards(seconds):
    """Deposits at fixed rates, and as fast as they are answered."""
    runs = []
    for count in SHARDS:
        make = servers.spin_like([servers.BANK], store="redis", variables=SETTINGS)
        server = servers.Server(f"{count} shards", "bank", make, redis=count == 0)
        if count:
            server.redis = Cluster(count, server.state)
        try:
            server.start()
            load(server, "deposit", "--requests", WALLETS, "--warmup", 0, "--seconds", 60)
            for rate in RATES:
                runs.append({"shards": count, "rate": rate} | measured(server, rate, seconds))
        finally:
            server.close()
    return {"runs": runs}


def measured(server, rate, seconds):
    options = ["--rate", rate, "--connections", 128] if rate else []
    # At a low rate it takes longer to see enough of them.
    seconds = seconds if not rate or rate >= 1_000 else max(seconds, 200 / rate)
    nodes = nodes_of(server)
    spent = [node.process.cpu_seconds() for node in nodes]
    run = counted(nodes, server, "deposit", "--seconds", seconds, "--warmup", 0, *options)
    if run["wrong"] or run["failed"]:
        raise SystemExit(f"{server.name} does not answer as it should: {run}")
    by_node = [1e6 * (node.process.cpu_seconds() - then) / run["all"] for node, then in zip(nodes, spent)]
    print(f"  {server.name}: {rate or 'all'}: {run['per_second']:.0f}/s", flush=True)
    return {name: run[name] for name in FIGURES} | {"node_cpu_us": by_node}
