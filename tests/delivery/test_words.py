"""The glossary of CONTRIBUTING.md matches the names of the code: `scripts/words`, which `make lint` runs, compares them.

Scenario: somebody renames a type, gives its name to another thing, or brings back a replaced word. Mechanism: the script checks small
trees. Needs: nothing.
"""

import pytest

from repository import ROOT, run

GLOSSARY = """# Contributing

## Words

| word | what it means | in code |
|---|---|---|
| swap | compare-and-swap | `store::Swap`, `store::Swap::Done`, `store::redis` |
| replay | `again` | |

No public type or variant is named `Said`, `Told` or
`Turn`. `Done` is one.

## House rules
"""
STORE = "pub mod redis;\n\n/// It was Said.\npub enum Swap<T> {\n    /// Once.\n    Done(T),\n}\n\n#[cfg(test)]\nmod tests {\n    pub struct Turn;\n}\n"
WRONG = {
    "a type that is gone": ("crates/store/src/lib.rs", "Swap", "Swop", "CONTRIBUTING.md: store::Swap is no public name"),
    "a type that is private": ("crates/store/src/lib.rs", "pub enum", "enum", "CONTRIBUTING.md: store::Swap is no public name"),
    "a variant that is gone": ("crates/store/src/lib.rs", "Done", "Made", "CONTRIBUTING.md: store::Swap::Done is no public name"),
    "a crate that is gone": ("CONTRIBUTING.md", "`store::redis`", "`shop::redis`", "CONTRIBUTING.md: shop::redis is no public name"),
    "another thing of that name": ("crates/batch/src/lib.rs", "Job", "Swap", "crates/batch: Swap is store::Swap in the glossary, and may be nothing else"),
    "a word that was replaced": ("crates/batch/src/lib.rs", "Job", "Turn", "crates/batch: something public is named Turn, which the glossary replaces"),
    "a variant of such a name": ("crates/store/src/lib.rs", "Done(T),", "Done(T),\n    Said,", "crates/store: something public is named Said, which the glossary replaces"),
    "a function of such a name": ("crates/batch/src/lib.rs", "struct Job;", "fn said() {}", "crates/batch: something public is named Said, which the glossary replaces"),
    "such a name in host": ("host/src/lib.rs", "Runner", "Told", "host: something public is named Told, which the glossary replaces"),
    "such a name in tests": ("tests/src/lib.rs", "Suite", "Said", "tests: something public is named Said, which the glossary replaces"),
    "no glossary": ("CONTRIBUTING.md", "## Words", "## Names", "CONTRIBUTING.md: there is no glossary with names of the code, or no list of names that are not used"),
}


@pytest.fixture
def tree(tmp_path):
    files = {"CONTRIBUTING.md": GLOSSARY, "crates/store/src/lib.rs": STORE, "crates/batch/src/lib.rs": "pub struct Job;\n"}
    files |= {"host/src/lib.rs": "pub struct Runner;\n", "tests/src/lib.rs": "pub struct Suite;\n"}
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def complaints(tree):
    done = run(str(ROOT / "scripts/words"), str(tree))
    assert (done.returncode != 0) == bool(done.stderr), done
    return done.stderr.splitlines()


def test_a_glossary_that_says_what_is_there_is_right(tree):
    assert complaints(tree) == []


@pytest.mark.parametrize("kind", WRONG)
def test_what_the_code_does_not_say_is_named(tree, kind):
    name, before, after, complaint = WRONG[kind]
    text = (tree / name).read_text()
    assert before in text
    (tree / name).write_text(text.replace(before, after))
    assert complaint in complaints(tree)
