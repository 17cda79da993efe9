"""Shared by all parts of RESULTS.md: tables, the names of scenarios, and figures as text."""

WORDS = {
    "healthz": "healthz",
    "counter": "counter post",
    "deposit": "deposit, 10,000 wallets",
    "zipf": "deposit, wallets by Zipf",
    "hot": "deposit, one hot wallet",
    "wallet": "wallet read",
    "rates": "warm rates",
    "day": "mixed day, 70 % reads",
}


def table(head, rows):
    lines = ["| " + " | ".join(head) + " |", "|---" * len(head) + "|"]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows])


def times(ratio):
    return "–" if ratio is None else f"{ratio:.2f}"


def share(part):
    return "–" if part is None else f"{100 * part:.0f} %"


def milliseconds(microseconds):
    return f"{microseconds / 1000:.2f}" if microseconds < 10_000 else f"{microseconds / 1000:,.0f}"


def mega(size):
    return f"{size / 1e6:,.1f}"
