#!/usr/bin/env python3
"""Runs the `run:` steps of a job of .github/workflows on this machine, in order, as GitHub's runner would.

    build/delivery/bin/python tests/delivery/runner.py ci part matrix.part=lint

Steps with `uses:` are printed and skipped: the tree is checked out, and the machine has its tools. It evaluates expressions that
are dotted names: they are looked up in what the command line sets, in the matrix, in `env` and in the outputs of earlier steps.
Of conditions it knows `always()`, `failure()` and `success()`. Anything else stops it: it guesses nothing.
"""

import itertools
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]
WORKFLOWS = ROOT / ".github/workflows"
EXPRESSION = re.compile(r"\$\{\{\s*(.*?)\s*\}\}")


class Unknown(Exception):
    """An expression or a condition that the runner does not know."""


@dataclass
class Step:
    name: str
    command: str
    status: int


@dataclass
class Job:
    """One job of a workflow, for one combination of its matrix."""

    workflow: dict
    job: dict
    context: dict[str, str]
    outputs: dict[str, str] = field(default_factory=dict)

    def resolve(self, text: object) -> str:
        """Replaces the expressions in a text."""
        text = str(text).lower() if isinstance(text, bool) else str(text)
        return EXPRESSION.sub(lambda match: self.look_up(match[1]), text)

    def look_up(self, name: str) -> str:
        known = self.context | self.outputs
        if name not in known:
            raise Unknown(f"${{{{ {name} }}}}: set it with {name}=…")
        return known[name]

    def wanted(self, step: dict, failed: bool) -> bool:
        condition = str(step.get("if", "success()")).removeprefix("${{").removesuffix("}}").strip()
        try:
            return {"always()": True, "success()": not failed, "failure()": failed}[condition]
        except KeyError:
            raise Unknown(f"if: {condition}") from None

    def environment(self, step: dict) -> dict[str, str]:
        environment: dict[str, str] = {}
        for level in (self.workflow, self.job, step):
            for name, value in level.get("env", {}).items():
                environment[name] = self.resolve(value)
        return environment

    def run(self, folder: Path, further: dict[str, str]) -> Iterator[Step]:
        """Runs the steps one by one; after a failure only those whose condition asks for it."""
        failed = False
        for step in self.job["steps"]:
            if not self.wanted(step, failed):
                continue
            if "uses" in step:
                yield Step(f"left out: {step['uses']}", "", 0)
                continue
            command = self.resolve(step["run"])
            name = self.resolve(step.get("name", command))
            status = self.execute(step, command, folder, further)
            failed = failed or status != 0
            yield Step(name, command, status)

    def execute(self, step: dict, command: str, folder: Path, further: dict[str, str]) -> int:
        with tempfile.TemporaryDirectory() as scratch:
            written = Path(scratch) / "output"
            written.touch()
            environment = os.environ | further | self.environment(step) | {"CI": "true", "GITHUB_OUTPUT": str(written)}
            # Like GitHub's runner: a step that names no shell has no pipefail.
            shell = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c"] if step.get("shell") == "bash" else ["bash", "-e", "-c"]
            where = folder / self.resolve(step.get("working-directory", "."))
            status = subprocess.run([*shell, command], cwd=where, env=environment, stdin=subprocess.DEVNULL).returncode
            for line in written.read_text().splitlines():
                name, value = line.split("=", 1)
                self.outputs[f"steps.{step['id']}.outputs.{name}"] = value
        return status


def combinations(job: dict) -> list[dict[str, str]]:
    """The values of `matrix.…` in each job that a matrix makes."""
    matrix = dict(job.get("strategy", {}).get("matrix", {}))
    include = matrix.pop("include", [])
    product = [dict(zip(matrix, values)) for values in itertools.product(*matrix.values())] if matrix else []
    alone = []
    for entry in include:
        # An `include` adds to the combinations that it matches; if it matches none, it is one itself.
        agreeing = [row for row in product if all(row[name] == value for name, value in entry.items() if name in matrix)]
        for row in agreeing:
            row.update(entry)
        if not agreeing:
            alone.append(entry)
    rows = product + alone or [{}]
    return [{f"matrix.{name}": str(value) for name, value in row.items()} for row in rows]


def load(path: Path) -> dict:
    return yaml.safe_load(path.read_text())


def jobs(path: Path, name: str, context: dict[str, str]) -> list[Job]:
    """The jobs of this name whose matrix matches what is set."""
    workflow = load(path)
    job = workflow["jobs"][name]
    agreeing = [row for row in combinations(job) if all(context.get(key, value) == value for key, value in row.items())]
    return [Job(workflow, job, context | row) for row in agreeing]


def main(workflow: str, name: str, *settings: str) -> int:
    context = dict(setting.split("=", 1) for setting in settings)
    found = jobs(WORKFLOWS / f"{workflow}.yml", name, context)
    if not found:
        print(f"no job {name} of {workflow} has {' '.join(settings)}", file=sys.stderr)
        return 2
    failed = 0
    for job in found:
        for step in job.run(ROOT, {}):
            print(f"{'ok' if step.status == 0 else 'FAILED'}  {step.name}", flush=True)
            failed += step.status != 0
    return 1 if failed else 0


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    try:
        sys.exit(main(*sys.argv[1:]))
    except Unknown as unknown:
        sys.exit(f"unknown: {unknown}")
