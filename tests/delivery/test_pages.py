"""`scripts/pages`, which `make lint` runs, names each link that leads nowhere and each block of commands that no test runs.

Scenario: somebody moves a page, renames a heading, adds commands, or makes README.md long. Mechanism: the script checks small
trees. Needs: git.
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
    "a heading that is a comment in a block": ("docs/a.md", "[b](#c)\n\n```toml\n# C\n```", "docs/a.md: #c names no heading of docs/a.md"),
    "a page of the repository's own by its address": (
        "docs/a.md", "[b](https://github.com/money-bank/money-bank/blob/main/docs/b.md)",
        "docs/a.md: https://github.com/money-bank/money-bank/blob/main/docs/b.md leads to no file of the repository",
    ),
    "a long README": ("README.md", "\n" * 147, "README.md has 151 lines; 150 are allowed"),
    "a long line of README": ("README.md", "x" * 121, "README.md:4 is longer than 120 characters"),
}
RUNNER = 'block("docs/a.md", "two words")\n'
UNPROVEN = {
    "nobody is named": ("", "no comment says who runs this block, or why nobody does"),
    "it is another comment": ("<!-- two words -->\n", "no comment says who runs this block, or why nobody does"),
    "an example has no reason": ("<!-- example:  -->\n", "no comment says who runs this block, or why nobody does"),
    "the comment is not right above": ("<!-- run by tests -->\n\n", "no comment says who runs this block, or why nobody does"),
    "there is no such test": ("<!-- run by tests/b.js -->\n", "tests/b.js does not run this block"),
    "the test knows no such name": ("<!-- run by tests: three words -->\n", "tests does not run this block"),
    "the second test does not know the page": ("<!-- run by tests and Makefile -->\n", "Makefile does not run this block"),
}


@pytest.fixture
def tree(tmp_path):
    (tmp_path / "docs").mkdir()
    for name, text in {"README.md": LINKED, "docs/a.md": PAGE, "docs/a.png": "", ".gitignore": "ignored.md\n", "docs/ignored.md": ""}.items():
        (tmp_path / name).write_text(text)
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests/a.js").write_text(RUNNER)
    (tmp_path / "Makefile").write_text("up: build\n\ttrue\n")
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


@pytest.mark.parametrize("above", ["<!-- run by tests/a.js -->", "<!-- run by tests: two words -->", "<!-- example: it needs a moon -->"])
def test_a_block_is_run_or_an_example(tree, above):
    with (tree / "docs/a.md").open("a") as page:
        page.write(f"\n{above}\n```sh\nls\n```\n\n```json\n{{}}\n```\n")
    assert complaints(tree) == []


@pytest.mark.parametrize("above, complaint", UNPROVEN.values(), ids=UNPROVEN)
def test_a_block_of_which_nobody_knows_whether_it_works_is_named(tree, above, complaint):
    with (tree / "docs/a.md").open("a") as page:
        page.write(f"\n{above}```sh\nls\n```\n")
    (found,) = complaints(tree)
    assert found.startswith("docs/a.md:") and found.endswith(f": {complaint}")


def test_targets_of_make_are_there_in_blocks_and_in_prose(tree):
    with (tree / "docs/a.md").open("a") as page:
        page.write("\n`make up`, `make down`\n\n<!-- example: it takes long -->\n```sh\nmake up\nmake over\n```\n")
    assert complaints(tree) == ["docs/a.md: make down is no target", "docs/a.md: make over is no target"]
