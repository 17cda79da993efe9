"""What deploy.yml does to a cluster: which identity it has there, and that it rolls back when a rollout fails.

Mechanism: `helm` and `kubectl` are stubs that write down their arguments, and fail where a test says so. GitHub's issuer is a server of
the test. k8s/tests/cluster proves `make deploy` on a real control plane. Needs: curl, jq.
"""

import base64
import json
import re
import shutil
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from subprocess import CompletedProcess
from urllib.parse import parse_qs, urlsplit

import pytest
import yaml

from repository import ROOT, run, succeed
from runner import WORKFLOWS, load

HELM = """#!/bin/sh
echo "helm $*" >>"$STUBS/asked"
test "$1" != upgrade || cp -r "$4" "$STUBS/chart"
case "$1" in
  status) cat "$STUBS/status"; ! grep -q 'not found' "$STUBS/status" ;;
  template) printf 'kind: SpinApp\\nmetadata:\\n  name: bank\\n' ;;
  *) ! grep -q "^$1$" "$STUBS/failing" ;;
esac
"""
# The deployed release does not become ready; after a rollback it does.
KUBECTL = """#!/bin/sh
case "$*" in
  *"rollout status deployment"*) ! grep -q '^rollout$' "$STUBS/failing" || grep -q 'helm rollback' "$STUBS/asked" && ! grep -q '^rollback comes up$' "$STUBS/failing" ;;
esac
"""


def deploy(tree: Path, folder: Path, there: str, failing: list[str], **settings: str) -> tuple[CompletedProcess, list[str]]:
    """The output of `k8s/deploy`, and the changes that it asked Helm for."""
    for name, text in {"helm": HELM, "kubectl": KUBECTL, "status": there, "failing": "\n".join(failing) + "\n", "asked": ""}.items():
        (folder / name).write_text(text)
        (folder / name).chmod(0o755)
    done = run("k8s/deploy", folder=tree, env={"PATIENCE": "1"} | settings | {"STUBS": str(folder), "PATH": f"{folder}:/usr/bin:/bin"})
    changes = ("helm upgrade", "helm rollback", "helm uninstall")
    return done, [line for line in (folder / "asked").read_text().splitlines() if line.startswith(changes)]


UPGRADE, BACK, GONE = "helm upgrade --install bank", "helm rollback bank 7", "helm uninstall bank --namespace"
THERE, NONE = "NAME: bank\nREVISION: 7\n", "Error: release: not found\n"


@pytest.mark.parametrize(
    ("there", "failing", "rollback", "asked", "sentence"),
    [
        (THERE, [], "yes", [UPGRADE], ""),
        (THERE, ["rollout"], "yes", [UPGRADE, BACK], "The deployment failed, and was rolled back: revision 7 runs again."),
        (THERE, ["upgrade"], "yes", [UPGRADE, BACK], "The deployment failed, and was rolled back: revision 7 runs again."),
        (THERE, ["rollout", "rollback comes up"], "yes", [UPGRADE, BACK], "The rollback to revision 7 failed too"),
        (THERE, ["rollout", "rollback"], "yes", [UPGRADE, BACK], "The rollback to revision 7 failed too"),
        (THERE, ["rollout"], "no", [UPGRADE], "does not come up"),
        (THERE, ["upgrade"], "no", [UPGRADE], "The upgrade failed"),
        (NONE, ["rollout"], "yes", [UPGRADE], "does not come up"),
        (NONE, ["upgrade"], "yes", [UPGRADE, GONE], "The installation failed"),
    ],
)
def test_a_deployment_that_fails_goes_back_where_it_is_asked_to(tree, tmp_path, there, failing, rollback, asked, sentence):
    done, changes = deploy(tree, tmp_path, there, failing, IMAGE="registry/bank", TAG="1", PUSH="no", ROLLBACK=rollback)
    assert [" ".join(line.split()[:4]) for line in changes] == asked, done.stderr
    assert sentence in done.stderr
    assert (done.returncode == 0) == (not failing)


def test_the_bank_that_is_pushed_names_its_commit(tree, tmp_path):
    """The image is built without the repository, so it is given the commit."""
    (tmp_path / "docker").write_text('#!/bin/sh\necho "docker $*" >>"$STUBS/built"\n')
    (tmp_path / "docker").chmod(0o755)
    deploy(tree, tmp_path, NONE, [], IMAGE="registry/bank", TAG="1", RUNTIME="bank")
    head = succeed("git", "rev-parse", "--short=12", "HEAD", folder=tree).strip()
    assert f"--build-arg BANK_COMMIT={head} " in (tmp_path / "built").read_text()


def test_compose_builds_a_bank_that_names_the_commit_it_is_told():
    told = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]["bank"]["build"]["args"]
    assert told == {"BANK_COMMIT": "${BANK_COMMIT:-}"}


APP, BANK = (f"sha256:{digit * 64}" for digit in "ab")


def kept(tree: Path, folder: Path) -> str:
    """The files that `make verify-release` keeps, from a release whose chart differs from the tree's."""
    (folder / "kept").mkdir()
    (folder / "kept/images.json").write_text(json.dumps({"app": APP, "bank": BANK}))
    shutil.copytree(tree / "k8s/chart", folder / "money-bank")
    (folder / "money-bank/of-the-release").touch()
    succeed("tar", "--create", "--gzip", "--file", "kept/money-bank-1.2.3-rc.1.tgz", "money-bank", folder=folder)
    return str(folder / "kept")


