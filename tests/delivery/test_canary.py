"""k8s/canary, when something other than the canary itself fails: helm, the rollout, or an interruption.

`helm` and `kubectl` are stand-ins that keep the values of one release, and the bank is a wallet in this process. Canaries behind a
real Traefik are in k8s/tests/cluster.
"""

import json
import os
import signal
import subprocess
import sys
import threading
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from repository import ROOT

HELM = """
import json, os, pathlib, sys
folder = pathlib.Path(os.environ["FOLDER"])
values = json.loads((folder / "values").read_text())
verb = sys.argv[1:3]
if verb == ["get", "values"]:
    print(json.dumps(values))
elif verb == ["get", "metadata"]:
    print(json.dumps({"version": os.environ["VERSION"], "appVersion": "1.0"}))
elif verb == ["show", "chart"]:
    print("name: money-bank\\nversion: 0.1.0")
else:
    sets = [word for word in sys.argv if "=" in word and not word.startswith("-")]
    with open(folder / "upgrades", "a") as log:
        log.write(" ".join(sets) + "\\n")
    locked = folder / "locked"
    if locked.exists() and any("weight=0" in word for word in sets) and values["canary"].get("weight", "0") != "0":
        locked.unlink()
        sys.exit("another operation (install/upgrade/rollback) is in progress")
    for word in sets:
        place, value = word.split("=", 1)
        *path, last = place.split(".")
        inner = values
        for name in path:
            inner = inner.setdefault(name, {})
        inner[last] = {"true": True, "false": False}.get(value, value)
    (folder / "values").write_text(json.dumps(values))
"""
KUBECTL = """
import os, sys
if "rollout" in sys.argv and "deployment/" + os.environ.get("STUCK", "-") in sys.argv:
    sys.exit("error: timed out waiting for the condition")
print('{"spec": {"replicas": 2}}')
"""


class Wallet(BaseHTTPRequestHandler):
    """Deposits and withdrawals under idempotency keys, answered as the bank does, or by `answer`."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.say()

    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
        key, sign = self.headers["idempotency-key"], 1 if self.path == "/v1/deposit" else -1
        if key not in self.server.keys:
            self.server.keys.add(key)
            self.server.balance += sign * Decimal(asked["amount"])
        self.say()

    def say(self):
        body = self.server.answer or json.dumps({"balance": str(self.server.balance)}).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(body) + self.server.cut))
        self.end_headers()
        self.wfile.write(body)
        if self.server.cut:
            self.close_connection = True

    def log_message(self, *_):
        pass


class Release:
    """A release of chart 0.1.0 without an image tag of its own, and the wallet behind it."""

    def __init__(self, folder):
        self.folder = folder
        (folder / "values").write_text(json.dumps({"image": {"tag": "", "digest": ""}, "canary": {"enabled": False}}))
        for name, text in {"helm": HELM, "kubectl": KUBECTL}.items():
            (folder / name).write_text(f"#!{sys.executable}{text}")
            (folder / name).chmod(0o755)
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Wallet)
        self.server.balance, self.server.keys, self.server.answer, self.server.cut = Decimal("7.00"), set(), None, 0
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def begin(self, **environment):
        usual = {"STEPS": "5 100", "STEP_SECONDS": "1", "PATIENCE": "30", "VERSION": "0.1.0", "FOLDER": str(self.folder)}
        usual |= {"URL": f"http://127.0.0.1:{self.server.server_port}", "PATH": f"{self.folder}:{os.environ['PATH']}"}
        words = [ROOT / "k8s/canary", "start", "1.1"]
        return subprocess.Popen(words, env=os.environ | usual | environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def start(self, **environment):
        process = self.begin(**environment)
        said, _ = process.communicate(timeout=60)
        return process.returncode, said

    @property
    def values(self):
        return json.loads((self.folder / "values").read_text())

    def is_as_before(self):
        assert self.values["image"] == {"tag": "1.0", "digest": ""}
        assert self.values["canary"]["enabled"] is False and self.values["canary"]["weight"] == "0"


@pytest.fixture
def release(tmp_path):
    made = Release(tmp_path)
    yield made
    made.server.shutdown()


def test_one_that_fits_becomes_the_release(release):
    code, said = release.start()
    assert code == 0, said
    assert release.values["image"] == {"tag": "1.1", "digest": ""} and release.values["canary"]["enabled"] is False


def test_a_release_that_does_not_roll_out_gets_its_image_back(release):
    code, said = release.start(STUCK="bank")
    assert code == 1 and "taken back: " in said, said
    release.is_as_before()


@pytest.mark.parametrize("answer", [b"null", b"{}", b'{"balance":"much"}', b'{"error":"no"}'])
def test_an_answer_without_a_balance_is_a_failure(release, answer):
    release.server.answer = answer
    code, said = release.start()
    assert code == 1 and "answers failed" in said, said
    release.is_as_before()


def test_an_answer_that_is_cut_short_is_a_failure(release):
    release.server.cut = 10
    code, said = release.start()
    assert code == 1 and "answers failed" in said, said
    release.is_as_before()


def test_whoever_ends_the_script_takes_the_canary_back(release):
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        process = release.begin(STEP_SECONDS="30")
        assert process.stdout.readline() == "5 %\n"
        process.send_signal(number)
        said, _ = process.communicate(timeout=60)
        assert process.returncode == 1 and f"it got {number.name}" in said, said
        release.is_as_before()


def test_a_helm_that_is_locked_for_a_moment_is_asked_again(release):
    (release.folder / "locked").touch()
    release.server.answer = b"{}"
    code, said = release.start()
    assert code == 1 and "once more in a moment" in said, said
    release.is_as_before()


@pytest.mark.parametrize(
    ("environment", "why"),
    [
        ({"STEPS": "5 25%"}, "25%"),
        ({"VERIFY": "no-such-program --user"}, "no-such-program"),
        ({"VERSION": "0.0.9"}, "another one"),
    ],
)
def test_what_is_set_wrong_is_said_before_anything_changes(release, environment, why):
    code, said = release.start(**environment)
    assert code == 1 and said.startswith("nothing was changed: ") and why in said, said
    assert not (release.folder / "upgrades").exists()


def test_no_second_canary_begins_beside_one(release):
    (release.folder / "values").write_text(json.dumps({"image": {"tag": "1.0"}, "canary": {"enabled": True}}))
    code, said = release.start()
    assert code == 1 and "has a canary" in said, said
    assert not (release.folder / "upgrades").exists()
