"""compose.yaml, as a user runs it: up, money, restarts, down.

Mechanism: podman-compose on podman, in namespaces that end with the tests (`engine apart`). The bank's image is the one of `make images`;
Redis, Node and the monitoring programs come from Debian's packages instead of Docker Hub. Without systemd nobody runs the healthchecks, so
the tests do; this version of podman can not wait for them.
"""

import json
import re
import shutil
from base64 import b64encode
from pathlib import Path
from urllib.parse import urlencode

import pytest

from http_answers import answer, eventually, read
from repository import ROOT, run, succeed

COMPOSE = (str(ROOT / "build/containers/bin/podman-compose"), "--in-pod=false")
IMAGES = {
    "BANK_IMAGE": "localhost/money-bank", "REDIS_IMAGE": "localhost/debian", "OIDC_IMAGE": "localhost/money-bank-oidc",
    "COLLECTOR_IMAGE": "localhost/collector", "REDIS_EXPORTER_IMAGE": "localhost/redis-exporter",
    "PROMETHEUS_IMAGE": "localhost/prometheus", "ALERTMANAGER_IMAGE": "localhost/alertmanager",
}  # fmt: skip
BANK, ISSUER = "http://localhost:3000", "http://localhost:3001"
PROMETHEUS, ALERTMANAGER = "http://localhost:9090", "http://localhost:9093"


class Project:
    """compose.yaml in a folder of its own, and what runs of it."""

    def __init__(self, folder: Path, profile: str = "", **settings: str):
        self.folder, self.settings = folder, IMAGES | settings
        self.options = ("--profile", profile) if profile else ()
        shutil.copy(ROOT / "compose.yaml", folder)
        shutil.copytree(ROOT / "observability/compose", folder / "observability/compose")
        self.secret = folder / "secrets/redis_url"

    def compose(self, *command: str) -> str:
        return succeed(*COMPOSE, *self.options, *command, folder=self.folder, env=self.settings)

    def up(self, *options: str) -> None:
        self.compose("up", "--detach", *options)
        self.serves()

    def serves(self) -> None:
        eventually(lambda: answer(BANK + "/readyz").status == 200)

    def inspect(self, service: str) -> dict:
        return json.loads(succeed("podman", "inspect", f"money-bank_{service}_1"))[0]


def deposit(amount: str, **headers: str):
    return answer(BANK + "/v1/deposit", {"amount": amount}, {"user_id": "alice"} | headers)


def balance() -> str:
    return answer(BANK + "/v1/wallet", headers={"user_id": "alice"}).body["balance"]


def healthy(service: str) -> bool:
    return run("podman", "healthcheck", "run", f"money-bank_{service}_1").returncode == 0


def secret_of_the_page(folder: Path, file: str = "redis_url") -> None:
    (line,) = re.findall(rf"^.* >secrets/{file}\b.*$", (ROOT / "docs/start.md").read_text(), re.MULTILINE)
    succeed("sh", "-euc", line, folder=folder)


@pytest.fixture(scope="module", autouse=True)
def image_of_the_bank():
    succeed("skopeo", "copy", f"oci:{ROOT}/build/images/bank", "containers-storage:localhost/money-bank")


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    made = Project(tmp_path_factory.mktemp("project"))
    secret_of_the_page(made.folder)
    yield made
    made.compose("down", "--volumes")


@pytest.fixture
def running(project):
    project.up()
    return project


def test_money_outlives_restarts_kills_and_being_taken_down(running):
    assert deposit("10.50").status == 200
    for ways in [("restart",)], [("kill", "--signal", "KILL", "redis"), ("start", "redis")], [("down",), ("up", "--detach")]:
        for way in ways:
            running.compose(*way)
        running.serves()
        assert balance() == "10.50", ways


def test_redis_lets_nobody_in_without_the_password(running):
    url = running.secret.read_text().strip()
    cli = ("podman", "exec", "money-bank_redis_1", "redis-cli", "-h", "redis")
    assert "NOAUTH" in succeed(*cli, "dbsize")
    assert "WRONGPASS" in run(*cli, "-a", "0" * 64, "dbsize").stderr
    assert succeed(*cli, "-u", url, "ping").strip() == "PONG"


