"""A registry, keys, and releases of a snapshot of the tree, all made by the tests."""

import json
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from repository import ROOT, commit, run, snapshot, succeed

BIN = str(ROOT / "build/bin")
PATH = {"PATH": f"{BIN}:{os.environ['PATH']}"}


@dataclass
class Registry:
    """Debian's `docker-registry`, which is CNCF's distribution."""

    folder: Path
    port: int

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}/money-bank"

    def blob(self, digest: str) -> Path:
        """The path of a blob with this digest."""
        value = digest.removeprefix("sha256:")
        return self.folder / f"docker/registry/v2/blobs/sha256/{value[:2]}/{value}/data"

    def manifest(self, name: str) -> dict:
        return json.loads(succeed("oras", "manifest", "fetch", "--plain-http", f"{self.address}/{name}", env=PATH))

    def digest(self, name: str) -> str:
        said = succeed("oras", "manifest", "fetch", "--plain-http", "--descriptor", f"{self.address}/{name}", env=PATH)
        return json.loads(said)["digest"]

    def signature(self, name: str) -> dict:
        """The manifest of cosign's bundle that only signs it, and attests nothing, with its descriptor."""
        said = json.loads(succeed("oras", "discover", "--plain-http", "--format", "json", f"{self.address}/{name}", env=PATH))
        repository = name.partition(":")[0]
        kinds = {one["digest"]: self.manifest(f"{repository}@{one['digest']}")["annotations"]["dev.sigstore.bundle.predicateType"] for one in said["referrers"]}
        (digest,) = [digest for digest, kind in kinds.items() if kind == "https://sigstore.dev/cosign/sign/v1"]
        return {"name": f"{repository}@{digest}", "bundle": self.manifest(f"{repository}@{digest}")["layers"][0]["digest"]}


@contextmanager
def registry(folder: Path) -> Iterator[Registry]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    settings = folder.with_suffix(".json")
    # JSON is YAML, so the registry reads it.
    settings.write_text(
        json.dumps({"version": 0.1, "storage": {"filesystem": {"rootdirectory": str(folder)}, "delete": {"enabled": True}}, "http": {"addr": f"127.0.0.1:{port}"}})
    )
    with folder.with_suffix(".log").open("w") as log:
        process = subprocess.Popen(["docker-registry", "serve", str(settings)], stdout=log, stderr=log)
        try:
            await_port(port)
            yield Registry(folder, port)
        finally:
            process.terminate()
            process.wait()


def await_port(port: int) -> None:
    for _ in range(200):
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            time.sleep(0.05)
    raise TimeoutError("the registry does not come up")


@dataclass
class Keys:
    """A pair of keys, without a password."""

    private: Path
    public: Path


def keys(folder: Path) -> Keys:
    folder.mkdir()
    succeed("cosign", "generate-key-pair", folder=folder, env=PATH | {"COSIGN_PASSWORD": ""})
    return Keys(folder / "cosign.key", folder / "cosign.pub")


@dataclass
class Tree:
    """A clean clone with a release of its version, made from what was built for the tests."""

    folder: Path
    version: str

    @property
    def files(self) -> Path:
        return self.folder / "build/release" / self.version

    @property
    def commit(self) -> str:
        return succeed("git", "rev-parse", "HEAD", folder=self.folder).strip()

    def run(self, script: str, to: Registry, **settings: str) -> subprocess.CompletedProcess[str]:
        given = {"VERSION": self.version, "REGISTRY": to.address, "OFFLINE": "yes", "COSIGN_PASSWORD": ""}
        # Only this machine is called.
        nowhere = {"HTTP_PROXY": "http://127.0.0.1:9", "HTTPS_PROXY": "http://127.0.0.1:9", "NO_PROXY": "127.0.0.1"}
        return run(f"release/{script}", folder=self.folder, env=PATH | given | nowhere | settings)

    def publish(self, to: Registry, by: Keys) -> subprocess.CompletedProcess[str]:
        return self.run("publish", to, COSIGN_KEY=str(by.private))

    def verify(self, at: Registry, by: Keys, **settings: str) -> subprocess.CompletedProcess[str]:
        return self.run("verify", at, COSIGN_PUBLIC_KEY=str(by.public), **settings)

    def copy(self, to: Path) -> "Tree":
        shutil.copytree(self.folder, to, symlinks=True)
        return Tree(to, self.version)

    def careless(self) -> None:
        """`publish` signs without checking anything from now on, as an attacker with the key might."""
        script = self.folder / "release/publish"
        assert 'check "$folder"\n' in script.read_text()
        script.write_text(script.read_text().replace('check "$folder"\n', ""))

    def sum_up(self) -> None:
        """Writes the checksums again."""
        names = sorted(str(path.relative_to(self.files)) for path in self.files.rglob("*") if path.is_file() and path.name != "SHA256SUMS")
        (self.files / "SHA256SUMS").write_text(succeed("sha256sum", *names, folder=self.files))


# Debian's and Docker's names of this machine's platform and of the other one.
MACHINES = {"x86_64": "amd64", "aarch64": "arm64"}
HERE = MACHINES[os.uname().machine]
THERE, COMPILER = next((name, f"{machine}-linux-gnu-gcc") for machine, name in MACHINES.items() if name != HERE)


# Stands in for `spin registry push`, and pushes an empty file instead of the application.
SPIN = """#!/bin/sh
test "$1 $2 $3 $5" = "registry push -f --insecure" || exit 1
cd "$(mktemp -d)" && touch spin.toml && oras push --plain-http "$6" spin.toml
"""


def tree(folder: Path) -> Tree:
    """The tree with its release for both platforms. For the other platform a program that does nothing stands in for `bank`, whose build would
    take twenty minutes. A stub stands in for Spin."""
    snapshot(folder)
    succeed("scripts/need-libraries", THERE)
    for built in ("target", "build/bin", "build/libraries"):
        (folder / built).parent.mkdir(exist_ok=True)
        (folder / built).symlink_to(ROOT / built)
    # .gitignore leaves out a folder of this name, but not a link.
    (folder / ".git/info/exclude").write_text("/target\n/build\n")
    (banks := folder / "build/bank").mkdir()
    shutil.copy(ROOT / f"build/bank/bank-linux-{HERE}", banks)
    (source := banks.with_name("nothing.c")).write_text("int main(void) { return 0; }\n")
    succeed(COMPILER, "-o", str(banks / f"bank-linux-{THERE}"), str(source))
    (spin := folder / "build/spin/spin").parent.mkdir()
    spin.write_text(SPIN)
    spin.chmod(0o755)
    succeed("k8s/images/layouts", folder=folder, env=PATH | {"BANKS": "build/bank"})
    made = Tree(folder, succeed("scripts/version", folder=folder).strip())
    succeed("release/build", folder=folder, env=PATH | {"VERSION": made.version})
    return made


def change_and_commit(tree: Tree) -> None:
    (tree.folder / "README.md").write_text("Another commit.\n")
    commit(tree.folder, "commit", "--all", "--quiet", "--message", "another")
