"""The two documents that describe a release's files: they follow their standards, and match what was built.

Mechanism: the validators of CycloneDX and SPDX check the documents, which are also compared with what `cargo auditable` put into `bank`.
Needs: what `make release-bank images` built.
"""

import json
import re
import zlib
from pathlib import Path

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from spdx_tools.spdx.parser.parse_anything import parse_file
from spdx_tools.spdx.validation.document_validator import validate_full_spdx_document

from house import HERE, PATH, THERE, Tree, tree
from repository import succeed


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Tree:
    return tree(tmp_path_factory.mktemp("made") / "tree")


def audited(binary: Path, folder: Path) -> dict:
    """What `cargo auditable` wrote into a section of an ELF file: JSON, compressed by zlib."""
    succeed("objcopy", "--dump-section", f".dep-v0={folder / 'section'}", str(binary), str(folder / "copy"))
    return json.loads(zlib.decompress((folder / "section").read_bytes()))


def crates_of(document: dict, name: str) -> set[str]:
    return set(next(one["dependsOn"] for one in document["dependencies"] if one["ref"] == name))


DOCUMENTS = ["sbom", *(f"sbom/{part}" for part in ("money-bank", "money-bank-bank", "money-bank-spin", "charts/money-bank"))]


@pytest.mark.parametrize("name", DOCUMENTS)
def test_the_cyclonedx_document_is_of_its_form(made, name):
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str((made.files / f"{name}.cdx.json").read_text()) is None


@pytest.mark.parametrize("name", DOCUMENTS)
def test_the_spdx_document_is_of_its_form(made, name):
    assert validate_full_spdx_document(parse_file(str(made.files / f"{name}.spdx.json"))) == []


@pytest.mark.parametrize(
    ("part", "files", "images", "crates"),
    [
        ("money-bank", r".*\.wasm", ["money-bank"], {"spin-sdk"}),
        ("money-bank-bank", r".*\.wasm|bank-linux-.*", ["money-bank-bank"], {"spin-sdk", "wasmtime", "libc6"}),
        ("money-bank-spin", r".*\.wasm", [], {"spin-sdk"}),
        ("charts/money-bank", r".*\.tgz", [], set()),
    ],
)
def test_the_document_of_a_part_is_what_the_whole_one_says_of_it_and_no_more(made, part, files, images, crates):
    whole, of_part = (json.loads((made.files / f"{name}.cdx.json").read_text()) for name in ("sbom", f"sbom/{part}"))
    described = whole["metadata"]["component"]["components"]
    wanted = [one for one in described if (re.fullmatch(files, one["name"]) if one["type"] == "file" else one["name"] in images)]
    assert of_part["metadata"]["component"]["components"] == wanted and wanted
    inside = {ref for one in whole["dependencies"] if one["ref"] in {one["bom-ref"] for one in wanted} for ref in one["dependsOn"]}
    assert {one["bom-ref"] for one in of_part["components"]} == {ref for ref in inside if ref.startswith("pkg:")}
    names = {one["name"] for one in of_part["components"]}
    assert crates <= names and ("wasmtime" in crates) == ("wasmtime" in names)
    spdx = json.loads((made.files / f"sbom/{part}.spdx.json").read_text())
    purls = {package["externalRefs"][0]["referenceLocator"] for package in spdx["packages"] if "externalRefs" in package}
    assert purls == {one["purl"] for one in of_part["components"]}
    assert [one["fileName"].removeprefix("./") for one in spdx["files"]] == [one["name"] for one in wanted if one["type"] == "file"]


