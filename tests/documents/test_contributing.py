"""The recipes of CONTRIBUTING.md run as they are written."""

import re
from pathlib import Path

import pytest

from jaxmem.apps import cli

CONTRIBUTING = Path(__file__).parents[2] / "CONTRIBUTING.md"
RECIPES = dict(
    re.findall(r"## A (\w+)\n[^#]*?```python\n(.*?)```", CONTRIBUTING.read_text(), re.DOTALL)
)


def test_there_are_four():
    assert list(RECIPES) == ["branch", "measurement", "reader", "command"]


@pytest.mark.parametrize("name", RECIPES)
def test_recipe_runs(name, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    # The command of the recipe is taken away again.
    monkeypatch.setattr(cli.app, "registered_commands", list(cli.app.registered_commands))
    exec(compile(RECIPES[name], f"CONTRIBUTING.md, a {name}", "exec"), {})
    said = capsys.readouterr().out
    assert said.strip() and "nan" not in said and "Error" not in said
