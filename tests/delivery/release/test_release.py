"""A release, from its files to its users: published once, verified with nothing but the registry and a key, and refused with a sentence that
says what is wrong.

Scenario: one person publishes; then an attacker who holds the registry, or even the key, changes something. Mechanism: distribution and
cosign are real; nothing outside this machine is called. Needs: docker-registry, cosign, oras, helm; what `make release-bank images` built.
"""

import json
import os
import re
import shutil
from pathlib import Path

import pytest

from house import HERE, PATH, THERE, Keys, Registry, Tree, change_and_commit, keys, registry, tree
from repository import run, succeed


@pytest.fixture(scope="session")
def made(tmp_path_factory) -> Tree:
    return tree(tmp_path_factory.mktemp("made") / "tree")


@pytest.fixture(scope="session")
def ours(tmp_path_factory) -> Keys:
    return keys(tmp_path_factory.mktemp("keys") / "ours")


@pytest.fixture(scope="session")
def theirs(tmp_path_factory) -> Keys:
    return keys(tmp_path_factory.mktemp("keys") / "theirs")


@pytest.fixture(scope="session")
def published(tmp_path_factory, made: Tree, ours: Keys) -> Path:
    """A registry's contents after the release was published."""
    folder = tmp_path_factory.mktemp("published") / "registry"
    with registry(folder) as there:
        said = made.publish(there, ours)
        assert said.returncode == 0, said.stderr
        assert f"money-bank-release:{made.version} is published" in said.stdout
    return folder


@pytest.fixture
def there(tmp_path: Path, published: Path):
    """A copy of the registry that a test may change."""
    shutil.copytree(published, tmp_path / "registry")
    with registry(tmp_path / "registry") as running:
        yield running


@pytest.fixture
def empty(tmp_path: Path):
    with registry(tmp_path / "empty") as running:
        yield running


@pytest.fixture
def forged(tmp_path: Path, made: Tree) -> Tree:
    """A copy of the release whose publisher checks nothing."""
    copy = made.copy(tmp_path / "forged")
    copy.careless()
    return copy


def refused(said, sentence: str) -> None:
    assert said.returncode != 0, said.stdout
    assert sentence in said.stderr, said.stderr
    assert "is good." not in said.stdout


def flip(blob: Path) -> None:
    """Changes the second last byte, in the last part of a manifest or a bundle."""
    content = bytearray(blob.read_bytes())
    content[-2] ^= 1
    blob.write_bytes(content)


def test_a_published_release_is_found_to_be_good_and_all_of_it_is_named(made, ours, there, tmp_path):
    said = made.verify(there, ours, COMMIT=made.commit, KEEP=str(tmp_path / "kept"))
    assert said.returncode == 0, said.stderr
    for part in ("money-bank-release", "provenance", "files", "sbom", "money-bank", "money-bank-bank", "money-bank-spin", "charts/money-bank"):
        assert any(line.split()[:2] == ["good", part] for line in said.stdout.splitlines()), f"{part}:\n{said.stdout}"
    assert said.stdout.endswith(f"Release {made.version} is good.\n")
    assert made.commit in said.stdout
    kept = {str(path.relative_to(tmp_path / "kept")) for path in (tmp_path / "kept").rglob("*") if path.is_file()}
    assert os.access(tmp_path / f"kept/bank-linux-{HERE}", os.X_OK)
    assert kept == {str(path.relative_to(made.files)) for path in made.files.rglob("*") if path.is_file()}


def test_the_image_with_bank_is_published_for_both_machines_under_one_index(made, there):
    index = there.manifest(f"money-bank-bank:{made.version}")
    machines = {one["platform"]["architecture"]: there.manifest(f"money-bank-bank@{one['digest']}") for one in index["manifests"]}
    assert set(machines) == {HERE, THERE}
    assert all(machine["layers"] for machine in machines.values())


def test_nothing_is_published_twice(made, ours, there):
    before = there.digest(f"money-bank-release:{made.version}")
    refused(made.publish(there, ours), f"money-bank:{made.version} is published already. Nothing is published twice.")
    assert there.digest(f"money-bank-release:{made.version}") == before


