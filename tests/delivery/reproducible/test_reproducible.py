"""Everybody who builds the components of a commit gets the same bytes, wherever the tree and cargo's home are.

Mechanism: two snapshots of the tree are built as a release is, in folders of different names and lengths, each with its own cargo home.
Takes about ten minutes on two cores. Needs: cargo.
"""

import hashlib
import os
from pathlib import Path

from repository import ROOT, snapshot, succeed


def built(tree: Path, home: Path) -> dict[str, str]:
    """The SHA-256 of each component."""
    snapshot(tree)
    home.mkdir(parents=True)
    ours = Path(os.environ.get("CARGO_HOME", Path.home() / ".cargo"))
    for kept in ("registry", "git"):
        if (ours / kept).exists():
            (home / kept).symlink_to(ours / kept)
    succeed("make", "release-components", folder=tree, env={"CARGO_HOME": str(home), "CARGO_TARGET_DIR": str(tree / "target")})
    return {path.stem: hashlib.sha256(path.read_bytes()).hexdigest() for path in (tree / "target/wasm32-wasip2/release").glob("*.wasm")}


def test_components_that_are_built_in_two_places_are_equal_byte_for_byte(tmp_path):
    one = built(tmp_path / "one/tree", tmp_path / "one/home")
    other = built(tmp_path / "another/much/longer/path/to/it", tmp_path / "b")
    assert set(one) == set(other) == {path.name for path in (ROOT / "components").iterdir()}
    differing = [name for name in one if one[name] != other[name]]
    assert not differing, f"not the same in both folders: {', '.join(differing)}"
