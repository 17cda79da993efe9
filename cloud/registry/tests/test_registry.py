"""A registry of compose.yaml, and nodes that pull from it.

Scenario: a registry with a certificate that nobody trusts; a node gets its authority by the Ansible role. Mechanism: podman-compose
on podman runs the real registry. The node is Debian's containerd, called as a kubelet calls it, and by ctr. All of it runs in namespaces
that end with the tests (`engine apart`), with an /etc of their own (`apart`), so the role writes the files that it writes on a node.
"""

import os
import re
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from node import CONFIG, Node, play

ROOT = Path(__file__).parents[3]
REGISTRY = ROOT / "cloud/registry"
HOST = "registry.test:5000"
USER, PASSWORD = "ci", "correct horse"
LOGIN = f"{USER}:{PASSWORD}"
BUNDLE = Path("/etc/ssl/certs/ca-certificates.crt")
AS_INSTALLED = Path("/run/as-installed")
IMAGE = f"{HOST}/money-bank:1"


def run(*command: str, folder: Path = ROOT, **options) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, **options)


def succeed(*command: str, **options) -> str:
    done = run(*command, **options)
    assert done.returncode == 0, f"{command} failed:\n{done.stdout}{done.stderr}"
    return done.stdout


class Registry:
    """cloud/registry in a folder of its own, and what runs of it."""

    def __init__(self, folder: Path, *files: str, **settings: str):
        self.folder, self.settings = folder, settings | {"REGISTRY_IMAGE": "localhost/registry"}
        self.files = [part for file in ("compose.yaml", *files) for part in ("--file", file)]
        for name in ["compose.yaml", "s3.yaml", "config.yml", "certificates"]:
            shutil.copy(REGISTRY / name, folder)
        self.certify(PASSWORD)
        # Skopeo takes a key beside an authority for a client's key.
        self.trust = folder / "trust"
        self.trust.mkdir()
        shutil.copy(folder / "secrets/ca.crt", self.trust)

    def certify(self, password: str) -> None:
        succeed(str(self.folder / "certificates"), HOST.split(":")[0], USER, input=password)

    def compose(self, *command: str) -> str:
        compose = (str(ROOT / "build/registry/bin/podman-compose"), "--in-pod=false", *self.files, "--profile", "gc")
        return succeed(*compose, *command, folder=self.folder, env=os.environ | self.settings)

    def start(self) -> None:
        self.compose("up", "--detach", "registry")
        end = time.monotonic() + 30
        while self.status() != "401":
            assert time.monotonic() < end, self.compose("logs", "registry")
            time.sleep(0.2)

    def status(self, *options: str) -> str:
        """The status of the API's root; 000 where TLS fails."""
        authority = ("--cacert", str(self.folder / "secrets/ca.crt"))
        return run("curl", "--silent", "--output", "/dev/null", "--write-out", "%{http_code}", *(options or authority), f"https://{HOST}/v2/").stdout

    def collect(self) -> None:
        self.compose("stop", "registry")
        self.compose("run", "--rm", "gc")
        self.start()

    def size(self) -> int:
        (volume,) = succeed("podman", "volume", "inspect", "--format", "{{.Mountpoint}}", "money-bank-registry_images").split()
        return sum(file.stat().st_size for file in Path(volume).rglob("data"))


def push(folder: Path, registry: Registry, content: bytes, tag: str = "1", login: str = LOGIN) -> subprocess.CompletedProcess[str]:
    """Pushes an image with one file."""
    (folder / "file").write_bytes(content)
    container = succeed("buildah", "from", "scratch").strip()
    succeed("buildah", "copy", container, str(folder / "file"), "/file")
    succeed("buildah", "commit", "--rm", container, f"oci:{folder}/image")
    done = run("skopeo", "copy", "--dest-cert-dir", str(registry.trust), "--dest-creds", login, f"oci:{folder}/image", f"docker://{HOST}/money-bank:{tag}")
    shutil.rmtree(folder / "image")
    return done


@pytest.fixture(scope="module")
def registry(tmp_path_factory):
    made = Registry(tmp_path_factory.mktemp("registry"))
    made.start()
    pushed = push(tmp_path_factory.mktemp("push"), made, b"money")
    assert pushed.returncode == 0, pushed.stderr
    yield made
    made.compose("down", "--volumes")


@pytest.fixture
def node(tmp_path, registry):
    """A node as Debian installs it, without the registry's authority."""
    shutil.rmtree("/etc/containerd")
    shutil.copytree(AS_INSTALLED / "containerd", "/etc/containerd")
    for link in ["/usr/local/share/ca-certificates/registry.test_5000.crt", "/etc/ssl/certs/registry.test_5000.pem"]:
        Path(link).unlink(missing_ok=True)
    shutil.copy(AS_INSTALLED / BUNDLE.name, BUNDLE)
    made = Node(tmp_path, AS_INSTALLED / BUNDLE.name)
    made.start()
    yield made
    made.stop()


