"""The history of nights that the nightly workflow keeps.

Scenario: a night is measured, and measured again. Mechanism: given figures replace a quarter of an hour of `make bench`.
"""

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest

from repository import ROOT, read, succeed


def measured(folder: Path, when: str, change: float = 1.0) -> list[dict]:
    """The history after the committed figures are measured again at this time, with the bank faster by this factor."""
    results = json.loads(read("bench/results/results.json"))
    results["machine"]["when"] = when
    for entry in results["compare"]["runs"]:
        if entry["server"] == "bank redis":
            entry["per_second"] *= change
    (folder / "results.json").write_text(json.dumps(results))
    succeed("python3", str(ROOT / "bench/history.py"), "--results", str(folder / "results.json"), "--folder", str(folder / "history"))
    return [json.loads(line) for line in (folder / "history/history.jsonl").read_text().splitlines()]


def test_each_night_is_added_once_and_drawn(tmp_path):
    measured(tmp_path, "2026-11-01 01:30 UTC")
    measured(tmp_path, "2026-11-02 01:30 UTC", 2.0)
    history = measured(tmp_path, "2026-11-02 01:30 UTC", 2.0)
    assert [line["when"] for line in history] == ["2026-11-01 01:30 UTC", "2026-11-02 01:30 UTC"]
    first, second = (line["figures"] for line in history)
    assert first and all(second[scenario] == pytest.approx(2 * ratio, rel=0.01) for scenario, ratio in first.items())
    drawing = ElementTree.parse(tmp_path / "history/history.svg").getroot()
    titles = [title.text for title in drawing.iter("{http://www.w3.org/2000/svg}title")]
    assert sum("2026-11-02" in title for title in titles) == len(second)
    assert len([line for line in drawing.iter("{http://www.w3.org/2000/svg}polyline") if len(line.get("points").split()) == 2]) == len(first)
