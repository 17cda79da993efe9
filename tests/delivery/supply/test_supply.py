"""What may be built in, and what may not be committed: cargo-deny checks both lock files against deny.toml, gitleaks reads the whole history.

Scenario: somebody adds a crate with a licence that is not allowed, or from a git repository, or commits a key. Mechanism: each is planted in
a scratch copy. Needs: git, cargo; cargo-deny and gitleaks of `make supply-tools`.
"""

import shutil
from pathlib import Path

import pytest

from repository import ROOT, commit, read, run, succeed

DENY, GITLEAKS = str(ROOT / "build/tools/bin/cargo-deny"), str(ROOT / "build/bin/gitleaks")
WORKSPACES = [Path(name).parent for name in succeed("git", "ls-files", "*Cargo.lock").splitlines()]


def deny(folder: Path, config: Path, *checks: str):
    return run(DENY, "--locked", "--offline", "--config", str(config), "check", "--hide-inclusion-graph", *checks, folder=folder)


@pytest.mark.parametrize("workspace", WORKSPACES, ids=str)
def test_licences_bans_and_sources_are_as_deny_toml_says(workspace):
    succeed("cargo", "fetch", "--locked", "--quiet", folder=ROOT / workspace)
    said = deny(ROOT / workspace, ROOT / "deny.toml", "licenses", "bans", "sources")
    assert said.returncode == 0, said.stderr


@pytest.mark.parametrize(
    ("was", "planted", "check", "complaint"),
    [
        ('  "MIT",\n', "", "licenses", "rejected"),
        ('[bans]\n', '[bans]\ndeny = ["anyhow"]\n', "bans", "banned"),
        ("https://github.com/rust-lang/crates.io-index", "https://example.com/index", "sources", "source-not-allowed"),
    ],
)
def test_cargo_deny_refuses_what_is_not_allowed(tmp_path, was, planted, check, complaint):
    rules = read("deny.toml")
    assert was in rules
    (tmp_path / "deny.toml").write_text(rules.replace(was, planted))
    said = deny(ROOT, tmp_path / "deny.toml", check)
    assert said.returncode != 0 and complaint in said.stderr, said.stderr


def test_no_secret_is_in_the_history():
    said = run(GITLEAKS, "git", "--no-banner", "--no-color", "--redact", "--verbose", ".")
    assert said.returncode == 0, said.stdout


def test_gitleaks_finds_a_key_that_a_later_commit_takes_away(tmp_path):
    commit(tmp_path, "init", "--quiet")
    # Assembled here, so that this file holds no key.
    (tmp_path / "settings").write_text('github_token = "ghp_' + "q7Zp3VtX9cLr2MwK8sBnD4fJ6hGy1eTa5uRo" + '"\n')
    for change in ("add", "rm"):
        commit(tmp_path, change, "settings")
        commit(tmp_path, "commit", "--quiet", "--message", change)
    for settings in (".gitleaks.toml", ".gitleaksignore"):
        shutil.copy2(ROOT / settings, tmp_path)
    said = run(GITLEAKS, "git", "--no-banner", "--no-color", "--redact", "--verbose", ".", folder=tmp_path)
    assert said.returncode == 1 and "github-pat" in said.stdout, said.stdout + said.stderr
