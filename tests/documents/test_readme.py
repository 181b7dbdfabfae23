"""The recipes and the seven examples run as they are written; the README's first screen."""

import re
import shlex
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from fitting import Spectrum, write_spectra_csv
from fitting.study.loading import load_terms
from fitting.study.run import Outcome
from fitting.study.setups import priors_of, setup_of
from fitting.study.spec import KINDS
from fitting.study.spec_file import read_spec
from jaxmem.apps.cli import app

ROOT = Path(__file__).parents[2]
EXAMPLES = re.findall(
    r"```python\n(.*?)```", (ROOT / "docs/reference/seven-examples.md").read_text(), re.DOTALL
)
RECIPES = (ROOT / "docs/command-line/recipes.md").read_text()


def test_the_first_screen_has_a_figure_two_commands_and_doors():
    lines = (ROOT / "README.md").read_text().splitlines()
    screen = "\n".join(lines[:55])
    (picture,) = re.findall(r"!\[.*?\]\(([\w./-]+)\)", screen, re.DOTALL)
    assert (ROOT / picture).is_file()
    targets = re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert {"demo", "test"} <= set(re.findall(r"^    make (\w+)$", screen, re.MULTILINE))
    assert {"demo", "test", "docs"} <= set(targets) and "pip install" in screen
    for door in ("experimentalist", "theorist", "designer"):
        assert f"](docs/guides/{door}.md)" in screen


@pytest.fixture
def files(tmp_path, monkeypatch):
    """The files that the recipes name."""
    monkeypatch.chdir(tmp_path)
    freq = np.geomspace(1, 1e5, 20)
    for k in range(1, 8):
        write_spectra_csv(f"eis{k}.csv", [Spectrum(freq, 1 / (2j * np.pi * freq * 1e-8 + 1e-5))])
    V = np.concatenate([np.linspace(0, 0.8, 20), np.linspace(0.8, 0, 20)])
    for name in ("slow", "middle", "fast"):
        Path(f"{name}.csv").write_text(
            "V,I\n" + "".join(f"{v:.6g},{10 * v + 20 * v**3:.6g}\n" for v in V)
        )
    Path("steady.csv").write_text("V (V),I (A)\n0.1,1e-6\n0.2,2.1e-6\n0.4,4.5e-6\n0.6,8e-6\n")


def test_recipes_do_what_they_say(files, monkeypatch):
    """The commands of the recipes, up to the fit itself."""
    asked = []
    done = lambda spec, out, **more: asked.append((spec, out)) or Outcome(out, [], ())
    monkeypatch.setattr("fitting.study.run.run_study", done)
    commands = re.findall(r"^    jaxmem (.*)$", RECIPES, re.MULTILINE)
    for command in commands:
        ran = CliRunner().invoke(app, shlex.split(command))
        assert ran.exit_code == 0, ran.output
    (each, seven, lit, loops) = (load_terms(spec) for spec, _ in asked)
    for series in (each, seven):
        assert [s.bias for s in series.terms] == [("V", round(0.6 + 0.05 * k, 2)) for k in range(7)]
    assert [spec.one_device for spec, _ in asked] == [False, True, True, True]
    assert len(lit.terms) == 1 and asked[2][0].add == ("photocurrent",)
    assert [t.period for t in loops.terms] == pytest.approx([1.0, 0.1, 0.01])
    assert all(t.start == "periodic" and 1e-6 < t.observed.max() < 1e-4 for t in loops.terms)


def test_the_complete_specification_is_one(files):
    text = re.search(r"```toml\n(.*?)```", RECIPES, re.DOTALL).group(1)
    Path("cell.toml").write_text(text)
    spec = read_spec("cell.toml")
    assert [e.kind for e in spec.entries] == [*KINDS]
    loaded = load_terms(spec)
    # As far as the fit: what is fixed and ranged is in the model.
    setup = setup_of(spec, loaded)
    assert len(priors_of(spec, setup.model)) == 1 and len(loaded.terms) == 4


def test_there_are_seven():
    assert len(EXAMPLES) == 7


# A branch of cycles and a joint fit take as long as all others.
@pytest.mark.parametrize(
    "code",
    [pytest.param(e, marks=[pytest.mark.slow] * (k in (2, 6))) for k, e in enumerate(EXAMPLES)],
)
def test_example_runs(code, capsys):
    exec(compile(code, "seven-examples.md", "exec"), {})
    assert "nan" not in capsys.readouterr().out
