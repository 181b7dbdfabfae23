"""The README's examples run as they are written."""

import re
from pathlib import Path

import pytest

README = Path(__file__).parents[2] / "README.md"
EXAMPLES = re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)


def test_there_are_five():
    assert len(EXAMPLES) == 5


@pytest.mark.parametrize("code", EXAMPLES)
def test_example_runs(code, capsys):
    exec(compile(code, "README.md", "exec"), {})
    assert "nan" not in capsys.readouterr().out
