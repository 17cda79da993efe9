"""RESULTS.md and the plots, from results.json: ratios first, since machines differ."""

from lab import plot
from lab.cells import WORDS, mega, milliseconds, share, table, times
from lab.compare import DAY, FIXED_RATE_SCENARIOS, SCENARIOS
from lab.report_connections import crowd, crowd_plot, known

REFERENCE = "fastapi"
ORDER = list(plot.COLOURS)


class Found:
    """Looks up figures in results.json."""

    def __init__(self, results):
        self.results = results
        self.runs = {(run["server"], run["scenario"], run["mode"]): run for run in results["compare"]["runs"]}
        names = {run["server"] for run in results["compare"]["runs"]}
        self.names = [name for name in ORDER if name in names]
        self.banks = [name for name in self.names if name.split()[0] in ("bank", "spin")]
        self.peers = [name for name in self.names if name not in self.banks]
        self.best = next(name for name in ("bank redis", "bank kv", *self.names) if name in self.names)

    def figure(self, server, scenario, figure, mode="closed"):
        return self.runs.get((server, scenario, mode), {}).get(figure)

    def ratio(self, server, scenario, figure="per_second", mode="closed"):
        own, other = (
            self.figure(server, scenario, figure, mode),
            self.figure(REFERENCE, scenario, figure, mode),
        )
        return own / other if own and other else None

    def of_its_parts(self, server, mode):
        """The mixed day, relative to the rate that results if each kind of its requests were as fast as alone in that mode."""
        whole, parts = self.figure(server, "day", "per_second"), [self.figure(server, name, "per_second", mode) for name in DAY]
        return whole * sum(part / alone for part, alone in zip(DAY.values(), parts)) if whole and all(parts) else None


def write(results, folder):
    found = Found(results)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "throughput.svg").write_text(throughput(found))
    (folder / "latency.svg").write_text(latency(found))
    parts = [opening(found), ratios(found), fixed_rates(found), worse(found), platform(found), figures(found)]
    parts.append(outside(found))
    if "crowd" in results:
        (folder / "crowd.svg").write_text(crowd_plot(results["crowd"]))
        parts.append(crowd(results["crowd"]))
    if "known" in results:
        parts.append(known(results["known"]))
    if "tokens" in results:
        parts.append(tokens(results["tokens"]))
    if "telemetry" in results:
        parts.append(telemetry(results["telemetry"]))
    if "growth" in results:
        (folder / "growth.svg").write_text(growth_plot(results["growth"]))
        parts.append(growth(results["growth"]))
    if "scale" in results:
        parts.append(scale(results["scale"]))
    if "shards" in results:
        (folder / "shards.svg").write_text(shards_plot(results["shards"]))
        parts.append(shards(results["shards"]))
    if "flame" in results:
        parts.append(flame(results["flame"]))
    (folder.parent / "RESULTS.md").write_text("\n".join(part.strip() + "\n" for part in parts if part))


def throughput(found):
    rows = [
        (WORDS[scenario], {name: found.ratio(name, scenario) for name in found.names})
        for scenario in SCENARIOS
    ]
    cores = found.results["machine"]["cores"]
    subtitle = (
        f"as many times as FastAPI on uvicorn; 32 connections, {cores} cores shared with Redis and the load"
    )
    return plot.dots("Requests a second", subtitle, rows, "×", reference=1)


def latency(found):
    rows = []
    for scenario in FIXED_RATE_SCENARIOS:
        p99 = {name: (found.figure(name, scenario, "p99_us", "open") or 0) / 1000 for name in found.names}
        rate = found.figure(found.best, scenario, "rate", "open")
        rows.append((f"{WORDS[scenario].split(',')[0]} {rate:.0f}/s" if rate else WORDS[scenario], p99))
    return plot.dots("How long the slowest of a hundred take", "p99 at one and the same rate", rows, " ms")


def opening(found):
    machine = found.results["machine"]
    return f"""
# How it compares

Written by `{found.results["command"]}` on {machine["when"]}, commit {machine["commit"]}: {machine["cpu"]}, {machine["cores"]} cores,
{machine["memory_gib"]} GiB, Linux {machine["kernel"]}, Redis {machine["redis"]}, Python {machine["python"]}; load average before
it {machine["load_before"]:.1f}. What is measured, who the contestants are and what is not measured: [README.md](README.md).
Raw figures: [results/results.json](results/results.json). The figures of `bank` are not Spin's: under `spin up` the same components
answer 0.62 to 0.85 times as many requests as FastAPI ([on real Spin](../docs/spin.md)).

![Requests a second, as many times as FastAPI](results/throughput.svg)
"""


