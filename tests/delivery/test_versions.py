"""One version: `[workspace.package]` of Cargo.toml. Every other place says the same.

Scenario: somebody releases, or changes one of the places by hand. Mechanism: the test reads the files, and runs `scripts/release` in a
scratch copy of the tree. Needs: cargo.
"""

import re
import tomllib
from functools import reduce
from pathlib import Path

import pytest
import yaml

from repository import ROOT, commit, read, run, succeed

VERSION = tomllib.loads(read("Cargo.toml"))["workspace"]["package"]["version"]
NUMBERS = VERSION.partition("-")[0]
CATEGORIES = {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}


def ours(lock: str) -> dict[str, str]:
    """The workspace's packages in a Cargo.lock: those without a source."""
    return {package["name"]: package["version"] for package in tomllib.loads(lock)["package"] if "source" not in package}


def places(tree: Path) -> dict[str, str]:
    chart = yaml.safe_load((tree / "k8s/chart/Chart.yaml").read_text())
    return {
        "spin.toml": tomllib.loads((tree / "spin.toml").read_text())["application"]["version"],
        "Chart.yaml version": chart["version"],
        "Chart.yaml appVersion": chart["appVersion"],
        "scripts/version": succeed("scripts/version", folder=tree).strip(),
    } | {
        f"{file.parent.name}/{file.name}": version
        for file in (tree / "k8s/gitops").glob("*/*.yaml")
        for version in re.findall(r"^ *(?:targetRevision|version): (.*)", file.read_text(), re.MULTILINE)
    } | {
        f"{file.name} signed at": version.replace("\\.", ".")
        for file in (tree / "k8s/gitops/flux").glob("*.yaml")
        for version in re.findall(r"subject: .*@refs/tags/v(.*)\$$", file.read_text(), re.MULTILINE)
    } | {f"Cargo.lock {name}": version for name, version in ours((tree / "Cargo.lock").read_text()).items()}


def test_every_place_has_the_version_of_cargo_toml():
    assert places(ROOT) == dict.fromkeys(places(ROOT), VERSION)


@pytest.mark.parametrize("environment", ["dev", "staging", "prod"])
def test_manifests_have_the_version_of_cargo_toml(environment):
    manifest = read(f"k8s/manifests/{environment}/bank.yaml")
    assert set(re.findall(r'app\.kubernetes\.io/version: "?([^"\n]+)', manifest)) == {VERSION}
    assert set(re.findall(r'image: "?ghcr\.io/[^:]+:([^"\n]+)', manifest)) == {VERSION}


def test_the_changelog_has_the_form_of_keep_a_changelog():
    headings = re.findall(r"^## (.*)$", read("CHANGELOG.md"), re.MULTILINE)
    assert headings[0] == "[Unreleased]"
    versions = [re.fullmatch(r"\[(\d+\.\d+\.\d+)(-[0-9A-Za-z.-]+)?\] - \d{4}-\d\d-\d\d", heading) for heading in headings[1:]]
    assert all(versions), f"a heading is no `[1.2.3] - 2026-11-27`: {headings}"
    links = re.findall(r"^\[(.*)\]: https://github\.com/money-bank/money-bank/\S+$", read("CHANGELOG.md"), re.MULTILINE)
    assert links == [re.match(r"\[(.*?)\]", heading)[1] for heading in headings]
    numbers = [tuple(map(int, version[1].split("."))) for version in versions]
    assert numbers == sorted(numbers, reverse=True), "newest first"
    assert not numbers or versions[0][1] + (versions[0][2] or "") == VERSION
    assert set(re.findall(r"^### (.*)$", read("CHANGELOG.md"), re.MULTILINE)) <= CATEGORIES


def something_new(tree: Path) -> None:
    """Adds a change, because a tree that was just released has none."""
    changelog = tree / "CHANGELOG.md"
    changelog.write_text(changelog.read_text().replace("## [Unreleased]\n", "## [Unreleased]\n\n### Added\n- A\n", 1))
    commit(tree, "commit", "--all", "--quiet", "--message", "something new")


def test_a_release_is_prepared_in_every_place(tree):
    something_new(tree)
    before = (tree / "Cargo.lock").read_text()
    succeed("scripts/release", "7.8.9-rc.1", folder=tree)
    assert places(tree) == dict.fromkeys(places(tree), "7.8.9-rc.1")
    after = (tree / "Cargo.lock").read_text()
    assert before == after.replace('"7.8.9-rc.1"', f'"{VERSION}"'), "nothing else is locked anew"
    unreleased, released = (tree / "CHANGELOG.md").read_text().split("\n## [7.8.9-rc.1] - ")
    assert unreleased.rstrip().endswith("## [Unreleased]")
    assert released.split("\n", 2)[2].startswith("### Added\n- A\n")


