"""Fixtures that the tests of this folder share."""

from pathlib import Path

import pytest

from repository import snapshot, succeed


@pytest.fixture(scope="session")
def taken(tmp_path_factory) -> Path:
    """A snapshot of the tree, made once."""
    tree = snapshot(tmp_path_factory.mktemp("taken") / "tree")
    succeed("git", "tag", "taken", folder=tree)
    return tree


@pytest.fixture
def tree(taken: Path) -> Path:
    """A copy of the snapshot that a test may change."""
    succeed("git", "reset", "--quiet", "--hard", "taken", folder=taken)
    succeed("git", "clean", "--quiet", "-dx", "--force", folder=taken)
    return taken
