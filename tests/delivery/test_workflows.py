"""What builds and ships this: .github/workflows, and whatever other CI there is.

A step has no command of its own, only make targets, which anybody can run at home. actionlint and zizmor read the workflows; every job
runs here with a `make` that only writes down its targets.
"""

import json
import re
from pathlib import Path

import pytest
import yaml

from repository import ROOT, commit, read, run, succeed
from runner import WORKFLOWS, combinations, jobs, load

ACTIONLINT, ZIZMOR = str(ROOT / "build/bin/actionlint"), str(ROOT / "build/delivery/bin/zizmor")
TARGETS = set(re.findall(r"^([a-z0-9-]+):", read("Makefile"), re.MULTILINE))
MAKE = re.compile(r"make ([a-z0-9-]+)((?: [A-Z_]+=\S+)*)")
FILES = sorted(WORKFLOWS.glob("*.yml"))
JOBS = [(file, name) for file in FILES for name, job in load(file)["jobs"].items() if "steps" in job]


def targets(command: str) -> list[str]:
    """The targets of a command, which must have nothing but make targets."""
    asked = [MAKE.fullmatch(line) for line in command.strip().splitlines()]
    assert all(asked), f"not a make target alone: {command}"
    return [match[1] for match in asked]


def zizmor(*files: str) -> object:
    return run(ZIZMOR, "--offline", "--no-progress", "--color=never", *files)


def test_actionlint_has_nothing_to_say():
    said = run(ACTIONLINT, "-no-color", *map(str, FILES))
    assert said.returncode == 0, said.stdout + said.stderr


def test_zizmor_has_nothing_to_say():
    said = zizmor(".github")
    assert said.returncode == 0, said.stdout + said.stderr


@pytest.mark.parametrize(
    ("was", "planted", "complaint"),
    [
        ("actions/checkout@3d3c42e5aac5ba805825da76410c181273ba90b1 # v7.0.1", "actions/checkout@v7", "unpinned-uses"),
        ("        with:\n          persist-credentials: false\n", "", "artipacked"),
        ("permissions:\n      contents: read\n", "permissions: write-all\n", "excessive-permissions"),
        ("make ${{ matrix.part }}", "make ${{ github.head_ref }}", "template-injection"),
    ],
)
def test_they_find_what_is_planted(tmp_path, was, planted, complaint):
    workflow = read(".github/workflows/ci.yml")
    assert was in workflow
    (tmp_path / "ci.yml").write_text(workflow.replace(was, planted))
    assert complaint in zizmor(str(tmp_path / "ci.yml")).stdout


def test_actionlint_finds_what_is_planted(tmp_path):
    (tmp_path / "ci.yml").write_text(read(".github/workflows/ci.yml").replace("matrix.part }}\n      - run: make unchanged", "matrix.prat }}"))
    assert 'property "prat" is not defined' in run(ACTIONLINT, "-no-color", str(tmp_path / "ci.yml")).stdout


@pytest.mark.parametrize(("file", "name"), JOBS, ids=lambda value: getattr(value, "stem", value))
def test_a_job_runs_here_and_asks_for_make_targets_alone(tmp_path, file: Path, name: str):
    (make := tmp_path / "make").write_text(f'#!/bin/sh\necho "make $*" >>{tmp_path}/asked\n')
    make.chmod(0o755)
    context = dict.fromkeys(set(re.findall(r"(?:github|inputs|vars|needs|secrets|steps)\.[A-Za-z0-9_.-]+", file.read_text())), "given")
    for job in jobs(file, name, context):
        for step in job.run(ROOT, {"PATH": f"{tmp_path}:/usr/bin:/bin"}):
            assert step.status == 0
            assert step.name.startswith("left out: ") or set(targets(step.command)) <= TARGETS
    assert (tmp_path / "asked").exists()


PARTS = re.findall(r"^part ([a-z0-9-]+)$", read(".ci/run"), re.MULTILINE)


def test_ci_yml_has_the_parts_of_ci_run():
    job = load(WORKFLOWS / "ci.yml")["jobs"]["part"]
    assert [row["matrix.part"] for row in combinations(job)] == PARTS
    assert "make unchanged" in read(".ci/run")