@pytest.mark.parametrize(("runtime", "image"), [("", f"money-bank@{APP}"), ("spinkube", f"money-bank@{APP}"), ("bank", f"money-bank-bank@{BANK}")])
def test_a_release_is_deployed_by_the_digests_that_were_verified(tree, tmp_path, runtime, image):
    done, (upgrade,) = deploy(tree, tmp_path, NONE, [], RELEASE=kept(tree, tmp_path), REGISTRY="there/Us", RUNTIME=runtime)
    assert done.returncode == 0, done.stderr
    given = dict(setting.split("=", 1) for setting in upgrade.split() if "=" in setting)
    assert f"{given['image.repository']}@{given['image.digest']}" == f"there/us/{image}"
    assert given["image.tag"] == "1.2.3-rc.1"
    assert given["backup.image"] == f"there/us/money-bank-bank@{BANK}"


def test_a_release_is_deployed_by_its_own_chart_and_the_values_in_it(tree, tmp_path):
    """The tree's chart is another commit's, or unsigned."""
    done, (upgrade,) = deploy(tree, tmp_path, NONE, [], RELEASE=kept(tree, tmp_path), REGISTRY="there/us", CONTROLLER="traefik")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "chart/of-the-release").exists()
    chart = upgrade.split()[4]
    assert re.findall(r"--values (\S+)", upgrade) == [f"{chart}/values-dev.yaml", f"{chart}/controllers/traefik.yaml"]
    assert not Path(chart).exists(), "it leaves nothing behind"


@pytest.mark.parametrize("images", [None, "", "{}", '{"app": "latest", "bank": "latest"}'])
def test_a_release_without_digests_is_not_deployed_by_its_tag(tree, tmp_path, images):
    (tmp_path / "kept").mkdir()
    if images is not None:
        (tmp_path / "kept/images.json").write_text(images)
    done, changes = deploy(tree, tmp_path, NONE, [], RELEASE=str(tmp_path / "kept"), REGISTRY="there/us", IMAGE="there/us/money-bank", TAG="1")
    assert done.returncode != 0 and changes == []
    assert "Nothing was changed. RELEASE is the folder of KEEP=" in done.stderr


def test_deploy_yml_deploys_what_it_verified_by_programs_that_are_not_the_release_s_own():
    """An attacker who can push a tag would supply a `make verify-release` that accepts everything, with a token for the cluster at hand."""
    steps = load(WORKFLOWS / "deploy-to.yml")["jobs"]["deploy"]["steps"]
    assert [step["with"] for step in steps if "uses" in step] == [{"persist-credentials": False}], "the tree of the workflow itself"
    asked = {step["run"]: step.get("env", {}) for step in steps if "run" in step}
    assert list(asked) == ["make registry-login", "make verify-release", "make kubeconfig", "make deploy"]
    assert asked["make verify-release"]["KEEP"] == asked["make deploy"]["RELEASE"]
    assert not {"IMAGE", "TAG"} & set(asked["make deploy"])


@pytest.fixture
def issuer():
    """GitHub's issuer: gives a token for an audience to clients that have the request key."""

    def part(value: object) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")

    class Issuer(BaseHTTPRequestHandler):
        def do_GET(self):
            allowed = self.headers["authorization"] == "bearer asking-key"
            audience = parse_qs(urlsplit(self.path).query)["audience"][0]
            self.send_response(200 if allowed else 401)
            self.end_headers()
            self.wfile.write(json.dumps({"value": f"{part({'alg': 'RS256'})}.{part({'aud': audience, 'exp': 1_800_000_000, 'é': '?>~'})}.c2ln"}).encode())

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", 0), Issuer)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/token?api-version=2.0"
    server.shutdown()


def user(folder: Path, audience: str = "") -> list[str]:
    """The command by which the kubeconfig gets its identity."""
    file = folder / "of/it/kubeconfig"
    succeed("make", "kubeconfig", env={"KUBECONFIG": str(file), "CLUSTER": "https://cluster:6443", "CLUSTER_CA": "a\nb", "AUDIENCE": audience})
    config = yaml.safe_load(file.read_text())
    cluster = config["clusters"][0]["cluster"]
    assert cluster["server"] == "https://cluster:6443"
    assert base64.b64decode(cluster["certificate-authority-data"]) == b"a\nb\n"
    how = config["users"][0]["user"]["exec"]
    return [how["command"], *how["args"]]


@pytest.mark.parametrize(("audience", "asked"), [("", "https://cluster:6443"), ("bank & prod", "bank & prod")])
def test_a_job_shows_the_cluster_a_token_of_github(tmp_path, issuer, audience, asked):
    said = json.loads(succeed(*user(tmp_path, audience), env={"ACTIONS_ID_TOKEN_REQUEST_URL": issuer, "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "asking-key"}))
    assert said["kind"] == "ExecCredential"
    assert said["status"]["expirationTimestamp"] == "2027-01-15T07:59:30Z"
    claims = said["status"]["token"].split(".")[1]
    assert json.loads(base64.urlsafe_b64decode(claims + "=="))["aud"] == asked


def test_without_a_token_it_says_so(tmp_path, issuer):
    refused = run(*user(tmp_path), env={"ACTIONS_ID_TOKEN_REQUEST_URL": issuer, "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "another"})
    assert refused.returncode != 0 and "401" in refused.stderr
    assert "permission id-token" in run(*user(tmp_path)).stderr
    assert "CLUSTER is not set" in run(str(ROOT / "k8s/kubeconfig"), str(tmp_path / "k")).stderr
