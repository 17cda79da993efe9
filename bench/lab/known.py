"""Wallets that an instance knows: how many deposits need one script, and not two, by how often wallets come again."""

from lab.compare import Comparison, load, sound
from lab.shards import scripts

SCENARIOS = ["deposit", "zipf", "hot"]
CONNECTIONS = [1, 32]


def known(seconds):
    with Comparison(["bank redis"]) as comparison:
        comparison.start()
        comparison.seed()
        [bank] = comparison.servers
        return {
            "runs": [measured(bank, scenario, count, seconds) for count in CONNECTIONS for scenario in SCENARIOS]
        }


def measured(bank, scenario, connections, seconds):
    told = scripts([bank.redis])
    run = load(bank, scenario, "--seconds", seconds, "--warmup", 0, "--connections", connections)
    sound(bank, run)
    each = (scripts([bank.redis]) - told) / run["all"]
    print(f"  {connections} connections: {scenario} {run['per_second']:.0f}/s, {each:.2f} scripts each", flush=True)
    return {"scenario": scenario, "connections": connections, "scripts_each": each} | {
        name: run[name] for name in ("per_second", "p50_us", "p99_us")
    }