def test_whatever_proves_something_is_run_by_all_or_by_night():
    makefile = read("Makefile")
    reached = {row["matrix.target"].split()[0] for row in combinations(load(WORKFLOWS / "nightly.yml")["jobs"]["long"])}
    reached |= {command.split()[1] for job in ("bench", "spin") for command in asked("nightly", job)}
    # Beside what it depends on, parts of a recipe.
    named = {name: set(re.findall(r"[a-z0-9-]+", line)) for name, line in re.findall(r"^([a-z0-9-]+):([^#\n]*)", makefile, re.MULTILINE)}
    named["test"] |= set(re.search(r'scripts/beside "(.*?)"', makefile)[1].split())
    named["test-cloud"] |= set(re.findall(r"test-[a-z]+", re.search(r"scripts/beside (.*test-canary.*)", makefile)[1]))
    while (more := set().union(*(named[name] & TARGETS for name in reached)) - reached):
        reached |= more
    # `prove`, which make test runs, has the first; make test-aws does what the second does.
    proofs = {name for name in TARGETS if re.match(r"test|lint|checkov|coverage|sim$|torture|mutants|fuzz|bench$|advisories", name)}
    assert proofs - reached == {"test-api", "lint-cloud"}


def test_only_the_part_with_a_node_of_its_own_has_rights_over_the_machine():
    for workflow, job, axis, part in [("ci", "part", "part", "test-node"), ("nightly", "long", "target", "test-all")]:
        rows = combinations(load(WORKFLOWS / f"{workflow}.yml")["jobs"][job])
        assert [row[f"matrix.{axis}"] for row in rows if "--privileged" in row.get("matrix.options", "")] == [part]
    assert sum(file.read_text().count("--privileged") for file in FILES) == 2
    assert re.findall(r"(?:values|notValues) '([^',]*)'$", read("Jenkinsfile"), re.MULTILINE) == ["test-node", " ", "test-node", " "]


def test_gitlab_has_the_parts_of_ci_run_and_make_targets_alone():
    job = yaml.safe_load(read(".gitlab-ci.yml"))["part"]
    assert job["parallel"]["matrix"] == [{"PART": PARTS}]
    assert job["script"] == ["make $PART", "make unchanged"]
    assert not {"before_script", "after_script"} & set(job)


@pytest.mark.parametrize(
    ("file", "schema"),
    [(".github/dependabot.yml", "dependabot"), (".gitlab-ci.yml", "gitlab-ci")]
    + [(file, "compose-spec") for file in ["compose.yaml", "cloud/registry/compose.yaml", "cloud/registry/s3.yaml"]],
)
def test_files_of_services_have_the_form_that_these_publish(file, schema):
    said = run(str(ROOT / "build/delivery/bin/check-jsonschema"), "--builtin-schema", f"vendor.{schema}", file)
    assert said.returncode == 0, said.stdout


def test_dependabot_looks_after_everything_and_waits_some_days():
    updates = {update["package-ecosystem"]: update for update in yaml.safe_load(read(".github/dependabot.yml"))["updates"]}
    tracked = [Path(name) for name in succeed("git", "ls-files").splitlines()]
    homes = {"cargo": "Cargo.lock", "gomod": "go.mod", "npm": "package-lock.json", "pip": "requirements.txt", "docker": "*Dockerfile"}
    for ecosystem, pattern in homes.items():
        update = updates.pop(ecosystem)
        folders = {"/" if path.parent == Path() else f"/{path.parent}" for path in tracked if path.match(pattern)}
        assert set(update.get("directories", [update.get("directory")])) == folders, ecosystem
        assert update["cooldown"]["default-days"] >= 7 and update["groups"], ecosystem
    assert set(updates) == {"github-actions"}
    assert updates["github-actions"]["cooldown"]["default-days"] >= 7


@pytest.mark.parametrize("file", [*FILES, ROOT / ".github/actions/machine/action.yml"], ids=lambda file: file.name)
def test_actions_are_pinned_to_a_commit_and_say_which_version_it_is(file: Path):
    for used in re.findall(r"uses: (.*)", file.read_text()):
        assert used.startswith("./") or re.fullmatch(r"[\w.-]+/[\w./-]+@[0-9a-f]{40} # v\d+(\.\d+)*", used), used


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_nothing_has_permissions_but_the_jobs_that_name_them(file: Path):
    workflow = load(file)
    assert workflow["permissions"] == {}
    for name, job in workflow["jobs"].items():
        assert "permissions" in job, name
        assert "timeout-minutes" in job or "uses" in job, name


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_git_trusts_the_tree_of_a_job_in_a_container(tmp_path, file: Path):
    """Otherwise `bank --version` names no commit, and files that tests leave behind go unnoticed."""
    workflow = load(file)
    settings = {name: str(value) for name, value in workflow.get("env", {}).items() if name.startswith("GIT_")}
    assert bool(settings) == any("container" in job for job in workflow["jobs"].values())
    if settings:
        trusts(tmp_path, settings)


