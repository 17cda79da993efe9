"""What OpenTelemetry costs for each request: banks with it and banks without it, measured in turn."""

import random
import statistics
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from lab import machine
from lab.compare import load
from lab.servers import BANK, Server, spin_like

# The second bank without telemetry shows how much of a difference is chance.
WAYS = {
    "off": "",
    "off, a second bank": "",
    "traces": "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
    "traces and metrics": "OTEL_EXPORTER_OTLP_ENDPOINT",
}


class Collector(BaseHTTPRequestHandler):
    """Takes what is sent and forgets it."""

    protocol_version = "HTTP/1.1"

    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"]))
        self.send_response(200)
        self.send_header("content-type", "application/x-protobuf")
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


def telemetry(seconds, rounds):
    with ThreadingHTTPServer(("127.0.0.1", 0), Collector) as collector:
        threading.Thread(target=collector.serve_forever, daemon=True).start()
        endpoint = f"http://127.0.0.1:{collector.server_port}"
        found = {"machine": machine.describe(), "rounds": rounds}
        banks = {name: bank(name, variable, endpoint) for name, variable in WAYS.items()}
        try:
            found["ways"] = in_turn(list(banks.items()), seconds, rounds)
        finally:
            for server in banks.values():
                server.close()
            collector.shutdown()
    return found


def bank(name, variable, endpoint):
    path = "/v1/traces" if "TRACES" in variable else ""
    environment = {variable: endpoint + path} if variable else {}
    settings = ["storage_deadline_ms=5000"]
    return Server(f"telemetry {name}", "bank", spin_like([BANK], store="redis", variables=settings), environment=environment)


def in_turn(banks, seconds, rounds):
    """For each kind: medians, and medians of its ratio to both banks without telemetry in the same round."""
    for _, server in banks:
        server.start()
        load(server, "deposit", "--seconds", 2 * seconds)
    runs = {name: [] for name, _ in banks}
    for number in range(rounds):
        for name, server in random.sample(banks, len(banks)):
            runs[name].append(load(server, "deposit", "--seconds", seconds, "--warmup", 0.2))
        print(f"telemetry: round {number + 1} of {rounds}", flush=True)
    off = [[first, second] for first, second in zip(runs["off"], runs["off, a second bank"], strict=True)]
    return [{"way": name} | summary(runs[name], off) for name in runs]


def summary(runs, off):
    found = {}
    for what in ["per_second", "cpu_us"]:
        ratios = [run[what] / statistics.mean(other[what] for other in both) for run, both in zip(runs, off, strict=True)]
        low, _, high = statistics.quantiles(ratios)
        found[what] = statistics.median(run[what] for run in runs)
        found[f"{what}_ratio"] = {"median": statistics.median(ratios), "quartiles": [low, high]}
    return found
