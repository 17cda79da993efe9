"""Checks the published document: it is valid OpenAPI 3.1, and each example fits its schema.

Usage: document.py URL
"""

import json
import sys
from urllib.request import urlopen

from jsonschema import Draft202012Validator
from openapi_spec_validator import OpenAPIV31SpecValidator


def described(node):
    """Every object of the document that has a schema and examples of it."""
    if isinstance(node, dict):
        if "schema" in node and ("example" in node or "examples" in node):
            yield node
        for child in node.values():
            yield from described(child)
    elif isinstance(node, list):
        for child in node:
            yield from described(child)


def main(url):
    with urlopen(url) as answer:
        document = json.load(answer)
    OpenAPIV31SpecValidator(document).validate()

    examples = 0
    for node in described(document):
        # References in a schema begin at the document's root.
        schema = {**node["schema"], "components": document["components"]}
        shown = [example["value"] for example in node.get("examples", {}).values()]
        shown += [node["example"]] if "example" in node else []
        for example in shown:
            Draft202012Validator(schema).validate(example)
            examples += 1
    assert examples > 0, "the document has no examples"
    print(f"{url} is valid, and so are its {examples} examples")


main(sys.argv[1])
