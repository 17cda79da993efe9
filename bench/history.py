"""How the bank compares from night to night. `make bench-history` calls it after `make bench`.

history.py [--results results.json] [--folder build/bench-history]

Adds the figures to history.jsonl, a line for each night, and draws history.svg from all lines. It keeps ratios to FastAPI, measured on the
same machine, because the machines of a workflow differ.
"""

import argparse
import json
import sys
from pathlib import Path

sys.dont_write_bytecode = True

from lab import plot  # noqa: E402
from lab.cells import WORDS  # noqa: E402
from lab.report import Found  # noqa: E402

ROOT = Path(__file__).resolve().parents[1]
# A year and some weeks.
MOST = 400


def night(results: dict) -> dict:
    """A line of the history: for each scenario, the bank's throughput divided by FastAPI's, with the fastest store that replicas share."""
    found = Found(results)
    figures = {scenario: round(ratio, 3) for scenario in WORDS if (ratio := found.ratio(found.best, scenario))}
    machine = results["machine"]
    return {"when": machine["when"], "commit": machine["commit"], "cpu": machine["cpu"], "bank": found.best, "figures": figures}


def add(history: list[dict], line: dict) -> list[dict]:
    """The history with this line added. A second measurement is another night, but the same one is added once."""
    return [*(old for old in history if old["when"] != line["when"]), line][-MOST:]


def draw(history: list[dict]) -> str:
    lines = {words: [line["figures"].get(scenario) for line in history] for scenario, words in WORDS.items()}
    lines = {words: figures for words, figures in lines.items() if any(figures)}
    names = [f"{line['when'][:10]} {line['commit']}" for line in history]
    return plot.nights("Requests a second, night by night", "as many times as FastAPI on the same machine", names, lines, "×")


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    arguments.add_argument("--results", type=Path, default=ROOT / "bench/results/results.json")
    arguments.add_argument("--folder", type=Path, default=ROOT / "build/bench-history")
    options = arguments.parse_args()
    kept = options.folder / "history.jsonl"
    history = [json.loads(line) for line in kept.read_text().splitlines()] if kept.exists() else []
    history = add(history, night(json.loads(options.results.read_text())))
    options.folder.mkdir(parents=True, exist_ok=True)
    kept.write_text("".join(json.dumps(line) + "\n" for line in history))
    (options.folder / "history.svg").write_text(draw(history))
    print(f"{kept}: {len(history)} nights")


if __name__ == "__main__":
    main()