@pytest.mark.parametrize(("script", "was", "planted"), [("build/spin/spin", "oras push", "exit 1; oras push"), ("release/publish", "\ntag money-bank ", "\nexit 1; tag money-bank ")])
def test_what_ended_before_the_tags_is_found_by_no_version_and_published_by_a_second_try(made, ours, empty, tmp_path, script, was, planted):
    """Spin fails, or only the tags are left to push, also the chart's."""
    copy = made.copy(tmp_path / "copy")
    good = (copy.folder / script).read_text()
    replace(copy.folder / script, was, planted)
    assert copy.publish(empty, ours).returncode != 0
    tags = [path.name for path in empty.folder.rglob("_manifests/tags/*")]
    assert not [tag for tag in tags if not tag.startswith("sha256-")], "cosign's own alone"
    refused(copy.verify(empty, ours), "is not to be had")
    (copy.folder / script).write_text(good)
    assert copy.publish(empty, ours).returncode == 0
    assert copy.verify(empty, ours).returncode == 0


def test_what_another_puts_under_a_tag_meanwhile_is_not_signed(made, ours, empty, tmp_path):
    """An attacker who may write to the registry waits for Spin, and replaces the application that it pushed."""
    copy = made.copy(tmp_path / "copy")
    with (copy.folder / "build/spin/spin").open("a") as spin:
        spin.write(f"touch evil && for tag in {made.commit} {made.version}; do oras push --plain-http {empty.address}/money-bank-spin:$tag evil; done\n")
    copy.publish(empty, ours)
    titles = [layer["annotations"]["org.opencontainers.image.title"] for layer in empty.manifest(f"money-bank-spin:{made.commit}")["layers"]]
    assert titles == ["evil"]
    said = run("cosign", "verify", "--allow-http-registry", "--insecure-ignore-tlog", "--key", str(ours.public), f"{empty.address}/money-bank-spin:{made.commit}", env=PATH)
    assert "no signatures found" in said.stderr, said.stdout + said.stderr


def test_what_was_vouched_for_at_another_commit_too_is_good_at_the_one_that_was_published(made, ours, empty, tmp_path):
    """The images of both commits are the same byte for byte, so the attestations of the first try stay beside those of the second."""
    copy = made.copy(tmp_path / "copy")
    spin = copy.folder / "build/spin/spin"
    good = spin.read_text()
    spin.write_text(good + "exit 1\n")
    assert copy.publish(empty, ours).returncode != 0
    spin.write_text(good)
    change_and_commit(copy)
    assert copy.run("build", empty).returncode == 0
    assert copy.publish(empty, ours).returncode == 0
    said = copy.verify(empty, ours, COMMIT=copy.commit)
    assert said.returncode == 0, said.stderr


def test_a_registry_that_does_not_answer_is_not_taken_for_an_empty_one(made, ours, tmp_path):
    gone = Registry(tmp_path, 9)
    refused(made.publish(gone, ours), "connection refused")
    refused(made.verify(gone, ours), "is not to be had")


def test_a_file_that_changed_on_the_registry_s_disk_is_refused(made, ours, there):
    layer = next(layer for layer in there.manifest(f"money-bank-release:{made.version}")["layers"] if layer["annotations"]["org.opencontainers.image.title"] == "spin.toml")
    blob = there.blob(layer["digest"])
    flip(blob)
    refused(made.verify(there, ours), "A file of the release is not what was signed: ")


def test_another_release_under_its_tag_is_refused(made, ours, there, tmp_path):
    """An attacker who holds the registry pushes a changed file, and moves the tag."""
    files = tmp_path / "files"
    shutil.copytree(made.files, files)
    (files / "spin.toml").write_text((files / "spin.toml").read_text() + "# one more\n")
    names = [str(path.relative_to(files)) for path in files.rglob("*") if path.is_file()]
    succeed("oras", "push", "--plain-http", f"{there.address}/money-bank-release:{made.version}", *names, folder=files, env=PATH)
    refused(made.verify(there, ours), "is not signed by the key")


