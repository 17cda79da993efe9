"""A flame graph of `bank` under deposits: who calls whom, in the host and in the components, and for how long.

perf unwinds by frame pointers: the host has them by .cargo/config.toml, compiled components always. The names
of the components' functions come from components that are built again with their name section, and from
`BANK_PERF_MAP`.
"""

import os
import re
import subprocess
from pathlib import Path

from lab import machine, perf, servers
from lab.compare import WALLETS, load
from lab.machine import BUILD, ROOT, output
from lab.scale import SETTINGS, best_store

NAMED = BUILD / "named"
TOOLS = ROOT / "build" / "tools" / "bin"
SECONDS = 10
# Without a period, each sample counts one.
FIELDS = "comm,pid,tid,time,event,ip,sym,dso"
# Removed from every stack: layers that only pass a call on, and what the kernel does within a call.
HASH = re.compile(r"\[[0-9a-f]{16}\]")
CLOSURE = re.compile(r"(::)?\{\{closure\}\}")
HANDED_ON = re.compile(
    r"^(start_thread|.*__rust_begin_short_backtrace.*|.*\bcore::ops::function::FnOnce\b.*|<?std::sys::thread::.*"
    r"|tokio::runtime::(task|context|blocking)::.*|(entry_SYSCALL|do_syscall)_64.*)$"
)
KERNEL = "_[k]"
# Parts of the whole, by the functions in a stack; a stack can belong to several. `api` has no part of its own, since
# much of it is inlined into its callers.
PARTS = {
    "a component's code, with all that it calls": r"\[async-lift\]wasi:http/handler",
    "within it, `teller`: the operation, by `ledger` and `store`": r";teller::",
    "within it, all but `teller`: HTTP in and out, the log": r"^(?!.*;teller::).*\[async-lift\]wasi:http/handler",
    "within it, `ledger`: documents, hashes, amounts": r";<?ledger::|impl ledger::",
    "within it, `store`: the calls of Redis": r";<?store::",
    "within it, calls of the host": r";wasmtime::runtime::vm::traphandlers::catch_unwind",
    "within it, memory: `dlmalloc`, growing, copies": (
        r";((dl)?(malloc|free|realloc)|[^;]*(raw_vec|memory_copy)[^;]*)_\[j\]"
    ),
    "a connection: `hyper`, and its socket": r";bank::serve::Connection::serve",
    "instances: which one, starting it, its tasks": r";bank::instances::",
    "the Redis client, and its socket": r"redis::aio::",
    "the kernel, whoever asks": r"_\[k\](;|$)",
    "the host's memory: mimalloc, copies": r";(_?mi_|__mem(move|set|cpy)|(malloc|free|calloc|realloc)(;|$))",
}


def flame(path):
    """Draws it; returns the parts in percent, or None where perf cannot take samples."""
    path.unlink(missing_ok=True)
    server = named_bank()
    try:
        server.start()
        load(server, "deposit", "--requests", WALLETS, "--warmup", 0, "--seconds", 60)
        data = perf.record(server, "deposit", SECONDS, "--call-graph", "fp")
        # perf reads the map of names now, so the map must still exist.
        stacks = data and folded(output("perf", "script", "-i", data, "-F", FIELDS))
    finally:
        if server.process:
            Path(f"/tmp/perf-{server.process.child.pid}.map").unlink(missing_ok=True)
        server.close()
    if not stacks:
        return None
    path.write_text(drawn(stacks))
    samples = sum(stacks.values())
    print(f"  {path.name}: {samples} samples", flush=True)
    about = {name: value for name, value in machine.describe().items() if name in ("when", "commit")}
    return about | {"store": best_store(), "samples": samples, "parts": parts(stacks)}


def named_bank():
    """A bank whose components keep their functions' names; the shipped ones do not."""
    words = ["cargo", "build", "--locked", "--release", "--target", "wasm32-wasip2", "--target-dir", NAMED]
    for component in sorted((ROOT / "components").iterdir()):
        words += ["--package", component.name]
    subprocess.run(words, cwd=ROOT, check=True, env=os.environ | {"CARGO_PROFILE_RELEASE_STRIP": "debuginfo"})
    manifest = NAMED / "spin.toml"
    manifest.write_text((ROOT / "spin.toml").read_text().replace('"target/', '"'))
    on_redis = best_store() == "redis"
    command = servers.spin_like(
        [servers.BANK],
        manifest=manifest,
        store="redis" if on_redis else None,
        kv_on_redis=not on_redis,
        variables=[*SETTINGS, "store=redis"] if on_redis else SETTINGS,
    )
    return servers.Server("flame", "bank", command, environment={"BANK_PERF_MAP": "1"})


def folded(script):
    """The number of samples of each stack, outermost function first."""
    lines = piped(piped(script, "c++filt"), TOOLS / "inferno-collapse-perf", "--all", "--quiet")
    stacks = {}
    for line in lines.splitlines():
        stack, _, count = line.rpartition(" ")
        stack = tidy(stack.split(";"))
        stacks[stack] = stacks.get(stack, 0) + int(count)
    return stacks


def tidy(frames):
    """A stack without frames that say nothing about the bank."""
    kept = []
    for frame in frames:
        frame = CLOSURE.sub("", HASH.sub("", frame))
        inside_kernel = kept and kept[-1].endswith(KERNEL) and frame.endswith(KERNEL)
        if not HANDED_ON.match(frame) and not inside_kernel and kept[-1:] != [frame]:
            kept.append(frame)
    return tuple(kept)


def drawn(stacks):
    lines = "".join(f"{';'.join(stack)} {count}\n" for stack, count in stacks.items())
    title = f"CPU time of bank under deposits, {sum(stacks.values())} samples"
    # The palette goes by the marks of inferno-collapse-perf: [j] is compiled WebAssembly, [k] the kernel.
    subtitle = "green: components; yellow: the host, in Rust; red: C libraries; orange: calls of the kernel"
    options = ["--title", title, "--subtitle", subtitle, "--colors", "java", "--deterministic"]
    options += ["--minwidth", "0.1", "--nametype", "", "--quiet"]
    return piped(lines, TOOLS / "inferno-flamegraph", *options)


def parts(stacks):
    samples = sum(stacks.values())
    found = {}
    for name, rule in PARTS.items():
        inside = sum(n for stack, n in stacks.items() if re.search(rule, ";".join(stack)))
        found[name] = round(100 * inside / samples, 1)
    return found


def piped(text, *command):
    return subprocess.run(command, input=text, stdout=subprocess.PIPE, text=True, check=True).stdout
