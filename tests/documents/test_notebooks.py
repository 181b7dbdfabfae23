"""The notebooks run as they are written, from any folder, and leave their figure there."""

import subprocess
import sys
from pathlib import Path

import pytest

NOTEBOOKS = sorted((Path(__file__).parents[2] / "notebooks").glob("[0-9]*.py"))


def test_there_are_eight():
    assert [n.stem[:2] for n in NOTEBOOKS] == [f"0{k}" for k in range(1, 9)]


@pytest.mark.slow
@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda n: n.stem)
def test_notebook_runs(notebook, tmp_path):
    done = subprocess.run(
        [sys.executable, str(notebook)], cwd=tmp_path, capture_output=True, text=True, timeout=400
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert "nan" not in done.stdout
    assert (tmp_path / f"{notebook.stem}.png").stat().st_size > 20_000
    assert notebook.read_text().startswith("# %% [markdown]")
