"""The table of all results, kept in README.md between two marks."""

import ast
import json
from collections.abc import Callable
from typing import Any, NamedTuple

from benchmarks.harness import HERE, RESULTS, load, names

README = HERE / "README.md"
BEGIN, END = "<!-- written by python -m benchmarks -->", "<!-- end -->"
NONE = "-"
Says = Callable[[Any], str]


class Row(NamedTuple):
    """What the table says of a result; each alone, and "-" where the result lacks it."""

    counted: Says = lambda result: NONE
    error: Says = lambda result: NONE
    time: Says = lambda result: NONE
    peer: Says = lambda result: NONE


def question(name) -> str:
    """What a benchmark asks: the first line of its docstring, read without importing it."""
    text = ast.get_docstring(ast.parse(names()[name].read_text()))
    return text.splitlines()[0] if text else NONE


def cells(name) -> list[str]:
    """One line of the table."""
    path = RESULTS / f"{name}.json"
    if not path.exists():
        return [name, *[NONE] * 5]
    result = json.loads(path.read_text())
    return [name, *(_said(says, result) for says in load(name).ROW), _said(_where, result)]


def _said(says, result):
    try:
        return says(result)
    except (KeyError, IndexError, TypeError, ValueError):
        return NONE


def _where(result):
    """Machine, versions and date of its parts."""
    said = []
    for about in result["provenance"].values():
        known = [about["platform"], about["device"]]
        known += [f"{about['cores']} cores"] if "cores" in about else []
        known += [f"{p} {v}" for p, v in about["versions"].items() if p in ("python", "jax")]
        said.append(", ".join([*known, about["time"][:10]]))
    return "; ".join(dict.fromkeys(said))


def text() -> str:
    """The questions, and the table of results, as Markdown."""
    asked = [f"- `{name}`: {question(name)}" for name in names()]
    head = ["benchmark", "counted", "error", "time", "peers", "where and when"]
    rows = [head, ["---"] * len(head), *(cells(name) for name in names())]
    return "\n".join([*asked, "", *(f"| {' | '.join(row)} |" for row in rows)])


def rewrite() -> str:
    """Puts the table of what is in results/ into the README; returns it."""
    said, old = text(), README.read_text()
    before, rest = old.split(BEGIN)
    README.write_text(f"{before}{BEGIN}\n\n{said}\n\n{END}{rest.split(END)[1]}")
    return said