def ratios(found):
    rows = []
    for scenario in SCENARIOS:
        cells = [times(found.ratio(name, scenario)) for name in found.names]
        rows.append([WORDS[scenario], *cells])
    for mode, words in {"closed": "", "share": ", each by its share of the connections"}.items():
        mixed = [share(found.of_its_parts(name, mode)) for name in found.names]
        rows.append([f"mixed day, of the harmonic mean of its parts{words}", *mixed])
    return "## Throughput, FastAPI = 1\n\nHigher is better.\n\n" + table(["", *found.names], rows)


def fixed_rates(found):
    rows = []
    for scenario in FIXED_RATE_SCENARIOS:
        rate = found.figure(found.best, scenario, "rate", "open")
        if rate:
            cells = [open_cell(found.runs.get((name, scenario, "open"))) for name in found.names]
            rows.append([f"{WORDS[scenario]}, {rate:.0f}/s", *cells])
    words = (
        "Half of what FastAPI can do at most, the same for all; each request is due at its moment, and waits from then "
        "on.\np50 / p99 / p99.9 in ms, lower is better."
    )
    return (
        f"## Latency at a fixed rate\n\n{words}\n\n"
        + table(["", *found.names], rows)
        + ("\n\n![p99 at a fixed rate](results/latency.svg)")
    )


def open_cell(run):
    if not run:
        return "–"
    shown = " / ".join(milliseconds(run[name]) for name in ("p50_us", "p99_us", "p999_us"))
    return shown + (" (fell behind)" if run["per_second"] < 0.98 * run["rate"] else "")


def worse(found):
    """Where another contestant is better than the bank's best, stated plainly."""
    lines = []
    for peer in found.peers:
        behind = []
        for scenario in SCENARIOS:
            own = found.figure(found.best, scenario, "per_second")
            theirs = found.figure(peer, scenario, "per_second")
            if own and theirs and theirs > own:
                behind.append(f"{WORDS[scenario]} {theirs / own:.1f}×")
        if behind:
            lines.append(f"- `{peer}` answers more than `{found.best}`: {'; '.join(behind)}.")
        later = []
        for scenario in FIXED_RATE_SCENARIOS:
            own = found.figure(found.best, scenario, "p99_us", "open")
            theirs = found.figure(peer, scenario, "p99_us", "open")
            if own and theirs and theirs < own:
                times = f"{milliseconds(own)} ms against {milliseconds(theirs)}"
                later.append(f"{WORDS[scenario]} {times}")
        if later:
            lines.append(f"- `{peer}` has the better p99 at a fixed rate: {'; '.join(later)}.")
    for bank in found.banks:
        ratios = {WORDS[scenario]: found.ratio(bank, scenario) for scenario in SCENARIOS}
        behind = [f"{word} {ratio:.2f}×" for word, ratio in ratios.items() if ratio and ratio < 1]
        if behind:
            lines.append(f"- `{bank}` answers less than `{REFERENCE}`: {'; '.join(behind)}.")
    memory, sizes = found.results["compare"]["memory"], found.results["compare"]["sizes"]
    for peer in found.peers:
        if memory[peer]["peak"] < memory[found.best]["peak"]:
            lines.append(
                f"- `{peer}` needs less memory: {mega(memory[peer]['peak'])} against {mega(memory[found.best]['peak'])} MB."
            )
    whole = sizes["bank app"] + sizes["bank runner"]
    if sizes["axum"] < whole:
        lines.append(
            f"- `axum` is {mega(sizes['axum'])} MB packed; components and runner together are {mega(whole)} MB."
        )
    if not lines:
        return "## What is worse\n\nNothing that was measured."
    return "## What is worse\n\n" + "\n".join(lines)


def platform(found):
    rows = []
    for store in ("kv", "redis", "placed as by spin"):
        for scenario in SCENARIOS:
            bare, own = (found.figure(f"{who} {store}", scenario, "per_second") for who in ("bare", "bank"))
            if bare and own:
                rows.append(
                    [
                        f"{store}: {WORDS[scenario]}",
                        f"{bare:,.0f}",
                        f"{own:,.0f}",
                        f"{100 * own / bare:.0f} %",
                    ]
                )
    if not rows:
        return ""
    words = (
        "A component with nothing in it but the same storage calls (`bench/bare`): what this platform can do at most.\n"
        "Requests a second."
    )
    return f"## What the platform costs\n\n{words}\n\n" + table(["", "bare", "bank", "of it"], rows)


def figures(found):
    rows = []
    for scenario in SCENARIOS:
        for name in found.names:
            if run := found.runs.get((name, scenario, "closed")):
                times = [milliseconds(run[figure]) for figure in ("p50_us", "p99_us", "p999_us")]
                cpu = [f"{run['cpu_us']:.0f}", f"{run['redis_cpu_us']:.0f}"]
                rows.append([WORDS[scenario], name, f"{run['per_second']:,.0f}", *times, *cpu])
    head = ["", "", "a second", "p50 ms", "p99 ms", "p99.9 ms", "CPU µs", "Redis µs"]
    words = (
        "32 connections, each asks again when it is answered. CPU of the server and of its Redis per request."
    )
    return f"## As fast as they can\n\n{words}\n\n" + table(head, rows)


