"""What the nightly workflow stands on, and cannot be had here: the newest Spin, and a history of nights.

Scenario: a release of Spin is there, changed or cut off; a night is measured, and measured again. Mechanism: a server of the test's own in
place of GitHub, with a stub in place of Spin; figures in place of a quarter of an hour of `make bench`. Needs: curl.
"""

import hashlib
import io
import json
import tarfile
import threading
from functools import partial
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from xml.etree import ElementTree

import pytest

from repository import ROOT, read, run, succeed


def archive(program: str) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as files:
        for name, text in {"README.md": "", "spin": program}.items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(text), 0o755
            files.addfile(entry, io.BytesIO(text.encode()))
    return packed.getvalue()


class Releases(BaseHTTPRequestHandler):
    """What is told of releases: the newest one's tag by where `latest` leads, as on GitHub."""

    def __init__(self, files: dict[str, bytes], tag: str, *arguments):
        self.files, self.tag = files, tag
        super().__init__(*arguments)

    def do_GET(self):
        content = self.files.get(self.path.rsplit("/", 1)[1])
        if self.path == "/latest":
            self.send_response(302)
            self.send_header("location", f"/tag/{self.tag}")
        else:
            self.send_response(200 if content or self.path.startswith("/tag/") else 404)
        self.end_headers()
        self.wfile.write(content or b"")

    def log_message(self, *_):
        pass


@pytest.fixture
def newest(tree):
    """`scripts/newest-spin`, before releases with these files."""
    servers = []

    def ask(files: dict[str, bytes], tag: str = "v4.2.0"):
        servers.append(server := HTTPServer(("127.0.0.1", 0), partial(Releases, files, tag)))
        threading.Thread(target=server.serve_forever, daemon=True).start()
        return run("scripts/newest-spin", folder=tree, env={"SPIN_RELEASES": f"http://127.0.0.1:{server.server_port}"})

    yield ask
    for server in servers:
        server.shutdown()


NAME = f"spin-v4.2.0-linux-{succeed('uname', '-m').strip().replace('x86_64', 'amd64')}.tar.gz"
STUB = archive("#!/bin/sh\necho spin 4.2.0\n")


def sums(content: bytes, name: str = NAME) -> bytes:
    return f"{hashlib.sha256(content).hexdigest()}  {name}\n{'0' * 64}  spin-v4.2.0-windows-amd64.zip\n".encode()


def test_the_newest_spin_is_what_its_checksum_says(newest, tree):
    said = newest({NAME: STUB, "checksums-v4.2.0.txt": sums(STUB)})
    assert said.stdout == "spin 4.2.0\n", said.stderr
    assert [file.name for file in (tree / "build/spin").iterdir()] == ["spin"]


@pytest.mark.parametrize(
    ("files", "tag", "sentence"),
    [
        ({NAME: archive("another"), "checksums-v4.2.0.txt": sums(STUB)}, "v4.2.0", "is not what checksums-v4.2.0.txt says"),
        ({NAME: STUB, "checksums-v4.2.0.txt": sums(STUB, "spin-v4.2.0-macos-amd64.tar.gz")}, "v4.2.0", "is not what checksums-v4.2.0.txt says"),
        ({NAME: STUB}, "v4.2.0", "404"),
        ({}, "canary", "leads to no release: canary"),
    ],
)
def test_any_other_is_not_kept(newest, tree, files, tag, sentence):
    said = newest(files, tag)
    assert said.returncode != 0 and sentence in said.stderr, said.stderr
    assert not (tree / "build/spin/spin").exists()


def measured(folder: Path, when: str, change: float = 1.0) -> list[dict]:
    """The history once the committed figures are measured again at this time; the bank is so many times as fast."""
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