def test_git_trusts_the_tree_in_the_image_of_jenkins_and_gitlab(tmp_path):
    """Jenkins' agent is root in the container, in another user's workspace."""
    assert re.search(r"dockerfile \{\s*dir '\.ci'", read("Jenkinsfile")) and ".ci/Dockerfile" in read(".gitlab-ci.yml")
    trusts(tmp_path, dict(re.findall(r"\b(GIT_\w+)=(\S+)", read(".ci/Dockerfile"))))


def trusts(tree: Path, settings: dict[str, str]) -> None:
    """With these settings git shows the changes of another user's tree; without them it refuses."""
    commit(tree, "init", "--quiet")
    (tree / "new").touch()
    anothers = {"GIT_TEST_ASSUME_DIFFERENT_OWNER": "1", "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_NOSYSTEM": "1"}
    assert run("git", "status", "--porcelain", folder=tree, env=anothers).returncode != 0
    assert succeed("git", "status", "--porcelain", folder=tree, env=anothers | settings) == "?? new\n"


def test_no_two_jobs_share_a_cache():
    """The first job that ends saves the cache, and no later one does: if jobs shared it, long jobs would rebuild each night what a short job lacks."""
    owners = [
        re.sub(r"\$\{\{ (.*?) \}\}", lambda found: row[found[1]], step["with"]["cache"])
        for file in FILES
        for job in load(file)["jobs"].values()
        for row in combinations(job)
        for step in job.get("steps", [])
        if step.get("uses") == "./.github/actions/machine" and "with" in step
    ]
    assert owners and len(set(owners)) == len(owners), owners
    assert not any("," in owner for owner in owners), "a key has no comma"
    # A cache to restore is found by the beginning of its key.
    assert not [(one, other) for one in owners for other in owners if one != other and other.startswith(f"{one}.")]
    assert "restore-keys: ${{ inputs.cache }}.\n" in read(".github/actions/machine/action.yml")


def test_no_stored_key_is_asked_for():
    for file in FILES:
        assert set(re.findall(r"secrets\.(\w+)", file.read_text())) <= {"GITHUB_TOKEN"}, file.name


def asked(workflow: str, job: str) -> list[str]:
    return [step["run"] for step in load(WORKFLOWS / f"{workflow}.yml")["jobs"][job]["steps"] if "run" in step]


def test_nobody_else_s_program_that_is_not_named_by_its_hash_runs_where_a_release_is_signed():
    steps = asked("release", "publish")
    assert steps.index("make release-spin") < steps.index("make registry-login") < steps.index("make publish-release")
    assert "make newest-spin" not in steps


def test_a_release_that_waits_for_another_is_not_given_up_for_a_third():
    """GitHub keeps only one waiting run in each group."""
    assert load(WORKFLOWS / "release.yml")["concurrency"] == {"group": "release-${{ github.ref }}", "cancel-in-progress": False}


def test_nobody_moves_the_tag_of_a_release():
    rulesets = [json.loads(path.read_text()) for path in sorted((ROOT / ".github/rulesets").glob("*.json"))]
    (pattern,) = yaml.safe_load(read(".github/workflows/release.yml"))[True]["push"]["tags"]
    assert all(one["target"] == "tag" and one["enforcement"] == "active" for one in rulesets)
    assert all(one["conditions"]["ref_name"] == {"include": [f"refs/tags/{pattern}"], "exclude": []} for one in rulesets)
    by_anybody = {rule["type"] for one in rulesets if not one["bypass_actors"] for rule in one["rules"]}
    assert by_anybody == {"update", "deletion", "non_fast_forward"}
    assert {rule["type"] for one in rulesets for rule in one["rules"]} - by_anybody == {"creation"}


IMAGE = re.compile(r"rust:1\.[0-9]+-bookworm@sha256:[0-9a-f]{64}")


def test_whatever_builds_is_the_same_image_of_rust_by_its_digest():
    """Dependabot updates only Dockerfiles: the workflows must follow."""
    said = {}
    for file in [*FILES, *ROOT.glob("k8s/images/*.Dockerfile"), ROOT / ".ci/Dockerfile"]:
        said |= dict.fromkeys(re.findall(r"\brust:\S+", file.read_text()), file.name)
    assert len(said) == 1 and IMAGE.fullmatch(next(iter(said))), said