def apply(registry: Registry, **variables: str) -> str:
    done = play(registry_ca_host=HOST, registry_ca_certificate=str(registry.folder / "secrets/ca.crt"), registry_ca_restart="false", **variables)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def changed(output: str) -> int:
    return int(re.search(r"^localhost .* changed=(\d+)", output, re.MULTILINE)[1])


def test_a_pull_fails_before_the_role_and_works_after_it(node, registry):
    assert "unknown authority" in node.pull(IMAGE, USER, PASSWORD)
    apply(registry)
    node.restart()
    assert node.pull(IMAGE, USER, PASSWORD) == ""
    assert "401" in node.pull(f"{HOST}/money-bank:2", USER, "wrong")


def test_ctr_pulls_after_the_role_without_a_restart(node, registry):
    assert "unknown authority" in node.ctr_pull(IMAGE, LOGIN).stderr
    apply(registry)
    pulled = node.ctr_pull(IMAGE, LOGIN)
    assert pulled.returncode == 0, pulled.stderr


def test_the_system_trusts_the_registry_after_the_role(node, registry):
    system = ("--user", LOGIN)
    assert registry.status(*system) == "000"
    apply(registry)
    assert registry.status(*system) == "200"


def test_a_second_run_changes_nothing(node, registry):
    assert changed(apply(registry)) > 0
    assert changed(apply(registry)) == 0


def test_a_certificate_of_another_authority_is_taken_up_without_a_restart(node, registry, tmp_path):
    other = Registry(tmp_path)
    apply(other)
    node.restart()
    assert "unknown authority" in node.pull(IMAGE, USER, PASSWORD)
    apply(registry)
    assert node.pull(IMAGE, USER, PASSWORD) == ""


CRI = '[plugins."io.containerd.grpc.v1.cri".registry]'


@pytest.mark.parametrize(
    "config",
    ["", "version = 2\n", f"version = 2\n{CRI}\n", f'version = 2\n{CRI}\n  config_path = ""\n[debug]\n  level = "info"', "containerd config default"],
    ids=["no file", "nothing", "an empty table", "an empty setting", "all defaults"],
)
def test_every_form_of_containerds_file_names_the_folder_once(registry, config):
    CONFIG.unlink(missing_ok=True)
    if config:
        CONFIG.write_text(succeed(*config.split()) if config.startswith("containerd") else config)
        CONFIG.chmod(0o600)
    before = succeed("containerd", "config", "dump" if config else "default")
    apply(registry)
    after = succeed("containerd", "config", "dump")
    # A missing file is named, too.
    differ = {line for line in after.splitlines() if line not in before.splitlines() and not line.startswith("imports")}
    assert [line.strip() for line in differ] == ['config_path = "/etc/containerd/certs.d"']
    assert CONFIG.stat().st_mode & 0o777 == (0o600 if config else 0o644)
    assert changed(apply(registry)) == 0


def test_a_folder_that_containerd_reads_already_is_used(node, registry, tmp_path):
    config = f'version = 2\n{CRI}\n  config_path = "{tmp_path}/certs.d:/etc/docker/certs.d"\n'
    CONFIG.write_text(config)
    node.restart()
    apply(registry)
    assert CONFIG.read_text() == config
    assert node.pull(IMAGE, USER, PASSWORD) == ""


@pytest.mark.parametrize(
    ("config", "sentence"),
    [
        (f'version = 2\n{CRI[:-1]}.mirrors."docker.io"]\n  endpoint = ["https://mirror.test"]\n', "which do not go together"),
        (f'version = 2\n{CRI[:-1]}.configs."a.test".tls]\n  ca_file = "/a"\n', "which do not go together"),
        ('[plugins.cri]\n', "it is of version 1"),
    ],
    ids=["mirrors", "certificates", "version 1"],
)
def test_what_does_not_go_with_a_folder_is_refused_and_left(registry, config, sentence):
    CONFIG.write_text(config)
    refused = play(registry_ca_host=HOST, registry_ca_certificate=str(registry.folder / "secrets/ca.crt"), registry_ca_restart="false")
    assert refused.returncode == 2 and sentence in " ".join(refused.stdout.split())
    assert CONFIG.read_text() == config


@pytest.mark.parametrize("host", ["", "https://registry.test", "registry.test/money-bank"])
def test_a_host_that_is_none_is_refused(host):
    refused = play(registry_ca_host=host)
    assert refused.returncode == 2 and "the registry as images name it" in refused.stdout