def test_each_release_links_to_what_it_changed(tree):
    for version in ("7.8.9", "7.9.0"):
        something_new(tree)
        succeed("scripts/release", version, folder=tree)
        commit(tree, "commit", "--all", "--quiet", "--message", version)
    site = "https://github.com/money-bank/money-bank"
    links = re.findall(r"^\[.*\]: .*$", (tree / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert links[:2] == [f"[Unreleased]: {site}/compare/v7.9.0...HEAD", f"[7.9.0]: {site}/compare/v7.8.9...v7.9.0"]
    assert links[2].startswith(f"[7.8.9]: {site}/")
    assert "]: http" not in succeed("scripts/changelog", "7.8.9", folder=tree)


def test_a_candidate_becomes_the_release_as_it_is(tree):
    something_new(tree)
    for version in ("7.8.9-rc.1", "7.8.9"):
        succeed("scripts/release", version, folder=tree)
        commit(tree, "commit", "--all", "--quiet", "--message", version)
    assert places(tree) == dict.fromkeys(places(tree), "7.8.9")
    notes = succeed("scripts/changelog", "7.8.9", folder=tree)
    assert notes == succeed("scripts/changelog", "7.8.9-rc.1", folder=tree) and notes.startswith("### Added\n- A\n")
    link = re.search(r"^\[7\.8\.9\]: .*$", (tree / "CHANGELOG.md").read_text(), re.MULTILINE)[0]
    assert "rc.1...v7.8.9" not in link, "what is new since the release before"


def test_the_notes_of_a_release_are_its_part_of_the_changelog(tree):
    (tree / "CHANGELOG.md").write_text(
        "# Changelog\n\n## [Unreleased]\n\n## [1.1.0] - 2026-02-01\n\n### Fixed\n- That.\n\n## [1.1.0-rc.1] - 2026-01-01\n- This.\n"
    )
    assert succeed("scripts/changelog", "v1.1.0", folder=tree) == "### Fixed\n- That.\n\n- This.\n", "those of its candidates too"
    assert succeed("scripts/changelog", "1.1.0-rc.1", folder=tree) == "- This.\n"
    assert run("scripts/changelog", "1.1", folder=tree).stderr == "CHANGELOG.md says nothing of 1.1.\n"


@pytest.mark.parametrize(
    ("service", "path"),
    [("redis", "redis"), ("redis-exporter", "monitoring.redisExporter"), ("collector", "monitoring.collector")],
)
def test_compose_and_the_chart_run_the_same_image(service, path):
    chart = reduce(dict.__getitem__, path.split("."), yaml.safe_load(read("k8s/chart/values.yaml")))["image"]
    composed = yaml.safe_load(read("compose.yaml"))["services"][service]["image"]
    assert composed.split(":-")[1] == chart.removeprefix("docker.io/").removeprefix("library/") + "}"


@pytest.mark.parametrize(
    ("version", "change", "sentence"),
    [
        ("", "", "VERSION is one such as 1.2.3"),
        ("7.8", "", "VERSION is one such as 1.2.3"),
        ("7.8.9+build", "", "VERSION is one such as 1.2.3"),
        ("07.8.9", "", "VERSION is one such as 1.2.3"),
        ("7.8.9-rc.01", "", "VERSION is one such as 1.2.3"),
        ("0.0.1", "", "0.0.1 is older than"),
        (f"{NUMBERS}-0", "", f"{NUMBERS}-0 is older than {VERSION}"),
        ("7.8.9", "dirty", "Commit first"),
        ("7.8.9", "released", "has 7.8.9 already"),
        ("7.8.9", "nothing new", "has nothing under"),
    ],
)
def test_a_release_that_makes_no_sense_changes_nothing(tree, version, change, sentence):
    changelog = {"released": "## [Unreleased]\n- A\n\n## [7.8.9] - 2026-01-01\n", "nothing new": "## [Unreleased]\n\n## [0.1.0] - 2026-01-01\n- A\n"}
    if change == "dirty":
        (tree / "new").write_text("")
    elif change:
        (tree / "CHANGELOG.md").write_text(changelog[change])
        commit(tree, "commit", "--all", "--quiet", "--message", change)
    before = succeed("git", "status", "--porcelain", folder=tree)
    refused = run("scripts/release", version, folder=tree)
    assert refused.returncode == 1
    assert refused.stderr.startswith("Nothing was changed. ") and sentence in refused.stderr
    assert succeed("git", "status", "--porcelain", folder=tree) == before
