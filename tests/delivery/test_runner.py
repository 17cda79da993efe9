"""The runner of workflows' steps: order, environment, outputs, conditions, and that it guesses nothing."""

from pathlib import Path

import pytest

from repository import ROOT, run
from runner import Unknown, combinations, jobs


def ran(tmp_path: Path, steps: str, context: dict[str, str] | None = None, head: str = "") -> tuple[list[tuple[str, int]], str]:
    """Names and statuses of the steps, and what they wrote into `log`."""
    workflow = tmp_path / "workflow.yml"
    workflow.write_text(f"name: w\nenv: {{A: workflow, B: workflow, C: workflow}}\njobs:\n  j:\n    env: {{B: job, C: job}}\n{head}    steps:\n{steps}")
    (log := tmp_path / "log").touch()
    done = [(step.name, step.status) for job in jobs(workflow, "j", context or {}) for step in job.run(tmp_path, {})]
    return done, log.read_text()


def test_steps_run_in_order_and_the_nearest_environment_counts(tmp_path):
    steps, log = ran(tmp_path, """
      - uses: actions/checkout@v7
      - name: first
        run: echo "$A $B $C" >>log
        env: {C: step}
      - run: echo second >>log
    """)
    assert steps == [("left out: actions/checkout@v7", 0), ("first", 0), ("echo second >>log", 0)]
    assert log == "workflow job step\nsecond\n"


def test_after_a_failure_only_those_run_that_ask_for_it(tmp_path):
    steps, log = ran(tmp_path, """
      - run: exit 3
      - run: echo never >>log
      - {if: "failure()", run: echo on failure >>log}
      - {if: "${{ always() }}", run: echo always >>log}
    """)
    assert [status for _, status in steps] == [3, 0, 0]
    assert log == "on failure\nalways\n"


def test_each_line_of_a_step_has_to_succeed(tmp_path):
    steps, log = ran(tmp_path, """
      - run: |
          false
          echo never >>log
    """)
    assert (steps[0][1], log) == (1, "")


def test_outputs_reach_later_steps(tmp_path):
    _, log = ran(tmp_path, """
      - {id: one, run: echo "digest=sha256:1" >>"$GITHUB_OUTPUT"}
      - {run: 'echo "$D" >>log', env: {D: "of ${{ steps.one.outputs.digest }}"}}
    """)
    assert log == "of sha256:1\n"


def test_a_matrix_makes_several_jobs_of_one(tmp_path):
    head = "    strategy: {matrix: {part: [a, b]}}\n"
    step = "      - run: echo ${{ matrix.part }} ${{ github.ref_name }} >>log\n"
    assert ran(tmp_path, step, {"github.ref_name": "v1"}, head)[1] == "a v1\nb v1\n"
    assert ran(tmp_path, step, {"github.ref_name": "v1", "matrix.part": "b"}, head)[1].endswith("b v1\n")
    assert combinations({"strategy": {"matrix": {"include": [{"on": "x"}, {"on": "y"}]}}}) == [{"matrix.on": "x"}, {"matrix.on": "y"}]
    more = {"part": ["a", "b"], "include": [{"part": "b", "may": "all"}, {"part": "c"}]}
    assert combinations({"strategy": {"matrix": more}}) == [{"matrix.part": "a"}, {"matrix.part": "b", "matrix.may": "all"}, {"matrix.part": "c"}]


@pytest.mark.parametrize("step", ["run: echo ${{ github.ref }}", "{run: echo, if: github.ref == 'x'}", "{run: echo, env: {A: '${{ secrets.A }}'}}"])
def test_what_it_does_not_know_stops_it(tmp_path, step):
    with pytest.raises(Unknown):
        ran(tmp_path, f"      - {step}\n")


def test_the_command_line_runs_a_job_and_fails_with_it(tmp_path):
    python, runner = str(ROOT / "build/delivery/bin/python"), str(ROOT / "tests/delivery/runner.py")
    assert run(python, runner).stderr.startswith("Runs the `run:` steps")
    assert "no job part of ci has" in run(python, runner, "ci", "part", "matrix.part=none").stderr
    (tmp_path / "make").write_text("#!/bin/sh\necho make \"$@\"\nexit 1\n")
    (tmp_path / "make").chmod(0o755)
    failing = run(python, runner, "ci", "part", "matrix.part=lint", env={"PATH": f"{tmp_path}:/usr/bin:/bin"})
    assert failing.returncode == 1
    assert "make lint\n" in failing.stdout and "FAILED  make lint\n" in failing.stdout