def test_both_name_the_same_crates_and_every_file_by_its_hash(made):
    cyclonedx, spdx = (json.loads((made.files / name).read_text()) for name in ("sbom.cdx.json", "sbom.spdx.json"))
    named = {package["externalRefs"][0]["referenceLocator"] for package in spdx["packages"] if "externalRefs" in package}
    assert named == {crate["purl"] for crate in cyclonedx["components"]}
    files = [str(path.relative_to(made.files)) for path in made.files.rglob("*") if path.suffix in (".wasm", ".tgz") or path.name.startswith("bank-")]
    sums = {line.split()[1]: line.split()[0] for line in succeed("sha256sum", *files, folder=made.files).splitlines()}
    described = cyclonedx["metadata"]["component"]["components"]
    assert {one["name"]: one["hashes"][0]["content"] for one in described if one["type"] == "file"} == sums
    assert {one["fileName"].removeprefix("./"): one["checksums"][1]["checksumValue"] for one in spdx["files"]} == sums


def test_both_describe_each_image_by_its_digest_and_what_is_in_it(made):
    """The release's files, and the packages of its libraries: those of both platforms in the image with `bank`, none in the other."""
    cyclonedx, spdx = (json.loads((made.files / name).read_text()) for name in ("sbom.cdx.json", "sbom.spdx.json"))
    digests = json.loads((made.files / "images.json").read_text())
    images = {one["name"]: one for one in cyclonedx["metadata"]["component"]["components"] if one["type"] == "container"}
    packages = {one["SPDXID"]: one for one in spdx["packages"]}
    files = {one["SPDXID"]: one["fileName"].removeprefix("./") for one in spdx["files"]}
    wasm = {str(path.relative_to(made.files)) for path in made.files.rglob("*.wasm")}
    banks = {f"bank-linux-{machine}" for machine in (HERE, THERE)}
    for image, name in {"app": "money-bank", "bank": "money-bank-bank"}.items():
        (spdx_id,) = [key for key, one in packages.items() if one["name"] == name]
        sums = {images[name]["hashes"][0]["content"], packages[spdx_id]["checksums"][0]["checksumValue"]}
        assert sums == {digests[image].removeprefix("sha256:")}
        inside = crates_of(cyclonedx, images[name]["bom-ref"])
        contained = {one["relatedSpdxElement"] for one in spdx["relationships"] if (one["spdxElementId"], one["relationshipType"]) == (spdx_id, "DEPENDS_ON")}
        assert {files.get(one) or packages[one]["externalRefs"][0]["referenceLocator"] for one in contained} == inside
        libraries = {tuple(re.fullmatch(r"pkg:deb/debian/(.*)@.*\?arch=(.*)", one).groups()) for one in inside if one.startswith("pkg:deb/")}
        assert inside - wasm - banks == {one for one in inside if one.startswith("pkg:deb/")}
        assert inside >= (wasm if image == "app" else wasm | banks)
        assert libraries == (set() if image == "app" else {("ca-certificates", "all"), ("libc6", HERE), ("libgcc-s1", HERE), ("libc6", THERE)}), libraries


def test_bank_carries_a_list_of_its_crates_that_has_all_that_the_documents_name(made, tmp_path):
    """The list has more: `cargo auditable` also counts the crates of macros and of other systems."""
    released = made.files / f"bank-linux-{HERE}"
    linked = {f"pkg:cargo/{one['name']}@{one['version']}" for one in audited(released, tmp_path)["packages"] if one.get("kind", "runtime") == "runtime"}
    document = json.loads((made.files / "sbom.cdx.json").read_text())
    assert "pkg:cargo/wasmtime@" in str(sorted(linked))
    assert crates_of(document, released.name) <= linked


@pytest.mark.parametrize("machine", [HERE, THERE])
def test_the_bank_in_the_image_is_the_one_that_is_released(made, machine):
    assert (made.folder / f"build/images/bank-{machine}-rootfs/bank").read_bytes() == (made.files / f"bank-linux-{machine}").read_bytes()


def test_the_same_commit_and_files_make_the_same_documents(made, tmp_path):
    before = {path: path.read_bytes() for path in made.files.rglob("*.json")}
    assert len(before) == 2 * len(DOCUMENTS) + 1
    succeed("release/sbom", str(made.files), made.version, made.commit, folder=made.folder, env=PATH)
    assert {path: path.read_bytes() for path in made.files.rglob("*.json")} == before
