"""The Jenkinsfile: valid Groovy, a valid declarative pipeline, with the parts of `.ci/run` and only make targets.

Mechanism: a Groovy parser, and the rules of Jenkins' documentation on what each block may and must contain. Jenkins' own linter is a
request to a Jenkins, which cannot be had here.
"""

import re
from collections.abc import Iterator

import pytest
import tree_sitter_groovy
from tree_sitter import Language, Node, Parser

from repository import read

PIPELINE = read("Jenkinsfile")
PARTS = re.findall(r"^part ([a-z0-9-]+)$", read(".ci/run"), re.MULTILINE)
SHARED = {"agent", "environment", "options", "post", "stages", "tools"}
MAY = {
    "": {"pipeline"},
    "pipeline": SHARED | {"libraries", "parameters", "triggers"},
    "stages": {"stage"},
    "stage": SHARED | {"input", "matrix", "parallel", "steps", "when"},
    "matrix": SHARED | {"axes", "excludes", "input", "when"},
    "axes": {"axis"},
    "axis": {"name", "values", "notValues"},
    "excludes": {"exclude"},
    "exclude": {"axis"},
    "agent": {"docker", "dockerfile", "kubernetes", "label", "node"},
    "dockerfile": {"additionalBuildArgs", "args", "customWorkspace", "dir", "filename", "label", "registryCredentialsId", "registryUrl", "reuseNode"},
    "options": {"buildDiscarder", "disableConcurrentBuilds", "retry", "skipDefaultCheckout", "timeout", "timestamps"},
    "steps": {"sh"},
}
# One of each set.
MUST = {"": [{"pipeline"}], "pipeline": [{"agent"}, {"stages"}], "stage": [{"steps", "stages", "parallel", "matrix"}], "matrix": [{"axes"}, {"stages"}], "axis": [{"name"}, {"values", "notValues"}]}


def first(node: Node) -> str:
    """The first word of a statement."""
    while node.named_children:
        node = node.named_children[0]
    return node.text.decode()


def blocks(node: Node, owner: str = "") -> Iterator[tuple[str, list[Node]]]:
    """Each block: its owner, and its statements."""
    if node.type in ("program", "closure"):
        yield owner, [child for child in node.named_children if child.type != "line_comment"]
    for child in node.named_children:
        yield from blocks(child, first(node))


def complaints(pipeline: str) -> list[str]:
    root = Parser(Language(tree_sitter_groovy.language())).parse(pipeline.encode()).root_node
    found = ["no Groovy"] if root.has_error else []
    for owner, statements in blocks(root):
        names = [first(statement) for statement in statements]
        found += [f"{name} in {owner}" for name in names if name not in MAY.get(owner, set())]
        found += [f"{owner} without {'/'.join(sorted(one))}" for one in MUST.get(owner, []) if not one & set(names)]
    said = [line.split() for line in pipeline.splitlines() if re.match(r"\s*agent [^{]", line)]
    return found + [f"agent {kind}" for _, kind in said if kind not in ("none", "any")]


def test_it_has_the_shape_of_a_declarative_pipeline():
    assert complaints(PIPELINE) == []


@pytest.mark.parametrize(
    ("was", "planted", "complaint"),
    [
        ("agent none", "agnet none", "agnet in pipeline"),
        ("agent none", "agent nobody", "agent nobody"),
        ("    agent none\n", "", "pipeline without agent"),
        ("excludes {", "exclude {", "exclude in matrix"),
        ("steps {", "step {", "step in stage"),
        ("dir '.ci'", "folder '.ci'", "folder in dockerfile"),
        ("sh 'make $PART'", "bat 'make $PART'", "bat in steps"),
        ("name 'RIGHTS'", "name 'RIGHTS", "no Groovy"),
        ("    stages {\n", "    stages \n", "no Groovy"),
    ],
)
def test_what_jenkins_would_refuse_is_found(was, planted, complaint):
    assert was in PIPELINE
    assert complaint in complaints(PIPELINE.replace(was, planted, 1))


def test_it_has_the_parts_of_ci_run_and_make_targets_alone():
    assert re.findall(r"'([^']*)'", re.search(r"values (.*)", PIPELINE)[1]) == PARTS
    asked = re.findall(r"\bsh\b(.*)", PIPELINE)
    assert asked == [" 'make $PART'", " 'make unchanged'"]