def outside(found):
    compared, rows = found.results["compare"], []
    for name in found.names:
        start, memory = compared["starts"][name], compared["memory"][name]
        rows.append(
            [
                name,
                f"{start['first'] * 1000:,.0f}",
                f"{start['again'] * 1000:,.0f}",
                mega(memory["peak"]),
                mega(memory["share"]),
            ]
        )
    head = ["", "first start ms", "start ms", "peak memory MB", "memory after it MB"]
    sizes = ", ".join(f"{name} {mega(size)} MB" for name, size in compared["sizes"].items())
    words = "Start: until the first answer. Memory after it: the proportional share, so that what workers share counts once."
    return f"## Around it\n\n{words}\n\n{table(head, rows)}\n\nPacked (`tar | gzip`): {sizes}; Python itself is not counted."


def growth(found):
    lines = []
    for store in ("kv", "redis"):
        if store in found:
            entries, wallets = found[store]["entries"], found[store]["wallets"]
            lines.append(
                f"- `{store}`: a wallet with 1,000,000 entries against one with 10: {entries['ratio']:.2f}× "
                f"(medians, taken in turn). Redis keeps {entries['redis_bytes_per_entry']:.0f} bytes for each keyed entry of a "
                f"long history and {wallets['redis_bytes_per_wallet']:.0f} for an idle wallet with one entry."
            )
    lines.append(f"- SQLite keeps {found['sqlite_bytes_per_entry']:.0f} bytes for each keyed entry.")
    lines.append("- An idle wallet takes no memory in the bank itself.")
    tables = "\n\n".join(growth_table(found[store], store) for store in ("kv", "redis") if store in found)
    return "\n\n".join(
        ["## Growth", "![Deposits as wallets grow](results/growth.svg)", "\n".join(lines), tables]
    )


def growth_table(found, store):
    entries = [
        [f"{row['entries']:,} entries", milliseconds(row["p50_us"])] for row in found["entries"]["deposits"]
    ]
    wallets = [
        [f"{row['wallets']:,} wallets", milliseconds(row["p50_us"])] for row in found["wallets"]["deposits"]
    ]
    return table([f"`{store}`", "median deposit ms"], entries + wallets)


def growth_plot(found):
    panels = []
    for caption, part, x in (
        ("entries in the wallet", "entries", "entries"),
        ("wallets", "wallets", "wallets"),
    ):
        lines = {
            f"bank {store}": [(row[x], row["p50_us"] / 1000) for row in found[store][part]["deposits"]]
            for store in ("kv", "redis")
            if store in found
        }
        panels.append((caption, lines))
    return plot.curves(
        "A deposit as wallets grow", "median in ms; one connection left, eight right", panels
    )


def tokens(found):
    machine, header = found["machine"], found["ways"][0]
    rows = [
        [
            way["way"],
            f"{way['rate']:,.0f}",
            f"{100 * way['rate'] / header['rate']:.0f} %",
            f"{way['median_ms']:.2f}",
            f"{way['median_ms'] - header['median_ms']:+.2f}",
        ]
        for way in found["ways"]
    ]
    words = (
        f"Deposits on `bank redis` by clients with a wallet each, {found['rounds']} rounds in turn, medians of the rounds; on "
        f"{machine['when']}, commit {machine['commit']},\nload average before it {machine['load_before']:.1f}. A token that is "
        "remembered was verified in the last minute; of a new one the component\n`identity` is asked. Clients and Redis "
        "share the bank's cores, and Redis writes through (`appendfsync always`)."
    )
    head = ["", f"{found['clients']} clients: deposits a second", "of `auth=header`", "1 client: median ms", "more than `auth=header`"]
    return f"## Tokens\n\n{words}\n\n" + table(head, rows)


def telemetry(found):
    machine = found["machine"]
    rows = [
        [way["way"], *(cell for what in ["per_second", "cpu_us"] for cell in [f"{way[what]:,.0f}", change(way[f"{what}_ratio"])])]
        for way in found["ways"]
    ]
    words = (
        f"Deposits on `bank redis` with a line a request in its log, {found['rounds']} rounds in turn, medians; on {machine['when']}, "
        f"commit {machine['commit']},\nload average before it {machine['load_before']:.1f}. Every request is told of. Against the mean of "
        "the two banks that tell nothing, in the same round; in brackets\nthe quartiles. Client, Redis and what takes the "
        "telemetry share the bank's cores."
    )
    return f"## Telemetry\n\n{words}\n\n" + table(["", "deposits a second", "more", "CPU us a deposit", "more"], rows)