def test_a_signature_by_another_key_is_refused(made, theirs, there):
    refused(made.verify(there, theirs), f"is not signed by the key {theirs.public}: ")


PARTS = ["money-bank-release", "money-bank", "money-bank-bank", "money-bank-spin", "charts/money-bank"]


@pytest.mark.parametrize("part", PARTS)
def test_attestations_do_not_stand_in_for_a_signature_that_was_removed(made, ours, there, part):
    name = f"{there.address}/{there.signature(f'{part}:{made.version}')['name']}"
    succeed("oras", "manifest", "delete", "--plain-http", "--force", name, env=PATH)
    refused(made.verify(there, ours), f"{part} {there.digest(f'{part}:{made.version}')} is not signed by the key")


@pytest.mark.parametrize("part", ["money-bank-release", "charts/money-bank"])
def test_attestations_do_not_stand_in_for_a_signature_that_was_changed(made, ours, there, part):
    flip(there.blob(there.signature(f"{part}:{made.version}")["bundle"]))
    refused(made.verify(there, ours), f"{part} {there.digest(f'{part}:{made.version}')} is not signed by the key")


@pytest.mark.parametrize("part", ["money-bank-release", "charts/money-bank"])
def test_a_manifest_that_changed_on_the_registry_s_disk_is_refused(made, ours, there, part):
    digest = there.digest(f"{part}:{made.version}")
    replace(there.blob(digest), there.manifest(f"{part}:{made.version}")["layers"][0]["digest"], f"sha256:{'0' * 64}")
    refused(made.verify(there, ours), f"{part} {digest} is not as it was signed, or not whole: ")


@pytest.mark.parametrize("image", ["money-bank", "money-bank-bank"])
def test_another_image_under_its_tag_is_refused(made, ours, there, image):
    other = {"money-bank": "money-bank-bank", "money-bank-bank": "money-bank"}[image]
    source, to = f"{there.address}/{other}:{made.version}", f"{there.address}/{image}:{made.version}"
    succeed("oras", "cp", "--from-plain-http", "--to-plain-http", source, to, env=PATH)
    refused(made.verify(there, ours), f"{image}:{made.version} is another image than the release's: ")


@pytest.mark.parametrize("image", ["money-bank", "money-bank-bank", "money-bank-spin"])
def test_a_byte_that_changed_in_an_image_is_refused(made, ours, there, image):
    manifest = there.manifest(f"{image}:{made.version}")
    if "manifests" in manifest:
        manifest = there.manifest(f"{image}@{manifest['manifests'][-1]['digest']}")
    blob = there.blob(manifest["layers"][-1]["digest"])
    content = bytearray(blob.read_bytes()) or bytearray(1)
    content[-1] ^= 1
    blob.write_bytes(content)
    refused(made.verify(there, ours), f"{image} {there.digest(f'{image}:{made.version}')} is not as it was signed, or not whole: ")


def test_an_image_without_one_of_its_machines_is_refused(made, ours, there):
    there.blob(there.manifest(f"money-bank-bank:{made.version}")["manifests"][-1]["digest"]).unlink()
    refused(made.verify(there, ours), f"money-bank-bank {there.digest(f'money-bank-bank:{made.version}')} is not as it was signed, or not whole: ")


@pytest.mark.parametrize("other", ["money-bank-bank", "charts/money-bank"])
def test_another_part_of_the_release_in_place_of_the_application_for_spin_is_refused(made, ours, there, other):
    source, to = f"{there.address}/{other}:{made.version}", f"{there.address}/money-bank-spin:{made.version}"
    succeed("oras", "cp", "--recursive", "--from-plain-http", "--to-plain-http", source, to, env=PATH)
    refused(made.verify(there, ours), f"What is called money-bank-spin was signed as another part of the release: {other}.")


def test_a_folder_with_something_in_it_is_not_filled_up(made, ours, there, tmp_path):
    (tmp_path / "old.wasm").touch()
    refused(made.verify(there, ours, KEEP=str(tmp_path)), f"KEEP is a new folder: in {tmp_path} there is something already.")


