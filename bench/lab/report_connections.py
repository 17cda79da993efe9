"""The parts of RESULTS.md on connections, overload and known wallets."""

from lab import plot
from lab.cells import WORDS, milliseconds, table


def crowd_plot(found):
    panels = [
        ("requests a second, by connections", lambda figures: figures["per_second"]),
        ("p99 in ms, by connections", lambda figures: figures["p99_us"] / 1000),
    ]
    panels = [(caption, {name: curve(found, name, of) for name in names(found)}) for caption, of in panels]
    return plot.curves("The mixed day, by connections", "each connection asks again when it is answered", panels)


def curve(found, name, of):
    """Points by connections, without those at which the server failed requests."""
    runs = (row for row in found["runs"] if row["server"] == name and row["figures"])
    return [(row["connections"], of(row["figures"])) for row in runs]


def names(found):
    return sorted({row["server"] for row in found["runs"]})


def crowd(found):
    cells = {(row["server"], row["connections"]): crowd_cell(row["figures"]) for row in found["runs"]}
    counts = sorted({count for _, count in cells})
    rows = [[f"{count:,}", *(cells[name, count] for name in names(found))] for count in counts]
    return "\n\n".join(
        [
            "## Connections",
            f"The mixed day, requests a second / p99 in ms; {found['machine']['when']}, commit {found['machine']['commit']}.",
            "![Throughput and p99 by connections](results/crowd.svg)",
            table(["connections", *names(found)], rows),
            overload(found["overload"]),
        ]
    )


def crowd_cell(figures):
    return f"{figures['per_second']:,.0f} / {milliseconds(figures['p99_us'])}" if figures else "wrong answers"


def overload(found):
    twice, after = found["twice"], found["after"]
    back = after["back_after"]
    came_back = f"{back:.1f} s after that" if back is not None else "not within that run"
    return (
        f"**More than it can answer.** `bank redis` was asked for {twice['rate']:,.0f} requests a second, twice its best, by "
        f"{found['connections']:,} connections.\nIt answered {twice['per_second']:,.0f} a second (p99 {milliseconds(twice['p99_us'])} ms "
        f"since they were due), and refused {twice['refused'] / twice['seconds']:,.0f} a second: 503 with `Retry-After` and\n"
        f"`outcome: none`, p99 {milliseconds(twice['refused_p99_us'])} ms. Then {after['rate']:,.0f} a second were asked for: it answered "
        f"as many {came_back},\nand {after['per_second']:,.0f} a second over the whole run (p99 {milliseconds(after['p99_us'])} ms)."
    )


def known(found):
    rows = [
        [
            f"{run['connections']}",
            WORDS[run["scenario"]],
            f"{run['scripts_each']:.2f}",
            f"{100 * (2 - run['scripts_each']):.0f} %" if run["connections"] == 1 else "–",
            f"{run['per_second']:,.0f}",
            milliseconds(run["p50_us"]),
        ]
        for run in found["runs"]
    ]
    words = (
        f"`bank redis`; {found['machine']['when']}, commit {found['machine']['commit']}. A deposit to a wallet that its instance "
        "knows is one script, any other\ntwo. With one connection no two deposits share a script, so the scripts tell how many wallets "
        "were known. An instance\nanswers 128 requests, as Spin's do, and keeps at most 128 wallets."
    )
    head = ["connections", "", "scripts each", "known", "a second", "p50 ms"]
    return f"## Wallets that come again\n\n{words}\n\n" + table(head, rows)
