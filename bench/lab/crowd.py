"""How a server copes with a crowd: throughput and p99 by connections, and what happens at twice the load it can bear."""

from lab.compare import Comparison, load, sound

NAMES = ["bank redis", "fastapi", "axum"]
CONNECTIONS = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1000]
SCENARIO = "day"
# Its wallets alone get more requests than may wait for one component (1,024); the bank accepts 4,096 connections.
CROWD = 4000


def crowd(seconds):
    with Comparison(NAMES) as comparison:
        comparison.start()
        comparison.seed()
        rows = [
            by_connections(server, connections, seconds)
            for connections in CONNECTIONS
            for server in comparison.servers
        ]
        bank = next(server for server in comparison.servers if server.name == NAMES[0])
        return {"runs": rows, "overload": overload(bank, best(rows, bank.name), 2 * seconds)}


def best(rows, name):
    return max(row["figures"]["per_second"] for row in rows if row["server"] == name)


def by_connections(server, connections, seconds):
    run = load(server, SCENARIO, "--seconds", seconds, "--connections", connections)
    if server.kind == "bank":
        sound(server, run)
    # A peer that can not bear so many does not end the comparison.
    is_sound = not (run["wrong"] or run["failed"] or run["unanswered"])
    said = f"{run['per_second']:.0f}/s p99 {run['p99_us'] / 1000:.1f} ms" if is_sound else "does not answer as it should"
    print(f"  {connections} connections: {server.name} {said}", flush=True)
    figures = {name: run[name] for name in ("per_second", "p50_us", "p99_us")} if is_sound else None
    return {"server": server.name, "connections": connections, "figures": figures}


def overload(server, most, seconds):
    """Loads it with twice what it can answer and then, without a pause, with four fifths of it."""
    asked = {}
    for what, rate, connections in [("twice", 2 * most, CROWD), ("after", 0.8 * most, 128)]:
        options = ["--rate", round(rate), "--connections", connections, "--warmup", 0, "--seconds", seconds]
        run = load(server, SCENARIO, *options)
        if run["wrong"] or run["failed"]:
            raise SystemExit(f"{server.name} does not answer a crowd as it should: {run}")
        asked[what] = {name: run[name] for name in ("rate", "per_second", "p99_us", "refused", "refused_p99_us", "seconds")}
        tenths = [10 * count for count in run["tenths"]]
        asked[what]["back_after"] = next((n / 10 for n, rate_then in enumerate(tenths) if rate_then >= 0.95 * rate), None)
        print(f"  {what}: {asked[what]}", flush=True)
    return {"most": most, "connections": CROWD} | asked