def test_another_application_for_spin_is_refused(made, ours, there):
    there_is, to = f"{there.address}/money-bank-spin:{made.version}", ["--plain-http", "--annotation", "by=another"]
    succeed("oras", "push", *to, there_is, "spin.toml", folder=made.files, env=PATH)
    refused(made.verify(there, ours), f"money-bank-spin {there.digest(f'money-bank-spin:{made.version}')} is not signed by the key")


def test_without_spin_nothing_is_published(made, ours, empty):
    refused(made.run("publish", empty, COSIGN_KEY=str(ours.private), SPIN="/nowhere/spin"), "Spin is missing: make release-spin gets it")
    refused(made.verify(empty, ours), "is not to be had")


def test_a_chart_of_another_build_is_refused(made, ours, there, tmp_path):
    chart = tmp_path / "chart"
    shutil.copytree(made.folder / "k8s/chart", chart)
    (chart / "NOTES").write_text("another\n")
    succeed("helm", "package", str(chart), "--destination", str(tmp_path), env=PATH)
    succeed("helm", "push", "--plain-http", str(tmp_path / f"money-bank-{made.version}.tgz"), f"oci://{there.address}/charts", env=PATH)
    refused(made.verify(there, ours), f"charts/money-bank:{made.version} is another chart than the release's.")


def test_another_commit_than_the_one_that_is_asked_for_is_refused(made, ours, there):
    other = "0123456789abcdef0123456789abcdef01234567"
    refused(made.verify(there, ours, COMMIT=other), f"The provenance of money-bank-release is of another commit: {made.commit}, not {other}.")


def replace(file: Path, was: str, planted: str) -> None:
    assert was in file.read_text(), f"{file.name} has no {was}"
    file.write_text(file.read_text().replace(was, planted))


def test_provenance_of_another_version_is_refused(ours, forged, empty):
    replace(forged.files.with_name(f"{forged.version}.provenance.json"), f'"version": "{forged.version}"', '"version": "9.9.9"')
    assert forged.publish(empty, ours).returncode == 0
    refused(forged.verify(empty, ours), "The provenance of money-bank-release is of another version: 9.9.9.")


def test_a_bill_of_materials_of_another_build_is_refused(ours, forged, empty):
    wasm = next(forged.files.rglob("*.wasm"))
    wasm.write_bytes(wasm.read_bytes() + b"\0")
    forged.sum_up()
    assert forged.publish(empty, ours).returncode == 0
    refused(forged.verify(empty, ours), f"sbom.cdx.json is of another build: it does not describe this {wasm.relative_to(forged.files)}.")


@pytest.mark.parametrize("name", ["sbom.cdx.json", "sbom/money-bank.spdx.json", "sbom/money-bank-bank.cdx.json", "sbom/money-bank-spin.cdx.json"])
def test_a_bill_of_materials_beside_the_one_that_was_attested_is_refused(ours, forged, empty, name):
    """The publisher attests one, and ships another that leaves something out."""
    shutil.copytree(forged.files, forged.files.with_name("attested"))
    listed = "packages" if ".spdx." in name else "components"
    document = json.loads((forged.files / name).read_text())
    del document[listed][0]
    (forged.files / name).write_text(json.dumps(document))
    forged.sum_up()
    replace(forged.folder / "release/publish", '--predicate "$folder/$(bill', '--predicate "$folder/../attested/$(bill')
    assert forged.publish(empty, ours).returncode == 0
    refused(forged.verify(empty, ours), f"{name} is of another build: another one was attested.")


@pytest.mark.parametrize("part", ["money-bank", "money-bank-bank", "money-bank-spin", "charts/money-bank"])
def test_a_part_whose_bill_of_materials_nobody_attested_is_refused(ours, forged, empty, part):
    replace(forged.folder / "release/publish", "  cosign attest \"${signing[@]}\" --type cyclonedx", f'  [[ $1 == {part} ]] || cosign attest "${{signing[@]}}" --type cyclonedx')
    assert forged.publish(empty, ours).returncode == 0
    said = forged.verify(empty, ours)
    refused(said, f"sbom/{part}.cdx.json is not attested by the key")
    assert len(said.stderr.splitlines()) == 1, said.stderr


