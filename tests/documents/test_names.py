"""No module bears the name of a function or class, and no two of one package share a name."""

import ast
from collections import defaultdict
from pathlib import Path

import pytest

pytestmark = pytest.mark.quick

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("jaxmem", "fitting")


def definitions(package):
    """Public functions and classes at the top of a package's modules: name to the files."""
    found = defaultdict(list)
    for file in sorted((ROOT / package).rglob("*.py")):
        for node in ast.parse(file.read_text(encoding="utf-8")).body:
            kinds = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
            if isinstance(node, kinds) and not node.name.startswith("_"):
                found[node.name].append(str(file.relative_to(ROOT)))
    return found


def rooms(package):
    """Names of a package's modules and folders."""
    files = (ROOT / package).rglob("*.py")
    return {f.parent.name if f.stem == "__init__" else f.stem for f in files}


def test_no_module_bears_the_name_of_a_function_or_class():
    public = set().union(*(definitions(p) for p in PACKAGES))
    clashes = public & set().union(*(rooms(p) for p in PACKAGES))
    assert not clashes


@pytest.mark.parametrize("package", PACKAGES)
def test_no_two_things_of_a_package_share_a_name(package):
    twice = {name: files for name, files in definitions(package).items() if len(files) > 1}
    assert not twice
