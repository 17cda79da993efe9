"""Several banks on one Redis behind nginx, and where a bank's time goes."""

import re
import shutil
import tempfile
from pathlib import Path

from lab import perf, servers
from lab.compare import WALLETS, load
from lab.machine import Process, first_answer, free_port, output

BANKS = [1, 2, 4]
SETTINGS = ["storage_deadline_ms=5000"]
NGINX = """
daemon off; master_process on; worker_processes 1; pid {folder}/nginx.pid; error_log {folder}/error.log;
events {{ worker_connections 1024; }}
http {{
  access_log off; underscores_in_headers on;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi; uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  upstream banks {{ {banks} keepalive 64; }}
  server {{
    listen 127.0.0.1:{port}; keepalive_requests 1000000;
    location / {{ proxy_pass http://banks; proxy_http_version 1.1; proxy_set_header connection ""; }}
  }}
}}
"""
# The owner of a sample's code: the first rule that matches.
SHARES = [
    ("kernel: sockets, waking threads", r"\[kernel|\[k\]"),
    ("the components' own code", r"JIT|\.wasm"),
    (
        "memory: malloc, free, copies",
        r"malloc|_int_free|cfree|realloc|calloc|unlink_chunk|mem(move|set|cpy|cmp)",
    ),
    ("hyper, http", r"hyper|http::|httparse|http_body"),
    ("Redis client", r"redis::|combine::"),
    ("tokio", r"tokio::|mio::"),
    ("wasmtime: async tasks of components", r"concurrent|futures_and_streams|fiber"),
    ("wasmtime: calls, values, handles", r"wasmtime|resource_table|ResourceTable|handle_table"),
]


class Banks:
    """`count` banks on one Redis behind one nginx, which looks like one server."""

    def __init__(self, count, store):
        self.name, self.kind = f"{count} × bank {store} behind nginx", "bank"
        self.folder = Path(tempfile.mkdtemp(prefix="bench-"))
        command = {"kv": {"kv_on_redis": True}, "redis": {"store": "redis"}}[store]
        make = servers.spin_like([servers.BANK], **command, variables=SETTINGS)
        self.banks = [
            servers.Server(f"scale {number}", "bank", make, redis=number == 0) for number in range(count)
        ]
        for bank in self.banks:
            bank.redis = self.banks[0].redis
            bank.start()
        self.port = free_port()
        ports = " ".join(f"server 127.0.0.1:{bank.port};" for bank in self.banks)
        settings = self.folder / "nginx.conf"
        settings.write_text(NGINX.format(folder=self.folder, banks=ports, port=self.port))
        self.nginx = Process(
            "nginx", ["nginx", "-p", self.folder, "-c", settings, "-e", self.folder / "error.log"]
        )
        first_answer(self.port, self.nginx)

    def cpu_seconds(self):
        banks = sum(bank.process.cpu_seconds() for bank in self.banks)
        return banks + self.nginx.cpu_seconds(), self.banks[0].redis.process.cpu_seconds()

    def close(self):
        self.nginx.stop()
        redis = self.banks[0].redis
        for bank in self.banks:
            bank.redis = None
            bank.close()
        redis.process.stop()
        shutil.rmtree(self.folder, ignore_errors=True)


def best_store():
    return "redis" if "store" in servers.variables_of_the_bank() else "kv"


def scale(seconds):
    """Throughput by the number of banks. They share this machine's cores with everything else."""
    rows = []
    for count in BANKS:
        banks = Banks(count, best_store())
        try:
            for scenario in ("healthz", "deposit"):
                if scenario == "deposit":
                    load(banks, "deposit", "--requests", WALLETS, "--warmup", 0, "--seconds", 60)
                run = load(banks, scenario, "--seconds", seconds)
                if run["wrong"] or run["failed"]:
                    raise SystemExit(f"{banks.name} does not answer as it should: {run}")
                row = {"banks": count, "scenario": scenario} | run
                print(f"  {banks.name}: {scenario} {run['per_second']:.0f}/s", flush=True)
                rows.append(row)
        finally:
            banks.close()
    return {"store": best_store(), "runs": rows, "shares": shares(seconds)}


def shares(seconds):
    """Where a bank's own CPU time goes under each scenario, by perf's samples; None where perf cannot."""
    store = {"store": "redis"} if best_store() == "redis" else {"kv_on_redis": True}
    server = servers.Server("profile", "bank", servers.spin_like([servers.BANK], **store, variables=SETTINGS))
    found = {}
    try:
        server.start()
        load(server, "deposit", "--requests", WALLETS, "--warmup", 0, "--seconds", 60)
        for scenario in ("healthz", "counter", "deposit"):
            found[scenario] = sampled(server, scenario, seconds)
            if not found[scenario]:
                return None
    finally:
        server.close()
    return found


def sampled(server, scenario, seconds):
    """The shares for one scenario."""
    data = perf.record(server, scenario, seconds)
    if not data:
        return None
    shares = dict.fromkeys([name for name, _ in SHARES] + ["the rest"], 0.0)
    for line in output("perf", "report", "-i", data, "--stdio", "-g", "none", "--no-children").splitlines():
        if part := re.match(r"\s*([\d.]+)%\s+(.*)", line):
            name = next((name for name, rule in SHARES if re.search(rule, part[2])), "the rest")
            shares[name] += float(part[1])
    return {name: round(share, 1) for name, share in shares.items()}
