"""What both packages offer says what its arguments are."""

import ast
from pathlib import Path

import pytest

pytestmark = pytest.mark.quick

ROOT = Path(__file__).resolve().parents[2]


def offered(package):
    """The public functions of a package's door (`__init__.pyi`), as they are written."""
    door = ast.parse((ROOT / package / "__init__.pyi").read_text(encoding="utf-8"))
    names = {alias.name for node in door.body for alias in getattr(node, "names", ())}
    for file in sorted((ROOT / package).rglob("*.py")):
        # No door leads into the programs.
        if "apps" not in file.relative_to(ROOT).parts:
            for node in ast.parse(file.read_text(encoding="utf-8")).body:
                if isinstance(node, ast.FunctionDef) and node.name in names:
                    yield node


@pytest.mark.parametrize("package", ["jaxmem", "fitting"])
def test_a_function_of_two_or_more_parameters_describes_them(package):
    functions = list(offered(package))
    assert len(functions) > 15
    lacking = []
    for function in functions:
        a, text = function.args, ast.get_docstring(function) or ""
        count = len(a.posonlyargs + a.args + a.kwonlyargs) + bool(a.vararg) + bool(a.kwarg)
        if not text or (count > 1 and "**Arguments" not in text):
            lacking.append(function.name)
    assert lacking == []