def test_ansible_lint_has_nothing_to_say():
    succeed("ansible-lint", "--offline", "--strict", "playbook.yaml", folder=REGISTRY / "nodes")


@pytest.mark.parametrize("host", ["registry.test", "192.0.2.5", "2001:db8::5"])
def test_the_authority_vouches_for_its_registry_alone(tmp_path, host):
    shutil.copy(REGISTRY / "certificates", tmp_path)
    for name in [host, "bank.test", "192.0.2.6", "2001:db8::6"]:
        succeed(str(tmp_path / "certificates"), name, USER, input=PASSWORD)
        verified = run("openssl", "verify", "-x509_strict", "-CAfile", "secrets/ca.crt", "secrets/tls.crt", folder=tmp_path)
        assert verified.returncode == 0 if name == host else "permitted subtree violation" in verified.stderr, name


def test_a_folder_of_secrets_that_was_open_is_closed(tmp_path):
    shutil.copy(REGISTRY / "certificates", tmp_path)
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets").chmod(0o755)
    succeed(str(tmp_path / "certificates"), "registry.test", USER, input=PASSWORD)
    assert (tmp_path / "secrets").stat().st_mode & 0o777 == 0o700


def test_nobody_pushes_or_reads_without_the_password(registry, tmp_path):
    refused = push(tmp_path, registry, b"other", login=f"{USER}:wrong")
    assert refused.returncode != 0 and "unauthorized" in refused.stderr
    assert registry.status() == "401"


def test_images_outlive_the_registry_being_taken_down(registry, tmp_path):
    registry.compose("down")
    registry.start()
    assert "Digest" in succeed("skopeo", "inspect", "--cert-dir", str(registry.trust), "--creds", LOGIN, f"docker://{IMAGE}")


def test_what_no_tag_leads_to_goes_and_the_rest_stays(registry, tmp_path):
    # Random, so that it does not compress.
    for content in [os.urandom(3_000_000), b"second"]:
        assert push(tmp_path, registry, content, tag="latest").returncode == 0
    before = registry.size()
    registry.collect()
    assert before - registry.size() > 3_000_000
    for tag in ["1", "latest"]:
        succeed("skopeo", "copy", "--src-cert-dir", str(registry.trust), "--src-creds", LOGIN, f"docker://{HOST}/money-bank:{tag}", f"dir:{tmp_path}/{tag}")


@pytest.fixture
def bucket(registry):
    """A bucket `images` on moto's S3."""
    command = [str(ROOT / "build/registry/bin/moto_server"), "--host", "0.0.0.0", "--port", "5055"]
    # It would take the first part of its host name for a bucket.
    moto = subprocess.Popen(command, stderr=subprocess.DEVNULL, env=os.environ | {"S3_IGNORE_SUBDOMAIN_BUCKETNAME": "true"})
    address = "http://127.0.0.1:5055/images"
    end = time.monotonic() + 60
    while run("curl", "--silent", "--fail", "--request", "PUT", address).returncode != 0:
        assert time.monotonic() < end
        time.sleep(0.5)
    registry.compose("down")
    yield address
    moto.terminate()
    moto.wait()
    registry.start()


def test_with_s3_images_are_in_the_bucket_and_are_collected_there(bucket, tmp_path):
    key = {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_REGION": "eu-central-1", "PATH_STYLE": "true"}
    made = Registry(tmp_path, "s3.yaml", BUCKET="images", AWS_ENDPOINT_URL="http://host.containers.internal:5055", **key)
    made.start()
    blobs = []
    for content in [b"first", b"second"]:
        assert push(tmp_path, made, content).returncode == 0, made.compose("logs", "registry")
        blobs.append(succeed("curl", "--silent", bucket).count("/blobs/sha256/"))
    made.collect()
    collected = succeed("curl", "--silent", bucket).count("/blobs/sha256/")
    made.compose("down")
    assert blobs == [3, 6] and collected == 3


def test_another_certificate_of_the_same_authority_and_another_password(registry, tmp_path):
    secrets = registry.folder / "secrets"
    authority, certificate = (secrets / "ca.crt").read_bytes(), (secrets / "tls.crt").read_bytes()
    registry.certify("another")
    assert (secrets / "ca.crt").read_bytes() == authority and (secrets / "tls.crt").read_bytes() != certificate
    registry.compose("restart", "registry")
    registry.start()
    assert push(tmp_path, registry, b"x", login=LOGIN).returncode != 0
    assert push(tmp_path, registry, b"x", login=f"{USER}:another").returncode == 0
    registry.certify(PASSWORD)
    registry.compose("restart", "registry")
    registry.start()
