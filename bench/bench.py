"""The comparison with what people would use instead, and how the bank scales. `make bench` runs all of it.

bench.py [compare] [crowd] [known] [tokens] [telemetry] [growth] [scale] [shards] [flame] [report] [--seconds N] [--rounds N] [--only NAME,NAME]
"""

import argparse
import json
import shlex
import sys
from pathlib import Path

sys.dont_write_bytecode = True

from lab import compare, crowd, flame, growth, known, machine, report, scale, shards, telemetry, tokens  # noqa: E402

RESULTS = Path(__file__).parent / "results"


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    arguments.add_argument("parts", nargs="*", default=[])
    arguments.add_argument("--seconds", type=float, default=2, help="of each run")
    arguments.add_argument("--rounds", type=int, default=3, help="of the comparison")
    arguments.add_argument("--only", help="contestants, with commas between them")
    arguments.add_argument("--results", type=Path, default=RESULTS)
    options = arguments.parse_args()
    parts = options.parts or ["compare", "crowd", "known", "tokens", "telemetry", "growth", "scale", "shards", "flame"]
    options.results.mkdir(parents=True, exist_ok=True)
    path = options.results / "results.json"
    found = json.loads(path.read_text()) if path.exists() else {}
    # The head of the report. Running one part alone does not change it.
    if "compare" in parts:
        found["machine"] = machine.describe()
        found["command"] = shlex.join(["scripts/bench", *sys.argv[1:]])
    named = options.only.split(",") if options.only else None
    measures = {
        "compare": lambda: compare.compare(options.seconds, options.rounds, named),
        "crowd": lambda: crowd.crowd(options.seconds) | {"machine": machine.describe()},
        "known": lambda: known.known(options.seconds) | {"machine": machine.describe()},
        "tokens": lambda: tokens.tokens(3 * options.rounds),
        "telemetry": lambda: telemetry.telemetry(options.seconds / 2, 10 * options.rounds),
        "growth": lambda: growth.growth(options.seconds, 5 * options.rounds),
        "scale": lambda: scale.scale(options.seconds),
        "shards": lambda: shards.shards(options.seconds) | {"machine": machine.describe()},
        "flame": lambda: flame.flame(options.results / "flame.svg"),
    }
    for part, measure in measures.items():
        if part in parts:
            found[part] = measure()
            # A part that fails does not stop the others.
            path.write_text(json.dumps(found, indent=1) + "\n")
    report.write(found, options.results)


if __name__ == "__main__":
    main()
