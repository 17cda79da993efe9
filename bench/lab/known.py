"""Wallets that an instance knows: how many deposits need one script instead of two, by how often the same wallets come again."""

from lab.compare import Comparison, sound
from lab.shards import counted

SCENARIOS = ["deposit", "zipf", "hot"]
CONNECTIONS = [1, 32]
FIGURES = ["per_second", "p50_us", "p99_us", "scripts_each"]


def known(seconds):
    with Comparison(["bank redis"]) as comparison:
        comparison.start()
        comparison.seed()
        [bank] = comparison.servers
        return {
            "runs": [measured(bank, scenario, count, seconds) for count in CONNECTIONS for scenario in SCENARIOS]
        }


def measured(bank, scenario, connections, seconds):
    options = ["--seconds", seconds, "--warmup", 0, "--connections", connections]
    run = counted([bank.redis], bank, scenario, *options)
    sound(bank, run)
    print(f"  {connections} connections: {scenario} {run['per_second']:.0f}/s, {run['scripts_each']:.2f} scripts each", flush=True)
    return {"scenario": scenario, "connections": connections} | {name: run[name] for name in FIGURES}
