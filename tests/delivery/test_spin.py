"""Which Spin `scripts/get-spin` fetches: the newest one at night, and for a release the one that release/spin.sha256 names.

Scenario: a download of Spin is changed, cut off, or of another version than the named one. Mechanism: a server of the test stands in for
GitHub, and a stub for Spin. Needs: curl.
"""

import hashlib
import io
import re
import tarfile
import threading
from functools import partial
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from repository import read, run, succeed


def archive(program: str) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as files:
        for name, text in {"README.md": "", "spin": program}.items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(text), 0o755
            files.addfile(entry, io.BytesIO(text.encode()))
    return packed.getvalue()


class Releases(BaseHTTPRequestHandler):
    """The releases' pages: `latest` redirects to the newest tag, as on GitHub."""

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
def got(tree):
    """The output of `scripts/get-spin` for releases with these files."""
    servers = []

    def ask(files: dict[str, bytes], tag: str = "v4.2.0", which: str = "newest"):
        servers.append(server := HTTPServer(("127.0.0.1", 0), partial(Releases, files, tag)))
        threading.Thread(target=server.serve_forever, daemon=True).start()
        return run("scripts/get-spin", *filter(None, [which]), folder=tree, env={"SPIN_RELEASES": f"http://127.0.0.1:{server.server_port}"})

    yield ask
    for server in servers:
        server.shutdown()


NAME = f"spin-v4.2.0-linux-{succeed('uname', '-m').strip().replace('x86_64', 'amd64')}.tar.gz"
STUB = archive("#!/bin/sh\necho spin 4.2.0\n")


def sums(content: bytes, name: str = NAME) -> bytes:
    return f"{hashlib.sha256(content).hexdigest()}  {name}\n{'0' * 64}  spin-v4.2.0-windows-amd64.zip\n".encode()


def test_the_newest_spin_is_what_its_checksum_says(got, tree):
    said = got({NAME: STUB, "checksums-v4.2.0.txt": sums(STUB)})
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
def test_any_other_than_the_newest_is_not_kept(got, tree, files, tag, sentence):
    said = got(files, tag)
    assert said.returncode != 0 and sentence in said.stderr, said.stderr
    assert not (tree / "build/spin/spin").exists()


def named(tree, content: bytes, name: str = NAME) -> None:
    (tree / "release/spin.sha256").write_text(f"{hashlib.sha256(content).hexdigest()}  {name}\n")


def test_a_release_is_pushed_with_the_spin_that_is_named_though_there_is_a_newer_one(got, tree):
    named(tree, STUB)
    said = got({NAME: STUB}, tag="v4.3.0", which="")
    assert said.stdout == "spin 4.2.0\n", said.stderr
    assert [file.name for file in (tree / "build/spin").iterdir()] == ["spin"]


@pytest.mark.parametrize(
    ("content", "name", "sentence"),
    [
        (archive("another"), NAME, f"{NAME} is not what spin.sha256 says"),
        (STUB, NAME.replace("linux", "macos"), "spin.sha256 names no release"),
    ],
)
def test_any_other_than_the_one_that_is_named_is_not_kept(got, tree, content, name, sentence):
    """Even if the release vouches for it: an attacker who changes a program there changes its checksums too."""
    named(tree, content, name)
    (tree / "build/spin").mkdir(parents=True)
    (tree / "build/spin/spin").touch()
    said = got({NAME: STUB, "checksums-v4.2.0.txt": sums(STUB)}, which="")
    assert said.returncode != 0 and sentence in said.stderr, said.stderr
    assert not (tree / "build/spin/spin").exists()


def test_the_spin_of_a_release_is_named_for_both_kinds_of_machine():
    names = re.findall(r"^[0-9a-f]{64}  spin-(v[0-9.]+)-linux-(\w+)\.tar\.gz$", read("release/spin.sha256"), re.MULTILINE)
    assert len({version for version, _ in names}) == 1
    assert {machine for _, machine in names} == {"amd64", "aarch64"}
