"""What the tests of this folder share."""

from pathlib import Path

import pytest

from repository import snapshot, succeed


@pytest.fixture(scope="session")
def taken(tmp_path_factory) -> Path:
    """A snapshot of the tree, which nobody changes."""
    return snapshot(tmp_path_factory.mktemp("taken") / "tree")


@pytest.fixture
def tree(taken: Path, tmp_path: Path) -> Path:
    """A copy of the tree to do anything with."""
    succeed("git", "clone", "--quiet", str(taken), str(tmp_path / "tree"))
    return tmp_path / "tree"