def test_a_bank_with_another_password_moves_no_money(running):
    assert deposit("1").status == 200
    right = running.secret.read_text()
    running.secret.write_text("redis://default:wrong@redis:6379\n")
    running.compose("restart", "bank")
    eventually(lambda: answer(BANK + "/healthz").status == 200)
    statuses = answer(BANK + "/readyz").status, deposit("1").status
    running.secret.write_text(right)
    running.compose("restart", "bank")
    assert statuses == (503, 503)


def test_redis_writes_before_it_answers_and_throws_nothing_away(running):
    url = running.secret.read_text().strip()
    for name, value in {"appendonly": "yes", "appendfsync": "always", "maxmemory-policy": "noeviction"}.items():
        said = succeed("podman", "exec", "money-bank_redis_1", "redis-cli", "-u", url, "config", "get", name)
        assert said.split() == [name, value]


def test_who_is_healthy_says_so_and_who_is_not(running):
    assert healthy("bank") and healthy("redis")
    running.compose("stop", "redis")
    assert not healthy("bank")
    running.compose("start", "redis")


@pytest.mark.parametrize("service", ["bank", "redis"])
def test_nobody_is_root_has_a_capability_or_writes_to_its_root(running, service):
    is_confined(running.inspect(service))


def is_confined(state: dict) -> None:
    status = dict(re.findall(r"^(\w+):\s+(.*)$", Path(f"/proc/{state['State']['Pid']}/status").read_text(), re.MULTILINE))
    assert 0 not in map(int, status["Uid"].split() + status["Gid"].split())
    assert {status[name].strip("0") for name in ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"]} == {""}
    assert status["NoNewPrivs"] == "1"
    (root,) = [line for line in Path(f"/proc/{state['State']['Pid']}/mounts").read_text().splitlines() if line.split()[1] == "/"]
    assert root.split()[3].split(",")[0] == "ro"


def test_the_password_is_in_its_file_and_nowhere_else(running):
    password = re.fullmatch(r"redis://default:(\w{64})@redis:6379\n", running.secret.read_text())[1]
    for service in ["bank", "redis"]:
        state = running.inspect(service)
        process = Path(f"/proc/{state['State']['Pid']}")
        assert password not in json.dumps(state)
        assert password not in (process / "environ").read_text() + (process / "cmdline").read_text()
    assert password not in running.compose("logs")


def test_the_bank_is_reached_from_this_machine_alone(running):
    assert {port["HostIp"] for ports in running.inspect("bank")["NetworkSettings"]["Ports"].values() for port in ports} == {"127.0.0.1"}
    assert not any(running.inspect("redis")["NetworkSettings"]["Ports"].values())


@pytest.fixture
def with_issuer(project, tmp_path):
    # Both have the same name.
    project.compose("down", "--volumes")
    made = Project(tmp_path, "oidc", AUTH="jwt")
    assert "\nAUTH=jwt docker compose --profile oidc up" in (ROOT / "docs/start.md").read_text()
    secret_of_the_page(tmp_path)
    made.up()
    yield made
    made.compose("down", "--volumes")


def test_with_the_profile_oidc_the_bank_believes_its_tokens_alone(with_issuer):
    assert deposit("1").status == 401
    service = b64encode(b"teller:the-secret-of-every-service").decode()
    asked = urlencode({"grant_type": "client_credentials", "scope": "wallet:write"}).encode()
    token = answer(ISSUER + "/token", asked, {"authorization": f"Basic {service}"}).body["access_token"]
    moved = answer(BANK + "/v1/deposit", {"amount": "1"}, {"authorization": f"Bearer {token}"})
    assert (moved.status, moved.body.get("user")) == (200, "teller")


def test_with_the_profile_oidc_the_dashboard_signs_in_there(with_issuer):
    settings = read(BANK + "/settings.js")
    assert f'"issuer":"{ISSUER}"' in settings and '"client":"page"' in settings
    sign_in = {
        "client_id": "page", "redirect_uri": BANK + "/", "response_type": "code", "scope": "openid wallet:read",
        "code_challenge": "0" * 43, "code_challenge_method": "S256",
    }  # fmt: skip
    assert 'name="login"' in read(f"{ISSUER}/auth?{urlencode(sign_in)}")


@pytest.fixture(scope="module")
def watched(project, tmp_path_factory):
    project.compose("down", "--volumes")
    made = Project(tmp_path_factory.mktemp("watched"), "observability", OTEL_EXPORTER_OTLP_ENDPOINT="http://collector:4318")
    assert "\nOTEL_EXPORTER_OTLP_ENDPOINT=http://collector:4318 docker compose --profile observability up\n" in (ROOT / "docs/start.md").read_text()
    secret_of_the_page(made.folder)
    secret_of_the_page(made.folder, "redis_exporter.json")
    made.up()
    yield made
    made.compose("down", "--volumes")


def asked(expression: str) -> list[dict]:
    """Prometheus' current result for an expression."""
    said = answer(f"{PROMETHEUS}/api/v1/query?{urlencode({'query': expression})}")
    return said.body["data"]["result"] if said.status == 200 else []


def ringing() -> set[str]:
    """The alerts that fire at Alertmanager."""
    said = answer(ALERTMANAGER + "/api/v2/alerts")
    assert said.status == 200
    return {alert["labels"]["alertname"] for alert in said.body}


def test_with_the_profile_observability_a_deposit_is_counted_and_nobody_named(watched):
    assert deposit("7031.25", **{"idempotency-key": "order-4711"}).status == 200
    counted = 'bank_operations_total{namespace="money-bank", store="redis", kind="deposit", outcome="done"}'
    eventually(lambda: [found["value"][1] for found in asked(counted)] == ["1"])
    everything = json.dumps(asked('{__name__=~".+"}'))
    assert "bank_operations_total" in everything
    assert not [secret for secret in ("alice", "7031", "order-4711") if secret in everything]


def test_with_the_profile_observability_everybody_is_asked_and_every_rule_holds(watched):
    eventually(lambda: {found["metric"]["job"]: found["value"][1] for found in asked("up")} == {"collector": "1", "redis": "1"})
    # Metrics that `bank` sends itself, once a minute, besides those counted from its lines.
    eventually(lambda: asked('bank_instances{namespace="money-bank"}') != [], 90)
    groups = answer(PROMETHEUS + "/api/v1/rules").body["data"]["groups"]
    said = {rule["name"]: rule["health"] for group in groups for rule in group["rules"]}
    assert "BankRedisDown" in said and set(said.values()) == {"ok"}, said


@pytest.mark.parametrize("service", ["collector", "redis-exporter", "prometheus", "alertmanager"])
def test_nobody_who_watches_is_root_has_a_capability_or_writes_to_its_root(watched, service):
    is_confined(watched.inspect(service))


def test_the_exporter_may_ask_how_redis_is_and_nothing_else(watched):
    (password,) = set(json.loads((watched.folder / "secrets/redis_exporter.json").read_text()).values())
    assert password not in watched.secret.read_text()
    cli = ("podman", "exec", "money-bank_redis_1", "redis-cli", "-u", f"redis://exporter:{password}@redis:6379")
    assert "redis_version" in succeed(*cli, "info", "server")
    for command in [("get", "x"), ("keys", "*"), ("config", "get", "requirepass"), ("slowlog", "get"), ("acl", "list"), ("flushall",)]:
        assert "NOPERM" in succeed(*cli, *command), command
    for service in ["redis", "redis-exporter"]:
        state = watched.inspect(service)
        process = Path(f"/proc/{state['State']['Pid']}")
        assert password not in json.dumps(state) + (process / "environ").read_text() + (process / "cmdline").read_text()


def test_an_alert_rings_when_redis_is_stopped_and_is_gone_after(watched):
    eventually(lambda: [found["value"][1] for found in asked("redis_up")] == ["1"])
    assert "BankRedisDown" not in ringing()
    watched.compose("stop", "redis")
    eventually(lambda: "BankRedisDown" in ringing(), 240)
    watched.compose("start", "redis")
    eventually(lambda: "BankRedisDown" not in ringing(), 120)
