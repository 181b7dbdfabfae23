"""A second process that draws makes the pictures that this one would, and is never missed."""

import pickle
import subprocess
import sys

import jax.numpy as jnp
import numpy as np
import pytest

from fitting import Spectrum, write_spectra_csv
from fitting.study import run
from fitting.study.spec import Entry, Spec
from jaxmem import plots
from jaxmem.plots import drawing_process
from jaxmem.plots.drawing import drawn_files
from jaxmem.plots.drawing_process import DrawingProcess, begin_drawing, drawing_apart, pickled

X = np.linspace(1.0, 9.0, 40)


def figure(power=2.0, colour=None):
    panel = plots.Panel([plots.Curve(X, X**power, colour=colour)], plots.PlotAxis("x"))
    return plots.Figure([[panel]], (3.0, 2.0))


@pytest.fixture
def process():
    made = DrawingProcess()
    made.start()
    yield made
    made.close()


def test_it_draws_what_this_process_draws(process):
    for power in (2.0, 3.0):
        question = process.ask(figure(power), ("png",))
        apart, here = process.take(question), drawn_files(figure(power), ("png",))
        assert apart.keys() == here.keys() == {"svg", "png"}
        assert apart["png"] == here["png"]


def test_what_is_drawn_ahead_is_not_drawn_again(tmp_path):
    with drawing_apart():
        begin_drawing()
        plots.draw_ahead(figure())
        (ahead,) = drawing_process._current[0]._asked.values()
        ahead.result()
        assert plots.save(figure(), tmp_path, "power").startswith("<svg")
        assert not drawing_process._current[0]._asked
    assert {f.name for f in tmp_path.iterdir()} == {"power.png", "power.svg"}
    assert not drawing_process._current


def test_a_fit_asks_for_each_of_its_figures_once(tmp_path, monkeypatch):
    """What is drawn ahead is what the report shows, to the last byte of the question."""
    asked = []

    def answer(process, question):
        asked.append(question)
        figure, formats = pickle.loads(question)
        return drawn_files(figure, formats)

    monkeypatch.setattr(DrawingProcess, "_answer", staticmethod(answer))
    ahead, write = [], run.write_fit

    def count_and_write(*given, **more):
        ahead.append(len(drawing_process._current[0]._asked))
        return write(*given, **more)

    monkeypatch.setattr(run, "write_fit", count_and_write)
    freq = np.geomspace(1.0, 1e5, 30)
    Z = 10 + 1 / (1e-3 + 2j * np.pi * freq * 1e-6)
    Z *= 1 + 1e-3 * np.random.default_rng(0).normal(size=(2, 30)).T @ [1, 1j]
    write_spectra_csv(tmp_path / "a.csv", [Spectrum(freq, Z)])
    spec = Spec(entries=(Entry("spectra", tmp_path / "a.csv", {}),), device="rc", starts=4)
    with drawing_apart():
        begin_drawing()
        outcome = run.run_study(spec, tmp_path / "fit")
    drawn = len(list((tmp_path / "fit").glob("*.svg")))
    assert outcome.ok and drawn > 1
    assert ahead == [drawn] and len(asked) == drawn


def test_a_figure_that_it_cannot_draw_is_left_to_this_process(process, tmp_path):
    assert process.take(process.ask(figure(colour="no such colour"), ("png",))) is None
    # It draws the next one all the same.
    assert process.take(process.ask(figure(), ("png",))) is not None
    with drawing_apart():
        begin_drawing()
        saved = plots.save_all({"odd": lambda: figure(colour="no such colour")}, tmp_path)
    assert "could not be drawn (ValueError" in saved.problems[0]


def test_if_it_is_killed_the_figure_is_drawn_here(tmp_path):
    with drawing_apart():
        begin_drawing()
        drawing_process._current[0]._process.kill()
        assert plots.save(figure(), tmp_path, "power").startswith("<svg")


def test_arrays_of_jax_are_told_as_arrays_of_numpy():
    X_jax = jnp.asarray(X)
    told = pickled({"x": X_jax, "again": [X_jax, "jax"]})
    assert b"jax._src" not in told
    found = pickle.loads(told)
    assert type(found["x"]) is np.ndarray and found["again"][1] == "jax"
    np.testing.assert_array_equal(found["again"][0], X)


def test_it_does_not_import_jax():
    code = (
        "import io, pickle, sys\n"
        f"sys.path[:] = {sys.path!r}\n"
        "from jaxmem.plots import drawing_process\n"
        "assert 'numpy' not in sys.modules, 'the command line imports this module'\n"
        "import numpy as np\n"
        "from jaxmem import plots\n"
        "panel = plots.Panel([plots.Curve(np.arange(3.0), np.arange(3.0))], plots.PlotAxis('x'))\n"
        "asked = pickle.dumps((plots.Figure([[panel]], (3.0, 2.0)), ('png',)))\n"
        "out = io.TextIOWrapper(io.BytesIO())\n"
        "sys.stdin, sys.stdout = io.TextIOWrapper(io.BytesIO(asked)), out\n"
        "drawing_process.draw_what_comes()\n"
        "assert pickle.loads(out.buffer.getvalue())['png'].startswith(b'\\x89PNG')\n"
        "assert 'jax' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-P", "-c", code], check=True, timeout=120)
