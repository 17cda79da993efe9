"""What is in the files of a release, as two documents say it: of the form that their standards publish, and true of what was built.

Mechanism: the documents are judged by the validators of CycloneDX and SPDX, and held to what `cargo auditable` put into `bank`. Needs:
what `make release-bank images` built.
"""

import json
import zlib
from pathlib import Path

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from spdx_tools.spdx.parser.parse_anything import parse_file
from spdx_tools.spdx.validation.document_validator import validate_full_spdx_document

from house import PATH, Tree, tree
from repository import ROOT, succeed


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Tree:
    return tree(tmp_path_factory.mktemp("made") / "tree")


def audited(binary: Path, folder: Path) -> dict:
    """What `cargo auditable` wrote into a section of an ELF file: JSON, packed by zlib."""
    succeed("objcopy", "--dump-section", f".dep-v0={folder / 'section'}", str(binary), str(folder / "copy"))
    return json.loads(zlib.decompress((folder / "section").read_bytes()))


def crates_of(document: dict, name: str) -> set[str]:
    return set(next(one["dependsOn"] for one in document["dependencies"] if one["ref"] == name))


def test_the_cyclonedx_document_is_of_its_form(made):
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str((made.files / "sbom.cdx.json").read_text()) is None


def test_the_spdx_document_is_of_its_form(made):
    assert validate_full_spdx_document(parse_file(str(made.files / "sbom.spdx.json"))) == []


def test_both_name_the_same_crates_and_every_file_by_its_hash(made):
    cyclonedx, spdx = (json.loads((made.files / name).read_text()) for name in ("sbom.cdx.json", "sbom.spdx.json"))
    named = {package["externalRefs"][0]["referenceLocator"] for package in spdx["packages"]}
    assert named == {crate["purl"] for crate in cyclonedx["components"]}
    files = [str(path.relative_to(made.files)) for path in made.files.rglob("*") if path.suffix in (".wasm", ".tgz") or path.name.startswith("bank-")]
    sums = {line.split()[1]: line.split()[0] for line in succeed("sha256sum", *files, folder=made.files).splitlines()}
    assert {one["name"]: one["hashes"][0]["content"] for one in cyclonedx["metadata"]["component"]["components"]} == sums
    assert {one["fileName"].removeprefix("./"): one["checksums"][1]["checksumValue"] for one in spdx["files"]} == sums


@pytest.mark.parametrize("where", ["release", "image"])
def test_bank_carries_a_list_of_its_crates_that_has_all_that_the_documents_name(made, tmp_path, where):
    """It has more: `cargo auditable` counts what macros are made of, and what is for other systems, among what is linked."""
    released = next(made.files.glob("bank-linux-*"))
    binary = released if where == "release" else ROOT / f"build/images/{released.name.replace('linux-', '')}-rootfs/bank"
    linked = {f"pkg:cargo/{one['name']}@{one['version']}" for one in audited(binary, tmp_path)["packages"] if one.get("kind", "runtime") == "runtime"}
    document = json.loads((made.files / "sbom.cdx.json").read_text())
    assert "pkg:cargo/wasmtime@" in str(sorted(linked))
    assert crates_of(document, released.name) <= linked


def test_the_same_commit_and_files_make_the_same_documents(made, tmp_path):
    before = [(made.files / name).read_bytes() for name in ("sbom.cdx.json", "sbom.spdx.json")]
    succeed("release/sbom", str(made.files), made.version, made.commit, folder=made.folder, env=PATH)
    assert [(made.files / name).read_bytes() for name in ("sbom.cdx.json", "sbom.spdx.json")] == before