def change(ratio):
    low, high = (100 * (end - 1) for end in ratio["quartiles"])
    return f"{100 * (ratio['median'] - 1):+.1f} % ({low:+.1f} to {high:+.1f})"


def scale(found):
    cells = {(run["banks"], run["scenario"]): f"{run['per_second']:,.0f}" for run in found["runs"]}
    counts = sorted({count for count, _ in cells})
    rows = [[scenario, *(cells[count, scenario] for count in counts)] for scenario in ("healthz", "deposit")]
    words = f"Banks (`{found['store']}`) on one Redis behind nginx, all on the cores of this one machine. Requests a second."
    part = f"## Scale\n\n{words}\n\n" + table(["", *(f"{count} banks" for count in counts)], rows)
    if found.get("shares"):
        names = list(found["shares"])
        kinds = list(found["shares"][names[0]])
        rows = [[kind, *(f"{found['shares'][name][kind]:.0f} %" for name in names)] for kind in kinds]
        part += "\n\nWhere a bank's own CPU goes (perf):\n\n" + table(["", *names], rows)
    return part


def shards_name(count):
    return f"{count} shard{'s' if count > 1 else ''}" if count else "one Redis"


def shards(found):
    rows = [
        [
            shards_name(run["shards"]),
            f"{run['rate']:,.0f}" if run["rate"] else "all that are answered",
            f"{run['per_second']:,.0f}",
            f"{run['p50_us'] / 1000:.1f}",
            f"{run['p99_us'] / 1000:.1f}",
            f"{run['cpu_us']:,.0f}",
            " + ".join(f"{spent:.0f}" for spent in run["node_cpu_us"]),
            f"{run['scripts_each']:.2f}",
        ]
        for run in found["runs"]
    ]
    words = (
        "One `bank` with `store=redis` on an ordinary Redis and on Redis Clusters of one to three masters, deposits at 10,000 wallets; all on\n"
        f"the cores of this one machine, Redis writing nothing to disk. {found['machine']['when']}, commit {found['machine']['commit']}. In a "
        "cluster a script may touch one slot, so what waits together goes to a node at the\nsame time, and not in one script. "
        "What follows from it: [docs/scale.md](../docs/scale.md)."
    )
    head = ["", "asked a second", "answered", "p50 ms", "p99 ms", "bank: CPU µs each", "node by node: CPU µs each", "scripts each"]
    return f"## Shards\n\n{words}\n\n" + table(head, rows) + "\n\n![Cores by deposits a second](results/shards.svg)"


def shards_plot(found):
    """Busy cores by deposits a second: measured here, and beyond it estimated from the highest rate."""
    lines = {}
    for name, count, part, colour in [
        ("bank, one Redis", 0, "bank", "#0b3d91"),
        ("one Redis", 0, "node", "#2f7ed8"),
        ("bank, 3 shards", 3, "bank", "#b0562b"),
        ("3 shards", 3, "node", "#e8833a"),
    ]:
        runs = [run for run in found["runs"] if run["shards"] == count]
        cores = [
            1e-6 * run["per_second"] * (run["cpu_us"] if part == "bank" else sum(run["node_cpu_us"])) for run in runs
        ]
        lines[name] = (colour, False, [(run["per_second"], busy) for run, busy in zip(runs, cores)])
        if count:
            each = cores[-1] / runs[-1]["per_second"]
            lines[f"{name}, estimated"] = (colour, True, [(rate, rate * each) for rate in (runs[-1]["per_second"], 1e6)])
    subtitle = "processor cores that are busy, by deposits a second; dashed: an estimate, with as many shards as that takes"
    return plot.loglog("What deposits cost", subtitle, lines, "deposits a second")


def flame(found):
    """Where the time of deposits goes, call by call. It follows the part on scaling."""
    if not found:
        return "There is no flame graph: perf could not take samples on this machine."
    words = (
        f"Under deposits (`{found['store']}`), call by call: the wider a bar, the more of the CPU time went into that function "
        "and\nwhat stands on it, which it called. The bank's threads run what stands on the left, and components on stacks "
        "of their\nown, on the right. Opened as a [file](results/flame.svg), it can be clicked into and searched."
    )
    picture = "[![Flame graph of bank under deposits](results/flame.svg)](results/flame.svg)"
    rows = [[part, f"{share:.0f} %"] for part, share in found["parts"].items()]
    taken = f"{found['samples']:,} samples on {found['when']}, commit {found['commit']}"
    note = f"Parts of it, each with all that it calls, so that they overlap ({taken}):"
    return f"{words}\n\n{picture}\n\n{note}\n\n" + table(["", "deposit"], rows)