def test_a_bill_of_materials_of_another_part_is_refused(ours, forged, empty):
    shutil.copy(forged.files / "sbom/money-bank.cdx.json", forged.files / "sbom/charts/money-bank.cdx.json")
    forged.sum_up()
    assert forged.publish(empty, ours).returncode == 0
    refused(forged.verify(empty, ours), f"sbom/charts/money-bank.cdx.json is of another build: it does not describe this money-bank-{forged.version}.tgz.")


def test_the_chart_names_the_images_by_the_digests_that_they_are_published_under(made, there, tmp_path):
    succeed("helm", "pull", "--plain-http", f"oci://{there.address}/charts/money-bank", "--version", made.version, "--destination", str(tmp_path), env=PATH)
    for runtime, image in {"spinkube": "money-bank", "bank": "money-bank-bank"}.items():
        chart, given = str(tmp_path / f"money-bank-{made.version}.tgz"), ["--set", f"runtime={runtime}", "--set", "ingress.enabled=false,tls.mode=none"]
        rendered = succeed("helm", "template", "bank", chart, *given, env=PATH)
        assert set(re.findall(r'image: "?\S*/(money-bank[^"\s]*)', rendered)) == {f"{image}@{there.digest(f'{image}:{made.version}')}"}


@pytest.mark.parametrize("part", ["spin.toml", "wasm", "bank"])
def test_a_release_with_a_part_missing_is_refused(ours, forged, empty, part):
    patterns = {"wasm": "**/rates.wasm", "bank": "bank-*-*"}
    for gone in list(forged.files.glob(patterns.get(part, part))):
        gone.unlink()
    forged.sum_up()
    assert forged.publish(empty, ours).returncode == 0
    name = "bank-SYSTEM-PROCESSOR" if part == "bank" else str(gone.relative_to(forged.files))
    refused(forged.verify(empty, ours), f"The release is not whole. Missing: {name}.")


def test_a_release_without_what_its_bill_of_materials_describes_is_refused(ours, forged, empty):
    (forged.files / f"bank-linux-{THERE}").unlink()
    forged.sum_up()
    assert forged.publish(empty, ours).returncode == 0
    refused(forged.verify(empty, ours), f"The release is not whole. Missing, of what sbom.cdx.json describes: bank-linux-{THERE}.")


def test_a_file_that_nobody_summed_up_is_refused(ours, forged, empty):
    (forged.files / "further").write_text("")
    assert forged.publish(empty, ours).returncode == 0
    refused(forged.verify(empty, ours), "SHA256SUMS does not name: further.")


def test_what_does_not_belong_together_is_not_published(made, ours, empty, tmp_path):
    copy = made.copy(tmp_path / "copy")
    (copy.files / "spin.toml").write_text("")
    refused(copy.publish(empty, ours), "Not what SHA256SUMS says: spin.toml.")
    shutil.rmtree(copy.files)
    refused(copy.publish(empty, ours), "make release-artifacts VERSION=")


def test_a_release_is_made_of_a_commit_and_of_its_own_version(made, tmp_path):
    copy = made.copy(tmp_path / "copy")
    refused(copy.run("build", Registry(tmp_path, 9), VERSION="9.9.9"), f"The tree is of version {made.version}, not 9.9.9")
    refused(copy.run("build", Registry(tmp_path, 9), VERSION="newest"), "VERSION is one such as 1.2.3")
    (copy.folder / "new").write_text("")
    refused(copy.run("build", Registry(tmp_path, 9)), "The tree has changes: a release is of a commit.")


def test_another_commit_makes_another_release(made, tmp_path):
    copy = made.copy(tmp_path / "copy")
    change_and_commit(copy)
    said = copy.run("build", Registry(tmp_path, 9))
    assert said.returncode == 0 and copy.commit in said.stdout, said.stderr
    provenance = json.loads(copy.files.with_name(f"{copy.version}.provenance.json").read_text())
    assert provenance["buildDefinition"]["resolvedDependencies"][0]["digest"] == {"gitCommit": copy.commit}
    assert copy.commit != made.commit
