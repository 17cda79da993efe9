"""The work tree, and scratch copies of it."""

import os
import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def read(path: str) -> str:
    return (ROOT / path).read_text()


def run(*command: str, folder: Path = ROOT, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Runs a command; its streams are text, and it may fail."""
    return subprocess.run(command, cwd=folder, env=os.environ | (env or {}), capture_output=True, text=True)


def succeed(*command: str, folder: Path = ROOT, env: dict[str, str] | None = None) -> str:
    """The output of a command that must succeed."""
    done = run(*command, folder=folder, env=env)
    assert done.returncode == 0, f"{command} failed:\n{done.stdout}{done.stderr}"
    return done.stdout


def commit(tree: Path, *arguments: str) -> None:
    """Commits with an author of its own."""
    succeed("git", "-c", "user.name=test", "-c", "user.email=test@example.com", *arguments, folder=tree)


def snapshot(tree: Path) -> Path:
    """The tree as it is, with uncommitted changes, as a repository with one commit."""
    for name in succeed("git", "ls-files", "--cached", "--others", "--exclude-standard").splitlines():
        if (ROOT / name).is_file():
            (tree / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, tree / name)
    commit(tree, "init", "--quiet")
    commit(tree, "add", "--all")
    commit(tree, "commit", "--quiet", "--message", "the tree")
    return tree
