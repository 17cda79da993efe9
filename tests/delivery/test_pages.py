"""Pages are whole: `scripts/pages`, which `make lint` runs, names each link that leads nowhere.

Scenario: somebody moves a page, renames a heading, or makes README.md long. Mechanism: the script looks at small trees.
Needs: git.
"""

import pytest

from repository import ROOT, commit, run

LINKED = "# Money Bank\n\n[a page](docs/a.md#in-two-words)\n"
PAGE = "# A\n\n## In `two` [words](../README.md)\n\n## Twice\n\n## Twice\n\n[here](#twice-1), [above](..), <img src=\"a.png\">\n"
WRONG = {
    "a page that is not there": ("docs/a.md", "[b](b.md)", "docs/a.md: b.md leads to no file of the repository"),
    "a picture that is not there": ("docs/a.md", '<img\n  src="b.png">', "docs/a.md: b.png leads to no file of the repository"),
    "a file that git does not keep": ("docs/a.md", "[b](ignored.md)", "docs/a.md: ignored.md leads to no file of the repository"),
    "a place outside of the repository": ("docs/a.md", "[b](../../b.md)", "docs/a.md: ../../b.md leads to no file of the repository"),
    "a heading that is not there": ("README.md", "[b](docs/a.md#b)", "README.md: docs/a.md#b names no heading of docs/a.md"),
    "a heading of its own that is not there": ("docs/a.md", "[b](#twice-2)", "docs/a.md: #twice-2 names no heading of docs/a.md"),
    "a heading that is a comment in a block": ("docs/a.md", "[b](#c)\n\n```sh\n# C\n```", "docs/a.md: #c names no heading of docs/a.md"),
    "a page of the repository's own by its address": (
        "docs/a.md", "[b](https://github.com/money-bank/money-bank/blob/main/docs/b.md)",
        "docs/a.md: https://github.com/money-bank/money-bank/blob/main/docs/b.md leads to no file of the repository",
    ),
    "a long README": ("README.md", "\n" * 147, "README.md has 151 lines; 150 are allowed"),
    "a long line of README": ("README.md", "x" * 121, "README.md:4 is longer than 120 characters"),
}


@pytest.fixture
def tree(tmp_path):
    (tmp_path / "docs").mkdir()
    for name, text in {"README.md": LINKED, "docs/a.md": PAGE, "docs/a.png": "", ".gitignore": "ignored.md\n", "docs/ignored.md": ""}.items():
        (tmp_path / name).write_text(text)
    commit(tmp_path, "init", "--quiet")
    return tmp_path


def complaints(tree):
    done = run(str(ROOT / "scripts/pages"), str(tree))
    assert (done.returncode != 0) == bool(done.stderr), done
    return done.stderr.splitlines()


def test_links_that_lead_somewhere_are_right(tree):
    assert complaints(tree) == []


def test_what_is_in_code_or_elsewhere_is_no_link_of_the_repository(tree):
    with (tree / "docs/a.md").open("a") as page:
        page.write("\n`[b](b.md)`\n\n```md\n[c](c.md)\n```\n\n[d](https://example.com/d.md)\n")
    assert complaints(tree) == []


@pytest.mark.parametrize("page, text, complaint", WRONG.values(), ids=WRONG)
def test_what_is_wrong_is_named(tree, page, text, complaint):
    with (tree / page).open("a") as written:
        written.write(text + "\n")
    assert complaints(tree) == [complaint]
