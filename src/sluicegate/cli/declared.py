"""Finds every metric that the sources declare, without running them.

Metrics are declared where they are counted, in parts that only a running gateway builds all of;
reading the declarations finds them whatever is configured.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import sluicegate
from sluicegate.metrics import Family

PREFIX = "sluicegate_"
FIELDS = ("name", "kind", "meaning", "labels")
CALLS = ("family", "FamilyDump")


def families(folder: Path | None = None) -> list[Family]:
    """Return the families declared by the sources in `folder`, ours unless told, by name.

    Raises ValueError for a declaration that is not written out in literals.
    """
    folder = folder or Path(sluicegate.__file__).parent
    found = {
        family.name: family
        for path in sorted(folder.rglob("*.py"))
        for family in _families_of(path)
    }
    return [found[name] for name in sorted(found)]


def _families_of(path: Path) -> Iterator[Family]:
    text = path.read_text()
    if PREFIX not in text:
        return  # most sources declare none, and to parse one takes far longer than to look
    for node in ast.walk(ast.parse(text, str(path))):
        if not isinstance(node, ast.Call):
            continue
        called = node.func.attr if isinstance(node.func, ast.Attribute) else None
        called = node.func.id if isinstance(node.func, ast.Name) else called
        if called not in CALLS:
            continue
        given = dict(zip(FIELDS, node.args, strict=False))
        given |= {k.arg: k.value for k in node.keywords if k.arg in FIELDS}
        name = given.get("name")
        # Calls that pass on what was declared elsewhere have no literal name.
        if isinstance(name, ast.Constant) and str(name.value).startswith(PREFIX):
            yield _family(path, node.lineno, given)


def _family(path: Path, line: int, given: dict[str, ast.expr]) -> Family:
    try:
        read = {name: ast.literal_eval(value) for name, value in given.items()}
        return Family(read["name"], read["kind"], read["meaning"], tuple(read.get("labels", ())))
    except (ValueError, KeyError) as error:
        message = f"{path}:{line}: a metric is declared with literals: name, kind, meaning, labels"
        raise ValueError(message) from error
