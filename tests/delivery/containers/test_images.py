"""The Dockerfiles, built for real, compared with what `make images` packs without an engine: both must make the same image.

Mechanism: buildah builds on a base of Debian's packages, in which this machine's Rust is mounted. build/engine keeps what it compiles, so
only the first run takes long. podman runs the images, and qemu what `make cross` built. Needs: `make images-all`.
"""

import json
import os
import re
from hashlib import sha256
from pathlib import Path

import pytest

from http_answers import answer, eventually
from repository import ROOT, read, run, succeed

COMMIT = "0123456789ab"
PLATFORMS = {"app": "wasi/wasm", "bank": "linux/amd64"}
# Files that differ by machine: another Debian has other bytes of these, and `bank` holds paths of the build.
OF_THE_MACHINE = re.compile(r"bank|lib(64)?/.*|etc/ssl/.*")
PACKED_LIMIT = 15_000_000
# The machine types in the header of an ELF file.
MACHINES = {"amd64": 62, "arm64": 183}


def choice(name: str) -> list[str]:
    """skopeo's options for an image of another platform."""
    system, architecture = PLATFORMS[name].split("/")
    return [f"--override-os={system}", f"--override-arch={architecture}"]


@pytest.fixture(scope="module")
def images() -> dict[tuple[str, str], str]:
    """Both images in the engine's store, as their Dockerfiles make them and as they are packed, without what they share."""
    rustup, cargo = succeed("rustup", "show", "home").strip(), os.environ.get("CARGO_HOME", str(Path.home() / ".cargo"))
    (target := ROOT / "build/engine/target").mkdir(parents=True, exist_ok=True)
    mounts = [f"--volume={folder}:{folder}" for folder in (rustup, cargo)] + [f"--volume={target}:/src/target"]
    # This buildah does not say on which platform it builds.
    told = ["--build-arg=BASE=localhost/rust", f"--build-arg=BANK_COMMIT={COMMIT}", "--build-arg=BUILDPLATFORM=linux/amd64"]
    for name, platform in PLATFORMS.items():
        succeed("buildah", "build", *mounts, *told, f"--platform={platform}", f"--file=k8s/images/{name}.Dockerfile", f"--tag=localhost/built-{name}", ".")
        succeed("skopeo", *choice(name), "copy", f"oci:build/images/{name}", f"containers-storage:localhost/packed-{name}")
    return {(way, name): f"localhost/{way}-{name}" for way in ("built", "packed") for name in PLATFORMS}


def configuration(name: str, image: str) -> dict:
    """How an image says it is run, and for which platform."""
    said = json.loads(succeed("skopeo", *choice(name), "inspect", "--config", "--raw", f"containers-storage:{image}"))
    # Only of the build: its folder, and a PATH to nothing.
    config = {key: value for key, value in said["config"].items() if value and key not in ("Env", "Hostname", "Labels")}
    return config | {"platform": f"{said['os']}/{said['architecture']}"}


def files(image: str) -> dict[str, tuple]:
    """Mode, owner and content of every file of an image, by name."""
    container = succeed("buildah", "from", "--pull-never", image).strip()
    try:
        root = Path(succeed("buildah", "mount", container).strip())
        found = {}
        for path in root.rglob("*"):
            name, state = str(path.relative_to(root)), path.lstat()
            content = sha256(path.read_bytes()).hexdigest() if path.is_file() and not OF_THE_MACHINE.fullmatch(name) else ""
            found[name] = (oct(state.st_mode), state.st_uid, state.st_gid, content)
        return found
    finally:
        succeed("buildah", "rm", container)


@pytest.mark.parametrize("name", PLATFORMS)
def test_a_dockerfile_makes_what_is_packed_without_an_engine(images, name):
    built, packed = images["built", name], images["packed", name]
    assert files(built) == files(packed)
    assert configuration(name, built) == configuration(name, packed)


SERVED = "http://127.0.0.1:3000"


