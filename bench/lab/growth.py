"""How the bank scales with its data: deposits on long wallets and on many wallets, and the bytes that they take.

`grow` (bench/grow) makes the data, in the bank's own documents.
"""

import sqlite3
import statistics
import subprocess
from contextlib import closing

from lab import servers
from lab.compare import load
from lab.machine import BUILD

GROW = BUILD / "native" / "grow"
ENTRIES = [10, 1_000, 100_000, 1_000_000]
WALLETS = [100, 1_000, 10_000, 100_000, 1_000_000]
DEPOSITS = 200
SQLITE_DEPOSITS = 10_000
SETTINGS = ["storage_deadline_ms=5000"]


def grow(server, *options):
    subprocess.run([str(word) for word in [GROW, server.redis.url, *options]], check=True)


def by_entries(server, rounds):
    """Median deposit by the number of the wallet's entries, measured in turn."""
    before = server.redis.used_bytes()
    grow(server, "--entries", 100_000, "--prefix", "e100000-")
    bytes_per_entry = (server.redis.used_bytes() - before) / 100_000
    for entries in ENTRIES:
        if entries == 10:
            # A deposit makes ten entries eleven, so each wallet is used once.
            for number in range(rounds):
                grow(server, "--entries", 10, "--wallets", DEPOSITS, "--prefix", f"e10-{number}-")
        elif entries != 100_000:
            grow(server, "--entries", entries, "--prefix", f"e{entries}-")
    taken = {entries: [] for entries in ENTRIES}
    for number in range(rounds):
        for entries in ENTRIES:
            prefix, users = (f"e10-{number}-", DEPOSITS) if entries == 10 else (f"e{entries}-", 1)
            options = ["--requests", DEPOSITS, "--connections", 1, "--warmup", 0, "--seconds", 30]
            run = load(server, "deposit", *options, "--users", users, "--prefix", prefix)
            if run["wrong"] or run["failed"] or run["all"] != DEPOSITS:
                raise SystemExit(f"deposits on a wallet with {entries} entries failed: {run}")
            taken[entries].append(run["p50_us"])
    rows = [{"entries": entries, "p50_us": statistics.median(taken[entries])} for entries in ENTRIES]
    ratio = rows[-1]["p50_us"] / rows[0]["p50_us"]
    print(f"  {server.name}: {rows}, largest against smallest {ratio:.2f}", flush=True)
    return {"deposits": rows, "ratio": ratio, "redis_bytes_per_entry": bytes_per_entry}


def by_wallets(server, seconds):
    """Deposits by the number of wallets, and the bytes in Redis of an idle wallet with one entry."""
    rows, made, seeded = [], 0, 0
    for wallets in WALLETS:
        before = server.redis.used_bytes()
        grow(server, "--wallets", wallets - made, "--from", made, "--prefix", "n")
        seeded += server.redis.used_bytes() - before
        made = wallets
        run = load(
            server, "deposit", "--connections", 8, "--users", wallets, "--prefix", "n", "--seconds", seconds
        )
        rows.append({"wallets": wallets, "p50_us": run["p50_us"], "per_second": run["per_second"]})
        print(f"  {server.name}: {rows[-1]}", flush=True)
    return {"deposits": rows, "redis_bytes_per_wallet": seeded / made}


def sqlite_bytes_per_entry():
    """The size of the database without its journal, divided by its deposits."""
    command = servers.spin_like([servers.BANK], variables=SETTINGS)
    server = servers.Server("growth sqlite", "bank", command, redis=False)
    try:
        server.start()
        run = load(
            server, "deposit", "--users", 100, "--requests", SQLITE_DEPOSITS, "--seconds", 60, "--warmup", 0
        )
        server.stop()
        database = next(server.state.glob("*.db"))
        with closing(sqlite3.connect(database)) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        return database.stat().st_size / run["all"]
    finally:
        server.close()


def growth(seconds, rounds):
    found = {"sqlite_bytes_per_entry": sqlite_bytes_per_entry()}
    for store, server in stores():
        try:
            server.start()
            found[store] = {"entries": by_entries(server, rounds), "wallets": by_wallets(server, seconds)}
        finally:
            server.close()
    return found


def stores():
    """The bank on Redis, in each of its ways."""
    yield (
        "kv",
        servers.Server(
            "growth kv", "bank", servers.spin_like([servers.BANK], kv_on_redis=True, variables=SETTINGS)
        ),
    )
    if "store" in servers.variables_of_the_bank():
        command = servers.spin_like([servers.BANK], store="redis", variables=SETTINGS)
        yield "redis", servers.Server("growth redis", "bank", command)
