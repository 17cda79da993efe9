"""What tokens cost: runs `target/native/figures tokens`, which makes tokens and measures each mode in turn."""

import json

from lab import machine, servers


def tokens(rounds):
    program = machine.ROOT / "target" / "native" / "figures"
    found = json.loads(machine.output(program, "--bank", servers.BANK, "tokens", "--rounds", rounds).splitlines()[-1])
    return found | {"machine": machine.describe()}