@pytest.fixture
def bank(images):
    """The Dockerfile's image, run as its first lines say."""
    (command,) = re.findall(r"^#   docker (run .*) IMAGE$", read("k8s/images/bank.Dockerfile"), re.MULTILINE)
    succeed("podman", *command.split(), "--detach", "--name=bank", images["built", "bank"])
    yield
    succeed("podman", "rm", "--force", "bank")
    succeed("podman", "volume", "rm", "data")


def serves() -> None:
    eventually(lambda: answer(SERVED + "/readyz").status == 200)


def test_it_is_healthy_by_its_own_word_once_it_serves(bank):
    assert run("podman", "healthcheck", "run", "bank").returncode != 0
    serves()
    assert run("podman", "healthcheck", "run", "bank").returncode == 0


def test_it_keeps_money_in_its_volume_and_its_root_is_read_only(bank):
    serves()
    assert answer(SERVED + "/v1/deposit", {"amount": "10.50"}, {"user_id": "alice"}).status == 200
    succeed("podman", "kill", "bank")
    succeed("podman", "start", "bank")
    serves()
    assert answer(SERVED + "/v1/wallet", headers={"user_id": "alice"}).body["balance"] == "10.50"


def test_it_runs_as_nobody_and_names_its_commit(bank, images):
    assert json.loads(succeed("podman", "inspect", "bank"))[0]["Config"]["User"] == "65532:65532"
    assert f"({COMMIT})" in succeed("podman", "run", "--rm", "--entrypoint=/bank", images["built", "bank"], "--version")


def blob(digest: str) -> dict:
    return json.loads(read(f"build/images/bank/blobs/{digest.replace(':', '/')}"))


def manifests() -> dict[str, dict]:
    """The manifests of the bank's image by platform."""
    (index,) = json.loads(read("build/images/bank/index.json"))["manifests"]
    listed = blob(index["digest"])["manifests"]
    return {f"{one['platform']['os']}/{one['platform']['architecture']}": blob(one["digest"]) for one in listed}


@pytest.mark.parametrize("architecture", MACHINES)
def test_the_bank_is_packed_for_each_architecture_under_one_index(architecture):
    said = succeed("skopeo", f"--override-arch={architecture}", "inspect", "--config", "oci:build/images/bank")
    assert json.loads(said)["architecture"] == architecture


@pytest.mark.parametrize("architecture", MACHINES)
def test_every_program_and_library_is_for_its_architecture(architecture):
    heads = {path: path.read_bytes()[:20] for path in (ROOT / f"build/images/bank-{architecture}-rootfs").rglob("*") if path.is_file()}
    programs = {path.name: int.from_bytes(head[18:20], "little") for path, head in heads.items() if head.startswith(b"\x7fELF")}
    assert {"bank", "libc.so.6", "libgcc_s.so.1", "libm.so.6"} < set(programs)
    assert set(programs.values()) == {MACHINES[architecture]}, programs


def test_the_bank_for_arm64_starts_with_the_libraries_that_it_is_packed_with():
    root = ROOT / "build/images/bank-arm64-rootfs"
    said = succeed("qemu-aarch64-static", "-L", str(root), str(root / "bank"), "--version")
    assert re.fullmatch(r"bank \d+\.\d+\.\d+ \([0-9a-f]{12}\)\n", said)


def test_each_image_packs_to_less_than_15_mb():
    for platform, manifest in manifests().items():
        assert sum(layer["size"] for layer in manifest["layers"]) < PACKED_LIMIT, platform


def test_the_sizes_in_the_readme_are_those_of_the_images():
    def figures(table: str) -> list[float]:
        return [float(figure) for figure in re.findall(r"([\d.]+) MB", table)]

    said = re.search(r"<!-- sizes -->\n(.*)<!-- end of sizes -->", read("k8s/README.md"), re.DOTALL)[1]
    assert figures(said) == pytest.approx(figures(succeed("k8s/images/sizes")), rel=0.05, abs=0.1), "k8s/images/sizes write"
